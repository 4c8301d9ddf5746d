//! Go types as data: what a value is called in an error text, what can be assigned to what, which fields and methods a
//! struct has.
//!
//! In: descriptors written as `static`s next to the Rust type they describe. Out: names, zero values, assignability, and
//! selectors (what `.Name` means on a struct, embedded structs included). Nothing here ever looks at a value's content.

use std::fmt;

use crate::func::FuncError;
use crate::value::Value;

mod selector;
mod structs;

pub use selector::{Selector, Target};
pub use structs::{Field, Json, Method, OnNil, Results, StructType};

/// Go's kinds of scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `bool`
    Bool,
    /// `int`, 64 bits wide here
    Int,
    /// `int8`
    Int8,
    /// `int16`
    Int16,
    /// `int32`, also called rune
    Int32,
    /// `int64`
    Int64,
    /// `uint`, 64 bits wide here
    Uint,
    /// `uint8`, also called byte
    Uint8,
    /// `uint16`
    Uint16,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// `float32`
    Float32,
    /// `float64`
    Float64,
    /// `complex128`
    Complex128,
    /// `string`: any bytes, usually UTF-8
    String,
}

impl Kind {
    /// Go's name of the kind, which `kindOf` prints.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int8 => "int8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Uint => "uint",
            Self::Uint8 => "uint8",
            Self::Uint16 => "uint16",
            Self::Uint32 => "uint32",
            Self::Uint64 => "uint64",
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Complex128 => "complex128",
            Self::String => "string",
        }
    }

    /// Tells whether the kind is one of the signed integers.
    pub const fn is_int(self) -> bool {
        matches!(self, Self::Int | Self::Int8 | Self::Int16 | Self::Int32 | Self::Int64)
    }

    /// Tells whether the kind is one of the unsigned integers.
    pub const fn is_uint(self) -> bool {
        matches!(self, Self::Uint | Self::Uint8 | Self::Uint16 | Self::Uint32 | Self::Uint64)
    }

    /// Tells whether the kind is a float.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }

    /// The width in bits that formatting and overflow go by.
    pub const fn bits(self) -> u32 {
        match self {
            Self::Bool | Self::Int8 | Self::Uint8 => 8,
            Self::Int16 | Self::Uint16 => 16,
            Self::Int32 | Self::Uint32 | Self::Float32 => 32,
            Self::Complex128 => 128,
            _ => 64,
        }
    }
}

/// How a scalar type of its own answers its methods.
pub type ScalarCall = for<'a> fn(&Value<'a>, &str, &[Value<'a>]) -> Result<Value<'a>, FuncError>;

/// A scalar type: one of Go's own, or a named type over one (`types.UID`, `time.Duration`).
#[derive(Debug)]
pub struct Scalar {
    /// The name that `%T` prints, with its package.
    pub name: &'static str,
    /// The underlying kind.
    pub kind: Kind,
    /// The methods of a named type.
    pub methods: &'static [Method],
    /// Answers [`Scalar::methods`]; none when there are none.
    pub call: Option<ScalarCall>,
}

impl Scalar {
    /// A scalar without methods.
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, methods: &[], call: None }
    }

    /// Tells whether both describe one Go type.
    pub fn same(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.kind == other.kind && self.name == other.name)
    }

    /// Tells whether the type is Go's own rather than a named one.
    pub fn is_plain(&self) -> bool {
        self.name == self.kind.name()
    }

    /// Finds a method by name.
    pub fn method(&self, name: &str) -> Option<&'static Method> {
        self.methods.iter().find(|method| method.name == name)
    }
}

macro_rules! scalars {
    ($($ident:ident $kind:ident $doc:literal;)*) => {$(
        #[doc = concat!("Go's `", $doc, "`.")]
        pub static $ident: Scalar = Scalar::new($doc, Kind::$kind);
    )*};
}

scalars! {
    BOOL Bool "bool";
    INT Int "int";
    INT8 Int8 "int8";
    INT16 Int16 "int16";
    INT32 Int32 "int32";
    INT64 Int64 "int64";
    UINT Uint "uint";
    UINT8 Uint8 "uint8";
    UINT16 Uint16 "uint16";
    UINT32 Uint32 "uint32";
    UINT64 Uint64 "uint64";
    FLOAT32 Float32 "float32";
    FLOAT64 Float64 "float64";
    COMPLEX128 Complex128 "complex128";
    STRING String "string";
}

/// What `errors.New` makes, always held by a pointer.
pub static ERROR_STRING: StructType = StructType::new("errors.errorString", &[], &[Method::on_pointer("Error", &[], Type::STRING)]);

/// What a pointer may point to.
#[derive(Clone, Copy, Debug)]
pub enum Pointee {
    /// A scalar, such as in `*int64`.
    Scalar(&'static Scalar),
    /// A struct.
    Struct(&'static StructType),
}

/// A Go type.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// `interface {}`: a parameter that takes everything, an element that may hold anything.
    Any,
    /// `reflect.Value`: a parameter of a builtin that also sees what is missing.
    Reflect,
    /// `error`
    Error,
    /// An interface with methods, known by its name; only results of methods are declared with one.
    Interface(&'static str),
    /// A scalar.
    Scalar(&'static Scalar),
    /// A slice of the element type.
    Slice(&'static Type),
    /// A map from string to the element type.
    Map(&'static Type),
    /// A struct by value.
    Struct(&'static StructType),
    /// A pointer.
    Pointer(Pointee),
    /// A function.
    Func(&'static crate::func::Function),
}

impl Type {
    /// `bool`
    pub const BOOL: Self = Self::Scalar(&BOOL);
    /// `int`
    pub const INT: Self = Self::Scalar(&INT);
    /// `int32`
    pub const INT32: Self = Self::Scalar(&INT32);
    /// `int64`
    pub const INT64: Self = Self::Scalar(&INT64);
    /// `uint8`
    pub const UINT8: Self = Self::Scalar(&UINT8);
    /// `float64`
    pub const FLOAT64: Self = Self::Scalar(&FLOAT64);
    /// `string`
    pub const STRING: Self = Self::Scalar(&STRING);
    /// `[]byte`
    pub const BYTES: Self = Self::Slice(&Self::UINT8);
    /// `[]string`
    pub const STRINGS: Self = Self::Slice(&Self::STRING);
    /// `[]interface {}`
    pub const LIST: Self = Self::Slice(&Self::Any);
    /// `map[string]interface {}`
    pub const DICT: Self = Self::Map(&Self::Any);
    /// `map[string]string`
    pub const STRING_MAP: Self = Self::Map(&Self::STRING);

    /// Tells whether both describe one Go type.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, Self::Any) | (Self::Error, Self::Error) | (Self::Reflect, Self::Reflect) => true,
            (Self::Interface(a), Self::Interface(b)) => a == b,
            (Self::Scalar(a), Self::Scalar(b)) => a.same(b),
            (Self::Slice(a), Self::Slice(b)) | (Self::Map(a), Self::Map(b)) => a.same(b),
            (Self::Struct(a), Self::Struct(b)) => a.same(b),
            (Self::Pointer(Pointee::Scalar(a)), Self::Pointer(Pointee::Scalar(b))) => a.same(b),
            (Self::Pointer(Pointee::Struct(a)), Self::Pointer(Pointee::Struct(b))) => a.same(b),
            (Self::Func(a), Self::Func(b)) => std::ptr::eq(*a, *b),
            _ => false,
        }
    }

    /// Tells whether a value of this type may be given where `wanted` is declared.
    pub fn assignable_to(&self, wanted: &Self) -> bool {
        match wanted {
            Self::Any => true,
            Self::Reflect => matches!(self, Self::Reflect),
            _ => self.same(wanted),
        }
    }

    /// Tells whether `nil` is a value of this type.
    pub fn can_be_nil(&self) -> bool {
        !matches!(self, Self::Scalar(_) | Self::Struct(_))
    }

    /// Tells whether `==` exists for values of this type.
    pub fn comparable(&self) -> bool {
        match self {
            Self::Slice(_) | Self::Map(_) | Self::Func(_) => false,
            Self::Struct(ty) => ty.fields.iter().all(|field| field.ty.comparable()),
            _ => true,
        }
    }

    /// The kind as Go's reflect names it, which `kindOf` prints.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Any | Self::Error | Self::Interface(_) => "interface",
            Self::Reflect | Self::Struct(_) => "struct",
            Self::Scalar(scalar) => scalar.kind.name(),
            Self::Slice(_) => "slice",
            Self::Map(_) => "map",
            Self::Pointer(_) => "ptr",
            Self::Func(_) => "func",
        }
    }

    /// The struct this is, or points to.
    pub fn as_struct(&self) -> Option<&'static StructType> {
        match self {
            Self::Struct(ty) | Self::Pointer(Pointee::Struct(ty)) => Some(ty),
            _ => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("interface {}"),
            Self::Reflect => f.write_str("reflect.Value"),
            Self::Error => f.write_str("error"),
            Self::Interface(name) => f.write_str(name),
            Self::Scalar(scalar) => f.write_str(scalar.name),
            Self::Slice(elem) => write!(f, "[]{elem}"),
            Self::Map(elem) => write!(f, "map[string]{elem}"),
            Self::Struct(ty) => f.write_str(ty.name),
            Self::Pointer(Pointee::Scalar(scalar)) => write!(f, "*{}", scalar.name),
            Self::Pointer(Pointee::Struct(ty)) => write!(f, "*{}", ty.name),
            Self::Func(function) => write!(f, "{}", function.signature()),
        }
    }
}

/// The type a pointer points to.
pub(crate) fn pointee_type(pointee: Pointee) -> Type {
    match pointee {
        Pointee::Scalar(scalar) => Type::Scalar(scalar),
        Pointee::Struct(ty) => Type::Struct(ty),
    }
}
