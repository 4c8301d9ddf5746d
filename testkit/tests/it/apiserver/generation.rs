//! Generated events arrive at watches, all of them and at the rate asked for.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use herald_testkit::apiserver::{ApiServer, Generation};

use super::{Lines, http};

#[tokio::test]
async fn every_generated_version_reaches_a_watch_in_order() {
    let server = ApiServer::start().await.unwrap();
    let mut lines = Lines::open(&server, "/api/v1/events?watch=1&resourceVersion=1").await;
    let mut plan = Generation::new(10_000.0, 600, 7);
    plan.repeats = 0.5;
    let made = server.generate(&plan).await;
    assert_eq!((made.len(), server.number_of("events"), server.number_of("pods")), (600, 300, 7));
    let mut objects = HashSet::new();
    let mut repeated = 0;
    for identity in &made {
        let line = lines.next().await.unwrap().unwrap();
        let event = &line["object"];
        assert_eq!(event["metadata"]["uid"], identity.uid.as_str());
        assert_eq!(event["metadata"]["resourceVersion"], identity.resource_version.to_string());
        let name = event["involvedObject"]["name"].as_str().unwrap();
        let pod = server.get("pods", "load", name).unwrap();
        assert_eq!(pod["metadata"]["uid"], event["involvedObject"]["uid"]);
        objects.insert(name.to_owned());
        repeated += u32::from(line["type"] == "MODIFIED" && event["count"].as_u64().unwrap() > 1);
    }
    assert_eq!((objects.len(), repeated), (7, 300));
}

#[tokio::test]
async fn the_rate_is_kept_and_old_events_expire() {
    let server = ApiServer::start().await.unwrap();
    let mut plan = Generation::lasting(1000.0, Duration::from_millis(500), 10);
    plan.keep = 100;
    let start = Instant::now();
    let made = server.generate(&plan).await;
    assert!(start.elapsed() >= Duration::from_millis(490), "{:?}", start.elapsed());
    assert_eq!((made.len(), server.number_of("events")), (500, 100));
    assert_eq!((server.expire_events(30), server.number_of("events")), (30, 70));
}

#[tokio::test]
async fn a_slow_watch_is_told_that_it_missed_something() {
    let server = ApiServer::start().await.unwrap();
    let mut lines = Lines::open(&server, "/api/v1/events?watch=1&resourceVersion=1").await;
    server.limit_history(10);
    // More than fits into the buffers between server and client, which does not read.
    server.generate(&Generation::new(1e9, 40_000, 10)).await;
    loop {
        let line = lines.next().await.unwrap().unwrap();
        if line["type"] == "ERROR" {
            assert_eq!(line["object"]["code"], 410);
            break;
        }
    }
    let response = http().get(format!("{}/api/v1/events?watch=1&resourceVersion=1", server.url())).send().await.unwrap();
    assert_eq!(response.status(), 410);
}
