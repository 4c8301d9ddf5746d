//! Go's `time.Duration`: nanoseconds in 64 bits, written as `1h2m3.5s`.

use std::fmt;

use super::time::quote;

/// A span of time in nanoseconds; arithmetic never panics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(pub i64);

/// Nanoseconds in a microsecond.
pub const MICROSECOND: i64 = 1_000;
/// Nanoseconds in a millisecond.
pub const MILLISECOND: i64 = 1_000_000;
/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Nanoseconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;

impl Duration {
    /// Gives the whole nanoseconds.
    #[must_use]
    pub fn nanoseconds(self) -> i64 {
        self.0
    }

    /// Gives the whole microseconds, cut towards zero.
    #[must_use]
    pub fn microseconds(self) -> i64 {
        self.0 / MICROSECOND
    }

    /// Gives the whole milliseconds, cut towards zero.
    #[must_use]
    pub fn milliseconds(self) -> i64 {
        self.0 / MILLISECOND
    }

    /// Gives the seconds as a floating point number.
    #[must_use]
    pub fn seconds(self) -> f64 {
        self.in_units(SECOND)
    }

    /// Gives the minutes as a floating point number.
    #[must_use]
    pub fn minutes(self) -> f64 {
        self.in_units(MINUTE)
    }

    /// Gives the hours as a floating point number.
    #[must_use]
    pub fn hours(self) -> f64 {
        self.in_units(HOUR)
    }

    #[expect(clippy::cast_precision_loss, reason = "Go adds the whole part and the rest as doubles, too")]
    fn in_units(self, unit: i64) -> f64 {
        (self.0 / unit) as f64 + (self.0 % unit) as f64 / unit as f64
    }

    /// Cuts to a multiple of `unit`, towards zero; a unit of zero or less changes nothing.
    #[must_use]
    pub fn truncate(self, unit: Self) -> Self {
        if unit.0 <= 0 { self } else { Self(self.0 - self.0 % unit.0) }
    }

    /// Rounds to the nearest multiple of `unit`, halves away from zero, stopping at the ends of the type.
    #[must_use]
    pub fn round(self, unit: Self) -> Self {
        if unit.0 <= 0 {
            return self;
        }
        let (value, unit) = (i128::from(self.0), i128::from(unit.0));
        let rest = (value % unit).abs();
        let toward = value - value % unit;
        let rounded = if rest * 2 < unit { toward } else { toward + unit * value.signum() };
        Self(saturate(rounded))
    }

    /// Gives the magnitude; the smallest duration becomes the largest.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }
}

/// Brings nanoseconds into the type's range.
pub(super) fn saturate(nanoseconds: i128) -> i64 {
    i64::try_from(nanoseconds).unwrap_or(if nanoseconds < 0 { i64::MIN } else { i64::MAX })
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let second = SECOND.unsigned_abs();
        if total < second {
            return match total {
                0 => f.write_str("0s"),
                1..1_000 => write!(f, "{total}ns"),
                1_000..1_000_000 => write!(f, "{}µs", decimal(total, 1_000)),
                _ => write!(f, "{}ms", decimal(total, 1_000_000)),
            };
        }
        let (hours, minutes) = (total / second / 3600, total / second / 60 % 60);
        if hours > 0 {
            write!(f, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(f, "{minutes}m")?;
        }
        write!(f, "{}s", decimal(total % (60 * second), second))
    }
}

/// `value / unit` without trailing zeros; the unit is a power of ten.
fn decimal(value: u64, unit: u64) -> String {
    let width = unit.ilog10() as usize;
    let text = format!("{}.{:0width$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Reads what [`Duration`] prints, and any other list of numbers with units.
///
/// # Errors
/// Go's text: `time: invalid duration "x"`, `time: missing unit in duration "5"`, `time: unknown unit "d" in duration "1d"`.
pub fn parse(text: &[u8]) -> Result<Duration, String> {
    let invalid = || format!("time: invalid duration {}", quote(text));
    let (negative, mut rest) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    if rest == b"0" {
        return Ok(Duration(0));
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    const LIMIT: u64 = 1 << 63;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let whole_digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
        let whole = rest[..whole_digits]
            .iter()
            .try_fold(0_u64, |value, c| value.checked_mul(10)?.checked_add(u64::from(c - b'0')).filter(|value| *value <= LIMIT))
            .ok_or_else(invalid)?;
        rest = &rest[whole_digits..];
        let mut fraction: &[u8] = &[];
        if let Some(after) = rest.strip_prefix(b".") {
            let digits = after.iter().take_while(|c| c.is_ascii_digit()).count();
            (fraction, rest) = after.split_at(digits);
        }
        if whole_digits == 0 && fraction.is_empty() {
            return Err(invalid());
        }
        let name_length = rest.iter().take_while(|c| **c != b'.' && !c.is_ascii_digit()).count();
        if name_length == 0 {
            return Err(format!("time: missing unit in duration {}", quote(text)));
        }
        let (name, after) = rest.split_at(name_length);
        rest = after;
        let unit = unit(name).ok_or_else(|| format!("time: unknown unit {} in duration {}", quote(name), quote(text)))?;
        let value = whole.checked_mul(unit).filter(|value| *value <= LIMIT).ok_or_else(invalid)? + part(fraction, unit);
        total = total.checked_add(value).filter(|total| *total <= LIMIT).ok_or_else(invalid)?;
    }
    if negative {
        return Ok(Duration(0_i64.wrapping_sub_unsigned(total)));
    }
    i64::try_from(total).map(Duration).map_err(|_| invalid())
}

fn unit(name: &[u8]) -> Option<u64> {
    let nanoseconds = match name {
        b"ns" => 1,
        b"us" | b"\xc2\xb5s" | b"\xce\xbcs" => MICROSECOND,
        b"ms" => MILLISECOND,
        b"s" => SECOND,
        b"m" => MINUTE,
        b"h" => HOUR,
        _ => return None,
    };
    Some(nanoseconds.unsigned_abs())
}

/// The nanoseconds in `0.digits` of a unit, computed as Go does, with its rounding.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "Go computes in doubles and cuts")]
fn part(digits: &[u8], unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for c in digits {
        let Some(next) = value.checked_mul(10).and_then(|v| v.checked_add(u64::from(c - b'0'))).filter(|v| i64::try_from(*v).is_ok())
        else {
            break;
        };
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go_does() {
        for (nanoseconds, want) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (18_367_001_000_000, "5h6m7.001s"),
            (3_600_000_000_000, "1h0m0s"),
            (-1, "-1ns"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(Duration(nanoseconds).to_string(), want);
        }
    }

    #[test]
    fn reads_as_go_does() {
        for (text, want) in [
            ("0", 0),
            ("5s", 5 * SECOND),
            ("-1.5h", -90 * MINUTE),
            ("+.5s", SECOND / 2),
            ("1.s", SECOND),
            ("1h15m30.918273645s", 4_530_918_273_645),
            ("12µs3us4μs", 19_000),
            ("0.3333333333333333333h", 20 * MINUTE),
            ("-9223372036854775808ns", i64::MIN),
            ("9223372036854775807ns", i64::MAX),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(Duration(want)), "{text}");
        }
        for (text, want) in [
            ("", r#"time: invalid duration """#),
            ("3", r#"time: missing unit in duration "3""#),
            ("-", r#"time: invalid duration "-""#),
            (".s", r#"time: invalid duration ".s""#),
            ("1d", r#"time: unknown unit "d" in duration "1d""#),
            ("1é", r#"time: unknown unit "\xc3\xa9" in duration "1\xc3\xa9""#),
            ("bad", r#"time: invalid duration "bad""#),
            ("9223372036854775808ns", r#"time: invalid duration "9223372036854775808ns""#),
            ("3000000h", r#"time: invalid duration "3000000h""#),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn rounds_halves_away_from_zero() {
        let minute = Duration(MINUTE);
        assert_eq!(Duration(90 * SECOND).round(minute), Duration(2 * MINUTE));
        assert_eq!(Duration(-90 * SECOND).round(minute), Duration(-2 * MINUTE));
        assert_eq!(Duration(89 * SECOND).round(minute), minute);
        assert_eq!(Duration(i64::MAX).round(Duration(HOUR)), Duration(i64::MAX));
        assert_eq!(Duration(-119 * SECOND).truncate(minute), Duration(-MINUTE));
        assert_eq!(Duration(5).round(Duration(0)), Duration(5));
        assert_eq!((Duration(90 * MINUTE).hours(), Duration(1500 * MILLISECOND).seconds()), (1.5, 1.5));
    }
}
