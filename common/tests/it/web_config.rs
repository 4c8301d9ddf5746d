//! The metrics address behind a web-config.yml: TLS, client certificates, logins, files that change, files that cannot be used.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use herald_common::{
    admin::{self, Guard},
    health::Health,
    metrics::Metrics,
};
use herald_testkit::{
    certs::{Authority, Identity},
    wait,
};
use reqwest::{Certificate, Client, ClientBuilder, Response, StatusCode, tls};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

const BOUND: Duration = Duration::from_secs(30);
/// `hunter2`, as htpasswd writes it.
const HUNTER2: &str = "$2y$04$B250.5y/4mDsjfge5cQ.JuUTLMUuo9c06pfB9XBFmTdbrgoWeJLDa";

/// A folder with a web-config.yml, and the server behind it.
struct Fixture {
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Fixture {
    async fn start(config: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut fixture = Self { folder, address: ([127, 0, 0, 1], 0).into() };
        for (name, text) in files {
            fixture.write(name, text);
        }
        fixture.write("web-config.yml", config);
        let guard = Guard::load(&fixture.path("web-config.yml")).unwrap_or_else(|error| panic!("{error}"));
        let metrics = Metrics::new("").expect("metrics");
        fixture.address = admin::serve("127.0.0.1:0", Some(guard), metrics, Health::default()).await.expect("serves");
        fixture
    }

    /// Starts with a certificate for `localhost`.
    async fn start_tls(authority: &Authority, config: &str, files: &[(&str, &str)]) -> Self {
        let server = authority.server(&["localhost"]).expect("a certificate");
        let mut all = vec![("tls.crt", server.certificate.as_str()), ("tls.key", server.key.as_str())];
        all.extend(files);
        Self::start(&format!("tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n{config}"), &all).await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path("fresh"), text).expect("written");
        std::fs::rename(self.path("fresh"), self.path(name)).expect("renamed");
    }

    fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://localhost:{}{path}", self.address.port())
    }

    /// What a client of its own gets.
    async fn get(&self, client: ClientBuilder, path: &str) -> reqwest::Result<Response> {
        client.build()?.get(self.url("https", path)).send().await
    }
}

/// A client that trusts an authority alone.
fn trusting(authority: &Authority) -> ClientBuilder {
    let certificate = Certificate::from_pem(authority.certificate().as_bytes()).expect("a certificate");
    // Fails only when the process has chosen its provider already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder().no_proxy().tls_certs_only([certificate]).timeout(BOUND)
}

fn showing(authority: &Authority, identity: &Identity) -> ClientBuilder {
    let pem = format!("{}{}", identity.certificate, identity.key);
    trusting(authority).identity(reqwest::Identity::from_pem(pem.as_bytes()).expect("an identity"))
}

#[tokio::test]
async fn every_page_is_behind_tls_and_a_login() {
    let authority = Authority::new("own").expect("an authority");
    let config = format!("http_server_config: {{headers: {{X-Frame-Options: deny}}}}\nbasic_auth_users: {{prometheus: {HUNTER2}}}\n");
    let fixture = Fixture::start_tls(&authority, &config, &[]).await;
    for path in ["/metrics", "/-/ready", "/-/healthy", "/", "/other"] {
        let client = trusting(&authority).build().expect("a client");
        let request = || client.get(fixture.url("https", path));
        for refused in [
            request(),
            request().basic_auth("prometheus", Some("hunter3")),
            request().basic_auth("nobody", Some("hunter2")),
            request().bearer_auth("hunter2"),
        ] {
            let answer = refused.send().await.expect("answers");
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(answer.headers()["www-authenticate"], "Basic");
            assert_eq!(answer.headers()["x-frame-options"], "deny");
            assert_eq!(answer.text().await.expect("a text"), "Unauthorized\n");
        }
        for _ in 0..2 {
            let answer = request().basic_auth("prometheus", Some("hunter2")).send().await.expect("answers");
            assert_eq!(
                (answer.status(), &answer.headers()["x-frame-options"]),
                (StatusCode::OK, &"deny".parse().expect("a value")),
                "{path}"
            );
        }
    }
    let other = Authority::new("other").expect("an authority");
    assert!(fixture.get(trusting(&other), "/metrics").await.expect_err("unknown authority").is_connect());
    let plain = Client::new().get(fixture.url("http", "/metrics")).send().await;
    assert!(plain.is_err(), "no plain HTTP: {plain:?}");
}

#[tokio::test]
async fn clients_show_certificates_as_configured() {
    let (authority, clients, others) = (Authority::new("own"), Authority::new("clients"), Authority::new("others"));
    let (authority, clients, others) = (authority.expect("made"), clients.expect("made"), others.expect("made"));
    let known = clients.client_of(&["prometheus.example.com", "192.0.2.1"]).expect("a certificate");
    let (nameless, unknown) =
        (clients.client("prometheus", &[]).expect("a certificate"), others.client_of(&["prometheus.example.com"]).expect("a certificate"));
    let cases = [
        // What is configured, and whether each passes: no certificate, one of the authority with and without a name, one of another authority.
        ("NoClientCert", "", [true, true, true, true]),
        ("RequestClientCert", "", [true, true, true, true]),
        ("RequireAnyClientCert", "", [false, true, true, true]),
        ("RequireClientCert", "", [false, true, true, true]),
        ("VerifyClientCertIfGiven", "client_ca_file: clients.crt", [true, true, true, false]),
        ("RequireAndVerifyClientCert", "client_ca_file: clients.crt", [false, true, true, false]),
        (
            "RequireAndVerifyClientCert",
            "client_ca_file: clients.crt\n  client_allowed_sans: [prometheus.example.com]",
            [false, true, false, false],
        ),
        ("RequireAndVerifyClientCert", "client_ca_file: clients.crt\n  client_allowed_sans: [192.0.2.1, x]", [false, true, false, false]),
        ("RequireAndVerifyClientCert", "client_ca_file: clients.crt\n  client_allowed_sans: [example.com]", [false, false, false, false]),
    ];
    for (policy, more, passes) in cases {
        let config = format!("  client_auth_type: {policy}\n  {more}\n");
        let fixture = Fixture::start_tls(&authority, &config, &[("clients.crt", clients.certificate())]).await;
        let tries = [None, Some(&known), Some(&nameless), Some(&unknown)];
        for (identity, passes) in tries.into_iter().zip(passes) {
            let client = identity.map_or_else(|| trusting(&authority), |identity| showing(&authority, identity));
            let answer = fixture.get(client, "/metrics").await;
            assert_eq!(answer.as_ref().is_ok_and(|answer| answer.status() == 200), passes, "{policy} {more}: {answer:?}");
        }
    }
}

/// Says hello with TLS 1.1 (2) or 1.2 (3) and returns the first seven bytes of the answer.
async fn hello(address: SocketAddr, version: u8) -> [u8; 7] {
    let mut hello = vec![0x16, 3, 1, 0, 69, 1, 0, 0, 65, 3, version];
    hello.extend([7; 32]);
    // No session, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, no compression.
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    // Extensions: signatures by ECDSA with SHA-256, the curve P-256, points as they are.
    hello.extend([0, 22, 0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0]);
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(&hello).await.expect("sent");
    let mut answer = [0; 7];
    tokio::time::timeout(BOUND, stream.read_exact(&mut answer)).await.expect("in time").expect("read");
    answer
}

#[tokio::test]
async fn versions_and_suites_are_kept_to() {
    let authority = Authority::new("own").expect("an authority");
    let cases = [
        ("", true, true),
        ("  min_version: TLS10\n", true, true),
        ("  min_version: TLS13\n", false, true),
        ("  max_version: TLS12\n", true, false),
        ("  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n  curve_preferences: [CurveP256]\n", true, true),
        ("  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n", false, true),
    ];
    for (config, twelve, thirteen) in cases {
        let fixture = Fixture::start_tls(&authority, config, &[]).await;
        for (version, passes) in [(tls::Version::TLS_1_2, twelve), (tls::Version::TLS_1_3, thirteen)] {
            let answer = fixture.get(trusting(&authority).tls_version_min(version).tls_version_max(version), "/metrics").await;
            assert_eq!(answer.is_ok(), passes, "{config} with {version:?}: {answer:?}");
        }
        // No library here speaks TLS 1.1. An alert (0x15) that is fatal and about the version, where TLS 1.2 gets a hello (0x16).
        let answer = hello(fixture.address, 2).await;
        assert_eq!((answer[0], &answer[5..]), (0x15, &[2, 70][..]), "{config}");
        assert_eq!(hello(fixture.address, 3).await[0] == 0x16, twelve, "{config}");
    }
}

#[tokio::test]
async fn changed_files_are_used_and_bad_ones_change_nothing() {
    let (first, second) = (Authority::new("first").expect("made"), Authority::new("second").expect("made"));
    let users = |lines: &str| format!("tls_server_config: {{cert_file: tls.crt, key_file: tls.key}}\nbasic_auth_users:\n{lines}");
    let fixture = Fixture::start_tls(&first, "", &[]).await;
    assert_eq!(fixture.get(trusting(&first), "/metrics").await.expect("answers").status(), 200);
    let open = trusting(&first).build().expect("a client");
    assert_eq!(open.get(fixture.url("https", "/")).send().await.expect("answers").status(), 200);

    // A login from now on, on connections that stand as well.
    fixture.write("web-config.yml", &users(&format!("  prometheus: {HUNTER2}\n")));
    assert_eq!(open.get(fixture.url("https", "/")).send().await.expect("answers").status(), 401);
    let login = || open.get(fixture.url("https", "/")).basic_auth("prometheus", Some("hunter2"));
    assert_eq!(login().send().await.expect("answers").status(), 200);

    // A file with a mistake, then one that is away for a moment: the protection stays.
    for broken in [users("  prometheus: hunter2\n"), "basic_auth_user: {}\n".to_owned()] {
        fixture.write("web-config.yml", &broken);
        assert_eq!(open.get(fixture.url("https", "/")).send().await.expect("answers").status(), 401);
        assert_eq!(login().send().await.expect("answers").status(), 200);
    }
    std::fs::remove_file(fixture.path("web-config.yml")).expect("removed");
    assert_eq!(open.get(fixture.url("https", "/")).send().await.expect("answers").status(), 401);

    // Another certificate; while its key is not there yet, the old ones stay.
    fixture.write("web-config.yml", &users(""));
    let server = second.server(&["localhost"]).expect("a certificate");
    fixture.write("tls.crt", &server.certificate);
    assert!(fixture.get(trusting(&first), "/metrics").await.is_ok());
    fixture.write("tls.key", &server.key);
    assert_eq!(fixture.get(trusting(&second), "/metrics").await.expect("the new one").status(), 200);
    assert!(fixture.get(trusting(&first), "/metrics").await.is_err());
}

#[tokio::test]
async fn a_client_that_does_not_shake_hands_holds_up_nobody() {
    let authority = Authority::new("own").expect("an authority");
    let fixture = Fixture::start_tls(&authority, "", &[]).await;
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(TcpStream::connect(fixture.address).await.expect("connects"));
    }
    let answers = || async { fixture.get(trusting(&authority), "/metrics").await.is_ok() };
    wait::until("an answer beside silent clients", Duration::from_secs(5), answers).await.expect("answers");
}

#[test]
fn what_cannot_be_used_is_refused_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("web-config.yml");
    let identity = Authority::new("own").and_then(|own| own.server(&["localhost"])).expect("a certificate");
    for (name, text) in [("crt", identity.certificate.as_str()), ("key", &identity.key), ("empty", "")] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    let refused = |text: &str| {
        std::fs::write(&path, text).expect("written");
        let error = Guard::load(&path).err().unwrap_or_else(|| panic!("{text} is taken")).to_string();
        error.replace(&format!("{}:", path.display()), "").replace(&folder.path().display().to_string(), "DIR")
    };
    let tls = |more: &str| format!("tls_server_config: {{cert_file: crt, key_file: key, {more}}}\n");
    let cases = [
        (
            "basic_auth_user: {a: b}\n".to_owned(),
            "1:1: basic_auth_user: unknown key \"basic_auth_user\", basic_auth_users is probably meant",
        ),
        (tls("min_versio: TLS12"), "1:52: tls_server_config.min_versio: unknown key \"min_versio\", min_version is probably meant"),
        ("tls_server_config: {cert_file: crt}\n".to_owned(), "1:20: tls_server_config: key_file is missing"),
        ("tls_server_config: {key_file: key}\n".to_owned(), "1:20: tls_server_config: cert_file is missing"),
        ("tls_server_config: {min_version: TLS13}\n".to_owned(), "1:20: tls_server_config: cert_file is missing"),
        (
            "tls_server_config: {cert_file: nowhere, key_file: key}\n".to_owned(),
            "1:32: tls_server_config.cert_file: cannot read DIR/nowhere: No such file or directory (os error 2)",
        ),
        (
            "tls_server_config: {cert_file: empty, key_file: key}\n".to_owned(),
            "1:32: tls_server_config.cert_file: this holds no certificate in PEM form",
        ),
        (
            "tls_server_config: {cert_file: crt, key_file: crt}\n".to_owned(),
            "1:47: tls_server_config.key_file: this holds no private key in PEM form",
        ),
        (
            tls("client_auth_type: RequireAndVerify"),
            "1:70: tls_server_config.client_auth_type: found \"RequireAndVerify\", expected one of NoClientCert, RequestClientCert, RequireAnyClientCert, RequireClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert",
        ),
        (tls("client_auth_type: RequireAndVerifyClientCert"), "1:70: tls_server_config.client_auth_type: needs client_ca_file beside it"),
        (
            tls("client_ca_file: crt"),
            "1:68: tls_server_config.client_ca_file: needs a client_auth_type that verifies, such as RequireAndVerifyClientCert",
        ),
        (
            tls("client_allowed_sans: [a]"),
            "1:74: tls_server_config.client_allowed_sans[0]: needs a client_auth_type that verifies, such as RequireAndVerifyClientCert",
        ),
        (tls("min_version: TLS14"), "1:65: tls_server_config.min_version: found \"TLS14\", expected one of TLS10, TLS11, TLS12, TLS13"),
        (tls("max_version: TLS11"), "1:65: tls_server_config.max_version: found a version before TLS12, which is not spoken"),
        (tls("min_version: TLS13, max_version: TLS12"), "1:85: tls_server_config.max_version: is below min_version"),
        (
            tls("curve_preferences: [CurveP521]"),
            "1:72: tls_server_config.curve_preferences[0]: found \"CurveP521\", expected one of CurveP256, CurveP384, X25519, X25519MLKEM768",
        ),
        (
            "basic_auth_users:\n  a: hunter2\n".to_owned(),
            "2:6: basic_auth_users.a: the hash of \"a\" is none of bcrypt, such as htpasswd -nBC 10 makes; it is secret, so it is not shown",
        ),
        (
            "http_server_config: {headers: {Server: x}}\n".to_owned(),
            "1:40: http_server_config.headers.Server: header \"Server\" cannot be set, known are Content-Security-Policy, Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options, X-XSS-Protection",
        ),
        ("basic_auth_users: {a: hunter2 [\n".to_owned(), "1:31: this is not valid YAML"),
    ];
    for (text, said) in cases {
        let error = refused(&text);
        assert!(error.starts_with(said), "{text}\n  said {error}\n  want {said}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let suites = refused(&tls("cipher_suites: [TLS_RSA_WITH_AES_128_CBC_SHA]"));
    assert!(suites.contains("cipher_suites[0]: found \"TLS_RSA_WITH_AES_128_CBC_SHA\", expected one of TLS_ECDHE_"), "{suites}");
    // What asks for nothing is taken.
    for text in ["", "tls_server_config: {}\n", "http_server_config: {http2: false}\n"] {
        std::fs::write(&path, text).expect("written");
        assert!(Guard::load(&path).is_ok(), "{text}");
    }
}
