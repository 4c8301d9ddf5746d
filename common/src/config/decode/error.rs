//! What is said of a value that does not fit: what was found, what is expected, and where.
//!
//! Serde's errors know types and not places; so an error starts without a place, and says [`FOUND`] where the value is to be shown. It never shows a secret,
//! nor what a variable put in.

use std::fmt;

use serde::de;

use crate::config::{Node, Problem, problem::nearest};

/// A value that does not fit; gets its place from the innermost node it passes on its way up.
#[derive(Debug)]
pub(super) struct Error {
    message: String,
    place: Option<Problem>,
}

impl Error {
    pub(super) fn at(self, node: &Node, secret: bool) -> Problem {
        let Self { message, place } = self;
        place.unwrap_or_else(|| {
            if message.contains(FOUND) {
                let found = if secret { "a secret".to_owned() } else { node.found() };
                return node.problem(message.replace(FOUND, &found));
            }
            // What a type says of a text may repeat the text.
            let message = match message.split_once(", expected ") {
                Some((_, expected)) if secret || node.is_hidden() => {
                    format!("found {}, expected {expected}", if secret { "a secret".to_owned() } else { node.found() })
                }
                None if node.is_hidden() => "the value of a variable cannot be used here".to_owned(),
                _ => message,
            };
            node.problem(message)
        })
    }

    pub(super) fn located(self, node: &Node, secret: bool) -> Self {
        Self { message: String::new(), place: Some(self.at(node, secret)) }
    }
}

/// Stands in a message for what was found, which only the node can say.
const FOUND: &str = "$found";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(problem) => problem.fmt(f),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), place: None }
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let expected = match expected.to_string().as_str() {
            "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, 0 or above".to_owned(),
            "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
            "f32" | "f64" => "a number".to_owned(),
            "a boolean" => "true or false".to_owned(),
            "a string" => "a text".to_owned(),
            "a sequence" => "a list".to_owned(),
            other => other.to_owned(),
        };
        Self::custom(format!("found {FOUND}, expected {expected}"))
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        // A number of the right kind that the type cannot hold.
        let (least, most) = match expected.to_string().as_str() {
            "u8" => (0, i128::from(u8::MAX)),
            "u16" => (0, i128::from(u16::MAX)),
            "u32" => (0, i128::from(u32::MAX)),
            "u64" | "usize" => (0, i128::from(u64::MAX)),
            "i8" => (i128::from(i8::MIN), i128::from(i8::MAX)),
            "i16" => (i128::from(i16::MIN), i128::from(i16::MAX)),
            "i32" => (i128::from(i32::MIN), i128::from(i32::MAX)),
            "i64" | "isize" => (i128::from(i64::MIN), i128::from(i64::MAX)),
            _ => return Self::invalid_type(unexpected, expected),
        };
        Self::custom(format!("found {FOUND}, expected a whole number from {least} to {most}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let meant = nearest(variant, expected.iter().copied()).map(|name| format!(", {name} is probably meant")).unwrap_or_default();
        Self::custom(format!("found {FOUND}, expected one of {}{meant}", expected.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format!("{field} is missing, add it"))
    }
}
