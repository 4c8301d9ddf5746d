//! Go's `encoding/json` for values: names and order of struct fields, sorted map keys, Go's escapes.
//!
//! In: a value, and how long its JSON may become. Out: JSON bytes, or Go's error text. A value that holds itself many times over ends at the limit.

use std::fmt;

use crate::func::FuncError;
use crate::go::strconv::format_float;
use crate::go::unicode::decode;
use crate::object::{Object, ObjectRef};
use crate::types::{Json, Kind, Selector, Target};
use crate::value::{Map, Value};

mod base64;
mod indent;

pub use base64::encode as base64;
pub use indent::indent;

/// How deep a value may nest.
const MAX_DEPTH: usize = 100;

/// Why a value has no JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EncodeError {
    /// JSON cannot hold it; Go's words.
    Unsupported(FuncError),
    /// Its JSON is longer than it may be.
    TooLarge,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(error) => error.fmt(f),
            Self::TooLarge => f.write_str("result too large"),
        }
    }
}

impl std::error::Error for EncodeError {}

impl From<FuncError> for EncodeError {
    fn from(error: FuncError) -> Self {
        Self::Unsupported(error)
    }
}

impl From<EncodeError> for FuncError {
    fn from(error: EncodeError) -> Self {
        match error {
            EncodeError::Unsupported(error) => error,
            EncodeError::TooLarge => Self::new("result too large"),
        }
    }
}

/// Encodes as Go's `json.Marshal` does, or, without HTML escapes, as an encoder with `SetEscapeHTML(false)` (which adds a
/// newline that this does not). Refuses what would take more than `limit` bytes.
pub fn encode(value: &Value<'_>, escape_html: bool, limit: usize) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder { out: Vec::new(), escape_html, limit };
    encoder.value(value, 0)?;
    encoder.check()?;
    Ok(encoder.out)
}

struct Encoder {
    out: Vec<u8>,
    escape_html: bool,
    limit: usize,
}

type Done = Result<(), EncodeError>;

impl Encoder {
    fn check(&self) -> Done {
        if self.out.len() > self.limit { Err(EncodeError::TooLarge) } else { Ok(()) }
    }

    fn unsupported(message: String) -> Done {
        Err(EncodeError::Unsupported(message.into()))
    }

    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn value(&mut self, value: &Value<'_>, depth: usize) -> Done {
        self.check()?;
        if depth > MAX_DEPTH {
            return Self::unsupported(format!("json: unsupported value: encountered a cycle via {}", value.type_name()));
        }
        match value {
            Value::Nil | Value::NilPointer(_) => self.raw("null"),
            Value::Bool(value) => self.raw(if *value { "true" } else { "false" }),
            Value::Int(value, _) => self.raw(&value.to_string()),
            Value::Uint(value, _) => self.raw(&value.to_string()),
            Value::Float(value, ty) => self.float(*value, ty.kind)?,
            Value::Str(text, _) => self.string(text),
            Value::Bytes(bytes) => {
                self.out.push(b'"');
                self.raw(&base64::encode(bytes));
                self.out.push(b'"');
            }
            Value::List(list) if list.is_nil() => self.raw("null"),
            Value::List(list) => {
                self.out.push(b'[');
                for (i, item) in list.iter().enumerate() {
                    self.raw(if i > 0 { "," } else { "" });
                    self.value(&item, depth + 1)?;
                }
                self.out.push(b']');
            }
            Value::Map(map) if map.is_nil() => self.raw("null"),
            Value::Map(map) => self.map(map, depth)?,
            Value::Object(object, _) => self.object(object, depth)?,
            Value::Pointer(inner) => self.value(inner, depth + 1)?,
            Value::Error(_) => self.raw("{}"),
            Value::Complex(..) | Value::Function(_) => {
                return Self::unsupported(format!("json: unsupported type: {}", value.type_name()));
            }
        }
        Ok(())
    }

    fn float(&mut self, value: f64, kind: Kind) -> Done {
        if !value.is_finite() {
            return Self::unsupported(format!("json: unsupported value: {}", format_float(value, b'g', None, kind.bits())));
        }
        let size = value.abs();
        let large =
            if kind == Kind::Float32 { size < f64::from(1e-6_f32) || size >= f64::from(1e21_f32) } else { !(1e-6..1e21).contains(&size) };
        let mut text = format_float(value, if large && size != 0.0 { b'e' } else { b'f' }, None, kind.bits());
        // Go writes 1e-9, not 1e-09.
        if let Some(at) = text.find("e-0") {
            text.remove(at + 2);
        }
        self.raw(&text);
        Ok(())
    }

    fn map(&mut self, map: &Map<'_>, depth: usize) -> Done {
        self.out.push(b'{');
        for (i, (key, value)) in map.entries().into_iter().enumerate() {
            self.raw(if i > 0 { "," } else { "" });
            self.string(&key);
            self.out.push(b':');
            self.value(&value, depth + 1)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn object(&mut self, object: &ObjectRef<'_>, depth: usize) -> Done {
        if let Some(own) = own_json(object) {
            let ty = object.get().struct_type().name;
            let bytes = own.map_err(|error| FuncError::new(format!("json: error calling MarshalJSON for type {ty}: {error}")))?;
            self.out.extend_from_slice(&bytes);
            return Ok(());
        }
        self.out.push(b'{');
        let mut first = true;
        self.fields(object, depth, &mut first, &[])?;
        self.out.push(b'}');
        Ok(())
    }

    /// Writes the fields of a struct and of those embedded in it; the outer field of a name hides inner ones.
    fn fields(&mut self, object: &ObjectRef<'_>, depth: usize, first: &mut bool, hidden: &[&str]) -> Done {
        if depth > MAX_DEPTH {
            return Self::unsupported("json: unsupported value: encountered a cycle".to_owned());
        }
        let fields = object.get().struct_type().fields;
        for (index, field) in fields.iter().enumerate() {
            let name = match field.json {
                Json::Skip => continue,
                Json::Inline => {
                    if let Value::Object(inner, _) = object.field(index) {
                        let hidden: Vec<&str> = hidden.iter().copied().chain(fields.iter().filter_map(|field| field.json.name())).collect();
                        self.fields(&inner, depth + 1, first, &hidden)?;
                    }
                    continue;
                }
                Json::Name(name) | Json::OmitEmpty(name) if hidden.contains(&name) => continue,
                Json::Name(name) | Json::OmitEmpty(name) => name,
            };
            let value = object.field(index);
            if matches!(field.json, Json::OmitEmpty(_)) && is_empty(&value) {
                continue;
            }
            if !std::mem::take(first) {
                self.out.push(b',');
            }
            self.string(name.as_bytes());
            self.out.push(b':');
            self.value(&value, depth + 1)?;
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        string(text, self.escape_html, &mut self.out);
    }
}

/// Appends a text as JSON, as Go's encoder writes strings; what is not UTF-8 becomes U+FFFD.
pub fn string(text: &[u8], escape_html: bool, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text;
    let plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'<' | b'>' | b'&');
    loop {
        let run = rest.iter().position(|byte| !plain(byte)).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..run]);
        rest = &rest[run..];
        let (c, width) = decode(rest);
        let mut raw = |text: &str| out.extend_from_slice(text.as_bytes());
        match c {
            _ if width == 0 => break,
            Some('"') => raw("\\\""),
            Some('\\') => raw("\\\\"),
            Some('\u{8}') => raw("\\b"),
            Some('\u{c}') => raw("\\f"),
            Some('\n') => raw("\\n"),
            Some('\r') => raw("\\r"),
            Some('\t') => raw("\\t"),
            Some(c @ ('<' | '>' | '&')) if escape_html => raw(&format!("\\u{:04x}", u32::from(c))),
            Some(c @ ('\u{0}'..='\u{1f}' | '\u{2028}' | '\u{2029}')) => raw(&format!("\\u{:04x}", u32::from(c))),
            Some(_) => out.extend_from_slice(&rest[..width]),
            None => raw("\\ufffd"),
        }
        rest = &rest[width..];
    }
    out.push(b'"');
}

/// The JSON a struct writes itself, by its own method or that of an embedded struct.
fn own_json(object: &ObjectRef<'_>) -> Option<Result<Vec<u8>, FuncError>> {
    if let Some(own) = object.get().marshal_json() {
        return Some(own);
    }
    let Selector { path, target: Target::Method(_) } = object.get().struct_type().selector("MarshalJSON")? else { return None };
    crate::exec::embedded(object.clone(), path).filter(|_| !path.is_empty())?.get().marshal_json()
}

/// Tells whether `omitempty` leaves the value out.
fn is_empty(value: &Value<'_>) -> bool {
    !matches!(value, Value::Object(..)) && !value.is_true()
}

/// Encodes a struct, as `json.Marshal` of a pointer to it does; it may be as long as the struct makes it.
pub fn encode_object(object: &dyn Object) -> Result<Vec<u8>, FuncError> {
    Ok(encode(&Value::pointer_to(object), true, usize::MAX)?)
}
