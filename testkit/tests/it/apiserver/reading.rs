//! Lists, watches, single objects, discovery.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _};
use herald_testkit::apiserver::ApiServer;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{
    Api,
    api::{ListParams, WatchEvent, WatchParams},
};
use serde_json::{Value, json};

use super::{BOUND, Lines, METADATA, change, http, kube, pod};

#[tokio::test]
async fn a_paged_list_is_one_snapshot() {
    let server = ApiServer::start().await.unwrap();
    for number in 0..7 {
        server.put(pod("shop", &format!("p{number}"))).unwrap();
    }
    server.put(pod("payments", "q")).unwrap();
    let pods: Api<Pod> = Api::namespaced(kube(&server), "shop");
    let mut params = ListParams::default().limit(3);
    let first = pods.list(&params).await.unwrap();
    assert_eq!(first.metadata.remaining_item_count, Some(4));
    server.delete("pods", "shop", "p5");
    server.put(pod("shop", "p9")).unwrap();
    let mut names: Vec<String> = first.items.iter().map(|pod| pod.metadata.name.clone().unwrap()).collect();
    let mut next = first.metadata.continue_.clone();
    while let Some(token) = next.filter(|token| !token.is_empty()) {
        params = params.continue_token(&token);
        let page = pods.list(&params).await.unwrap();
        assert_eq!(page.metadata.resource_version, first.metadata.resource_version);
        names.extend(page.items.iter().map(|pod| pod.metadata.name.clone().unwrap()));
        next = page.metadata.continue_;
    }
    assert_eq!(names, ["p0", "p1", "p2", "p3", "p4", "p5", "p6"]);
    let all: Api<Pod> = Api::all(kube(&server));
    assert_eq!(all.list(&ListParams::default()).await.unwrap().items[0].metadata.name.as_deref(), Some("q"));
    assert_eq!(all.list(&ListParams::default().labels("app=p3")).await.unwrap().items.len(), 1);
    assert_eq!(all.list(&ListParams::default().fields("metadata.namespace=payments")).await.unwrap().items.len(), 1);
}

#[tokio::test]
async fn after_compaction_tokens_and_old_versions_are_gone() {
    let server = ApiServer::start().await.unwrap();
    for number in 0..4 {
        server.put(pod("shop", &format!("p{number}"))).unwrap();
    }
    let pods: Api<Pod> = Api::all(kube(&server));
    let page = pods.list(&ListParams::default().limit(1)).await.unwrap();
    let version = page.metadata.resource_version.unwrap();
    server.put(pod("shop", "p4")).unwrap();
    server.compact();
    let params = ListParams::default().limit(1).continue_token(&page.metadata.continue_.unwrap());
    let error = pods.list(&params).await.unwrap_err();
    assert!(matches!(&error, kube::Error::Api(status) if status.code == 410 && status.reason == "Expired"), "{error}");
    let error = pods.watch(&WatchParams::default(), &version).await.err().expect("a watch from before is refused");
    let kube::Error::Api(status) = error else { panic!("{error}") };
    let current = server.revision();
    assert_eq!((status.code, status.message.clone()), (410, format!("too old resource version: {version} ({current})")));
    drop(pods.watch(&WatchParams::default(), &current.to_string()).await.unwrap());
}

#[tokio::test]
async fn a_watch_goes_on_from_a_version() {
    let server = ApiServer::start().await.unwrap();
    server.put(pod("shop", "old")).unwrap();
    let version = server.revision().to_string();
    server.put(pod("shop", "new")).unwrap();
    let pods: Api<Pod> = Api::namespaced(kube(&server), "shop");
    let mut watch = pods.watch(&WatchParams::default().timeout(5), &version).await.unwrap().boxed();
    server.put(pod("payments", "elsewhere")).unwrap();
    let mut updated = pod("shop", "old");
    updated["status"]["phase"] = json!("Failed");
    server.put(updated).unwrap();
    server.delete("pods", "shop", "new");
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.push(match watch.try_next().await.unwrap().unwrap() {
            WatchEvent::Added(pod) => ("added", pod.metadata.name.unwrap()),
            WatchEvent::Modified(pod) => ("modified", pod.metadata.name.unwrap()),
            WatchEvent::Deleted(pod) => ("deleted", pod.metadata.name.unwrap()),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(seen, [("added", "new".to_owned()), ("modified", "old".to_owned()), ("deleted", "new".to_owned())]);
}

#[tokio::test]
async fn without_a_version_a_watch_begins_with_what_there_is() {
    let server = ApiServer::start().await.unwrap();
    server.put(pod("shop", "a")).unwrap();
    let mut lines = Lines::open(&server, "/api/v1/pods?watch=1&timeoutSeconds=1").await;
    assert_eq!(lines.change().await, change("ADDED", "a"));
    server.put(pod("shop", "b")).unwrap();
    assert_eq!(lines.change().await, change("ADDED", "b"));
    assert!(lines.next().await.is_none(), "it ends properly after timeoutSeconds");
    let path = "/api/v1/pods?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut lines = Lines::open(&server, path).await;
    assert_eq!([lines.change().await, lines.change().await], [change("ADDED", "a"), change("ADDED", "b")]);
    let end = lines.next().await.unwrap().unwrap();
    assert_eq!(end["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
}

#[tokio::test]
async fn a_watch_with_a_selector_tells_when_objects_enter_and_leave() {
    let server = ApiServer::start().await.unwrap();
    let mut lines = Lines::open(&server, "/api/v1/pods?watch=1&labelSelector=app%3Da").await;
    for label in ["b", "a", "a", "b"] {
        let mut object = pod("shop", "x");
        object["metadata"]["labels"]["app"] = json!(label);
        server.put(object).unwrap();
    }
    let seen = [lines.change().await, lines.change().await, lines.change().await];
    assert_eq!(seen, [change("ADDED", "x"), change("MODIFIED", "x"), change("DELETED", "x")]);
}

#[tokio::test]
async fn bookmarks_carry_the_version_of_everything() {
    let server = ApiServer::start().await.unwrap();
    server.bookmark_every(Duration::from_millis(20));
    server.put(pod("shop", "a")).unwrap();
    let mut lines = Lines::open(&server, "/api/v1/events?watch=1&allowWatchBookmarks=true&resourceVersion=1").await;
    let bookmark = lines.next().await.unwrap().unwrap();
    let version = server.revision().to_string();
    assert_eq!(
        bookmark,
        json!({"type": "BOOKMARK", "object": {"kind": "Event", "apiVersion": "v1", "metadata": {"resourceVersion": version}}})
    );
}

#[tokio::test]
async fn objects_put_exactly_come_out_exactly() {
    let server = ApiServer::start().await.unwrap();
    let object = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"namespace": "kube-system", "name": "e.1",
        "uid": "be1a2437-3dc0-407c-8d1a-482b407bbf19", "resourceVersion": "2363876", "creationTimestamp": "2023-11-17T19:37:03Z",
        "deletionTimestamp": "2023-11-17T20:37:03Z"},
        "involvedObject": {"kind": "Pod", "name": "x"}, "message": "a < b"});
    server.put_exact(object.clone()).unwrap();
    assert_eq!(server.get("events", "kube-system", "e.1").unwrap(), object);
    assert_eq!(server.revision(), 2_363_876);
    let events: Api<Event> = Api::all(kube(&server));
    let list = events.list(&ListParams::default().fields("involvedObject.kind=Pod")).await.unwrap();
    assert_eq!(list.metadata.resource_version.as_deref(), Some("2363876"));
    assert_eq!(list.items[0].metadata.resource_version.as_deref(), Some("2363876"));
}

#[tokio::test]
async fn metadata_alone_can_be_read_and_is_counted() {
    let server = ApiServer::start().await.unwrap();
    let stored = server.put(pod("shop", "a")).unwrap();
    let path = format!("{}/api/v1/namespaces/shop/pods/a", server.url());
    let metadata: Value = http().get(&path).header("Accept", METADATA).send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata, json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": stored["metadata"]}));
    let pods: Api<Pod> = Api::namespaced(kube(&server), "shop");
    pods.get("a").await.unwrap();
    assert!(matches!(pods.get("b").await.unwrap_err(), kube::Error::Api(status) if status.reason == "NotFound"));
    let listed = pods.list_metadata(&ListParams::default()).await.unwrap();
    assert_eq!(listed.items[0].metadata.labels.as_ref().unwrap()["app"], "a");

    let mut reads: Vec<_> =
        server.reads().into_iter().map(|(read, reads)| (read.name, read.uid, reads.total, reads.metadata_only)).collect();
    reads.sort();
    let uid = stored["metadata"]["uid"].as_str().unwrap().to_owned();
    assert_eq!(reads, [("a".to_owned(), uid, 2, 1), ("b".to_owned(), String::new(), 1, 0)]);
    assert_eq!((server.count("get", "pods"), server.count("list", "pods"), server.discovery_requests()), (3, 1, 0));
    assert_eq!(server.requests()[0].path, "/api/v1/namespaces/shop/pods/a");
    server.reset_counters();
    assert_eq!(server.count("*", "*"), 0);
}

#[tokio::test]
async fn discovery_knows_built_in_and_registered_kinds() {
    let server = ApiServer::start().await.unwrap();
    server.register("example.com", "v1alpha1", "Widget", "widgets", false);
    let client = kube(&server);
    let both = [
        kube::discovery::Discovery::new(client.clone()).run().await.unwrap(),
        kube::discovery::Discovery::new(client.clone()).run_aggregated().await.unwrap(),
    ];
    for discovery in both {
        let kind = |group: &str, version: &str, kind: &str| {
            let found = discovery.resolve_gvk(&kube::api::GroupVersionKind::gvk(group, version, kind));
            found.map(|(resource, capabilities)| (resource.plural, capabilities.scope))
        };
        assert_eq!(kind("", "v1", "Pod"), Some(("pods".to_owned(), kube::discovery::Scope::Namespaced)));
        assert_eq!(kind("autoscaling", "v2", "HorizontalPodAutoscaler").unwrap().0, "horizontalpodautoscalers");
        assert_eq!(kind("example.com", "v1alpha1", "Widget"), Some(("widgets".to_owned(), kube::discovery::Scope::Cluster)));
        assert_eq!(kind("example.com", "v1", "Widget"), None);
    }
    assert_eq!(client.apiserver_version().await.unwrap().major, "1");
    assert!(server.discovery_requests() > 2);
    let ready = http().get(format!("{}/readyz", server.url())).timeout(BOUND).send().await.unwrap();
    assert_eq!(ready.text().await.unwrap(), "ok");
}
