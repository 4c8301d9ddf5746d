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
    event::EnrichedEvent,
};
use herald_template::{Functions, sprig};

pub(crate) use self::event::typed;
pub(crate) use self::layout::{Layout, LayoutKey};
pub(crate) use self::text::{Secrecy, Text, TextKey};
use crate::sink::Refusal;

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
#[derive(Debug, Default)]
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

    /// Makes the payload of an event, given as its message's payload and Content-Type. JSON that needs no change is not decoded.
    pub(crate) fn encode(&self, payload: &Bytes, content_type: Option<&str>) -> Result<Bytes, Refusal> {
        let packed = content_type == Some(config::Encoding::MessagePack.content_type());
        if self.layout.is_none() && !self.de_dot && !packed {
            return Ok(payload.clone());
        }
        let no_event = |error: &dyn std::fmt::Display| Refusal { reason: format!("no event: {error}"), permanent: true };
        let event: EnrichedEvent = herald_common::event::decode_enriched(payload, content_type).map_err(|error| no_event(&error))?;
        let event = if self.de_dot { event.de_dot() } else { event };
        match &self.layout {
            None => herald_common::event::to_go_json(&event).map(Bytes::from).map_err(|error| no_event(&error)),
            Some(layout) => layout.render(&event::typed(&event)).map(Bytes::from),
        }
    }
}
