//! Regular expressions as Go's `regexp` reads them (RE2 syntax), matched by Rust's `regex`.
//!
//! The two agree on most of the syntax. Where they differ this module rewrites Go's meaning in Rust's terms, or refuses what Go refuses, so that a
//! user's rule matches what it matched: `\d`, `\w`, `\s` and `\b` are ASCII, `\Q…\E` quotes, `{` that starts no repetition is a brace, repetitions do
//! not stack, character classes do not nest. The source for Go's rules is the documentation of `regexp/syntax`.

use std::{iter::Peekable, str::Chars};

use regex::Regex;

/// Compiles a Go regular expression; it matches anywhere in a text unless it is anchored.
///
/// # Errors
/// What is wrong with the expression, in a few words.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let translated = Translator { rest: pattern.chars().peekable(), out: String::with_capacity(pattern.len() + 8) }.run()?;
    Regex::new(&translated).map_err(|error| match error {
        regex::Error::CompiledTooBig(limit) => format!("compiles to more than {limit} bytes"),
        other => {
            let text = other.to_string();
            text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    })
}

/// The highest count Go takes in a repetition.
const MAX_REPEAT: u32 = 1_000;

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    out: String,
}

impl Translator<'_> {
    fn run(mut self) -> Result<String, String> {
        // Whether a repetition would stack on another one.
        let mut repeated = false;
        while let Some(character) = self.rest.next() {
            let repetition = match character {
                '*' | '+' | '?' => Some(character.to_string()),
                '{' => self.counted()?,
                _ => None,
            };
            if let Some(operator) = repetition {
                if repeated {
                    return Err(format!("invalid nested repetition operator before {operator:?}"));
                }
                self.out.push_str(&operator);
                if self.rest.next_if_eq(&'?').is_some() {
                    self.out.push('?');
                }
                repeated = true;
                continue;
            }
            repeated = false;
            match character {
                '\\' => self.escape(false)?,
                '[' => self.class()?,
                '{' => self.out.push_str("\\{"),
                '}' => self.out.push_str("\\}"),
                '(' => self.group()?,
                other => self.out.push(other),
            }
        }
        Ok(self.out)
    }

    /// Reads `n}`, `n,}` or `n,m}` after a brace; anything else leaves the brace a brace.
    fn counted(&mut self) -> Result<Option<String>, String> {
        let mut ahead = self.rest.clone();
        let inside: String = ahead.by_ref().take_while(|c| *c != '}').collect();
        let (low, high) = inside.split_once(',').map_or((inside.as_str(), None), |(low, high)| (low, Some(high)));
        let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        let closed = self.rest.clone().any(|c| c == '}');
        if !closed || !digits(low) || !high.is_none_or(|high| high.is_empty() || digits(high)) {
            return Ok(None);
        }
        let count = |text: &str| text.parse::<u32>().ok().filter(|count| *count <= MAX_REPEAT);
        let low_count = count(low).ok_or_else(|| format!("invalid repeat count {{{inside}}}"))?;
        if let Some(high) = high.filter(|high| !high.is_empty())
            && count(high).is_none_or(|high| high < low_count)
        {
            return Err(format!("invalid repeat count {{{inside}}}"));
        }
        self.rest = ahead;
        Ok(Some(format!("{{{inside}}}")))
    }

    /// Go knows the flags `imsU`; Rust knows more.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('?') {
            return Ok(());
        }
        let next: String = self.rest.clone().take(3).collect();
        if let Some(opening) = ["?=", "?!", "?<=", "?<!"].into_iter().find(|opening| next.starts_with(opening)) {
            return Err(format!("({opening} looks around, which is not supported; a rule under not may say the same"));
        }
        let flags: String = ahead.take_while(|c| !matches!(c, ':' | ')' | '<' | 'P')).collect();
        if let Some(flag) = flags.chars().find(|c| c.is_ascii_alphabetic() && !"imsU".contains(*c)) {
            return Err(format!("invalid or unsupported Perl syntax: flag {flag:?}"));
        }
        Ok(())
    }

    fn escape(&mut self, in_class: bool) -> Result<(), String> {
        let Some(escaped) = self.rest.next() else { return Err("trailing backslash at end of expression".to_owned()) };
        match escaped {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' => {
                let set = match escaped.to_ascii_lowercase() {
                    'd' => "0-9",
                    'w' => "0-9A-Za-z_",
                    _ => "\\t\\n\\x0c\\r ",
                };
                let negated = if escaped.is_ascii_uppercase() { "^" } else { "" };
                self.out.push_str(&format!("[{negated}{set}]"));
            }
            'b' | 'B' if !in_class => self.out.push_str(if escaped == 'b' { "(?-u:\\b)" } else { "(?:(?-u:\\b)|)(?-u:\\B)" }),
            'Q' if !in_class => self.quoted(),
            'E' if !in_class => {}
            'A' | 'z' if !in_class => self.push_escape(escaped),
            'a' | 'f' | 't' | 'n' | 'r' | 'v' => self.push_escape(escaped),
            'p' | 'P' | 'x' => {
                self.push_escape(escaped);
                self.braced();
            }
            '0'..='7' => self.octal(escaped)?,
            c if c.is_ascii_punctuation() => self.out.push_str(&regex::escape(&c.to_string())),
            c if !c.is_ascii() => self.out.push(c),
            c => return Err(format!("invalid escape sequence: \\{c}")),
        }
        Ok(())
    }

    fn push_escape(&mut self, escaped: char) {
        self.out.push('\\');
        self.out.push(escaped);
    }

    /// The `{Greek}` of `\p{Greek}` or the `{41}` of `\x{41}`, when there is one.
    fn braced(&mut self) {
        if self.rest.peek() == Some(&'{') {
            for character in self.rest.by_ref() {
                self.out.push(character);
                if character == '}' {
                    break;
                }
            }
        }
    }

    /// `\Q…\E`: everything up to `\E`, or the end, as it stands.
    fn quoted(&mut self) {
        let mut text = String::new();
        while let Some(character) = self.rest.next() {
            if character == '\\' && self.rest.next_if_eq(&'E').is_some() {
                break;
            }
            text.push(character);
        }
        self.out.push_str(&regex::escape(&text));
    }

    /// `\0`, `\012`, `\123`; a single digit from 1 to 7 would be a back reference, which RE2 has not.
    fn octal(&mut self, first: char) -> Result<(), String> {
        let mut value = first.to_digit(8).unwrap_or(0);
        let mut digits = 1;
        while digits < 3 {
            let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(8)) else { break };
            self.rest.next();
            value = value * 8 + digit;
            digits += 1;
        }
        if first != '0' && digits == 1 {
            return Err(format!("invalid escape sequence: \\{first}, back references are not supported"));
        }
        self.out.push_str(&format!("\\x{{{value:X}}}"));
        Ok(())
    }

    /// A class: `[` inside is a bracket unless it begins `[:name:]`, and `&&`, `--`, `~~` are no operators.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(character) = self.rest.next() else { return Err("missing closing ]".to_owned()) };
            match character {
                ']' if !first => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => self.escape(true)?,
                '[' => match self.named_class() {
                    Some(name) => self.out.push_str(&name),
                    None => self.out.push_str("\\["),
                },
                ']' | '&' | '~' | '^' => {
                    self.out.push('\\');
                    self.out.push(character);
                }
                '-' if first || self.rest.peek() == Some(&']') => self.out.push_str("\\-"),
                other => self.out.push(other),
            }
            first = false;
        }
    }

    fn named_class(&mut self) -> Option<String> {
        let mut ahead = self.rest.clone();
        ahead.next_if_eq(&':')?;
        let name: String = ahead.by_ref().take_while(|c| *c != ':').collect();
        ahead.next_if_eq(&']')?;
        self.rest = ahead;
        Some(format!("[:{name}:]"))
    }
}

#[cfg(test)]
mod tests {
    use super::compile;

    fn matches(pattern: &str, text: &str) -> bool {
        compile(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).is_match(text)
    }

    #[test]
    fn classes_are_ascii_as_in_go() {
        assert!(matches(r"^\d+$", "123") && !matches(r"^\d+$", "١٢٣"));
        assert!(matches(r"^\w$", "_") && !matches(r"^\w$", "é"));
        assert!(matches(r"^[\d\s]+$", "1 2") && matches(r"^[^\d]$", "x") && !matches(r"^\S$", " "));
        assert!(matches(r"\bweb\b", "éweb"), "é is no word character in Go");
    }

    #[test]
    fn braces_quotes_and_brackets_mean_what_they_mean_in_go() {
        assert!(matches("spec.containers{web}", "spec.containers{web}"));
        assert!(matches("a{,2}", "a{,2}") && !matches("^a{,2}$", "aa"));
        assert!(matches("^a{2}$", "aa") && matches("^a{2,}?$", "aaa"));
        assert!(matches(r"\Qa.b*\E", "a.b*") && !matches(r"^\Qa.b\E$", "axb"));
        assert!(matches("^[[a]$", "[") && matches("^[a&&b]$", "&") && matches("^[]a]$", "]") && matches("^[[:alpha:]-]+$", "a-"));
        assert!(matches(r"^\101$", "A") && matches(r"^\x41$", "A") && matches(r"^\x{41}$", "A"));
        assert!(matches(r"^\p{Han}\pL\P{Greek}$", "日éa") && matches(r"^[\p{Han}a]+$", "日a"));
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for pattern in [
            "*test*", "a**", "a{2}{3}", "a+*", "(?x)a", "(?!a)", "(?<=a)", r"\8", r"\1", r"\y", "a{1001}", "a{3,2}", "[a", "(a", "a)",
            r"a\",
        ] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
