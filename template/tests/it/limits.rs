//! No template can take the program down: not its stack, not its memory, not its time.

use herald_template::{Functions, Limits, Template, Value, json, sprig, sprint, sprintf, sprintln};

use crate::conformance::Still;
use herald_template_event::EnhancedEvent;

/// Parses and renders with little stack; gives the error's text.
fn outcome(text: String, limits: Limits) -> String {
    let run = move || {
        let mut event = EnhancedEvent::default();
        event.event.message = "m".repeat(500);
        let template = match Template::parse("t", &text, &Functions::new().with(sprig::functions())) {
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

/// Limits under which a template has to be modest.
const FEW: Limits = Limits { output: 10_000, steps: 10_000, depth: 200 };

#[test]
fn what_is_long_counts_as_more_than_one_step() {
    let spent = "more than 10000 steps";
    let long = |part: &str| part.repeat(200);
    assert_eq!(outcome(format!("{{{{range 100}}}}{{{{and {}}}}}{{{{end}}}}", long("1 ")), FEW), spent);
    assert_eq!(outcome(format!("{{{{range 100}}}}{{{{$x := $.Labels{}}}}}{{{{end}}}}", long(".x")), FEW), spent);
    assert_eq!(
        outcome(
            format!("{}{{{{range 1000}}}}{{{{$y := $}}}}{{{{end}}}}", (0..2000).map(|i| format!("{{{{$x{i} := 1}}}}")).collect::<String>()),
            FEW
        ),
        spent
    );
    assert_eq!(outcome("{{$s := repeat 9000 \"x\"}}{{range 100}}{{$x := contains \"y\" $s}}{{end}}".into(), FEW), spent);
    assert_eq!(outcome("{{$s := repeat 4000 \"x\"}}{{$t := print $s}}{{range 200}}{{$x := eq $s $t}}{{end}}".into(), FEW), spent);
    assert_eq!(
        outcome(
            "{{$m := dict}}{{range 100}}{{$_ := set $m (print .) 1}}{{end}}{{range 2000}}{{range $m}}{{break}}{{end}}{{end}}".into(),
            FEW
        ),
        spent
    );
}

#[test]
fn work_that_is_slow_by_its_nature_is_counted() {
    let work = |name: &str| format!("error calling {name}: too much work");
    let large = Limits { output: 1 << 20, ..FEW };
    assert_eq!(outcome("{{$l := until 200}}{{uniq $l}}".into(), large), work("uniq"));
    assert_eq!(
        outcome("{{$l := until 2000}}{{deepEqual (list $l $l $l $l $l $l) (list $l $l $l $l $l $l)}}".into(), large),
        work("deepEqual")
    );
    assert_eq!(outcome("{{$l := list}}{{range 15}}{{$l = list $l $l}}{{end}}".into(), large), work("list"));
    assert_eq!(
        outcome(format!("{{{{$s := repeat 9000 \"x\"}}}}{{{{without (list {}) (print $s)}}}}", "$s ".repeat(50)), large),
        work("without")
    );
    assert_eq!(
        outcome("{{$l := list}}{{$s := repeat 9000 \"x\"}}{{range 30}}{{$l = append $l $s}}{{end}}{{sortAlpha $l}}".into(), large),
        work("sortAlpha")
    );
    assert_eq!(outcome("{{regexMatch \"(a?){500}a{500}\" (repeat 5000 \"a\")}}".into(), large), work("regexMatch"));
    let one = r"(\\pL{1000}|\\PL{1000})";
    assert_eq!(outcome(format!("{{{{regexMatch \"{one}{one}{one}\" \"\"}}}}"), large), work("regexMatch"));
    assert_eq!(outcome("{{bcrypt \"x\"}}".into(), large), work("bcrypt"));
    assert_eq!(outcome("{{derivePassword 1 \"long\" \"a\" \"b\" \"c\"}}".into(), large), work("derivePassword"));
    assert_eq!(outcome(format!("{{{{$f := 1.7976931348623157e308}}}}{{{{mulf {}}}}}", "$f ".repeat(100)), large), work("mulf"));
}

#[test]
fn what_is_kept_counts_as_made() {
    let large = |name: &str| format!("error calling {name}: result too large");
    let kept = |made: &str| {
        outcome(
            format!(
                "{{{{$s := repeat 500 \"xy\"}}}}{{{{$d := .DeDot}}}}{{{{$l := list}}}}{{{{range 100}}}}{{{{$l = list $l ({made})}}}}{{{{end}}}}"
            ),
            FEW,
        )
    };
    for name in ["trunc 900", "trimPrefix \"x\"", "trimSuffix \"y\"", "trimAll \"x\"", "substr 1 900", "regexFind \"x.*y\""] {
        assert_eq!(kept(&format!("{name} $s")), large(name.split(' ').next().unwrap()));
    }
    assert_eq!(kept("$.ToJSON"), large("ToJSON"));
    assert_eq!(kept("$.DeDot"), large("DeDot"));
    assert_eq!(kept("$d.Message"), "result too large");
    assert_eq!(kept("semver (print \"1.0.0-\" $s)"), large("semver"));
}

/// A value that holds itself two to the power of sixty times.
fn towering<'a>() -> Value<'a> {
    (0..60).fold(Value::string("x"), |inner, _| Value::list(vec![inner.clone(), inner]))
}

#[test]
fn json_and_printing_stop_at_their_limits() {
    assert_eq!(json::encode(&towering(), true, 1000), Err(json::EncodeError::TooLarge));
    assert_eq!(json::encode(&Value::string("<<<"), true, 20), Ok(br#""\u003c\u003c\u003c""#.to_vec()));
    assert_eq!(json::encode(&Value::string("<<<"), true, 19), Err(json::EncodeError::TooLarge));
    assert_eq!(json::indent(br#"{"a":[1]}"#, "", "  ", 22), Some(b"{\n  \"a\": [\n    1\n  ]\n}".to_vec()));
    assert_eq!(json::indent(br#"{"a":[1]}"#, "", "  ", 21), None);
    let long = "x".repeat(600);
    let values = vec![Value::string(long.as_str()); 100];
    for printed in [sprint(&values, 1000), sprintln(&values, 1000), sprintf(b"", &values, 1000), sprintf(b"%v", &[towering()], 1000)] {
        assert!((1000..2000).contains(&printed.len()), "{}", printed.len());
    }
    let doubled = "{{$l := list \"x\"}}{{range 10}}{{$l = list $l $l}}{{end}}";
    for function in ["toJson", "toPrettyJson", "toRawJson", "mustToJson", "mustToPrettyJson", "mustToRawJson"] {
        let limits = Limits { output: 2_000, ..Limits::default() };
        assert_eq!(outcome(format!("{doubled}{{{{{function} $l}}}}"), limits), format!("error calling {function}: result too large"));
    }
}

#[test]
fn maps_may_nest_deeper_than_the_stack_goes() {
    for (inner, functions) in
        [("$n", ["deepCopy $top", "deepEqual $top $top2", "list $top", "merge $top $top2"].as_slice()), ("(list $n)", &["deepCopy $top"])]
    {
        let chain = format!(
            "{{{{$m := dict}}}}{{{{$top := $m}}}}{{{{range 50000}}}}{{{{$n := dict}}}}{{{{$_ := set $m \"x\" {inner}}}}}{{{{$m = $n}}}}{{{{end}}}}"
        );
        let second = chain.replace("$top", "$top2").replace("$m", "$m2");
        for function in functions {
            let want = format!("error calling {}: nested too deeply", function.split(' ').next().unwrap());
            assert_eq!(outcome(format!("{chain}{second}{{{{$x := {function}}}}}"), Limits::default()), want);
        }
        assert_eq!(outcome(format!("{chain}{{{{toJson $top}}}}"), Limits::default()), "0 bytes", "it has no JSON");
    }
}

#[test]
fn the_builtin_slice_counts_what_it_copies() {
    let kept = |made: &str, value: &str| {
        let text = format!("{{{{$s := {value}}}}}{{{{range 100}}}}{{{{$x := {made}}}}}{{{{end}}}}");
        let (event, template) = (EnhancedEvent::default(), Template::parse("t", &text, &Functions::new()).unwrap());
        template.render(&mut Vec::new(), Value::pointer_to(&event), &Still, FEW).map_err(|error| error.message)
    };
    assert_eq!(kept("slice $s 1", "printf \"%500d\" 1"), Err("error calling slice: result too large".to_owned()));
    assert_eq!(kept("slice $s 1", "print 1"), Ok(()));
}
