//! The language by itself: templates recorded from Go's own `text/template` (1.26) on a value made for the purpose.

mod root;

use herald_template::json::base64;
use herald_template::{Limits, Template, Value};
use serde_json::Value as Json;

use crate::conformance::Still;

/// Renders a template on the root value: text, or the error's kind and text.
fn run(template: &str) -> (&'static str, String) {
    let template = match Template::parse("t", template, &root::functions()) {
        Ok(template) => template,
        Err(error) => return ("parse", error.to_string()),
    };
    let always_fails = template.check(&root::ROOT).is_err_and(|error| error.certain);
    let root = root::Root::example();
    let mut out = Vec::new();
    match template.render(&mut out, Value::pointer_to(&root), &Still, Limits::default()) {
        Err(error) => ("exec", error.to_string()),
        Ok(()) if always_fails => ("check", "refused although it renders".to_owned()),
        Ok(()) => match String::from_utf8(out) {
            Ok(text) => ("want", text),
            Err(error) => ("want_base64", base64(error.as_bytes())),
        },
    }
}

#[test]
fn templates_give_what_go_gives() {
    let cases: Json = serde_json::from_str(include_str!("../conformance/go.json")).unwrap();
    let mut different = Vec::new();
    let cases = cases.as_array().unwrap();
    for case in cases {
        let template = case["template"].as_str().unwrap();
        let (kind, got) = run(template);
        let want = ["want", "want_base64", "parse", "exec"].iter().find_map(|kind| Some((*kind, case[*kind].as_str()?))).unwrap();
        let known = root::DIFFERENCES.iter().any(|(known, _)| *known == template);
        if (want == (kind, &got)) == known {
            different.push(format!("{template}\n    got  {kind}: {got:?}\n    want {}: {:?}", want.0, want.1));
        }
    }
    assert!(different.is_empty(), "{} of {} differ:\n{}", different.len(), cases.len(), different.join("\n"));
}
