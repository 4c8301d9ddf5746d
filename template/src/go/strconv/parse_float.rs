//! Text to floating point numbers.

use super::{NumError, NumErrorKind, underscores_fit};

/// Reads a number as Go's `ParseFloat` does: decimal, hexadecimal with a `p` exponent, `inf`, `infinity`, `nan`, underscores between digits.
///
/// # Errors
/// Not a number, or too large for `bits` (32 or 64).
pub fn parse_float(text: &[u8], bits: u32) -> Result<f64, NumError> {
    read(text, bits).map_err(|kind| NumError::new("ParseFloat", text, kind))
}

fn read(text: &[u8], bits: u32) -> Result<f64, NumErrorKind> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    if digits.eq_ignore_ascii_case(b"inf") || digits.eq_ignore_ascii_case(b"infinity") {
        return Ok(if negative { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    if text.eq_ignore_ascii_case(b"nan") {
        return Ok(f64::NAN);
    }
    let underscores = digits.contains(&b'_');
    if underscores && !underscores_fit(text) {
        return Err(NumErrorKind::Syntax);
    }
    let plain: String = digits.iter().filter(|c| **c != b'_').map(|c| char::from(*c)).collect();
    let magnitude = match plain.get(..2) {
        Some("0x" | "0X") => hexadecimal(plain.get(2..).unwrap_or_default(), bits).ok_or(NumErrorKind::Syntax)?,
        _ => decimal(&plain, bits).ok_or(NumErrorKind::Syntax)?,
    };
    if magnitude.is_infinite() {
        return Err(NumErrorKind::Range);
    }
    Ok(if negative { -magnitude } else { magnitude })
}

fn decimal(text: &str, bits: u32) -> Option<f64> {
    let bytes = text.as_bytes();
    let (mantissa, exponent) = match bytes.iter().position(|c| matches!(c, b'e' | b'E')) {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    };
    if !mantissa.iter().all(|c| c.is_ascii_digit() || *c == b'.')
        || !mantissa.iter().any(u8::is_ascii_digit)
        || mantissa.iter().filter(|c| **c == b'.').count() > 1
        || !exponent.is_none_or(is_exponent)
    {
        return None;
    }
    if bits == 32 { text.parse::<f32>().ok().map(f64::from) } else { text.parse().ok() }
}

fn is_exponent(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"+").or_else(|| text.strip_prefix(b"-")).unwrap_or(text);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// Reads what follows `0x`: digits with at most one point, then `p` and a decimal exponent of two.
fn hexadecimal(text: &str, bits: u32) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    if !is_exponent(exponent.as_bytes()) {
        return None;
    }
    let digits = exponent.trim_start_matches(['+', '-']);
    let size = digits.parse::<i64>().unwrap_or(i64::MAX).min(1 << 40);
    let mut power = if exponent.starts_with('-') { -size } else { size };
    let (mut value, mut sticky, mut point, mut any) = (0_u64, false, false, false);
    for c in mantissa.chars() {
        if c == '.' {
            if point {
                return None;
            }
            point = true;
            continue;
        }
        let digit = u64::from(c.to_digit(16)?);
        any = true;
        if value >> 58 == 0 {
            value = value << 4 | digit;
            power -= if point { 4 } else { 0 };
        } else {
            sticky |= digit != 0;
            power += if point { 0 } else { 4 };
        }
    }
    any.then(|| scale(value, sticky, power, bits))
}

/// `value × 2^power`, rounded half to even to the type; `sticky` tells that something was cut off below.
fn scale(mut value: u64, sticky: bool, mut power: i64, bits: u32) -> f64 {
    if value == 0 {
        return 0.0;
    }
    let (width, lowest, highest) = if bits == 32 { (24, -149, 127) } else { (53, -1074, 1023) };
    let length = i64::from(64 - value.leading_zeros());
    // The lowest bit that the type keeps at this size.
    let keep = (power + length - width).max(lowest);
    let cut = keep - power;
    if cut > 64 {
        return 0.0;
    }
    if cut > 0 {
        let wide = u128::from(value);
        let (kept, dropped) = (wide >> cut, wide & ((1 << cut) - 1));
        let half = 1_u128 << (cut - 1);
        let up = dropped > half || dropped == half && (sticky || kept & 1 == 1);
        value = u64::try_from(kept).unwrap_or(0) + u64::from(up);
        power = keep;
    }
    if value == 0 {
        return 0.0;
    }
    let length = i64::from(64 - value.leading_zeros());
    if power + length - 1 > highest {
        return f64::INFINITY;
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 53 bits are left")]
    let mut result = value as f64;
    // In steps, since 2^-1074 alone is fine but 2^1100 is not; every step is exact but none rounds, as the width was cut to fit.
    while power != 0 {
        let step = power.clamp(-1000, 1000);
        let step = if step < 0 && length + power < -1022 { step.max(-500) } else { step };
        result *= 2_f64.powi(i32::try_from(step).unwrap_or(0));
        power -= step;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::parse_float;
    use crate::go::strconv::format_float;

    fn float(text: &str) -> String {
        parse_float(text.as_bytes(), 64).map_or_else(|e| e.to_string(), |v| format_float(v, b'g', None, 64))
    }

    #[test]
    fn reads_what_go_reads() {
        for (text, want) in [
            ("1_000", "1000"),
            ("0x_1p4", "16"),
            ("0x1p-2", "0.25"),
            ("inf", "+Inf"),
            ("+Infinity", "+Inf"),
            ("nan", "NaN"),
            ("1_000.5e1_0", "1.0005e+13"),
            (".5", "0.5"),
            ("5.", "5"),
            ("0x1.8p1", "3"),
            ("-0", "-0"),
            ("1e-400", "0"),
            ("0x1p-1074", "5e-324"),
            ("0x1.8p-1075", "5e-324"),
            ("0x1p-1075", "0"),
            ("0x1.fffffffffffff8p0", "2"),
            ("0x1.fffffffffffffp1023", "1.7976931348623157e+308"),
            ("1e400", r#"strconv.ParseFloat: parsing "1e400": value out of range"#),
            ("0x1p1024", r#"strconv.ParseFloat: parsing "0x1p1024": value out of range"#),
        ] {
            assert_eq!(float(text), want, "{text}");
        }
        for text in ["-nan", "", "1e", "0x1", "1__0", "_1", "0x", "1.2.3", " 1", "1f", ".", "e5", "0x.p1", "infin", "1e+"] {
            assert_eq!(float(text), format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"));
        }
        assert_eq!(parse_float(b"0.1", 32), Ok(f64::from(0.1_f32)));
    }
}
