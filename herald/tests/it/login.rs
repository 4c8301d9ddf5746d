//! Every way to log in to NATS: a wrong secret is said and waited out, the right one works, a new one is used by the next connection.
//!
//! Each case runs the router, which needs nothing but NATS, against a server that wants that login.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use herald_testkit::{
    certs::{Authority, Identity},
    nats::{NatsOptions, NatsServer, Operator},
    scratch::Scratch,
    skip_unless,
    stage::StageOptions,
    tools::Tool,
    wait,
};
use nkeys::KeyPair;

use crate::harness::BOUND;

/// What a server wants, and the files with which a client gets it, at one time.
struct Round {
    /// The server's configuration.
    server: String,
    /// The client's files.
    files: Vec<(&'static str, String)>,
}

impl Round {
    fn new(server: String, secret: &str) -> Self {
        Self { server, files: vec![("secret", format!("{secret}\n"))] }
    }
}

/// Files are replaced as a whole, as kubelet does.
fn write(folder: &Path, round: &Round) -> Result<()> {
    for (name, text) in &round.files {
        std::fs::write(folder.join("fresh"), text)?;
        std::fs::rename(folder.join("fresh"), folder.join(name))?;
    }
    Ok(())
}

/// Starts the router with the files of the first round against the server of the second, gives it those of the second, and then both those of the third.
///
/// `nats` is the section of the configuration; `HERE` in it stands for the folder of the files, `URL` for the server's address.
async fn goes_through(nats: &str, rounds: [Round; 3], refusal: &str) -> Result<()> {
    let scratch = Scratch::new("login")?;
    let (here, log) = (scratch.path(), scratch.path().join("log"));
    write(here, &rounds[0])?;
    let mut server = NatsServer::start_with(NatsOptions { config: rounds[1].server.clone(), ..NatsOptions::default() }).await?;
    let nats = nats.replace("HERE", &here.display().to_string()).replace("URL", &server.url().replace("nats://", ""));
    let conf = scratch.write("config.yaml", &format!("logLevel: trace\nlogFormat: json\nnats:\n{nats}"))?;
    let stage = StageOptions::new("herald-router")
        .conf(&conf)
        .env("HERALD_LOG", "trace,async_nats=trace,async_nats::connector=trace,rustls=trace")
        .log(&log)
        .start()?;
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    wait::until(refusal, BOUND, || async { said().contains(refusal) }).await.with_context(said)?;
    let address = stage.address().context("it listens")?;
    let answer = reqwest::get(format!("http://{address}/-/ready")).await?;
    ensure!(answer.status().as_u16() == 503 && stage.process().exit_status().is_none(), "it waits");
    let unready = answer.text().await?;

    write(here, &rounds[1])?;
    stage.ready().await.context("with the right secret")?;
    write(here, &rounds[2])?;
    server.reconfigure(&rounds[2].server).await?;
    let logged_in = || async { server.connections().await == Some(1) };
    wait::until("a login with the next secret", BOUND, logged_in).await.with_context(said)?;
    stage.ready().await?;

    let printed = format!("{}{unready}{}", said(), stage.metrics().await?);
    // What comes in lines (credentials, keys) is looked for line by line.
    let secrets =
        rounds.iter().flat_map(|round| &round.files).filter(|(name, _)| !name.ends_with(".crt")).flat_map(|(_, text)| text.lines());
    for secret in secrets.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("---")) {
        ensure!(!printed.contains(secret), "{secret} is printed");
    }
    Ok(())
}

#[tokio::test]
async fn user_and_password() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let round = |password: &str| Round::new(format!("authorization {{ user: herald, password: {password} }}"), password);
    let nats = "  {url: nats://URL, user: herald, password: '${file:HERE/secret}'}";
    goes_through(nats, [round("hunter1"), round("hunter2"), round("hunter3")], "NATS refuses the login, check nats.user and nats.password")
        .await
}

#[tokio::test]
async fn a_token() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let round = |token: &str| Round::new(format!("authorization {{ token: {token} }}"), token);
    let nats = "  {url: nats://URL, token: '${file:HERE/secret}'}";
    goes_through(nats, [round("hunter1"), round("hunter2"), round("hunter3")], "NATS refuses the login, check nats.token").await
}

#[tokio::test]
async fn an_nkey() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let round = || {
        let key = KeyPair::new_user();
        let server = format!("authorization {{ users: [{{ nkey: {} }}] }}", key.public_key());
        anyhow::Ok(Round::new(server, &key.seed()?))
    };
    let nats = "  {url: nats://URL, nkey: '${file:HERE/secret}'}";
    goes_through(nats, [round()?, round()?, round()?], "NATS refuses the login, check nats.nkey").await
}

#[tokio::test]
async fn credentials() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let round = |operator: &Operator| anyhow::Ok(Round::new(operator.config()?, &operator.credentials()?));
    let rounds = {
        let (mut operator, other) = (Operator::default(), Operator::default());
        let (first, second) = (round(&other)?, round(&operator)?);
        operator.revoke();
        [first, second, round(&operator)?]
    };
    let nats = "  {url: nats://URL, credentials: HERE/secret}";
    goes_through(nats, rounds, "NATS refuses the login, check the file that nats.credentials names").await
}

/// A server's certificate and key in files, and the configuration that uses them.
fn tls(folder: &Scratch, name: &str, identity: &Identity, more: &str) -> Result<String> {
    let file = |end: &str, text: &str| folder.write(&format!("{name}.{end}"), text);
    let (cert, key): (PathBuf, PathBuf) = (file("crt", &identity.certificate)?, file("key", &identity.key)?);
    Ok(format!("tls {{ cert_file: {:?}, key_file: {:?}, {more} }}", cert.display().to_string(), key.display().to_string()))
}

#[tokio::test]
async fn an_authority_of_ones_own() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let folder = Scratch::new("authorities")?;
    let round = |name: &str| {
        let authority = Authority::new(name)?;
        let server = tls(&folder, name, &authority.server(&["127.0.0.1"])?, "")?;
        anyhow::Ok(Round { server, files: vec![("ca.crt", authority.certificate().to_owned())] })
    };
    let nats = "  {url: tls://URL, tls: {caFile: HERE/ca.crt}}";
    let rounds = [round("first")?, round("second")?, round("third")?];
    goes_through(nats, rounds, "TLS with NATS fails, check nats.tls and the server's certificate").await
}

#[tokio::test]
async fn a_client_certificate() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    let folder = Scratch::new("authorities")?;
    let authority = Authority::new("servers")?;
    let round = |name: &str| {
        let clients = Authority::new(name)?;
        let ca = folder.write(&format!("{name}.ca"), clients.certificate())?;
        let verify = format!("verify: true, ca_file: {:?}", ca.display().to_string());
        let server = tls(&folder, name, &authority.server(&["127.0.0.1"])?, &verify)?;
        let client = clients.client("herald-router", &[])?;
        let files = vec![("ca.crt", authority.certificate().to_owned()), ("tls.crt", client.certificate), ("tls.key", client.key)];
        anyhow::Ok(Round { server, files })
    };
    let nats = "  {url: nats://URL, tls: {caFile: HERE/ca.crt, certFile: HERE/tls.crt, keyFile: HERE/tls.key}}";
    let rounds = [round("first")?, round("second")?, round("third")?];
    goes_through(nats, rounds, "TLS with NATS fails, check nats.tls and the server's certificate").await
}

#[tokio::test]
async fn a_login_in_the_address() -> Result<()> {
    skip_unless!(Tool::NatsServer);
    for (login, wanted) in [("herald:hunt%3Aer2", "user: herald, password: \"hunt:er2\""), ("hunt%3Aer2", "token: \"hunt:er2\"")] {
        let server =
            NatsServer::start_with(NatsOptions { config: format!("authorization {{ {wanted} }}"), ..NatsOptions::default() }).await?;
        let scratch = Scratch::new("login")?;
        let conf = scratch.write("config.yaml", "logLevel: trace\n")?;
        let log = scratch.path().join("log");
        let start = |login: &str| {
            let stage = StageOptions::new("herald-router").conf(&conf).nats(&server.url().replace("//", &format!("//{login}@")));
            stage.env("HERALD_LOG", "trace,async_nats=trace,async_nats::connector=trace").log(&log).start()
        };
        start(login)?.ready().await?;
        let wrong = start(&login.replace('2', "3"))?;
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        let refusal = "NATS refuses the login, check the login in the address of nats.url";
        wait::until(refusal, BOUND, || async { said().contains(refusal) }).await.with_context(said)?;
        drop(wrong);
        ensure!(!said().contains("er2") && !said().contains("er3"), "{}", said());
    }
    Ok(())
}
