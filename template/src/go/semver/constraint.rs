//! Constraints: `>=1.2, <2`, `1.2 - 1.4`, `^0.3`, `~1.x || 3`.

use std::{cmp::Ordering, sync::LazyLock};

use regex::{Captures, Regex};

use super::Version;

/// A version in a constraint, with `x` or `*` for any number. Groups: major, minor, patch, prerelease with its hyphen, metadata.
const VERSION: &str =
    r"v?([0-9|xX*]+)(\.[0-9|xX*]+)?(\.[0-9|xX*]+)?(-[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*)?(\+[0-9A-Za-z\-]+(?:\.[0-9A-Za-z\-]+)*)?";
/// The operators, in the order in which they are tried: no operator at all comes second.
const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
/// White space, which is ASCII in Go.
const SPACE: &str = r"[\t\n\x0c\r ]";

static SINGLE: LazyLock<Regex> = LazyLock::new(|| regex(&format!("^{SPACE}*({OPERATORS}){SPACE}*({VERSION}){SPACE}*$")));
static EACH: LazyLock<Regex> = LazyLock::new(|| regex(&format!("(?:{OPERATORS}){SPACE}*(?:{VERSION})")));
static RANGE: LazyLock<Regex> = LazyLock::new(|| regex(&format!("{SPACE}*({VERSION}){SPACE}+-{SPACE}+({VERSION}){SPACE}*")));
static LIST: LazyLock<Regex> = LazyLock::new(|| {
    let one = format!("(?:{OPERATORS}){SPACE}*(?:{VERSION}){SPACE}*");
    regex(&format!("^(?:{SPACE}*{one})(?:(?:{SPACE}+|,{SPACE}*){one})*$"))
});

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern, compiled in this module's tests")
}

/// Alternatives, each a list of constraints that must all be met.
#[derive(Clone, Debug)]
pub struct Constraints(Vec<Vec<Constraint>>);

#[derive(Clone, Debug)]
struct Constraint {
    operator: Operator,
    version: Version,
    /// From which number on anything fits.
    open: Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    TildeOrEqual,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Major,
    Minor,
    Patch,
}

impl Constraints {
    /// Reads constraints.
    ///
    /// # Errors
    /// The library's text, `improper constraint: …`.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(text).map_err(|_| format!("improper constraint: {}", String::from_utf8_lossy(text)))?;
        // A range counts as two constraints.
        let mut rewritten = text.to_owned();
        for range in RANGE.captures_iter(text) {
            let group = |at: usize| range.get(at).map_or("", |group| group.as_str());
            rewritten = rewritten.replacen(group(0), &format!(">= {}, <= {}", group(1), group(7)), 1);
        }
        let alternative = |text: &str| {
            if !LIST.is_match(text) {
                return Err(format!("improper constraint: {text}"));
            }
            EACH.find_iter(text).map(|found| Constraint::parse(found.as_str())).collect()
        };
        rewritten.split("||").map(alternative).collect::<Result<_, _>>().map(Self)
    }

    /// Tells whether a version meets one of the alternatives.
    #[must_use]
    pub fn check(&self, version: &Version) -> bool {
        self.0.iter().any(|all| all.iter().all(|constraint| constraint.check(version)))
    }
}

impl Constraint {
    fn parse(text: &str) -> Result<Self, String> {
        let improper = || format!("improper constraint: {text}");
        let parts: Captures<'_> = SINGLE.captures(text).ok_or_else(improper)?;
        let group = |at: usize| parts.get(at).map_or("", |group| group.as_str());
        let any = |number: &str| matches!(number.trim_start_matches('.'), "" | "x" | "X" | "*");
        let (major, minor, patch, prerelease) = (group(3), group(4), group(5), group(6));
        let (open, version) = if any(major) {
            (Open::Major, format!("0.0.0{prerelease}"))
        } else if any(minor) {
            (Open::Minor, format!("{major}.0.0{prerelease}"))
        } else if any(patch) {
            (Open::Patch, format!("{major}{minor}.0{prerelease}"))
        } else {
            (Open::Nothing, group(2).to_owned())
        };
        let version = Version::parse(version.as_bytes()).map_err(|_| "constraint Parser Error".to_owned())?;
        let operator = match group(1) {
            "" | "=" => Operator::TildeOrEqual,
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::GreaterOrEqual,
            "<=" | "=<" => Operator::LessOrEqual,
            "~" | "~>" => Operator::Tilde,
            _ => Operator::Caret,
        };
        Ok(Self { operator, version, open })
    }

    fn check(&self, version: &Version) -> bool {
        let own = &self.version;
        let order = version.compare(own);
        // A prerelease fits only where a prerelease is asked for, except that `!=` of a full version does not care.
        let careless = self.operator == Operator::NotEqual && self.open == Open::Nothing;
        if !careless && !version.prerelease.is_empty() && own.prerelease.is_empty() {
            return false;
        }
        match self.operator {
            Operator::NotEqual => self.not_equal(version, order),
            Operator::Greater => match self.open {
                Open::Nothing => order == Ordering::Greater,
                _ if version.major != own.major => version.major > own.major,
                Open::Minor => false,
                Open::Patch => version.minor > own.minor,
                Open::Major => order == Ordering::Greater,
            },
            Operator::Less => order == Ordering::Less,
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::LessOrEqual => match self.open {
                Open::Nothing => order != Ordering::Greater,
                Open::Minor => version.major <= own.major,
                Open::Major | Open::Patch => (version.major, version.minor) <= (own.major, own.minor),
            },
            Operator::TildeOrEqual if self.open == Open::Nothing => order == Ordering::Equal,
            Operator::TildeOrEqual | Operator::Tilde => self.tilde(version, order),
            Operator::Caret => self.caret(version, order),
        }
    }

    fn not_equal(&self, version: &Version, order: Ordering) -> bool {
        let own = &self.version;
        match self.open {
            Open::Nothing => order != Ordering::Equal,
            _ if version.major != own.major => true,
            Open::Minor => false,
            _ if version.minor != own.minor => true,
            Open::Patch => version.prerelease != own.prerelease && order != Ordering::Equal,
            Open::Major => version.patch != own.patch || order != Ordering::Equal,
        }
    }

    fn tilde(&self, version: &Version, order: Ordering) -> bool {
        let own = &self.version;
        if order == Ordering::Less {
            return false;
        }
        let zero = (own.major, own.minor, own.patch) == (0, 0, 0);
        if zero && matches!(self.open, Open::Nothing | Open::Major) {
            return true;
        }
        version.major == own.major && (self.open == Open::Minor || version.minor == own.minor)
    }

    fn caret(&self, version: &Version, order: Ordering) -> bool {
        let own = &self.version;
        if order == Ordering::Less {
            return false;
        }
        if own.major > 0 || self.open == Open::Minor {
            return version.major == own.major;
        }
        if version.major > 0 {
            return false;
        }
        if own.minor > 0 || self.open == Open::Patch {
            return version.minor == own.minor;
        }
        version.minor == 0 && version.patch == own.patch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(constraint: &str, version: &str) -> bool {
        Constraints::parse(constraint.as_bytes()).unwrap_or_else(|e| panic!("{e}")).check(&Version::parse(version.as_bytes()).unwrap())
    }

    #[test]
    fn constraints_mean_what_the_library_says() {
        for (constraint, yes, no) in [
            (">=1.2, <2", "1.9.9", "2.0.0"),
            ("~1.2.3", "1.2.9", "1.3.0"),
            ("~1", "1.9.0", "2.0.0"),
            ("^0.3", "0.3.9", "0.4.0"),
            ("^0.0.3", "0.0.3", "0.0.4"),
            ("^1.2", "1.9.0", "1.1.0"),
            ("1.2 - 1.4", "1.4.5", "1.5.0"),
            ("1.2.x || >=3", "3.1.0", "2.0.0"),
            (">1.2", "1.3.0", "1.2.9"),
            ("<=1", "1.9.0", "2.0.0"),
            ("!=1.2.x", "1.3.0", "1.2.5"),
            (">= 1.2.3-0", "1.2.3-rc1", "1.2.2-rc1"),
            ("=v1.2.3", "1.2.3+meta", "1.2.3-rc1"),
            ("*", "9.9.9", "9.9.9-rc1"),
        ] {
            assert!(fits(constraint, yes) && !fits(constraint, no), "{constraint}");
        }
        for text in ["bad constraint!", "", ">>1", ">=1 <", "1.2.3.4", "||"] {
            assert!(Constraints::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
