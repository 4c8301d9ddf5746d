//! A Go string: bytes, usually but not always UTF-8, borrowed or shared.
//!
//! In: `&str`, `String`, byte slices. Out: bytes. Cloning copies no bytes.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

/// The bytes of a Go string.
#[derive(Clone)]
pub struct Str<'a>(Repr<'a>);

#[derive(Clone)]
enum Repr<'a> {
    Borrowed(&'a [u8]),
    Shared(Rc<[u8]>),
}

impl<'a> Str<'a> {
    /// Copies the bytes unless they are shared already.
    pub fn to_shared<'b>(&self) -> Str<'b> {
        Str(Repr::Shared(match &self.0 {
            Repr::Borrowed(bytes) => Rc::from(*bytes),
            Repr::Shared(bytes) => Rc::clone(bytes),
        }))
    }

    /// Tells whether the bytes were made while rendering.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.0, Repr::Shared(_))
    }

    /// The text, with what is not UTF-8 replaced.
    pub fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self)
    }

    /// A part of the string; empty where the range does not exist. Copies only what is shared.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> Str<'a> {
        match &self.0 {
            Repr::Borrowed(bytes) => Str(Repr::Borrowed(bytes.get(start..end).unwrap_or_default())),
            Repr::Shared(bytes) if start == 0 && end == bytes.len() => self.clone(),
            Repr::Shared(bytes) => Str(Repr::Shared(Rc::from(bytes.get(start..end).unwrap_or_default()))),
        }
    }
}

impl Default for Str<'_> {
    fn default() -> Self {
        Self(Repr::Borrowed(b""))
    }
}

impl Deref for Str<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Borrowed(bytes) => bytes,
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for Str<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Str<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Str<'_> {}

impl PartialOrd for Str<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Str<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl std::borrow::Borrow<[u8]> for Str<'_> {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Str<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_text())
    }
}

impl<'a> From<&'a str> for Str<'a> {
    fn from(text: &'a str) -> Self {
        Self(Repr::Borrowed(text.as_bytes()))
    }
}

impl<'a> From<&'a String> for Str<'a> {
    fn from(text: &'a String) -> Self {
        Self(Repr::Borrowed(text.as_bytes()))
    }
}

impl<'a> From<&'a [u8]> for Str<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Repr::Borrowed(bytes))
    }
}

impl From<String> for Str<'_> {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<Vec<u8>> for Str<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Repr::Shared(bytes.into()))
    }
}

impl<'a> From<Cow<'a, str>> for Str<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl<'a> From<Cow<'a, [u8]>> for Str<'a> {
    fn from(bytes: Cow<'a, [u8]>) -> Self {
        match bytes {
            Cow::Borrowed(bytes) => bytes.into(),
            Cow::Owned(bytes) => bytes.into(),
        }
    }
}
