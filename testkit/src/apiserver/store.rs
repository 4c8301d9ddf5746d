//! The objects of the simulated API server and what happened to them.
//!
//! In: encoded objects and their keys. Out: pages of a snapshot, and the changes after a revision, as shared bytes that are never encoded
//! twice. There is one revision for everything, as in etcd. Knows nothing of HTTP, of time or of what objects mean.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;

/// How many interrupted lists are remembered.
const SNAPSHOTS: usize = 32;

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

impl ChangeKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One change of one object.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) revision: u64,
    pub(super) kind: ChangeKind,
    /// The object's key: `namespace/name`, or `name`.
    pub(super) key: String,
    /// The line a watch sends: `{"type":…,"object":…}` and a newline.
    pub(super) line: Bytes,
    /// The object before the change.
    pub(super) previous: Option<Bytes>,
}

impl Change {
    /// The object's JSON, within the line.
    pub(super) fn object(&self) -> Bytes {
        self.line.slice(line_start(self.kind).len()..self.line.len() - LINE_END.len())
    }
}

const LINE_END: &str = "}\n";

fn line_start(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "{\"type\":\"ADDED\",\"object\":",
        ChangeKind::Modified => "{\"type\":\"MODIFIED\",\"object\":",
        ChangeKind::Deleted => "{\"type\":\"DELETED\",\"object\":",
    }
}

/// Why a revision or a continue token cannot be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expired {
    /// The oldest revision that can be served.
    pub(super) oldest: u64,
}

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) items: Vec<Bytes>,
    /// The revision of the whole list.
    pub(super) revision: u64,
    pub(super) continue_token: Option<String>,
    pub(super) remaining: usize,
}

#[derive(Debug, Default)]
struct Collection {
    objects: BTreeMap<String, (u64, Bytes)>,
    history: VecDeque<Change>,
    /// The last revision that is no longer in the history.
    dropped: u64,
}

#[derive(Debug)]
struct Snapshot {
    id: u64,
    revision: u64,
    items: Vec<Bytes>,
}

/// All objects, by resource and key.
#[derive(Debug)]
pub(super) struct Store {
    collections: HashMap<String, Collection>,
    snapshots: VecDeque<Snapshot>,
    next_snapshot: u64,
    revision: u64,
    compacted: u64,
    history_limit: usize,
}

impl Store {
    /// An empty store that keeps at most `history_limit` changes of each resource.
    pub(super) fn new(history_limit: usize) -> Self {
        Self { collections: HashMap::new(), snapshots: VecDeque::new(), next_snapshot: 1, revision: 1, compacted: 0, history_limit }
    }

    /// The revision of the last change.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Lets the revision jump ahead, never back.
    pub(super) fn advance(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    pub(super) fn set_history_limit(&mut self, limit: usize) {
        self.history_limit = limit;
        for collection in self.collections.values_mut() {
            collection.trim(limit);
        }
    }

    /// Forgets everything before now for lists and watches that come; those that run go on.
    pub(super) fn compact(&mut self) {
        self.compacted = self.revision;
        self.snapshots.clear();
    }

    pub(super) fn get(&self, resource: &str, key: &str) -> Option<Bytes> {
        Some(self.collections.get(resource)?.objects.get(key)?.1.clone())
    }

    /// The number of objects of a resource.
    pub(super) fn len(&self, resource: &str) -> usize {
        self.collections.get(resource).map_or(0, |collection| collection.objects.len())
    }

    /// The keys of the objects that were written longest ago, oldest first.
    pub(super) fn oldest(&self, resource: &str, count: usize) -> Vec<String> {
        let Some(collection) = self.collections.get(resource) else { return Vec::new() };
        let mut keys: Vec<(u64, &String)> = collection.objects.iter().map(|(key, (revision, _))| (*revision, key)).collect();
        keys.sort_unstable();
        keys.into_iter().take(count).map(|(_, key)| key.clone()).collect()
    }

    /// Writes an object: `encode` gets the new revision and appends the object's JSON.
    pub(super) fn put(&mut self, resource: &str, key: &str, encode: impl FnOnce(u64, &mut Vec<u8>)) -> Change {
        self.revision += 1;
        let kind = if self.get(resource, key).is_some() { ChangeKind::Modified } else { ChangeKind::Added };
        self.record(resource, key, kind, encode)
    }

    /// Removes an object: `encode` appends the JSON of its last state at the new revision. Removing what is not there changes nothing.
    pub(super) fn remove(&mut self, resource: &str, key: &str, encode: impl FnOnce(&[u8], u64, &mut Vec<u8>)) -> Option<Change> {
        let last = self.get(resource, key)?;
        self.revision += 1;
        Some(self.record(resource, key, ChangeKind::Deleted, |revision, out| encode(&last, revision, out)))
    }

    fn record(&mut self, resource: &str, key: &str, kind: ChangeKind, encode: impl FnOnce(u64, &mut Vec<u8>)) -> Change {
        let revision = self.revision;
        let mut line = Vec::with_capacity(1024);
        line.extend_from_slice(line_start(kind).as_bytes());
        encode(revision, &mut line);
        line.extend_from_slice(LINE_END.as_bytes());
        if !self.collections.contains_key(resource) {
            self.collections.insert(resource.to_owned(), Collection::default());
        }
        let collection = self.collections.entry(resource.to_owned()).or_default();
        let mut change = Change { revision, kind, key: key.to_owned(), line: line.into(), previous: None };
        let before = match kind {
            ChangeKind::Deleted => collection.objects.remove(key),
            ChangeKind::Added | ChangeKind::Modified => collection.objects.insert(key.to_owned(), (revision, change.object())),
        };
        change.previous = before.map(|(_, object)| object);
        collection.history.push_back(change.clone());
        collection.trim(self.history_limit);
        change
    }

    /// The current objects of a resource whose key begins with `prefix`, in the order of their keys.
    pub(super) fn all(&self, resource: &str, prefix: &str) -> Vec<Bytes> {
        let Some(collection) = self.collections.get(resource) else { return Vec::new() };
        let from_prefix = collection.objects.range(prefix.to_owned()..);
        from_prefix.take_while(|(key, _)| key.starts_with(prefix)).map(|(_, (_, object))| object.clone()).collect()
    }

    /// The first page of a list; a limit of 0 means everything.
    pub(super) fn list(&mut self, resource: &str, prefix: &str, limit: usize, wanted: impl Fn(&[u8]) -> bool) -> Page {
        let mut items = self.all(resource, prefix);
        items.retain(|object| wanted(object));
        let revision = self.revision;
        if limit == 0 || items.len() <= limit {
            return Page { items, revision, continue_token: None, remaining: 0 };
        }
        let id = self.next_snapshot;
        self.next_snapshot += 1;
        if self.snapshots.len() == SNAPSHOTS {
            self.snapshots.pop_front();
        }
        self.snapshots.push_back(Snapshot { id, revision, items });
        // The snapshot was stored just now.
        self.page(id, 0, limit).unwrap_or(Page { items: Vec::new(), revision, continue_token: None, remaining: 0 })
    }

    /// The page at a continue token.
    pub(super) fn list_on(&mut self, token: &str, limit: usize) -> Result<Page, Expired> {
        let position = token.split_once('.').and_then(|(id, offset)| Some((id.parse().ok()?, offset.parse().ok()?)));
        position.and_then(|(id, offset)| self.page(id, offset, limit)).ok_or(Expired { oldest: self.compacted })
    }

    fn page(&mut self, id: u64, offset: usize, limit: usize) -> Option<Page> {
        let snapshot = self.snapshots.iter().find(|snapshot| snapshot.id == id)?;
        let total = snapshot.items.len();
        let end = if limit == 0 { total } else { total.min(offset.saturating_add(limit)) };
        let items = snapshot.items.get(offset..end)?.to_vec();
        let continue_token = (end < total).then(|| format!("{id}.{end}"));
        Some(Page { items, revision: snapshot.revision, continue_token, remaining: total - end })
    }

    /// Whether a watch can begin after the revision.
    pub(super) fn can_watch(&self, resource: &str, revision: u64) -> Result<(), Expired> {
        let dropped = self.collections.get(resource).map_or(0, |collection| collection.dropped);
        let oldest = self.compacted.max(dropped);
        if revision < oldest { Err(Expired { oldest }) } else { Ok(()) }
    }

    /// At most `limit` changes of a resource after a revision, or that they are no longer known.
    pub(super) fn changes(&self, resource: &str, after: u64, limit: usize) -> Result<Vec<Change>, Expired> {
        let Some(collection) = self.collections.get(resource) else { return Ok(Vec::new()) };
        if after < collection.dropped {
            return Err(Expired { oldest: collection.dropped });
        }
        let from = collection.history.partition_point(|change| change.revision <= after);
        Ok(collection.history.iter().skip(from).take(limit).cloned().collect())
    }
}

impl Collection {
    fn trim(&mut self, limit: usize) {
        while self.history.len() > limit {
            if let Some(change) = self.history.pop_front() {
                self.dropped = change.revision;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(store: &mut Store, key: &str) -> u64 {
        store.put("pods", key, |revision, out| out.extend_from_slice(revision.to_string().as_bytes())).revision
    }

    fn text(items: &[Bytes]) -> Vec<String> {
        items.iter().map(|item| String::from_utf8(item.to_vec()).unwrap()).collect()
    }

    #[test]
    fn a_list_is_one_snapshot_in_the_order_of_etcd() {
        let mut store = Store::new(100);
        for key in ["b/x", "a/y", "a-b/z", "a/x"] {
            put(&mut store, key);
        }
        let first = store.list("pods", "", 3, |_| true);
        // '-' sorts before '/', as in etcd's keys.
        assert_eq!(text(&first.items), ["4", "5", "3"]);
        assert_eq!((first.revision, first.remaining), (5, 1));
        put(&mut store, "b/x");
        let second = store.list_on(first.continue_token.as_deref().unwrap(), 3).unwrap();
        assert_eq!(text(&second.items), ["2"]);
        assert_eq!((second.revision, second.continue_token), (5, None));
        assert_eq!(text(&store.list("pods", "a/", 0, |_| true).items), ["5", "3"]);
    }

    #[test]
    fn compaction_ends_lists_and_old_revisions_but_not_running_watches() {
        let mut store = Store::new(100);
        let first = put(&mut store, "a/x");
        put(&mut store, "a/y");
        let page = store.list("pods", "", 1, |_| true);
        store.compact();
        assert_eq!(store.list_on(page.continue_token.as_deref().unwrap(), 1).unwrap_err(), Expired { oldest: 3 });
        assert_eq!(store.can_watch("pods", first), Err(Expired { oldest: 3 }));
        assert_eq!(store.can_watch("pods", 3), Ok(()));
        assert_eq!(store.changes("pods", first, 10).unwrap().len(), 1);
    }

    #[test]
    fn a_short_history_loses_the_oldest_changes() {
        let mut store = Store::new(2);
        let revisions: Vec<u64> = (0..4).map(|_| put(&mut store, "a/x")).collect();
        assert_eq!(store.changes("pods", revisions[0], 10).unwrap_err(), Expired { oldest: revisions[1] });
        let kept = store.changes("pods", revisions[1], 10).unwrap();
        assert_eq!(kept.iter().map(|change| change.kind.name()).collect::<Vec<_>>(), ["MODIFIED", "MODIFIED"]);
        assert_eq!(kept[0].previous.as_deref(), Some(b"3".as_slice()));
    }
}
