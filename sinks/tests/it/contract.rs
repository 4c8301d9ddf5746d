//! What holds for every kind: documented, its sample parses and builds offline, unknown keys are told.

use herald_common::config::{Config, Loaded, Receiver};
use herald_sinks::{kinds, registry, render::Templates};

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
    for kind in kinds::KINDS.iter().filter(|row| row.is_served).map(|row| row.kind) {
        let Loaded { config, mistakes, warnings, .. } = load(sample(kind));
        assert_eq!((mistakes, warnings), (vec![], vec![]), "{kind}");
        let receiver = only(config);
        assert_eq!(receiver.kind, kind);
        let ready = registry::build(&receiver, &Templates::default()).unwrap_or_else(|findings| panic!("{kind}: {findings:?}"));
        assert_eq!((ready.mistakes, ready.warnings), (vec![], vec![]), "{kind}");
    }
}

#[test]
fn every_kind_tells_an_unknown_key_and_its_place() {
    for kind in kinds::KINDS.iter().filter(|row| row.is_served).map(|row| row.kind) {
        let key = format!("    {kind}:\n");
        let text = sample(kind).replace(&key, &format!("{key}      zzz: 1\n"));
        let line = text.lines().position(|line| line.contains("zzz")).expect("added") + 1;
        let ready =
            registry::build(&only(load(&text).config), &Templates::default()).unwrap_or_else(|findings| panic!("{kind}: {findings:?}"));
        let told = ready
            .mistakes
            .iter()
            .map(ToString::to_string)
            .find(|warning| warning.contains("\"zzz\""))
            .unwrap_or_else(|| panic!("{kind} says nothing"));
        assert!(told.starts_with(&format!("{line}:")) && told.contains(&format!("receivers[0].{kind}.zzz")), "{told}");
    }
}

/// Everything that is said against a receiver.
fn said(kind: &str) -> Vec<String> {
    let receiver = only(load(&format!("receivers:\n  - name: r\n    {kind}\n")).config);
    let findings = registry::build(&receiver, &Templates::default()).err().unwrap_or_else(|| panic!("{kind} must be refused"));
    findings.errors.iter().chain(&findings.mistakes).map(ToString::to_string).collect()
}

#[test]
fn everything_that_is_wrong_with_a_receiver_is_told_at_once() {
    let wanted = [
        "3:33: receivers[0].webhook.endpoint: found scheme \"ftp\", expected http or https; give one such as https://host:port/path",
        "3:60: receivers[0].webhook.tls.certFile: needs keyFile beside it",
        "3:87: receivers[0].webhook.headers.a b: the key is no name of a header, use letters, digits and -",
        "3:103: receivers[0].webhook.layout.x: this is no template that can work: unclosed action",
        "3:116: receivers[0].webhook.layout.y[0]: this is no template that can work: can't evaluate field NoSuch in type *kube.EnhancedEvent at <.NoSuch>",
        "3:15: receivers[0].webhook.zzz: unknown key \"zzz\" is ignored, known are endpoint, tls, headers, layout",
    ];
    let mut found = said(
        "webhook: {zzz: 1, endpoint: 'ftp://h', tls: {certFile: /dev/null}, headers: {a b: c}, layout: {x: '{{ .X', y: ['{{ .NoSuch }}']}}",
    );
    found.retain(|problem| !problem.contains("no certificate in PEM form"));
    assert_eq!(found, wanted);
}

#[test]
fn a_kind_that_is_not_served_yet_is_refused_for_that_when_nothing_else_is_wrong() {
    assert_eq!(
        said("inMemory: {}"),
        ["3:15: receivers[0].inMemory: receivers of kind inMemory deliver nowhere, they served the tests of the old exporter; remove it"]
    );
}

#[test]
fn templates_that_look_outside_are_refused_unless_the_configuration_allows_them() {
    let text = "receivers: [{name: r, stdout: {layout: {a: '{{ env \"HOME\" }}', b: '{{ getHostByName \"h\" }}'}}}]";
    let receiver = only(load(text).config);
    let refused = registry::build(&receiver, &Templates::default()).err().expect("both are off").errors;
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].message.ends_with("only with templates.env: true"), "{refused:?}");
    assert!(refused[1].message.ends_with("only with templates.network: true"), "{refused:?}");
    let allowed = herald_common::config::Templates { env: true, network: true };
    assert!(registry::build(&receiver, &Templates::new(&allowed)).is_ok());
}
