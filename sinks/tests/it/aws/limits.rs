//! What services of AWS's take at most (AWS General Reference, "Service quotas"): no request holds more, and what alone is too much is refused before it is sent.

use data_encoding::BASE64;
use herald_testkit::{
    receiver::{Answer, Received, Reply, Rule},
    skip_unless,
    tools::Tool,
};
use serde_json::{Value, json};

use super::{Fake, body, form, reasons};
use crate::fixture::{Fixture, event};

/// The sizes of what a request carries.
fn sizes(request: &Received) -> Vec<usize> {
    if request.text().starts_with("Action=") {
        return form(request).iter().filter(|(name, _)| name.ends_with(".Message")).map(|(_, text)| text.len()).collect();
    }
    let body = body(request);
    let entries = body["Records"].as_array().or(body["Entries"].as_array()).cloned().unwrap_or_default();
    let text = |entry: &Value, name: &str| entry[name].as_str().map(str::to_owned);
    let size = |entry: &Value| match text(entry, "Data") {
        Some(data) => BASE64.decode(data.as_bytes()).expect("base64").len() + text(entry, "PartitionKey").map_or(0, |key| key.len()),
        None => text(entry, "MessageBody").or(text(entry, "Detail")).expect("a body").len(),
    };
    entries.iter().map(size).collect()
}

/// Takes everything.
fn takes(request: &Received) -> Reply {
    let taken = vec![json!({}); sizes(request).len()];
    let body = if request.text().starts_with("Action=") {
        "<PublishBatchResponse><PublishBatchResult/></PublishBatchResponse>".to_owned()
    } else {
        json!({"Records": taken, "RequestResponses": taken, "Entries": taken, "Successful": taken, "QueueUrl": "http://q/", "OpsItemId": "oi"})
            .to_string()
    };
    Reply { status: 200, body, accepted: true, ..Reply::default() }
}

/// An event with so long a message.
fn saying(name: &str, length: usize) -> Vec<u8> {
    event(name).replace(&format!(r"\u003c{name}\u003e"), &"m".repeat(length)).into_bytes()
}

const KINDS: [(&str, &str, usize, usize); 5] = [
    ("kinesis", "streamName: s", 500, 5 << 20),
    ("firehose", "deliveryStreamName: s", 500, 4 << 20),
    ("sqs", "queueName: q", 10, 1 << 20),
    ("sns", "topicARN: 'arn:aws:sns:eu-west-1:123456789012:t'", 10, 256 << 10),
    ("eventbridge", "detailType: e, source: herald", 10, 1 << 20),
];

#[tokio::test]
async fn no_request_holds_more_than_its_service_takes() {
    skip_unless!(Tool::NatsServer);
    for (kind, keys, most, most_bytes) in KINDS {
        let fake = Fake::start().await;
        fake.receiver.rule(Rule::new(Answer::By(takes)));
        // What is asked for beyond the protocol's own limit is not done.
        let config = fake.config(kind, keys).replace("  updates: true\n", "  batch: 5000\n  concurrency: 1\n");
        let mut fixture = Fixture::prepare(&config).await;
        let (small, large) = (most * 2 + most / 2, 6);
        for number in 0..small {
            let name = format!("small-{number}");
            fixture.publish_payload("r", &name, saying(&name, 10), "application/json").await;
        }
        for number in 0..large * 2 {
            let name = format!("large-{number}");
            fixture.publish_payload("r", &name, saying(&name, (most_bytes / large).min(900 << 10)), "application/json").await;
        }
        fixture.run().await;
        fixture.settled("r").await;
        let requests: Vec<Vec<usize>> = fake.receiver.received().iter().map(sizes).collect();
        assert_eq!(requests.iter().map(Vec::len).sum::<usize>(), small + large * 2, "{kind}");
        assert!(requests.iter().any(|sizes| sizes.len() > 1), "{kind}: nothing is sent together");
        for sizes in requests {
            let bytes: usize = sizes.iter().sum();
            assert!(sizes.len() <= most && bytes <= most_bytes, "{kind}: {} entries, {bytes} bytes", sizes.len());
        }
    }
}

#[tokio::test]
async fn an_event_that_its_service_does_not_take_is_not_sent() {
    skip_unless!(Tool::NatsServer);
    for (kind, keys, layout, texts, said) in [
        ("kinesis", "streamName: s", "layout", 12, "a record of Kinesis takes at most 10485760"),
        ("firehose", "deliveryStreamName: s", "layout", 2, "a record of Firehose takes at most 1024000"),
        ("sqs", "queueName: q", "layout", 2, "a message of SQS takes at most 1048576"),
        ("eventbridge", "detailType: e, source: herald", "details", 2, "an entry of EventBridge takes at most 1048576"),
    ] {
        let fake = Fake::start().await;
        fake.receiver.rule(Rule::new(Answer::By(takes)));
        let texts: String = (0..texts).map(|number| format!("t{number}: '{{{{ .Message }}}}', ")).collect();
        let mut fixture = Fixture::prepare(&fake.config(kind, &format!("{keys}, {layout}: {{{texts}}}"))).await;
        fixture.publish_payload("r", "large", saying("large", 900 << 10), "application/json").await;
        fixture.publish("r", &["small"]).await;
        fixture.run().await;
        fixture.settled("r").await;
        let letters = fixture.dead("r").await;
        let reasons = reasons(&letters);
        assert!(reasons.len() == 1 && reasons[0].ends_with(said), "{kind}: {reasons:?}");
        assert_eq!(fake.receiver.received().iter().map(|request| sizes(request).len()).sum::<usize>(), 1, "{kind}: the other is sent");
    }
}

#[tokio::test]
async fn an_items_texts_are_cut_and_one_that_lacks_a_text_is_not_sent() {
    skip_unless!(Tool::NatsServer);
    let fake = Fake::start().await;
    fake.receiver.rule(Rule::new(Answer::By(takes)));
    let fixture = Fixture::start_with(&fake.config("opscenter", "title: '{{ .Message }}', description: '{{ .Message }}', source: s")).await;
    fixture.publish_payload("r", "long", saying("long", 3_000), "application/json").await;
    fixture.publish_payload("r", "empty", saying("empty", 0), "application/json").await;
    fixture.settled("r").await;
    let letters = fixture.dead("r").await;
    assert_eq!(reasons(&letters), ["description is empty, OpsCenter takes no such item"]);
    let requests = fake.requests("ssm", "CreateOpsItem");
    let item = body(&requests[0]);
    let length = |name: &str| item[name].as_str().map(str::len);
    assert_eq!((requests.len(), length("Title"), length("Description")), (1, Some(1_024), Some(2_048)));
}
