//! Sequences of integers.

use super::args::{Done, charge_elements, int};
use crate::func::{Context, Function};
use crate::types::Type;
use crate::value::{List, Value};

const INT: Type = Type::INT;
const INTS: Type = Type::Slice(&INT);

pub(super) const FUNCTIONS: &[Function] = &[
    Function::variadic("seq", &[INT], Type::STRING, seq),
    Function::new("until", &[INT], INTS, |context, args| {
        let end = int(args, 0);
        list(context, &Steps::new(0, end, if end < 0 { -1 } else { 1 }))
    }),
    Function::new("untilStep", &[INT, INT, INT], INTS, |context, args| {
        list(context, &Steps::new(int(args, 0), int(args, 1), int(args, 2)))
    }),
];

/// The integers from a start on, in steps, before an end.
struct Steps {
    start: i128,
    step: i128,
    count: usize,
}

impl Steps {
    /// Steps that lead away from the end give nothing.
    fn new(start: i64, end: i64, step: i64) -> Self {
        let (start, end, step) = (i128::from(start), i128::from(end), i128::from(step));
        let leads = if end < start { step < 0 } else { step > 0 };
        let count = if leads { ((end - start).abs() + step.abs() - 1) / step.abs() } else { 0 };
        Self { start, step, count: usize::try_from(count).unwrap_or(usize::MAX) }
    }

    fn iter(&self) -> impl Iterator<Item = i64> {
        let (start, step) = (self.start, self.step);
        (0..self.count).map(move |i| {
            let at = i128::try_from(i).unwrap_or(0);
            i64::try_from(start + step * at).unwrap_or(0)
        })
    }
}

fn list<'a>(context: &mut Context<'_>, steps: &Steps) -> Done<'a> {
    charge_elements(context, steps.count)?;
    Ok(Value::List(List::new(&Type::INT, steps.iter().map(Value::int).collect())))
}

/// `seq end`, `seq start end` or `seq start step end`, the end included; any other number of arguments gives nothing.
fn seq<'a>(context: &mut Context<'_>, args: &mut [Value<'a>]) -> Done<'a> {
    let toward = |start: i64, end: i64| if end < start { -1 } else { 1 };
    let (start, step, end) = match *args {
        [_] => (1, toward(1, int(args, 0)), int(args, 0)),
        [_, _] => (int(args, 0), toward(int(args, 0), int(args, 1)), int(args, 1)),
        [_, _, _] => (int(args, 0), int(args, 1), int(args, 2)),
        _ => return Ok("".into()),
    };
    if end < start && step > 0 {
        return Ok("".into());
    }
    let steps = Steps::new(start, end.wrapping_add(toward(start, end)), step);
    // No integer takes more than 20 bytes.
    context.reserve(steps.count.saturating_mul(4))?;
    let mut out = String::new();
    for (i, value) in steps.iter().enumerate() {
        if i > 0 {
            out.push(' ');
        }
        out.push_str(&value.to_string());
    }
    Ok(Value::string(out))
}
