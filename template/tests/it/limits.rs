//! No template can take the program down: not its stack, not its memory, not its time. And how fast rendering is.

use herald_template::{Functions, Limits, Template, Value};

use crate::conformance::Still;
use herald_template_event::EnhancedEvent;

/// Parses and renders with little stack; gives the error's text.
fn outcome(text: String, limits: Limits) -> String {
    let run = move || {
        let event = EnhancedEvent::default();
        let template = match Template::parse("t", &text, &Functions::new()) {
            Ok(template) => template,
            Err(error) => return error.to_string(),
        };
        let mut out = Vec::new();
        match template.render(&mut out, Value::pointer_to(&event), &Still, limits) {
            Ok(()) => format!("{} bytes", out.len()),
            Err(error) => error.message,
        }
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap()
}

#[test]
fn deep_nesting_does_not_parse() {
    let limits = Limits::default();
    let depth = |open: &str, inside: &str, close: &str, count: usize| format!("{}{inside}{}", open.repeat(count), close.repeat(count));
    assert!(outcome(format!("{{{{{}}}}}", depth("(", "1", ")", 5000)), limits).contains("max expression depth exceeded"));
    assert!(outcome(depth("{{if true}}", "x", "{{end}}", 5000), limits).contains("max expression depth exceeded"));
    assert!(outcome(depth("{{range 1}}", "x", "{{end}}", 5000), limits).contains("max expression depth exceeded"));
    assert!(outcome(depth("{{block \"a\" .}}", "x", "{{end}}", 5000), limits).contains("max expression depth exceeded"));
    assert!(outcome("{{if false}}".to_owned() + &"{{else if true}}".repeat(5000), limits).contains("max expression depth exceeded"));
    assert_eq!(outcome(format!("{{{{{}}}}}", depth("(", "1", ")", 100)), limits), "1 bytes");
    assert_eq!(outcome(depth("{{if true}}", "x", "{{end}}", 199), limits), "1 bytes");
    assert_eq!(outcome(depth("{{with 1}}{{range 1}}", "x", "{{end}}{{end}}", 95), limits), "1 bytes");
}

#[test]
fn recursion_stops() {
    let limits = Limits::default();
    let deep = "exceeded maximum template depth (200)";
    assert_eq!(outcome("{{define \"a\"}}{{template \"a\" .}}{{end}}{{template \"a\" .}}".into(), limits), deep);
    assert_eq!(
        outcome(
            "{{define \"a\"}}{{if true}}{{range 2}}{{template \"a\" (print (print .))}}{{end}}{{end}}{{end}}{{template \"a\" .}}".into(),
            limits
        ),
        deep
    );
}

#[test]
fn output_and_time_are_limited() {
    let limits = Limits { output: 1000, steps: 1000, ..Limits::default() };
    assert_eq!(outcome("{{range 100}}0123456789012345678901234567890{{end}}".into(), limits), "output larger than 1000 bytes");
    assert_eq!(outcome("{{range 1000000000000}}{{end}}".into(), limits), "more than 1000 steps");
    assert_eq!(outcome("{{printf \"%900000d\" 1}}".into(), limits), "error calling printf: result too large");
    assert_eq!(outcome("{{$x := printf \"%900d\" 1}}{{print $x $x}}".into(), limits), "error calling print: result too large");
    assert_eq!(outcome("{{printf \"%300d\" 1}}{{println (html \"<\")}}".into(), limits), "305 bytes");
}
