//! Small types that configuration values are made of.

use std::{borrow::Cow, fmt, num::NonZeroU32, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A secret: readable through [`Secret::expose`] only, never printed.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct Secret(String);

impl Secret {
    /// Returns the secret itself, for handing it to whom it is meant for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A value with its place in the file; two are equal when their values are, wherever they stand.
#[derive(Clone, Debug, Default)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Line, from 1; 0 when it does not come from a file.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Path of its key.
    pub path: String,
    /// Whether it holds a variable's value, which must not be shown.
    pub hidden: bool,
}

impl<T> Located<T> {
    /// The name under which [`super::decode`] knows this type.
    pub(super) const MARKER: &'static str = "$herald::Located";

    /// Returns a problem at this place.
    #[must_use]
    pub fn problem(&self, message: String) -> super::Problem {
        super::Problem { line: self.line, column: self.column, path: self.path.clone(), message }
    }
}

impl<T: fmt::Debug> Located<T> {
    /// Says what stands there, for messages; a variable's value is not shown.
    #[must_use]
    pub fn found(&self) -> String {
        if self.hidden { super::document::HIDDEN.to_owned() } else { format!("{:?}", self.value) }
    }
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Located<T> {}

impl<T> From<T> for Located<T> {
    fn from(value: T) -> Self {
        Self { value, line: 0, column: 0, path: String::new(), hidden: false }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Located<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Located<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut parts: A) -> Result<Self::Value, A::Error> {
                let missing = || de::Error::custom("a located value has five parts");
                Ok(Located {
                    line: parts.next_element()?.ok_or_else(missing)?,
                    column: parts.next_element()?.ok_or_else(missing)?,
                    path: parts.next_element()?.ok_or_else(missing)?,
                    hidden: parts.next_element()?.ok_or_else(missing)?,
                    value: parts.next_element()?.ok_or_else(missing)?,
                })
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                T::deserialize(deserializer).map(Located::from)
            }
        }
        deserializer.deserialize_newtype_struct(Self::MARKER, Visitor(std::marker::PhantomData))
    }
}

/// One value, or a list of them; nothing is an empty list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Several<T>(pub Vec<T>);

impl<T> Several<T> {
    /// The name under which [`super::decode`] knows this type.
    pub(super) const MARKER: &'static str = "$herald::Several";
}

impl<T> Default for Several<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Several<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value or a list of values")
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    all.push(item);
                }
                Ok(Several(all))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
                T::deserialize(deserializer).map(|value| Several(vec![value]))
            }
        }
        deserializer.deserialize_newtype_struct(Self::MARKER, Visitor(std::marker::PhantomData))
    }
}

/// A length of time: a number of seconds, or Go's form (`90s`, `1m30s`, `250ms`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period(pub Duration);

/// The longest period: what is added to a clock must not overflow it.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

impl std::str::FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("found {text:?}, expected seconds or a duration such as 90s, 1m30s or 250ms, at most a year");
        let within = |total: Duration| if total <= LONGEST { Ok(Self(total)) } else { Err(wrong()) };
        if let Ok(seconds) = text.parse::<f64>() {
            return Duration::try_from_secs_f64(seconds).map_err(|_| wrong()).and_then(within);
        }
        let mut rest = text.trim();
        let mut total = Duration::ZERO;
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
            let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
            let unit = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |length| digits + length);
            let seconds = match &rest[digits..unit] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3_600.0,
                _ => return Err(wrong()),
            };
            let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
            total = total.checked_add(part).ok_or_else(wrong)?;
            rest = &rest[unit..];
        }
        within(total)
    }
}

/// In Go's form with one unit, for the schema's defaults.
impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let millis = self.0.as_millis();
        let (number, unit) = match millis {
            _ if millis.is_multiple_of(3_600_000) => (millis / 3_600_000, "h"),
            _ if millis.is_multiple_of(60_000) => (millis / 60_000, "m"),
            _ if millis.is_multiple_of(1_000) => (millis / 1_000, "s"),
            _ => (millis, "ms"),
        };
        serializer.collect_str(&format_args!("{number}{unit}"))
    }
}

/// How many in what time: a number a second, or `10/s`, `60/m`, `100/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In what time.
    pub per: Duration,
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("found {text:?}, expected a whole number above 0, alone (a second) or as 10/s, 60/m, 100/h");
        let (count, unit) = text.split_once('/').unwrap_or((text, "s"));
        let per = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => return Err(wrong()),
        };
        Ok(Self { count: count.trim().parse().map_err(|_| wrong())?, per: Duration::from_secs(per) })
    }
}

/// The schema of a type written as text, or as a number.
macro_rules! schema_of_text {
    ($($type:ty => $name:literal, $schema:tt;)*) => {$(
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

schema_of_text! {
    Period => "Period", {"description": "Seconds, or a duration such as 90s, 1m30s, 250ms", "type": ["number", "string"]};
    Rate => "Rate", {"description": "A number a second, or 10/s, 60/m, 100/h", "type": ["integer", "string"]};
    LogLevel => "LogLevel", {"enum": ["trace", "debug", "info", "warn", "error", "fatal", "panic"]};
}

impl<T: JsonSchema> JsonSchema for Located<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

impl<T: JsonSchema> JsonSchema for Several<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("OneOrSeveral_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<T>();
        json_schema!({"anyOf": [one, {"type": "array", "items": one}]})
    }
}

macro_rules! deserialize_from_text {
    ($($type:ty),*) => {$(
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    )*};
}

deserialize_from_text!(Period, Rate, LogLevel);

/// Least severe log level printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// Details for finding faults.
    Debug,
    /// What a person wants to know in normal operation.
    #[default]
    Info,
    /// What may need attention.
    Warn,
    /// What failed; `fatal` and `panic` of the old exporter mean this.
    Error,
}

impl LogLevel {
    /// The level's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

impl std::str::FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" | "" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" | "fatal" | "panic" => Self::Error,
            _ => return Err(format!("found {text:?}, expected trace, debug, info, warn, error, fatal or panic")),
        })
    }
}

impl Serialize for LogLevel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    #[default]
    Pretty,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_seconds_or_gos_form() {
        let parse = |text: &str| text.parse::<Period>().map(|period| period.0);
        assert_eq!(parse("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("1.5h"), Ok(Duration::from_secs(5_400)));
        for wrong in ["", "-1", "1d", "s", "1m x", "1e400", "NaN", "9000h", "1e19", "18446744073709551615s18446744073709551615s"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rates_count_per_second_minute_or_hour() {
        let rate: Rate = "60/m".parse().expect("a rate");
        assert_eq!((rate.count.get(), rate.per), (60, Duration::from_secs(60)));
        assert_eq!("5".parse::<Rate>().expect("a rate").per, Duration::from_secs(1));
        for wrong in ["0", "-1", "5/d", "x/s", ""] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_is_never_printed() {
        assert_eq!(format!("{:?}", Secret::from("hunter2".to_owned())), "***");
    }
}
