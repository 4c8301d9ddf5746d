//! Whether a list after compacted history may have missed something. Pure.
//!
//! A list holds the last version of every event that still exists. What it cannot hold: versions of an event between the last one published and the one
//! listed, and events that came and expired in between. Only then is a gap said; the routine 410 of a quiet cluster is none.

use std::time::Duration;

use herald_common::event::Event;
use jiff::Timestamp;

/// Events live an hour unless `--event-ttl` says otherwise; after a longer absence some may have come and gone unseen.
const EVENT_TTL: Duration = Duration::from_secs(3_600);

/// What a list brought that was not published before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Newer {
    /// Events.
    pub(crate) events: u64,
    /// Those of them that were seen more than once, so that versions of them may have been missed.
    pub(crate) recurring: u64,
}

impl Newer {
    /// Counts an event.
    pub(crate) fn count(&mut self, event: &Event) {
        self.events += 1;
        let recurring = event.count > 1 || event.series.as_ref().is_some_and(|series| series.count > 1);
        self.recurring += u64::from(recurring);
    }
}

/// Says what may be missing after a list; `None` when nothing is.
pub(crate) fn missing(newer: Newer, observed: Option<Timestamp>, now: Timestamp) -> Option<String> {
    let away = observed.map(|observed| Duration::try_from(now.duration_since(observed)).unwrap_or_default());
    let long = away.is_some_and(|away| away > EVENT_TTL);
    let mut parts = Vec::new();
    if newer.recurring > 0 {
        parts.push(format!(
            "{} events recurred, of each the last version was published and versions between may be missing",
            newer.recurring
        ));
    }
    if long {
        let minutes = away.unwrap_or_default().as_secs() / 60;
        parts.push(format!("nothing was read for {minutes} minutes, events that came and expired meanwhile are missing"));
    }
    (!parts.is_empty()).then(|| format!("the API server had compacted its history: {}", parts.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<Timestamp> {
        Some(text.parse().expect("a time"))
    }

    fn newer(events: &[&str]) -> Newer {
        let mut newer = Newer::default();
        for event in events {
            newer.count(&serde_json::from_str(event).expect("an event"));
        }
        newer
    }

    #[test]
    fn a_short_absence_is_a_gap_only_when_an_event_recurred() {
        let (then, now) = (time("2026-01-01T00:00:00Z"), time("2026-01-01T00:10:00Z").expect("set"));
        assert_eq!(missing(newer(&[]), then, now), None, "a quiet cluster");
        assert_eq!(missing(newer(&[r#"{"count":1}"#, "{}"]), then, now), None, "events seen once are all in the list");
        assert!(missing(newer(&[r#"{"count":2}"#]), then, now).is_some_and(|text| text.contains("1 events recurred")));
        assert!(missing(newer(&[r#"{"series":{"count":2}}"#]), then, now).is_some());
    }

    #[test]
    fn an_absence_longer_than_events_live_is_a_gap() {
        let (then, now) = (time("2026-01-01T00:00:00Z"), time("2026-01-01T02:00:00Z").expect("set"));
        assert!(missing(newer(&[]), then, now).is_some_and(|text| text.contains("120 minutes")));
        assert_eq!(missing(newer(&[]), None, now), None);
    }
}
