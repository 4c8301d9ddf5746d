//! `layout`: a map, nested at will, whose strings are templates.
//!
//! Out comes JSON as Go prints it: keys sorted, HTML escaped. Numbers, booleans and nulls keep their values; keys are literal. Each string is a template of its
//! own.

use herald_common::config::{Node, NodeKind};
use herald_template::{Value, json};
use herald_template_event::EnhancedEvent;
use schemars::JsonSchema;
use serde::{Deserialize, de::IgnoredAny};

use super::text::{Secrecy, Text};
use crate::{keys::Keys, sink::Refusal};

/// Stands for `layout` among a kind's keys; [`Layout::new`] reads it.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(transparent)]
pub(crate) struct LayoutKey(
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    #[allow(dead_code)]
    IgnoredAny,
);

/// A layout, ready to render.
pub(crate) struct Layout(Part);

enum Part {
    /// JSON that every event gets.
    Fixed(Vec<u8>),
    Text(Text),
    List(Vec<Part>),
    /// Keys as JSON, sorted.
    Map(Vec<(Vec<u8>, Part)>),
}

impl Layout {
    /// Reads a layout; nothing is none.
    pub(crate) fn new(node: &Node, keys: &mut Keys<'_>) -> Option<Self> {
        match node.kind {
            NodeKind::Null | NodeKind::Unknown => None,
            NodeKind::Map(_) => Some(Self(part(node, keys))),
            _ => {
                let expected = "expected a map of keys, each with a template, a list or a map";
                keys.error(node.problem(format!("found {}, {expected}", node.found())));
                None
            }
        }
    }

    /// Renders an event as JSON.
    pub(crate) fn render(&self, event: &EnhancedEvent) -> Result<Vec<u8>, Refusal> {
        let (mut out, mut scratch) = (Vec::with_capacity(512), Vec::new());
        self.0.render(event, &mut out, &mut scratch)?;
        Ok(out)
    }
}

fn part(node: &Node, keys: &mut Keys<'_>) -> Part {
    match &node.kind {
        NodeKind::Null | NodeKind::Unknown => Part::Fixed(b"null".to_vec()),
        NodeKind::Seq(items) => Part::List(items.iter().map(|item| part(item, keys)).collect()),
        NodeKind::Map(entries) => {
            let mut parts: Vec<(&str, Part)> = entries.iter().map(|(key, value)| (key.text.as_str(), part(value, keys))).collect();
            parts.sort_by_key(|(key, _)| *key);
            Part::Map(parts.into_iter().map(|(key, part)| (string(key.as_bytes()), part)).collect())
        }
        NodeKind::Scalar { text, string: true, hidden } => {
            let secrecy = if *hidden { Secrecy::Secret } else { Secrecy::Public };
            match keys.template(text, secrecy, |message| node.problem(message)) {
                Text::Fixed(text) => Part::Fixed(string(text.as_bytes())),
                template @ Text::Template(..) => Part::Text(template),
            }
        }
        NodeKind::Scalar { text, .. } => match scalar(text) {
            Ok(json) => Part::Fixed(json),
            Err(expected) => {
                keys.error(node.problem(format!("found {}, {expected}", node.found())));
                Part::Fixed(Vec::new())
            }
        },
    }
}

/// A plain scalar by the core schema of YAML 1.2.
fn scalar(text: &str) -> Result<Vec<u8>, String> {
    let digits = |prefix: &str, radix: u32| text.strip_prefix(prefix).and_then(|digits| i64::from_str_radix(digits, radix).ok());
    let whole = digits("0x", 16).or_else(|| digits("0o", 8)).or_else(|| text.parse().ok());
    if let Some(number) = whole {
        return Ok(number.to_string().into_bytes());
    }
    match text {
        "true" | "True" | "TRUE" => return Ok(b"true".to_vec()),
        "false" | "False" | "FALSE" => return Ok(b"false".to_vec()),
        _ => {}
    }
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    match text.parse::<f64>() {
        Ok(number) if is_number && number.is_finite() => {
            json::encode(&Value::float64(number), true, usize::MAX).map_err(|error| error.to_string())
        }
        Err(_) if !text.trim_start_matches(['-', '+']).starts_with('.') => Ok(string(text.as_bytes())),
        _ => Err("which is a number that JSON does not have; put it in quotes to send the text".to_owned()),
    }
}

/// A text as JSON, as Go writes it.
fn string(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    json::string(text, true, &mut out);
    out
}

impl Part {
    fn render(&self, event: &EnhancedEvent, out: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<(), Refusal> {
        match self {
            Self::Fixed(json) => out.extend_from_slice(json),
            Self::Text(text) => {
                scratch.clear();
                text.render_into(event, scratch)?;
                json::string(scratch, true, out);
            }
            Self::List(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    item.render(event, out, scratch)?;
                }
                out.push(b']');
            }
            Self::Map(entries) => {
                out.push(b'{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    out.extend_from_slice(key);
                    out.push(b':');
                    value.render(event, out, scratch)?;
                }
                out.push(b'}');
            }
        }
        Ok(())
    }
}
