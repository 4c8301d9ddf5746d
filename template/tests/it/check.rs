//! Mistakes found before anything is rendered.

use herald_template::{Functions, Limits, Template, Value};
use herald_template_event::{ENHANCED_EVENT, EnhancedEvent};

use crate::conformance::Still;

fn check(text: &str) -> String {
    match Template::parse("event", text, &Functions::new()).unwrap().check(&ENHANCED_EVENT) {
        Ok(()) => "ok".to_owned(),
        Err(error) => format!("{} {}", if error.certain { "always:" } else { "maybe:" }, error.error.message),
    }
}

#[test]
fn unknown_fields_are_found() {
    for (text, want) in [
        ("{{ .NoSuch }}", "always: can't evaluate field NoSuch in type *kube.EnhancedEvent"),
        ("{{ .InvolvedObject.NoSuch }}", "always: can't evaluate field NoSuch in type kube.EnhancedObjectReference"),
        ("{{ .Reason.Foo }}", "always: can't evaluate field Foo in type string"),
        ("{{ .metadata.name }}", "always: can't evaluate field metadata in type *kube.EnhancedEvent"),
        ("{{ .FirstTimestamp.Time.wall }}", "always: wall is an unexported field of struct type time.Time"),
        ("{{ .SetName \"x\" }}", "always: function SetName has 0 return values; should be 1 or 2"),
        ("{{ if .Reason }}{{ .Foo }}{{ end }}", "maybe: can't evaluate field Foo in type *kube.EnhancedEvent"),
        ("{{ if .Reason }}{{ .Foo }}{{ end }}{{ .Bar }}", "always: can't evaluate field Bar in type *kube.EnhancedEvent"),
        ("{{ if .Foo }}{{ end }}", "always: can't evaluate field Foo in type *kube.EnhancedEvent"),
        ("{{ range .InvolvedObject.OwnerReferences }}{{ .Nam }}{{ end }}", "maybe: can't evaluate field Nam in type v1.OwnerReference"),
        (
            "{{ range $i, $o := .InvolvedObject.OwnerReferences }}{{ $o.Nam }}{{ end }}",
            "maybe: can't evaluate field Nam in type v1.OwnerReference",
        ),
        ("{{ with .Series }}{{ .Cont }}{{ end }}", "maybe: can't evaluate field Cont in type *v1.EventSeries"),
        ("{{ $x := .InvolvedObject }}{{ $x.Nme }}", "always: can't evaluate field Nme in type kube.EnhancedObjectReference"),
        ("{{ or .Reason .Foo }}", "maybe: can't evaluate field Foo in type *kube.EnhancedEvent"),
        ("{{ eq .Reason .Foo }}", "always: can't evaluate field Foo in type *kube.EnhancedEvent"),
        (
            "{{ define \"t\" }}{{ .Nme }}{{ end }}{{ template \"t\" .InvolvedObject }}",
            "always: can't evaluate field Nme in type kube.EnhancedObjectReference",
        ),
        ("{{ (.FirstTimestamp.Add 5).Yeer }}", "always: can't evaluate field Yeer in type time.Time"),
        ("{{ range .InvolvedObject.Labels }}{{ .Foo }}{{ end }}", "maybe: can't evaluate field Foo in type string"),
        ("{{ range .InvolvedObject.Labels }}{{ $.Foo }}{{ end }}", "maybe: can't evaluate field Foo in type *kube.EnhancedEvent"),
    ] {
        assert_eq!(check(text), want, "{text}");
    }
}

#[test]
fn calls_that_cannot_work_are_found() {
    for (text, want) in [
        ("{{ len }}", "always: wrong number of args for len: want 1 got 0"),
        ("{{ len .Reason .Type }}", "always: wrong number of args for len: want 1 got 2"),
        ("{{ .Reason | len .Type }}", "always: wrong number of args for len: want 1 got 2"),
        ("{{ printf }}", "always: wrong number of args for printf: want at least 1 got 0"),
        ("{{ if (not) }}{{ end }}", "always: wrong number of args for not: want 1 got 0"),
        ("{{ if .Reason }}{{ len }}{{ end }}", "maybe: wrong number of args for len: want 1 got 0"),
        ("{{ .GetName 1 }}", "always: wrong number of args for GetName: want 0 got 1"),
        ("{{ .FirstTimestamp.Format }}", "always: wrong number of args for Format: want 1 got 0"),
        ("{{ .FirstTimestamp.Format.X }}", "always: wrong number of args for Format: want 1 got 0"),
        ("{{ .Reason 1 }}", "always: Reason has arguments but cannot be invoked as function"),
        ("{{ 1 | .InvolvedObject.Name }}", "always: Name has arguments but cannot be invoked as function"),
        ("{{ $x := .Reason }}{{ $x 1 }}", "always: can't give argument to non-function $x"),
        ("{{ . 1 }}", "always: can't give argument to non-function ."),
        ("{{ 1 | (len .Reason) }}", "always: can't give argument to non-function len .Reason"),
        ("{{ template \"t\" }}", "always: template \"t\" not defined"),
        ("{{ with .Reason }}{{ template \"t\" }}{{ end }}", "maybe: template \"t\" not defined"),
    ] {
        assert_eq!(check(text), want, "{text}");
        if want.starts_with("always") {
            let template = Template::parse("event", text, &Functions::new()).unwrap();
            let event = EnhancedEvent::default();
            let rendered = template.render(&mut Vec::new(), Value::pointer_to(&event), &Still, Limits::default());
            assert_eq!(format!("always: {}", rendered.unwrap_err().message), want, "{text} rendered");
        }
    }
}

#[test]
fn a_missing_field_comes_with_those_there_are() {
    let template = Template::parse("event", "{{ .Source.Compnent }}", &Functions::new()).unwrap();
    let missing = template.check(&ENHANCED_EVENT).unwrap_err().missing.unwrap();
    assert_eq!((missing.name.as_str(), &missing.known[..]), ("Compnent", &["Component", "Host"][..]));
}

#[test]
fn what_depends_is_left_alone() {
    for text in [
        "{{ .InvolvedObject.Labels.app.foo }}",
        "{{ $x := .Reason }}{{ $x = .InvolvedObject }}{{ $x.Name }}",
        "{{ (index .InvolvedObject.OwnerReferences 0).Nam }}",
        "{{ define \"t\" }}{{ .Foo }}{{ end }}",
        "{{ define \"t\" }}{{ with .Kind }}{{ . }}{{ end }}{{ end }}{{ template \"t\" .InvolvedObject }}{{ template \"t\" . }}",
        "{{ range $k, $v := .InvolvedObject.Labels }}{{ $k }}{{ $v }}{{ end }}{{ with $r := .Related }}{{ $r.Name }}{{ else }}{{ $.Reason }}{{ end }}",
        "{{ .GetName }}{{ .DeDot.InvolvedObject.Labels.a }}{{ .FirstTimestamp.UTC.Year }}{{ .Series.Count }}{{ .InvolvedObject.GroupVersionKind.Kind }}",
        "{{ range $i := 3 }}{{ $i }}{{ end }}{{ range $i, $x := .Message }}{{ $x.Foo }}{{ end }}",
        "{{ with .Reason | printf \"%s\" }}{{ len . }}{{ end }}",
    ] {
        let outcome = check(text);
        assert!(outcome == "ok" || text.contains("$x.Foo"), "{text}: {outcome}");
    }
}

/// Recursion between templates ends.
#[test]
fn recursive_templates_are_looked_into_once() {
    assert_eq!(
        check("{{ define \"a\" }}{{ template \"b\" . }}{{ end }}{{ define \"b\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}"),
        "ok"
    );
}
