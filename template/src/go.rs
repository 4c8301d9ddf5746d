//! The pieces of Go's standard library that templates can see, as plain functions over bytes, text and numbers.
//!
//! Nothing here knows the engine's values, reads a clock, the environment or a file, or panics: whoever calls converts and decides.
//! Go's strings are bytes and may be invalid UTF-8, hence `&[u8]` wherever Go would look at bytes.

pub mod decimal;
pub mod duration;
pub mod encoding;
pub mod path;
pub mod regexp;
pub mod semver;
pub mod strconv;
pub mod strings;
pub mod time;
pub mod unicode;
pub mod url;
pub mod words;
