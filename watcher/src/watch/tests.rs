//! What answers mean.

use futures_util::stream;

use super::*;

#[test]
fn a_page_holds_events_its_version_and_the_next_token() {
    let body = r#"{"kind":"EventList","metadata":{"resourceVersion":"77","continue":"abc"},"items":[
        {"metadata":{"uid":"u","resourceVersion":"5"},"reason":"R"},
        {"metadata":{"uid":"v","resourceVersion":"6"},"reason":7},
        {"metadata":{"name":"n"}}]}"#;
    let page = page(body, None).expect("a page");
    assert_eq!((page.resource_version.as_str(), page.next.as_deref()), ("77", Some("abc")));
    assert_eq!(page.items[0].as_ref().expect("an event").reason, "R");
    let unreadable = page.items[1].as_ref().expect_err("a number is no reason");
    assert_eq!((unreadable.uid.as_str(), unreadable.resource_version.as_str()), ("v", "6"));
    assert!(page.items[2].is_err(), "an event without identity cannot be followed");
    let empty = super::page(r#"{"metadata":{"resourceVersion":"7"},"items":null}"#, None).expect("a page");
    assert!(empty.items.is_empty() && empty.next.is_none());
}

#[test]
fn lines_of_a_watch_are_told_apart() {
    let of = |kind: &str, object: &str| signal(&format!(r#"{{"type":"{kind}","object":{object}}}"#));
    let event = r#"{"metadata":{"uid":"u","resourceVersion":"5"}}"#;
    assert!(matches!(of("ADDED", event), Signal::Changed(Change::Added, Ok(_))));
    assert!(matches!(of("MODIFIED", event), Signal::Changed(Change::Modified, Ok(_))));
    assert!(matches!(of("DELETED", event), Signal::Reached(position) if position == "5"));
    assert!(
        matches!(of("BOOKMARK", r#"{"kind":"Event","metadata":{"resourceVersion":"9"}}"#), Signal::Reached(position) if position == "9")
    );
    assert!(matches!(of("ADDED", r#"{"metadata":7}"#), Signal::Changed(_, Err(_))));
    assert!(matches!(signal("not json\n"), Signal::Changed(_, Err(_))));
}

#[test]
fn an_error_in_the_stream_is_expired_or_to_be_tried_again() {
    let expired = r#"{"kind":"Status","status":"Failure","message":"too old","reason":"Expired","code":410}"#;
    assert!(matches!(status(expired), ApiError::Expired(text) if text.contains("too old")));
    assert!(matches!(status(r#"{"reason":"Gone"}"#), ApiError::Expired(_)));
    let throttled = r#"{"code":429,"reason":"TooManyRequests","details":{"retryAfterSeconds":3}}"#;
    assert!(matches!(status(throttled), ApiError::Failed { retry_after: Some(after), .. } if after == Duration::from_secs(3)));
    assert!(matches!(status("[]"), ApiError::Failed { .. }));
}

#[tokio::test]
async fn lines_are_put_together_from_any_pieces() {
    let pieces = ["a", "b\nc", "\n\n", "cut off"].map(|piece| Ok::<_, String>(Bytes::from(piece)));
    let lines: Vec<_> = lines(stream::iter(pieces)).map(|line| line.expect("a line")).collect().await;
    assert_eq!(lines, ["ab\n", "c\n", "\n"]);
}

#[test]
fn the_clock_of_the_api_server_is_read() {
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::DATE, http::HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_eq!(date(&headers).map(|date| date.to_string()).as_deref(), Some("1994-11-06T08:49:37Z"));
}
