//! URLs apart and together, as maps.

use super::args::{Done, NIL, dict, string, text};
use crate::func::{Context, FuncError, Function};
use crate::go::url::{Url, parse};
use crate::types::Type;
use crate::value::{Map, Value};

pub(super) const FUNCTIONS: &[Function] =
    &[Function::new("urlJoin", &[Type::DICT], Type::STRING, join), Function::new("urlParse", &[Type::STRING], Type::DICT, take_apart)];

fn take_apart<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let text = text(args, 0);
    context.reserve(text.len().saturating_mul(2).saturating_add(400))?;
    let url = parse(&text).map_err(|error| format!("unable to parse url: {error}"))?;
    let user = url.user.as_ref().map(crate::go::url::UserInfo::to_bytes).unwrap_or_default();
    let hostname = url.hostname().to_vec();
    let parts = [
        ("fragment", url.fragment),
        ("host", url.host),
        ("hostname", hostname),
        ("opaque", url.opaque),
        ("path", url.path),
        ("query", url.raw_query),
        ("scheme", url.scheme),
        ("userinfo", user),
    ];
    Ok(Value::dict(parts.map(|(name, part)| (name, Value::string(part)))))
}

fn join<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let map = dict(args, 0);
    let mut url = Url {
        scheme: part(&map, "scheme")?,
        host: part(&map, "host")?,
        path: part(&map, "path")?,
        raw_query: part(&map, "query")?,
        opaque: part(&map, "opaque")?,
        fragment: part(&map, "fragment")?,
        ..Url::default()
    };
    let user = part(&map, "userinfo")?;
    if !user.is_empty() {
        let parsed = parse(&[b"proto://", &user[..], b"@host"].concat());
        url.user = parsed.map_err(|error| format!("unable to parse userinfo in dict: {error}"))?.user;
    }
    string(context, url.to_bytes())
}

/// A part of a URL, empty when the map does not have it.
fn part(map: &Map<'_>, name: &str) -> Result<Vec<u8>, FuncError> {
    match map.get(name.as_bytes()) {
        None => Ok(Vec::new()),
        Some(Value::Str(text, _)) => Ok(text.to_vec()),
        Some(Value::Nil) => Err(NIL.into()),
        Some(other) => {
            let kind = other.kind_name();
            Err(FuncError::new(format!("unable to parse {name} key, must be of type string, but {kind} found")))
        }
    }
}
