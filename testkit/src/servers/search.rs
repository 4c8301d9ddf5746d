//! OpenSearch and Elasticsearch: one node, its data in a folder of its own.
//!
//! Without a login anybody may do anything over plain HTTP. With one (Elasticsearch alone, whose security is part of it) there is one user, over HTTPS, for clients
//! that have a certificate.

use std::{fmt::Write as _, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, Method, Response};
use serde_json::Value;

use super::{Certificates, PASSWORD, Server, USER, not_as_root, url};
use crate::{
    client,
    scratch::Port,
    tools::{Recipe, Tool},
};

/// OpenSearch.
pub const OPENSEARCH: Tool =
    Tool::Receiver(&Recipe { name: "opensearch", script: include_str!("../../tools/opensearch.sh"), program: None });
/// Elasticsearch.
pub const ELASTICSEARCH: Tool =
    Tool::Receiver(&Recipe { name: "elasticsearch", script: include_str!("../../tools/elasticsearch.sh"), program: None });

/// A running node.
#[derive(Debug)]
pub struct SearchServer {
    server: Server,
    client: Client,
    is_secure: bool,
    /// The port between nodes, held as long as the server uses it.
    _transport: Port,
}

impl SearchServer {
    /// Starts [`OPENSEARCH`] or [`ELASTICSEARCH`]; with certificates it is Elasticsearch over HTTPS that asks for [`USER`] and [`PASSWORD`].
    pub async fn start(product: Tool, secure: Option<&Certificates>) -> Result<Self> {
        let home = product.path()?;
        let transport = Port::take()?;
        let server = Server::new(product.name(), |scratch, port| {
            let (config, temporary) = (scratch.path().join("config"), scratch.path().join("tmp"));
            fs::create_dir(&temporary)?;
            copy(&home.join("config"), &config)?;
            let mut settings = format!(
                "cluster.name: test\nnode.name: one\ndiscovery.type: single-node\nnetwork.host: 127.0.0.1\nhttp.port: {}\ntransport.port: {}\n\
                 path.data: {folder}/data\npath.logs: {folder}/logs\ncluster.routing.allocation.disk.threshold_enabled: false\n",
                port.number(),
                transport.number(),
                folder = scratch.path().display(),
            );
            if product == ELASTICSEARCH {
                let _ = write!(settings, "xpack.ml.enabled: false\nxpack.security.enabled: {}\n", secure.is_some());
            }
            if let Some(certificates) = secure {
                for name in ["ca.crt", "server.crt", "server.key"] {
                    fs::copy(certificates.file(name), config.join(name)).context("could not copy a certificate")?;
                }
                settings.push_str(
                    "xpack.security.enrollment.enabled: false\nxpack.security.transport.ssl.enabled: false\nxpack.security.http.ssl: {enabled: true, \
                     key: server.key, certificate: server.crt, certificate_authorities: [ca.crt], client_authentication: required}\n",
                );
            }
            fs::write(config.join(format!("{product}.yml")), settings)?;
            // What it writes beside its own program, which others use too.
            let options = fs::read_to_string(config.join("jvm.options"))?;
            let options: Vec<_> = options.lines().filter(|line| !line.contains("-Xlog:gc") && !line.contains("HeapDump")).collect();
            fs::write(config.join("jvm.options"), options.join("\n"))?;
            let with_environment = |mut command: Command| {
                let prefix = if product == OPENSEARCH { "OPENSEARCH" } else { "ES" };
                command
                    .env(format!("{prefix}_PATH_CONF"), &config)
                    .env(format!("{prefix}_TMPDIR"), &temporary)
                    .env(format!("{prefix}_JAVA_OPTS"), "-Xms384m -Xmx384m -XX:+UseSerialGC -XX:-UseG1GC -XX:TieredStopAtLevel=1")
                    .env("CLI_JAVA_OPTS", "-Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1")
                    .current_dir(scratch.path());
                if let Some(java) = java_home() {
                    command.env(format!("{prefix}_JAVA_HOME"), &java).env("JAVA_HOME", java);
                }
                command
            };
            if secure.is_some() {
                let mut users = with_environment(not_as_root(&home.join("bin/elasticsearch-users")));
                let added = users.args(["useradd", USER, "-p", PASSWORD, "-r", "superuser"]).output()?;
                ensure!(added.status.success(), "could not add a user: {}", String::from_utf8_lossy(&added.stderr));
            }
            Ok(with_environment(not_as_root(&home.join("bin").join(product.name()))))
        })?;
        let mut this = Self { server, client: client::with(secure)?, is_secure: secure.is_some(), _transport: transport };
        this.start_again().await?;
        Ok(this)
    }

    /// Ends it at once.
    pub async fn stop(&mut self) -> Result<()> {
        self.server.stop().await
    }

    /// Starts it again where it was, with the documents it had.
    pub async fn start_again(&mut self) -> Result<()> {
        let health = format!("{}/_cluster/health?wait_for_status=yellow&timeout=5s", self.url());
        self.server.start(|| client::succeeds(self.client.get(&health).basic_auth(USER, Some(PASSWORD)))).await
    }

    /// Its address.
    pub fn url(&self) -> String {
        url(self.is_secure, self.server.address().port())
    }

    /// The version it tells.
    pub async fn version(&self) -> Result<String> {
        let about = self.call(Method::GET, "_nodes?filter_path=nodes.*.version", None).await?;
        let node = about["nodes"].as_object().and_then(|nodes| nodes.values().next()).context("it tells of no node")?;
        Ok(node["version"].as_str().context("it tells no version")?.to_owned())
    }

    /// Calls its API and returns the answer.
    ///
    /// # Errors
    /// When the status is not 2xx, with what it said.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let mut request = self.client.request(method, format!("{}/{path}", self.url())).basic_auth(USER, Some(PASSWORD));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer: Response = request.send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "/{path} answered {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// The documents of an index, none where there is no such index.
    pub async fn documents(&self, index: &str) -> Result<Vec<Value>> {
        self.call(Method::POST, &format!("{index}/_refresh?ignore_unavailable=true"), None).await?;
        let mut found = self.call(Method::GET, &format!("{index}/_search?size=10000&ignore_unavailable=true"), None).await?;
        let Value::Array(hits) = found["hits"]["hits"].take() else { anyhow::bail!("no hits in {found}") };
        Ok(hits.into_iter().map(|mut hit| hit["_source"].take()).collect())
    }
}

/// The folder of the Java on `PATH`, unless `JAVA_HOME` names one.
fn java_home() -> Option<PathBuf> {
    if let Some(home) = std::env::var_os("JAVA_HOME") {
        return Some(home.into());
    }
    let java = std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join("java")).find(|java| java.is_file())?;
    Some(java.canonicalize().ok()?.parent()?.parent()?.to_owned())
}

fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("could not read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
