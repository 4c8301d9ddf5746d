//! Checks signatures (AWS Signature Version 4) by making them again, apart from what made them. Pure.

use anyhow::{Context as _, Result, ensure};
use data_encoding::HEXLOWER;
use http::HeaderMap;
use sha2::{Digest as _, Sha256};

/// The keys that requests must be signed with.
pub const KEY_ID: &str = "AKIDEXAMPLE";
/// The secret one.
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
/// What must be signed where it is there.
const NEEDED: [&str; 6] = ["host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "content-type", "x-amz-target"];

/// What a signature is made of.
struct Signed<'a> {
    method: &'a str,
    path: &'a str,
    /// Name and value of each header, in the order in which they are signed.
    headers: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
    /// `DATE/REGION/SERVICE/aws4_request`.
    scope: &'a str,
}

fn hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// HMAC (RFC 2104) with SHA-256, for keys of at most 64 bytes.
fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::digest([&padded(0x36), text.as_bytes()].concat());
    Sha256::digest([&padded(0x5c)[..], &inner[..]].concat()).to_vec()
}

impl Signed<'_> {
    fn signature(&self) -> Result<String> {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        let (path, query) = self.path.split_once('?').unwrap_or((self.path, ""));
        let request = format!("{}\n{path}\n{}\n{headers}\n{}\n{}", self.method, canonical(query), names.join(";"), hash(self.body));
        let (_, at) = self.headers.iter().find(|(name, _)| *name == "x-amz-date").context("no date is signed")?;
        let text = format!("AWS4-HMAC-SHA256\n{at}\n{}\n{}", self.scope, hash(request.as_bytes()));
        let key = self.scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| hmac(&key, part));
        Ok(HEXLOWER.encode(&hmac(&key, &text)))
    }
}

/// A query as it is signed: decoded, encoded anew, sorted.
fn canonical(query: &str) -> String {
    let encode = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect::<String>()
    };
    let Ok(url) = reqwest::Url::parse(&format!("http://h/?{query}")) else { return query.to_owned() };
    let mut pairs: Vec<String> = url.query_pairs().map(|(name, value)| format!("{}={}", encode(&name), encode(&value))).collect();
    if query.is_empty() {
        pairs.clear();
    }
    pairs.sort();
    pairs.join("&")
}

/// Tells whether a request is signed for a service in a region with [`KEY_ID`] and [`SECRET`], and everything signed that makes up the request.
///
/// Fails with what is wrong.
pub fn verify(method: &str, path: &str, headers: &HeaderMap, body: &[u8], service: &str, region: &str) -> Result<()> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let authorization = header("authorization").context("not signed")?;
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").context("another algorithm")?;
    let field = |name: &str| {
        let field = fields.split(", ").find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        field.with_context(|| format!("no {name}"))
    };
    let (id, scope) = field("Credential")?.split_once('/').context("no scope")?;
    let date = header("x-amz-date").and_then(|date| date.get(..8)).context("no date")?;
    ensure!(id == KEY_ID, "the key id is {id}");
    ensure!(scope == format!("{date}/{region}/{service}/aws4_request"), "the scope is {scope}");
    let names: Vec<&str> = field("SignedHeaders")?.split(';').collect();
    for needed in NEEDED {
        ensure!(names.contains(&needed) || header(needed).is_none(), "{needed} is not signed");
    }
    ensure!(header("x-amz-content-sha256") == Some(hash(body).as_str()), "the body's hash is another");
    let signed: Option<Vec<_>> = names.iter().map(|name| Some((*name, header(name)?))).collect();
    let signed = Signed { method, path, headers: signed.context("a signed header is not there")?, body, scope };
    ensure!(field("Signature")? == signed.signature()?, "the signature is another");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_made_as_in_the_published_example() {
        // "Examples of the complete Signature Version 4 signing process", AWS General Reference.
        let headers = vec![
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("host", "iam.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
        ];
        let path = "/?Action=ListUsers&Version=2010-05-08";
        let signed = Signed { method: "GET", path, headers, body: b"", scope: "20150830/us-east-1/iam/aws4_request" };
        assert_eq!(signed.signature().unwrap(), "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    }
}
