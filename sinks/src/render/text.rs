//! A key whose value is a template.

use herald_common::config::{Located, Problem};
use herald_template::{Limits, Template, Value};
use herald_template_event::{ENHANCED_EVENT, EnhancedEvent};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Templates, host::World};
use crate::sink::Refusal;

/// What one key may make of an event.
const LIMITS: Limits = Limits { output: 1 << 20, steps: 1_000_000, depth: 200 };

/// A template as the configuration holds it, to be made a [`Text`]. It may be secret, so it cannot be printed.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(transparent)]
pub(crate) struct TextKey(#[schemars(with = "String")] pub(crate) Located<String>);

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

impl TextKey {
    /// Parses the template and looks for fields that no event has.
    pub(crate) fn parse(&self, templates: &Templates, secrecy: Secrecy) -> Result<Text, Problem> {
        let Self(key) = self;
        let secrecy = if key.hidden { Secrecy::Secret } else { secrecy };
        Text::parse(&key.value, templates, secrecy).map_err(|message| key.problem(message))
    }
}

impl Text {
    /// Parses a template; the error is for people.
    pub(super) fn parse(text: &str, templates: &Templates, secrecy: Secrecy) -> Result<Self, String> {
        if !text.contains("{{") {
            return Ok(Self::Fixed(text.to_owned()));
        }
        let say = |reason: String| match secrecy {
            Secrecy::Public => format!("this is no template that can work: {reason}"),
            Secrecy::Secret => "this is no template that can work; it is secret, so nothing of it is shown".to_owned(),
        };
        let template = Template::parse("template", text, &templates.functions).map_err(|error| say(error.to_string()))?;
        match template.check(&ENHANCED_EVENT) {
            // What only some events come by fails on those.
            Err(error) if error.certain => Err(say(error.to_string())),
            _ => Ok(Self::Template(Box::new(template), secrecy)),
        }
    }

    /// Renders the template on an event.
    pub(crate) fn render(&self, event: &EnhancedEvent) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::new();
        self.render_into(event, &mut out)?;
        Ok(out)
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
