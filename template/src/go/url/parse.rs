//! Text to a URL.

use std::net::{IpAddr, Ipv6Addr};

use super::{
    Url, UserInfo,
    escape::{Part, escape, unescape},
};
use crate::go::{strconv::quote, strings};

/// Takes a URL apart.
///
/// # Errors
/// Go's text, which begins with `parse "…": `.
pub fn parse(text: &[u8]) -> Result<Url, String> {
    let (before, fragment) = cut(text, b'#');
    let context = |text: &[u8], error: String| format!("parse {}: {error}", quote(text, b'"', false));
    let mut url = without_fragment(before).map_err(|error| context(before, error))?;
    if let Some(fragment) = fragment.filter(|fragment| !fragment.is_empty()) {
        url.fragment = unescape(fragment, Part::Fragment).map_err(|error| context(text, error))?;
        if escape(&url.fragment, Part::Fragment) != fragment {
            url.raw_fragment = fragment.to_vec();
        }
    }
    Ok(url)
}

/// Splits at the first separator.
fn cut(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|c| *c == separator) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

fn without_fragment(text: &[u8]) -> Result<Url, String> {
    let mut url = Url::default();
    if text.iter().any(u8::is_ascii_control) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    if text == b"*" {
        url.path = b"*".to_vec();
        return Ok(url);
    }
    let (scheme, rest) = split_scheme(text)?;
    url.scheme = scheme.to_ascii_lowercase();
    let (rest, query) = cut(rest, b'?');
    url.force_query = query.is_some_and(<[u8]>::is_empty);
    url.raw_query = query.unwrap_or_default().to_vec();

    if !rest.starts_with(b"/") {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_vec();
            return Ok(url);
        }
        if cut(rest, b'/').0.contains(&b':') {
            return Err("first path segment in URL cannot contain colon".to_owned());
        }
    }
    let mut path = rest;
    if (!url.scheme.is_empty() || !rest.starts_with(b"///"))
        && let Some(after) = rest.strip_prefix(b"//")
    {
        let slash = after.iter().position(|c| *c == b'/').unwrap_or(after.len());
        (url.user, url.host) = authority(&url.scheme, &after[..slash])?;
        path = &after[slash..];
    } else if !url.scheme.is_empty() && rest.starts_with(b"/") {
        url.omit_host = true;
    }
    url.path = unescape(path, Part::Path)?;
    if escape(&url.path, Part::Path) != path {
        url.raw_path = path.to_vec();
    }
    Ok(url)
}

/// The scheme and what follows its colon; no scheme when another character comes first.
fn split_scheme(text: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let end = text.iter().position(|c| !c.is_ascii_alphanumeric() && !matches!(c, b'+' | b'-' | b'.'));
    match end.map(|end| (end, text[end])) {
        Some((0, b':')) => Err("missing protocol scheme".to_owned()),
        Some((end, b':')) if text[0].is_ascii_alphabetic() => Ok((&text[..end], &text[end + 1..])),
        _ => Ok((b"", text)),
    }
}

fn authority(scheme: &[u8], text: &[u8]) -> Result<(Option<UserInfo>, Vec<u8>), String> {
    let Some(at) = text.iter().rposition(|c| *c == b'@') else { return Ok((None, host(scheme, text)?)) };
    let host = host(scheme, &text[at + 1..])?;
    let info = &text[..at];
    if !info.iter().all(|c| c.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(c)) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    let (name, password) = cut(info, b':');
    let name = unescape(name, Part::UserInfo)?;
    let password = password.map(|password| unescape(password, Part::UserInfo)).transpose()?;
    Ok((Some(UserInfo { name, password }), host))
}

fn host(scheme: &[u8], text: &[u8]) -> Result<Vec<u8>, String> {
    let bad_port = |port: &[u8]| format!("invalid port {} after host", quote(port, b'"', false));
    match text.iter().rposition(|c| *c == b'[') {
        Some(0) => {
            let close = text.iter().rposition(|c| *c == b']').ok_or("missing ']' in host")?;
            let port = &text[close + 1..];
            if !is_port(port) {
                return Err(bad_port(port));
            }
            let port = unescape(port, Part::Host)?;
            let name = &text[1..close];
            let zone = strings::index(name, b"%25").unwrap_or(name.len());
            let mut name_bytes = unescape(&name[..zone], Part::Host)?;
            name_bytes.extend(unescape(&name[zone..], Part::Zone)?);
            literal(&name_bytes)?;
            Ok([b"[", &name_bytes[..], b"]", &port].concat())
        }
        Some(_) => Err("invalid IP-literal".to_owned()),
        None => {
            let first = text.iter().position(|c| *c == b':');
            // A list of hosts may hold several colons, but not in a web address.
            let colon = if matches!(scheme, b"http" | b"https") { first } else { text.iter().rposition(|c| *c == b':') };
            if let Some(port) = colon.map(|at| &text[at..]).filter(|port| !is_port(port)) {
                return Err(bad_port(port));
            }
            unescape(text, Part::Host)
        }
    }
}

/// Checks an address in brackets.
fn literal(name: &[u8]) -> Result<(), String> {
    let (address, zone) = cut(name, b'%');
    let parsed = std::str::from_utf8(address).ok().and_then(|address| address.parse::<IpAddr>().ok());
    match parsed {
        Some(IpAddr::V4(_)) => Err("invalid IP-literal".to_owned()),
        Some(IpAddr::V6(Ipv6Addr { .. })) if !zone.is_some_and(<[u8]>::is_empty) => Ok(()),
        _ => {
            let quoted = quote(name, b'"', false);
            let why = if name.contains(&b':') { "unexpected character" } else { "unable to parse IP" };
            Err(format!("invalid host: ParseAddr({quoted}): {why}"))
        }
    }
}

/// Tells whether the text is a colon with digits behind it, maybe none, or nothing at all.
pub(super) fn is_port(text: &[u8]) -> bool {
    text.split_first().is_none_or(|(colon, digits)| *colon == b':' && digits.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn again(text: &str) -> String {
        parse(text.as_bytes()).map_or_else(|e| e, |url| String::from_utf8_lossy(&url.to_bytes()).into_owned())
    }

    #[test]
    fn urls_survive_or_are_refused_as_in_go() {
        for (text, want) in [
            ("http://user:pw@host:8080/a/b?x=1&y=2#frag", "http://user:pw@host:8080/a/b?x=1&y=2#frag"),
            ("HTTP://h/a b", "http://h/a%20b"),
            ("http://h/a%2Fb", "http://h/a%2Fb"),
            ("mailto:a@b?x", "mailto:a@b?x"),
            ("/a?", "/a?"),
            ("//h/p", "//h/p"),
            ("///p", "///p"),
            ("file:/p", "file:/p"),
            ("http://[::1]:80/", "http://[::1]:80/"),
            ("http://u%40:p%3A@h", "http://u%40:p%3A@h"),
            ("a/b:c", "a/b:c"),
            ("", ""),
            ("http://[bad", r#"parse "http://[bad": missing ']' in host"#),
            ("http://a b.com/", r#"parse "http://a b.com/": invalid character " " in host name"#),
            (":x", r#"parse ":x": missing protocol scheme"#),
            ("a:b:c", "a:b:c"),
            ("1a:b", r#"parse "1a:b": first path segment in URL cannot contain colon"#),
            ("http://h:x/", r#"parse "http://h:x/": invalid port ":x" after host"#),
            ("http://h/%zz", r#"parse "http://h/%zz": invalid URL escape "%zz""#),
            ("http://h/#%", r#"parse "http://h/#%": invalid URL escape "%""#),
            ("http://\u{7f}", r#"parse "http://\x7f": net/url: invalid control character in URL"#),
        ] {
            assert_eq!(again(text), want, "{text}");
        }
        assert_eq!(parse(b"http://[::1]:80/").unwrap().hostname(), b"::1");
    }
}
