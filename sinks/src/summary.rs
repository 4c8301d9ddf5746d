//! What people are told of many events at once: when a chat's rate limit is used up, those that wait become one message.
//!
//! In go the events; out comes a short text that names what there is most of. Pure.

use std::{collections::HashMap, time::Duration};

use crate::{
    registry::Defaults,
    sink::{Item, Refusal},
};

/// Most events in one summary.
pub(crate) const MOST: usize = 500;
/// How kinds that people read like to be used: one message at a time, each in its turn.
pub(crate) const CHAT: Defaults =
    Defaults { batch: 1, max_batch: MOST, max_bytes: usize::MAX, concurrency: 1, timeout: Duration::from_secs(10), summarises: true };
/// Groups that are named.
const NAMED: usize = 10;

/// The events counted by reason and namespace, the largest groups first: `37 more BackOff in shop`.
pub(crate) fn text(items: &[Item]) -> Result<String, Refusal> {
    let mut groups: HashMap<(&str, &str), usize> = HashMap::new();
    for item in items {
        let event = &item.enriched()?.event;
        *groups.entry((&event.reason, &event.metadata.namespace)).or_default() += 1;
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by(|(one, ones), (other, others)| others.cmp(ones).then(one.cmp(other)));
    let line = |((reason, namespace), count): &((&str, &str), usize)| match *namespace {
        "" => format!("{count} more {reason}"),
        namespace => format!("{count} more {reason} in {namespace}"),
    };
    let mut lines: Vec<String> = groups.iter().take(NAMED).map(line).collect();
    let rest: usize = groups.iter().skip(NAMED).map(|(_, count)| count).sum();
    if rest > 0 {
        lines.push(format!("{rest} more of other kinds"));
    }
    Ok(lines.join("\n"))
}

/// A text of at most so many bytes, an ellipsis at its end when something was cut.
pub(crate) fn shorten(text: &str, most: usize) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most.saturating_sub(ELLIPSIS.len()));
    format!("{}{ELLIPSIS}", &text[..end])
}
