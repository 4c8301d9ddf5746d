//! Checks signatures (AWS Signature Version 4) by making them again, apart from what made them.

use data_encoding::HEXLOWER;
use herald_testkit::receiver::Received;
use sha2::{Digest as _, Sha256};

/// The keys that requests must be signed with.
pub(crate) const KEY_ID: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// What a signature is made of.
pub(crate) struct Signed<'a> {
    method: &'a str,
    path: &'a str,
    /// Name and value of each header, in the order in which they are signed.
    headers: Vec<(String, String)>,
    body: &'a [u8],
    scope: &'a str,
}

fn hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// HMAC (RFC 2104) with SHA-256.
fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::digest([&padded(0x36), text.as_bytes()].concat());
    Sha256::digest([&padded(0x5c)[..], &inner[..]].concat()).to_vec()
}

impl Signed<'_> {
    fn signature(&self) -> String {
        let header = |(name, value): &(String, String)| format!("{name}:{}\n", value.trim());
        let headers: String = self.headers.iter().map(header).collect();
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let (path, query) = self.path.split_once('?').unwrap_or((self.path, ""));
        let request = format!("{}\n{path}\n{}\n{headers}\n{}\n{}", self.method, canonical(query), names.join(";"), hash(self.body));
        let (_, at) = self.headers.iter().find(|(name, _)| name == "x-amz-date").expect("a date is signed");
        let text = format!("AWS4-HMAC-SHA256\n{at}\n{}\n{}", self.scope, hash(request.as_bytes()));
        let key = self.scope.split('/').fold(format!("AWS4{SECRET}").into_bytes(), |key, part| hmac(&key, part));
        HEXLOWER.encode(&hmac(&key, &text))
    }
}

/// A query as it is signed: decoded, encoded anew, sorted.
fn canonical(query: &str) -> String {
    let encode = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect::<String>()
    };
    let mut pairs: Vec<String> =
        url::form_urlencoded::parse(query.as_bytes()).map(|(name, value)| format!("{}={}", encode(&name), encode(&value))).collect();
    pairs.sort();
    pairs.join("&")
}

/// Asserts that a request is signed for a service in a region, with everything signed that makes up the request.
pub(crate) fn assert_signed(request: &Received, service: &str, region: &str) {
    let header = |name: &str| request.headers.get(name).map(|value| value.to_str().expect("text").to_owned());
    let authorization = header("authorization").unwrap_or_else(|| panic!("{} is not signed", request.path));
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256 ").expect("the algorithm");
    let field = |name: &str| fields.split(", ").find_map(|field| field.strip_prefix(name)?.strip_prefix('=')).expect("the field");
    let (id, scope) = field("Credential").split_once('/').expect("a scope");
    let date = header("x-amz-date").expect("a date");
    assert_eq!((id, scope), (KEY_ID, format!("{}/{region}/{service}/aws4_request", &date[..8]).as_str()));
    let names: Vec<&str> = field("SignedHeaders").split(';').collect();
    for needed in ["host", "x-amz-content-sha256", "x-amz-date", "content-type", "x-amz-target"] {
        assert!(names.contains(&needed) || header(needed).is_none(), "{needed} is not signed: {names:?}");
    }
    assert_eq!(header("x-amz-content-sha256"), Some(hash(&request.body)));
    let headers = names.iter().map(|name| ((*name).to_owned(), header(name).unwrap_or_else(|| panic!("{name} is signed and not there"))));
    // Only what looks has no body.
    let method = if request.body.is_empty() { "GET" } else { "POST" };
    let signed = Signed { method, path: &request.path, headers: headers.collect(), body: &request.body, scope };
    assert_eq!(field("Signature"), signed.signature(), "{} {:?}", request.path, request.headers);
}

#[test]
fn signatures_are_made_as_in_the_published_example() {
    // "Examples of the complete Signature Version 4 signing process", AWS General Reference.
    let headers = [
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("host", "iam.amazonaws.com"),
        ("x-amz-date", "20150830T123600Z"),
    ];
    let signed = Signed {
        method: "GET",
        path: "/?Action=ListUsers&Version=2010-05-08",
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: b"",
        scope: "20150830/us-east-1/iam/aws4_request",
    };
    assert_eq!(signed.signature(), "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
}
