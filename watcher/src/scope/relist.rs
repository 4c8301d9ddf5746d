//! Lists of a scope: the first of a fresh install, and those after history was compacted or went back.

use herald_common::{
    bus::{Change, inspect::From},
    event::Event,
    gap::{Gap, Reason},
};
use jiff::Timestamp;
use tokio_util::task::AbortOnDropHandle;

use super::{Scope, Stopped};
use crate::{
    checkpoint::{is_later, number},
    loss::{Newer, missing},
    watch::{ApiError, Page},
};

/// What of a list is published, beside what was published before.
enum Wanted {
    /// What is not older.
    NotOlder(Timestamp),
    /// What is later than a version.
    Later(String),
    /// Everything.
    All,
}

impl Scope {
    /// Lists what is not older than `oldest`; the position is the list's afterwards.
    pub(super) async fn first_list(&mut self, oldest: Timestamp) -> Result<(), Stopped> {
        self.list(&Wanted::NotOlder(oldest)).await.map(drop)
    }

    /// Lists what the position does not cover, and says so when something may be missing.
    pub(super) async fn catch_up(&mut self, reason: Reason) -> Result<(), Stopped> {
        let (from, mut before) = (self.position.clone(), self.flow.before());
        let wanted = if reason == Reason::Restored { Wanted::All } else { Wanted::Later(from.clone()) };
        if number(&from).is_none() {
            // Nothing tells which versions are later, so what was published has to; nor which were known before.
            before.published = None;
            self.read_back(From::Beginning).await?;
        }
        let newer = self.list(&wanted).await?;
        let message = match reason {
            Reason::Restored => Some(
                "the API server's versions went back (restored from a backup, or replaced): events since the backup may be missing".into(),
            ),
            _ => missing(newer, before, Timestamp::now()),
        };
        let Some(message) = message else {
            tracing::info!(scope = self.name, newer = newer.events, position = self.position, "listed, nothing is missing");
            return Ok(());
        };
        tracing::warn!(scope = self.name, from, to = self.position, newer = newer.events, "some events may have been lost: {message}");
        let gap = Gap {
            subject: self.context.config.cluster_name.clone(),
            reason,
            noticed: Timestamp::now(),
            message,
            source: self.name.clone(),
            from,
            to: self.position.clone(),
        };
        self.flow.say(gap).await
    }

    /// Publishes the wanted events of a list, page by page while the next page is read. An expired page token begins the list again.
    async fn list(&mut self, wanted: &Wanted) -> Result<Newer, Stopped> {
        let mut newer = Newer::default();
        let mut token: Option<String> = None;
        let mut ahead: Option<AbortOnDropHandle<Result<Page, ApiError>>> = None;
        loop {
            let answer = match ahead.take() {
                Some(page) => match self.flow.during(page).await? {
                    Ok(answer) => answer,
                    Err(error) => Err(ApiError::Failed { reason: error.to_string(), retry_after: None }),
                },
                None => {
                    let api = self.api.clone();
                    self.flow.during(api.page(token.as_deref())).await?
                }
            };
            let page = match answer {
                Ok(page) => page,
                Err(error) => {
                    if let ApiError::Expired(reason) = &error {
                        tracing::info!(scope = self.name, reason, "the list expired before its end, beginning again");
                        token = None;
                    }
                    self.failed("list", &error).await?;
                    continue;
                }
            };
            self.backoff.reset();
            token = page.next;
            if let Some(token) = token.clone() {
                let api = self.api.clone();
                ahead = Some(AbortOnDropHandle::new(tokio::spawn(async move { api.page(Some(&token)).await })));
            }
            for item in page.items {
                match item {
                    Ok(event) => self.take_listed(&event, wanted, &mut newer).await?,
                    Err(unreadable) => self.unreadable(&unreadable).await?,
                }
            }
            if token.is_none() {
                self.condition.met();
                self.reach(page.resource_version);
                self.flow.observed();
                // A crash from here on goes on watching instead of listing again, and so misses no version in between.
                self.flow.settle().await?;
                return Ok(newer);
            }
        }
    }

    async fn take_listed(&mut self, event: &Event, wanted: &Wanted, newer: &mut Newer) -> Result<(), Stopped> {
        let identity = self.flow.identity(event);
        if self.is_excluded(event) {
            return Ok(());
        }
        let is_known = |position: &str| is_later(&event.metadata.resource_version, position) == Some(false);
        newer.known += u64::from(matches!(wanted, Wanted::Later(position) if is_known(position)));
        if self.seen.contains(&identity) {
            return Ok(());
        }
        match wanted {
            Wanted::NotOlder(oldest) if event.happened().is_some_and(|happened| happened < *oldest) => {
                self.context.metrics.events_discarded.inc();
                // The list may begin again, and it shall be counted once.
                self.seen.insert(&identity);
                return Ok(());
            }
            Wanted::Later(position) if is_known(position) => return Ok(()),
            _ => {}
        }
        self.flow.publish(event, Change::Listed, None).await?;
        self.seen.insert(&identity);
        newer.count(event);
        Ok(())
    }
}
