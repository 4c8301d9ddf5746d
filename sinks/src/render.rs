//! What a receiver is sent of an event: the event as it is exported, or what templates make of it.
//!
//! In go a receiver's keys, once, and then events; out come bytes. A [`Text`] is one template, a [`Layout`] a tree of them that becomes JSON, a [`Body`] the
//! payload of a receiver. Templates are parsed and looked through when the configuration is loaded. One that fails on an event fails for good: the event
//! becomes a dead letter. Pure, but for the clock, the environment and chance where the configuration lets templates see them.

mod event;
mod host;
mod layout;
mod text;

use bytes::Bytes;
use herald_common::{
    config::{self, Problem, Receiver},
    event::to_go_json,
};
use herald_template::{Functions, sprig};

pub(crate) use self::event::typed;
pub(crate) use self::layout::{Layout, LayoutKey};
pub(crate) use self::text::{Secrecy, Text, TextKey};
use crate::sink::{Item, Refusal};

/// What templates may do; made once for a configuration.
#[derive(Debug)]
pub struct Templates {
    functions: Functions,
}

impl Templates {
    /// Follows the configuration: Sprig's functions, and those that look outside only where it allows them.
    #[must_use]
    pub fn new(config: &config::Templates) -> Self {
        let mut functions = Functions::new().with(sprig::functions());
        if config.env {
            functions = functions.with(sprig::environment());
        }
        if config.network {
            functions = functions.with(sprig::network());
        }
        Self { functions }
    }
}

impl Default for Templates {
    fn default() -> Self {
        Self::new(&config::Templates::default())
    }
}

/// The payload of a receiver that sends one for each event.
#[derive(Default)]
pub(crate) struct Body {
    /// The whole event where there is none.
    layout: Option<Layout>,
    /// Whether dots in the keys of labels and annotations become `_`.
    de_dot: bool,
}

impl Body {
    /// Reads `layout` of a receiver's keys.
    pub(crate) fn new(receiver: &Receiver, templates: &Templates, de_dot: bool) -> Result<Self, Problem> {
        let layout = receiver.spec.get("layout").map(|node| Layout::new(node, templates)).transpose()?;
        Ok(Self { layout: layout.flatten(), de_dot })
    }

    /// Makes the payload of an item. JSON that needs no change is not decoded.
    pub(crate) fn encode(&self, item: &Item) -> Result<Bytes, Refusal> {
        let body = match (&self.layout, self.de_dot, item.exported()) {
            (None, false, Some(json)) => return Ok(json.clone()),
            (None, de_dot, _) => {
                let event = item.decode()?;
                let json = to_go_json(&if de_dot { event.de_dot() } else { event });
                json.map_err(|error| Refusal::permanent(format!("no event: {error}")))?
            }
            (Some(layout), true, _) => layout.render(&typed(&item.decode()?.de_dot()))?,
            (Some(layout), false, _) => layout.render(item.event()?)?,
        };
        Ok(body.into())
    }
}
