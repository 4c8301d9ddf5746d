//! `.Field`, `.Method args` and map entries.

use super::call::Target as CallTarget;
use super::{At, Exec, Result};
use crate::func::FuncError;
use crate::node::{Arg, Name};
use crate::object::{Form, ObjectRef};
use crate::slot::{Held, Slot};
use crate::types::{Method, OnNil, Pointee, Selector, StructType, Target};
use crate::value::Value;

impl<'a> Exec<'a, '_, '_> {
    /// Evaluates `.X.Y.Z`, of which the last may be a method that takes the arguments.
    pub(super) fn fields(
        &mut self,
        dot: &Slot<'a>,
        mut receiver: Slot<'a>,
        node: &'a Arg,
        names: &'a [Name],
        args: &'a [Arg],
        last: Option<Slot<'a>>,
    ) -> Result<Slot<'a>> {
        let Some((final_name, before)) = names.split_last() else { return Ok(receiver) };
        self.work(before.len() as u64)?;
        for name in before {
            receiver = self.field(dot, receiver, node, name, &[], None)?;
        }
        self.field(dot, receiver, node, final_name, args, last)
    }

    fn field(
        &mut self,
        dot: &Slot<'a>,
        receiver: Slot<'a>,
        node: &'a Arg,
        name: &'a Name,
        args: &'a [Arg],
        last: Option<Slot<'a>>,
    ) -> Result<Slot<'a>> {
        let has_args = !args.is_empty() || last.is_some();
        let held = receiver.held;
        match receiver.value {
            Value::Nil if held != Held::Bare => Err(self.error(format!("nil pointer evaluating {}.{}", receiver.type_name(), name.text))),
            Value::Nil => Ok(Slot::missing()),
            Value::Object(object, form) => {
                let form = if held != Held::Bare && form == Form::Addressable { Form::Copy } else { form };
                match name.on(object.get().struct_type()) {
                    Some(Selector { path, target: Target::Method(method) })
                        if !method.pointer || form != Form::Copy || through_pointer(object.get().struct_type(), path) =>
                    {
                        let Some(object) = embedded(object, path) else { return Err(self.error("nil pointer dereference")) };
                        self.method(dot, Callee::Object(object), method, node, args, last)
                    }
                    Some(Selector { path, target: Target::Field(index) }) => {
                        let ty = object.get().struct_type();
                        let Some(inner) = embedded(object, path) else {
                            let text = "reflect: indirection through nil pointer to embedded struct field";
                            return Err(self.error(format!("{text} {}", name.text)));
                        };
                        let Some(field) = inner.get().struct_type().fields.get(*index) else { return Ok(Slot::missing()) };
                        if !field.exported() {
                            return Err(self.error(format!(
                                "{} is an unexported field of struct type {}",
                                name.text,
                                type_name(held, ty, form)
                            )));
                        }
                        if has_args {
                            return Err(self.error(format!("{} has arguments but cannot be invoked as function", name.text)));
                        }
                        let value = inner.field(*index);
                        self.made(&value).map_err(|error| self.error(error.to_string()))?;
                        let value = if form == Form::Copy { value.boxed() } else { value };
                        Ok(Slot::of_type(value, &field.ty))
                    }
                    _ => {
                        let ty = type_name(held, object.get().struct_type(), form);
                        Err(self.no_field(name, &ty))
                    }
                }
            }
            Value::Map(map) => {
                if has_args {
                    return Err(self.error(format!("{} is not a method but has arguments", name.text)));
                }
                Ok(Slot::entry(&map, name.text.as_bytes()).unwrap_or_default())
            }
            Value::NilPointer(pointee) => self.on_nil(pointee, held, dot, node, name, args, last),
            Value::Int(_, scalar) | Value::Uint(_, scalar) | Value::Float(_, scalar) | Value::Str(_, scalar) => {
                match scalar.method(&name.text) {
                    Some(method) => self.method(dot, Callee::Scalar(receiver.value, scalar), method, node, args, last),
                    None => Err(self.no_field(name, &receiver_type(held, scalar.name))),
                }
            }
            Value::Error(text) if &*name.text == "Error" && !has_args => Ok(Slot::new(Value::string(text))),
            Value::Pointer(inner) => {
                let ty = receiver_type(held, &Value::Pointer(inner).type_name());
                Err(self.no_field(name, &ty))
            }
            other => Err(self.no_field(name, &receiver_type(held, &other.type_name()))),
        }
    }

    fn no_field(&self, name: &Name, ty: &str) -> Box<crate::template::ExecError> {
        self.error(format!("can't evaluate field {} in type {ty}", name.text))
    }

    /// Evaluates a field or method of a nil pointer.
    #[expect(clippy::too_many_arguments, reason = "what a field evaluation consists of")]
    fn on_nil(
        &mut self,
        pointee: Pointee,
        held: Held,
        dot: &Slot<'a>,
        node: &'a Arg,
        name: &'a Name,
        args: &'a [Arg],
        last: Option<Slot<'a>>,
    ) -> Result<Slot<'a>> {
        let ty = receiver_type(held, &Value::NilPointer(pointee).type_name());
        let Pointee::Struct(inner) = pointee else {
            return Err(self.error(format!("nil pointer evaluating {ty}.{}", name.text)));
        };
        match name.on(inner) {
            None => Err(self.no_field(name, &ty)),
            Some(Selector { target: Target::Method(method), path }) => {
                self.method(dot, Callee::Nil(path.is_empty().then_some(inner)), method, node, args, last)
            }
            Some(_) => Err(self.error(format!("nil pointer evaluating {ty}.{}", name.text))),
        }
    }

    fn method(
        &mut self,
        dot: &Slot<'a>,
        callee: Callee<'a>,
        method: &'static Method,
        node: &'a Arg,
        args: &'a [Arg],
        last: Option<Slot<'a>>,
    ) -> Result<Slot<'a>> {
        let target = CallTarget { name: method.name, params: method.params, variadic: false };
        self.count(&target, args, last.as_ref())?;
        if let Err(text) = method.usable() {
            return Err(self.error(text));
        }
        let base = self.gather(dot, &target, args, last)?;
        let values = &self.values[base..];
        let result = match callee {
            Callee::Object(object) => object.call(method.name, values),
            Callee::Scalar(value, scalar) => match scalar.call {
                Some(call) => call(&value, method.name, values),
                None => Err("no such method".into()),
            },
            Callee::Nil(ty) => on_nil(method, ty),
        };
        self.values.truncate(base);
        match result.and_then(|value| self.made(&value).map(|()| value)) {
            Ok(value) => Ok(Slot::of_type(value.boxed(), &method.result)),
            Err(error) => {
                self.at = At::Arg(node);
                Err(self.error(format!("error calling {}: {error}", method.name)))
            }
        }
    }
}

/// What a method is called on.
enum Callee<'a> {
    Object(ObjectRef<'a>),
    Scalar(Value<'a>, &'static crate::types::Scalar),
    /// A nil pointer; the struct it would point to when the method is declared there, none when it is promoted.
    Nil(Option<&'static StructType>),
}

/// Calls a method on a nil pointer.
fn on_nil<'a>(method: &Method, declared_on: Option<&StructType>) -> std::result::Result<Value<'a>, FuncError> {
    match (method.on_nil, declared_on) {
        (OnNil::Text(text), Some(_)) => Ok(Value::string(text)),
        (OnNil::Bool(value), Some(_)) => Ok(Value::Bool(value)),
        (OnNil::Zero, Some(_)) => Ok(Value::zero(&method.result)),
        (OnNil::Fail, Some(ty)) if !method.pointer => {
            let short = ty.name.rsplit('.').next().unwrap_or(ty.name);
            Err(format!("value method {}.{} called using nil *{short} pointer", ty.name, method.name).into())
        }
        _ => Err("runtime error: invalid memory address or nil pointer dereference".into()),
    }
}

/// Passes through embedded structs; none when one of them is a nil pointer.
pub(crate) fn embedded<'a>(mut object: ObjectRef<'a>, path: &[usize]) -> Option<ObjectRef<'a>> {
    for index in path {
        match object.field(*index) {
            Value::Object(inner, _) => object = inner,
            _ => return None,
        }
    }
    Some(object)
}

/// Tells whether a way through embedded structs passes a pointer, after which pointer methods are reachable.
pub(crate) fn through_pointer(mut ty: &'static StructType, path: &[usize]) -> bool {
    for index in path {
        let Some(field) = ty.fields.get(*index) else { return false };
        match field.ty {
            crate::types::Type::Struct(inner) => ty = inner,
            _ => return true,
        }
    }
    false
}

fn receiver_type(held: Held, name: &str) -> String {
    match held {
        Held::Bare => name.to_owned(),
        Held::Any => "interface {}".to_owned(),
        Held::Interface(interface) => interface.to_owned(),
    }
}

fn type_name(held: Held, ty: &StructType, form: Form) -> String {
    let star = if form == Form::Pointer { "*" } else { "" };
    receiver_type(held, &format!("{star}{}", ty.name))
}
