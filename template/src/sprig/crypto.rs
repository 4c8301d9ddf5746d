//! Passwords and AES.

mod password;

use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};

use super::args::{Done, string, text};
use crate::func::{Context, Function};
use crate::go::encoding::{base64_decode, base64_encode};
use crate::types::{Type, UINT32};
use crate::value::Value;

const STRING: Type = Type::STRING;
const COUNTER: Type = Type::Scalar(&UINT32);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("bcrypt", &[STRING], STRING, |context, args| {
        let text = text(args, 0);
        password::bcrypt(context, &text).map(Value::string)
    }),
    Function::new("decryptAES", &[STRING, STRING], STRING, decrypt),
    Function::new("derivePassword", &[COUNTER, STRING, STRING, STRING, STRING], STRING, password::derive),
    Function::new("encryptAES", &[STRING, STRING], STRING, encrypt),
    Function::new("htpasswd", &[STRING, STRING], STRING, |context, args| {
        let (user, text) = (text(args, 0), text(args, 1));
        if user.contains(&b':') {
            return string(context, [b"invalid username: ", &*user].concat());
        }
        let hash = password::bcrypt(context, &text)?;
        string(context, [&*user, b":", hash.as_bytes()].concat())
    }),
];

/// Bytes in a block.
const BLOCK: usize = 16;

/// A cipher whose key is the password, cut or filled with zeros.
fn cipher(password: &[u8]) -> Aes256 {
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().zip(password) {
        *place = *byte;
    }
    Aes256::new(&key.into())
}

fn block(bytes: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (place, byte) in block.iter_mut().zip(bytes) {
        *place = *byte;
    }
    block
}

fn xor(mut block: [u8; BLOCK], with: &[u8; BLOCK]) -> [u8; BLOCK] {
    for (place, byte) in block.iter_mut().zip(with) {
        *place ^= byte;
    }
    block
}

/// AES-256 in CBC mode, padded as PKCS 7 says, a random vector in front, as base64.
fn encrypt<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let (password, plain) = (text(args, 0), text(args, 1));
    if plain.is_empty() {
        return Ok("".into());
    }
    context.reserve(plain.len().saturating_mul(2))?;
    let cipher = cipher(&password);
    let padding = u8::try_from(BLOCK - plain.len() % BLOCK).unwrap_or(0);
    let mut padded = plain.to_vec();
    padded.extend(std::iter::repeat_n(padding, padding.into()));
    let mut last = [0; BLOCK];
    context.host().random(&mut last);
    let mut out = last.to_vec();
    for chunk in padded.chunks(BLOCK) {
        let mut encrypted = xor(block(chunk), &last).into();
        cipher.encrypt_block(&mut encrypted);
        last = encrypted.into();
        out.extend_from_slice(&last);
    }
    string(context, base64_encode(&out))
}

fn decrypt<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let (password, encoded) = (text(args, 0), text(args, 1));
    if encoded.is_empty() {
        return Ok("".into());
    }
    let bytes = base64_decode(&encoded)?;
    let Some((vector, encrypted)) = bytes.split_at_checked(BLOCK) else {
        // Go sizes its buffer by the text.
        let capacity = encoded.len() / 4 * 3;
        return Err(format!("runtime error: slice bounds out of range [:16] with capacity {capacity}").into());
    };
    if encrypted.len() % BLOCK != 0 {
        return Err("crypto/cipher: input not full blocks".into());
    }
    let (cipher, mut last) = (cipher(&password), block(vector));
    let mut plain = Vec::with_capacity(encrypted.len());
    for chunk in encrypted.chunks(BLOCK) {
        let mut decrypted = block(chunk).into();
        cipher.decrypt_block(&mut decrypted);
        plain.extend_from_slice(&xor(decrypted.into(), &last));
        last = block(chunk);
    }
    let Some(padding) = plain.last().map(|last| usize::from(*last)) else { return Err("runtime error: index out of range [-1]".into()) };
    if padding > plain.len() {
        return Err(format!("runtime error: slice bounds out of range [:-{}]", padding - plain.len()).into());
    }
    plain.truncate(plain.len() - padding);
    string(context, plain)
}
