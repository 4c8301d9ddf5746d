//! Go's `net/url`: URLs apart and together.
//!
//! In: text. Out: its parts, decoded, or Go's error text. Nothing is resolved or fetched.

mod escape;
mod parse;

use escape::{Part, is_encoded};
pub use escape::{path_escape, query_escape};
pub use parse::parse;

/// Name and password before the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserInfo {
    /// The name.
    pub name: Vec<u8>,
    /// The password, when there is a colon.
    pub password: Option<Vec<u8>>,
}

impl UserInfo {
    /// Encodes name and password.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = escape::escape(&self.name, Part::UserInfo);
        if let Some(password) = &self.password {
            out.push(b':');
            out.extend(escape::escape(password, Part::UserInfo));
        }
        out
    }
}

/// A URL's parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url {
    /// What stands before the first colon, in lower case.
    pub scheme: Vec<u8>,
    /// What follows the scheme when that is no slash.
    pub opaque: Vec<u8>,
    /// Name and password.
    pub user: Option<UserInfo>,
    /// Host and port.
    pub host: Vec<u8>,
    /// The path, decoded.
    pub path: Vec<u8>,
    /// The path as it was, when encoding it again would give another text.
    pub raw_path: Vec<u8>,
    /// Whether there is a question mark with nothing behind it.
    pub force_query: bool,
    /// What follows the question mark, encoded.
    pub raw_query: Vec<u8>,
    /// What follows the hash sign, decoded.
    pub fragment: Vec<u8>,
    /// The fragment as it was, when encoding it again would give another text.
    pub raw_fragment: Vec<u8>,
    /// Whether a scheme is followed by a single slash.
    pub omit_host: bool,
}

impl Url {
    /// Gives the host without port and brackets.
    #[must_use]
    pub fn hostname(&self) -> &[u8] {
        let colon = self.host.iter().rposition(|c| *c == b':').filter(|at| parse::is_port(&self.host[*at..]));
        let host = &self.host[..colon.unwrap_or(self.host.len())];
        host.strip_prefix(b"[").and_then(|host| host.strip_suffix(b"]")).unwrap_or(host)
    }

    /// Puts the parts together.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            self.write_hierarchy(&mut out);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if self.force_query || !self.raw_query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.raw_query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend(encoded(&self.fragment, &self.raw_fragment, Part::Fragment));
        }
        out
    }

    fn write_hierarchy(&self, out: &mut Vec<u8>) {
        let has_authority = !self.host.is_empty() || self.user.is_some();
        let omitted = self.omit_host && !has_authority;
        if (has_authority || !self.scheme.is_empty()) && !omitted {
            if has_authority || !self.path.is_empty() {
                out.extend_from_slice(b"//");
            }
            if let Some(user) = &self.user {
                out.extend(user.to_bytes());
                out.push(b'@');
            }
            out.extend(escape::escape(&self.host, Part::Host));
        }
        let path = if self.path == b"*" { self.path.clone() } else { encoded(&self.path, &self.raw_path, Part::Path) };
        if path.first().is_some_and(|c| *c != b'/') && !self.host.is_empty() {
            out.push(b'/');
        }
        if out.is_empty() && path.split(|c| *c == b'/').next().is_some_and(|segment| segment.contains(&b':')) {
            out.extend_from_slice(b"./");
        }
        out.extend(path);
    }
}

/// The text as it was, if it still means the same, else encoded anew.
fn encoded(decoded: &[u8], raw: &[u8], part: Part) -> Vec<u8> {
    let kept = !raw.is_empty() && is_encoded(raw, part) && escape::unescape(raw, part).is_ok_and(|text| text == decoded);
    if kept { raw.to_vec() } else { escape::escape(decoded, part) }
}
