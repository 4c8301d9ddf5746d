//! `bigquery`: rows of a table of Google BigQuery (REST API v2, load jobs of newline-delimited JSON, multipart upload).
//!
//! A batch is a load job, which loads all of its rows or none and is asked for until it has ended. Its name is made of its events' identities, so that a batch
//! that is sent again after an answer was lost is not loaded twice: BigQuery refuses the name (409), and the job it has is looked at. Rows that a job names as
//! bad are left out of the next, and where it names none the batch is halved, until only bad rows are left: those are refused for good. Everything else that
//! ends a job is an outage: the data set, a login, a quota, BigQuery itself. The data set is made when it is not there, the table by its first job.

mod api;
mod job;
mod row;

use std::{path::PathBuf, time::Duration};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use herald_common::config::Located;
use schemars::JsonSchema;
use serde::Deserialize;

use self::{
    api::Api,
    job::{Target, bad_rows},
};
use crate::{
    gcp::{Access, Google},
    keys::Keys,
    registry::{Built, Defaults},
    render::{Body, LayoutKey},
    sink::{Item, Refusal, SendError, Sink},
    tls::Tls,
};

/// The keys of `bigquery`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Config {
    /// Where the data set is; `US` where empty.
    pub location: String,
    /// The project's id.
    pub project: String,
    /// The data set's name.
    pub dataset: String,
    /// The table's name.
    pub table: String,
    /// JSON file of the credentials; the application default credentials when it is not set.
    pub credentials_path: Option<PathBuf>,
    /// Most rows of a job; 1,000 where it is not set or 0. Herald's own `batch` goes first.
    pub batch_size: u32,
    /// Of no effect: what may pass is tried again for as long as the stream keeps the event.
    pub max_retries: u64,
    /// Seconds between the beginnings of two jobs that are not full; 10 where it is not set or 0.
    pub interval_seconds: u32,
    /// Seconds that one attempt may take; 60 where it is not set or 0. Herald's own `timeout` goes first.
    pub timeout_seconds: u32,
    /// Address of the API instead of Google's own; a plain http address is an emulator's and is sent no credentials.
    #[schemars(with = "String")]
    pub endpoint: Located<String>,
    /// TLS settings.
    pub tls: Tls,
    /// What is loaded instead of the whole event.
    layout: LayoutKey,
}

const DEFAULTS: Defaults =
    Defaults { batch: 1_000, max_batch: 100_000, max_bytes: 8 << 20, concurrency: 1, timeout: Duration::from_secs(60), summarises: false };
const INTERVAL: u32 = 10;
/// Jobs for one batch; rows that are not told apart by then are tried again later.
const MOST_JOBS: usize = 24;

struct Bigquery {
    receiver: String,
    api: Api,
    interval: Duration,
}

pub(crate) fn build(keys: &mut Keys<'_>) -> Option<Built> {
    let config: Config = keys.read();
    keys.required("project", "name the project");
    keys.required("dataset", "name the data set");
    keys.required("table", "name the table");
    let is_name = config.dataset.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    keys.require(is_name, "dataset", "expected letters, digits and _");
    keys.unused("max_retries", "what may pass is tried again for as long as the stream keeps the event, see maxAttempts for refusals");
    if keys.receiver.options.batch.is_some() {
        keys.unused("batch_size", "batch says it already");
    }
    if keys.receiver.options.timeout.is_some() {
        keys.unused("timeout_seconds", "timeout says it already");
    }
    let or = |value: u32, default: u32| Duration::from_secs(u64::from(if value == 0 { default } else { value }));
    let batch = usize::try_from(config.batch_size).ok().filter(|size| *size > 0).unwrap_or(DEFAULTS.batch);
    keys.require(batch <= DEFAULTS.max_batch, "batch_size", &format!("expected at most {}", DEFAULTS.max_batch));
    let timeout = or(config.timeout_seconds, 60);
    let access = Access {
        api: "https://bigquery.googleapis.com",
        scope: "https://www.googleapis.com/auth/bigquery",
        endpoint: &config.endpoint,
        credentials: config.credentials_path.as_deref(),
        tls: &config.tls,
        timeout,
    };
    let (google, body) = (Google::new(keys, &access), Body::new(keys, false));
    let location = if config.location.is_empty() { "US".to_owned() } else { config.location };
    let target = Target { project: config.project, dataset: config.dataset, table: config.table, location };
    let receiver = keys.receiver.name.value.clone();
    let sink = Bigquery { receiver, api: Api::new(google?, target), interval: or(config.interval_seconds, INTERVAL) };
    Some(Built { sink: Box::new(sink), defaults: Defaults { batch, timeout, ..DEFAULTS }, body })
}

impl Sink for Bigquery {
    fn check(&self) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(self.api.check())
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn preview(&self, item: &Item) -> Result<Bytes, Refusal> {
        row(item).map(Bytes::from)
    }

    fn send<'a>(&'a self, batch: &'a [Item]) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            let (mut rows, mut refused) = (Vec::new(), Vec::new());
            for (at, item) in batch.iter().enumerate() {
                match row(item) {
                    Ok(row) => rows.push(Row { at, identity: &item.identity, line: row }),
                    Err(refusal) => refused.push((at, refusal)),
                }
            }
            self.load(rows, &mut refused).await?;
            match refused.len() {
                0 => Ok(()),
                1 if batch.len() == 1 => Err(SendError::Refused(refused.remove(0).1)),
                _ => Err(SendError::Partial(refused)),
            }
        })
    }
}

/// An event of a batch as a line.
struct Row<'a> {
    at: usize,
    identity: &'a str,
    line: Vec<u8>,
}

fn row(item: &Item) -> Result<Vec<u8>, Refusal> {
    row::row(&item.body).map_err(|error| Refusal::permanent(format!("cannot be made a row: {error}")))
}

impl Bigquery {
    /// Loads what can be loaded of the rows; the others are refused.
    async fn load(&self, rows: Vec<Row<'_>>, refused: &mut Vec<(usize, Refusal)>) -> Result<(), SendError> {
        let (mut parts, mut jobs) = (vec![rows], 0);
        while let Some(mut rows) = parts.pop() {
            if rows.is_empty() {
                continue;
            }
            jobs += 1;
            let name = self.api.target.job(&self.receiver, rows.iter().map(|row| row.identity));
            let lines: Vec<&[u8]> = rows.iter().map(|row| row.line.as_slice()).collect();
            let Err(faults) = self.api.load(&name, &lines).await? else { continue };
            let lengths: Vec<usize> = lines.iter().map(|line| line.len()).collect();
            let (mut bad, said) = (bad_rows(&faults, &lengths), faults.last().map(job::Fault::said).unwrap_or_default());
            if bad.is_empty() && rows.len() == 1 {
                bad.push((0, said.clone()));
            }
            let refusal = |said: &str, permanent| Refusal { reason: format!("BigQuery refused the row: {said}"), permanent };
            refused.extend(bad.iter().map(|(row, said)| (rows[*row].at, refusal(said, true))));
            let mut places = 0..;
            rows.retain(|_| places.next().is_some_and(|place| bad.iter().all(|(row, _)| *row != place)));
            if jobs >= MOST_JOBS {
                let rest = std::mem::take(&mut parts).into_iter().flatten().chain(rows);
                refused.extend(rest.map(|row| (row.at, refusal(&said, false))));
            } else if bad.is_empty() {
                let half = rows.split_off(rows.len() / 2);
                parts.extend([half, rows]);
            } else {
                parts.push(rows);
            }
        }
        Ok(())
    }
}
