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
use herald_common::{config, event::to_go_json};
use herald_template::{Function, Functions, sprig};

pub use self::event::typed;
pub(crate) use self::layout::{Layout, LayoutKey};
pub use self::text::LIMITS;
pub(crate) use self::text::{Secrecy, Text, TextKey, Texts};
use crate::{
    keys::Keys,
    sink::{Item, Refusal},
};

/// What templates may do; made once for a configuration.
#[derive(Debug)]
pub struct Templates {
    functions: Functions,
}

impl Templates {
    /// Follows the configuration: Sprig's functions, and those that look outside only where it allows them.
    #[must_use]
    pub fn new(config: &config::Templates) -> Self {
        let named = |functions: &[Function]| functions.iter().map(|function| function.name).collect::<Vec<_>>();
        let (environment, network) = (sprig::environment().collect::<Vec<_>>(), sprig::network().collect::<Vec<_>>());
        let functions = Functions::new().with(sprig::functions()).without(sprig::LEFT_OUT.iter().copied(), sprig::LEFT_OUT_REASON);
        let functions = match config.env {
            true => functions.with(environment),
            false => functions.without(named(&environment), "templates see the environment only with templates.env: true"),
        };
        let functions = match config.network {
            true => functions.with(network),
            false => functions.without(named(&network), "templates ask the network only with templates.network: true"),
        };
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
    pub(crate) fn new(keys: &mut Keys<'_>, de_dot: bool) -> Self {
        Self::named(keys, "layout", de_dot)
    }

    /// Reads a layout that has another name.
    pub(crate) fn named(keys: &mut Keys<'_>, key: &str, de_dot: bool) -> Self {
        Self { layout: keys.spec().get(key).and_then(|node| Layout::new(node, keys)), de_dot }
    }

    /// Whether it is the event as it is exported.
    #[cfg(any(feature = "kafka", feature = "otlp"))]
    pub(crate) fn is_whole_event(&self) -> bool {
        self.layout.is_none() && !self.de_dot
    }

    /// Makes the payload of an item. JSON that needs no change is not decoded.
    pub(crate) fn encode(&self, item: &Item) -> Result<Bytes, Refusal> {
        let body = match (&self.layout, self.de_dot, item.exported()) {
            (None, false, Some(json)) => return Ok(json.clone()),
            (None, de_dot, _) => {
                let event = item.enriched()?;
                let json = if de_dot { to_go_json(&event.clone().de_dot()) } else { to_go_json(event) };
                json.map_err(|error| Refusal::permanent(format!("no event: {error}")))?
            }
            (Some(layout), true, _) => layout.render(&typed(&item.enriched()?.clone().de_dot()))?,
            (Some(layout), false, _) => layout.render(item.event()?)?,
        };
        Ok(body.into())
    }
}
