//! metav1's times: Go's `time.Time` with seconds or microseconds in JSON, and null for the zero time.

use std::rc::Rc;

use herald_template::clock::time_string;
use herald_template::go::time::{Location, Time as GoTime};
use herald_template::types::{Method, OnNil, Type};
use herald_template::{FuncError, Value, go_struct};

use super::{no_method, pointer, proto};

/// Go's metav1 `Time`.
#[derive(Clone, Debug, Default)]
pub struct Time(pub GoTime);

/// Go's metav1 `MicroTime`.
#[derive(Clone, Debug, Default)]
pub struct MicroTime(pub GoTime);

go_struct! {
    /// Go's `v1.Time`.
    pub static META_TIME = "v1.Time" for Time;
    fields: [embedded Time = 0, Skip;]
    methods: &[
        Method::on_pointer("Before", &[pointer(&META_TIME)], Type::BOOL).on_nil(OnNil::Bool(false)),
        Method::on_pointer("DeepCopy", &[], pointer(&META_TIME)).on_nil(OnNil::Zero),
        Method::on_pointer("Equal", &[pointer(&META_TIME)], Type::BOOL).on_nil(OnNil::Bool(false)),
        Method::on_pointer("IsZero", &[], Type::BOOL).on_nil(OnNil::Bool(true)),
        Method::on_pointer("Marshal", &[], Type::BYTES),
        Method::on_pointer("Size", &[], Type::INT).on_nil(OnNil::Zero),
        Method::new("MarshalJSON", &[], Type::BYTES),
        Method::new("MarshalQueryParameter", &[], Type::STRING),
        Method::new("OpenAPISchemaFormat", &[], Type::STRING),
        Method::new("OpenAPISchemaType", &[], Type::STRINGS),
        Method::new("Rfc3339Copy", &[], Type::Struct(&META_TIME)),
        Method::new("ToUnstructured", &[], Type::Any),
        Method::setter("DeepCopyInto", &[pointer(&META_TIME)]),
        Method::setter("ProtoMessage", &[]),
        Method::setter("Reset", &[]),
    ];
    call: |time, method, args| {
        let rfc3339 = || time.0.at(Location::Utc).format(herald_template::go::time::RFC3339);
        Ok(match method {
            "MarshalQueryParameter" if time.0.is_zero() => Value::string(""),
            "MarshalQueryParameter" => Value::string(rfc3339()),
            "Rfc3339Copy" => {
                let copy = herald_template::go::time::parse(herald_template::go::time::RFC3339, &time.0.format(herald_template::go::time::RFC3339));
                Value::shared(Rc::new(Time(copy.unwrap_or_default())))
            }
            "ToUnstructured" if time.0.is_zero() => Value::Nil,
            "ToUnstructured" => Value::string(rfc3339()),
            "MarshalJSON" => Value::Bytes(time_json(&time.0, false)?.into()),
            "DeepCopy" => Value::shared_pointer(Rc::new(time.clone())),
            "Marshal" => Value::Bytes(proto::time(&time.0).into()),
            "Size" => Value::int(i64::try_from(proto::time(&time.0).len()).unwrap_or(i64::MAX)),
            _ => return compare(&time.0, method, args),
        })
    };
    json: |time| time_json(&time.0, false);
}

go_struct! {
    /// Go's `v1.MicroTime`.
    pub static MICRO_TIME = "v1.MicroTime" for MicroTime;
    fields: [embedded Time = 0, Skip;]
    methods: &[
        Method::on_pointer("Before", &[pointer(&MICRO_TIME)], Type::BOOL).on_nil(OnNil::Bool(false)),
        Method::on_pointer("BeforeTime", &[pointer(&META_TIME)], Type::BOOL).on_nil(OnNil::Bool(false)),
        Method::on_pointer("DeepCopy", &[], pointer(&MICRO_TIME)).on_nil(OnNil::Zero),
        Method::on_pointer("Equal", &[pointer(&MICRO_TIME)], Type::BOOL).on_nil(OnNil::Bool(false)),
        Method::on_pointer("EqualTime", &[pointer(&META_TIME)], Type::BOOL).on_nil(OnNil::Bool(false)),
        Method::on_pointer("IsZero", &[], Type::BOOL).on_nil(OnNil::Bool(true)),
        Method::on_pointer("Marshal", &[], Type::BYTES),
        Method::on_pointer("Size", &[], Type::INT).on_nil(OnNil::Zero),
        Method::new("MarshalJSON", &[], Type::BYTES),
        Method::new("MarshalQueryParameter", &[], Type::STRING),
        Method::new("OpenAPISchemaFormat", &[], Type::STRING),
        Method::new("OpenAPISchemaType", &[], Type::STRINGS),
        Method::setter("DeepCopyInto", &[pointer(&MICRO_TIME)]),
        Method::setter("ProtoMessage", &[]),
        Method::setter("Reset", &[]),
    ];
    call: |time, method, args| Ok(match method {
        "MarshalQueryParameter" if time.0.is_zero() => Value::string(""),
        "MarshalQueryParameter" => Value::string(time.0.at(Location::Utc).format(MICROSECONDS)),
        "MarshalJSON" => Value::Bytes(time_json(&time.0, true)?.into()),
        "DeepCopy" => Value::shared_pointer(Rc::new(time.clone())),
        "Marshal" => Value::Bytes(proto::time(&time.0).into()),
        "Size" => Value::int(i64::try_from(proto::time(&time.0).len()).unwrap_or(i64::MAX)),
        _ => return compare(&time.0, method, args),
    });
    json: |time| time_json(&time.0, true);
}

/// The layout of microseconds in JSON.
const MICROSECONDS: &[u8] = b"2006-01-02T15:04:05.000000Z07:00";

impl Time {
    /// The text the time prints as.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&time_string(&self.0)).into_owned()
    }
}

impl MicroTime {
    /// The text the time prints as.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&time_string(&self.0)).into_owned()
    }
}

fn time_json(time: &GoTime, micro: bool) -> Result<Vec<u8>, FuncError> {
    if time.is_zero() {
        return Ok(b"null".to_vec());
    }
    let layout = if micro { MICROSECONDS } else { herald_template::go::time::RFC3339 };
    Ok([b"\"", time.at(Location::Utc).format(layout).as_slice(), b"\""].concat())
}

/// The comparisons, which take pointers and know nil.
fn compare<'s>(time: &GoTime, method: &str, args: &[Value<'_>]) -> Result<Value<'s>, FuncError> {
    let other = match args.first() {
        Some(Value::Object(object, _)) => match object.field(0) {
            Value::Object(inner, _) => inner.get().as_time().cloned(),
            _ => None,
        },
        _ => None,
    };
    Ok(match (method, other) {
        ("Before" | "BeforeTime", Some(other)) => Value::Bool(time.compare(&other).is_lt()),
        ("Equal" | "EqualTime", Some(other)) => Value::Bool(time.equal(&other)),
        ("Before" | "BeforeTime" | "Equal" | "EqualTime", None) => Value::Bool(false),
        ("IsZero", _) => Value::Bool(time.is_zero()),
        ("OpenAPISchemaFormat", _) => Value::string("date-time"),
        ("OpenAPISchemaType", _) => Value::strings(["string"]),
        _ => return Err(no_method(method)),
    })
}

/// The type of the embedded time, for readers of the descriptors above.
#[test]
fn the_embedded_time_is_go_s() {
    assert!(META_TIME.fields[0].ty.as_struct().is_some_and(|ty| ty.same(&herald_template::clock::TIME)));
}
