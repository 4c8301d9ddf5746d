//! A marker in every secret that Herald is given, and none of them in anything it prints: logs at the level `trace`, libraries' included, metrics, health
//! pages, the output of commands, dead letters, gap markers.

use std::{fmt::Write as _, path::Path, process::Stdio};

use anyhow::{Context as _, Result, ensure};
use data_encoding::BASE64;
use herald_common::{
    CancellationToken,
    bus::{Bus, Stream, inspect::From},
    config::{Config, Nats},
    health::Health,
};
use herald_testkit::{
    apiserver::ApiServer,
    certs::Authority,
    nats::{NatsOptions, NatsServer},
    receiver::{Answer, Rule, WebhookReceiver},
    scratch::Scratch,
    skip_unless, stage,
    stage::{Stage, StageOptions},
    tools::Tool,
    wait,
};

use crate::harness::{BOUND, STAGES, event, namespace, pod};

/// Every library that a stage has, at its loudest.
const LOUD: &str = "trace,async_nats=trace,async_nats::connector=trace,hyper=trace,hyper_util=trace,reqwest=trace,rustls=trace,h2=trace,tower=trace,\
                    kube_client=trace,kube_runtime=trace";

/// What must not be found.
#[derive(Default)]
struct Markers(Vec<String>);

impl Markers {
    /// A secret of its own for a place.
    fn secret(&mut self, place: &str) -> String {
        let secret = format!("hunter2{}{place}", self.0.len());
        self.0.push(secret.clone());
        secret
    }

    /// A user's secret, which travels as base64 too.
    fn password(&mut self, user: &str, place: &str) -> String {
        let secret = self.secret(place);
        self.0.push(BASE64.encode(format!("{user}:{secret}").as_bytes()));
        secret
    }

    /// The lines of a private key.
    fn key(&mut self, pem: &str) {
        self.0.extend(pem.lines().filter(|line| !line.starts_with("---") && line.len() > 8).map(str::to_owned));
    }

    fn found_in<'a>(&'a self, text: &str) -> Vec<&'a String> {
        self.0.iter().filter(|marker| text.contains(*marker)).collect()
    }
}

/// Runs a program of Herald to its end and returns all it printed.
async fn run(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<String> {
    let mut command = tokio::process::Command::new(stage::bin(name)?);
    command.args(arguments).envs(variables.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(BOUND, command.output()).await??;
    Ok(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

/// The secrets of a running pipeline and where they are configured.
struct Setting {
    markers: Markers,
    config: String,
    variables: Vec<(&'static str, String)>,
    nats_password: String,
    scrape_password: String,
    api_token: String,
}

fn setting(scratch: &Scratch, good: &WebhookReceiver, bad: &WebhookReceiver, gone: &str) -> Result<Setting> {
    let mut markers = Markers::default();
    let client = Authority::new("clients")?.client("herald", &[])?;
    markers.key(&client.key);
    scratch.write("client.crt", &client.certificate)?;
    scratch.write("client.key", &client.key)?;
    let mut hook = |name: &str, address: &str| {
        let (password, query) = (markers.password("user", "password"), markers.secret("query"));
        let (fixed, template) = (markers.secret("header"), markers.secret("template"));
        format!(
            "- name: {name}\n  webhook:\n    endpoint: \"http://user:{password}@{address}/path?token={query}\"\n    \
             headers: {{X-Token: Bearer {fixed}, X-Template: \"{template} {{{{ .Reason }}}}\"}}\n    tls: {{certFile: HERE/client.crt, keyFile: HERE/client.key}}\n"
        )
    };
    let (good_address, bad_address) = (good.address().to_string(), bad.address().to_string());
    let receivers = hook("good", &good_address) + &hook("bad", &bad_address) + &hook("gone", gone);
    let (variable, file, path) = (markers.secret("variable"), markers.secret("file"), markers.secret("path"));
    scratch.write("secret", &file)?;
    let api_token = markers.secret("apitoken");
    let scrape_password = markers.password("prometheus", "scrape");
    let nats_password = markers.secret("nats");
    let hash = bcrypt::hash(&scrape_password, 4).map_err(|error| anyhow::anyhow!("{error}"))?;
    markers.0.push(hash.clone());
    let server = Authority::new("servers")?.server(&["localhost"])?;
    markers.key(&server.key);
    scratch.write("tls.crt", &server.certificate)?;
    let key: String = server.key.lines().map(|line| format!("    {line}\n")).collect();
    scratch.write(
        "web-config.yml",
        &format!("tls_server_config:\n  cert_file: tls.crt\n  key: |\n{key}basic_auth_users: {{prometheus: {hash}}}\n"),
    )?;
    let config = format!(
        "clusterName: e2e\nlogLevel: trace\nlogFormat: json\nmaxEventAgeSeconds: 600\nshutdownGrace: 5s\nnats: {{user: herald, password: '${{NATS_PASSWORD}}'}}\n\
         route: {{match: [{{receiver: good}}, {{receiver: bad}}, {{receiver: gone}}, {{receiver: variables}}]}}\nreceivers:\n{receivers}\
         - name: variables\n  webhook: {{endpoint: '${{HOOK}}', headers: {{X-Variable: '${{VARIABLE}}', X-File: '${{file:HERE/secret}}'}}}}\n"
    );
    let config = config.replace("HERE", &scratch.path().display().to_string());
    let variables =
        vec![("NATS_PASSWORD", nats_password.clone()), ("HOOK", format!("http://{gone}/services/{path}")), ("VARIABLE", variable)];
    Ok(Setting { markers, config, variables, nats_password, scrape_password, api_token })
}

async fn page(client: &reqwest::Client, stage: &Stage, path: &str, password: Option<&str>) -> Result<(u16, String)> {
    let address = stage.address().context("it listens")?;
    let mut request = client.get(format!("https://localhost:{}{path}", address.port()));
    if let Some(password) = password {
        request = request.basic_auth("prometheus", Some(password));
    }
    let answer = request.send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

fn read(folder: &Path, ends: &str) -> String {
    let logs = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    logs.filter(|path| path.to_string_lossy().ends_with(ends)).map(|path| std::fs::read_to_string(path).unwrap_or_default()).collect()
}

#[tokio::test]
async fn nothing_that_is_printed_holds_a_secret() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let scratch = Scratch::new("secrets")?;
    let (good, bad, mut gone) = (WebhookReceiver::start().await?, WebhookReceiver::start().await?, WebhookReceiver::start().await?);
    gone.stop().await;
    bad.rule(Rule::new(Answer::Status(401)).times(2));
    bad.rule(Rule::new(Answer::Cut).times(2));
    bad.rule(Rule::new(Answer::Status(400)));
    let setting = setting(&scratch, &good, &bad, &gone.address().to_string())?;
    let Setting { markers, config, variables, nats_password, scrape_password, api_token } = &setting;
    let nats = NatsServer::start_with(NatsOptions {
        config: format!("authorization {{ user: herald, password: {nats_password} }}"),
        ..NatsOptions::default()
    })
    .await?;
    let api = ApiServer::start().await?;
    let kubeconfig = std::fs::read_to_string(api.kubeconfig()?)?.replace("user: {}", &format!("user: {{token: {api_token}}}"));
    let (kubeconfig, conf) = (scratch.write("kubeconfig", &kubeconfig)?, scratch.write("config.yaml", config)?);
    let mut stages = Vec::new();
    for name in STAGES {
        let mut options = StageOptions::new(name).conf(&conf).kubeconfig(&kubeconfig).nats(&nats.url()).env("HERALD_LOG", LOUD);
        for (name, value) in variables {
            options = options.env(name, value);
        }
        let web_config = scratch.path().join("web-config.yml");
        stages.push(options.arg("--metrics-tls-config").arg(web_config).log(&scratch.path().join(format!("{name}.log"))).start()?);
    }
    let admin = api.client()?;
    namespace(&admin, "shop").await?;
    let web = pod(&admin, "shop", "web").await?;
    for number in 0..5 {
        event(&admin, "shop", &format!("e-{number}"), &web, "Pod").await?;
    }
    good.wait_for(5, BOUND).await?;
    let printed = || read(scratch.path(), ".log");
    for words in ["\"given up, kept as a dead letter\"", "cannot connect", "401 Unauthorized", "tls=true"] {
        let said = || async { printed().contains(words) || printed().contains("\"tls\":true") && words.starts_with("tls") };
        wait::until(words, BOUND, said).await?;
    }

    // A file that cannot be used, its mistakes beside secrets, is read while the stages run.
    let (literal, odd) = ("hunter2literal", "hunter2odd");
    let broken = format!(
        "{config}- {{name: x, webhook: {{endpoint: 'ftp://u:{literal}@h/', headers: {{A: '{odd} {{{{ .NoSuch }}}}'}}}}}}\n- {{name: y, slack: {{token: [{odd}]}}}}\n"
    );
    std::fs::rename(scratch.write("fresh", &broken)?, &conf)?;
    wait::until("the bad file to be refused", BOUND, || async { printed().contains("cannot be used, the old") }).await?;
    std::fs::rename(scratch.write("fresh", &format!("{config}  apiToken: [hunter2syntax\n"))?, &conf)?;
    wait::until("the worse file to be refused", BOUND, || async { printed().contains("not valid YAML") }).await?;
    std::fs::rename(scratch.write("fresh", config)?, &conf)?;

    let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build()?;
    let mut said = String::new();
    for stage in &stages {
        for path in ["/metrics", "/-/ready", "/-/healthy", "/"] {
            let (status, text) = page(&client, stage, path, Some(scrape_password)).await?;
            ensure!(path != "/metrics" || status == 200 && text.contains("herald_events_received_total"), "{status} {text}");
            let (refused, _) = page(&client, stage, path, Some("hunter2wrong")).await?;
            ensure!(refused == 401, "{path}");
            write!(said, "{text}")?;
        }
    }
    let url = nats.url().replace("//", &format!("//herald:{nats_password}@"));
    let shared: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).chain([("HERALD_LOG", LOUD)]).collect();
    let with_url: Vec<(&str, &str)> = shared.iter().copied().chain([("HERALD_NATS", url.as_str())]).collect();
    let file = conf.display().to_string();
    for (arguments, variables) in [
        (&["status", "--conf", &file, "--nats", &nats.url()][..], &shared),
        (&["status", "-o", "json"], &with_url),
        (&["tail", "--no-follow", "--from", "all"], &with_url),
        (&["replay", "bad", "--dead", "--dry-run", "--conf", &file], &with_url),
        (&["check", &file], &shared),
        (&["check", &file, "-o", "json"], &shared),
        (&["status", "--help"], &with_url),
        (&["up", "--help"], &with_url),
        (&["healthcheck"], &with_url),
    ] {
        let output = run("herald", arguments, variables).await?;
        ensure!(!output.is_empty() || arguments[0] == "healthcheck", "herald {arguments:?} said nothing");
        write!(said, "{output}")?;
    }
    for name in STAGES {
        write!(said, "{}", run(name, &["--help"], &with_url).await?)?;
    }
    for stage in &stages {
        stage.process().terminate()?;
        stage.process().exited(BOUND).await?;
    }
    // What is kept for others to read.
    let settings = Nats { url: Some(url), ..Nats::default() };
    let bus = Bus::connect(&settings, "test", Health::default().condition("nats"), &CancellationToken::new()).await?;
    for stream in [Stream::Dead, Stream::Gap, Stream::Raw, Stream::Enriched] {
        bus.read_back(&stream, Vec::new(), From::Beginning, |stored| {
            let _ = write!(said, "{:?}{}", stored.headers, String::from_utf8_lossy(&stored.payload));
        })
        .await?;
    }
    let parsed =
        Config::parse("config.yaml", config, &|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()))?;
    write!(said, "{parsed:?}{settings:?}")?;
    let logs = printed();
    ensure!(
        logs.contains("\"TRACE\"") && logs.contains("\"async_nats") && logs.contains("\"hyper") && logs.contains("\"target\":\"h"),
        "the logs are loud"
    );
    for (what, text) in [("the logs", &logs), ("the rest", &said)] {
        let found = markers.found_in(text);
        let lines: Vec<&str> =
            text.lines().filter(|line| found.iter().any(|marker| line.contains(*marker)) || line.contains("hunter2")).take(5).collect();
        ensure!(found.is_empty() && lines.is_empty(), "{what} hold {found:?}: {lines:#?}");
    }
    let received = good.received();
    ensure!(received[0].headers["x-token"].to_str()?.contains("hunter2"), "the receiver is sent what it is to be sent");
    Ok(())
}

/// Every kind with a secret in each key that takes one; `SECRET` stands for it.
const KINDS: &str = "
- {name: a, elasticsearch: {hosts: ['http://u:SECRET@h'], username: u, password: SECRET, apiKey: SECRET, headers: {A: SECRET}, zzz: SECRET}}
- {name: b, opensearch: {hosts: ['http://u:SECRET@h'], password: SECRET, tls: {keyFile: /SECRET}}}
- {name: c, loki: {url: 'http://u:SECRET@h/?SECRET', headers: {Authorization: SECRET}, streamLabels: {a: b}}}
- {name: d, slack: {token: SECRET, channel: c, message: m}}
- {name: e, teams: {endpoint: 'https://h/SECRET', headers: {A: SECRET}}}
- {name: f, opsgenie: {apiKey: SECRET}}
- {name: g, kafka: {brokers: [b], topic: t, sasl: {enable: true, username: u, password: SECRET}}}
- {name: h, webhook: {endpoint: 'ftp://u:SECRET@h/?SECRET', headers: {A: SECRET}}}
- {name: i, webhook: {endpoint: 'SECRET', headers: {A: \"SECRET {{ .NoSuch }}\"}}}
- {name: j, webhook: {endpoint: 'http://u:SECRET@h:x/', headers: {'A B': SECRET}}}
- {name: k, webhook: {endpoint: 'http://h/', headers: {A: [SECRET]}}}
- {name: l, slack: {token: {SECRET: SECRET}}}
- {name: m, opsgenie: {apiKey: [SECRET]}}
- {name: n, kafka: {sasl: SECRET}}
- {name: o, elasticsearch: {password: {a: SECRET}, hosts: 'http://u:SECRET@h'}}
- {name: p, webhook: 'http://u:SECRET@h/'}
- {name: q, webhook: {endpoint: 'http://h/', headers: SECRET, tls: SECRET}}
- {name: r, kafka: {tls: SECRET}}
- {name: s, pubsub: {gcloud_project_id: p, topic: t, endpoint: 'ftp://u:SECRET@h/', credentials_path: /x}}
- {name: t, otlp: {endpoint: 'http://u:SECRET@h/?SECRET', protocol: grpc, headers: {Authorization: SECRET}}}
";

#[tokio::test]
async fn what_is_wrong_is_said_without_secrets_whatever_the_kind() -> Result<()> {
    let scratch = Scratch::new("check")?;
    let nats = "nats: {url: 'http://u:SECRET@h', password: SECRET, token: SECRET, nkey: SECRET, user: [SECRET]}\n";
    let mut files: Vec<String> = KINDS.lines().filter(|line| !line.is_empty()).map(|line| format!("receivers:\n{line}\n")).collect();
    files.push(format!("{nats}receivers:{KINDS}"));
    for kept in [
        "password: [SECRET]",
        "token: {a: SECRET}",
        "nkey: [SECRET]",
        "token: SECRET, user: u",
        "nkey: SECRET",
        "urls: 'nats://u:SECRET@h'",
        "tls: SECRET",
    ] {
        files.push(format!("nats: {{{kept}}}\n"));
    }
    for (at, file) in files.iter().enumerate() {
        let file = file.replace("SECRET", "hunter2").replace("tls: {keyFile: /hunter2}", "tls: {keyFile: /x}");
        let path = scratch.write("config.yaml", &file)?.display().to_string();
        for arguments in [&["check", &path][..], &["check", &path, "-o", "json"]] {
            let output = run("herald", arguments, &[]).await?;
            ensure!(!output.is_empty() && !output.contains("hunter2"), "file {at}: {file}\n{output}");
        }
        let stage = StageOptions::new("herald-sinks").conf(Path::new(&path)).nats("nats://127.0.0.1:9").start()?;
        let settled = || async {
            stage.process().exit_status().is_some() || stage.process().output().iter().any(|line| line.contains("waiting for NATS"))
        };
        wait::until("a verdict", BOUND, settled).await?;
        let output = stage.process().output().join("\n");
        ensure!(!output.contains("hunter2"), "file {at}: {file}\n{output}");
        if let Ok(loaded) = Config::parse("config.yaml", &file, &|_| None) {
            ensure!(!format!("{:?}", loaded.config).contains("hunter2"), "{:?}", loaded.config);
        }
    }
    Ok(())
}
