//! Kinds that people read: repeats, summaries, and what refusals mean.

use std::collections::BTreeMap;

use herald_testkit::{
    receiver::{Answer, Rule, WebhookReceiver},
    skip_unless,
    tools::Tool,
};

use crate::fixture::{BOUND, Fixture};

const OK: Answer = Answer::Says(200, r#"{"ok":true,"channel":"C1","ts":"1.5"}"#);

async fn start(receiver: &WebhookReceiver, options: &str, keys: &str) -> Fixture {
    let config = format!(
        "receivers:\n- {{name: chat, updates: true{options}, slack: {{token: hunter2, channel: c, message: '{{{{ .Reason }}}}', endpoint: '{}/'{keys}}}}}\n",
        receiver.url()
    );
    Fixture::start_with(&config).await
}

/// Method and arguments of each call.
fn calls(receiver: &WebhookReceiver) -> Vec<(String, BTreeMap<String, String>)> {
    let call =
        |path: &str, body: &[u8]| (path.trim_start_matches('/').to_owned(), url::form_urlencoded::parse(body).into_owned().collect());
    receiver.received().iter().map(|request| call(&request.path, &request.body)).collect()
}

/// An event of this UID and version.
async fn publish(fixture: &Fixture, uid: &str, version: u32) {
    let event = format!(
        r#"{{"metadata":{{"name":"n","namespace":"shop","uid":"{uid}","resourceVersion":"{version}","creationTimestamp":null}},"reason":"BackOff","source":{{}},"involvedObject":{{"deleted":false}}}}"#
    );
    fixture.publish_payload("chat", &format!("{uid}-{version}"), event.into_bytes(), "application/json").await;
}

#[tokio::test]
async fn what_waits_for_its_turn_becomes_one_message() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(OK));
    let mut fixture = Fixture::prepare(&format!(
        "receivers:\n- {{name: chat, rateLimit: 2/h, slack: {{token: t, channel: c, message: '{{{{ .Reason }}}}', endpoint: '{}/'}}}}\n",
        receiver.url()
    ))
    .await;
    for at in 0..38 {
        publish(&fixture, &format!("e{at}"), 1).await;
    }
    fixture.run().await;
    fixture.settled("chat").await;
    let texts: Vec<String> = calls(&receiver).into_iter().map(|(_, arguments)| arguments["text"].clone()).collect();
    assert_eq!(texts, ["BackOff", "37 more BackOff in shop"]);
    assert_eq!(fixture.metric("published", "chat"), 38);
}

#[tokio::test]
async fn further_versions_change_the_message_or_answer_it() {
    skip_unless!(Tool::NatsServer);
    for (repeats, method, argument) in [("update", "chat.update", "ts"), ("thread", "chat.postMessage", "thread_ts")] {
        let receiver = WebhookReceiver::start().await.expect("starts");
        receiver.rule(Rule::new(OK));
        let fixture = start(&receiver, "", &format!(", repeats: {repeats}")).await;
        for (uid, version) in [("a", 1), ("a", 2), ("b", 1)] {
            publish(&fixture, uid, version).await;
        }
        fixture.settled("chat").await;
        let calls = calls(&receiver);
        assert_eq!(calls.iter().map(|(method, _)| method.as_str()).collect::<Vec<_>>(), ["chat.postMessage", method, "chat.postMessage"]);
        assert_eq!(calls[1].1[argument], "1.5", "{repeats}");
        assert!(!calls[0].1.contains_key(argument) && !calls[2].1.contains_key(argument), "{repeats}");
    }
}

#[tokio::test]
async fn a_bad_login_is_waited_for_and_a_refused_text_is_kept() {
    skip_unless!(Tool::NatsServer);
    let receiver = WebhookReceiver::start().await.expect("starts");
    receiver.rule(Rule::new(Answer::Says(200, r#"{"ok":false,"error":"msg_too_long"}"#)).times(1));
    receiver.rule(Rule::new(Answer::Says(200, r#"{"ok":false,"error":"invalid_auth"}"#)).times(3));
    receiver.rule(Rule::new(OK));
    let fixture = start(&receiver, "", "").await;
    publish(&fixture, "a", 1).await;
    fixture.settled("chat").await;
    let dead = fixture.dead("chat").await;
    assert_eq!(dead.len(), 1);
    let reason = dead[0].headers.get("Herald-Dead-Reason").expect("a reason");
    assert!(reason.contains("msg_too_long") && !reason.contains("hunter2"), "{reason}");
    publish(&fixture, "b", 1).await;
    fixture.settled("chat").await;
    receiver.wait_for_requests(5, BOUND).await.expect("tried until the login works");
    assert_eq!(fixture.dead("chat").await.len(), 1);
}
