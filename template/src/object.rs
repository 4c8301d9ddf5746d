//! How a Rust struct appears to templates as a Go struct.
//!
//! In: a struct and its descriptor. Out: fields by index, method results, and the JSON of types that write their own. An
//! object never changes while a template runs; methods that would change it are described but cannot be called.

use std::fmt;
use std::rc::Rc;

use crate::func::FuncError;
use crate::go::time::Time;
use crate::types::StructType;
use crate::value::Value;

/// A Rust struct that templates see as a Go struct.
pub trait Object {
    /// Describes the struct.
    fn struct_type(&self) -> &'static StructType;

    /// Gives the field of this index in the descriptor; [`Value::Nil`] for an index that is not in it.
    fn field(&self, index: usize) -> Value<'_>;

    /// Calls a method declared in the descriptor, with arguments already of the declared types.
    fn call<'s>(&'s self, method: &str, args: &[Value<'_>]) -> Result<Value<'s>, FuncError> {
        let _ = args;
        Err(FuncError::new(format!("{} has no method {method}", self.struct_type().name)))
    }

    /// Copies the struct into shared memory, for a value that outlives what it was read from.
    fn share(&self) -> Rc<dyn Object>;

    /// Writes the JSON of a type that has its own (Go's `MarshalJSON`); none means field by field.
    fn marshal_json(&self) -> Option<Result<Vec<u8>, FuncError>> {
        None
    }

    /// The time, when the struct is Go's `time.Time` itself.
    fn as_time(&self) -> Option<&Time> {
        None
    }

    /// The name, when the struct is Go's `time.Location` itself.
    fn as_location(&self) -> Option<&crate::go::time::Location> {
        None
    }
}

/// A Rust struct whose Go type is known without a value.
pub trait Struct: Object {
    /// Describes the struct.
    const DESCRIPTOR: &'static StructType;
}

/// Describes a Rust struct to templates: its descriptor, [`Struct`] and [`Object`].
///
/// A line of `fields` is `plain` or `embedded`, the Go name, the Rust field, and how JSON names it. `call` answers the
/// declared methods; `json` is what the type's own `MarshalJSON` gives, if it has one.
///
/// ```
/// use herald_template::{Value, go_struct, types::Type};
///
/// #[derive(Clone)]
/// struct Source { component: String }
///
/// go_struct! {
///     /// Go's `v1.EventSource`.
///     pub static SOURCE = "v1.EventSource" for Source;
///     fields: [plain Component = component, OmitEmpty("component");]
///     methods: &[];
///     call: |_source, method, _args| Err(format!("no method {method}").into());
/// }
/// ```
#[macro_export]
macro_rules! go_struct {
    (
        $(#[$doc:meta])*
        $vis:vis static $descriptor:ident = $name:literal for $rust:ident;
        fields: [$($kind:ident $go:ident = $field:tt, $json:ident $(($json_name:literal))?;)*]
        methods: $methods:expr;
        call: $call:expr;
        $(json: $own_json:expr;)?
    ) => {
        $(#[$doc])*
        $vis static $descriptor: $crate::types::StructType = $crate::types::StructType::new(
            $name,
            &[$($crate::types::Field::$kind(
                stringify!($go),
                $crate::field_type(|object: &$rust| &object.$field),
                $crate::types::Json::$json $(($json_name))?,
            )),*],
            $methods,
        );

        impl $crate::Struct for $rust {
            const DESCRIPTOR: &'static $crate::types::StructType = &$descriptor;
        }

        impl $crate::Object for $rust {
            fn struct_type(&self) -> &'static $crate::types::StructType {
                &$descriptor
            }

            fn field(&self, index: usize) -> $crate::Value<'_> {
                const FIELDS: &[for<'a> fn(&'a $rust) -> $crate::Value<'a>] =
                    &[$(|object| $crate::ToValue::to_value(&object.$field)),*];
                FIELDS.get(index).map_or($crate::Value::Nil, |field| field(self))
            }

            fn call<'s>(&'s self, method: &str, args: &[$crate::Value<'_>]) -> Result<$crate::Value<'s>, $crate::FuncError> {
                type Call = for<'s> fn(&'s $rust, &str, &[$crate::Value<'_>]) -> Result<$crate::Value<'s>, $crate::FuncError>;
                const CALL: Call = $call;
                CALL(self, method, args)
            }

            fn share(&self) -> std::rc::Rc<dyn $crate::Object> {
                std::rc::Rc::new(Clone::clone(self))
            }

            $(
            fn marshal_json(&self) -> Option<Result<Vec<u8>, $crate::FuncError>> {
                const JSON: fn(&$rust) -> Result<Vec<u8>, $crate::FuncError> = $own_json;
                Some(JSON(self))
            }
            )?
        }
    };
}

/// The Go type of the field a function reads; the function is not called.
#[doc(hidden)]
pub const fn field_type<R, T: crate::value::ToValue>(_field: fn(&R) -> &T) -> crate::types::Type {
    T::TYPE
}

/// How a struct is held, which decides whether methods with a pointer receiver are reachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A pointer to the struct.
    Pointer,
    /// The struct itself, in a place whose address can be taken.
    Addressable,
    /// A copy of the struct, as it is after passing through `interface {}`.
    Copy,
}

/// A struct, borrowed from the caller or shared.
#[derive(Clone)]
pub enum ObjectRef<'a> {
    /// Borrowed for as long as the rendering lasts.
    Borrowed(&'a dyn Object),
    /// Made while rendering.
    Shared(Rc<dyn Object>),
}

impl<'a> ObjectRef<'a> {
    /// The object behind it.
    pub fn get(&self) -> &dyn Object {
        match self {
            Self::Borrowed(object) => *object,
            Self::Shared(object) => object.as_ref(),
        }
    }

    /// Gives the field of this index, copied when the object is shared.
    pub fn field(&self, index: usize) -> Value<'a> {
        match self {
            Self::Borrowed(object) => object.field(index),
            Self::Shared(object) => object.field(index).to_owned_value(),
        }
    }

    /// Calls a method, copying its result when the object is shared.
    pub fn call(&self, method: &str, args: &[Value<'_>]) -> Result<Value<'a>, FuncError> {
        match self {
            Self::Borrowed(object) => object.call(method, args),
            Self::Shared(object) => Ok(object.call(method, args)?.to_owned_value()),
        }
    }

    /// Copies into shared memory unless it is there already.
    pub fn share(&self) -> Rc<dyn Object> {
        match self {
            Self::Borrowed(object) => object.share(),
            Self::Shared(object) => Rc::clone(object),
        }
    }
}

impl fmt::Debug for ObjectRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get().struct_type().name)
    }
}

/// The zero value of a struct known only by its descriptor.
#[derive(Debug)]
pub(crate) struct Zero(pub(crate) &'static StructType);

impl Object for Zero {
    fn struct_type(&self) -> &'static StructType {
        self.0
    }

    fn field(&self, index: usize) -> Value<'_> {
        self.0.fields.get(index).map_or(Value::Nil, |field| Value::zero(&field.ty))
    }

    fn share(&self) -> Rc<dyn Object> {
        Rc::new(Self(self.0))
    }
}
