//! Skipping a test whose server is not there.

use std::process::{Command, Output};

use herald_testkit::scratch::Scratch;

/// Runs a test of this binary where no server is to be found.
fn without_servers(variables: &[(&str, &str)]) -> Output {
    let nowhere = "/nonexistent";
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nats::further_configuration_is_obeyed"])
        .env_remove("HERALD_NATS_SERVER")
        .env_remove("HERALD_REQUIRE_ALL")
        .env_remove("HERALD_SKIPPED")
        .envs([("PATH", nowhere), ("HERALD_TOOLS", nowhere)])
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn a_skipped_test_says_why_on_the_terminal_and_in_the_summary() {
    let scratch = Scratch::new("skipped").unwrap();
    let summary = scratch.path().join("summary");
    let run = without_servers(&[("HERALD_SKIPPED", summary.to_str().unwrap())]);
    assert!(run.status.success());
    let line = std::fs::read_to_string(&summary).unwrap();
    assert!(line.starts_with("SKIPPED it::nats::further_configuration_is_obeyed: no nats-server in "), "{line}");
    assert!(line.ends_with("get it with 'make tools'\n"), "{line}");
    assert!(String::from_utf8_lossy(&run.stderr).contains(&line));
}

#[test]
fn nothing_is_skipped_when_everything_is_required() {
    let run = without_servers(&[("HERALD_REQUIRE_ALL", "1")]);
    assert!(!run.status.success());
    assert!(String::from_utf8_lossy(&run.stdout).contains("may not be skipped: no nats-server in"));
}
