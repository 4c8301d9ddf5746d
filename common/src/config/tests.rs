use super::*;

fn parse(text: &str) -> Result<Loaded, ConfigError> {
    Config::parse("config.yaml", text, &|name| match name {
        "SECRET" => Some("p@ss: \"#'word\n".to_owned()),
        "COUNT" => Some("7".to_owned()),
        _ => None,
    })
}

fn error(text: &str) -> String {
    parse(text).expect_err("must be refused").to_string()
}

fn warnings(text: &str) -> Vec<String> {
    let loaded = parse(text).expect("must load");
    loaded.mistakes.iter().chain(&loaded.warnings).map(ToString::to_string).collect()
}

#[test]
fn an_empty_file_has_every_default() {
    let config = parse("").expect("loads").config;
    assert_eq!(config.cache_size, 1_024);
    assert_eq!(config.max_event_age(), Duration::from_secs(5));
    assert_eq!(config.leader_election.id, "kubernetes-event-exporter");
    assert_eq!(config.nats.servers(), ["nats://127.0.0.1:4222"]);
    assert!((config.kube_qps - 50.0).abs() < f64::EPSILON);
}

#[test]
fn a_users_file_loads_with_all_its_parts() {
    let loaded = parse(
        r#"
logLevel: error
logFormat: json
maxEventAgeSeconds: 10
kubeQPS: 60
kubeBurst: 60
clusterName: 1.10
namespace:
route:
  routes:
    - match:
        - receiver: "dump"
    - drop:
        - minCount: "6"
          labels: {app: "", version: 2}
      match: [{receiver: alerts}]
receivers:
  - name: dump
    stdout:
  - name: alerts
    updates: false
    timeout: 1m30s
    rateLimit: 60/m
    webhook:
      endpoint: "http://localhost/${COUNT}"
      headers: {X-Pass: '${SECRET}'}
"#,
    )
    .expect("loads");
    assert_eq!((loaded.mistakes, loaded.warnings), (vec![], vec![]));
    let config = loaded.config;
    assert_eq!(config.cluster_name, "1.10", "a string keeps the characters of the file");
    assert_eq!(config.route.routes[1].drop[0].min_count, 6);
    assert_eq!(config.route.routes[1].drop[0].labels["version"].0[0].value, "2");
    assert_eq!(config.receivers[0].kind, "stdout");
    assert!(config.receivers[0].wants_updates());
    assert!(!config.receivers[1].wants_updates());
    assert_eq!(config.receivers[1].options.timeout, Some(Period(Duration::from_secs(90))));
    let spec: serde_json::Value = config.receivers[1].spec.read(&mut Findings::default()).expect("decodes");
    assert_eq!(spec["endpoint"], "http://localhost/7");
    assert_eq!(spec["headers"]["X-Pass"], "p@ss: \"#'word\n", "a variable's value arrives as it is");
}

#[test]
fn variables_are_put_in_and_other_dollars_stay() {
    let config =
        parse("clusterName: $x-$1-$${COUNT}-${NO:-d}-${COUNT}\ncacheSize: ${COUNT} # ${UNSET} in a comment\n").expect("loads").config;
    assert_eq!(config.cluster_name, "$x-$1-${COUNT}-d-7");
    assert_eq!(config.cache_size, 7);
    assert_eq!(
        error("a: 1\nclusterName: x${UNSET}"),
        "config.yaml:2:15: clusterName: the environment variable UNSET is not set; set it, give a default with ${UNSET:-default}, or write $${UNSET} for the text itself"
    );
}

#[test]
fn lines_are_counted_as_yaml_counts_them() {
    for ends in ["\n", "\r\n", "\r"] {
        let said = error(&["a: 1", "b: \"1", "", "2\"", "clusterName: x${UNSET}", ""].join(ends));
        assert!(said.starts_with("config.yaml:5:15: clusterName: "), "{ends:?}: {said}");
        let said = error(&["a: 1", "", "clusterName: [", ""].join(ends));
        assert!(said.starts_with("config.yaml:3:14: "), "{ends:?}: {said}");
    }
}

#[test]
fn a_secret_from_a_file_is_read_and_never_shown() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "hunter2\n").expect("written");
    let text = format!("nats: {{user: u, password: '${{file:{}}}'}}", file.path().display());
    let config = parse(&text).expect("loads").config;
    assert_eq!(config.nats.password.as_ref().map(Secret::expose), Some("hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
    let text = format!("cacheSize: ${{file:{}}}", file.path().display());
    assert_eq!(error(&text), "config.yaml:1:12: cacheSize: found the value of a variable, expected a whole number, 0 or above");
}

#[test]
fn mistakes_are_named_with_their_places() {
    for (text, wanted) in [
        ("cacheSize: many", "config.yaml:1:12: cacheSize: found \"many\", expected a whole number, 0 or above"),
        ("cacheSize: 0", "config.yaml:1:12: cacheSize: found 0, must be above 0; omitLookup: true switches lookups off"),
        ("logFormat: yaml", "config.yaml:1:12: logFormat: found \"yaml\", expected one of json, pretty"),
        ("logLevel: loud", "config.yaml:1:11: logLevel: found \"loud\", expected trace, debug, info, warn, error, fatal or panic"),
        (
            "metricsNamePrefix: herald",
            "config.yaml:1:20: metricsNamePrefix: found \"herald\", must match ^[a-zA-Z][a-zA-Z0-9_:]*_$, for example event_exporter_",
        ),
        (
            "throttlePeriod: 1\nmaxEventAgeSeconds: 2",
            "config.yaml:1:17: throttlePeriod: throttlePeriod and maxEventAgeSeconds are both set, keep maxEventAgeSeconds",
        ),
        (
            "receivers:\n  - name: a\n    stdout: {}\n    file: {path: x}\n",
            "config.yaml:4:5: receivers[0]: receiver \"a\" has several kinds (stdout, file), make a receiver of each",
        ),
        (
            "receivers:\n  - name: a\n    webhok: {}\n",
            "config.yaml:3:5: receivers[0].webhok: unknown kind of receiver \"webhok\", webhook is probably meant",
        ),
        ("receivers:\n  - stdout: {}\n", "config.yaml:2:5: receivers[0]: name is missing, add one that rules can call"),
        (
            "receivers:\n  - name: a\n    stdout: {}\n  - name: a\n    stdout: {}\n",
            "config.yaml:4:11: receivers[1].name: found \"a\", which is the name of the receiver on line 2 too; rename one",
        ),
        (
            "receivers:\n  - name: slack\n    stdout: {}\nroute:\n  match:\n    - receiver: slak\n",
            "config.yaml:6:17: route.match[0].receiver: no receiver is called \"slak\", \"slack\" is probably meant",
        ),
        ("nats: {replicas: 2}", "config.yaml:1:18: nats.replicas: found 2, must be 1, 3 or 5"),
        ("nats: {password: [x]}", "config.yaml:1:18: nats.password: found a secret, expected a text"),
        ("- a", "config.yaml:1:1: found a list, expected keys such as route and receivers"),
    ] {
        assert_eq!(error(text), wanted, "for {text:?}");
    }
}

#[test]
fn several_mistakes_are_told_together() {
    let text = error("cacheSize: 0\nkubeBurst: 0\nreceivers:\n  - name: a\n");
    assert_eq!(text.lines().count(), 3, "{text}");
}

#[test]
fn bad_yaml_shows_the_line_but_no_secret() {
    let text = error("route:\n  match: {{ .x }\n");
    assert!(text.starts_with("config.yaml:2:"), "{text}");
    assert!(text.contains("the line is: match: {{ .x }") && text.contains("need quotes"), "{text}");
    assert!(!error("a: 1\npassword: \"hunter2\n").contains("hunter2"));
    assert_eq!(error("a: 1\na: 2\n"), "config.yaml:2:1: a: the key \"a\" stands twice, first on line 1; keep one");
}

#[test]
fn oddities_are_warnings() {
    assert_eq!(warnings("cachSize: 1"), ["1:1: cachSize: unknown key \"cachSize\" is ignored, cacheSize is probably meant"]);
    assert_eq!(warnings("throttlePeriod: 1"), ["1:17: throttlePeriod: throttlePeriod is the old name, call it maxEventAgeSeconds"]);
    assert_eq!(
        warnings("route:\n  drop:\n    - namespace: \"*test*\"\n      Kind: Pod\n"),
        [
            "4:7: route.drop[0].Kind: unknown key \"Kind\" is ignored, kind is probably meant",
            "3:18: route.drop[0].namespace: found \"*test*\", which is not a regular expression and never matches (repetition operator missing expression), \".*test.*\" is probably meant"
        ]
    );
}
