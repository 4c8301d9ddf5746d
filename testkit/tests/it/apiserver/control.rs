//! The control over HTTP does what the functions do.

use herald_testkit::apiserver::ApiServer;
use serde_json::{Value, json};

use super::{http, pod};

#[tokio::test]
async fn another_program_can_put_objects_add_faults_and_read_counts() {
    let server = ApiServer::start().await.unwrap();
    let client = http();
    let post = |what: &str, body: Value| client.post(format!("{}/_sim/{what}", server.url())).json(&body).send();
    assert_eq!(post("objects", pod("shop", "a")).await.unwrap().status(), 200);
    assert_eq!(post("objects", json!({"kind": "Pod"})).await.unwrap().status(), 400);
    let fault = json!({"verb": "get", "resource": "pods", "times": 1, "trouble": {"status": {"code": 503}}});
    assert_eq!(post("faults", fault).await.unwrap().status(), 200);
    let path = format!("{}/api/v1/namespaces/shop/pods/a", server.url());
    assert_eq!(client.get(&path).send().await.unwrap().status(), 503);
    assert_eq!(client.get(&path).send().await.unwrap().status(), 200);
    let widget = json!({"group": "example.com", "version": "v1", "kind": "Widget", "plural": "widgets", "namespaced": true});
    assert_eq!(post("register", widget).await.unwrap().status(), 200);
    assert_eq!(client.get(format!("{}/apis/example.com/v1/widgets", server.url())).send().await.unwrap().status(), 200);
    let made: Value = post("generate", json!({"rate": 1000, "total": 5, "objects": 2})).await.unwrap().json().await.unwrap();
    assert_eq!((made["made"].as_u64(), server.number_of("events")), (Some(5), 5));
    let counters: Value = client.get(format!("{}/_sim/counters", server.url())).send().await.unwrap().json().await.unwrap();
    assert_eq!(counters["requests"], json!([["get", "pods", 2], ["list", "widgets.example.com", 1]]));
    assert_eq!(counters["reads"][0]["reads"]["total"], 2);
    assert_eq!(post("nothing", json!({})).await.unwrap().status(), 404);
}
