//! `elasticsearch` and `opensearch` with several hosts.

use herald_testkit::{
    receiver::{Answer, Rule, WebhookReceiver},
    skip_unless,
    tools::Tool,
};

use crate::fixture::Fixture;

/// What the search engines say of a document that they took.
pub(crate) const TAKEN: &str = r#"{"errors":false,"items":[{"create":{"status":201}}]}"#;

#[tokio::test]
async fn the_next_host_is_taken_when_one_is_not_there() {
    skip_unless!(Tool::NatsServer);
    for kind in ["elasticsearch", "opensearch"] {
        let (mut first, second) = (WebhookReceiver::start().await.expect("starts"), WebhookReceiver::start().await.expect("starts"));
        first.rule(Rule::new(Answer::Says(200, TAKEN)));
        second.rule(Rule::new(Answer::Says(200, TAKEN)));
        let hosts = format!("hosts: [\"{}\", \"{}\"], index: i", first.url(), second.url());
        let fixture = Fixture::start(&format!("- {{name: r, {kind}: {{{hosts}}}}}\n")).await;
        let documents = |host: &WebhookReceiver| host.received().iter().filter(|request| !request.body.is_empty()).count();
        fixture.publish("r", &["a"]).await;
        fixture.settled("r").await;
        assert_eq!((documents(&first), documents(&second)), (1, 0), "{kind}");
        first.stop().await;
        fixture.publish("r", &["b"]).await;
        fixture.settled("r").await;
        first.start_again().await.expect("starts again");
        fixture.publish("r", &["c"]).await;
        fixture.settled("r").await;
        assert_eq!((documents(&first), documents(&second)), (1, 2), "{kind}: the one that answered is kept");
    }
}
