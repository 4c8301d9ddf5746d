//! The typed values templates work on: Go's, each knowing its Go type.
//!
//! In: what the caller's structs hold, borrowed, and what functions make, shared. Out: everything the language, the
//! functions and the printer ask of a value. Cloning is cheap (a reference or a count). A value never leaves its thread.

use std::fmt;
use std::rc::Rc;

use crate::func::Function;
use crate::go::time::Time;
use crate::object::{Form, Object, ObjectRef};
use crate::types::{self, Pointee, Scalar, Type};

mod convert;
mod list;
mod map;
mod text;

/// How many bytes an element of a list or map counts for.
pub(crate) const ELEMENT: usize = 40;

pub use convert::ToValue;
pub use list::{List, Sequence};
pub use map::{Map, Mapping};
pub use text::Str;

/// A Go value.
#[derive(Clone, Debug, Default)]
pub enum Value<'a> {
    /// No value: untyped nil, and what a missing map key gives.
    #[default]
    Nil,
    /// A `bool`.
    Bool(bool),
    /// A signed integer of the given type.
    Int(i64, &'static Scalar),
    /// An unsigned integer of the given type.
    Uint(u64, &'static Scalar),
    /// A float of the given type.
    Float(f64, &'static Scalar),
    /// A `complex128`: real and imaginary part.
    Complex(f64, f64),
    /// A string of the given type.
    Str(Str<'a>, &'static Scalar),
    /// A `[]byte`.
    Bytes(Str<'a>),
    /// Any other slice.
    List(List<'a>),
    /// A map with string keys.
    Map(Map<'a>),
    /// A struct or a pointer to one.
    Object(ObjectRef<'a>, Form),
    /// A pointer to a scalar.
    Pointer(Rc<Value<'a>>),
    /// A nil pointer of a type.
    NilPointer(Pointee),
    /// An error made by `errors.New`, known by its text.
    Error(Str<'a>),
    /// A function that `call` can call.
    Function(&'static Function),
}

impl<'a> Value<'a> {
    /// An `int`.
    pub fn int(value: i64) -> Self {
        Self::Int(value, &types::INT)
    }

    /// An `int64`.
    pub fn int64(value: i64) -> Self {
        Self::Int(value, &types::INT64)
    }

    /// An `int32`.
    pub fn int32(value: i32) -> Self {
        Self::Int(value.into(), &types::INT32)
    }

    /// A `float64`.
    pub fn float64(value: f64) -> Self {
        Self::Float(value, &types::FLOAT64)
    }

    /// A `string`, from `&str`, `String`, bytes or [`Str`].
    pub fn string(value: impl Into<Str<'a>>) -> Self {
        Self::Str(value.into(), &types::STRING)
    }

    /// A `[]interface {}`.
    pub fn list(items: Vec<Value<'a>>) -> Self {
        Self::List(List::new(&Type::Any, items))
    }

    /// A `[]string`.
    pub fn strings<S: Into<Str<'a>>>(items: impl IntoIterator<Item = S>) -> Self {
        Self::List(List::new(&Type::STRING, items.into_iter().map(Value::string).collect()))
    }

    /// A `map[string]interface {}`.
    pub fn dict<K: Into<Str<'a>>>(entries: impl IntoIterator<Item = (K, Value<'a>)>) -> Self {
        Self::Map(Map::new(&Type::Any, entries))
    }

    /// A pointer to a borrowed struct: the usual root of a rendering.
    pub fn pointer_to(object: &'a dyn Object) -> Self {
        Self::Object(ObjectRef::Borrowed(object), Form::Pointer)
    }

    /// A borrowed struct held in another one: what [`Object::field`] gives for a nested struct.
    pub fn nested(object: &'a dyn Object) -> Self {
        Self::Object(ObjectRef::Borrowed(object), Form::Addressable)
    }

    /// A struct made while rendering, by value.
    pub fn shared(object: Rc<dyn Object>) -> Self {
        Self::Object(ObjectRef::Shared(object), Form::Copy)
    }

    /// A pointer to a struct made while rendering.
    pub fn shared_pointer(object: Rc<dyn Object>) -> Self {
        Self::Object(ObjectRef::Shared(object), Form::Pointer)
    }

    /// A `time.Time`.
    pub fn time(time: Time) -> Self {
        Self::shared(Rc::new(time))
    }

    /// A `time.Duration` of this many nanoseconds.
    pub fn duration(nanoseconds: i64) -> Self {
        Self::Int(nanoseconds, &crate::clock::DURATION)
    }

    /// The Go type; none for [`Value::Nil`].
    pub fn type_of(&self) -> Option<Type> {
        Some(match self {
            Self::Nil => return None,
            Self::Bool(_) => Type::BOOL,
            Self::Int(_, ty) | Self::Uint(_, ty) | Self::Float(_, ty) | Self::Str(_, ty) => Type::Scalar(ty),
            Self::Complex(..) => Type::Scalar(&types::COMPLEX128),
            Self::Bytes(_) => Type::BYTES,
            Self::List(list) => Type::Slice(list.elem()),
            Self::Map(map) => Type::Map(map.elem()),
            Self::Object(object, Form::Pointer) => Type::Pointer(Pointee::Struct(object.get().struct_type())),
            Self::Object(object, _) => Type::Struct(object.get().struct_type()),
            Self::Pointer(inner) => match inner.type_of() {
                Some(Type::Scalar(scalar)) => Type::Pointer(Pointee::Scalar(scalar)),
                _ => Type::Any,
            },
            Self::NilPointer(pointee) => Type::Pointer(*pointee),
            Self::Error(_) => Type::Pointer(Pointee::Struct(&types::ERROR_STRING)),
            Self::Function(function) => Type::Func(function),
        })
    }

    /// The name that `%T` prints; `<nil>` for [`Value::Nil`].
    pub fn type_name(&self) -> String {
        self.type_of().map_or_else(|| "<nil>".to_owned(), |ty| ty.to_string())
    }

    /// The kind as Go's reflect names it; `invalid` for [`Value::Nil`].
    pub fn kind_name(&self) -> &'static str {
        self.type_of().map_or("invalid", |ty| ty.kind_name())
    }

    /// The bytes of a string of any type.
    pub fn as_str(&self) -> Option<&[u8]> {
        match self {
            Self::Str(text, _) => Some(text),
            _ => None,
        }
    }

    /// The time, when this is a `time.Time` or a pointer to one.
    pub fn as_time(&self) -> Option<&Time> {
        match self {
            Self::Object(object, _) => object.get().as_time(),
            _ => None,
        }
    }

    /// Tells whether this is nil: untyped, or a nil slice, map or pointer.
    pub fn is_nil(&self) -> bool {
        match self {
            Self::Nil | Self::NilPointer(_) => true,
            Self::List(list) => list.is_nil(),
            Self::Map(map) => map.is_nil(),
            _ => false,
        }
    }

    /// Tells whether `if` takes the value for true: Go's rule, by which every struct is.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil | Self::NilPointer(_) => false,
            Self::Bool(value) => *value,
            Self::Int(value, _) => *value != 0,
            Self::Uint(value, _) => *value != 0,
            Self::Float(value, _) => *value != 0.0,
            Self::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Self::Str(text, _) | Self::Bytes(text) => !text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(..) | Self::Pointer(_) | Self::Error(_) | Self::Function(_) => true,
        }
    }

    /// What a pointer points to; every other value as it is. A nil pointer stays.
    #[must_use]
    pub fn indirect(self) -> Self {
        match self {
            Self::Object(object, Form::Pointer) => Self::Object(object, Form::Addressable),
            Self::Pointer(inner) => (*inner).clone(),
            other => other,
        }
    }

    /// The value as it is after passing through `interface {}`: a struct becomes a copy.
    #[must_use]
    pub fn boxed(self) -> Self {
        match self {
            Self::Object(object, Form::Addressable) => Self::Object(object, Form::Copy),
            other => other,
        }
    }

    /// The zero value of a type.
    pub fn zero(ty: &Type) -> Self {
        match ty {
            Type::Any | Type::Error | Type::Interface(_) | Type::Reflect | Type::Func(_) => Self::Nil,
            Type::Scalar(scalar) if scalar.kind == types::Kind::Bool => Self::Bool(false),
            Type::Scalar(scalar) if scalar.kind == types::Kind::String => Self::Str(Str::default(), scalar),
            Type::Scalar(scalar) if scalar.kind.is_int() => Self::Int(0, scalar),
            Type::Scalar(scalar) if scalar.kind.is_uint() => Self::Uint(0, scalar),
            Type::Scalar(scalar) if scalar.kind.is_float() => Self::Float(0.0, scalar),
            Type::Scalar(_) => Self::Complex(0.0, 0.0),
            Type::Slice(elem) => Self::List(List::nil(elem)),
            Type::Map(elem) => Self::Map(Map::nil(elem)),
            Type::Pointer(pointee) => Self::NilPointer(*pointee),
            Type::Struct(ty) => Self::Object(ObjectRef::Shared(Rc::new(crate::object::Zero(ty))), Form::Copy),
        }
    }

    /// Tells whether other values are held.
    fn holds_values(&self) -> bool {
        matches!(self, Self::Map(_) | Self::List(_))
    }

    /// How much there is to go through, in steps: 0 for what is short.
    pub(crate) fn extent(&self) -> u64 {
        (match self {
            Self::Str(text, _) | Self::Bytes(text) | Self::Error(text) => text.len() / 64,
            Self::List(list) => list.len() / 16,
            Self::Map(map) => map.len() / 16,
            _ => 0,
        }) as u64
    }

    /// The bytes that making the value took: 0 when it is borrowed from the root.
    pub(crate) fn made(&self) -> usize {
        let is_made = match self {
            Self::Str(text, _) | Self::Bytes(text) | Self::Error(text) => text.is_shared(),
            Self::List(list) => list.is_shared(),
            Self::Map(map) => map.is_shared(),
            Self::Object(object, _) => matches!(object, ObjectRef::Shared(_)),
            _ => false,
        };
        if is_made { self.size() } else { 0 }
    }

    /// The bytes a copy takes. Only for what comes out of structs: values that functions make may hold themselves many times over.
    fn size(&self) -> usize {
        match self {
            Self::Str(text, _) | Self::Bytes(text) | Self::Error(text) => text.len(),
            Self::List(list) => list.iter().map(|item| ELEMENT + item.size()).sum(),
            Self::Map(map) => map.entries().iter().map(|(key, value)| ELEMENT + key.len() + value.size()).sum(),
            Self::Object(object, _) if object.get().as_time().is_some() => ELEMENT,
            Self::Object(object, _) => {
                let object = object.get();
                (0..object.struct_type().fields.len()).map(|index| ELEMENT + object.field(index).size()).sum()
            }
            _ => 0,
        }
    }

    /// Copies everything borrowed, so that the value can outlive what it was read from.
    pub fn to_owned_value<'b>(&self) -> Value<'b> {
        match self {
            Self::Nil => Value::Nil,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value, ty) => Value::Int(*value, ty),
            Self::Uint(value, ty) => Value::Uint(*value, ty),
            Self::Float(value, ty) => Value::Float(*value, ty),
            Self::Complex(re, im) => Value::Complex(*re, *im),
            Self::Str(text, ty) => Value::Str(text.to_shared(), ty),
            Self::Bytes(text) => Value::Bytes(text.to_shared()),
            Self::List(list) => Value::List(list.to_owned_list()),
            Self::Map(map) => Value::Map(map.to_owned_map()),
            Self::Object(object, form) => Value::Object(ObjectRef::Shared(object.share()), *form),
            Self::Pointer(inner) => Value::Pointer(Rc::new(inner.to_owned_value())),
            Self::NilPointer(pointee) => Value::NilPointer(*pointee),
            Self::Error(text) => Value::Error(text.to_shared()),
            Self::Function(function) => Value::Function(function),
        }
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<'a> From<Str<'a>> for Value<'a> {
    fn from(value: Str<'a>) -> Self {
        Self::string(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::string(value)
    }
}

impl From<String> for Value<'_> {
    fn from(value: String) -> Self {
        Self::string(value)
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        crate::print::print_value(&mut out, self);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}
