//! The functions every template has: logic, comparison, indexing, printing, escaping.
//!
//! In: slots, since the builtins also see what is missing. Out: a slot, or Go's error text. `and` and `or`, which do not
//! evaluate all their arguments, are the interpreter's.

use crate::func::{Context, FuncError};
use crate::go::url;
use crate::print;
use crate::slot::Slot;
use crate::types::{Kind, Type};
use crate::value::Value;

mod compare;
mod escape;
mod index;

type Result<T> = std::result::Result<T, FuncError>;

/// A builtin function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    And,
    Or,
    Call,
    Html,
    Index,
    Js,
    Len,
    Not,
    Print,
    Printf,
    Println,
    Slice,
    UrlQuery,
    Eq,
    Ge,
    Gt,
    Le,
    Lt,
    Ne,
}

const ALL: [(&str, Builtin); 19] = [
    ("and", Builtin::And),
    ("or", Builtin::Or),
    ("call", Builtin::Call),
    ("html", Builtin::Html),
    ("index", Builtin::Index),
    ("js", Builtin::Js),
    ("len", Builtin::Len),
    ("not", Builtin::Not),
    ("print", Builtin::Print),
    ("printf", Builtin::Printf),
    ("println", Builtin::Println),
    ("slice", Builtin::Slice),
    ("urlquery", Builtin::UrlQuery),
    ("eq", Builtin::Eq),
    ("ge", Builtin::Ge),
    ("gt", Builtin::Gt),
    ("le", Builtin::Le),
    ("lt", Builtin::Lt),
    ("ne", Builtin::Ne),
];

impl Builtin {
    /// Finds a builtin by name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        ALL.iter().find(|(known, _)| *known == name).map(|(_, builtin)| *builtin)
    }

    /// Lists the names of all builtins.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|(name, _)| *name)
    }

    /// The name in templates.
    pub(crate) fn name(self) -> &'static str {
        ALL.iter().find(|(_, builtin)| *builtin == self).map_or("", |(name, _)| name)
    }

    /// The parameter types, and whether the last takes any number of arguments.
    pub(crate) fn signature(self) -> (&'static [Type], bool) {
        match self {
            Self::And | Self::Or | Self::Call | Self::Index | Self::Slice | Self::Eq => (&[Type::Reflect, Type::Reflect], true),
            Self::Html | Self::Js | Self::Print | Self::Println | Self::UrlQuery => (&[Type::Any], true),
            Self::Printf => (&[Type::STRING, Type::Any], true),
            Self::Len | Self::Not => (&[Type::Reflect], false),
            Self::Ge | Self::Gt | Self::Le | Self::Lt | Self::Ne => (&[Type::Reflect, Type::Reflect], false),
        }
    }

    /// The type of the result, where it does not depend on the arguments.
    pub(crate) fn result(self) -> Option<Type> {
        match self {
            Self::And | Self::Or | Self::Call | Self::Index | Self::Slice => None,
            Self::Html | Self::Js | Self::Print | Self::Printf | Self::Println | Self::UrlQuery => Some(Type::STRING),
            Self::Len => Some(Type::INT),
            Self::Not | Self::Eq | Self::Ge | Self::Gt | Self::Le | Self::Lt | Self::Ne => Some(Type::BOOL),
        }
    }

    /// Tells whether the function goes through all of its arguments, however long they are.
    pub(crate) fn reads_all(self) -> bool {
        !matches!(self, Self::And | Self::Or | Self::Index | Self::Len | Self::Not | Self::Slice)
    }

    /// Tells whether the function may leave arguments unevaluated.
    pub(crate) fn stops_early(self) -> bool {
        matches!(self, Self::And | Self::Or)
    }

    /// Runs the function on arguments of its signature.
    pub(crate) fn run<'a>(self, context: &mut Context<'_>, args: &[Slot<'a>]) -> Result<Slot<'a>> {
        let Some((first, rest)) = args.split_first() else {
            return self.text(context, args);
        };
        let truth = |truth: bool| Ok(Slot::new(Value::Bool(truth)));
        match self {
            Self::Index => index::index(first, rest),
            Self::Slice => index::slice(context, first, rest),
            Self::Len => index::length(first).map(|length| Slot::new(Value::int(length))),
            Self::Not => truth(!first.value.is_true()),
            Self::Eq => truth(compare::eq(first, rest)?),
            Self::Ne => truth(!compare::eq(first, rest)?),
            Self::Lt => truth(compare::lt(first, rest)?),
            Self::Le => truth(compare::le(first, rest)?),
            Self::Gt => truth(!compare::le(first, rest)?),
            Self::Ge => truth(!compare::lt(first, rest)?),
            _ => self.text(context, args),
        }
    }

    /// Runs a function that gives text.
    fn text<'a>(self, context: &mut Context<'_>, args: &[Slot<'a>]) -> Result<Slot<'a>> {
        let limit = context.bytes_left();
        let plain = || args.iter().map(|slot| slot.value.clone()).collect::<Vec<_>>();
        let escaped = |escape: fn(&[u8]) -> Vec<u8>| match args {
            [Slot { value: Value::Str(text, ty), .. }] if ty.is_plain() => escape(text),
            _ => escape(&print::sprint(&plain().into_iter().map(print::printable).map(no_value).collect::<Vec<_>>(), limit)),
        };
        let out = match self {
            Self::Html => escaped(escape::html),
            Self::Js => escaped(escape::js),
            Self::UrlQuery => escaped(url::query_escape),
            Self::Print => print::sprint(&plain(), limit),
            Self::Println => print::sprintln(&plain(), limit),
            Self::Printf => match plain().split_first() {
                Some((Value::Str(format, _), values)) => print::sprintf(format, values, limit),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        context.reserve(out.len())?;
        Ok(Slot::new(Value::string(out)))
    }
}

/// The escaping functions print what is missing as a template does.
fn no_value(value: Value<'_>) -> Value<'_> {
    if matches!(value, Value::Nil) { Value::string("<no value>") } else { value }
}

/// Calls a function that is a value; `name` is how the template calls it.
pub(crate) fn call<'a>(context: &mut Context<'_>, name: &str, args: &[Slot<'a>]) -> Result<Slot<'a>> {
    let Some((callee, args)) = args.split_first() else { return Err("call of nil".into()) };
    let function = match &callee.value {
        Value::Nil => return Err("call of nil".into()),
        Value::Function(function) => *function,
        other => return Err(format!("non-function {name} of type {}", other.type_name()).into()),
    };
    let wanted = function.params.len();
    if function.variadic && args.len() + 1 < wanted {
        return Err(format!("wrong number of args for {name}: got {} want at least {}", args.len(), wanted - 1).into());
    }
    if !function.variadic && args.len() != wanted {
        return Err(format!("wrong number of args for {name}: got {} want {wanted}", args.len()).into());
    }
    let mut values = Vec::with_capacity(args.len());
    for (i, arg) in args.iter().enumerate() {
        let ty = function.params.get(i.min(wanted.saturating_sub(1))).copied().unwrap_or(Type::Any);
        values.push(prepare(&arg.clone().unboxed(), &ty).map_err(|error| format!("arg {i}: {error}"))?);
    }
    let value = (function.call)(context, &mut values)?;
    Ok(Slot::of_type(value.boxed(), &function.result))
}

/// Makes a value fit a parameter or a map's key: integers are converted, nothing else is.
fn prepare<'a>(slot: &Slot<'a>, ty: &Type) -> Result<Value<'a>> {
    let Some(own) = slot.value.type_of() else {
        if ty.can_be_nil() {
            return Ok(Value::zero(ty));
        }
        return Err(format!("value is nil; should be of type {ty}").into());
    };
    if own.assignable_to(ty) {
        return Ok(slot.value.clone().boxed());
    }
    match (ty, &slot.value) {
        (Type::Scalar(scalar), Value::Int(value, _)) if scalar.kind.is_int() => Ok(Value::Int(wrap(*value, scalar.kind), scalar)),
        (Type::Scalar(scalar), Value::Int(value, _)) if scalar.kind.is_uint() => {
            Ok(Value::Uint(wrap(*value, scalar.kind).cast_unsigned(), scalar))
        }
        (Type::Scalar(scalar), Value::Uint(value, _)) if scalar.kind.is_int() => {
            Ok(Value::Int(wrap(value.cast_signed(), scalar.kind), scalar))
        }
        (Type::Scalar(scalar), Value::Uint(value, _)) if scalar.kind.is_uint() => {
            Ok(Value::Uint(wrap(value.cast_signed(), scalar.kind).cast_unsigned(), scalar))
        }
        _ => Err(format!("value has type {own}; should be {ty}").into()),
    }
}

/// Cuts an integer to the width of a kind, as Go's conversions do.
fn wrap(value: i64, kind: Kind) -> i64 {
    let keep = 64 - kind.bits();
    let shifted = value << keep;
    if kind.is_uint() { (shifted.cast_unsigned() >> keep).cast_signed() } else { shifted >> keep }
}
