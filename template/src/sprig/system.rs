//! What looks beyond the template: environment and network, which a caller has to allow, and key making, which is left out.

use std::net::ToSocketAddrs;

use super::args::{Done, string, text};
use crate::func::{Context, Function};
use crate::types::Type;
use crate::value::Value;

const STRING: Type = Type::STRING;

/// Functions that make keys and certificates, which are not there.
pub(super) const LEFT_OUT: &[&str] = &[
    "buildCustomCert",
    "genCA",
    "genCAWithKey",
    "genPrivateKey",
    "genSelfSignedCert",
    "genSelfSignedCertWithKey",
    "genSignedCert",
    "genSignedCertWithKey",
];

/// Why.
pub(super) const LEFT_OUT_REASON: &str = "templates do not make keys and certificates here, take them from elsewhere";

const HIDDEN: &str = "the environment is hidden from templates here";
const OFFLINE: &str = "templates may not look up hosts here";

/// Functions that are known but fail.
pub(super) const REFUSED: &[Function] = &[
    Function::new("env", &[STRING], STRING, |_, _| Err(HIDDEN.into())),
    Function::new("expandenv", &[STRING], STRING, |_, _| Err(HIDDEN.into())),
    Function::new("getHostByName", &[STRING], STRING, |_, _| Err(OFFLINE.into())),
];

/// Functions that read the environment.
pub(super) const ENVIRONMENT: &[Function] = &[
    Function::new("env", &[STRING], STRING, |context, args| {
        let value = variable(context, &text(args, 0));
        string(context, value)
    }),
    Function::new("expandenv", &[STRING], STRING, |context, args| expand(context, &text(args, 0))),
];

/// Functions that ask the network.
pub(super) const NETWORK: &[Function] = &[Function::new("getHostByName", &[STRING], STRING, |_, args| {
    let name = text(args, 0);
    let mut found = (name.to_text().as_ref(), 0).to_socket_addrs().into_iter().flatten();
    let address = found.next().ok_or("no such host")?;
    Ok(Value::string(address.ip().to_string()))
})];

/// A variable's value, empty when it is not set.
fn variable(context: &Context<'_>, name: &[u8]) -> String {
    std::str::from_utf8(name).ok().and_then(|name| context.host().env(name)).unwrap_or_default()
}

/// Replaces `$NAME` and `${NAME}` as Go's `os.ExpandEnv` does.
fn expand<'a>(context: &mut Context<'_>, text: &[u8]) -> Done<'a> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.iter().position(|byte| *byte == b'$').filter(|at| at + 1 < rest.len()) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let (name, width) = shell_name(rest);
        if width == 0 {
            out.push(b'$');
        } else if !name.is_empty() {
            let value = variable(context, name);
            context.reserve(value.len())?;
            out.extend_from_slice(value.as_bytes());
        }
        rest = &rest[width..];
    }
    out.extend_from_slice(rest);
    string(context, out)
}

/// A name after a dollar, and how many bytes to skip; bad syntax in braces is skipped without a name.
fn shell_name(text: &[u8]) -> (&[u8], usize) {
    let special = |byte: &u8| matches!(byte, b'*' | b'#' | b'$' | b'@' | b'!' | b'?' | b'-' | b'0'..=b'9');
    match text {
        [b'{', name, b'}', ..] if special(name) => (&text[1..2], 3),
        [b'{', rest @ ..] => match rest.iter().position(|byte| *byte == b'}') {
            Some(end) => (&rest[..end], end + 2),
            None => (&[], 1),
        },
        [first, ..] if special(first) => (&text[..1], 1),
        _ => {
            let width = text.iter().take_while(|byte| **byte == b'_' || byte.is_ascii_alphanumeric()).count();
            (&text[..width], width)
        }
    }
}
