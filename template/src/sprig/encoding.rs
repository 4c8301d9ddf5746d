//! Base64, base32 and checksums.

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::args::{Done, string, text};
use crate::func::{Context, Function};
use crate::go::encoding::{adler32, base32_decode, base32_encode, base64_decode, base64_encode};
use crate::types::Type;
use crate::value::Value;

const STRING: Type = Type::STRING;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("adler32sum", &[STRING], STRING, |_, args| Ok(Value::string(adler32(&text(args, 0)).to_string()))),
    Function::new("b32dec", &[STRING], STRING, |context, args| decoded(context, base32_decode(&text(args, 0)))),
    Function::new("b32enc", &[STRING], STRING, |context, args| string(context, base32_encode(&text(args, 0)))),
    Function::new("b64dec", &[STRING], STRING, |context, args| decoded(context, base64_decode(&text(args, 0)))),
    Function::new("b64enc", &[STRING], STRING, |context, args| string(context, base64_encode(&text(args, 0)))),
    Function::new("sha1sum", &[STRING], STRING, |_, args| Ok(Value::string(hex(&Sha1::digest(&*text(args, 0)))))),
    Function::new("sha256sum", &[STRING], STRING, |_, args| Ok(Value::string(hex(&Sha256::digest(&*text(args, 0)))))),
];

/// What cannot be decoded gives the error's text.
fn decoded<'a>(context: &mut Context<'_>, bytes: Result<Vec<u8>, String>) -> Done<'a> {
    string(context, bytes.unwrap_or_else(String::into_bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
