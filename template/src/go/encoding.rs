//! Go's `encoding/base64` and `encoding/base32` (standard alphabets, padded) and `hash/adler32`.
//!
//! Decoding skips line breaks and fails at the byte that Go names.

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Encodes as base64.
#[must_use]
pub fn base64_encode(bytes: &[u8]) -> String {
    encode(bytes, BASE64, 6, 3, 4)
}

/// Encodes as base32.
#[must_use]
pub fn base32_encode(bytes: &[u8]) -> String {
    encode(bytes, BASE32, 5, 5, 8)
}

/// Writes groups of `from` bytes as `to` digits of `bits` bits.
fn encode(bytes: &[u8], alphabet: &[u8], bits: usize, from: usize, to: usize) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(from).saturating_mul(to));
    for chunk in bytes.chunks(from) {
        let group = chunk.iter().fold(0_u64, |group, byte| group << 8 | u64::from(*byte)) << (8 * (from - chunk.len()));
        let digits = (chunk.len() * 8).div_ceil(bits);
        for i in 0..to {
            let digit = usize::try_from(group >> (bits * (to - 1 - i)) & ((1 << bits) - 1)).unwrap_or(0);
            out.push(if i < digits { char::from(alphabet[digit]) } else { '=' });
        }
    }
    out
}

fn digit(alphabet: &[u8], byte: u8) -> Option<u64> {
    alphabet.iter().position(|known| *known == byte).and_then(|at| u64::try_from(at).ok())
}

/// Appends the bytes of a group of digits, of which `count` are real.
fn unpack(out: &mut Vec<u8>, digits: &[u64], count: usize, bits: usize) {
    let group = digits.iter().take(count).fold(0_u64, |group, digit| group << bits | digit);
    let total = count * bits;
    for i in 0..total / 8 {
        out.push(group.unbounded_shr(u32::try_from(total - 8 * (i + 1)).unwrap_or(0)).to_le_bytes()[0]);
    }
}

/// Decodes base64.
///
/// # Errors
/// Go's text, `illegal base64 data at input byte N`.
pub fn base64_decode(text: &[u8]) -> Result<Vec<u8>, String> {
    let corrupt = |at: usize| format!("illegal base64 data at input byte {at}");
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let skip = |mut at: usize| {
        while matches!(text.get(at), Some(b'\n' | b'\r')) {
            at += 1;
        }
        at
    };
    let (mut at, mut digits) = (0, Vec::with_capacity(4));
    loop {
        let Some(byte) = text.get(at) else {
            return if digits.is_empty() { Ok(out) } else { Err(corrupt(at - digits.len())) };
        };
        at += 1;
        match (digit(BASE64, *byte), byte) {
            (Some(value), _) => digits.push(value),
            (None, b'\n' | b'\r') => continue,
            (None, b'=') if digits.len() >= 2 => {
                if digits.len() == 2 {
                    at = skip(at);
                    match text.get(at) {
                        None => return Err(corrupt(text.len())),
                        Some(b'=') => at += 1,
                        Some(_) => return Err(corrupt(at - 1)),
                    }
                }
                at = skip(at);
                if at < text.len() {
                    return Err(corrupt(at));
                }
                unpack(&mut out, &digits, digits.len(), 6);
                return Ok(out);
            }
            (None, _) => return Err(corrupt(at - 1)),
        }
        if digits.len() == 4 {
            unpack(&mut out, &digits, 4, 6);
            digits.clear();
        }
    }
}

/// Decodes base32.
///
/// # Errors
/// Go's text, `illegal base32 data at input byte N`.
pub fn base32_decode(text: &[u8]) -> Result<Vec<u8>, String> {
    let corrupt = |at: usize| format!("illegal base32 data at input byte {at}");
    let text: Vec<u8> = text.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let mut out = Vec::with_capacity(text.len() / 8 * 5);
    for (start, group) in (0..).step_by(8).zip(text.chunks(8)) {
        let mut digits = Vec::with_capacity(8);
        for (i, byte) in group.iter().enumerate() {
            let at = start + i;
            // Padding begins in the last group only, which is then full of it.
            if *byte == b'=' && i >= 2 && text.len() - at - 1 < 8 {
                if text.len() - start < 8 {
                    return Err(corrupt(text.len()));
                }
                if let Some(other) = group[i + 1..].iter().position(|byte| *byte != b'=') {
                    return Err(corrupt(at + other));
                }
                if matches!(i, 3 | 6) {
                    return Err(corrupt(at));
                }
                unpack(&mut out, &digits, i, 5);
                return Ok(out);
            }
            digits.push(digit(BASE32, *byte).ok_or_else(|| corrupt(at))?);
        }
        if digits.len() < 8 {
            return Err(corrupt(start));
        }
        unpack(&mut out, &digits, 8, 5);
    }
    Ok(out)
}

/// Computes the Adler-32 checksum.
#[must_use]
pub fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in bytes {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes() {
        for length in 0..20_u8 {
            let bytes: Vec<u8> = (0..length).map(|i| i.wrapping_mul(37).wrapping_add(200)).collect();
            assert_eq!(base64_decode(base64_encode(&bytes).as_bytes()), Ok(bytes.clone()));
            assert_eq!(base32_decode(base32_encode(&bytes).as_bytes()), Ok(bytes));
        }
        assert_eq!((base64_encode("hello é".as_bytes()).as_str(), base32_encode(b"hello").as_str()), ("aGVsbG8gw6k=", "NBSWY3DP"));
        assert_eq!((base64_decode(b"aGVs\r\nbG8="), base32_decode(b"NBSW\nY3DP")), (Ok(b"hello".to_vec()), Ok(b"hello".to_vec())));
        assert_eq!(adler32(b"hello"), 103_547_413);
    }

    #[test]
    fn errors_name_the_byte_that_go_names() {
        for (text, at) in [("!!", 0), ("aGVsbG8", 4), ("aGVsbG8==", 8), ("a===", 1), ("aG=a", 2), ("aG=", 3), ("aGVs=", 4), ("aGVsb", 4)] {
            assert_eq!(base64_decode(text.as_bytes()), Err(format!("illegal base64 data at input byte {at}")), "{text}");
        }
        for (text, at) in [("!!", 0), ("NBSWY3D", 0), ("NBS=====", 3), ("NB=A====", 2), ("nbswy3dp", 0), ("NB=====", 7)] {
            assert_eq!(base32_decode(text.as_bytes()), Err(format!("illegal base32 data at input byte {at}")), "{text}");
        }
    }
}
