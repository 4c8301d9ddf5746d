//! Randomness, which comes from the host.

use super::args::{Done, int, string, text};
use crate::func::{Context, Function, Host};
use crate::go::{encoding::base64_encode, words};
use crate::types::Type;
use crate::value::Value;

const INT: Type = Type::INT;
const STRING: Type = Type::STRING;

const DIGITS: &[u8] = b"0123456789";
const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LETTERS_AND_DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PRINTABLE: &[u8] = b" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("randAlpha", &[INT], STRING, |context, args| of(context, args, LETTERS)),
    Function::new("randAlphaNum", &[INT], STRING, |context, args| of(context, args, LETTERS_AND_DIGITS)),
    Function::new("randAscii", &[INT], STRING, |context, args| of(context, args, PRINTABLE)),
    Function::new("randBytes", &[INT], STRING, bytes),
    Function::new("randInt", &[INT, INT], INT, integer),
    Function::new("randNumeric", &[INT], STRING, |context, args| of(context, args, DIGITS)),
    Function::new("shuffle", &[STRING], STRING, |context, args| {
        let text = text(args, 0);
        let host = context.host();
        string(context, words::shuffle(&text, |limit| below(host, limit)))
    }),
    Function::new("uuidv4", &[], STRING, uuid),
];

/// A random number below a limit.
fn below(host: &dyn Host, limit: usize) -> usize {
    let mut random = [0; 8];
    host.random(&mut random);
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    let scaled = (u128::from(u64::from_le_bytes(random)) * u128::from(limit)) >> 64;
    usize::try_from(scaled).unwrap_or(0)
}

/// A text of random characters; a negative number of them is none.
fn of<'a>(context: &mut Context<'_>, args: &[Value<'a>], alphabet: &[u8]) -> Done<'a> {
    let count = usize::try_from(int(args, 0)).unwrap_or(0);
    context.reserve(count)?;
    let host = context.host();
    let text: Vec<u8> = (0..count).map(|_| alphabet.get(below(host, alphabet.len())).copied().unwrap_or(b'0')).collect();
    Ok(Value::string(text))
}

fn bytes<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let count = usize::try_from(int(args, 0)).map_err(|_| "runtime error: makeslice: len out of range")?;
    context.reserve(count.saturating_mul(2))?;
    let mut random = vec![0; count];
    context.host().random(&mut random);
    Ok(Value::string(base64_encode(&random)))
}

/// An integer from the first up to, but without, the second.
fn integer<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let (first, last) = (int(args, 0), int(args, 1));
    let count = usize::try_from(last.wrapping_sub(first)).ok().filter(|count| *count > 0).ok_or("invalid argument to Intn")?;
    let random = i64::try_from(below(context.host(), count)).unwrap_or(0);
    Ok(Value::int(first.wrapping_add(random)))
}

fn uuid<'a>(context: &mut Context<'_>, _: &mut [Value<'a>]) -> Done<'a> {
    let mut random = [0; 16];
    context.host().random(&mut random);
    random[6] = random[6] & 0x0F | 0x40;
    random[8] = random[8] & 0x3F | 0x80;
    let mut text = String::with_capacity(36);
    for (i, byte) in random.iter().enumerate() {
        if matches!(i, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    Ok(Value::string(text))
}
