//! The kinds of AWS's against a fake that says what AWS would: what is sent and how it is signed, and what the answers mean.

mod credentials;
mod limits;
mod pod;
mod wire;

use std::path::PathBuf;

use data_encoding::BASE64;
use herald_common::{
    bus::{Stream, header},
    config::Config,
};
use herald_sinks::{registry, render::Templates, sink::SendError};
use herald_testkit::{
    receiver::{Answer, Received, Rule, WebhookReceiver},
    servers::{
        aws::{KEY_ID, SECRET, verify},
        moto::REGION,
    },
    skip_unless,
    tools::Tool,
    wait,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::fixture::{BOUND, Fixture, event, identity};

/// A service of AWS's that answers as told, and the credentials for it.
struct Fake {
    receiver: WebhookReceiver,
    folder: TempDir,
}

impl Fake {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let credentials = format!("[default]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n");
        std::fs::write(folder.path().join("credentials"), credentials).expect("written");
        Self { receiver: WebhookReceiver::start().await.expect("starts"), folder }
    }

    fn credentials(&self) -> PathBuf {
        self.folder.path().join("credentials")
    }

    /// A receiver `r` of a kind, with more of its keys.
    fn config(&self, kind: &str, keys: &str) -> String {
        format!(
            "receivers:\n- name: r\n  updates: true\n  {kind}: {{endpoint: \"{}\", region: {REGION}, credentials: {{file: {}}}, {keys}}}\n",
            self.receiver.url(),
            self.credentials().display()
        )
    }

    fn says(&self, containing: &str, code: u16, body: &'static str) {
        self.receiver.rule(Rule::new(Answer::Says(code, body)).containing(containing));
    }

    fn says_once(&self, containing: &str, code: u16, body: &'static str) {
        self.receiver.rule(Rule::new(Answer::Says(code, body)).containing(containing).times(1));
    }

    /// Delivers these events.
    async fn deliver(&self, config: &str, names: &[&str]) -> Fixture {
        let mut fixture = Fixture::prepare(config).await;
        fixture.publish("r", names).await;
        fixture.run().await;
        fixture.settled("r").await;
        fixture
    }

    /// Delivers an event named `first` and then those that `publish` makes, in one batch: they gather while the service is not there for the first.
    async fn deliver_together(&mut self, config: &str, count: u64, publish: impl AsyncFnOnce(&Fixture)) -> Fixture {
        self.receiver.stop().await;
        let fixture = Fixture::start_with(&config.replace("  updates: true\n", "  concurrency: 1\n  updates: true\n")).await;
        fixture.publish("r", &["first"]).await;
        fixture.until("the first to be tried", || fixture.metric("retried", "r") > 0).await;
        publish(&fixture).await;
        let state = || async { fixture.bus.consumer_state(&Stream::Out("r".into()), "sinks").await.ok().flatten() };
        let handed_out = || async { state().await.is_some_and(|state| state.ack_pending == count + 1) };
        wait::until("the events to be handed out", BOUND, handed_out).await.expect("in time");
        self.receiver.start_again().await.expect("starts again");
        fixture.settled("r").await;
        fixture
    }

    /// The requests for an operation, each signed for the service.
    fn requests(&self, service: &str, operation: &str) -> Vec<Received> {
        let is_for = |request: &Received| {
            let target = request.headers.get("x-amz-target").map(|target| target.to_str().expect("text").to_owned());
            target.is_some_and(|target| target.ends_with(&format!(".{operation}")))
                || request.text().starts_with(&format!("Action={operation}&"))
        };
        let mut requests = self.receiver.received();
        requests.iter().for_each(|request| assert_signed(request, service));
        requests.retain(is_for);
        requests
    }
}

fn assert_signed(request: &Received, service: &str) {
    // Only what looks has no body.
    let method = if request.body.is_empty() { "GET" } else { "POST" };
    let verified = verify(method, &request.path, &request.headers, &request.body, service, REGION);
    assert!(verified.is_ok(), "{verified:?}: {} {:?}", request.path, request.headers);
}

fn body(request: &Received) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

fn header<'a>(request: &'a Received, name: &str) -> &'a str {
    request.headers[name].to_str().expect("text")
}

fn reasons(letters: &[herald_common::bus::inspect::Stored]) -> Vec<&str> {
    letters.iter().map(|letter| letter.headers.get(header::DEAD_REASON).unwrap_or_default()).collect()
}

/// What the check at start says of a receiver.
async fn checked(config: &str) -> Result<(), SendError> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let config = Config::parse("config.yaml", config, &|_| None).expect("reads").config;
    let ready = registry::build(&config.receivers[0], &Templates::default()).unwrap_or_else(|findings| panic!("{findings:?}"));
    ready.built.sink.check().await
}

#[tokio::test]
async fn kinesis_puts_records_and_repeats_only_those_for_which_there_was_no_room() {
    skip_unless!(Tool::NatsServer);
    let mut fake = Fake::start().await;
    fake.says("Describe", 200, "{}");
    let busy = r#"{"FailedRecordCount":1,"Records":[{"SequenceNumber":"1","ShardId":"s"},{"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"Rate exceeded"},{"SequenceNumber":"2","ShardId":"s"}]}"#;
    fake.says_once(&BASE64.encode(event("c").as_bytes()), 200, busy);
    fake.says("Records", 200, r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"3","ShardId":"s"}]}"#);
    let fixture =
        fake.deliver_together(&fake.config("kinesis", "streamName: events"), 3, async |all| all.publish("r", &["a", "b", "c"]).await).await;
    let requests = &fake.requests("kinesis", "PutRecords")[1..];
    assert_eq!(requests.len(), 2);
    assert_eq!(header(&requests[0], "x-amz-target"), "Kinesis_20131202.PutRecords");
    assert_eq!(header(&requests[0], "content-type"), "application/x-amz-json-1.1");
    let record = |name: &str| json!({"Data": BASE64.encode(event(name).as_bytes()), "PartitionKey": name});
    assert_eq!(body(&requests[0]), json!({"StreamName": "events", "Records": [record("a"), record("b"), record("c")]}));
    assert_eq!(body(&requests[1]), json!({"StreamName": "events", "Records": [record("b")]}));
    assert!(fixture.dead("r").await.is_empty());
    assert_eq!(fixture.metric("published", "r"), 4);
    let pause = requests[1].at.duration_since(requests[0].at);
    assert!(pause.as_millis() >= 130, "it came again after {pause:?}, at once");
}

#[tokio::test]
async fn firehose_puts_records_and_waits_while_it_is_busy() {
    skip_unless!(Tool::NatsServer);
    let fake = Fake::start().await;
    fake.says_once(
        "Records",
        200,
        r#"{"FailedPutCount":1,"RequestResponses":[{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."}]}"#,
    );
    fake.says_once("Records", 400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#);
    fake.says("Records", 200, r#"{"FailedPutCount":0,"RequestResponses":[{"RecordId":"x"}]}"#);
    let config = fake.config("firehose", "deliveryStreamName: events, deDot: true, layout: {labels: '{{ toJson .ObjectMeta.Labels }}'}");
    let fixture = fake.deliver(&config, &["a"]).await;
    let requests = fake.requests("firehose", "PutRecordBatch");
    assert_eq!(requests.len(), 3);
    let data = BASE64.encode(br#"{"labels":"{\"a_b\":\"c\"}"}"#);
    let want = json!({"DeliveryStreamName": "events", "Records": [{"Data": data}]});
    assert!(requests.iter().all(|request| body(request) == want), "{:?}", body(&requests[0]));
    assert_eq!(header(&requests[0], "x-amz-target"), "Firehose_20150804.PutRecordBatch");
    assert_eq!((fixture.metric("published", "r"), fixture.metric("dead", "r")), (1, 0));
}

#[tokio::test]
async fn sqs_sends_to_the_queue_of_a_name_and_gives_up_only_what_the_queue_refuses() {
    skip_unless!(Tool::NatsServer);
    let mut fake = Fake::start().await;
    fake.says("QueueName", 200, r#"{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/123456789012/events"}"#);
    let partial = r#"{"Successful":[{"Id":"0"},{"Id":"2"}],"Failed":[{"Id":"1","SenderFault":true,"Code":"InvalidMessageContents","Message":"Invalid characters"}]}"#;
    fake.says(r#""Id":"2""#, 200, partial);
    fake.says("Entries", 200, r#"{"Successful":[{"Id":"0"}]}"#);
    let config = fake.config("sqs", "queueName: events");
    let fixture = fake.deliver_together(&config, 3, async |all| all.publish("r", &["a", "b", "c"]).await).await;
    let asked = fake.requests("sqs", "GetQueueUrl");
    assert_eq!((asked.len(), body(&asked[0])), (1, json!({"QueueName": "events"})), "asked once");
    let sent = &fake.requests("sqs", "SendMessageBatch")[1..];
    assert_eq!(header(&sent[0], "content-type"), "application/x-amz-json-1.0");
    let entry = |id: &str, name: &str| json!({"Id": id, "MessageBody": event(name)});
    let want = json!({
        "QueueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/events",
        "Entries": [entry("0", "a"), entry("1", "b"), entry("2", "c")]
    });
    assert_eq!((sent.len(), body(&sent[0])), (1, want));
    assert_eq!(reasons(&fixture.dead("r").await), ["SendMessageBatch: InvalidMessageContents: Invalid characters"]);
    assert_eq!(fixture.metric("published", "r"), 3);
}

#[tokio::test]
async fn fifo_queues_and_topics_get_the_events_identity() {
    skip_unless!(Tool::NatsServer);
    let fake = Fake::start().await;
    fake.says("QueueName", 200, r#"{"QueueUrl":"http://q/events.fifo"}"#);
    fake.says("Entries", 200, r#"{"Successful":[{"Id":"0"}]}"#);
    let _sqs = fake.deliver(&fake.config("sqs", "queueName: events.fifo"), &["a"]).await;
    let entry = &body(&fake.requests("sqs", "SendMessageBatch")[0])["Entries"][0];
    assert_eq!((&entry["MessageGroupId"], &entry["MessageDeduplicationId"]), (&json!("a"), &json!(identity("a"))));

    let fake = Fake::start().await;
    fake.says("PublishBatch", 200, "<PublishBatchResponse><PublishBatchResult><Failed/></PublishBatchResult></PublishBatchResponse>");
    let _sns = fake.deliver(&fake.config("sns", "topicARN: 'arn:aws:sns:eu-west-1:123456789012:events.fifo'"), &["a"]).await;
    let form = form(&fake.requests("sns", "PublishBatch")[0]);
    let field = |name: &str| {
        form.iter().find(|(field, _)| field == &format!("PublishBatchRequestEntries.member.1.{name}")).expect("there").1.clone()
    };
    assert_eq!((field("MessageGroupId"), field("MessageDeduplicationId")), ("a".to_owned(), identity("a")));
}

fn form(request: &Received) -> Vec<(String, String)> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

#[tokio::test]
async fn sns_publishes_and_finds_what_is_too_large_before_it_is_sent() {
    skip_unless!(Tool::NatsServer);
    let mut fake = Fake::start().await;
    let partial = r#"<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Failed><member><Code>InternalError</Code><Id>1</Id><Message>try again</Message><SenderFault>false</SenderFault></member></Failed><Successful><member><Id>0</Id><MessageId>x</MessageId></member></Successful></PublishBatchResult></PublishBatchResponse>"#;
    fake.receiver.rule(Rule::new(Answer::Says(200, partial)).containing("member.2.").times(1));
    fake.says("PublishBatch", 200, "<PublishBatchResponse><PublishBatchResult><Failed/></PublishBatchResult></PublishBatchResponse>");
    let config = fake.config("sns", "topicARN: 'arn:aws:sns:eu-west-1:123456789012:events'");
    let large = event("large").replace(r#""reason":"R""#, &format!(r#""reason":"{}""#, "r".repeat(256 << 10)));
    let publish = async |all: &Fixture| {
        all.publish("r", &["a", "b"]).await;
        all.publish_payload("r", "large", large.into_bytes(), "application/json").await;
    };
    let fixture = fake.deliver_together(&config, 3, publish).await;
    let requests = &fake.requests("sns", "PublishBatch")[1..];
    assert_eq!(requests.len(), 2);
    let entry = |at: usize, name: &str| {
        let field = |name: &str| format!("PublishBatchRequestEntries.member.{}.{name}", at + 1);
        [(field("Id"), at.to_string()), (field("Message"), event(name))]
    };
    let mut want: Vec<(String, String)> =
        [("Action", "PublishBatch"), ("Version", "2010-03-31"), ("TopicArn", "arn:aws:sns:eu-west-1:123456789012:events")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
    let again = [want.clone(), entry(0, "b").to_vec()].concat();
    want.extend(entry(0, "a"));
    want.extend(entry(1, "b"));
    assert_eq!((form(&requests[0]), form(&requests[1])), (want, again));
    let letters = fixture.dead("r").await;
    let reason = reasons(&letters)[0];
    assert!(letters.len() == 1 && reason.ends_with(" bytes, a message of SNS takes at most 262144"), "{reason}");
}

#[tokio::test]
async fn eventbridge_puts_events_with_their_own_time() {
    skip_unless!(Tool::NatsServer);
    let mut fake = Fake::start().await;
    let partial =
        r#"{"FailedEntryCount":1,"Entries":[{"EventId":"x"},{"ErrorCode":"MalformedDetail","ErrorMessage":"Detail is malformed."}]}"#;
    fake.says("},{", 200, partial);
    fake.says("Entries", 200, r#"{"FailedEntryCount":0,"Entries":[{"EventId":"x"}]}"#);
    let config = fake.config("eventbridge", "detailType: event, source: herald, eventBusName: ops, details: {reason: '{{ .Reason }}'}");
    let timed = |name: &str| event(name).replace(r#""lastTimestamp":null"#, r#""lastTimestamp":"2024-03-01T00:14:03Z""#).into_bytes();
    let publish = async |all: &Fixture| {
        for name in ["a", "b"] {
            all.publish_payload("r", name, timed(name), "application/json").await;
        }
    };
    let fixture = fake.deliver_together(&config, 2, publish).await;
    let requests = &fake.requests("events", "PutEvents")[1..];
    let entry =
        json!({"Detail": r#"{"reason":"R"}"#, "DetailType": "event", "EventBusName": "ops", "Source": "herald", "Time": 1_709_252_043});
    assert_eq!((requests.len(), body(&requests[0])), (1, json!({"Entries": [entry, entry]})));
    assert_eq!(header(&requests[0], "x-amz-target"), "AWSEvents.PutEvents");
    let letters = fixture.dead("r").await;
    assert_eq!(reasons(&letters), ["PutEvents: MalformedDetail: Detail is malformed."]);
    assert_eq!(letters[0].headers.get(header::IDENTITY), Some(identity("b").as_str()));
}

#[tokio::test]
async fn opscenter_creates_items_and_knows_those_that_are_there() {
    skip_unless!(Tool::NatsServer);
    let fake = Fake::start().await;
    fake.says("again", 400, r#"{"__type":"OpsItemAlreadyExistsException","Message":"exists","OpsItemId":"oi-1"}"#);
    fake.says("bad", 400, r#"{"__type":"ValidationException","message":"1 validation error detected"}"#);
    fake.says("Title", 200, r#"{"OpsItemId":"oi-2"}"#);
    let keys = "title: '{{ .Name }}', description: '{{ .Message }}', source: '{{ .ClusterName }}', category: Availability, severity: '2', \
        priority: '{{ if eq .Type \"Warning\" }}7{{ else }}3{{ end }}', notifications: ['arn:aws:sns:x'], operationalData: {reason: '{{ .Reason }}'}, \
        tags: {kind: '{{ .InvolvedObject.Kind }}'}, relatedOpsItems: ['oi-{{ .Name }}']";
    let fixture = fake.deliver(&fake.config("opscenter", keys), &["a", "again", "bad"]).await;
    let requests = fake.requests("ssm", "CreateOpsItem");
    let want = json!({
        "Title": "a", "Description": "<a>", "Source": "c", "Category": "Availability", "Severity": "2", "Priority": 3,
        "Notifications": [{"Arn": "arn:aws:sns:x"}],
        "OperationalData": {
            "reason": {"Type": "SearchableString", "Value": "R"},
            "/aws/dedup": {"Type": "SearchableString", "Value": r#"{"dedupString":"c/a/1"}"#},
        },
        "Tags": [{"Key": "kind", "Value": "Pod"}],
        "RelatedOpsItems": [{"OpsItemId": "oi-a"}],
    });
    assert_eq!((requests.len(), body(&requests[0])), (3, want));
    assert_eq!(header(&requests[0], "x-amz-target"), "AmazonSSM.CreateOpsItem");
    let letters = fixture.dead("r").await;
    assert!(letters.len() == 1 && reasons(&letters)[0].ends_with("400 Bad Request: ValidationException: 1 validation error detected"));
}

#[tokio::test]
async fn opensearch_requests_are_signed() {
    skip_unless!(Tool::NatsServer);
    for (service, has_root) in [("es", true), ("aoss", false)] {
        let fake = Fake::start().await;
        fake.says("_index", 200, r#"{"errors":false,"items":[{"index":{"status":201}}]}"#);
        let config = format!(
            "receivers:\n- name: r\n  opensearch:\n    hosts: [\"{}\"]\n    index: events\n    aws: {{service: {service}, region: {REGION}, timeSeries: {}, credentials: {{file: {}}}}}\n",
            fake.receiver.url(),
            !has_root,
            fake.credentials().display()
        );
        let fixture = fake.deliver(&config, &["a"]).await;
        let requests = fake.receiver.received();
        requests.iter().for_each(|request| assert_signed(request, service));
        let documents: Vec<&Received> = requests.iter().filter(|request| !request.body.is_empty()).collect();
        assert_eq!((documents.len(), requests.len() > 1), (1, has_root), "OpenSearch Serverless has no GET /");
        assert_eq!(documents[0].text().contains("\"_id\""), has_root, "a time series takes no ids");
        assert_eq!(fixture.metric("published", "r"), 1);
    }
}

#[tokio::test]
async fn what_is_wrong_with_permissions_credentials_and_clocks_is_said() {
    let fake = Fake::start().await;
    let config = fake.config("sqs", "queueName: events");
    let url = fake.receiver.url();
    for (status, answer, said) in [
        (403, r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: x is not authorized"}"#, None),
        (
            400,
            r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"The specified queue does not exist."}"#,
            Some("400 Bad Request: QueueDoesNotExist: The specified queue does not exist.; check the name, the region and the account"),
        ),
        (
            403,
            r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#,
            Some(
                "403 Forbidden: ExpiredTokenException: The security token included in the request is expired; check the credentials, which are loaded anew",
            ),
        ),
        (
            403,
            r#"{"__type":"SignatureDoesNotMatch","message":"Signature expired: 1 is now earlier than 2"}"#,
            Some("403 Forbidden: SignatureDoesNotMatch: Signature expired: 1 is now earlier than 2; set this machine's clock right"),
        ),
        (503, "<html>", Some("503 Service Unavailable: <html>")),
    ] {
        fake.receiver.clear_rules();
        fake.says("QueueName", status, answer);
        let said = said.map_or_else(
            || format!("{url}/ answered 403 Forbidden: AccessDeniedException: User: x is not authorized; allow sqs:GetQueueUrl to whom Herald is there"),
            |said| format!("{url}/ answered {said}"),
        );
        assert_eq!(checked(&config).await, Err(SendError::outage(said)));
    }
    // Whoever may only publish need not be able to look.
    fake.says("DescribeStream", 400, r#"{"__type":"AccessDeniedException","Message":"no"}"#);
    fake.says("StreamName", 400, r#"{"__type":"AccessDeniedException","Message":"no"}"#);
    assert_eq!(checked(&fake.config("kinesis", "streamName: s")).await, Ok(()));
}
