//! `time.Time`, `time.Duration` and their like as templates see them: types, methods, printed forms.
//!
//! In: instants and spans from [`crate::go`]. Out: values. Reads no clock.

use std::rc::Rc;

use crate::func::FuncError;
use crate::go::duration::Duration;
use crate::go::time::{Location, Time, month_name, weekday_name};
use crate::object::Object;
use crate::types::{Field, INT64, Json, Kind, Method, Pointee, Results, Scalar, StructType, Type, UINT64};
use crate::value::Value;

/// The layout of `Time.String`.
const STRING_LAYOUT: &[u8] = b"2006-01-02 15:04:05.999999999 -0700 MST";

/// Go's `time.Duration`.
pub static DURATION: Scalar = Scalar {
    name: "time.Duration",
    kind: Kind::Int64,
    methods: &[
        Method::new("Abs", &[], Type::Scalar(&DURATION)),
        Method::new("Hours", &[], Type::FLOAT64),
        Method::new("Microseconds", &[], Type::INT64),
        Method::new("Milliseconds", &[], Type::INT64),
        Method::new("Minutes", &[], Type::FLOAT64),
        Method::new("Nanoseconds", &[], Type::INT64),
        Method::new("Round", &[Type::Scalar(&DURATION)], Type::Scalar(&DURATION)),
        Method::new("Seconds", &[], Type::FLOAT64),
        Method::new("String", &[], Type::STRING),
        Method::new("Truncate", &[Type::Scalar(&DURATION)], Type::Scalar(&DURATION)),
    ],
    call: Some(call_duration),
};

/// Go's `time.Month`.
pub static MONTH: Scalar =
    Scalar { name: "time.Month", kind: Kind::Int, methods: &[Method::new("String", &[], Type::STRING)], call: Some(call_month) };

/// Go's `time.Weekday`.
pub static WEEKDAY: Scalar =
    Scalar { name: "time.Weekday", kind: Kind::Int, methods: &[Method::new("String", &[], Type::STRING)], call: Some(call_weekday) };

const TIME_TYPE: Type = Type::Struct(&TIME);
const LOCATION_POINTER: Type = Type::Pointer(Pointee::Struct(&LOCATION));

/// Go's `time.Time`.
pub static TIME: StructType = StructType::new(
    "time.Time",
    &[
        Field::plain("wall", Type::Scalar(&UINT64), Json::Skip),
        Field::plain("ext", Type::INT64, Json::Skip),
        Field::plain("loc", LOCATION_POINTER, Json::Skip),
    ],
    &[
        Method::new("Add", &[Type::Scalar(&DURATION)], TIME_TYPE),
        Method::new("AddDate", &[Type::INT, Type::INT, Type::INT], TIME_TYPE),
        Method::new("After", &[TIME_TYPE], Type::BOOL),
        Method::new("AppendFormat", &[Type::BYTES, Type::STRING], Type::BYTES),
        Method::new("Before", &[TIME_TYPE], Type::BOOL),
        Method::unusable("Clock", &[], Results::Unusable(3)),
        Method::new("Compare", &[TIME_TYPE], Type::INT),
        Method::unusable("Date", &[], Results::Unusable(3)),
        Method::new("Day", &[], Type::INT),
        Method::new("Equal", &[TIME_TYPE], Type::BOOL),
        Method::new("Format", &[Type::STRING], Type::STRING),
        Method::new("GoString", &[], Type::STRING),
        Method::new("Hour", &[], Type::INT),
        Method::unusable("ISOWeek", &[], Results::SecondNotError("int")),
        Method::new("In", &[LOCATION_POINTER], TIME_TYPE),
        Method::new("IsDST", &[], Type::BOOL),
        Method::new("IsZero", &[], Type::BOOL),
        Method::new("Local", &[], TIME_TYPE),
        Method::new("Location", &[], LOCATION_POINTER),
        Method::new("MarshalBinary", &[], Type::BYTES),
        Method::new("MarshalJSON", &[], Type::BYTES),
        Method::new("MarshalText", &[], Type::BYTES),
        Method::new("Minute", &[], Type::INT),
        Method::new("Month", &[], Type::Scalar(&MONTH)),
        Method::new("Nanosecond", &[], Type::INT),
        Method::new("Round", &[Type::Scalar(&DURATION)], TIME_TYPE),
        Method::new("Second", &[], Type::INT),
        Method::new("String", &[], Type::STRING),
        Method::new("Sub", &[TIME_TYPE], Type::Scalar(&DURATION)),
        Method::new("Truncate", &[Type::Scalar(&DURATION)], TIME_TYPE),
        Method::new("UTC", &[], TIME_TYPE),
        Method::new("Unix", &[], Type::INT64),
        Method::new("UnixMicro", &[], Type::INT64),
        Method::new("UnixMilli", &[], Type::INT64),
        Method::new("UnixNano", &[], Type::INT64),
        Method::new("Weekday", &[], Type::Scalar(&WEEKDAY)),
        Method::new("Year", &[], Type::INT),
        Method::new("YearDay", &[], Type::INT),
        Method::unusable("Zone", &[], Results::SecondNotError("int")),
        Method::unusable("ZoneBounds", &[], Results::SecondNotError("time.Time")),
    ],
);

/// Go's `time.Location`, always held by a pointer.
pub static LOCATION: StructType = StructType::new("time.Location", &[], &[Method::on_pointer("String", &[], Type::STRING)]);

impl Object for Time {
    fn struct_type(&self) -> &'static StructType {
        &TIME
    }

    fn field(&self, index: usize) -> Value<'_> {
        match index {
            0 => Value::Uint(self.nanosecond().into(), &UINT64),
            1 => Value::Int(self.unix().wrapping_add(62_135_596_800), &INT64),
            2 if matches!(self.location(), Location::Utc) => Value::NilPointer(Pointee::Struct(&LOCATION)),
            2 => Value::pointer_to(self.location()),
            _ => Value::Nil,
        }
    }

    fn call<'s>(&'s self, method: &str, args: &[Value<'_>]) -> Result<Value<'s>, FuncError> {
        call_time(self, method, args)
    }

    fn share(&self) -> Rc<dyn Object> {
        Rc::new(self.clone())
    }

    fn marshal_json(&self) -> Option<Result<Vec<u8>, FuncError>> {
        Some(Time::marshal_json(self).map(String::into_bytes).map_err(FuncError::from))
    }

    fn as_time(&self) -> Option<&Time> {
        Some(self)
    }
}

impl Object for Location {
    fn struct_type(&self) -> &'static StructType {
        &LOCATION
    }

    fn field(&self, _index: usize) -> Value<'_> {
        Value::Nil
    }

    fn call<'s>(&'s self, method: &str, _args: &[Value<'_>]) -> Result<Value<'s>, FuncError> {
        match method {
            "String" => Ok(Value::string(self.name())),
            _ => Err(no_method(method)),
        }
    }

    fn share(&self) -> Rc<dyn Object> {
        Rc::new(self.clone())
    }

    fn as_location(&self) -> Option<&Location> {
        Some(self)
    }
}

/// The text that `Time.String` gives.
pub fn time_string(time: &Time) -> Vec<u8> {
    time.format(STRING_LAYOUT)
}

fn no_method(method: &str) -> FuncError {
    FuncError::new(format!("no method {method}"))
}

fn call_time<'s>(time: &'s Time, method: &str, args: &[Value<'_>]) -> Result<Value<'s>, FuncError> {
    let fields = || time.fields();
    let other = || args.first().and_then(Value::as_time).ok_or_else(|| no_method(method));
    let number = |index: usize| match args.get(index) {
        Some(Value::Int(value, _)) => *value,
        _ => 0,
    };
    let text = |index: usize| args.get(index).and_then(Value::as_str).unwrap_or_default();
    Ok(match method {
        "Add" => Value::time(time.add(Duration(number(0)))),
        "AddDate" => Value::time(time.add_date(number(0), number(1), number(2))),
        "After" => Value::Bool(time.compare(other()?).is_gt()),
        "AppendFormat" => {
            let mut bytes = match args.first() {
                Some(Value::Bytes(bytes)) => bytes.to_vec(),
                _ => Vec::new(),
            };
            bytes.extend(time.format(text(1)));
            Value::Bytes(bytes.into())
        }
        "Before" => Value::Bool(time.compare(other()?).is_lt()),
        "Compare" => Value::int(time.compare(other()?) as i64),
        "Day" => Value::int(fields().day),
        "Equal" => Value::Bool(time.equal(other()?)),
        "Format" => Value::string(time.format(text(0))),
        "GoString" => Value::string(time.go_string()),
        "Hour" => Value::int(fields().hour),
        "In" => match args.first() {
            Some(Value::Object(object, _)) => match object.get().as_location() {
                Some(location) => Value::time(time.at(location.clone())),
                None => return Err(no_method(method)),
            },
            _ => return Err("time: missing Location in call to Time.In".into()),
        },
        "IsDST" => Value::Bool(time.is_dst()),
        "IsZero" => Value::Bool(time.is_zero()),
        "Local" => Value::time(time.at(Location::Local)),
        "Location" => Value::pointer_to(time.location()),
        "MarshalBinary" => Value::Bytes(time.marshal_binary()?.into()),
        "MarshalJSON" => Value::Bytes(Time::marshal_json(time)?.into()),
        "MarshalText" => Value::Bytes(time.marshal_text()?.into()),
        "Minute" => Value::int(fields().minute),
        "Month" => Value::Int(fields().month, &MONTH),
        "Nanosecond" => Value::int(time.nanosecond().into()),
        "Round" => Value::time(time.round(Duration(number(0)))),
        "Second" => Value::int(fields().second),
        "String" => Value::string(time_string(time)),
        "Sub" => Value::duration(time.sub(other()?).0),
        "Truncate" => Value::time(time.truncate(Duration(number(0)))),
        "UTC" => Value::time(time.at(Location::Utc)),
        "Unix" => Value::int64(time.unix()),
        "UnixMicro" => Value::int64(time.unix_micro()),
        "UnixMilli" => Value::int64(time.unix_milli()),
        "UnixNano" => Value::int64(time.unix_nano()),
        "Weekday" => Value::Int(fields().weekday, &WEEKDAY),
        "Year" => Value::int(fields().year),
        "YearDay" => Value::int(fields().year_day),
        _ => return Err(no_method(method)),
    })
}

fn call_duration<'a>(value: &Value<'a>, method: &str, args: &[Value<'a>]) -> Result<Value<'a>, FuncError> {
    let Value::Int(nanoseconds, _) = value else { return Err(no_method(method)) };
    let duration = Duration(*nanoseconds);
    let unit = match args.first() {
        Some(Value::Int(unit, _)) => Duration(*unit),
        _ => Duration(0),
    };
    Ok(match method {
        "Abs" => Value::duration(duration.abs().0),
        "Hours" => Value::float64(duration.hours()),
        "Microseconds" => Value::int64(duration.microseconds()),
        "Milliseconds" => Value::int64(duration.milliseconds()),
        "Minutes" => Value::float64(duration.minutes()),
        "Nanoseconds" => Value::int64(duration.nanoseconds()),
        "Round" => Value::duration(duration.round(unit).0),
        "Seconds" => Value::float64(duration.seconds()),
        "String" => Value::string(duration.to_string()),
        "Truncate" => Value::duration(duration.truncate(unit).0),
        _ => return Err(no_method(method)),
    })
}

fn call_month<'a>(value: &Value<'a>, method: &str, _args: &[Value<'a>]) -> Result<Value<'a>, FuncError> {
    match (value, method) {
        (Value::Int(month, _), "String") => Ok(Value::string(month_name(*month))),
        _ => Err(no_method(method)),
    }
}

fn call_weekday<'a>(value: &Value<'a>, method: &str, _args: &[Value<'a>]) -> Result<Value<'a>, FuncError> {
    match (value, method) {
        (Value::Int(day, _), "String") => Ok(Value::string(weekday_name(*day))),
        _ => Err(no_method(method)),
    }
}
