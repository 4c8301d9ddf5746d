//! Compressing the body of a request, for receivers that take many events at once.

use std::io::Write as _;

use flate2::{Compression as Level, write::GzEncoder};
use reqwest::header::HeaderValue;
use schemars::JsonSchema;
use serde::Deserialize;

/// How a body is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compression {
    /// gzip, where the body is large enough to gain by it.
    #[default]
    Gzip,
    /// Not at all.
    None,
}

/// Bodies below this gain nothing.
const WORTH_IT: usize = 4_096;

impl Compression {
    /// Returns the body and the `Content-Encoding` to say of it.
    pub(crate) fn apply(self, body: Vec<u8>) -> (Option<HeaderValue>, Vec<u8>) {
        if self == Self::None || body.len() < WORTH_IT {
            return (None, body);
        }
        let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Level::fast());
        match encoder.write_all(&body).and_then(|()| encoder.finish()) {
            Ok(smaller) => (Some(HeaderValue::from_static("gzip")), smaller),
            // Writing into memory has no reason to fail; uncompressed is right too.
            Err(_) => (None, body),
        }
    }
}
