//! The simulated API server answers as a real one does, and does wrong what it is told to.

mod control;
mod faults;
mod generation;
mod kubectl;
mod reading;
mod writing;

use std::time::Duration;

use futures_util::StreamExt as _;
use herald_testkit::apiserver::ApiServer;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

const BOUND: Duration = Duration::from_secs(10);
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

fn http() -> Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

fn kube(server: &ApiServer) -> kube::Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    kube::Client::try_from(kube::Config::new(server.url().parse().unwrap())).unwrap()
}

fn pod(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
        "spec": {"containers": [{"name": "web"}]}, "status": {"phase": "Running"}})
}

/// The lines of a watch.
struct Lines {
    response: futures_util::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    buffer: Vec<u8>,
}

impl Lines {
    async fn open(server: &ApiServer, path: &str) -> Self {
        let response = http().get(format!("{}{path}", server.url())).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Self::of(response)
    }

    fn of(response: Response) -> Self {
        Self { response: response.bytes_stream().boxed(), buffer: Vec::new() }
    }

    /// The next line, `None` at the proper end, an error when the connection broke.
    async fn next(&mut self) -> Option<Result<Value, reqwest::Error>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return Some(Ok(serde_json::from_slice(&line).unwrap()));
            }
            match timeout(BOUND, self.response.next()).await.expect("the watch sends or ends") {
                Some(Ok(chunk)) => self.buffer.extend_from_slice(&chunk),
                Some(Err(error)) => return Some(Err(error)),
                None => return None,
            }
        }
    }

    /// The next change as type and name.
    async fn change(&mut self) -> (String, String) {
        let line = self.next().await.unwrap().unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&line["type"]), text(&line["object"]["metadata"]["name"]))
    }
}

fn change(kind: &str, name: &str) -> (String, String) {
    (kind.to_owned(), name.to_owned())
}
