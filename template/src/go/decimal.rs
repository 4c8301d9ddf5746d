//! Decimal arithmetic as shopspring's `decimal` does it for Sprig: exact, but for division, which keeps 16 places.
//!
//! In: doubles, taken by their shortest text (`0.1` is a tenth). Out: the double nearest to the exact result.

use num_bigint::{BigInt, Sign};

use super::strconv::format_float;

/// A number `digits × 10^exponent`.
#[derive(Clone, Debug)]
pub struct Decimal {
    digits: BigInt,
    exponent: i64,
}

/// Places that a division keeps.
const DIVISION_PLACES: i64 = 16;

impl Decimal {
    /// Takes a double by its shortest text.
    ///
    /// # Errors
    /// What is no number or infinite.
    pub fn from_float(value: f64) -> Result<Self, String> {
        if !value.is_finite() {
            return Err(format!("Cannot create a Decimal from {}", format_float(value, b'g', None, 64)));
        }
        let text = format_float(value, b'e', None, 64);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let places = mantissa.split_once('.').map_or(0, |(_, places)| places.len());
        let digits = mantissa.replace('.', "").parse::<i64>().unwrap_or(0);
        let exponent = exponent.parse::<i64>().unwrap_or(0) - i64::try_from(places).unwrap_or(0);
        Ok(Self { digits: digits.into(), exponent })
    }

    /// Adds.
    #[must_use]
    pub fn add(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self { digits: self.at(exponent) + other.at(exponent), exponent }
    }

    /// Subtracts.
    #[must_use]
    pub fn sub(&self, other: &Self) -> Self {
        let exponent = self.exponent.min(other.exponent);
        Self { digits: self.at(exponent) - other.at(exponent), exponent }
    }

    /// Multiplies.
    #[must_use]
    pub fn mul(&self, other: &Self) -> Self {
        Self { digits: &self.digits * &other.digits, exponent: self.exponent + other.exponent }
    }

    /// Divides, rounding to 16 places, halves away from zero.
    ///
    /// # Errors
    /// The divisor is zero.
    pub fn div(&self, other: &Self) -> Result<Self, String> {
        if other.digits.sign() == Sign::NoSign {
            return Err("decimal division by 0".to_owned());
        }
        let shift = self.exponent - other.exponent + DIVISION_PLACES;
        let (above, below) = if shift < 0 {
            (self.digits.clone(), &other.digits * power(-shift))
        } else {
            (&self.digits * power(shift), other.digits.clone())
        };
        let mut quotient = &above / &below;
        let rest: BigInt = &above % &below;
        if rest.magnitude() * 2_u8 >= *below.magnitude() {
            let down = (above.sign() == Sign::Minus) != (below.sign() == Sign::Minus);
            quotient += if down { -1 } else { 1 };
        }
        Ok(Self { digits: quotient, exponent: -DIVISION_PLACES })
    }

    /// Gives about how many digits are kept.
    #[must_use]
    pub fn digits(&self) -> u64 {
        self.digits.bits() / 3
    }

    /// Gives the nearest double; what is too large becomes infinite.
    #[must_use]
    pub fn to_float(&self) -> f64 {
        format!("{}e{}", self.digits, self.exponent).parse().unwrap_or(f64::NAN)
    }

    /// The digits at an exponent that is not above the number's own.
    fn at(&self, exponent: i64) -> BigInt {
        &self.digits * power(self.exponent - exponent)
    }
}

fn power(exponent: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(exponent).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    fn number(value: f64) -> Decimal {
        Decimal::from_float(value).unwrap()
    }

    #[test]
    fn tenths_are_tenths() {
        assert_eq!(number(0.1).add(&number(0.2)).to_float(), 0.3);
        assert_eq!(number(1.0).sub(&number(0.9)).to_float(), 0.1);
        assert_eq!(number(1.1).mul(&number(3.0)).to_float(), 3.3);
        assert_eq!(number(1e20).add(&number(1.0)).to_float(), 1e20);
        assert_eq!(number(1e300).mul(&number(1e10)).to_float(), f64::INFINITY);
        assert_eq!(number(-1e308).add(&number(5e-324)).to_float(), -1e308);
    }

    #[test]
    fn divisions_keep_sixteen_places() {
        assert_eq!(number(1.0).div(&number(3.0)).unwrap().to_float(), 0.333_333_333_333_333_3);
        assert_eq!(number(2.0).div(&number(-3.0)).unwrap().to_float(), -0.666_666_666_666_666_7);
        assert_eq!(number(1e-20).div(&number(1.0)).unwrap().to_float(), 0.0);
        assert_eq!(number(1.0).div(&number(0.0)).unwrap_err(), "decimal division by 0");
        assert_eq!(Decimal::from_float(f64::INFINITY).unwrap_err(), "Cannot create a Decimal from +Inf");
    }
}
