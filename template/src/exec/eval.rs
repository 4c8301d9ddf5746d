//! Pipelines, commands, operands: from nodes to values.

use super::{At, Exec, Result};
use crate::node::{Arg, ArgKind, Command, Number, Pipe};
use crate::slot::{Held, Slot};
use crate::types::{self, Kind, Type};
use crate::value::{Str, Value};

impl<'a> Exec<'a, '_, '_> {
    /// Evaluates a pipeline and sets the variables it declares.
    pub(super) fn pipeline(&mut self, dot: &Slot<'a>, pipe: &'a Pipe) -> Result<Slot<'a>> {
        self.at = At::Pipe(pipe);
        let mut last: Option<Slot<'a>> = None;
        for command in &pipe.commands {
            let slot = self.command(dot, command, last)?;
            last = Some(if slot.held == Held::Any { slot.unboxed() } else { slot });
        }
        let slot = last.unwrap_or_default();
        for (id, name) in &pipe.variables {
            if pipe.assigns {
                self.set_variable(*id, name, slot.clone())?;
            } else {
                self.variables.push((*id, slot.clone()));
            }
        }
        Ok(slot)
    }

    /// Evaluates a command; `last` is what the command before it in the pipeline gave.
    fn command(&mut self, dot: &Slot<'a>, command: &'a Command, last: Option<Slot<'a>>) -> Result<Slot<'a>> {
        let Some((first, args)) = command.args.split_first() else { return Ok(Slot::missing()) };
        match &first.kind {
            ArgKind::Field(names) => {
                self.at = At::Arg(first);
                self.fields(dot, dot.clone(), first, names, args, last)
            }
            ArgKind::Chain { .. } => self.chain(dot, first, args, last),
            ArgKind::Function { callee, name } => {
                self.at = At::Arg(first);
                self.function(dot, *callee, name, At::Command(command), args, last)
            }
            ArgKind::Pipe(pipe) => {
                self.not_a_function(first, args, last.as_ref())?;
                self.parenthesised(dot, pipe)
            }
            ArgKind::Variable { .. } => self.variable_chain(dot, first, args, last),
            kind => {
                self.at = At::Arg(first);
                self.not_a_function(first, args, last.as_ref())?;
                match kind {
                    ArgKind::Dot => Ok(dot.clone()),
                    ArgKind::Nil => Err(self.error("nil is not a command")),
                    _ => Ok(Slot::new(self.constant(first)?)),
                }
            }
        }
    }

    /// Evaluates a pipeline inside another.
    pub(super) fn parenthesised(&mut self, dot: &Slot<'a>, pipe: &'a Pipe) -> Result<Slot<'a>> {
        self.step()?;
        self.enter()?;
        let slot = self.pipeline(dot, pipe)?;
        self.depth -= 1;
        Ok(slot)
    }

    fn not_a_function(&self, first: &Arg, args: &[Arg], last: Option<&Slot<'a>>) -> Result<()> {
        if args.is_empty() && last.is_none() {
            return Ok(());
        }
        // Go prints a pipeline here without its parentheses.
        Err(self.error(format!("can't give argument to non-function {first}")))
    }

    /// Evaluates `$x` or `$x.Field`.
    pub(super) fn variable_chain(&mut self, dot: &Slot<'a>, arg: &'a Arg, args: &'a [Arg], last: Option<Slot<'a>>) -> Result<Slot<'a>> {
        let ArgKind::Variable { id, name, fields } = &arg.kind else { return Ok(Slot::missing()) };
        self.at = At::Arg(arg);
        let Some(slot) = self.variable(*id)?.cloned() else {
            return Err(self.error(format!("undefined variable: {name}")));
        };
        if fields.is_empty() {
            self.not_a_function(arg, args, last.as_ref())?;
            return Ok(slot);
        }
        self.fields(dot, slot, arg, fields, args, last)
    }

    /// Evaluates `(pipeline).Field` or `function.Field`.
    pub(super) fn chain(&mut self, dot: &Slot<'a>, arg: &'a Arg, args: &'a [Arg], last: Option<Slot<'a>>) -> Result<Slot<'a>> {
        let ArgKind::Chain { base, fields } = &arg.kind else { return Ok(Slot::missing()) };
        self.at = At::Arg(arg);
        if matches!(base.kind, ArgKind::Nil) {
            return Err(self.error(format!("indirection through explicit nil in {arg}")));
        }
        let receiver = self.operand(dot, base)?;
        self.fields(dot, receiver, arg, fields, args, last)
    }

    /// Evaluates an operand that is not a constant; a constant gives no value.
    pub(super) fn operand(&mut self, dot: &Slot<'a>, arg: &'a Arg) -> Result<Slot<'a>> {
        self.at = At::Arg(arg);
        match &arg.kind {
            ArgKind::Dot => Ok(dot.clone()),
            ArgKind::Field(names) => self.fields(dot, dot.clone(), arg, names, &[], None),
            ArgKind::Variable { .. } => self.variable_chain(dot, arg, &[], None),
            ArgKind::Pipe(pipe) => self.parenthesised(dot, pipe),
            ArgKind::Function { callee, name } => self.function(dot, *callee, name, At::Arg(arg), &[], None),
            ArgKind::Chain { .. } => self.chain(dot, arg, &[], None),
            ArgKind::Bool(_) | ArgKind::Nil | ArgKind::Number(_) | ArgKind::Str { .. } => Ok(Slot::missing()),
        }
    }

    /// Evaluates an argument for a parameter of the given type.
    pub(super) fn argument(&mut self, dot: &Slot<'a>, ty: &Type, arg: &'a Arg) -> Result<Slot<'a>> {
        self.at = At::Arg(arg);
        self.step()?;
        match &arg.kind {
            ArgKind::Nil if ty.can_be_nil() || matches!(ty, Type::Reflect) => Ok(Slot::new(Value::zero(ty))),
            ArgKind::Nil => Err(self.error(format!("cannot assign nil to {ty}"))),
            ArgKind::Bool(_) | ArgKind::Number(_) | ArgKind::Str { .. } => Ok(Slot::new(self.typed_constant(ty, arg)?)),
            _ => {
                let slot = self.operand(dot, arg)?;
                self.convert(slot, ty)
            }
        }
    }

    /// Gives a constant the type of the parameter it is for.
    fn typed_constant(&self, ty: &Type, arg: &'a Arg) -> Result<Value<'a>> {
        let scalar = match ty {
            Type::Any | Type::Reflect => return self.constant(arg),
            Type::Scalar(scalar) => *scalar,
            _ => return Err(self.error(format!("can't handle {arg} for arg of type {ty}"))),
        };
        let number = match &arg.kind {
            ArgKind::Number(number) => Some(number),
            _ => None,
        };
        let (value, wanted) = match scalar.kind {
            Kind::Bool => (if let ArgKind::Bool(value) = arg.kind { Some(Value::Bool(value)) } else { None }, "bool"),
            Kind::String => match &arg.kind {
                ArgKind::Str { text, .. } => (Some(Value::Str(Str::from(&**text), scalar)), "string"),
                _ => (None, "string"),
            },
            kind if kind.is_int() => (number.and_then(|n| n.int).map(|n| Value::Int(truncate(n, kind), scalar)), "integer"),
            kind if kind.is_uint() => {
                (number.and_then(|n| n.uint).map(|n| Value::Uint(truncate_unsigned(n, kind), scalar)), "unsigned integer")
            }
            kind if kind.is_float() => (number.and_then(|n| n.float).map(|n| Value::Float(n, scalar)), "float"),
            _ => (number.and_then(|n| n.complex).map(|(re, im)| Value::Complex(re, im)), "complex"),
        };
        value.ok_or_else(|| self.error(format!("expected {wanted}; found {arg}")))
    }

    /// Gives a constant the type its text suggests.
    fn constant(&self, arg: &'a Arg) -> Result<Value<'a>> {
        match &arg.kind {
            ArgKind::Bool(value) => Ok(Value::Bool(*value)),
            ArgKind::Str { text, .. } => Ok(Value::string(&**text)),
            ArgKind::Number(number) => self.number(number),
            _ => Ok(Value::Nil),
        }
    }

    fn number(&self, number: &Number) -> Result<Value<'a>> {
        Ok(match number {
            Number { complex: Some((re, im)), .. } => Value::Complex(*re, *im),
            Number { float: Some(float), .. } if number.looks_like_float() => Value::float64(*float),
            Number { int: Some(int), .. } => Value::int(*int),
            Number { uint: Some(_), text, .. } => return Err(self.error(format!("{text} overflows int"))),
            _ => Value::Nil,
        })
    }

    /// Makes a value fit a parameter: out of an interface, through one pointer, or to a pointer, as Go does.
    pub(super) fn convert(&self, slot: Slot<'a>, ty: &Type) -> Result<Slot<'a>> {
        if matches!(ty, Type::Reflect) {
            return Ok(slot);
        }
        if matches!(ty, Type::Any) {
            return Ok(Slot::new(slot.value.boxed()));
        }
        if slot.is_missing() {
            if ty.can_be_nil() {
                return Ok(Slot::new(Value::zero(ty)));
            }
            return Err(self.error(format!("invalid value; expected {ty}")));
        }
        let Some(own) = slot.value.type_of() else {
            return Err(self.error(format!("wrong type for value; expected {ty}; got {}", slot.type_name())));
        };
        if own.assignable_to(ty) || (matches!(ty, Type::Error) && matches!(slot.value, Value::Error(_))) {
            return Ok(Slot::new(slot.value));
        }
        let slot = slot.unboxed();
        match (own, &slot.value) {
            (Type::Pointer(_), Value::NilPointer(pointee)) if types::pointee_type(*pointee).assignable_to(ty) => {
                Err(self.error(format!("dereference of nil pointer of type {ty}")))
            }
            (Type::Pointer(pointee), _) if types::pointee_type(pointee).assignable_to(ty) => Ok(Slot::new(slot.value.indirect())),
            (_, Value::Object(object, crate::object::Form::Addressable))
                if Type::Pointer(types::Pointee::Struct(object.get().struct_type())).assignable_to(ty) =>
            {
                Ok(Slot::new(Value::Object(object.clone(), crate::object::Form::Pointer)))
            }
            _ => Err(self.error(format!("wrong type for value; expected {ty}; got {own}"))),
        }
    }
}

/// Cuts a constant to the width of its type, as Go's `SetInt` does.
#[expect(clippy::cast_possible_truncation, reason = "that is the point")]
fn truncate(value: i64, kind: Kind) -> i64 {
    match kind.bits() {
        8 => (value as i8).into(),
        16 => (value as i16).into(),
        32 => (value as i32).into(),
        _ => value,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "that is the point")]
fn truncate_unsigned(value: u64, kind: Kind) -> u64 {
    match kind.bits() {
        8 => (value as u8).into(),
        16 => (value as u16).into(),
        32 => (value as u32).into(),
        _ => value,
    }
}
