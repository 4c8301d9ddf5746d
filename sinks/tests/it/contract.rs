//! What holds for every kind: documented, its sample parses and builds offline, unknown keys are told.

use herald_common::config::{Config, Loaded, Receiver};
use herald_sinks::{registry, render::Templates};

const README: &str = include_str!("../../README.md");

/// The section of a kind.
fn section(kind: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("\n## {kind}\n")).unwrap_or_else(|| panic!("README has no section {kind}"));
    rest.split("\n## ").next().unwrap_or(rest)
}

/// The sample of a kind.
fn sample(kind: &str) -> &'static str {
    let (_, rest) = section(kind).split_once("```yaml\n").unwrap_or_else(|| panic!("the section {kind} has no sample"));
    rest.split("```").next().unwrap_or(rest)
}

/// Reads a configuration; what `main` does first has to be done for HTTP clients to be built.
fn load(text: &str) -> Loaded {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Config::parse("sample.yaml", text, &|_| None).unwrap_or_else(|error| panic!("{error}"))
}

fn only(config: Config) -> Receiver {
    config.receivers.into_iter().next().expect("one receiver")
}

#[test]
fn every_kind_has_a_documented_sample_that_builds_offline() {
    for kind in registry::KINDS.iter().filter(|row| row.is_served).map(|row| row.kind) {
        let Loaded { config, mistakes, warnings } = load(sample(kind));
        assert_eq!((mistakes, warnings), (vec![], vec![]), "{kind}");
        let receiver = only(config);
        assert_eq!(receiver.kind, kind);
        let built = registry::build(&receiver, &Templates::default()).unwrap_or_else(|problem| panic!("{kind}: {problem}"));
        assert_eq!(built.mistakes, [], "{kind}");
    }
}

#[test]
fn every_kind_tells_an_unknown_key_and_its_place() {
    for kind in registry::KINDS.iter().filter(|row| row.is_served).map(|row| row.kind) {
        let text = format!("receivers:\n  - name: r\n    {kind}: {{path: /tmp/x, endpoint: 'http://h/', zzz: 1}}\n");
        let built = registry::build(&only(load(&text).config), &Templates::default()).unwrap_or_else(|problem| panic!("{kind}: {problem}"));
        let told = built
            .mistakes
            .iter()
            .map(ToString::to_string)
            .find(|warning| warning.contains("\"zzz\""))
            .unwrap_or_else(|| panic!("{kind} says nothing"));
        assert!(told.starts_with("3:") && told.contains(&format!("receivers[0].{kind}.zzz")), "{told}");
    }
}

#[test]
fn what_cannot_work_is_refused_with_its_place_and_without_secrets() {
    for (kind, wanted) in [
        (
            "slack: {token: hunter2}",
            "3:12: receivers[0].slack: receivers of kind slack are not served yet, keep the exporter you have for it and remove it here",
        ),
        ("slack: {fields: 7}", "3:21: receivers[0].slack.fields: found \"7\", expected a map"),
        ("stdout: {layout: [a]}", "3:22: receivers[0].stdout.layout: a layout is a map of keys, each with a template, a list or a map"),
        (
            "stdout: {layout: {a: {b: ['{{ .Reason'] }}}",
            "3:31: receivers[0].stdout.layout.a.b[0]: this is no template that can work: template: template:1: unclosed action",
        ),
        (
            "file: {path: x, layout: {a: '{{ .NoSuch }}'}}",
            "3:33: receivers[0].file.layout.a: this is no template that can work: template: template:1:3: executing \"template\" at <.NoSuch>: can't evaluate field NoSuch in type *kube.EnhancedEvent",
        ),
        ("file: {}", "3:11: receivers[0].file: path is missing, name the file to write"),
        ("webhook: {}", "3:14: receivers[0].webhook: endpoint is missing, name the address to post to"),
        ("webhook: {endpoint: hunter2}", "3:25: receivers[0].webhook.endpoint: this is no address: relative URL without a base"),
        ("webhook: {endpoint: 'ftp://h/'}", "3:25: receivers[0].webhook.endpoint: found scheme \"ftp\", expected http or https"),
        ("webhook: {endpoint: 'http://h', headers: {'a b': hunter2}}", "3:54: receivers[0].webhook.headers.a b: \"a b\" is no header name"),
        (
            "webhook: {endpoint: 'http://h', headers: {a: '{{ hunter2 }}'}}",
            "3:50: receivers[0].webhook.headers.a: this is no template that can work; it is secret, so nothing of it is shown",
        ),
        ("webhook: {endpoint: 'https://h', tls: {certFile: c}}", "3:43: receivers[0].webhook.tls.certFile: needs keyFile beside it"),
    ] {
        let receiver = only(load(&format!("receivers:\n  - name: r\n    {kind}\n")).config);
        let problem =
            registry::build(&receiver, &Templates::default()).err().unwrap_or_else(|| panic!("{kind} must be refused")).to_string();
        assert_eq!(problem, wanted, "for {kind}");
    }
}
