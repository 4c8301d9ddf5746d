//! Faults happen to the requests they name, and watches can be disturbed while they are open.

use std::time::{Duration, Instant};

use herald_testkit::{
    apiserver::{ApiServer, Fault, Trouble, WatchTrouble},
    wait,
};
use reqwest::StatusCode;
use serde_json::Value;

use super::{BOUND, Lines, change, http, pod};

#[tokio::test]
async fn requests_meet_the_faults_written_for_them() {
    let server = ApiServer::start().await.unwrap();
    server.put(pod("shop", "a")).unwrap();
    server.put(pod("shop", "b")).unwrap();
    let client = http();
    let get = |name: &str| client.get(format!("{}/api/v1/namespaces/shop/pods/{name}", server.url())).send();

    server.fault(Fault::status("get", "pods", 429).named("a").times(1).retry_after(Duration::from_secs(3)));
    assert_eq!(get("b").await.unwrap().status(), StatusCode::OK);
    let refused = get("a").await.unwrap();
    assert_eq!((refused.status().as_u16(), refused.headers()["retry-after"].to_str().unwrap()), (429, "3"));
    assert_eq!(refused.json::<Value>().await.unwrap()["reason"], "TooManyRequests");
    assert_eq!(get("a").await.unwrap().status(), StatusCode::OK);

    server.fault(Fault::new("*", "*", Trouble::Cut).in_namespace("shop").times(1));
    get("a").await.unwrap_err();
    server.fault(Fault::new("get", "pods", Trouble::Delay(100)).times(1));
    let start = Instant::now();
    assert_eq!(get("a").await.unwrap().status(), StatusCode::OK);
    assert!(start.elapsed() >= Duration::from_millis(100));
    server.fault(Fault::new("get", "pods", Trouble::Hang));
    let url = format!("{}/api/v1/namespaces/shop/pods/a", server.url());
    assert!(client.get(url).timeout(Duration::from_millis(50)).send().await.unwrap_err().is_timeout());
    server.clear_faults();

    server.deny("*", "pods");
    let denied = get("a").await.unwrap();
    assert_eq!((denied.status(), denied.json::<Value>().await.unwrap()["reason"].clone()), (StatusCode::FORBIDDEN, "Forbidden".into()));
    server.allow("pods");
    assert_eq!(get("a").await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn open_watches_expire_close_break_or_fall_silent() {
    let server = ApiServer::start().await.unwrap();
    let watch = "/api/v1/pods?watch=1&resourceVersion=1";
    let open = || async {
        let lines = Lines::open(&server, watch).await;
        assert_eq!(server.open_watches("pods"), 1);
        lines
    };
    let closed = || wait::until("the watch's end", BOUND, || std::future::ready(server.open_watches("pods") == 0));

    let mut lines = open().await;
    server.disturb_watches("pods", WatchTrouble::Expired);
    let error = lines.next().await.unwrap().unwrap();
    assert_eq!((error["type"].as_str(), error["object"]["code"].as_u64()), (Some("ERROR"), Some(410)));
    assert!(lines.next().await.is_none());
    closed().await.unwrap();

    let mut lines = open().await;
    server.disturb_watches("*", WatchTrouble::Close);
    assert!(lines.next().await.is_none());
    closed().await.unwrap();

    let mut lines = open().await;
    server.disturb_watches("pods", WatchTrouble::Cut);
    lines.next().await.unwrap().unwrap_err();
    closed().await.unwrap();

    let lines = open().await;
    server.disturb_watches("pods", WatchTrouble::Silent);
    server.put(pod("shop", "unseen")).unwrap();
    let mut other = Lines::open(&server, watch).await;
    assert_eq!(other.change().await, change("ADDED", "unseen"));
    assert_eq!(server.open_watches("pods"), 2);
    drop((lines, other));
    closed().await.unwrap();
}

#[tokio::test]
async fn a_watch_can_meet_trouble_from_its_beginning() {
    let server = ApiServer::start().await.unwrap();
    server.fault(Fault::new("watch", "pods", Trouble::Watch(WatchTrouble::Expired)).times(1));
    let mut lines = Lines::open(&server, "/api/v1/pods?watch=1&resourceVersion=1").await;
    assert_eq!(lines.next().await.unwrap().unwrap()["object"]["reason"], "Expired");
}

#[tokio::test]
async fn what_is_stopped_can_be_started_again() {
    let server = ApiServer::start().await.unwrap();
    server.put(pod("shop", "a")).unwrap();
    let mut lines = Lines::open(&server, "/api/v1/pods?watch=1&resourceVersion=1").await;
    lines.change().await;
    server.stop().await;
    lines.next().await.unwrap().unwrap_err();
    assert!(http().get(format!("{}/readyz", server.url())).send().await.unwrap_err().is_connect());
    server.start_again().await.unwrap();
    let mut lines = Lines::open(&server, "/api/v1/pods?watch=1&resourceVersion=1").await;
    assert_eq!(lines.change().await, change("ADDED", "a"));
}
