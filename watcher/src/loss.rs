//! Whether a list after compacted history may have missed something. Pure.
//!
//! A list holds the last version of every event that still exists. What it cannot hold: versions of an event between the last one published and the one
//! listed, and events that came and expired in between. Only then is a gap said; the routine 410 of a quiet cluster is none.
//!
//! How long events live is the API server's secret (`--event-ttl`, an hour by default). So an absence of more than an hour is a gap, and so is a shorter one
//! when the events published right before it are all gone: what came during it may be gone as well.

use std::time::Duration;

use herald_common::event::Event;
use jiff::Timestamp;

/// Events live an hour unless `--event-ttl` says otherwise; after a longer absence some may have come and gone unseen.
const EVENT_TTL: Duration = Duration::from_secs(3_600);
/// Times are kept to about a second.
const SHORTEST_AWAY: Duration = Duration::from_secs(2);

/// What a list brought that was not published before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Newer {
    /// Events.
    pub(crate) events: u64,
    /// Those of them that were seen more than once, so that versions of them may have been missed.
    pub(crate) recurring: u64,
    /// Events that are still there and were known before.
    pub(crate) known: u64,
}

/// The time before a list.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Before {
    /// When the watch was last known to be current.
    pub(crate) observed: Option<Timestamp>,
    /// When the last event was published.
    pub(crate) published: Option<Timestamp>,
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
pub(crate) fn missing(newer: Newer, before: Before, now: Timestamp) -> Option<String> {
    let since = |then: Timestamp| Duration::try_from(now.duration_since(then)).unwrap_or_default();
    let away = before.observed.map(since);
    let long = away.is_some_and(|away| away > EVENT_TTL);
    // An event that was published long before the absence may have expired in peace.
    let shortly_before = away.zip(before.published).is_some_and(|(away, published)| since(published) <= away.max(SHORTEST_AWAY) * 2);
    let mut parts = Vec::new();
    if newer.recurring > 0 {
        parts.push(format!(
            "{} events recurred, of each the last version was published and versions between may be missing",
            newer.recurring
        ));
    }
    if newer.known == 0 && shortly_before && !long {
        parts.push("of the events published right before nothing is left, others may have come and gone meanwhile".to_owned());
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

    fn before(observed: &str) -> Before {
        Before { observed: time(observed), published: None }
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
        let (then, now) = (before("2026-01-01T00:00:00Z"), time("2026-01-01T00:10:00Z").expect("set"));
        assert_eq!(missing(newer(&[]), then, now), None, "a quiet cluster");
        assert_eq!(missing(newer(&[r#"{"count":1}"#, "{}"]), then, now), None, "events seen once are all in the list");
        assert!(missing(newer(&[r#"{"count":2}"#]), then, now).is_some_and(|text| text.contains("1 events recurred")));
        assert!(missing(newer(&[r#"{"series":{"count":2}}"#]), then, now).is_some());
    }

    #[test]
    fn an_absence_longer_than_events_live_is_a_gap() {
        let (then, now) = (before("2026-01-01T00:00:00Z"), time("2026-01-01T02:00:00Z").expect("set"));
        assert!(missing(newer(&[]), then, now).is_some_and(|text| text.contains("120 minutes")));
        assert_eq!(missing(newer(&[]), Before::default(), now), None);
    }

    #[test]
    fn a_short_absence_is_a_gap_when_nothing_published_right_before_it_is_left() {
        let now = time("2026-01-01T00:10:00Z").expect("set");
        let at = |observed, published| Before { observed: time(observed), published: time(published) };
        let (busy, quiet) = (at("2026-01-01T00:05:00Z", "2026-01-01T00:04:59Z"), at("2026-01-01T00:05:00Z", "2025-12-31T23:20:00Z"));
        let (none, one) = (Newer::default(), Newer { known: 1, ..Newer::default() });
        assert!(missing(none, busy, now).is_some_and(|text| text.contains("nothing is left")));
        assert_eq!(missing(one, busy, now), None);
        assert_eq!(missing(none, quiet, now), None, "it may have expired before");
    }
}
