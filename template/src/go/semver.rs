//! Semantic versions and constraints on them as Masterminds' `semver` 3.2 reads them.
//!
//! In: `v1.2`, `>=1.2, <2 || ~3.x`. Out: a version, a comparison, whether a version fits, or that library's error text. More lenient than the
//! semantic versioning specification where the library is: parts may be missing, a `v` may lead.

mod constraint;

use std::{cmp::Ordering, fmt};

pub use constraint::Constraints;

use super::strconv::parse_uint;

/// A version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// The first number.
    pub major: u64,
    /// The second number.
    pub minor: u64,
    /// The third number.
    pub patch: u64,
    /// What follows the hyphen.
    pub prerelease: String,
    /// What follows the plus sign.
    pub metadata: String,
    /// The text that the version was read from.
    pub original: String,
}

/// Takes digits off the start.
fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len())
}

impl Version {
    /// Reads a version; minor and patch may be missing.
    ///
    /// # Errors
    /// The library's text, such as `Invalid Semantic Version`.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let invalid = || "Invalid Semantic Version".to_owned();
        let original = std::str::from_utf8(text).map_err(|_| invalid())?;
        let (major, mut rest) = digits(original.strip_prefix('v').unwrap_or(original));
        if major.is_empty() {
            return Err(invalid());
        }
        let mut numbers = [major, "0", "0"];
        for number in &mut numbers[1..] {
            let Some(after) = rest.strip_prefix('.') else { break };
            let (found, after) = digits(after);
            if found.is_empty() {
                return Err(invalid());
            }
            (*number, rest) = (found, after);
        }
        let (before, metadata) = rest.split_once('+').map_or((rest, None), |(before, metadata)| (before, Some(metadata)));
        let prerelease = match before.strip_prefix('-') {
            Some(prerelease) => Some(prerelease),
            None if before.is_empty() => None,
            None => return Err(invalid()),
        };
        if ![prerelease, metadata].into_iter().flatten().all(is_identifiers) {
            return Err(invalid());
        }
        let number = |text: &str| parse_uint(text.as_bytes(), 10, 64).map_err(|error| format!("Error parsing version segment: {error}"));
        let version = Self {
            major: number(numbers[0])?,
            minor: number(numbers[1])?,
            patch: number(numbers[2])?,
            prerelease: prerelease.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: original.to_owned(),
        };
        let numeric = |part: &str| part.bytes().all(|c| c.is_ascii_digit());
        if version.prerelease.split('.').any(|part| part.len() > 1 && part.starts_with('0') && numeric(part)) {
            return Err("Version segment starts with 0".to_owned());
        }
        Ok(version)
    }

    /// Compares; metadata does not count, and a prerelease comes before its release.
    #[must_use]
    pub fn compare(&self, other: &Self) -> Ordering {
        let numbers = |version: &Self| (version.major, version.minor, version.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| match (self.prerelease.as_str(), other.prerelease.as_str()) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (mine, theirs) => compare_prereleases(mine, theirs),
        })
    }

    /// Gives the next major version.
    #[must_use]
    pub fn next_major(&self) -> Self {
        self.next(self.major.wrapping_add(1), 0, 0)
    }

    /// Gives the next minor version.
    #[must_use]
    pub fn next_minor(&self) -> Self {
        self.next(self.major, self.minor.wrapping_add(1), 0)
    }

    /// Gives the next patch; that of a prerelease is its release.
    #[must_use]
    pub fn next_patch(&self) -> Self {
        let patch = if self.prerelease.is_empty() { self.patch.wrapping_add(1) } else { self.patch };
        self.next(self.major, self.minor, patch)
    }

    fn next(&self, major: u64, minor: u64, patch: u64) -> Self {
        self.renamed(Self { major, minor, patch, ..Self::default() })
    }

    /// Gives the version with another prerelease.
    ///
    /// # Errors
    /// The library's text for what is no prerelease.
    pub fn with_prerelease(&self, prerelease: &str) -> Result<Self, String> {
        for part in prerelease.split('.').filter(|_| !prerelease.is_empty()) {
            if part.bytes().all(|c| c.is_ascii_digit()) {
                if part.len() > 1 && part.starts_with('0') {
                    return Err("Version segment starts with 0".to_owned());
                }
            } else if !is_identifier(part) {
                return Err("Invalid Prerelease string".to_owned());
            }
        }
        Ok(self.renamed(Self { prerelease: prerelease.to_owned(), ..self.clone() }))
    }

    /// Gives the version with other metadata.
    ///
    /// # Errors
    /// The library's text for what is no metadata.
    pub fn with_metadata(&self, metadata: &str) -> Result<Self, String> {
        if !metadata.split('.').all(is_identifier) {
            return Err("Invalid Metadata string".to_owned());
        }
        Ok(self.renamed(Self { metadata: metadata.to_owned(), ..self.clone() }))
    }

    /// Gives the version a text of its own, with the `v` of this one.
    fn renamed(&self, version: Self) -> Self {
        let prefix = if self.original.starts_with('v') { "v" } else { "" };
        Self { original: format!("{prefix}{version}"), ..version }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        for (sign, part) in [('-', &self.prerelease), ('+', &self.metadata)] {
            if !part.is_empty() {
                write!(f, "{sign}{part}")?;
            }
        }
        Ok(())
    }
}

/// Letters, digits and hyphens only; maybe nothing.
fn is_identifier(text: &str) -> bool {
    text.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-')
}

/// Identifiers with dots between them.
fn is_identifiers(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && is_identifier(part))
}

fn compare_prereleases(mine: &str, theirs: &str) -> Ordering {
    let (mut mine, mut theirs) = (mine.split('.'), theirs.split('.'));
    loop {
        let order = match (mine.next(), theirs.next()) {
            (None, None) => return Ordering::Equal,
            (mine, theirs) => compare_parts(mine.unwrap_or_default(), theirs.unwrap_or_default()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Numbers by their value, before words; words by their bytes.
fn compare_parts(mine: &str, theirs: &str) -> Ordering {
    if mine == theirs || mine.is_empty() || theirs.is_empty() {
        return mine.cmp(theirs);
    }
    let number = |text: &str| parse_uint(text.as_bytes(), 10, 64).ok();
    match (number(mine), number(theirs)) {
        (None, None) => mine.cmp(theirs),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        // Different texts of one number are not equal to the library.
        (Some(mine), Some(theirs)) => {
            if mine > theirs {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn versions_may_be_short() {
        for (text, want) in
            [("v1", "1.0.0"), ("1.2", "1.2.0"), ("1.2.3-beta.1+b5", "1.2.3-beta.1+b5"), ("01.2.3", "1.2.3"), ("1-a", "1.0.0-a")]
        {
            assert_eq!(version(text).to_string(), want);
        }
        for (text, want) in [
            ("", "Invalid Semantic Version"),
            ("not-a-version", "Invalid Semantic Version"),
            ("1.2.3.4", "Invalid Semantic Version"),
            ("1.", "Invalid Semantic Version"),
            ("1.2.3-", "Invalid Semantic Version"),
            ("1.2.3-a..b", "Invalid Semantic Version"),
            ("V1", "Invalid Semantic Version"),
            ("1.2.3-01", "Version segment starts with 0"),
            (
                "99999999999999999999",
                r#"Error parsing version segment: strconv.ParseUint: parsing "99999999999999999999": value out of range"#,
            ),
        ] {
            assert_eq!(Version::parse(text.as_bytes()).unwrap_err(), want, "{text}");
        }
    }

    #[test]
    fn order_follows_the_specification() {
        let sorted = ["1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta", "1.0.0", "1.0.1", "1.10.0", "2.0.0"];
        for pair in sorted.windows(2) {
            assert_eq!(version(pair[0]).compare(&version(pair[1])), Ordering::Less, "{pair:?}");
        }
        assert_eq!(version("1.0.0+a").compare(&version("1+b")), Ordering::Equal);
    }

    #[test]
    fn the_next_version_keeps_its_v() {
        assert_eq!(version("v1.2.3-rc1+m").next_patch().original, "v1.2.3");
        assert_eq!(version("1.2.3").next_minor().to_string(), "1.3.0");
        assert_eq!(version("1.2.3").next_major().to_string(), "2.0.0");
        assert_eq!(version("1.2.3").with_prerelease("rc.1").unwrap().to_string(), "1.2.3-rc.1");
        assert_eq!(version("1.2.3").with_prerelease("r_c").unwrap_err(), "Invalid Prerelease string");
    }
}
