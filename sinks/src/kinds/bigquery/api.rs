//! What is asked of BigQuery: jobs and data sets.
//!
//! In goes a job's name with its rows; it is asked for until the job has ended, whoever began it.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lru::LruCache;
use reqwest::{StatusCode, header::CONTENT_TYPE};

use super::job::{End, Fault, Job, Target};
use crate::{
    gcp::{self, Google},
    http::{Address, Answer},
    retry::pause,
    sink::{SendError, encoded},
};

/// Batches whose failed jobs are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(64).expect("not 0");
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// Largest answer read: a job with what is wrong with its rows.
const ANSWER: usize = 4 << 20;

pub(super) struct Api {
    google: Google,
    upload: Address,
    jobs: Address,
    datasets: Address,
    pub(super) target: Target,
    /// How many jobs of a batch failed for no fault of its rows; a failed job's name cannot be used again.
    failed: Mutex<LruCache<String, u32>>,
}

impl Api {
    pub(super) fn new(google: Google, target: Target) -> Self {
        let project = google.base.below(&["bigquery", "v2", "projects", &target.project]);
        let upload = google.base.below(&["upload", "bigquery", "v2", "projects", &target.project, "jobs"]);
        Self {
            upload: upload.with_query(&[("uploadType", "multipart")]),
            jobs: project.below(&["jobs"]),
            datasets: project.below(&["datasets"]),
            google,
            target,
            failed: Mutex::new(LruCache::new(REMEMBERED)),
        }
    }

    /// Looks for the data set, and makes it when it is not there.
    pub(super) async fn check(&self) -> Result<(), SendError> {
        let dataset = self.datasets.below(&[&self.target.dataset]);
        let answer = self.google.call(dataset.get(), dataset.shown(), ANSWER).await?;
        match answer.status {
            StatusCode::NOT_FOUND => self.create_dataset().await,
            // Who may load need not be allowed to look.
            StatusCode::FORBIDDEN => Ok(()),
            _ => gcp::accepted(&answer, dataset.shown()),
        }
    }

    /// Loads rows by one job: all of them, or none because of what is said.
    pub(super) async fn load(&self, name: &str, rows: &[&[u8]]) -> Result<Result<(), Vec<Fault>>, SendError> {
        loop {
            let failures = self.failed().get(name).copied().unwrap_or_default();
            let job = format!("{name}_{failures}");
            let mut answer = self.insert(&job, rows).await?;
            if answer.status == StatusCode::NOT_FOUND {
                self.create_dataset().await?;
                answer = self.insert(&job, rows).await?;
            }
            // Begun before, by an attempt whose answer was lost.
            let is_known = answer.status == StatusCode::CONFLICT;
            if !is_known {
                accepted(&answer, &self.upload)?;
            }
            match self.ended(&job, (!is_known).then_some(answer)).await? {
                End::Loaded => return Ok(Ok(())),
                End::BadRows(faults) => return Ok(Err(faults)),
                End::Failed(fault) => {
                    self.failed().put(name.to_owned(), failures + 1);
                    if fault.reason == "notFound" {
                        self.create_dataset().await?;
                    }
                    if !is_known {
                        return Err(SendError::outage(format!("{}: the load job failed: {}", self.upload.shown(), fault.said())));
                    }
                }
            }
        }
    }

    async fn insert(&self, job: &str, rows: &[&[u8]]) -> Result<Answer, SendError> {
        let (content_type, body) = encoded(self.target.upload(job, rows)).map_err(SendError::Refused)?;
        let request = self.upload.post().header(CONTENT_TYPE, content_type).body(body);
        self.google.call(request, self.upload.shown(), ANSWER).await
    }

    /// Asks for a job until it has ended; `answer` shows it already where it was just begun.
    async fn ended(&self, job: &str, mut answer: Option<Answer>) -> Result<End, SendError> {
        let address = self.jobs.below(&[job]).with_query(&[("location", &self.target.location)]);
        for asked in 0.. {
            let shown = match answer.take() {
                Some(answer) => answer,
                None => self.google.call(address.get(), address.shown(), ANSWER).await?,
            };
            accepted(&shown, &address)?;
            let job: Job = serde_json::from_slice(&shown.body)
                .map_err(|error| SendError::outage(format!("{} answered what is no job: {error}: {}", address.shown(), shown.said())))?;
            if let Some(end) = job.end() {
                return Ok(end);
            }
            tokio::time::sleep(pause(asked, FIRST_PAUSE, LONGEST_PAUSE)).await;
        }
        Err(SendError::outage(format!("{}: the load job does not end", address.shown())))
    }

    /// Makes the data set, unless another has made it meanwhile.
    async fn create_dataset(&self) -> Result<(), SendError> {
        let request = self.datasets.post().json(&self.target.new_dataset());
        let answer = self.google.call(request, self.datasets.shown(), ANSWER).await?;
        if answer.status == StatusCode::CONFLICT { Ok(()) } else { accepted(&answer, &self.datasets) }
    }

    /// The guarded values are plain data, good even after a panic elsewhere.
    fn failed(&self) -> MutexGuard<'_, LruCache<String, u32>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes 2xx for acceptance. A request's 400 says nothing of rows, which a job looks at later: it is the configuration's fault and waited for.
fn accepted(answer: &Answer, address: &Address) -> Result<(), SendError> {
    gcp::accepted(answer, address.shown()).map_err(|error| match error {
        SendError::Refused(refusal) if answer.status == StatusCode::BAD_REQUEST => {
            SendError::outage(format!("{}; check the receiver's project, dataset, table and location", refusal.reason))
        }
        other => other,
    })
}
