//! What a receiver answered.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::{RequestBuilder, StatusCode};

use super::{no_answer, refusal, retry_after};
use crate::sink::SendError;

/// How much of an answer is read for its reason.
pub(crate) const REASON: usize = 4_096;
/// How much of a reason is told.
const TOLD: usize = 300;

/// An answer, the beginning of its body read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// `Retry-After`.
    pub(crate) after: Option<Duration>,
    pub(crate) body: Bytes,
}

impl Answer {
    /// Sends a request and reads at most `limit` bytes of the answer, so that the connection can be used again.
    pub(crate) async fn to(request: RequestBuilder, shown: &str, limit: usize) -> Result<Self, SendError> {
        let mut response = request.send().await.map_err(|error| no_answer(&error.without_url(), shown))?;
        let (status, after) = (response.status(), retry_after(response.headers(), Timestamp::now()));
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk[..chunk.len().min(limit - body.len())]),
                Ok(None) => break,
                // Where only a reason is wanted the status has decided already.
                Err(_) if limit <= REASON => break,
                Err(error) => return Err(no_answer(&error.without_url(), shown)),
            }
            if body.len() >= limit {
                break;
            }
        }
        Ok(Self { status, after, body: body.into() })
    }

    /// Takes 2xx for acceptance and anything else for what [`refusal`] says.
    pub(crate) fn accepted(&self, shown: &str) -> Result<(), SendError> {
        if self.status.is_success() { Ok(()) } else { Err(refusal(self.status, self.after, &self.said(), shown)) }
    }

    /// The beginning of what it said, fit for a log line.
    pub(crate) fn said(&self) -> String {
        one_line(&String::from_utf8_lossy(&self.body))
    }
}

/// A text shortened to one line that a log can take.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TOLD).collect::<String>().trim().to_owned()
}
