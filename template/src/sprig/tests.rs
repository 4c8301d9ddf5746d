//! Sprig as templates see it. `tests/go.json` was recorded from Go 1.26 with Sprig 3.2.3 and the libraries of the exporter's `go.mod`, TZ=UTC.

use std::cell::Cell;
use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::go::encoding::base64_encode;
use crate::go::time::{Location, Time};
use crate::{Functions, Host, Limits, Template, Value};

/// A world that stands still but for its chance, which counts.
#[derive(Default)]
struct World(Cell<u8>);

impl Host for World {
    fn now(&self) -> Time {
        Time::from_unix(1_700_000_000, 0, Location::Local)
    }

    fn env(&self, name: &str) -> Option<String> {
        (name == "HOME").then(|| "/root".to_owned())
    }

    fn random(&self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0.set(self.0.get().wrapping_mul(29).wrapping_add(101));
            *byte = self.0.get();
        }
    }
}

fn render_with(functions: &Functions, template: &str) -> (&'static str, Vec<u8>) {
    let template = match Template::parse("t", template, functions) {
        Ok(template) => template,
        Err(error) => return ("parse", error.to_string().into_bytes()),
    };
    let mut out = Vec::new();
    match template.render(&mut out, Value::Nil, &World::default(), Limits::default()) {
        Ok(()) => ("want", out),
        Err(error) => ("exec", error.to_string().into_bytes()),
    }
}

fn functions() -> Functions {
    Functions::new().with(super::functions())
}

/// What a template gives, or the end of its error.
fn render(template: &str) -> String {
    let (kind, text) = render_with(&functions(), template);
    let text = String::from_utf8(text).unwrap();
    match kind {
        "want" => text,
        _ => text.rsplit_once(">: ").map_or(text.clone(), |(_, error)| error.to_owned()),
    }
}

#[test]
fn functions_give_what_go_gives() {
    let cases: Json = serde_json::from_str(include_str!("tests/go.json")).unwrap();
    let functions = functions();
    let mut different = Vec::new();
    for case in cases.as_array().unwrap() {
        let template = case["template"].as_str().unwrap();
        let (kind, got) = render_with(&functions, template);
        let same = match (kind, case["want_base64"].as_str()) {
            ("want", Some(want)) => base64_encode(&got) == want,
            _ => case[kind].as_str().is_some_and(|want| want.as_bytes() == got),
        };
        if !same {
            different.push(format!("{case}\n    got {kind}: {}", String::from_utf8_lossy(&got)));
        }
    }
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}

/// The names in Sprig 3.2.3's `TxtFuncMap`.
const NAMES: &str = "abbrev abbrevboth add add1 add1f addf adler32sum ago all any append atoi b32dec b32enc b64dec b64enc base bcrypt biggest \
    buildCustomCert camelcase cat ceil chunk clean coalesce compact concat contains date dateInZone dateModify date_in_zone date_modify decryptAES \
    deepCopy deepEqual default derivePassword dict dig dir div divf duration durationRound empty encryptAES env expandenv ext fail first float64 \
    floor fromJson genCA genCAWithKey genPrivateKey genSelfSignedCert genSelfSignedCertWithKey genSignedCert genSignedCertWithKey get \
    getHostByName has hasKey hasPrefix hasSuffix hello htmlDate htmlDateInZone htpasswd indent initial initials int int64 isAbs join kebabcase \
    keys kindIs kindOf last list lower max maxf merge mergeOverwrite min minf mod mul mulf mustAppend mustChunk mustCompact mustDateModify \
    mustDeepCopy mustFirst mustFromJson mustHas mustInitial mustLast mustMerge mustMergeOverwrite mustPrepend mustPush mustRegexFind \
    mustRegexFindAll mustRegexMatch mustRegexReplaceAll mustRegexReplaceAllLiteral mustRegexSplit mustRest mustReverse mustSlice mustToDate \
    mustToJson mustToPrettyJson mustToRawJson mustUniq mustWithout must_date_modify nindent nospace now omit osBase osClean osDir osExt osIsAbs \
    pick pluck plural prepend push quote randAlpha randAlphaNum randAscii randBytes randInt randNumeric regexFind regexFindAll regexMatch \
    regexQuoteMeta regexReplaceAll regexReplaceAllLiteral regexSplit repeat replace rest reverse round semver semverCompare seq set sha1sum \
    sha256sum shuffle slice snakecase sortAlpha split splitList splitn squote sub subf substr swapcase ternary title toDate toDecimal toJson \
    toPrettyJson toRawJson toString toStrings trim trimAll trimPrefix trimSuffix trimall trunc tuple typeIs typeIsLike typeOf uniq unixEpoch \
    unset until untilStep untitle upper urlJoin urlParse uuidv4 values without wrap wrapWith";

#[test]
fn every_function_of_sprig_is_known_once() {
    let there = super::functions().map(|function| function.name);
    let own: Vec<&str> = there.chain(super::system::LEFT_OUT.iter().copied()).collect();
    assert_eq!(own.iter().copied().collect::<BTreeSet<_>>(), NAMES.split_whitespace().collect());
    assert_eq!(own.len(), NAMES.split_whitespace().count());
}

#[test]
fn the_clock_is_the_host_s() {
    assert_eq!(render(r#"{{ now }} {{ now | date "Jan 2" }} {{ date "2006" "no date" }}"#), "2023-11-14 22:13:20 +0000 UTC Nov 14 2023");
    assert_eq!(render(r#"{{ ago 1699990000 }} {{ ago "x" }} {{ ago (now | dateModify "-1h30m") }}"#), "2h46m40s 0s 1h30m0s");
    assert_eq!(
        render(r#"{{ now | dateModify "-50h" | durationRound }} {{ durationRound "-400h" }} {{ htmlDate nil }}"#),
        "2d 16d 2023-11-14"
    );
    assert_eq!(
        render(r#"{{ dateInZone "15:04 MST" now "No/Zone" }} {{ dateInZone "15:04 MST" now "Asia/Kolkata" }}"#),
        "22:13 UTC 03:43 IST"
    );
}

#[test]
fn chance_is_the_host_s() {
    assert_eq!(render(r#"{{ uuidv4 | regexMatch "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$" }}"#), "true");
    assert_eq!(
        render(r#"{{ randAlpha 50 | regexMatch "^[A-Za-z]{50}$" }} {{ randAlphaNum 50 | regexMatch "^[A-Za-z0-9]{50}$" }}"#),
        "true true"
    );
    assert_eq!(
        render(r#"{{ randNumeric 50 | regexMatch "^[0-9]{50}$" }} {{ randAscii 99 | regexMatch "^[ -~]{99}$" }}{{ randAlpha -1 }}"#),
        "true true"
    );
    assert_eq!(render("{{ $x := randInt 5 9 }}{{ and (ge $x 5) (lt $x 9) }} {{ randBytes 5 | b64dec | len }}"), "true 5");
    assert_eq!(render("{{ randInt 5 5 }}"), "error calling randInt: invalid argument to Intn");
    assert_eq!(render(r#"{{ shuffle "abcdé" | splitList "" | sortAlpha | join "" }}"#), "abcdé");
    assert_eq!(render("{{ randBytes -1 }}"), "error calling randBytes: runtime error: makeslice: len out of range");
}

#[test]
fn environment_and_network_are_hidden_unless_allowed() {
    assert_eq!(render(r#"{{ env "HOME" }}"#), "error calling env: the environment is hidden from templates here");
    assert_eq!(render(r#"{{ getHostByName "localhost" }}"#), "error calling getHostByName: templates may not look up hosts here");
    assert_eq!(render("{{ getHostByName }}"), "wrong number of args for getHostByName: want 1 got 0");
    let allowed = functions().with(super::environment());
    let text = |template: &str| String::from_utf8(render_with(&allowed, template).1).unwrap();
    assert_eq!(text(r#"{{ env "HOME" }}{{ env "NO" }}"#), "/root");
    assert_eq!(text(r#"{{ expandenv "$HOME/${HOME}x$NO.$ ${} $1 ${" }}"#), "/root//rootx.$   ");
}

#[test]
fn keys_and_certificates_are_left_out() {
    assert_eq!(render_with(&functions(), r#"{{ genPrivateKey "rsa" }}"#).0, "parse");
    let told = functions().without(super::LEFT_OUT.iter().copied(), super::LEFT_OUT_REASON);
    let error = Template::parse("t", "{{ genCA }}", &told).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: t:1: function \"genCA\" not defined: templates do not make keys and certificates here, take them from elsewhere"
    );
    assert_eq!(error.undefined(), Some("genCA"));
}

#[test]
fn what_is_taken_away_can_be_given_back() {
    let hidden = functions().without(["env"], "no environment");
    let error = Template::parse("t", "{{ if false }}{{ env }}{{ end }}", &hidden).unwrap_err();
    assert_eq!(error.to_string(), "template: t:1: function \"env\" not defined: no environment");
    assert!(
        !hidden.names().any(|name| name == "env") && hidden.names().any(|name| name == "upper") && hidden.names().any(|name| name == "len")
    );
    assert_eq!(render_with(&hidden.with(super::environment()), r#"{{ env "HOME" }}"#).1, b"/root");
}

#[test]
fn passwords_are_hashed_and_derived() {
    assert_eq!(render(r#"{{ derivePassword 1 "long" "password" "user" "example.com" }}"#), "ZedaFaxcZaso9*");
    assert_eq!(render(r#"{{ derivePassword 1 "tiny" "a" "b" "c" }}"#), "cannot find password template tiny");
    let hash = render(r#"{{ htpasswd "me" "secret" }}"#);
    let hash = hash.strip_prefix("me:").unwrap();
    assert!(hash.starts_with("$2a$10$") && bcrypt::verify("secret", hash).unwrap());
    assert_eq!(render(r#"{{ htpasswd "a:b" "x" }}"#), "invalid username: a:b");
    assert!(render(r#"{{ bcrypt (repeat 73 "x") }}"#).ends_with("password length exceeds 72 bytes"));
}

#[test]
fn aes_decrypts_what_it_encrypts() {
    assert_eq!(render(r#"{{ repeat 100 "plain" | encryptAES "key" | decryptAES "key" | len }}"#), "500");
    assert_eq!(render(r#"{{ decryptAES "secretkey" "30tEfhuJSVRhpG97XCuWgz2okj7L8vQ1s6V9zVUPeDQ=" }}"#), "plaintext");
    assert_eq!(
        render(r#"{{ decryptAES "k" (repeat 17 "a" | b64enc) }}"#),
        "error calling decryptAES: crypto/cipher: input not full blocks"
    );
    assert_eq!(
        render(r#"{{ decryptAES "k" (repeat 16 "a" | b64enc) }}"#),
        "error calling decryptAES: runtime error: index out of range [-1]"
    );
}

#[test]
fn what_go_leaves_to_chance_is_sorted() {
    assert_eq!(
        render(r#"{{ keys (dict "b" 1 "a" 2) (dict "c" 3 "a" 4) }} {{ values (dict "b" 1 "a" 2) }}"#),
        "[a b c a] [2 1]".replace("b c a", "b a c")
    );
}

#[test]
fn nothing_grows_without_limit() {
    for template in [
        r#"{{ repeat 1000000000 "x" }}"#,
        r#"{{ repeat 9223372036854775807 "xx" }}"#,
        "{{ until 1000000000000 }}",
        "{{ untilStep 9223372036854775807 -9223372036854775807 -1 }}",
        "{{ seq 1000000000000 }}",
        "{{ seq -9223372036854775807 9223372036854775806 }}",
        r#"{{ indent 1000000000 "x" }}"#,
        r#"{{ nindent 10000 (repeat 10000 "\n") }}"#,
        "{{ randAlpha 1000000000 }}",
        "{{ randBytes 1000000000 }}",
        r#"{{ $x := repeat 10000 "x" }}{{ replace "" $x $x }}"#,
        r#"{{ $x := repeat 10000 "x" }}{{ regexReplaceAll "" $x $x }}"#,
        r#"{{ $x := repeat 10000 "x" }}{{ regexReplaceAllLiteral "x" $x $x }}"#,
        r#"{{ $x := repeat 10000 "x" }}{{ wrapWith 1 $x $x }}"#,
        r#"{{ $x := repeat 10000 "x" }}{{ join $x (until 10000) }}"#,
        r#"{{ uniq (until 100000) }}"#,
        r#"{{ $x := list 1 2 }}{{ range until 40 }}{{ $x = list $x $x }}{{ end }}{{ toString $x }}"#,
        r#"{{ $x := list 1 2 }}{{ range until 40 }}{{ $x = list $x $x }}{{ end }}{{ deepEqual $x (deepCopy $x) }}"#,
        r#"{{ $x := list 1 2 }}{{ range until 60 }}{{ $x = concat $x $x }}{{ end }}"#,
        r#"{{ $x := "ab" }}{{ range until 60 }}{{ $x = cat $x $x }}{{ end }}"#,
        r#"{{ $x := list 1 2 }}{{ range until 40 }}{{ $x = list $x $x }}{{ end }}{{ toJson $x }}"#,
        r#"{{ $x := 1 }}{{ range until 100000 }}{{ $x = list $x }}{{ end }}"#,
        r#"{{ $x := 1 }}{{ range until 100000 }}{{ $x = dict "x" $x }}{{ end }}"#,
        r#"{{ $x := list 1 }}{{ range until 100000 }}{{ $x = append (list) $x }}{{ end }}"#,
        r#"{{ $x := list 1 }}{{ range until 100000 }}{{ $x = chunk 1 $x }}{{ end }}"#,
        r#"{{ $x := dict }}{{ range until 100000 }}{{ $x = set (dict) "x" $x }}{{ end }}"#,
        r#"{{ $x := dict }}{{ range until 100000 }}{{ $x = merge (dict) (dict "x" $x) }}{{ end }}"#,
        r#"{{ $d := dict }}{{ set $d "d" $d }}"#,
        r#"{{ $d := dict }}{{ $e := dict "d" (list $d) }}{{ merge $d (dict "x" $e) }}"#,
        r#"{{ range until 1000 }}{{ bcrypt "x" | len }}{{ end }}"#,
        r#"{{ fromJson (repeat 100000 "[") | toJson }}{{ mustFromJson (repeat 100000 "[") }}"#,
        r#"{{ regexMatch (repeat 100000 "(") "" }}{{ mustRegexMatch (repeat 100000 "(") "" }}"#,
    ] {
        let (kind, text) = render_with(&functions(), template);
        assert_eq!(kind, "exec", "{template}: {}", text.len());
    }
    assert_eq!(
        render("{{ mulf 1e300 1e300 1e300 }} {{ add 9223372036854775807 1 }} {{ div -9223372036854775808 -1 }}"),
        "+Inf -9223372036854775808 -9223372036854775808"
    );
    assert_eq!(render(r#"{{ chunk 0 (list) }}"#), "error calling chunk: runtime error: makeslice: len out of range");
}

#[test]
fn little_stack_is_enough() {
    // The deepest calls that the engine allows, and in them the deepest values and patterns.
    let heavy = r#"{{ $x := 1 }}{{ range until 97 }}{{ $x = list $x }}{{ end }}{{ len (toJson $x) }} {{ len (toString $x) }} {{ len (printf "%#v" $x) }} \
        {{ deepEqual $x (deepCopy $x) }} {{ fromJson (toPrettyJson $x) | toJson | len }} {{ $y := dict }}{{ range until 90 }}{{ $y = dict "n" $y }}{{ end }} \
        {{ $_ := merge (deepCopy $y) $y }}{{ regexMatch (printf "%sa%s" (repeat 24 "(?:x|(") (repeat 24 ")*)?")) "a" }}{{ uniq (list $x $x) | len }}"#;
    let heavy = heavy.replace("\\\n        ", "");
    let template = format!(
        r#"{{{{define "d"}}}}{{{{if lt . 90}}}}{{{{template "d" (int (add1 .))}}}}{{{{else}}}}{heavy}{{{{end}}}}{{{{end}}}}{{{{template "d" 0}}}}"#
    );
    let run = move || {
        let (kind, text) = render_with(&functions(), &template);
        (kind, String::from_utf8(text).unwrap())
    };
    let outcome = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap().join().unwrap();
    assert_eq!(outcome, ("want", "195 195 1553 true 195  true1".to_owned()));
}

#[test]
fn versions_have_methods() {
    assert_eq!(
        render(r#"{{ $v := semver "v1.2.3-rc1+m" }}{{ $v }} {{ $v.Original }} {{ $v.Minor }} {{ $v.IncPatch }} {{ $v | toJson }}"#),
        r#"1.2.3-rc1+m v1.2.3-rc1+m 2 1.2.3 "1.2.3-rc1+m""#
    );
    assert_eq!(
        render(
            r#"{{ (semver "1.2.3").Compare (semver "1.10.0") }} {{ typeOf (semver "1") }} {{ ((semver "1").SetPrerelease "x").String }}"#
        ),
        "-1 *semver.Version 1.0.0-x"
    );
    assert_eq!(render(r#"{{ (semver "1").SetPrerelease "é" }}"#), "error calling SetPrerelease: Invalid Prerelease string");
}
