//! What the kinds of AWS's send of the events that `wire.json` holds. No exporter's requests to AWS are recorded there, so what is compared are the lines that the
//! exporter before Herald printed of the same events: each is the record, the message, the detail. Around it stands what the services' API references say.

use data_encoding::BASE64;
use herald_testkit::{
    receiver::{Answer, Rule},
    skip_unless,
    tools::Tool,
};
use serde_json::{Value, json};

use super::{Fake, body, form, header};
use crate::{
    conformance::{cases, payload, text},
    fixture::{BOUND, Fixture, identity},
};

/// Events with the line that was printed of each.
fn printed() -> Vec<(Value, String)> {
    let mut cases: Vec<Value> = cases("stdout").into_iter().chain(cases("pipe")).chain(cases("file")).collect();
    cases.retain(|case| case["id"].as_str().is_some_and(|id| id.contains("/plain-")));
    assert_eq!(cases.len(), 4);
    let line = |case: &Value| text(&case["want"], "bytes").lines().next().expect("a line").to_owned();
    cases.iter().map(|case| (case.clone(), line(case))).collect()
}

/// The request of a receiver for an event; `says` are answers to what a body holds.
async fn request(
    kind: &str,
    keys: &str,
    case: &Value,
    operation: (&str, &str),
    says: &[(&str, &'static str)],
) -> herald_testkit::receiver::Received {
    let fake = Fake::start().await;
    for (containing, body) in says {
        fake.says(containing, 200, body);
    }
    let fixture = Fixture::start_with(&fake.config(kind, keys)).await;
    fixture.publish_payload("r", "recorded", payload(case), "application/json").await;
    fixture.settled("r").await;
    assert!(fixture.dead("r").await.is_empty(), "{kind}");
    let mut requests = fake.requests(operation.0, operation.1);
    assert_eq!(requests.len(), 1, "{kind}");
    requests.remove(0)
}

#[tokio::test]
async fn the_lines_that_were_recorded_are_the_records_and_messages() {
    skip_unless!(Tool::NatsServer);
    for (case, line) in printed() {
        let uid = text(&case["event"]["metadata"], "uid");
        let last = case["event"]["lastTimestamp"].as_str().or(case["event"]["eventTime"].as_str()).expect("a time");
        let last: jiff::Timestamp = last.parse().expect("a time");
        let data = BASE64.encode(line.as_bytes());

        let taken = [("Records", r#"{"Records":[{}],"RequestResponses":[{}]}"#), ("Name", "{}")];
        let got = request("kinesis", "streamName: s", &case, ("kinesis", "PutRecords"), &taken).await;
        assert_eq!(body(&got), json!({"StreamName": "s", "Records": [{"Data": data, "PartitionKey": uid}]}));
        let got = request("firehose", "deliveryStreamName: s", &case, ("firehose", "PutRecordBatch"), &taken).await;
        assert_eq!(body(&got), json!({"DeliveryStreamName": "s", "Records": [{"Data": data}]}));

        let taken = [("QueueName", r#"{"QueueUrl":"http://q/"}"#), ("Entries", r#"{"Successful":[{"Id":"0"}]}"#)];
        let got = request("sqs", "queueName: q", &case, ("sqs", "SendMessageBatch"), &taken).await;
        assert_eq!(body(&got), json!({"QueueUrl": "http://q/", "Entries": [{"Id": "0", "MessageBody": line}]}));
        let got = request("sqs", "queueName: q.fifo", &case, ("sqs", "SendMessageBatch"), &taken).await;
        let ids = json!({"Id": "0", "MessageBody": line, "MessageGroupId": uid, "MessageDeduplicationId": identity("recorded")});
        assert_eq!(body(&got)["Entries"], json!([ids]));

        let taken = [("Action", "<PublishBatchResponse><PublishBatchResult/></PublishBatchResponse>")];
        for (topic, is_fifo) in [("arn:aws:sns:eu-west-1:123456789012:t", false), ("arn:aws:sns:eu-west-1:123456789012:t.fifo", true)] {
            let got = request("sns", &format!("topicARN: '{topic}'"), &case, ("sns", "PublishBatch"), &taken).await;
            let field = |name: &str, value: &str| (format!("PublishBatchRequestEntries.member.1.{name}"), value.to_owned());
            let mut want: Vec<(String, String)> = [("Action", "PublishBatch"), ("Version", "2010-03-31"), ("TopicArn", topic)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
            want.extend([field("Id", "0"), field("Message", &line)]);
            if is_fifo {
                want.extend([field("MessageGroupId", uid), field("MessageDeduplicationId", &identity("recorded"))]);
            }
            assert_eq!(form(&got), want);
        }

        let taken = [("Entries", r#"{"Entries":[{}]}"#), ("", "{}")];
        let got = request("eventbridge", "detailType: d, source: s", &case, ("events", "PutEvents"), &taken).await;
        assert_eq!(body(&got), json!({"Entries": [{"Detail": line, "DetailType": "d", "Source": "s", "Time": last.as_second()}]}));

        let keys =
            "title: '{{ .Reason }}', description: '{{ .Message }}', source: '{{ .Namespace }}', operationalData: {all: '{{ toJson . }}'}";
        let got = body(&request("opscenter", keys, &case, ("ssm", "CreateOpsItem"), &[("Title", "{}")]).await);
        let of = |name: &str| case["event"][name].clone();
        let data = &got["OperationalData"];
        assert_eq!(got["Title"], of("reason"));
        // A longer one is cut.
        let (message, description) = (of("message"), text(&got, "Description").trim_end_matches('…'));
        assert!(message.as_str().is_some_and(|message| message.starts_with(description) && message.len().min(2_000) <= description.len()));
        assert_eq!(
            data["/aws/dedup"],
            json!({"Type": "SearchableString", "Value": json!({"dedupString": identity("recorded")}).to_string()})
        );
        let all: Value = serde_json::from_str(data["all"]["Value"].as_str().expect("text")).expect("JSON");
        assert_eq!((&data["all"]["Type"], &all["metadata"]["uid"]), (&json!("SearchableString"), &json!(uid)));
    }
}

#[tokio::test]
async fn a_topics_region_is_that_of_its_arn() {
    skip_unless!(Tool::NatsServer);
    let fake = Fake::start().await;
    fake.says("Action", 200, "<PublishBatchResponse><PublishBatchResult/></PublishBatchResponse>");
    let config = fake.config("sns", "topicARN: 'arn:aws:sns:eu-west-1:123456789012:t'").replace("region: eu-west-1, ", "");
    let _fixture = fake.deliver(&config, &["a"]).await;
    assert_eq!(fake.requests("sns", "PublishBatch").len(), 1, "signed for the region");
}

#[tokio::test]
async fn a_queue_that_was_made_anew_is_asked_for_again() {
    skip_unless!(Tool::NatsServer);
    let fake = Fake::start().await;
    fake.says_once("QueueName", 200, r#"{"QueueUrl":"http://q/old"}"#);
    fake.says("http://q/old", 400, r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no"}"#);
    fake.says("QueueName", 200, r#"{"QueueUrl":"http://q/new"}"#);
    fake.says("http://q/new", 200, r#"{"Successful":[{"Id":"0"}]}"#);
    let fixture = fake.deliver(&fake.config("sqs", "queueName: events"), &["a"]).await;
    assert_eq!((fake.requests("sqs", "GetQueueUrl").len(), fixture.metric("published", "r")), (2, 1));
}

#[tokio::test]
async fn what_has_an_order_is_sent_one_request_after_the_other() {
    skip_unless!(Tool::NatsServer);
    for (kind, keys) in [
        ("sqs", "queueName: q.fifo"),
        ("sns", "topicARN: 'arn:aws:sns:eu-west-1:123456789012:t.fifo'"),
        ("opscenter", "title: t, description: d, source: s"),
    ] {
        let fake = Fake::start().await;
        fake.says("QueueName", 200, r#"{"QueueUrl":"http://q/"}"#);
        fake.receiver.rule(Rule::new(Answer::Hang));
        let fixture = Fixture::start_with(&fake.config(kind, keys).replace("  updates: true\n", "  timeout: 1s\n")).await;
        fixture.takes_one_at_a_time("r", kind).await;
        fake.receiver.wait_for_requests(1, BOUND).await.expect("asked");
    }
}

#[tokio::test]
async fn a_service_is_left_alone_for_as_long_as_it_asks() {
    skip_unless!(Tool::NatsServer);
    let fake = Fake::start().await;
    fake.receiver.rule(Rule::new(Answer::RetryAfter(503, 2)).times(1));
    fake.says("Title", 200, "{}");
    let _fixture = fake.deliver(&fake.config("opscenter", "title: t, description: d, source: s"), &["a"]).await;
    let requests = fake.requests("ssm", "CreateOpsItem");
    let pause = requests[1].at.duration_since(requests[0].at);
    assert!(pause.as_millis() >= 1_990, "came again after {pause:?}");
    assert_eq!(header(&requests[1], "x-amz-target"), "AmazonSSM.CreateOpsItem");
}
