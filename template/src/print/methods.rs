//! `String`, `Error` and `GoString`: how types print themselves.

use super::Printer;
use crate::exec::{embedded, through_pointer};
use crate::func::FuncError;
use crate::object::Form;
use crate::types::{Method, OnNil, Pointee, Selector, Target, Type};
use crate::value::Value;

/// What asking a value for its text gave.
pub(crate) enum Text<'a> {
    Is(Value<'a>),
    /// The method failed.
    Failed(FuncError),
    /// The method failed because the value is a nil pointer.
    Nil,
}

/// Calls a method that takes nothing and gives a string; none when the value has no such method.
pub(crate) fn text_method<'a>(value: &Value<'a>, name: &str) -> Option<Text<'a>> {
    let result = match value {
        Value::Object(object, form) => {
            let Selector { path, target: Target::Method(method) } = object.get().struct_type().selector(name)? else { return None };
            let reachable = !method.pointer || *form == Form::Pointer || through_pointer(object.get().struct_type(), path);
            if !reachable || !gives_text(method) {
                return None;
            }
            embedded(object.clone(), path)?.call(name, &[])
        }
        Value::Int(_, scalar) | Value::Uint(_, scalar) | Value::Float(_, scalar) | Value::Str(_, scalar) => {
            gives_text(scalar.method(name)?).then_some(())?;
            (scalar.call?)(value, name, &[])
        }
        Value::NilPointer(Pointee::Struct(ty)) => {
            let Selector { target: Target::Method(method), path } = ty.selector(name)? else { return None };
            gives_text(method).then_some(())?;
            return Some(match method.on_nil {
                OnNil::Text(text) if path.is_empty() => Text::Is(Value::string(text)),
                _ => Text::Nil,
            });
        }
        Value::Error(text) if name == "Error" => Ok(Value::string(text.clone())),
        _ => return None,
    };
    Some(result.map_or_else(Text::Failed, Text::Is))
}

fn gives_text(method: &Method) -> bool {
    method.params.is_empty() && method.usable().is_ok() && method.result.same(&Type::STRING)
}

/// Tells whether a struct prints itself.
pub(super) fn has_text_method(value: &Value<'_>) -> bool {
    let Value::Object(object, _) = value else { return false };
    let ty = object.get().struct_type();
    ["String", "Error"].iter().any(|name| match ty.selector(name) {
        Some(Selector { target: Target::Method(method), .. }) => gives_text(method),
        _ => false,
    })
}

impl Printer<'_> {
    /// Lets the value print itself if it can and the verb allows; tells whether it did.
    pub(super) fn by_method(&mut self, value: &Value<'_>, verb: char) -> bool {
        if self.complaining {
            return false;
        }
        if verb == 'w' {
            self.complain(Some(value), verb);
            return true;
        }
        if !may_have_methods(value) {
            return false;
        }
        let names: &[&str] = match verb {
            _ if self.flags.sharp_v => &["GoString"],
            'v' | 's' | 'x' | 'X' | 'q' => &["Error", "String"],
            _ => &[],
        };
        for name in names {
            let Some(text) = text_method(value, name) else { continue };
            match text {
                Text::Is(Value::Str(text, _)) if self.flags.sharp_v => self.string(&text, 's'),
                Text::Is(Value::Str(text, _)) => self.string(&text, verb),
                Text::Is(_) | Text::Nil => self.raw("<nil>"),
                Text::Failed(error) => self.raw(&format!("%!{verb}(PANIC={name} method: {error})")),
            }
            return true;
        }
        false
    }
}

fn may_have_methods(value: &Value<'_>) -> bool {
    match value {
        Value::Object(..) | Value::NilPointer(_) | Value::Error(_) => true,
        Value::Int(_, scalar) | Value::Uint(_, scalar) | Value::Float(_, scalar) | Value::Str(_, scalar) => !scalar.methods.is_empty(),
        _ => false,
    }
}
