//! A Go map with string keys.
//!
//! In: entries, or a borrowed `BTreeMap`. Out: elements by key, keys in Go's printing order (by bytes). A map made while
//! rendering can be changed, and every clone sees the change, as in Go; a borrowed one never changes. Maps are counted: who
//! inserts makes sure that none comes to hold itself, since such a map would never be freed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use super::{Str, ToValue, Value};
use crate::types::Type;

/// A borrowed map whose elements become values when asked for, its entries sorted by key.
pub trait Mapping {
    /// The number of entries.
    fn length(&self) -> usize;

    /// Gives the element of a key.
    fn element(&self, key: &[u8]) -> Option<Value<'_>>;

    /// Gives all entries in the order of their keys.
    fn entries(&self) -> Vec<(Str<'_>, Value<'_>)>;
}

impl<T: ToValue> Mapping for BTreeMap<String, T> {
    fn length(&self) -> usize {
        self.len()
    }

    fn element(&self, key: &[u8]) -> Option<Value<'_>> {
        self.get(std::str::from_utf8(key).ok()?).map(ToValue::to_value)
    }

    fn entries(&self) -> Vec<(Str<'_>, Value<'_>)> {
        self.iter().map(|(key, value)| (key.into(), value.to_value())).collect()
    }
}

/// A map: its element type and its entries.
#[derive(Clone)]
pub struct Map<'a> {
    elem: &'static Type,
    repr: Repr<'a>,
}

#[derive(Clone)]
enum Repr<'a> {
    Nil,
    Shared(Rc<Shared<'a>>),
    Borrowed(&'a dyn Mapping),
}

/// The entries of a map made while rendering.
struct Shared<'a>(RefCell<BTreeMap<Str<'a>, Value<'a>>>);

impl Drop for Shared<'_> {
    /// Frees maps that hold each other one after the other, not one inside the other: they may nest deeper than the stack goes.
    fn drop(&mut self) {
        let mut waiting: Vec<Value<'_>> = std::mem::take(self.0.get_mut()).into_values().filter(Value::holds_values).collect();
        while let Some(value) = waiting.pop() {
            match value {
                Value::Map(Map { repr: Repr::Shared(inner), .. }) => {
                    if let Some(mut last) = Rc::into_inner(inner) {
                        waiting.extend(std::mem::take(last.0.get_mut()).into_values().filter(Value::holds_values));
                    }
                }
                Value::List(list) => waiting.extend(list.into_last().filter(Value::holds_values)),
                _ => {}
            }
        }
    }
}

impl<'a> Map<'a> {
    /// A map of the given entries, the last of a key wins.
    pub fn new<K: Into<Str<'a>>>(elem: &'static Type, entries: impl IntoIterator<Item = (K, Value<'a>)>) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
        Self { elem, repr: Repr::Shared(Rc::new(Shared(RefCell::new(entries)))) }
    }

    /// A nil map.
    pub fn nil(elem: &'static Type) -> Self {
        Self { elem, repr: Repr::Nil }
    }

    /// A map read from a borrowed one.
    pub fn borrowed(elem: &'static Type, entries: &'a dyn Mapping) -> Self {
        Self { elem, repr: Repr::Borrowed(entries) }
    }

    /// The element type.
    pub fn elem(&self) -> &'static Type {
        self.elem
    }

    /// Tells whether this is a nil map, not merely an empty one.
    pub fn is_nil(&self) -> bool {
        matches!(self.repr, Repr::Nil)
    }

    /// Tells whether the map was made while rendering.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.repr, Repr::Shared(_))
    }

    /// Tells whether both are one map in memory.
    pub fn same(&self, other: &Self) -> bool {
        match (&self.repr, &other.repr) {
            (Repr::Shared(a), Repr::Shared(b)) => Rc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Nil => 0,
            Repr::Shared(entries) => entries.0.borrow().len(),
            Repr::Borrowed(entries) => entries.length(),
        }
    }

    /// Tells whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives the element of a key.
    pub fn get(&self, key: &[u8]) -> Option<Value<'a>> {
        match &self.repr {
            Repr::Nil => None,
            Repr::Shared(entries) => entries.0.borrow().get(key).cloned(),
            // An element of a map has no address in Go.
            Repr::Borrowed(entries) => entries.element(key).map(Value::boxed),
        }
    }

    /// Gives all entries in the order of their keys, as they are now.
    pub fn entries(&self) -> Vec<(Str<'a>, Value<'a>)> {
        match &self.repr {
            Repr::Nil => Vec::new(),
            Repr::Shared(entries) => entries.0.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            Repr::Borrowed(entries) => entries.entries().into_iter().map(|(key, value)| (key, value.boxed())).collect(),
        }
    }

    /// Sets an entry; false when the map is nil or borrowed and so cannot change. The value must not hold the map itself.
    pub(crate) fn insert(&self, key: Str<'a>, value: Value<'a>) -> bool {
        let Repr::Shared(entries) = &self.repr else { return false };
        let replaced = entries.0.borrow_mut().insert(key, value);
        drop(replaced);
        true
    }

    /// Removes an entry if there is one; false when the map is nil or borrowed and so cannot change.
    pub(crate) fn remove(&self, key: &[u8]) -> bool {
        let Repr::Shared(entries) = &self.repr else { return false };
        let removed = entries.0.borrow_mut().remove(key);
        drop(removed);
        true
    }

    pub(super) fn to_owned_map<'b>(&self) -> Map<'b> {
        if self.is_nil() {
            return Map::nil(self.elem);
        }
        Map::new(self.elem, self.entries().into_iter().map(|(key, value)| (key.to_shared(), value.to_owned_value())))
    }
}

impl fmt::Debug for Map<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "map[string]{}(len {})", self.elem, self.len())
    }
}
