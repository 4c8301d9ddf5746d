//! A key whose value is a template.

use std::collections::BTreeMap;

use herald_common::config::{Located, nearest};
use herald_template::{CheckError, Limits, Template, Value};
use herald_template_event::{ENHANCED_EVENT, EnhancedEvent};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Templates, host::World};
use crate::{
    keys::Keys,
    sink::{Item, Refusal},
};

/// What one key may make of an event.
pub const LIMITS: Limits = Limits { output: 1 << 20, steps: 1_000_000, depth: 200 };

const NO_TEMPLATE: &str = "this is no template that can work";

/// A template as the configuration holds it, to be made a [`Text`]. It may be secret, so it cannot be printed.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transparent)]
pub(crate) struct TextKey(#[schemars(with = "String")] pub(crate) Located<String>);

/// Named templates of a receiver, sorted by name.
#[derive(Debug)]
pub(crate) struct Texts(Vec<(String, Text)>);

impl Texts {
    /// Reads a map of templates.
    pub(crate) fn new(map: &BTreeMap<String, TextKey>, keys: &mut Keys<'_>) -> Self {
        Self(map.iter().map(|(name, key)| (name.clone(), keys.text(key, Secrecy::Public))).collect())
    }

    /// Each name with what its template makes of an event.
    pub(crate) fn of<'a>(&'a self, item: &'a Item) -> impl Iterator<Item = Result<(&'a str, String), Refusal>> {
        self.0.iter().map(move |(name, text)| Ok((name.as_str(), text.of(item)?)))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a key's text may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    Public,
    Secret,
}

/// A template, or a text without any.
pub(crate) enum Text {
    Fixed(String),
    Template(Box<Template>, Secrecy),
}

/// Shows no text, which may be secret.
impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "fixed text",
            Self::Template(..) => "template",
        })
    }
}

impl Text {
    /// Parses a template; beside it comes what is wrong with it on some events, if anything. Errors are for people.
    pub(crate) fn parse(text: &str, templates: &Templates, secrecy: Secrecy) -> Result<(Self, Option<String>), String> {
        if !text.contains("{{") {
            return Ok((Self::Fixed(text.to_owned()), None));
        }
        let say = |what: &str, reason: String| match secrecy {
            Secrecy::Public => format!("{what}: {reason}"),
            Secrecy::Secret => format!(
                "{what}; its text is secret and not shown, check its braces and the names of functions, variables and fields, or try it in a layout"
            ),
        };
        let template = Template::parse("template", text, &templates.functions).map_err(|error| {
            let known = error.undefined().filter(|name| templates.functions.left_out(name).is_none());
            let advice = match (known, error.message.as_str()) {
                (Some(name), _) => nearest(name, templates.functions.names())
                    .map_or_else(|| ", known are those of Go's text/template and of Sprig".to_owned(), |meant| probably(Some(meant))),
                (None, "unexpected EOF") => ", an {{ end }} is missing".to_owned(),
                _ => String::new(),
            };
            say(NO_TEMPLATE, format!("{}{advice}{}", error.message, place(error.line, text)))
        })?;
        let fault = template.check(&ENHANCED_EVENT).err();
        let told = |fault: &CheckError, what: &str| {
            let meant = fault.missing.as_ref().and_then(|missing| nearest(&missing.name, missing.known.iter().copied()));
            say(what, format!("{} at <{}>{}{}", fault.error.message, fault.error.at, probably(meant), place(fault.error.line, text)))
        };
        match fault {
            Some(fault) if fault.certain => Err(told(&fault, NO_TEMPLATE)),
            // The exporter before Herald ran with it.
            fault => Ok((
                Self::Template(Box::new(template), secrecy),
                fault.map(|fault| told(&fault, "this template fails on every event that comes by its fault, which then is a dead letter")),
            )),
        }
    }

    /// Renders the template on an event.
    pub(crate) fn render(&self, event: &EnhancedEvent) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::new();
        self.render_into(event, &mut out)?;
        Ok(out)
    }

    /// Renders the template on an item's event, as text; what is no UTF-8 becomes U+FFFD.
    pub(crate) fn of(&self, item: &Item) -> Result<String, Refusal> {
        match self {
            Self::Fixed(text) => Ok(text.clone()),
            Self::Template(..) => {
                let text = self.render(item.event()?)?;
                Ok(String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
            }
        }
    }

    /// Whether it says the same of every event.
    pub(crate) fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_))
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Fixed(text) if text.is_empty())
    }

    /// Renders the template on an event, behind what is there.
    pub(super) fn render_into(&self, event: &EnhancedEvent, out: &mut Vec<u8>) -> Result<(), Refusal> {
        match self {
            Self::Fixed(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            Self::Template(template, secrecy) => template.render(out, Value::pointer_to(event), &World, LIMITS).map_err(|error| Refusal {
                reason: match secrecy {
                    Secrecy::Public => error.to_string(),
                    Secrecy::Secret => "a secret template fails on this event".to_owned(),
                },
                permanent: true,
            }),
        }
    }
}

fn probably(meant: Option<&str>) -> String {
    meant.map(|meant| format!(", {meant} is probably meant")).unwrap_or_default()
}

/// Says in which line of a template of several lines.
fn place(line: usize, text: &str) -> String {
    if text.trim_end().contains('\n') { format!(" (line {line} of it)") } else { String::new() }
}
