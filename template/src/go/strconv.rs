//! Go's `strconv`: numbers and quoted strings to text and back, with Go's forms and Go's error texts.
//!
//! In: bytes or numbers. Out: text, or a [`NumError`] whose text is Go's. Never panics and never allocates more than a small multiple of its
//! input or of the precision asked for.

mod float;
mod integer;
mod parse_float;
mod quote;

pub use float::format_float;
pub use integer::{atoi, format_int, parse_int, parse_uint};
pub use parse_float::parse_float;
pub use quote::{quote, quote_rune, unquote, unquote_char};

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumErrorKind {
    /// Not of the syntax.
    Syntax,
    /// A number, but too large for the type.
    Range,
}

/// Go's `*strconv.NumError`; prints as Go does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumError {
    /// The function's name, such as `ParseInt`.
    pub function: &'static str,
    /// What was to be read.
    pub input: Vec<u8>,
    /// Why it was not.
    pub kind: NumErrorKind,
}

impl NumError {
    fn new(function: &'static str, input: &[u8], kind: NumErrorKind) -> Self {
        Self { function, input: input.to_vec(), kind }
    }
}

impl std::fmt::Display for NumError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let why = match self.kind {
            NumErrorKind::Syntax => "invalid syntax",
            NumErrorKind::Range => "value out of range",
        };
        write!(f, "strconv.{}: parsing {}: {why}", self.function, quote(&self.input, b'"', false))
    }
}

impl std::error::Error for NumError {}

/// Reads a boolean as Go's `ParseBool` does.
///
/// # Errors
/// The text is none of the twelve that Go knows.
pub fn parse_bool(text: &[u8]) -> Result<bool, NumError> {
    match text {
        b"1" | b"t" | b"T" | b"TRUE" | b"true" | b"True" => Ok(true),
        b"0" | b"f" | b"F" | b"FALSE" | b"false" | b"False" => Ok(false),
        _ => Err(NumError::new("ParseBool", text, NumErrorKind::Syntax)),
    }
}

/// Tells whether underscores stand only between digits, or between the base prefix and a digit.
fn underscores_fit(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").or_else(|| text.strip_prefix(b"+")).unwrap_or(text);
    let prefix = text.first() == Some(&b'0') && text.get(1).is_some_and(|c| matches!(c.to_ascii_lowercase(), b'b' | b'o' | b'x'));
    let hex = prefix && text.get(1).is_some_and(|c| c.eq_ignore_ascii_case(&b'x'));
    let (mut digit_before, mut underscore_before) = (prefix, false);
    for c in &text[if prefix { 2 } else { 0 }..] {
        if c.is_ascii_digit() || hex && c.is_ascii_hexdigit() {
            (digit_before, underscore_before) = (true, false);
        } else if *c == b'_' {
            if !digit_before {
                return false;
            }
            (digit_before, underscore_before) = (false, true);
        } else {
            if underscore_before {
                return false;
            }
            digit_before = false;
        }
    }
    !underscore_before
}
