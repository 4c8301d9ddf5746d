//! Sets of characters: the named ones, and building them.

use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange, HirKind};

/// Makes a set of one range; surrogates, which no text holds, are left out.
pub(super) fn range(low: u32, high: u32) -> ClassUnicode {
    let start = if (0xD800..0xE000).contains(&low) { 0xE000 } else { low };
    let end = if (0xD800..0xE000).contains(&high) { 0xD7FF } else { high };
    let ends = char::from_u32(start).zip(char::from_u32(end)).filter(|(start, end)| start <= end);
    ClassUnicode::new(ends.map(|(start, end)| ClassUnicodeRange::new(start, end)))
}

fn ranges(list: &[(char, char)]) -> ClassUnicode {
    ClassUnicode::new(list.iter().map(|(start, end)| ClassUnicodeRange::new(*start, *end)))
}

/// Adds the other cases when asked to, then takes the complement when asked to.
pub(super) fn finish(mut class: ClassUnicode, fold: bool, negated: bool) -> ClassUnicode {
    if fold && class.try_case_fold_simple().is_err() {
        return class;
    }
    if negated {
        class.negate();
    }
    class
}

/// `\d`, `\s`, `\w` and their complements.
pub(super) fn perl(letter: char, fold: bool) -> Option<ClassUnicode> {
    let class = match letter.to_ascii_lowercase() {
        'd' => ranges(&[('0', '9')]),
        's' => ranges(&[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')]),
        'w' => ranges(&[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')]),
        _ => return None,
    };
    Some(finish(class, fold, letter.is_ascii_uppercase()))
}

/// The class of `[:name:]` or `[:^name:]`.
pub(super) fn posix(name: &str, fold: bool) -> Option<ClassUnicode> {
    let (negated, name) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
    let class = ranges(match name {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => &[('0', '9')],
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    });
    Some(finish(class, fold, negated))
}

/// A general category or a script of Unicode, by the name in `\p{name}`.
pub(super) fn unicode(name: &str, fold: bool, negated: bool) -> Option<ClassUnicode> {
    let (negated, name) = name.strip_prefix('^').map_or((negated, name), |name| (!negated, name));
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ')) {
        return None;
    }
    let find = |property: &str| match regex_syntax::parse(&format!(r"\p{{{property}={name}}}")).ok()?.into_kind() {
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => Some(class),
        _ => None,
    };
    find("gc").or_else(|| find("sc")).map(|class| finish(class, fold, negated))
}
