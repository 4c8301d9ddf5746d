//! What is wrong with a text that is no YAML, in words that say what to do.
//!
//! In go the parser's error and the text; out comes a problem with the line's text. A line that may hold a secret is shown up to its key only.

use serde_saphyr::Error;

use super::Problem;

/// Turns the parser's error into a problem.
pub(super) fn problem(error: &Error, text: &str) -> Problem {
    let error = error.without_snippet();
    let (line, column) = error.location().map_or((0, 0), |location| (location.line(), location.column()));
    let mut problem = Problem {
        line: u32::try_from(line).unwrap_or(0),
        column: u32::try_from(column).unwrap_or(0),
        path: String::new(),
        message: String::new(),
    };
    let lines: Vec<&str> = text.lines().collect();
    let at = usize::try_from(line).ok().and_then(|line| line.checked_sub(1)).filter(|at| *at < lines.len());
    let source = at.map_or("", |at| lines[at]);
    // The rest of the line from the place on.
    let here: String = source.chars().skip(usize::try_from(column).unwrap_or(0).saturating_sub(1)).collect();
    problem.message = format!("this is not valid YAML: {}", reason(error, source));
    if let Some(at) = at {
        let line = shown(&lines, at);
        let cut = if line.chars().count() > LONGEST { format!("{}…", line.chars().take(LONGEST).collect::<String>()) } else { line };
        problem.message.push_str(&format!("; the line is: {cut}"));
    }
    problem.message.push_str(&format!("; {}", advice(error, source, &here)));
    problem
}

/// What the parser says, without the place and without words for programmers.
fn reason(error: &Error, source: &str) -> String {
    match error {
        _ if is_bare_template(source) => "found {{ without quotes".to_owned(),
        Error::MultipleDocuments { .. } => "the file holds several documents".to_owned(),
        Error::UnknownAnchor { .. } => "a value that begins with * is an alias, and none of that name is defined".to_owned(),
        Error::Unexpected { .. } => "a key must be a text".to_owned(),
        Error::RecursiveReferencesRequireWeakTypes { .. } => "an alias stands within what it names".to_owned(),
        _ if is_too_much(error) => "it is nested too deeply, or holds too much".to_owned(),
        other => {
            let text = other.to_string();
            let text = text.lines().next().unwrap_or_default();
            text.split(" at line ").next().unwrap_or(text).to_owned()
        }
    }
}

/// What to do about it.
fn advice(error: &Error, source: &str, here: &str) -> &'static str {
    let said = error.to_string();
    let indent = &source[..source.len() - source.trim_start().len()];
    if is_bare_template(source) {
        "values with special characters such as {{ need quotes"
    } else if indent.contains('\t') {
        "indent with spaces instead of tabs"
    } else if matches!(error, Error::MultipleDocuments { .. }) {
        "keep one, without --- between its parts"
    } else if is_too_much(error) {
        "make it smaller, no configuration needs as much"
    } else if matches!(error, Error::Unexpected { .. }) {
        "write the key as plain text"
    } else if matches!(error, Error::RecursiveReferencesRequireWeakTypes { .. }) {
        "write out what the alias stands for"
    } else if said.contains("unclosed quote") {
        "close the quote that begins there"
    } else if said.contains("escape character") {
        "in double quotes a backslash begins an escape: use single quotes"
    } else if here.starts_with(['*', '&', '!', '|', '>', '%', '@', '`']) {
        "values that begin with a special character need quotes"
    } else if said.contains("mapping values are not allowed") {
        "put a value that holds a colon in quotes, or indent the line like its neighbours"
    } else if said.contains("bracket") || said.contains("flow") {
        "close every [ and { that is opened"
    } else if said.contains("expected ':'") {
        "a key needs a colon and a space behind it"
    } else {
        "check the indentation, and the quotes and brackets before this place"
    }
}

/// Tells whether the file goes beyond what the parser takes in.
fn is_too_much(error: &Error) -> bool {
    let said = error.to_string();
    ["recursion limit", "budget breached", "limit exceeded"].iter().any(|words| said.contains(words))
}

/// Tells whether a template stands there without quotes.
fn is_bare_template(line: &str) -> bool {
    line.split_once("{{").is_some_and(|(before, _)| [before.matches('"').count(), before.matches('\'').count()].iter().all(|n| n % 2 == 0))
}

/// More characters of a line are not shown.
const LONGEST: usize = 120;

/// Words in keys whose values are secret.
const SECRET: &[&str] =
    &["password", "token", "secret", "key", "auth", "credential", "header", "nkey", "endpoint", "url", "hosts", "brokers", "webhook"];

/// The line, or as much of it as cannot hold a secret.
fn shown(lines: &[&str], at: usize) -> String {
    let line = lines[at].trim();
    let is_secret = |text: &str| {
        let key = text.trim_start_matches(['-', ' ', '{', '[', '"', '\'']).split(':').next().unwrap_or_default().to_ascii_lowercase();
        SECRET.iter().any(|word| key.contains(word))
    };
    let above = parent(lines, at).is_some_and(|above| is_secret(lines[above]));
    let anywhere = line.split(['{', ',']).any(is_secret);
    match line.split_once(':') {
        _ if !above && !anywhere && !line.contains("://") => line.to_owned(),
        Some((key, _)) if !key.contains(['"', '\'', '{', '[']) => format!("{key}: …"),
        _ => "… (it may hold a secret)".to_owned(),
    }
}

/// The nearest line above with less indentation: the key this line stands under.
fn parent(lines: &[&str], at: usize) -> Option<usize> {
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '-']).len();
    let own = indent(lines[at]);
    (0..at).rev().find(|above| !lines[*above].trim().is_empty() && indent(lines[*above]) < own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_may_hold_a_secret_are_shown_up_to_the_key() {
        let show = |text: &str| {
            let lines: Vec<&str> = text.lines().collect();
            shown(&lines, lines.len() - 1)
        };
        assert_eq!(show("  message: 'a"), "message: 'a");
        assert_eq!(show("  apiKey: \"hunter2"), "apiKey: …");
        assert_eq!(show("headers:\n  X-Custom: \"hunter2"), "X-Custom: …");
        assert_eq!(show("headers:\n\n    - hunter2"), "… (it may hold a secret)");
        assert_eq!(show("  - {name: a, slack: {token: hunter2, channel: 'x}}"), "… (it may hold a secret)");
        assert_eq!(show("to: \"https://user:hunter2@h"), "to: …");
        assert_eq!(show("\"hunter2://x"), "… (it may hold a secret)");
    }

    #[test]
    fn a_template_is_bare_unless_a_quote_is_open_before_it() {
        assert!(is_bare_template("text: {{ .X | default \"a\" }}") && is_bare_template("a: 'b' {{ .X }}"));
        assert!(!is_bare_template("text: \"{{ .X }}") && !is_bare_template("text: '{{ .X }}'") && !is_bare_template("text: x"));
    }
}
