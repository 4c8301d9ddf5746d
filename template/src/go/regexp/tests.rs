//! Expected texts are what Go 1.26 gave.

use super::*;

fn matches(pattern: &str, text: &str) -> bool {
    compile(pattern.as_bytes()).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(text.as_bytes())
}

fn found<'t>(pattern: &str, text: &'t str) -> Vec<&'t str> {
    compile(pattern.as_bytes()).unwrap().find_all(text.as_bytes(), -1).into_iter().map(|range| &text[range]).collect()
}

#[test]
fn classes_are_ascii_unless_named_otherwise() {
    assert!(matches(r"^\d+$", "123") && !matches(r"^\d+$", "١٢٣") && !matches(r"^\w$", "é") && matches(r"\pN", "٣"));
    assert!(matches(r"^[\d\s]+$", "1 2") && matches(r"^[^\d]$", "x") && !matches(r"^\S$", " ") && !matches(r"\s", "\x0b"));
    assert!(matches(r"\bweb\b", "éweb") && matches(r"^\x{e9}\B$", "é") && !matches(r"\b", "é"));
    assert!(matches("^[[a]$", "[") && matches("^[a&&b]$", "&") && matches("^[]a]$", "]") && matches("^[[:alpha:]-]+$", "a-"));
    assert!(matches(r"^\p{Han}\pL\P{Greek}\p{^Greek}$", "日éab") && matches(r"(?i)^[^k]\w$", "aK") && !matches("(?i)[^k]", "K"));
    assert!(matches("(?i)k", "K") && !matches("(?i)straße", "STRASSE") && !matches(".", "\n") && !matches("a$", "a\n"));
}

#[test]
fn operators_mean_what_they_mean_in_go() {
    assert!(matches("spec.containers{web}", "spec.containers{web}") && matches("^a{,2}$", "a{,2}") && matches("^a{2,}?$", "aaa"));
    assert!(matches("^x{01}$", "x{01}") && matches("^a(?i)*$", "aaa") && matches("^(?)a(?:)$", "a") && matches("^^*$", ""));
    assert!(
        matches(r"^\Qa.b*\E$", "a.b*")
            && matches(r"^\Qab\E*$", "abb")
            && matches(r"^\Qa\", "a\\")
            && matches(r"^\101\x41\x{41}\07$", "AAA\x07")
    );
    assert_eq!(found("(?U)a+", "aaa"), ["a", "a", "a"]);
    assert_eq!(found("a|ab", "abab"), ["a", "a"]);
    assert_eq!(found("", "ab"), ["", "", ""]);
    assert_eq!(found("a*", "baac"), ["", "aa", ""]);
    assert_eq!(found("(?m)^.$", "a\nb\ncd"), ["a", "b"]);
}

#[test]
fn bytes_that_are_no_utf8_count_as_one_character() {
    let any = compile("^.é.$".as_bytes()).unwrap();
    assert!(any.is_match(b"\xff\xc3\xa9\xc3"));
    assert_eq!(any.find(b"\xff\xc3\xa9\xc3"), Some(0..4));
    assert_eq!(compile(b"[^a]").unwrap().find_all(b"a\xffa\xfe", -1), [1..2, 3..4]);
    assert_eq!(compile(b"\xff").unwrap_err().to_string(), "error parsing regexp: invalid UTF-8: `\u{fffd}`");
}

#[test]
fn what_go_refuses_is_refused_in_its_words() {
    for (pattern, want) in [
        ("*test*", "missing argument to repetition operator: `*`"),
        ("a|*?", "missing argument to repetition operator: `*?`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("(", "missing closing ): `(`"),
        ("a)b", "unexpected ): `a)b`"),
        ("[a", "missing closing ]: `[a`"),
        ("x[]a", "missing closing ]: `[]a`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        (r"\p{Foo}x", r"invalid character class range: `\p{Foo}`"),
        (r"\pQ", r"invalid character class range: `\pQ`"),
        (r"a\", "trailing backslash at end of expression: ``"),
        (r"\8", r"invalid escape sequence: `\8`"),
        (r"\1", r"invalid escape sequence: `\1`"),
        (r"\xg1", r"invalid escape sequence: `\xg1`"),
        (r"[\q]", r"invalid escape sequence: `\q`"),
        (r"\C", r"invalid escape sequence: `\C`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{3,2}", "invalid repeat count: `{3,2}`"),
        ("(a{100}){100}", "invalid repeat count: `{100}`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("(?P<n-m>a)", "invalid named capture: `(?P<n-m>`"),
    ] {
        assert_eq!(compile(pattern.as_bytes()).unwrap_err().to_string(), format!("error parsing regexp: {want}"), "{pattern}");
    }
    let deep = "(".repeat(100_000);
    assert!(compile(deep.as_bytes()).unwrap_err().to_string().contains("nests too deeply"));
    assert!(compile(r"(\pL{1000}|\PL{1000}){1}(\pL{1000}|\PL{1000})(\pL{1000}|\PL{1000})".as_bytes()).is_err());
    let nested = format!("{}a{}", "(?:(".repeat(25), ")*|b)?".repeat(25));
    assert!(matches(&nested, "aaaa"));
}

#[test]
fn templates_name_groups() {
    let replaced = |pattern: &str, text: &str, template: &str| {
        let out = compile(pattern.as_bytes()).unwrap().replace_all(text.as_bytes(), template.as_bytes(), 1 << 20);
        String::from_utf8(out.unwrap()).unwrap()
    };
    assert_eq!(replaced("a(x*)b", "-ab-axxb-", "${1}W"), "-W-xxW-");
    assert_eq!(replaced("a(x*)b", "-ab-axxb-", "$1W"), "---");
    assert_eq!(replaced(r"(?P<first>\w)(\w*)", "hello world", "${first}-$2$$"), "h-ello$ w-orld$");
    assert_eq!(replaced("a", "banana", "$0$ ${ ${1 $9 $01 $_"), "ba$ ${ ${1   na$ ${ ${1   na$ ${ ${1   ");
    assert_eq!(replaced("z*", "abc", "-"), "-a-b-c-");
    assert_eq!(replaced("(?P<1a>b)", "abc", "<${1a}>"), "a<b>c");
    assert_eq!(compile(b"a*").unwrap().replace_all_literal(b"baac", b"$1", 100), Ok(b"$1b$1c$1".to_vec()));
    assert_eq!(compile(b"").unwrap().replace_all(&[b'a'; 100], &[b'b'; 100], 1000), Err(TooLarge));
    assert_eq!(quote_meta(r"a+b*c?(d)|e^$\{f}[g].-".as_bytes()), br"a\+b\*c\?\(d\)\|e\^\$\\\{f\}\[g\]\.-");
}

#[test]
fn splitting_counts_parts() {
    let split = |pattern: &str, text: &'static str, limit| {
        let parts = compile(pattern.as_bytes()).unwrap().split(text.as_bytes(), limit, pattern.is_empty());
        parts.into_iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect::<Vec<_>>()
    };
    assert_eq!(split("z+", "pizza", -1), ["pi", "a"]);
    assert_eq!(split(",", "a,b,c", 2), ["a", "b,c"]);
    assert_eq!(split("", "abc", -1), ["a", "b", "c"]);
    assert_eq!(split("a", "aba", -1), ["", "b", ""]);
    assert_eq!(split(",", "", -1), [""]);
    assert!(split("", "", -1).is_empty() && split(",", "a", 0).is_empty());
}
