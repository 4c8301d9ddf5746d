//! Dates. The clock is the host's, the local zone is UTC.

use super::args::{Done, NIL, any, string, text};
use super::math::clamped;
use crate::clock::TIME;
use crate::func::{Context, FuncError, Function};
use crate::go::duration::{self, Duration, HOUR, MINUTE, SECOND};
use crate::go::time::{Location, Time, parse_in_location};
use crate::types::{Kind, Pointee, Type};
use crate::value::{Str, Value};

const ANY: Type = Type::Any;
const STRING: Type = Type::STRING;
const DATE: Type = Type::Struct(&TIME);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("ago", &[ANY], STRING, ago),
    Function::new("date", &[STRING, ANY], STRING, date),
    Function::new("dateInZone", &[STRING, ANY, STRING], STRING, date_in_zone),
    Function::new("dateModify", &[STRING, DATE], DATE, |_, args| modify(args).map(|(moved, _)| moved)),
    Function::new("date_in_zone", &[STRING, ANY, STRING], STRING, date_in_zone),
    Function::new("date_modify", &[STRING, DATE], DATE, |_, args| modify(args).map(|(moved, _)| moved)),
    Function::new("duration", &[ANY], STRING, of_seconds),
    Function::new("durationRound", &[ANY], STRING, round),
    Function::new("htmlDate", &[ANY], STRING, |context, args| formatted(context, &"2006-01-02".into(), &any(args, 0), b"Local")),
    Function::new("htmlDateInZone", &[ANY, STRING], STRING, |context, args| {
        let zone = text(args, 1);
        formatted(context, &"2006-01-02".into(), &any(args, 0), &zone)
    }),
    Function::new("mustDateModify", &[STRING, DATE], DATE, must_modify),
    Function::new("mustToDate", &[STRING, STRING], DATE, |_, args| {
        let (layout, value) = (text(args, 0), text(args, 1));
        Ok(Value::time(parse_in_location(&layout, &value, &Location::Local)?))
    }),
    Function::new("must_date_modify", &[STRING, DATE], DATE, must_modify),
    Function::new("now", &[], DATE, |context, _| Ok(Value::time(context.host().now()))),
    Function::new("toDate", &[STRING, STRING], DATE, |_, args| {
        let (layout, value) = (text(args, 0), text(args, 1));
        Ok(Value::time(parse_in_location(&layout, &value, &Location::Local).unwrap_or_default()))
    }),
    Function::new("unixEpoch", &[DATE], STRING, |_, args| Ok(Value::string(time(args, 0).unix().to_string()))),
];

fn time(args: &mut [Value<'_>], at: usize) -> Time {
    any(args, at).as_time().cloned().unwrap_or_default()
}

/// Takes what Go's type switch takes: a time, or a plain `int` or `int64` of seconds.
fn instant(value: &Value<'_>) -> Result<Option<Time>, FuncError> {
    match value {
        Value::Int(seconds, ty) if ty.is_plain() && matches!(ty.kind, Kind::Int | Kind::Int64) => {
            Ok(Some(Time::from_unix(*seconds, 0, Location::Local)))
        }
        Value::NilPointer(Pointee::Struct(ty)) if ty.same(&TIME) => Err(NIL.into()),
        other => Ok(other.as_time().cloned()),
    }
}

fn date<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let layout = text(args, 0);
    formatted(context, &layout, &any(args, 1), b"Local")
}

fn date_in_zone<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let (layout, zone) = (text(args, 0), text(args, 2));
    formatted(context, &layout, &any(args, 1), &zone)
}

/// Formats an instant, or the present for everything that is none, in a zone, or in UTC for one that does not exist.
fn formatted<'a>(context: &mut Context<'_>, layout: &Str<'_>, value: &Value<'_>, zone: &[u8]) -> Done<'a> {
    let time = match (instant(value)?, value) {
        (Some(time), _) => time,
        (None, Value::Int(seconds, ty)) if ty.is_plain() && ty.kind == Kind::Int32 => Time::from_unix(*seconds, 0, Location::Local),
        _ => context.host().now(),
    };
    let zone = Location::load(zone).unwrap_or(Location::Utc);
    // No field of a layout writes more than some twenty times its own length.
    context.reserve(layout.len())?;
    string(context, time.at(zone).format(layout))
}

fn modify<'a>(args: &mut [Value<'a>]) -> Result<(Value<'a>, Option<String>), FuncError> {
    let (span, time) = (text(args, 0), time(args, 1));
    Ok(match duration::parse(&span) {
        Ok(span) => (Value::time(time.add(span)), None),
        Err(error) => (Value::time(time), Some(error)),
    })
}

fn must_modify<'a>(_: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let (moved, error) = modify(args)?;
    error.map_or(Ok(moved), |error| Err(error.into()))
}

/// The time since an instant, in whole seconds; since now for everything that is none.
fn ago<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let now = context.host().now();
    let value = any(args, 0);
    // Unlike other functions this one does not take a pointer.
    let since = match &value {
        Value::Object(_, crate::object::Form::Pointer) | Value::NilPointer(_) => None,
        value => instant(value)?,
    };
    let span = since.map_or(Duration(0), |since| now.sub(&since));
    Ok(Value::string(span.round(Duration(SECOND)).to_string()))
}

/// A number of seconds, as text or `int64`, as a duration; everything else is none.
fn of_seconds<'a>(_: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let seconds = match any(args, 0) {
        Value::Str(text, ty) if ty.is_plain() => clamped(&text),
        Value::Int(seconds, ty) if ty.is_plain() && ty.kind == Kind::Int64 => seconds,
        _ => 0,
    };
    Ok(Value::string(Duration(seconds.wrapping_mul(SECOND)).to_string()))
}

/// A duration in its largest unit, cut: text, `int64` of nanoseconds, or the time since an instant.
fn round<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let value = any(args, 0);
    let span = match &value {
        Value::Str(text, ty) if ty.is_plain() => duration::parse(text).unwrap_or_default(),
        Value::Int(nanoseconds, ty) if ty.is_plain() && ty.kind == Kind::Int64 => Duration(*nanoseconds),
        Value::Object(_, crate::object::Form::Pointer) => Duration(0),
        value => value.as_time().map_or(Duration(0), |since| context.host().now().sub(since)),
    };
    let size = span.0.unsigned_abs();
    let day = 24 * HOUR;
    let units = [(365 * day, "y"), (30 * day, "mo"), (day, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")];
    let shown = units.iter().map(|(unit, name)| (unit.unsigned_abs(), name)).find(|(unit, _)| size > *unit);
    Ok(Value::string(shown.map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", size / unit))))
}
