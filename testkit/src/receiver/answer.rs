//! How a receiver answers: rules for requests, and what products would say.

use std::time::Duration;

use super::Received;

/// How requests are answered by a rule.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// With the code; the request is taken if it is a 2xx.
    Status(u16),
    /// With the code, and `Retry-After` in seconds.
    RetryAfter(u16, u64),
    /// With 200 and a body that is nothing.
    Garbage,
    /// With 200, but only after this time.
    Delay(Duration),
    /// Never.
    Hang,
    /// The connection is closed instead; the request is not taken.
    Cut,
    /// The request is taken, and the connection closed in the middle of the answer.
    CutWithin,
    /// With the code and a body; the request is taken if it is a 2xx.
    Says(u16, &'static str),
    /// As a product would, whose rules this function knows.
    By(fn(&Received) -> Reply),
}

impl Answer {
    /// Whether the request is taken whatever it is; [`Answer::By`] has to look at it.
    pub(super) fn accepts(self) -> bool {
        match self {
            Self::Status(code) | Self::RetryAfter(code, _) | Self::Says(code, _) => (200..300).contains(&code),
            Self::Garbage | Self::Delay(_) | Self::CutWithin => true,
            Self::Hang | Self::Cut | Self::By(_) => false,
        }
    }
}

/// What a product answers.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The code.
    pub status: u16,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u64>,
    /// A further header, its name in lower case.
    pub header: Option<(&'static str, &'static str)>,
    /// The body.
    pub body: String,
    /// Whether the request is taken.
    pub accepted: bool,
}

/// A rule for some requests; by default for all.
#[derive(Clone, Debug)]
pub struct Rule {
    contains: Option<String>,
    pub(super) times: Option<u64>,
    pub(super) answer: Answer,
}

impl Rule {
    /// All requests are answered so.
    pub fn new(answer: Answer) -> Self {
        Self { contains: None, times: None, answer }
    }

    /// Only requests whose body contains the text.
    #[must_use]
    pub fn containing(mut self, text: &str) -> Self {
        self.contains = Some(text.to_owned());
        self
    }

    /// Only the first `times` requests.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Whether it answers a request with this body.
    pub(super) fn fits(&self, body: &[u8]) -> bool {
        self.times != Some(0)
            && self.contains.as_ref().is_none_or(|text| body.windows(text.len().max(1)).any(|window| window == text.as_bytes()))
    }
}
