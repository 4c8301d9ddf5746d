//! What a process prints to standard error: one line an event of the log, whatever is in it; a panic too.

use std::process::{Command, Stdio};

use herald_common::{
    config::{LogFormat, LogLevel},
    logging,
};

/// Ends a line and begins another, clears a terminal, colours it, turns its text around.
const HOSTILE: &str = "x\n2026-01-01T00:00:00Z ERROR forged\r\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2028}ü";
const VARIABLE: &str = "HERALD_TEST_LOG_FORMAT";

/// Runs only as a process of its own, which one of the tests below starts.
#[test]
fn child() {
    let Some(format) = herald_common::env::var(VARIABLE) else { return };
    logging::init(LogLevel::Info, if format == "json" { LogFormat::Json } else { LogFormat::Pretty });
    let error = std::io::Error::other(HOSTILE);
    tracing::info_span!("span", inside = %HOSTILE).in_scope(|| tracing::warn!(%error, text = HOSTILE, debug = ?HOSTILE, "said {HOSTILE}"));
    panic!("{HOSTILE}");
}

fn printed(format: &str) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["logging::child", "--exact", "--nocapture"]).env(VARIABLE, format).env("RUST_BACKTRACE", "0");
    let output = child.stdout(Stdio::null()).output().expect("runs");
    let lines = String::from_utf8(output.stderr).expect("UTF-8");
    lines.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn is_harmless(line: &str) -> bool {
    !line.contains(|c: char| c.is_control() || matches!(c, '\u{202e}' | '\u{2028}'))
}

#[test]
fn a_pretty_log_shows_what_would_act() {
    let lines = printed("pretty");
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines.iter().all(|line| is_harmless(line)), "{lines:#?}");
    let shown = r"x\n2026-01-01T00:00:00Z ERROR forged\r\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{2028}ü";
    let said = format!("WARN span{{inside={shown}}}: it::logging: said {shown} error={shown} text=\"{shown}\" debug=\"{shown}\"");
    assert!(lines[0].ends_with(&said), "{}\nwant {said}", lines[0]);
    assert!(
        lines[1].contains("ERROR") && lines[1].contains(&format!("panicked: {shown} ")) && lines[1].contains("logging.rs:"),
        "{}",
        lines[1]
    );
}

#[test]
fn a_json_log_says_the_same_in_characters_that_do_not_act() {
    let lines = printed("json");
    assert_eq!(lines.len(), 2, "{lines:#?}");
    assert!(lines.iter().all(|line| is_harmless(line)), "{lines:#?}");
    let entries: Vec<serde_json::Value> = lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(entries[0]["message"], format!("said {HOSTILE}"));
    assert_eq!((&entries[0]["error"], &entries[0]["text"]), (&HOSTILE.into(), &HOSTILE.into()));
    assert_eq!((&entries[1]["level"], &entries[1]["message"]), (&"ERROR".into(), &format!("panicked: {HOSTILE}").into()));
}
