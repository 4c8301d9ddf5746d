//! Integers in any base from 2 to 36.

use super::{NumError, NumErrorKind, underscores_fit};

/// Reads an unsigned integer of at most `bits` bits (0 and more than 64 mean 64).
///
/// Base 0 takes the base from a prefix (`0x`, `0o`, `0b`, `0`) and allows underscores.
///
/// # Errors
/// Not an integer, or too large.
pub fn parse_uint(text: &[u8], base: u32, bits: u32) -> Result<u64, NumError> {
    unsigned(text, base, bits).map_err(|kind| NumError::new("ParseUint", text, kind))
}

/// Reads an integer of at most `bits` bits (0 and more than 64 mean 64); see [`parse_uint`].
///
/// # Errors
/// Not an integer, or too large.
pub fn parse_int(text: &[u8], base: u32, bits: u32) -> Result<i64, NumError> {
    signed("ParseInt", text, base, bits)
}

/// Reads a decimal `int` as Go's `Atoi` does.
///
/// # Errors
/// Not an integer, or too large.
pub fn atoi(text: &[u8]) -> Result<i64, NumError> {
    signed("Atoi", text, 10, 64)
}

/// Writes an integer in a base from 2 to 36; other bases count as 10.
#[must_use]
pub fn format_int(value: i128, base: u32) -> String {
    let base = if (2..=36).contains(&base) { base } else { 10 };
    let mut left = value.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        let digit = u32::try_from(left % u128::from(base)).unwrap_or(0);
        digits.push(char::from_digit(digit, base).unwrap_or('0'));
        left /= u128::from(base);
        if left == 0 {
            break;
        }
    }
    if value < 0 {
        digits.push('-');
    }
    digits.into_iter().rev().collect()
}

fn signed(function: &'static str, text: &[u8], base: u32, bits: u32) -> Result<i64, NumError> {
    let fail = |kind| NumError::new(function, text, kind);
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let magnitude = unsigned(digits, base, 64).map_err(fail)?;
    let bits = if (1..=64).contains(&bits) { bits } else { 64 };
    let limit = 1_u64 << (bits - 1);
    if magnitude > limit || !negative && magnitude == limit {
        return Err(fail(NumErrorKind::Range));
    }
    Ok(if negative { 0_i64.wrapping_sub_unsigned(magnitude) } else { 0_i64.wrapping_add_unsigned(magnitude) })
}

fn unsigned(text: &[u8], base: u32, bits: u32) -> Result<u64, NumErrorKind> {
    let (radix, digits) = match (base, text) {
        (0, [b'0', b'x' | b'X', rest @ ..]) if !rest.is_empty() => (16, rest),
        (0, [b'0', b'o' | b'O', rest @ ..]) if !rest.is_empty() => (8, rest),
        (0, [b'0', b'b' | b'B', rest @ ..]) if !rest.is_empty() => (2, rest),
        (0, [b'0', rest @ ..]) if !rest.is_empty() => (8, rest),
        (0, _) => (10, text),
        (2..=36, _) => (base, text),
        _ => return Err(NumErrorKind::Syntax),
    };
    let bits = if (1..=64).contains(&bits) { bits } else { 64 };
    let (mut value, mut overflow, mut underscores) = (0_u64, false, false);
    if digits.is_empty() {
        return Err(NumErrorKind::Syntax);
    }
    for c in digits {
        if *c == b'_' && base == 0 {
            underscores = true;
            continue;
        }
        let digit = char::from(*c).to_digit(radix).ok_or(NumErrorKind::Syntax)?;
        let next = value.checked_mul(u64::from(radix)).and_then(|v| v.checked_add(u64::from(digit)));
        // Go stops at the first digit that is too much and does not look at what follows.
        match next.filter(|v| bits == 64 || v >> bits == 0) {
            Some(next) => value = next,
            None => {
                overflow = true;
                break;
            }
        }
    }
    if overflow {
        return Err(NumErrorKind::Range);
    }
    if underscores && !underscores_fit(text) {
        return Err(NumErrorKind::Syntax);
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn int(text: &str, base: u32, bits: u32) -> String {
        parse_int(text.as_bytes(), base, bits).map_or_else(|e| e.to_string(), |v| v.to_string())
    }

    #[test]
    fn prefixes_and_underscores_count_in_base_0_only() {
        for (text, want) in
            [("1_000", "1000"), ("0x_f", "15"), ("0b101", "5"), ("0o17", "15"), ("017", "15"), ("-0x80", "-128"), ("+5", "5"), ("0_1", "1")]
        {
            assert_eq!(int(text, 0, 64), want);
        }
        assert_eq!(int("08", 0, 64), r#"strconv.ParseInt: parsing "08": invalid syntax"#);
        assert_eq!(int("08", 10, 32), "8");
        assert_eq!(int("0x", 0, 64), r#"strconv.ParseInt: parsing "0x": invalid syntax"#);
        assert_eq!(int("_1", 0, 64), r#"strconv.ParseInt: parsing "_1": invalid syntax"#);
        assert_eq!(int("1_000", 10, 64), r#"strconv.ParseInt: parsing "1_000": invalid syntax"#);
        assert_eq!(int("", 0, 64), r#"strconv.ParseInt: parsing "": invalid syntax"#);
        assert_eq!(int("zz", 36, 64), "1295");
    }

    #[test]
    fn the_type_is_the_limit() {
        assert_eq!(int("-9223372036854775808", 10, 64), "-9223372036854775808");
        assert_eq!(int("9223372036854775808", 10, 64), r#"strconv.ParseInt: parsing "9223372036854775808": value out of range"#);
        assert_eq!(int("128", 10, 8), r#"strconv.ParseInt: parsing "128": value out of range"#);
        assert_eq!(int("-128", 10, 8), "-128");
        assert_eq!(parse_uint(b"18446744073709551615", 10, 64), Ok(u64::MAX));
        assert!(parse_uint(b"+5", 10, 64).is_err() && parse_uint(b"256", 10, 8).is_err());
        assert_eq!(atoi("x\0é".as_bytes()).unwrap_err().to_string(), r#"strconv.Atoi: parsing "x\x00é": invalid syntax"#);
    }

    #[test]
    fn integers_print_in_their_base() {
        assert_eq!((format_int(-255, 16).as_str(), format_int(0, 2).as_str(), format_int(35, 36).as_str()), ("-ff", "0", "z"));
    }
}
