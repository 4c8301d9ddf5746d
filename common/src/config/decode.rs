//! Turning a [`Node`] into a type, with serde.
//!
//! Errors carry the place and path of the value they are about and say what was found and what was expected. Serde stops at the first; so the value it is
//! about is taken out and the rest is read again, until all of them are found. Keys the type does not know become mistakes with the nearest key it knows. A
//! `null` leaves a struct's field at its default, as Go's decoder does. Numbers and booleans are accepted for strings and, in quotes, strings for numbers and
//! booleans.

mod error;

use std::cell::RefCell;

use serde::{
    Deserialize,
    de::{self, IntoDeserializer, Visitor},
};

use self::error::Error;
use super::{Findings, Located, Node, NodeKind as Kind, Problem, Secret, Several, document::Key, problem::nearest};

/// More errors than anyone reads about one file.
const MOST_ERRORS: usize = 100;

impl Node {
    /// Reads this node as a type. Values that do not fit are errors, keys that `T` does not know are mistakes; what does not fit is as if it were not there,
    /// and nothing comes out when the rest makes no `T`.
    pub fn read<T: for<'de> Deserialize<'de>>(&self, findings: &mut Findings) -> Option<T> {
        let mut error = match decode(self) {
            Ok((value, unknown)) => {
                findings.mistakes.extend(unknown);
                return Some(value);
            }
            Err(error) => error,
        };
        let mut rest = self.clone();
        for _ in 0..MOST_ERRORS {
            let taken = rest.take(&error);
            // What is not known was complained of when it was read.
            if taken.as_ref().unwrap_or(self).is_known() {
                findings.errors.push(error);
            }
            taken?;
            match decode(&rest) {
                Ok((value, unknown)) => {
                    findings.mistakes.extend(unknown);
                    return Some(value);
                }
                Err(next) => error = next,
            }
        }
        None
    }
}

fn decode<T: for<'de> Deserialize<'de>>(node: &Node) -> Result<(T, Vec<Problem>), Problem> {
    let unknown = RefCell::new(Vec::new());
    let value = T::deserialize(Decoder { node, unknown: &unknown, secret: false }).map_err(|error| error.at(node, false))?;
    Ok((value, unknown.into_inner()))
}

#[derive(Clone, Copy)]
struct Decoder<'a> {
    node: &'a Node,
    unknown: &'a RefCell<Vec<Problem>>,
    secret: bool,
}

impl<'a> Decoder<'a> {
    fn of(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    /// Runs a visit and gives its error this node's place.
    fn place<T>(self, result: Result<T, Error>) -> Result<T, Error> {
        result.map_err(|error| error.located(self.node, self.secret))
    }

    /// Fills a field or element; an error raised after this node was read still is about this node.
    fn fill<'de, T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        self.place(seed.deserialize(self))
    }

    fn wrong<T>(self, expected: &dyn de::Expected) -> Result<T, Error> {
        self.place(Err(de::Error::invalid_type(de::Unexpected::Unit, expected)))
    }

    /// A value in the place of a list or of keys may be one of the secrets that belong into it, so it is not shown.
    fn no_container<T>(self, expected: &dyn de::Expected) -> Result<T, Error> {
        match self.node.kind {
            Kind::Scalar { .. } => {
                let expected = expected.to_string().replace("a sequence", "a list");
                self.place(Err(de::Error::custom(format!("found a single value, expected {expected}"))))
            }
            _ => self.wrong(expected),
        }
    }

    fn scalar(self) -> Option<&'a str> {
        match &self.node.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    fn entries<'v, V: Visitor<'v>>(self, visitor: V, fields: Option<&'static [&'static str]>) -> Result<V::Value, Error> {
        let entries: &[(Key, Node)] = match &self.node.kind {
            Kind::Map(entries) => entries,
            Kind::Null => &[],
            _ => return self.no_container(&keys_expected(fields).as_str()),
        };
        let access = Entries { decoder: self, entries: entries.iter(), value: None, fields };
        self.place(visitor.visit_map(access))
    }
}

macro_rules! deserialize_number {
    ($($method:ident => $visit:ident: $type:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.scalar().and_then(whole) {
                Some(number) => match <$type>::try_from(number) {
                    Ok(number) => self.place(visitor.$visit(number)),
                    Err(_) if number < 0 && <$type>::MIN == 0 => self.wrong(&visitor),
                    Err(_) => self.place(Err(de::Error::invalid_value(de::Unexpected::Unit, &visitor))),
                }
                None => self.wrong(&visitor),
            }
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Decoder<'_> {
    type Error = Error;

    deserialize_number! {
        deserialize_i8 => visit_i64: i64, deserialize_i16 => visit_i64: i64, deserialize_i32 => visit_i64: i64, deserialize_i64 => visit_i64: i64,
        deserialize_u8 => visit_u64: u64, deserialize_u16 => visit_u64: u64, deserialize_u32 => visit_u64: u64, deserialize_u64 => visit_u64: u64,
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        match self.scalar().and_then(number) {
            Some(number) => self.place(visitor.visit_f64(number)),
            None => self.wrong(&visitor),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Null => self.place(visitor.visit_unit()),
            Kind::Unknown => self.wrong(&visitor),
            Kind::Seq(_) => self.deserialize_seq(visitor),
            Kind::Map(_) => self.deserialize_map(visitor),
            Kind::Scalar { text, string: true, .. } => self.place(visitor.visit_str(text)),
            Kind::Scalar { text, .. } => self.place(if let Some(value) = boolean(text) {
                visitor.visit_bool(value)
            } else if let Ok(number) = text.parse::<u64>() {
                visitor.visit_u64(number)
            } else if let Ok(number) = text.parse::<i64>() {
                visitor.visit_i64(number)
            } else if let Ok(number) = text.parse::<f64>() {
                visitor.visit_f64(number)
            } else {
                visitor.visit_str(text)
            }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.scalar().and_then(boolean) {
            Some(value) => self.place(visitor.visit_bool(value)),
            None => self.wrong(&visitor),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Scalar { text, .. } => self.place(visitor.visit_str(text)),
            Kind::Null => self.place(visitor.visit_str("")),
            _ => self.wrong(&visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.kind {
            Kind::Null => self.place(visitor.visit_none()),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        if name == Located::<()>::MARKER {
            return visitor.visit_seq(Parts { decoder: self, at: 0 });
        }
        if name == Several::<()>::MARKER {
            let items = match &self.node.kind {
                Kind::Seq(items) => items.as_slice(),
                Kind::Null => &[],
                _ => std::slice::from_ref(self.node),
            };
            return visitor.visit_seq(Items { decoder: self, items: items.iter() });
        }
        // serde's derive names a newtype struct by its type.
        let secret = name == std::any::type_name::<Secret>().rsplit("::").next().unwrap_or_default();
        visitor.visit_newtype_struct(Self { secret, ..self })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let items: &[Node] = match &self.node.kind {
            Kind::Seq(items) => items,
            Kind::Null => &[],
            _ => return self.no_container(&visitor),
        };
        self.place(visitor.visit_seq(Items { decoder: self, items: items.iter() }))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.entries(visitor, None)
    }

    fn deserialize_struct<V: Visitor<'de>>(self, _: &'static str, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.entries(visitor, Some(fields))
    }

    fn deserialize_enum<V: Visitor<'de>>(self, _: &'static str, variants: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Scalar { text, .. } => self.place(visitor.visit_enum(text.as_str().into_deserializer())),
            _ => self.wrong(&format!("one of {}", variants.join(", ")).as_str()),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }
}

/// Says what a map of these fields looks like.
fn keys_expected(fields: Option<&[&str]>) -> String {
    match fields {
        None | Some([]) => "a map".to_owned(),
        Some(fields @ [_, ..]) if fields.len() <= 4 => format!("a map with the keys {}", fields.join(", ")),
        Some(fields) => format!("a map with keys such as {}", fields[..4].join(", ")),
    }
}

/// A whole number as YAML writes it: decimal, or with `0x` or `0o`. What is too large for any type is as large as can be.
fn whole(text: &str) -> Option<i128> {
    let text = text.trim();
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix).filter(|digits| !digits.starts_with(['+', '-'])) {
            return i128::from_str_radix(digits, radix).ok();
        }
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_whole.then(|| text.parse().unwrap_or(if text.starts_with('-') { i128::MIN } else { i128::MAX }))
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

struct Items<'a> {
    decoder: Decoder<'a>,
    items: std::slice::Iter<'a, Node>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Error;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.items.next().map(|item| self.decoder.of(item).fill(seed)).transpose()
    }
}

struct Entries<'a> {
    decoder: Decoder<'a>,
    entries: std::slice::Iter<'a, (Key, Node)>,
    value: Option<&'a Node>,
    /// The fields of the struct being filled; none for a map.
    fields: Option<&'static [&'static str]>,
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        for (key, node) in self.entries.by_ref() {
            if let Some(fields) = self.fields {
                if !fields.contains(&key.text.as_str()) {
                    self.decoder.unknown.borrow_mut().push(unknown_key(key, node, fields));
                    continue;
                }
                if matches!(node.kind, Kind::Null) {
                    continue;
                }
            }
            self.value = Some(node);
            return seed.deserialize(key.text.as_str().into_deserializer()).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.value.take() {
            Some(node) => self.decoder.of(node).fill(seed),
            None => Err(de::Error::custom("a value was asked for before its key")),
        }
    }
}

pub(super) fn unknown_key(key: &Key, node: &Node, known: &[&str]) -> Problem {
    let advice = match nearest(&key.text, known.iter().copied()) {
        Some(meant) => format!("{meant} is probably meant"),
        None if known.is_empty() => "no key is known here, remove it".to_owned(),
        None => format!("known are {}", known.join(", ")),
    };
    Problem {
        line: key.line,
        column: key.column,
        path: node.path.clone(),
        message: format!("unknown key {:?} is ignored, {advice}", key.shown),
    }
}

/// The five parts of a [`Located`] value.
struct Parts<'a> {
    decoder: Decoder<'a>,
    at: u8,
}

impl<'de> de::SeqAccess<'de> for Parts<'_> {
    type Error = Error;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.at += 1;
        let node = self.decoder.node;
        match self.at {
            1 => seed.deserialize(node.line.into_deserializer()).map(Some),
            2 => seed.deserialize(node.column.into_deserializer()).map(Some),
            3 => seed.deserialize(node.path.as_str().into_deserializer()).map(Some),
            4 => seed.deserialize(node.is_hidden().into_deserializer()).map(Some),
            5 => seed.deserialize(self.decoder).map(Some),
            _ => Ok(None),
        }
    }
}
