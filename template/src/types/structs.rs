//! Structs and methods, described.
//!
//! In: what a Rust type's author writes down of its Go counterpart. Out: fields, methods, and what `.Name` means.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::Type;
use super::selector::{self, Selector, Target};

/// How a field appears in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Json {
    /// Under this name, always.
    Name(&'static str),
    /// Under this name, left out when empty.
    OmitEmpty(&'static str),
    /// An embedded struct whose fields appear among its parent's.
    Inline,
    /// Not at all.
    Skip,
}

impl Json {
    /// The name in JSON, if the field has one.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Name(name) | Self::OmitEmpty(name) => Some(name),
            Self::Inline | Self::Skip => None,
        }
    }
}

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The Go name.
    pub name: &'static str,
    /// The Go type.
    pub ty: Type,
    /// Whether the field is an embedded struct, whose own fields and methods are promoted.
    pub embedded: bool,
    /// How the field appears in JSON.
    pub json: Json,
}

impl Field {
    /// A plain field.
    pub const fn plain(name: &'static str, ty: Type, json: Json) -> Self {
        Self { name, ty, embedded: false, json }
    }

    /// An embedded struct.
    pub const fn embedded(name: &'static str, ty: Type, json: Json) -> Self {
        Self { name, ty, embedded: true, json }
    }

    /// Tells whether templates and JSON may see the field.
    pub fn exported(&self) -> bool {
        self.name.chars().next().is_some_and(char::is_uppercase)
    }
}

/// What a method gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Results {
    /// One value, or a value and an error.
    Value,
    /// A number of values that a template cannot use: calling the method is an error.
    Unusable(usize),
    /// Two values of which the second, of the named type, is not an error.
    SecondNotError(&'static str),
}

/// What a method answers when its receiver is a nil pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnNil {
    /// It fails.
    Fail,
    /// It gives this text.
    Text(&'static str),
    /// It gives this truth.
    Bool(bool),
    /// It gives the zero value of its result: nil, 0.
    Zero,
}

/// A method of a struct or of a named scalar.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// The Go name.
    pub name: &'static str,
    /// The types of the parameters.
    pub params: &'static [Type],
    /// The type of the result.
    pub result: Type,
    /// Whether the number of results fits.
    pub results: Results,
    /// Whether the receiver is a pointer, so that a copy of a struct does not have the method.
    pub pointer: bool,
    /// What it answers on a nil pointer.
    pub on_nil: OnNil,
}

impl Method {
    /// A method with a value receiver.
    pub const fn new(name: &'static str, params: &'static [Type], result: Type) -> Self {
        Self { name, params, result, results: Results::Value, pointer: false, on_nil: OnNil::Fail }
    }

    /// A method with a pointer receiver.
    pub const fn on_pointer(name: &'static str, params: &'static [Type], result: Type) -> Self {
        Self { name, params, result, results: Results::Value, pointer: true, on_nil: OnNil::Fail }
    }

    /// A method with a pointer receiver that gives nothing back, such as a setter; a template cannot call it.
    pub const fn setter(name: &'static str, params: &'static [Type]) -> Self {
        Self { name, params, result: Type::Any, results: Results::Unusable(0), pointer: true, on_nil: OnNil::Fail }
    }

    /// The same method, answering this on a nil pointer.
    #[must_use]
    pub const fn on_nil(mut self, answer: OnNil) -> Self {
        self.on_nil = answer;
        self
    }

    /// A method with a value receiver whose results a template cannot use.
    pub const fn unusable(name: &'static str, params: &'static [Type], results: Results) -> Self {
        Self { name, params, result: Type::Any, results, pointer: false, on_nil: OnNil::Fail }
    }
}

/// A struct type.
#[derive(Debug)]
pub struct StructType {
    /// The name that `%T` prints, with its package.
    pub name: &'static str,
    /// The fields in order.
    pub fields: &'static [Field],
    /// The methods declared on the struct itself.
    pub methods: &'static [Method],
    /// What `.Name` means, found once.
    selectors: OnceLock<HashMap<&'static str, Selector>>,
}

impl StructType {
    /// Describes a struct.
    pub const fn new(name: &'static str, fields: &'static [Field], methods: &'static [Method]) -> Self {
        Self { name, fields, methods, selectors: OnceLock::new() }
    }

    /// Tells whether both describe one Go type.
    pub fn same(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self.name == other.name
    }

    /// Passes through embedded structs.
    pub(crate) fn through(&'static self, path: &[usize]) -> Option<&'static StructType> {
        path.iter().try_fold(self, |ty, index| ty.fields.get(*index)?.ty.as_struct())
    }

    /// Lists the fields a template may see, promoted ones included, in no order.
    pub fn field_names(&'static self) -> impl Iterator<Item = &'static str> {
        let selectors = self.selectors.get_or_init(|| selector::all(self)).iter();
        let fields = selectors.filter(|(_, selector)| matches!(selector.target, Target::Field(_))).map(|(name, _)| *name);
        fields.filter(|name| name.starts_with(char::is_uppercase))
    }

    /// Finds what `.name` means: a method before a field, the shallowest first, by Go's rules for embedded structs.
    pub fn selector(&'static self, name: &str) -> Option<&'static Selector> {
        self.selectors.get_or_init(|| selector::all(self)).get(name)
    }
}

impl Method {
    /// Tells why a template cannot call the method, if so.
    pub(crate) fn usable(&self) -> Result<(), String> {
        match self.results {
            Results::Value => Ok(()),
            Results::Unusable(count) => Err(format!("function {} has {count} return values; should be 1 or 2", self.name)),
            Results::SecondNotError(ty) => {
                Err(format!("invalid function signature for {}: second return value should be error; is {ty}", self.name))
            }
        }
    }
}
