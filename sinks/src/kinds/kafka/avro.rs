//! Avro of an event: a zero byte, the schema's id, and Avro's binary form of the event's JSON.
//!
//! In go a schema, once, and then JSON; out come bytes, or what does not fit. As in goavro, unions hold plain JSON, what the schema does not have is an error,
//! and what an event does not have takes the schema's default. Timestamps of the schema may be RFC 3339 in the event. Pure.

use apache_avro::{
    Schema,
    schema::{NamesRef, RecordSchema, ResolvedSchema, UnionSchema, UuidSchema},
    types::Value,
    writer::datum::GenericDatumWriter,
};
use data_encoding::HEXLOWER_PERMISSIVE;
use jiff::Timestamp;
use serde_json::Value as Json;

/// What a record's value is said to be.
pub(super) const CONTENT_TYPE: &str = "avro/binary";

/// The id of a schema in a registry.
type Id = [u8; 16];

/// Encodes events by a schema.
pub(super) struct Avro {
    id: Id,
    schema: Schema,
}

impl Avro {
    /// Reads an id: 32 hexadecimal digits.
    pub(super) fn id(text: &str) -> Option<Id> {
        HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
    }

    /// Reads a schema; the error says what is wrong with it.
    pub(super) fn new(id: Id, schema: &str) -> Result<Self, String> {
        let schema = Schema::parse_str(schema).map_err(|error| error.to_string())?;
        ResolvedSchema::new(&schema).map_err(|error| error.to_string())?;
        Ok(Self { id, schema })
    }

    /// Encodes an event's JSON; the error says what does not fit, and where.
    pub(super) fn encode(&self, json: &[u8]) -> Result<Vec<u8>, String> {
        let cannot = |error: &dyn std::fmt::Display| format!("cannot be encoded as Avro: {error}");
        let json: Json = serde_json::from_slice(json).map_err(|error| cannot(&error))?;
        let resolved = ResolvedSchema::new(&self.schema).map_err(|error| cannot(&error))?;
        let value = Fit { names: resolved.get_names() }.value(&json, &self.schema, None);
        let value = value.map_err(|Misfit { path, message }| match path.as_str() {
            "" => cannot(&message),
            path => cannot(&format!("{}: {message}", path.trim_start_matches('.'))),
        })?;
        let mut out = vec![0];
        out.extend_from_slice(&self.id);
        let writer = GenericDatumWriter::builder(&self.schema).resolved_schemata(resolved).build().map_err(|error| cannot(&error))?;
        writer.write_value_ref(&mut out, &value).map_err(|error| cannot(&error))?;
        Ok(out)
    }
}

/// What does not fit, with its place from the inside out.
struct Misfit {
    path: String,
    message: String,
}

impl Misfit {
    fn new(found: &Json, expected: &str) -> Self {
        let found = match found {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Number(_) => "a number",
            Json::String(_) => "a text",
            Json::Array(_) => "a list",
            Json::Object(_) => "a map",
        };
        Self { path: String::new(), message: format!("found {found}, the schema has {expected}") }
    }

    fn below(self, key: &str) -> Self {
        Self { path: format!(".{key}{}", self.path), message: self.message }
    }
}

/// Makes Avro's values of JSON.
struct Fit<'a> {
    names: &'a NamesRef<'a>,
}

impl Fit<'_> {
    fn value(&self, json: &Json, schema: &Schema, namespace: Option<&str>) -> Result<Value, Misfit> {
        let misfit = |expected: &str| Misfit::new(json, expected);
        let long = || json.as_i64().ok_or_else(|| misfit("a whole number"));
        let int = || long()?.try_into().map_err(|_| misfit("a whole number of 32 bits"));
        let double = || json.as_f64().ok_or_else(|| misfit("a number"));
        let text = |expected: &str| json.as_str().ok_or_else(|| misfit(expected));
        let instant = |scale: fn(Timestamp) -> i64| match json {
            Json::String(text) => text.parse().map(scale).map_err(|_| misfit("a time")),
            _ => long(),
        };
        Ok(match schema {
            Schema::Ref { name } => {
                let name = name.fully_qualified_name(namespace).into_owned();
                let schema = self.names.get(&name).ok_or_else(|| misfit("a name it does not define"))?;
                return self.value(json, schema, namespace);
            }
            Schema::Null if json.is_null() => Value::Null,
            Schema::Null => return Err(misfit("null")),
            Schema::Boolean => Value::Boolean(json.as_bool().ok_or_else(|| misfit("a boolean"))?),
            Schema::Int => Value::Int(int()?),
            Schema::Date => Value::Date(int()?),
            Schema::TimeMillis => Value::TimeMillis(int()?),
            Schema::Long => Value::Long(long()?),
            Schema::TimeMicros => Value::TimeMicros(long()?),
            Schema::TimestampMillis => Value::TimestampMillis(instant(Timestamp::as_millisecond)?),
            Schema::TimestampMicros => Value::TimestampMicros(instant(Timestamp::as_microsecond)?),
            Schema::TimestampNanos => Value::TimestampNanos(instant(|at| i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX))?),
            Schema::LocalTimestampMillis => Value::LocalTimestampMillis(long()?),
            Schema::LocalTimestampMicros => Value::LocalTimestampMicros(long()?),
            Schema::LocalTimestampNanos => Value::LocalTimestampNanos(long()?),
            #[allow(clippy::cast_possible_truncation, reason = "a float is what the schema wants")]
            Schema::Float => Value::Float(double()? as f32),
            Schema::Double => Value::Double(double()?),
            Schema::String | Schema::Uuid(UuidSchema::String) => Value::String(text("a text")?.to_owned()),
            Schema::Bytes => Value::Bytes(bytes(text("bytes")?).ok_or_else(|| misfit("bytes"))?),
            Schema::Fixed(fixed) => {
                let bytes = bytes(text("bytes")?).filter(|bytes| bytes.len() == fixed.size);
                Value::Fixed(fixed.size, bytes.ok_or_else(|| misfit(&format!("{} bytes", fixed.size)))?)
            }
            Schema::Enum(symbols) => {
                let text = text("a symbol")?;
                let place = symbols.symbols.iter().position(|symbol| symbol == text).and_then(|place| u32::try_from(place).ok());
                Value::Enum(place.ok_or_else(|| misfit("other symbols"))?, text.to_owned())
            }
            Schema::Array(items) => {
                let list = json.as_array().ok_or_else(|| misfit("a list"))?.iter().enumerate();
                let item =
                    |(at, json): (usize, &Json)| self.value(json, &items.items, namespace).map_err(|misfit| misfit.below(&at.to_string()));
                Value::Array(list.map(item).collect::<Result<_, _>>()?)
            }
            Schema::Map(values) => {
                let map = json.as_object().ok_or_else(|| misfit("a map"))?.iter();
                let entry = |(key, json): (&String, &Json)| {
                    let value = self.value(json, &values.types, namespace).map_err(|misfit| misfit.below(key))?;
                    Ok((key.clone(), value))
                };
                Value::Map(map.map(entry).collect::<Result<_, _>>()?)
            }
            Schema::Record(record) => self.record(json, record, namespace)?,
            Schema::Union(union) => self.union(json, union, namespace)?,
            Schema::Decimal(_) | Schema::BigDecimal | Schema::Uuid(_) | Schema::Duration(_) => return Err(misfit("what no event holds")),
        })
    }

    fn record(&self, json: &Json, record: &RecordSchema, namespace: Option<&str>) -> Result<Value, Misfit> {
        let map = json.as_object().ok_or_else(|| Misfit::new(json, "a record"))?;
        let namespace = record.name.namespace().or(namespace);
        if let Some(unknown) = map.keys().find(|key| !record.lookup.contains_key(*key)) {
            return Err(Misfit { path: format!(".{unknown}"), message: "the schema has no such field".to_owned() });
        }
        let field = |field: &apache_avro::schema::RecordField| {
            let missing = || Misfit { path: String::new(), message: "is missing and has no default in the schema".to_owned() };
            let value = map.get(&field.name).or(field.default.as_ref()).ok_or_else(missing);
            let value = value.and_then(|json| self.value(json, &field.schema, namespace));
            Ok((field.name.clone(), value.map_err(|misfit| misfit.below(&field.name))?))
        };
        Ok(Value::Record(record.fields.iter().map(field).collect::<Result<_, _>>()?))
    }

    /// The first of the union's types that fits.
    fn union(&self, json: &Json, union: &UnionSchema, namespace: Option<&str>) -> Result<Value, Misfit> {
        let mut last = Misfit::new(json, "a union of nothing");
        for (place, schema) in (0..).zip(union.variants()) {
            match self.value(json, schema, namespace) {
                Ok(value) => return Ok(Value::Union(place, Box::new(value))),
                Err(misfit) => last = misfit,
            }
        }
        Err(last)
    }
}

/// Bytes as Avro writes them in JSON: a character for each.
fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(schema: &str, json: &str) -> Result<Vec<u8>, String> {
        let avro = Avro::new([7; 16], schema)?;
        avro.encode(json.as_bytes()).map(|bytes| bytes[17..].to_vec())
    }

    #[test]
    fn events_are_encoded_as_recorded_or_refused_as_recorded() {
        let recorded: Json = serde_json::from_str(include_str!("../../../tests/conformance/wire.json")).expect("JSON");
        let (mut fit, mut refused) = (0, 0);
        for case in recorded["cases"].as_array().expect("cases") {
            let Some(schema) = case["schema"].as_str() else { continue };
            let event = recorded["events"][case["event"].as_str().expect("a name")].to_string();
            let got = Avro::id(case["schemaID"].as_str().expect("an id")).ok_or_else(|| "no id".to_owned()).and_then(|id| {
                let avro = Avro::new(id, schema)?;
                avro.encode(event.as_bytes())
            });
            match case["want_hex"].as_str() {
                Some(want) => {
                    assert_eq!(HEXLOWER_PERMISSIVE.encode(&got.expect("fits")), want, "{}", case["id"]);
                    fit += 1;
                }
                None => {
                    assert!(got.is_err(), "{}", case["id"]);
                    refused += 1;
                }
            }
        }
        assert_eq!((fit, refused), (1, 5));
    }

    #[test]
    fn a_schema_is_followed_in_everything() {
        let schema = r#"{"type":"record","name":"a.R","fields":[
            {"name":"e","type":{"type":"enum","name":"E","symbols":["x","y"]}},
            {"name":"again","type":"E"},
            {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
            {"name":"u","type":["null","long","string"],"default":null},
            {"name":"b","type":"bytes"},
            {"name":"f","type":{"type":"fixed","name":"F","size":2}},
            {"name":"l","type":{"type":"array","items":"int"},"default":[1]}]}"#;
        let json = r#"{"e":"y","again":"x","at":"1970-01-01T00:00:01Z","u":"t","b":"\u00ff","f":"ab"}"#;
        assert_eq!(encode(schema, json).expect("fits"), [2, 0, 0xd0, 0x0f, 4, 2, b't', 2, 0xff, b'a', b'b', 2, 2, 0]);
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let schema = r#"{"type":"record","name":"R","fields":[{"name":"m","type":{"type":"map","values":["null","int"]}}]}"#;
        let refused = |json: &str| encode(schema, json).expect_err("does not fit");
        assert_eq!(refused(r#"{"m":{"k":"x"}}"#), "cannot be encoded as Avro: m.k: found a text, the schema has a whole number");
        assert_eq!(
            refused(r#"{"m":{"k":5000000000}}"#),
            "cannot be encoded as Avro: m.k: found a number, the schema has a whole number of 32 bits"
        );
        assert_eq!(refused("{}"), "cannot be encoded as Avro: m: is missing and has no default in the schema");
        assert_eq!(refused(r#"{"m":{},"z":1}"#), "cannot be encoded as Avro: z: the schema has no such field");
        assert_eq!(refused("[]"), "cannot be encoded as Avro: found a list, the schema has a record");
    }
}
