//! Which objects this replica remembers: the last ones used, by UID and resourceVersion.
//!
//! A changed object has another resourceVersion and is looked up again. A reference that lacks either is nobody's key and is never remembered, or unrelated
//! objects would share labels; nor is one that is longer than any cluster makes it, since whoever writes events chooses it. Pure.

use std::{num::NonZeroUsize, sync::Arc};

use herald_common::event::{ObjectMetadata, ObjectReference};
use lru::LruCache;

/// UIDs have 36 characters and resourceVersions 20; a node's UID may be its name, which has 253 at most.
const LONGEST_KEY: usize = 300;

/// The objects of this replica.
pub struct Cache {
    objects: LruCache<String, Arc<ObjectMetadata>>,
    /// Where keys are composed, so that asking allocates nothing.
    key: String,
}

/// The key of a reference; `None` when it must not be remembered.
pub(crate) fn key(reference: &ObjectReference) -> Option<String> {
    let mut key = String::new();
    compose(reference, &mut key).then_some(key)
}

fn compose(reference: &ObjectReference, key: &mut String) -> bool {
    key.clear();
    let (uid, version) = (&reference.uid, &reference.resource_version);
    let complete = !uid.is_empty() && !version.is_empty() && uid.len() + version.len() < LONGEST_KEY;
    if complete {
        for part in [uid.as_str(), "/", version] {
            key.push_str(part);
        }
    }
    complete
}

impl Cache {
    /// Makes a cache of so many objects, at least one.
    pub fn new(size: usize) -> Self {
        Self { objects: LruCache::new(NonZeroUsize::new(size).unwrap_or(NonZeroUsize::MIN)), key: String::new() }
    }

    /// What is remembered of the object.
    pub fn get(&mut self, reference: &ObjectReference) -> Option<Arc<ObjectMetadata>> {
        if compose(reference, &mut self.key) { self.objects.get(self.key.as_str()).cloned() } else { None }
    }

    /// Remembers the object, unless its reference is incomplete.
    pub fn put(&mut self, reference: &ObjectReference, metadata: Arc<ObjectMetadata>) {
        if let Some(key) = key(reference) {
            self.objects.put(key, metadata);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(uid: &str, version: &str) -> ObjectReference {
        ObjectReference { uid: uid.into(), resource_version: version.into(), ..ObjectReference::default() }
    }

    #[test]
    fn a_version_is_an_object_of_its_own() {
        let mut cache = Cache::new(8);
        cache.put(&reference("u", "1"), Arc::new(ObjectMetadata { deleted: true, ..ObjectMetadata::default() }));
        assert!(cache.get(&reference("u", "1")).is_some_and(|found| found.deleted));
        assert!(cache.get(&reference("u", "2")).is_none());
    }

    #[test]
    fn incomplete_and_made_up_references_are_never_remembered() {
        let mut cache = Cache::new(8);
        let long = "x".repeat(LONGEST_KEY);
        for wrong in [reference("", "1"), reference("u", ""), reference("", ""), reference(&long, "1"), reference("u", &long)] {
            cache.put(&wrong, Arc::default());
            assert!(cache.get(&wrong).is_none());
        }
    }

    #[test]
    fn the_one_used_longest_ago_makes_room() {
        let mut cache = Cache::new(2);
        cache.put(&reference("a", "1"), Arc::default());
        cache.put(&reference("b", "1"), Arc::default());
        cache.get(&reference("a", "1"));
        cache.put(&reference("c", "1"), Arc::default());
        assert!(cache.get(&reference("a", "1")).is_some());
        assert!(cache.get(&reference("b", "1")).is_none());
    }
}
