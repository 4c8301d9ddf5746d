use super::*;

/// A receiver with keys and one without, as `hook` and `file`.
fn ledger(events: &[&str]) -> Ledger {
    let mut ledger = Ledger::new(&[("hook", "OUT_hook".to_owned(), true), ("file", "OUT_file".to_owned(), false)]);
    for (version, identity) in (1..).zip(events) {
        ledger.made(identity, version, 0);
    }
    ledger
}

fn deliver(ledger: &mut Ledger, identity: &str) {
    ledger.accepted(0, Some(identity), identity);
    ledger.accepted(1, None, identity);
}

fn total(ledger: &Ledger) -> Tally {
    ledger.balance().total()
}

#[test]
fn a_delivery_withheld_is_a_loss_with_its_name() {
    let mut ledger = ledger(&["a", "b"]);
    deliver(&mut ledger, "a");
    ledger.accepted(0, Some("b"), "b");
    ledger.held("RAW", 7, "b");
    assert_eq!(ledger.open(), 1);
    let account = ledger.balance();
    assert_eq!(account.total(), Tally { made: 2, delivered: 1, lost: 1, ..Tally::default() });
    let lost = Lost { identity: "b".to_owned(), receiver: "file".to_owned(), step: 0, places: vec![("RAW".to_owned(), 7)] };
    assert_eq!(account.lost, [lost]);
    assert!(!account.is_clean());
    ledger.accepted(1, None, "b");
    assert!(ledger.balance().is_clean());
}

#[test]
fn a_repeat_under_its_key_is_dropped_and_under_another_key_a_duplicate() {
    let mut ledger = ledger(&["a", "b"]);
    for key in ["a", "a", "a"] {
        ledger.accepted(0, Some(key), "a");
    }
    ledger.accepted(1, None, "a");
    ledger.accepted(1, None, "a");
    deliver(&mut ledger, "b");
    assert_eq!(total(&ledger), Tally { made: 2, delivered: 2, repeated: 3, ..Tally::default() });
    ledger.accepted(0, Some("another"), "b");
    assert_eq!(total(&ledger).duplicated, 1);
    assert!(!ledger.balance().is_clean());
}

#[test]
fn two_events_under_one_key_are_one_lost() {
    let mut ledger = ledger(&["a", "b"]);
    ledger.accepted(0, Some("same"), "a");
    ledger.accepted(0, Some("same"), "b");
    ledger.accepted(1, None, "a");
    ledger.accepted(1, None, "b");
    assert_eq!(total(&ledger).lost, 1);
}

#[test]
fn a_delivery_without_key_or_of_an_unknown_event_is_noticed() {
    let mut ledger = ledger(&["a"]);
    ledger.accepted(0, None, "a");
    ledger.accepted(1, None, "a");
    assert_eq!((ledger.balance().unkeyed, ledger.balance().is_clean()), (1, false));
    ledger.accepted(1, None, "never made");
    assert_eq!(ledger.balance().unknown, 1);
}

#[test]
fn a_dead_letter_counts_for_its_receiver_and_a_stages_for_all() {
    let mut ledger = ledger(&["a", "b"]);
    ledger.dead("hook", "a");
    assert_eq!(total(&ledger).lost, 2, "the file has not got it either");
    ledger.accepted(1, None, "a");
    ledger.dead("router", "b");
    assert_eq!(total(&ledger), Tally { made: 2, dead: 1, named: 1, ..Tally::default() });
}

#[test]
fn a_marker_of_versions_covers_only_what_was_replaced_and_never_published() {
    let mut ledger = ledger(&["a1", "b2", "a3", "b4"]);
    ledger.gap(Gap::Versions(0, 4));
    assert_eq!(total(&ledger).lost, 4, "the list showed them");
    ledger.replaced("a1");
    ledger.replaced("b2");
    assert_eq!(total(&ledger), Tally { made: 4, named: 2, lost: 2, ..Tally::default() });
    ledger.held("RAW", 1, "b2");
    assert_eq!(total(&ledger).named, 1, "what is in a stream is owed");
}

#[test]
fn a_marker_of_versions_begins_after_its_first() {
    let mut ledger = ledger(&["a1", "a2", "a3"]);
    for identity in ["a1", "a2"] {
        ledger.replaced(identity);
    }
    ledger.gap(Gap::Versions(1, 2));
    assert_eq!(total(&ledger), Tally { made: 3, named: 1, lost: 2, ..Tally::default() });
}

#[test]
fn a_marker_of_sequences_covers_what_the_stream_held_there_for_its_receiver() {
    let mut ledger = ledger(&["a", "b"]);
    for (sequence, identity) in [(5, "a"), (6, "b")] {
        ledger.held("OUT_hook", sequence, identity);
        ledger.accepted(1, None, identity);
    }
    ledger.gap(Gap::Sequences("OUT_hook".to_owned(), 1, 5));
    assert_eq!(total(&ledger), Tally { made: 2, named: 1, lost: 1, ..Tally::default() });
    ledger.gap(Gap::Sequences("OUT_file".to_owned(), 1, 9));
    assert_eq!(total(&ledger).lost, 1, "another receiver's stream");
}

#[test]
fn a_marker_of_a_shared_stream_covers_all_receivers() {
    let mut ledger = ledger(&["a"]);
    ledger.held("ENRICHED", 3, "a");
    ledger.gap(Gap::Sequences("ENRICHED".to_owned(), 3, 3));
    assert_eq!(total(&ledger), Tally { made: 1, named: 1, ..Tally::default() });
}

#[test]
fn recovery_is_an_event_made_later_at_every_receiver() {
    let mut ledger = ledger(&["a", "b"]);
    deliver(&mut ledger, "a");
    assert!(!ledger.reached(1));
    ledger.accepted(0, Some("b"), "b");
    assert_eq!(ledger.behind(1), ["file"]);
    ledger.accepted(1, None, "b");
    assert!(ledger.reached(1));
}
