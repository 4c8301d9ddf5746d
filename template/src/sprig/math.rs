//! Numbers: arithmetic in 64 bits that wraps, decimal arithmetic, rounding, conversions.

use super::args::{Done, any, int, text};
use super::cast::{float_to_int, printed, to_float64, to_int64};
use crate::func::{Context, Function};
use crate::go::decimal::Decimal;
use crate::go::strconv::{NumErrorKind, atoi, parse_int};
use crate::types::Type;
use crate::value::Value;

const ANY: Type = Type::Any;
const FLOAT: Type = Type::FLOAT64;
const INT64: Type = Type::INT64;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("add", &[ANY], INT64, |_, args| Ok(Value::int64(args.iter().map(to_int64).fold(0, i64::wrapping_add)))),
    Function::new("add1", &[ANY], INT64, |_, args| Ok(Value::int64(to_int64(&any(args, 0)).wrapping_add(1)))),
    Function::new("add1f", &[ANY], FLOAT, |context, args| {
        decimals(context, &[any(args, 0), Value::int(1)], |sum, value| Ok(sum.add(value)))
    }),
    Function::variadic("addf", &[ANY], FLOAT, |context, args| {
        let mut all = vec![Value::int(0)];
        all.extend(args.iter_mut().map(std::mem::take));
        decimals(context, &all, |sum, value| Ok(sum.add(value)))
    }),
    Function::new("atoi", &[Type::STRING], Type::INT, |_, args| Ok(Value::int(clamped(&text(args, 0))))),
    Function::variadic("biggest", &[ANY, ANY], INT64, |_, args| Ok(fold(args, i64::max))),
    Function::new("ceil", &[ANY], FLOAT, |_, args| Ok(Value::float64(to_float64(&any(args, 0)).ceil()))),
    Function::new("div", &[ANY, ANY], INT64, |_, args| divide(args, i64::wrapping_div)),
    Function::variadic("divf", &[ANY, ANY], FLOAT, |context, args| decimals(context, args, Decimal::div)),
    Function::new("float64", &[ANY], FLOAT, |_, args| Ok(Value::float64(to_float64(&any(args, 0))))),
    Function::new("floor", &[ANY], FLOAT, |_, args| Ok(Value::float64(to_float64(&any(args, 0)).floor()))),
    Function::new("int", &[ANY], Type::INT, |_, args| Ok(Value::int(to_int64(&any(args, 0))))),
    Function::new("int64", &[ANY], INT64, |_, args| Ok(Value::int64(to_int64(&any(args, 0))))),
    Function::variadic("max", &[ANY, ANY], INT64, |_, args| Ok(fold(args, i64::max))),
    Function::variadic("maxf", &[ANY, ANY], FLOAT, |_, args| Ok(fold_floats(args, larger))),
    Function::variadic("min", &[ANY, ANY], INT64, |_, args| Ok(fold(args, i64::min))),
    Function::variadic("minf", &[ANY, ANY], FLOAT, |_, args| Ok(fold_floats(args, |a, b| -larger(-a, -b)))),
    Function::new("mod", &[ANY, ANY], INT64, |_, args| divide(args, i64::wrapping_rem)),
    Function::variadic("mul", &[ANY, ANY], INT64, |_, args| Ok(fold(args, i64::wrapping_mul))),
    Function::variadic("mulf", &[ANY, ANY], FLOAT, |context, args| decimals(context, args, |product, value| Ok(product.mul(value)))),
    Function::variadic("round", &[ANY, Type::INT, FLOAT], FLOAT, |_, args| {
        let on = args.get(2).map_or(0.5, to_float64);
        Ok(Value::float64(round(to_float64(&any(args, 0)), int(args, 1), on)))
    }),
    Function::new("sub", &[ANY, ANY], INT64, |_, args| Ok(Value::int64(to_int64(&any(args, 0)).wrapping_sub(to_int64(&any(args, 1)))))),
    Function::variadic("subf", &[ANY, ANY], FLOAT, |context, args| decimals(context, args, |rest, value| Ok(rest.sub(value)))),
    // Reads octal digits, whatever its name says.
    Function::new("toDecimal", &[ANY], INT64, |context, args| {
        let text = printed(context, &any(args, 0))?;
        Ok(Value::int64(parse_int(&text, 8, 64).unwrap_or(0)))
    }),
];

/// Reads a decimal integer; what is too large becomes the largest, what is none is 0.
pub(super) fn clamped(text: &[u8]) -> i64 {
    atoi(text).unwrap_or_else(|error| match (error.kind, text.first()) {
        (NumErrorKind::Syntax, _) => 0,
        (NumErrorKind::Range, Some(b'-')) => i64::MIN,
        (NumErrorKind::Range, _) => i64::MAX,
    })
}

fn fold<'a>(args: &[Value<'_>], with: fn(i64, i64) -> i64) -> Value<'a> {
    Value::int64(args.iter().map(to_int64).reduce(with).unwrap_or(0))
}

fn fold_floats<'a>(args: &[Value<'_>], with: fn(f64, f64) -> f64) -> Value<'a> {
    Value::float64(args.iter().map(to_float64).reduce(with).unwrap_or(0.0))
}

/// Go's `math.Max`: infinity before not-a-number, which wins over everything else, and 0 is more than -0.
fn larger(a: f64, b: f64) -> f64 {
    if a == f64::INFINITY || b == f64::INFINITY {
        f64::INFINITY
    } else if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if a == 0.0 && b == 0.0 {
        if a.is_sign_negative() { b } else { a }
    } else {
        a.max(b)
    }
}

fn divide<'a>(args: &[Value<'_>], with: fn(i64, i64) -> i64) -> Done<'a> {
    match args {
        [a, b] if to_int64(b) != 0 => Ok(Value::int64(with(to_int64(a), to_int64(b)))),
        _ => Err("runtime error: integer divide by zero".into()),
    }
}

/// Computes with decimals, whose digits grow with every number.
fn decimals<'a>(context: &mut Context<'_>, args: &[Value<'_>], with: impl Fn(&Decimal, &Decimal) -> Result<Decimal, String>) -> Done<'a> {
    let mut result = Decimal::from_float(0.0)?;
    for (i, arg) in args.iter().enumerate() {
        let value = Decimal::from_float(to_float64(arg))?;
        result = if i == 0 { value } else { with(&result, &value)? };
        context.spend(result.digits())?;
    }
    Ok(Value::float64(result.to_float()))
}

/// Rounds to places behind the point, up from the fraction `on` on; negative numbers so round down on their halves.
fn round(value: f64, places: i64, on: f64) -> f64 {
    let scale = power_of_ten(places);
    let scaled = scale * value;
    let fraction = if scaled.is_infinite() { f64::NAN } else { scaled - scaled.trunc() };
    (if fraction >= on { scaled.ceil() } else { scaled.floor() }) / scale
}

/// `10^exponent` as Go's `math.Pow` computes it, by squaring, with its rounding.
fn power_of_ten(exponent: i64) -> f64 {
    let (mut result, mut result_exponent) = (1.0_f64, 0_i64);
    // 10 is 0.625 × 2^4.
    let (mut square, mut square_exponent) = (0.625_f64, 4_i64);
    let mut left = exponent.unsigned_abs();
    while left != 0 {
        if square_exponent > 1 << 12 {
            result_exponent += square_exponent;
            break;
        }
        if left & 1 == 1 {
            result *= square;
            result_exponent += square_exponent;
        }
        square *= square;
        square_exponent <<= 1;
        if square < 0.5 {
            square += square;
            square_exponent -= 1;
        }
        left >>= 1;
    }
    if exponent < 0 {
        (result, result_exponent) = (1.0 / result, -result_exponent);
    }
    // In two steps, since half of the exponent is always within range.
    let half = i32::try_from((result_exponent / 2).clamp(-1000, 1000)).unwrap_or(0);
    let rest = i32::try_from((result_exponent - i64::from(half)).clamp(-1000, 1000)).unwrap_or(0);
    result * 2_f64.powi(half) * 2_f64.powi(rest)
}

/// Cuts a double to an integer for functions that count in doubles.
pub(super) fn whole(value: f64) -> i64 {
    float_to_int(value)
}
