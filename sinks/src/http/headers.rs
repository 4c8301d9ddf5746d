//! `headers` of a receiver: fixed ones and templates.
//!
//! In go the configured names and texts, and then events; out come the headers of a request. Values are secret: no message shows them.

use std::collections::BTreeMap;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

use crate::{
    keys::Keys,
    render::{Secrecy, Text, TextKey},
    sink::{Item, Refusal},
};

/// Headers of a receiver: those it always sends, and those that a template makes of each event. Their values are secret.
pub(crate) struct Headers {
    fixed: HeaderMap,
    templates: Vec<(HeaderName, Text)>,
}

impl Headers {
    /// Reads `headers`; `Content-Type` is JSON's unless it is among them.
    pub(crate) fn new(configured: &BTreeMap<String, TextKey>, keys: &mut Keys<'_>) -> Self {
        let mut headers = Self { fixed: HeaderMap::new(), templates: Vec::new() };
        headers.fixed.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, key) in configured {
            let Ok(header) = HeaderName::try_from(name) else {
                keys.error(key.0.problem("the key is no name of a header, use letters, digits and -".to_owned()));
                continue;
            };
            match keys.text(key, Secrecy::Secret) {
                Text::Fixed(text) => match header_value(text.as_bytes()) {
                    Some(value) => drop(headers.fixed.insert(header, value)),
                    None => keys.error(key.0.problem(format!("{NO_VALUE}, remove it"))),
                },
                template @ Text::Template(..) => {
                    headers.fixed.remove(&header);
                    headers.templates.push((header, template));
                }
            }
        }
        headers
    }

    /// The headers for an event.
    pub(crate) fn render(&self, item: &Item) -> Result<HeaderMap, Refusal> {
        let mut headers = self.fixed.clone();
        for (name, template) in &self.templates {
            let text = template.render(item.event()?)?;
            let refused = || Refusal::permanent(format!("header {name}: {NO_VALUE}"));
            headers.insert(name, header_value(&text).ok_or_else(refused)?);
        }
        Ok(headers)
    }
}

const NO_VALUE: &str = "the value holds a line break or control character";

fn header_value(text: &[u8]) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_bytes(text.trim_ascii()).ok()?;
    value.set_sensitive(true);
    Some(value)
}
