//! Go's `fmt`: `print`, `println`, `printf`, and how a value prints in a template's output.
//!
//! In: values, a format. Out: bytes. What cannot be printed as asked prints Go's complaint (`%!d(string=x)`), never an
//! error. Output stops growing at a limit, and nesting at another, so that a map that holds itself ends.

use crate::object::Form;
use crate::value::Value;

mod format;
mod methods;
mod number;
mod text;
mod value;

pub use format::sprintf;
pub(crate) use methods::{Text, text_method};

/// How deep a printed value may nest.
const MAX_DEPTH: usize = 100;

/// How a value is to be written.
#[derive(Clone, Copy, Debug, Default)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// `%+v`: names of fields.
    plus_v: bool,
    /// `%#v`: Go syntax.
    sharp_v: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Writes values into a buffer.
pub(crate) struct Printer<'o> {
    out: &'o mut Vec<u8>,
    flags: Flags,
    /// While a complaint is written, methods are not called.
    complaining: bool,
    /// The length of the buffer at which nothing more is written.
    limit: usize,
}

impl<'o> Printer<'o> {
    fn new(out: &'o mut Vec<u8>, limit: usize) -> Self {
        Self { out, flags: Flags::default(), complaining: false, limit }
    }

    fn full(&self) -> bool {
        self.out.len() > self.limit
    }
}

/// What is really printed of a value: behind a pointer, and with the methods of a pointer where it has an address.
pub(crate) fn printable(value: Value<'_>) -> Value<'_> {
    match value.indirect() {
        Value::Object(object, Form::Addressable) => {
            let pointer = Value::Object(object, Form::Pointer);
            match methods::has_text_method(&pointer) {
                true => pointer,
                false => pointer.indirect().boxed(),
            }
        }
        other => other,
    }
}

/// Writes what [`printable`] gave, as a template's output has it.
pub(crate) fn print_printable(out: &mut Vec<u8>, value: &Value<'_>, limit: usize) {
    match value {
        Value::Nil => out.extend_from_slice(b"<no value>"),
        Value::Str(text, ty) if ty.methods.is_empty() => out.extend_from_slice(text),
        _ => Printer::new(out, limit).argument(value, 'v'),
    }
}

/// Writes a value as `print` does, up to a size no sane value has.
pub(crate) fn print_value(out: &mut Vec<u8>, value: &Value<'_>) {
    let limit = out.len().saturating_add(16 << 20);
    Printer::new(out, limit).argument(value, 'v');
}

/// Writes a value for an error text.
pub(crate) fn text(value: &Value<'_>) -> String {
    text_as(value, 'v')
}

/// Writes a value for an error text, with a verb.
pub(crate) fn text_as(value: &Value<'_>, verb: char) -> String {
    let mut out = Vec::new();
    Printer::new(&mut out, 1 << 16).argument(value, verb);
    String::from_utf8_lossy(&out).into_owned()
}

/// Go's `fmt.Sprint`: values side by side, a space between two that are no strings. Past the limit it stops where it is.
pub fn sprint(values: &[Value<'_>], limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut after_string = true;
    for (i, value) in values.iter().enumerate() {
        let is_string = matches!(value, Value::Str(..));
        if i > 0 && !is_string && !after_string {
            out.push(b' ');
        }
        Printer::new(&mut out, limit).argument(value, 'v');
        if out.len() > limit {
            break;
        }
        after_string = is_string;
    }
    out
}

/// Go's `fmt.Sprintln`: values with a space between each two, and a newline. Past the limit it stops where it is.
pub fn sprintln(values: &[Value<'_>], limit: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for (i, value) in values.iter().enumerate() {
        if i > 0 {
            out.push(b' ');
        }
        Printer::new(&mut out, limit).argument(value, 'v');
        if out.len() > limit {
            break;
        }
    }
    out.push(b'\n');
    out
}
