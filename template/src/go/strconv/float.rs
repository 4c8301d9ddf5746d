//! Floating point numbers to text.

/// Precisions above this only add zeros: no `f64` has more digits.
const EXACT_DIGITS: usize = 1_100;

/// A number's decimal digits, without trailing zeros, and where the point stands: `0.d1d2d3… × 10^point`.
struct Digits {
    digits: Vec<u8>,
    point: i64,
}

impl Digits {
    /// Reads Rust's `1.234e5`.
    fn read(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
        while digits.last() == Some(&b'0') {
            digits.pop();
        }
        let point = if digits.is_empty() { 0 } else { exponent.parse::<i64>().unwrap_or(0) + 1 };
        Self { digits, point }
    }

    /// The fewest digits that read back as the same number, those nearest to it.
    fn shortest(value: f64, bits: u32) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a 32 bit number was one before it came here")]
        let narrow = value as f32;
        let found = Self::read(&if bits == 32 { format!("{narrow:e}") } else { format!("{value:e}") });
        let count = found.digits.len();
        // Of two that are equally near Go takes the even one. That needs an exact value with just one digit more, so nearly all the digits there are.
        if count < if bits == 32 { 6 } else { 15 } {
            return found;
        }
        let text = format!("{value:.*e}", count - 1);
        let same = if bits == 32 { text.parse() == Ok(narrow) } else { text.parse() == Ok(value) };
        if same { Self::read(&text) } else { found }
    }

    /// Rounds to `count` digits, half to even on the exact value.
    fn rounded(value: f64, count: usize) -> Self {
        Self::read(&format!("{value:.*e}", count.clamp(1, EXACT_DIGITS) - 1))
    }

    fn digit(&self, at: i64) -> char {
        usize::try_from(at).ok().and_then(|at| self.digits.get(at)).map_or('0', |digit| char::from(*digit))
    }

    fn scientific(&self, out: &mut String, precision: usize, letter: char) {
        out.push(self.digit(0));
        if precision > 0 {
            out.push('.');
            out.extend(self.digits.iter().skip(1).take(precision).map(|digit| char::from(*digit)));
            let written = self.digits.len().saturating_sub(1).min(precision);
            out.extend(std::iter::repeat_n('0', precision - written));
        }
        let exponent = if self.digits.is_empty() { 0 } else { self.point - 1 };
        out.push(letter);
        out.push(if exponent < 0 { '-' } else { '+' });
        out.push_str(&format!("{:02}", exponent.unsigned_abs()));
    }

    fn plain(&self, out: &mut String, precision: usize) {
        if self.point > 0 {
            out.extend((0..self.point).map(|at| self.digit(at)));
        } else {
            out.push('0');
        }
        if precision > 0 {
            out.push('.');
            let from = self.point;
            out.extend((0..i64::try_from(precision).unwrap_or(i64::MAX)).map(|at| self.digit(from + at)));
        }
    }
}

/// Writes a number as Go's `FormatFloat` does: verb `e E f F g G b x X`, shortest text that reads back when there is no precision.
#[must_use]
pub fn format_float(value: f64, verb: u8, precision: Option<usize>, bits: u32) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let mut out = String::new();
    if value.is_sign_negative() {
        out.push('-');
    }
    let magnitude = value.abs();
    match verb {
        b'e' | b'E' => {
            let digits = match precision {
                Some(precision) => Digits::rounded(magnitude, precision.saturating_add(1)),
                None => Digits::shortest(magnitude, bits),
            };
            let precision = precision.unwrap_or_else(|| digits.digits.len().saturating_sub(1));
            digits.scientific(&mut out, precision, char::from(verb));
        }
        b'f' | b'F' => match precision {
            Some(precision) => {
                let exact = precision.min(EXACT_DIGITS);
                out.push_str(&format!("{magnitude:.exact$}"));
                out.extend(std::iter::repeat_n('0', precision - exact));
            }
            None => {
                let digits = Digits::shortest(magnitude, bits);
                let places = i64::try_from(digits.digits.len()).unwrap_or(0) - digits.point;
                digits.plain(&mut out, usize::try_from(places).unwrap_or(0));
            }
        },
        b'g' | b'G' => general(&mut out, magnitude, verb, precision, bits),
        b'b' => binary(&mut out, magnitude, bits),
        b'x' | b'X' => hexadecimal(&mut out, magnitude, verb, precision, bits),
        _ => {
            out.clear();
            out.push('%');
            out.push(char::from(verb));
        }
    }
    out
}

fn general(out: &mut String, magnitude: f64, verb: u8, precision: Option<usize>, bits: u32) {
    let digits = match precision {
        Some(precision) => Digits::rounded(magnitude, precision.max(1)),
        None => Digits::shortest(magnitude, bits),
    };
    let count = digits.digits.len();
    // From which exponent on the scientific form is used.
    let limit = match precision {
        None => 6,
        Some(precision) => {
            let precision = precision.max(1);
            if precision > count && i64::try_from(count).is_ok_and(|count| count >= digits.point) { count } else { precision }
        }
    };
    let exponent = digits.point - 1;
    if exponent < -4 || exponent >= i64::try_from(limit).unwrap_or(i64::MAX) {
        let shown = precision.map_or(count, |precision| precision.max(1).min(count));
        // Without a precision Go compares with 6 but shows all the digits.
        let letter = if verb == b'g' { 'e' } else { 'E' };
        digits.scientific(out, shown.saturating_sub(1), letter);
    } else {
        let places = i64::try_from(count).unwrap_or(0) - digits.point;
        digits.plain(out, usize::try_from(places).unwrap_or(0));
    }
}

/// The mantissa with its implicit bit and the binary exponent of its lowest bit.
fn parts(magnitude: f64, bits: u32) -> (u64, i32) {
    let (fraction, biased, width, bias) = if bits == 32 {
        #[expect(clippy::cast_possible_truncation, reason = "a 32 bit number was one before it came here")]
        let raw = (magnitude as f32).to_bits();
        (u64::from(raw & 0x7F_FFFF), raw >> 23, 23, 127)
    } else {
        let raw = magnitude.to_bits();
        (raw & 0xF_FFFF_FFFF_FFFF, u32::try_from(raw >> 52).unwrap_or(0), 52, 1023)
    };
    let biased = i32::try_from(biased).unwrap_or(0);
    if biased == 0 { (fraction, 1 - bias - width) } else { (fraction | 1 << width, biased - bias - width) }
}

fn binary(out: &mut String, magnitude: f64, bits: u32) {
    let (mantissa, exponent) = parts(magnitude, bits);
    out.push_str(&format!("{mantissa}p{exponent:+}"));
}

fn hexadecimal(out: &mut String, magnitude: f64, verb: u8, precision: Option<usize>, bits: u32) {
    let (mut mantissa, mut exponent) = parts(magnitude, bits);
    // One digit before the point, bit 60, the rest below.
    if mantissa == 0 {
        exponent = 0;
    } else {
        let shift = mantissa.leading_zeros() - 3;
        mantissa <<= shift;
        exponent += 60 - i32::try_from(shift).unwrap_or(0);
    }
    if let Some(precision) = precision.filter(|precision| *precision < 15) {
        let dropped = 60 - 4 * u32::try_from(precision).unwrap_or(0);
        let extra = mantissa & ((1 << dropped) - 1);
        mantissa >>= dropped;
        let half = 1_u64 << (dropped - 1);
        if extra > half || extra == half && mantissa & 1 == 1 {
            mantissa += 1;
        }
        mantissa <<= dropped;
        if mantissa & (1 << 61) != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let mut text = format!("0x{}", mantissa >> 60);
    let digits = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let digits = match precision {
        Some(precision) => format!("{digits:0<width$}", width = precision.clamp(15, EXACT_DIGITS))
            .get(..precision.min(EXACT_DIGITS))
            .unwrap_or_default()
            .to_owned(),
        None => digits.trim_end_matches('0').to_owned(),
    };
    if !digits.is_empty() {
        text.push('.');
        text.push_str(&digits);
    }
    text.push_str(&format!("p{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.unsigned_abs()));
    out.push_str(&if verb == b'X' { text.to_uppercase() } else { text });
}

#[cfg(test)]
mod tests {
    use super::format_float;

    #[test]
    fn prints_what_go_prints() {
        for (value, verb, precision, bits, want) in [
            (0e0_f64, b'g', None, 64, "0"),
            (1e21_f64, b'g', None, 64, "1e+21"),
            (1.23456789e8_f64, b'g', None, 64, "1.23456789e+08"),
            (1e20_f64, b'e', None, 64, "1e+20"),
            (1.2e-5_f64, b'g', None, 64, "1.2e-05"),
            (1e5_f64, b'g', None, 64, "100000"),
            (1e6_f64, b'g', None, 64, "1e+06"),
            (8.581436013767862e14_f64, b'g', None, 64, "8.581436013767862e+14"),
            (1e-1_f64, b'e', Some(20), 64, "1.00000000000000005551e-01"),
            (2.5e0_f64, b'f', Some(0), 64, "2"),
            (3.5e0_f64, b'f', Some(0), 64, "4"),
            (1e-7_f64, b'f', None, 64, "0.0000001"),
            (1e-1_f64, b'g', None, 32, "0.1"),
            (1.23456e2_f64, b'G', Some(3), 64, "123"),
            (1e100_f64, b'G', Some(4), 64, "1E+100"),
            (1.5e0_f64, b'b', None, 64, "6755399441055744p-52"),
            (1.5e0_f64, b'x', None, 64, "0x1.8p+00"),
            (1.999e0_f64, b'X', Some(1), 64, "0X1.0P+01"),
            (-1e-4_f64, b'g', Some(1), 64, "-0.0001"),
            (1.2345678e4_f64, b'f', Some(2), 64, "12345.68"),
            (5e-324_f64, b'e', None, 64, "5e-324"),
            (1e2_f64, b'g', Some(5), 64, "100"),
        ] {
            assert_eq!(format_float(value, verb, precision, bits), want, "{value:e} {}", char::from(verb));
        }
        assert_eq!(format_float(f64::NAN, b'f', None, 64), "NaN");
        assert_eq!(format_float(f64::NEG_INFINITY, b'e', Some(3), 64), "-Inf");
        assert_eq!(format_float(-0.0, b'g', None, 64), "-0");
        assert_eq!(format_float(0.5, b'f', Some(100_000), 64).len(), 100_002);
    }
}
