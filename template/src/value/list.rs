//! A Go slice other than `[]byte`.
//!
//! In: values, or a borrowed `Vec` of something that can be turned into values. Out: elements by index. A slice is never
//! changed in place: functions that add or remove make a new one.

use std::fmt;
use std::rc::Rc;

use super::{ToValue, Value};
use crate::types::Type;

/// A borrowed sequence whose elements become values when asked for.
pub trait Sequence {
    /// The number of elements.
    fn length(&self) -> usize;

    /// Gives an element; none past the end.
    fn element(&self, index: usize) -> Option<Value<'_>>;
}

impl<T: ToValue> Sequence for Vec<T> {
    fn length(&self) -> usize {
        self.len()
    }

    fn element(&self, index: usize) -> Option<Value<'_>> {
        self.get(index).map(ToValue::to_value)
    }
}

/// A slice: its element type and its elements.
#[derive(Clone)]
pub struct List<'a> {
    elem: &'static Type,
    repr: Repr<'a>,
}

#[derive(Clone)]
enum Repr<'a> {
    Nil,
    Shared(Rc<[Value<'a>]>),
    Borrowed(&'a dyn Sequence),
}

impl<'a> List<'a> {
    /// A slice of the given elements, each of the element type (anything for `interface {}`).
    pub fn new(elem: &'static Type, items: Vec<Value<'a>>) -> Self {
        Self { elem, repr: Repr::Shared(items.into()) }
    }

    /// A nil slice.
    pub fn nil(elem: &'static Type) -> Self {
        Self { elem, repr: Repr::Nil }
    }

    /// A slice read from a borrowed sequence.
    pub fn borrowed(elem: &'static Type, items: &'a dyn Sequence) -> Self {
        Self { elem, repr: Repr::Borrowed(items) }
    }

    /// The element type.
    pub fn elem(&self) -> &'static Type {
        self.elem
    }

    /// Tells whether this is a nil slice, not merely an empty one.
    pub fn is_nil(&self) -> bool {
        matches!(self.repr, Repr::Nil)
    }

    /// Tells whether the elements were made while rendering.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self.repr, Repr::Shared(_))
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        match &self.repr {
            Repr::Nil => 0,
            Repr::Shared(items) => items.len(),
            Repr::Borrowed(items) => items.length(),
        }
    }

    /// Tells whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives an element; none past the end.
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        match &self.repr {
            Repr::Nil => None,
            Repr::Shared(items) => items.get(index).cloned(),
            Repr::Borrowed(items) => items.element(index),
        }
    }

    /// Goes through the elements.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + '_ {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// A part of the slice, of the same type; empty where the range does not exist.
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> List<'a> {
        if start == 0 && end == self.len() {
            return self.clone();
        }
        List::new(self.elem, (start..end).filter_map(|index| self.get(index)).collect())
    }

    /// Takes the elements out when nobody else holds them; otherwise there are none to take.
    pub(super) fn into_last(self) -> impl Iterator<Item = Value<'a>> {
        let Repr::Shared(mut items) = self.repr else { return Vec::new().into_iter() };
        let taken: Vec<_> = Rc::get_mut(&mut items).into_iter().flatten().map(std::mem::take).collect();
        taken.into_iter()
    }

    pub(super) fn to_owned_list<'b>(&self) -> List<'b> {
        if self.is_nil() {
            return List::nil(self.elem);
        }
        List::new(self.elem, self.iter().map(|item| item.to_owned_value()).collect())
    }
}

impl fmt::Debug for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[]{}(len {})", self.elem, self.len())
    }
}
