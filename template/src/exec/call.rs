//! Calls: counting, evaluating and checking arguments, then the function itself.

use super::{At, Exec, Result};
use crate::builtin::Builtin;
use crate::node::{Arg, Callee};
use crate::slot::Slot;
use crate::types::Type;
use crate::value::Value;

/// The Go signature of what is called.
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) params: &'static [Type],
    pub(super) variadic: bool,
}

impl Target {
    /// The parameters that take one argument each.
    fn fixed(&self) -> usize {
        self.params.len() - usize::from(self.variadic)
    }

    /// The type of the argument of this number.
    fn param(&self, index: usize) -> Type {
        let last = self.params.len().saturating_sub(1);
        self.params.get(index.min(last)).copied().unwrap_or(Type::Any)
    }
}

impl<'a> Exec<'a, '_, '_> {
    pub(super) fn function(
        &mut self,
        dot: &Slot<'a>,
        callee: Callee,
        name: &'a str,
        node: At<'a>,
        args: &'a [Arg],
        last: Option<Slot<'a>>,
    ) -> Result<Slot<'a>> {
        self.step()?;
        match callee {
            Callee::Builtin(builtin) => self.builtin(dot, builtin, node, args, last),
            Callee::Function(function) => {
                let target = Target { name: function.name, params: function.params, variadic: function.variadic };
                self.count(&target, args, last.as_ref())?;
                let base = self.gather(dot, &target, args, last)?;
                let extent = self.values[base..].iter().map(Value::extent).sum();
                self.work(extent)?;
                let result = (function.call)(&mut self.context, &mut self.values[base..]);
                self.values.truncate(base);
                match result {
                    Ok(value) => Ok(Slot::of_type(value.boxed(), &function.result)),
                    Err(error) => {
                        self.at = node;
                        Err(self.error(format!("error calling {name}: {error}")))
                    }
                }
            }
        }
    }

    /// Checks the number of arguments.
    pub(super) fn count(&self, target: &Target, args: &[Arg], last: Option<&Slot<'a>>) -> Result<()> {
        count(target.name, target.fixed(), target.variadic, args.len(), last.is_some()).map_err(|message| self.error(message))
    }

    /// Evaluates the arguments onto the stack of values; gives where they begin.
    pub(super) fn gather(&mut self, dot: &Slot<'a>, target: &Target, args: &'a [Arg], last: Option<Slot<'a>>) -> Result<usize> {
        let base = self.values.len();
        for (i, arg) in args.iter().enumerate() {
            let slot = self.argument(dot, &target.param(i), arg)?;
            self.values.push(slot.value);
        }
        if let Some(last) = last {
            let slot = self.convert(last, &target.param(args.len()))?;
            self.values.push(slot.value);
        }
        Ok(base)
    }

    fn builtin(&mut self, dot: &Slot<'a>, builtin: Builtin, node: At<'a>, args: &'a [Arg], last: Option<Slot<'a>>) -> Result<Slot<'a>> {
        let (params, variadic) = builtin.signature();
        let target = Target { name: builtin.name(), params, variadic };
        self.count(&target, args, last.as_ref())?;
        if let Builtin::And | Builtin::Or = builtin {
            return self.short_circuit(dot, builtin, args, last);
        }
        let base = self.slots.len();
        let callee = match (builtin, args.first()) {
            (Builtin::Call, Some(first)) => first.to_string(),
            (Builtin::Call, None) => last.as_ref().map(reflected).unwrap_or_default(),
            _ => String::new(),
        };
        for (i, arg) in args.iter().enumerate() {
            let slot = self.argument(dot, &target.param(i), arg)?;
            self.slots.push(slot);
        }
        if let Some(last) = last {
            let slot = self.convert(last, &target.param(args.len()))?;
            self.slots.push(slot);
        }
        if builtin.reads_all() {
            let extent = self.slots[base..].iter().map(|slot| slot.value.extent()).sum();
            self.work(extent)?;
        }
        let result = match builtin {
            Builtin::Call => crate::builtin::call(&mut self.context, &callee, &self.slots[base..]),
            _ => builtin.run(&mut self.context, &self.slots[base..]),
        };
        self.slots.truncate(base);
        result.map_err(|error| {
            self.at = node;
            self.error(format!("error calling {}: {error}", builtin.name()))
        })
    }

    /// `and` and `or` stop at the first argument that decides.
    fn short_circuit(&mut self, dot: &Slot<'a>, builtin: Builtin, args: &'a [Arg], last: Option<Slot<'a>>) -> Result<Slot<'a>> {
        let mut result = Slot::missing();
        for arg in args {
            result = self.argument(dot, &Type::Reflect, arg)?;
            if result.value.is_true() == matches!(builtin, Builtin::Or) {
                return Ok(result);
            }
        }
        Ok(last.unwrap_or(result))
    }
}

/// What Go's `reflect.Value.String` says of a value.
fn reflected(slot: &Slot<'_>) -> String {
    match slot.value.as_str() {
        Some(text) if !slot.is_boxed() => String::from_utf8_lossy(text).into_owned(),
        _ if slot.is_missing() => "<invalid Value>".to_owned(),
        _ => format!("<{} Value>", slot.type_name()),
    }
}

/// Checks the number of arguments of a function that takes so many `fixed` ones; `piped` says that one more comes from the pipeline.
pub(crate) fn count(name: &str, fixed: usize, variadic: bool, args: usize, piped: bool) -> std::result::Result<(), String> {
    let given = args + usize::from(piped);
    if variadic && given < fixed {
        // Go does not count the value from the pipeline here.
        return Err(format!("wrong number of args for {name}: want at least {fixed} got {args}"));
    }
    if !variadic && given != fixed {
        return Err(format!("wrong number of args for {name}: want {fixed} got {given}"));
    }
    Ok(())
}
