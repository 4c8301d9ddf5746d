//! `bigquery` where its stand-in in `servers` does not lead: jobs that were begun before, and when a job's turn comes.

use herald_common::bus::header;
use herald_testkit::{
    receiver::{Answer, Received, Reply, Rule, WebhookReceiver},
    skip_unless,
    tools::Tool,
};

use crate::fixture::Fixture;

async fn start(answer: fn(&Received) -> Reply, interval: u32) -> (WebhookReceiver, Fixture) {
    let bigquery = WebhookReceiver::start().await.expect("starts");
    // Jobs are begun by what holds their reference.
    bigquery.rule(Rule::new(Answer::CutWithin).containing("lost").times(1));
    bigquery.rule(Rule::new(Answer::By(answer)));
    let keys = format!("project: p, dataset: d, table: t, endpoint: \"{}\", interval_seconds: {interval}", bigquery.url());
    let fixture = Fixture::start(&format!("- {{name: r, bigquery: {{{keys}}}}}\n")).await;
    (bigquery, fixture)
}

fn says(status: u16, body: &str) -> Reply {
    Reply { status, body: body.to_owned(), accepted: status == 200, ..Reply::default() }
}

/// The requests that begin a job.
fn begun(bigquery: &WebhookReceiver) -> Vec<Received> {
    bigquery.received().into_iter().filter(|request| request.path.starts_with("/upload/")).collect()
}

/// Has every job already, and each ended because of its row.
fn has_bad_jobs(request: &Received) -> Reply {
    if request.path.starts_with("/upload/") {
        says(409, r#"{"error":{"code":409,"message":"Already Exists: Job","status":"ALREADY_EXISTS"}}"#)
    } else {
        says(200, r#"{"status":{"state":"DONE","errorResult":{"reason":"invalid","message":"bad row"}}}"#)
    }
}

/// Has every first job already, and each failed; takes others.
fn has_failed_jobs(request: &Received) -> Reply {
    let is_first = request.text().contains("_0\"");
    match request.path.starts_with("/upload/") {
        true if is_first => says(409, "{}"),
        true => takes(request),
        false => says(200, r#"{"status":{"state":"DONE","errorResult":{"reason":"backendError","message":"try again"}}}"#),
    }
}

fn takes(_: &Received) -> Reply {
    says(200, r#"{"status":{"state":"DONE"}}"#)
}

#[tokio::test]
async fn a_job_that_was_begun_before_is_looked_at() {
    skip_unless!(Tool::NatsServer);
    let (bigquery, fixture) = start(has_bad_jobs, 1).await;
    fixture.publish("r", &["lost"]).await;
    fixture.settled("r").await;
    let letters = fixture.dead("r").await;
    assert_eq!(letters.len(), 1, "its row was refused");
    assert_eq!(letters[0].headers.get(header::DEAD_REASON), Some("BigQuery refused the row: invalid: bad row"));
    let begun_for_it = begun(&bigquery);
    assert_eq!((begun_for_it.len(), fixture.metric("published", "r")), (2, 0));
    assert_eq!(begun_for_it[0].text(), begun_for_it[1].text(), "under the same name");

    let (bigquery, fixture) = start(has_failed_jobs, 1).await;
    fixture.publish("r", &["lost"]).await;
    fixture.settled("r").await;
    let begun = begun(&bigquery);
    let last = begun.last().expect("begun").text();
    assert!(last.contains("_1\""), "a failed job's name is not used again: {last}");
    assert_eq!((fixture.metric("published", "r"), fixture.metric("dead", "r")), (1, 0));
}

#[tokio::test]
async fn what_comes_before_a_jobs_turn_is_in_one_job() {
    skip_unless!(Tool::NatsServer);
    let (bigquery, fixture) = start(takes, 4).await;
    fixture.publish("r", &["a"]).await;
    fixture.settled("r").await;
    for name in ["b", "c"] {
        fixture.publish("r", &[name]).await;
    }
    fixture.settled("r").await;
    let begun = begun(&bigquery);
    assert_eq!(begun.len(), 2);
    let (pause, both) = (begun[1].at.duration_since(begun[0].at), begun[1].text());
    // The first job's own time is not part of it.
    assert!(pause.as_millis() >= 3_000, "the next job came after {pause:?}");
    assert!(both.contains(r#""uid":"b""#) && both.contains(r#""uid":"c""#), "{both}");
}
