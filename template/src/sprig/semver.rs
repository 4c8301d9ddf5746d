//! Semantic versions as template values.

use std::cmp::Ordering;
use std::rc::Rc;

use super::args::text;
use crate::func::{FuncError, Function};
use crate::go::semver::{Constraints, Version};
use crate::object::Object;
use crate::types::{Field, Json, Method, Pointee, StructType, Type, UINT64};
use crate::value::Value;

const STRING: Type = Type::STRING;
const NUMBER: Type = Type::Scalar(&UINT64);
const ITSELF: Type = Type::Struct(&VERSION);
const POINTER: Type = Type::Pointer(Pointee::Struct(&VERSION));

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("semver", &[STRING], POINTER, |context, args| {
        let version = Value::shared_pointer(Rc::new(Version::parse(&text(args, 0))?));
        context.reserve(version.made())?;
        Ok(version)
    }),
    Function::new("semverCompare", &[STRING, STRING], Type::BOOL, |_, args| {
        let (constraint, version) = (text(args, 0), text(args, 1));
        let constraint = Constraints::parse(&constraint)?;
        Ok(constraint.check(&Version::parse(&version)?).into())
    }),
];

/// The library's `semver.Version`.
pub(super) static VERSION: StructType = StructType::new(
    "semver.Version",
    &[
        Field::plain("major", NUMBER, Json::Skip),
        Field::plain("minor", NUMBER, Json::Skip),
        Field::plain("patch", NUMBER, Json::Skip),
        Field::plain("pre", STRING, Json::Skip),
        Field::plain("metadata", STRING, Json::Skip),
        Field::plain("original", STRING, Json::Skip),
    ],
    &[
        Method::on_pointer("Compare", &[POINTER], Type::INT),
        Method::on_pointer("Equal", &[POINTER], Type::BOOL),
        Method::on_pointer("GreaterThan", &[POINTER], Type::BOOL),
        Method::new("IncMajor", &[], ITSELF),
        Method::new("IncMinor", &[], ITSELF),
        Method::new("IncPatch", &[], ITSELF),
        Method::on_pointer("LessThan", &[POINTER], Type::BOOL),
        Method::new("Major", &[], NUMBER),
        Method::new("MarshalJSON", &[], Type::BYTES),
        Method::new("MarshalText", &[], Type::BYTES),
        Method::new("Metadata", &[], STRING),
        Method::new("Minor", &[], NUMBER),
        Method::on_pointer("Original", &[], STRING),
        Method::new("Patch", &[], NUMBER),
        Method::new("Prerelease", &[], STRING),
        Method::new("SetMetadata", &[STRING], ITSELF),
        Method::new("SetPrerelease", &[STRING], ITSELF),
        Method::new("String", &[], STRING),
        Method::new("Value", &[], Type::Any),
    ],
);

impl Object for Version {
    fn struct_type(&self) -> &'static StructType {
        &VERSION
    }

    fn field(&self, index: usize) -> Value<'_> {
        match index {
            0 => Value::Uint(self.major, &UINT64),
            1 => Value::Uint(self.minor, &UINT64),
            2 => Value::Uint(self.patch, &UINT64),
            3 => Value::string(&self.prerelease),
            4 => Value::string(&self.metadata),
            5 => Value::string(&self.original),
            _ => Value::Nil,
        }
    }

    fn call<'s>(&'s self, method: &str, args: &[Value<'_>]) -> Result<Value<'s>, FuncError> {
        let version = |version: Version| Ok(Value::shared(Rc::new(version)));
        let order = || match args.first() {
            Some(Value::Object(other, _)) => Ok(self.compare(&read(other.get()))),
            _ => Err(FuncError::from(super::args::NIL)),
        };
        let argument = || match args.first() {
            Some(Value::Str(text, _)) => text.to_text().into_owned(),
            _ => String::new(),
        };
        match method {
            "Compare" => Ok(Value::int(order()? as i64)),
            "Equal" => Ok((order()? == Ordering::Equal).into()),
            "GreaterThan" => Ok((order()? == Ordering::Greater).into()),
            "IncMajor" => version(self.next_major()),
            "IncMinor" => version(self.next_minor()),
            "IncPatch" => version(self.next_patch()),
            "LessThan" => Ok((order()? == Ordering::Less).into()),
            "Major" => Ok(self.field(0)),
            "MarshalJSON" => Ok(Value::Bytes(format!("\"{self}\"").into())),
            "MarshalText" => Ok(Value::Bytes(self.to_string().into())),
            "Metadata" => Ok(self.field(4)),
            "Minor" => Ok(self.field(1)),
            "Original" => Ok(self.field(5)),
            "Patch" => Ok(self.field(2)),
            "Prerelease" => Ok(self.field(3)),
            "SetMetadata" => version(self.with_metadata(&argument())?),
            "SetPrerelease" => version(self.with_prerelease(&argument())?),
            "String" | "Value" => Ok(Value::string(self.to_string())),
            _ => Err(FuncError::new(format!("semver.Version has no method {method}"))),
        }
    }

    fn share(&self) -> Rc<dyn Object> {
        Rc::new(self.clone())
    }

    fn marshal_json(&self) -> Option<Result<Vec<u8>, FuncError>> {
        Some(Ok(format!("\"{self}\"").into_bytes()))
    }
}

/// Reads a version off an object of the type [`VERSION`].
fn read(object: &dyn Object) -> Version {
    let number = |index| match object.field(index) {
        Value::Uint(number, _) => number,
        _ => 0,
    };
    let text = |index| match object.field(index) {
        Value::Str(text, _) => text.to_text().into_owned(),
        _ => String::new(),
    };
    Version { major: number(0), minor: number(1), patch: number(2), prerelease: text(3), metadata: text(4), original: text(5) }
}
