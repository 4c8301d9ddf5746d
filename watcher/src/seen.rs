//! Which event versions were published already, as a compact set.
//!
//! In go identities, kept as 128-bit hashes: 16 bytes each, and two different ones never meet in practice. The set is needed from a start or a list until
//! the watch has passed the highest version in it; then it empties itself.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use crate::checkpoint::number;

/// Identities published already.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    hashes: HashSet<u128>,
    highest: u64,
    /// Some version is not a number, so nothing tells when the watch has passed it.
    unordered: bool,
}

impl Seen {
    /// Adds an identity, `<cluster>/<uid>/<resourceVersion>`.
    pub(crate) fn insert(&mut self, identity: &str) {
        match number(identity.rsplit('/').next().unwrap_or_default()) {
            Some(version) => self.highest = self.highest.max(version),
            None => self.unordered = true,
        }
        self.hashes.insert(hash(identity));
    }

    /// Tells whether an identity is in the set.
    pub(crate) fn contains(&self, identity: &str) -> bool {
        !self.hashes.is_empty() && self.hashes.contains(&hash(identity))
    }

    /// The watch has reached a version: beyond the highest one the set is of no more use.
    pub(crate) fn passed(&mut self, resource_version: &str) {
        let beyond = number(resource_version).is_some_and(|version| version > self.highest);
        if beyond && !self.unordered && !self.hashes.is_empty() {
            *self = Self::default();
        }
    }
}

fn hash(identity: &str) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, identity).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_empties_itself_once_the_watch_is_beyond_it() {
        let mut seen = Seen::default();
        seen.insert("c/a/7");
        seen.insert("c/b/9");
        seen.passed("9");
        assert!(seen.contains("c/a/7") && seen.contains("c/b/9") && !seen.contains("c/a/8"));
        seen.passed("10");
        assert!(!seen.contains("c/a/7") && !seen.contains("c/b/9"));
    }

    #[test]
    fn versions_that_are_no_numbers_are_kept() {
        let mut seen = Seen::default();
        seen.insert("c/a/x7");
        seen.passed("10");
        assert!(seen.contains("c/a/x7"));
    }
}
