//! The nats-server and the cluster.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use herald_testkit::{
    nats::{NatsCluster, NatsOptions, NatsServer},
    skip_unless,
    tools::Tool,
    wait,
};

const BOUND: Duration = Duration::from_secs(30);

async fn jetstream(urls: &str) -> jetstream::Context {
    let servers: Vec<async_nats::ServerAddr> = urls.split(',').map(|url| url.parse().unwrap()).collect();
    jetstream::new(async_nats::connect(servers).await.unwrap())
}

async fn stream(context: &jetstream::Context, replicas: usize) -> stream::Stream {
    let config = stream::Config { name: "TEST".into(), subjects: vec!["test.>".into()], num_replicas: replicas, ..Default::default() };
    context.create_stream(config).await.unwrap()
}

async fn publish(context: &jetstream::Context, count: usize) {
    for number in 0..count {
        context.publish("test.message", number.to_string().into()).await.unwrap().await.unwrap();
    }
}

async fn messages(context: &jetstream::Context) -> Option<u64> {
    Some(context.get_stream("TEST").await.ok()?.cached_info().state.messages)
}

#[tokio::test]
async fn a_killed_server_comes_back_at_the_same_address_with_its_messages() {
    skip_unless!(Tool::NatsServer);
    let mut server = NatsServer::start().await.unwrap();
    let (url, pid) = (server.url(), server.process().pid());
    let context = jetstream(&url).await;
    stream(&context, 1).await;
    publish(&context, 20).await;

    server.kill();
    assert!(async_nats::connect(&url).await.is_err());
    server.restart().await.unwrap();

    assert_eq!(server.url(), url);
    assert_ne!(server.process().pid(), pid);
    assert!(server.process().rss_bytes().unwrap() > 0);
    assert_eq!(messages(&jetstream(&url).await).await, Some(20));
    // A client from before the kill finds the server again by itself.
    let found = wait::some("the messages on the old connection", BOUND, || messages(&context)).await.unwrap();
    assert_eq!(found, 20);
}

#[tokio::test]
async fn a_paused_server_answers_again_once_it_is_resumed() {
    skip_unless!(Tool::NatsServer);
    let server = NatsServer::start().await.unwrap();
    let client = async_nats::connect(server.url()).await.unwrap();
    server.process().pause().unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(100), client.flush_and_ask()).await.is_err());
    server.process().resume().unwrap();
    tokio::time::timeout(BOUND, client.flush_and_ask()).await.unwrap();
}

/// A round trip to the server.
trait RoundTrip {
    async fn flush_and_ask(&self);
}

impl RoundTrip for async_nats::Client {
    async fn flush_and_ask(&self) {
        jetstream::new(self.clone()).query_account().await.unwrap();
    }
}

#[tokio::test]
async fn further_configuration_is_obeyed() {
    skip_unless!(Tool::NatsServer);
    let options = NatsOptions { config: "authorization { token: secret }".into(), ..NatsOptions::default() };
    let server = NatsServer::start_with(options).await.unwrap();
    assert!(async_nats::connect(server.url()).await.is_err());
    async_nats::ConnectOptions::with_token("secret".into()).connect(server.url()).await.unwrap();
}

#[tokio::test]
async fn a_cluster_keeps_a_replicated_stream_when_its_leader_is_killed() {
    skip_unless!(Tool::NatsServer);
    let mut cluster = NatsCluster::start().await.unwrap();
    let context = jetstream(&cluster.urls()).await;
    let mut stream = stream(&context, 3).await;
    publish(&context, 20).await;
    let leader = stream.info().await.unwrap().cluster.clone().unwrap().leader.unwrap();
    let leader = cluster.number_of(&leader).unwrap();

    cluster.kill(leader);
    let kept = wait::some("the stream under another leader", BOUND, || async {
        let info = context.get_stream("TEST").await.ok()?.cached_info().clone();
        let now = cluster.number_of(&info.cluster?.leader?)?;
        (now != leader).then_some(info.state.messages)
    });
    assert_eq!(kept.await.unwrap(), 20);
    publish(&context, 1).await;

    cluster.restart(leader).await.unwrap();
    let whole = wait::until("three current replicas", BOUND, || async {
        let Some(info) = context.get_stream("TEST").await.ok().map(|stream| stream.cached_info().clone()) else { return false };
        info.state.messages == 21
            && info.cluster.is_some_and(|cluster| cluster.replicas.iter().filter(|replica| replica.current).count() == 2)
    });
    whole.await.unwrap();
}
