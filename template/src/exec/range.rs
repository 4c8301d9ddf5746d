//! `range`: over integers, slices, bytes and maps.

use super::{Exec, Flow, Result};
use crate::node::Branch;
use crate::print;
use crate::slot::Slot;
use crate::types;
use crate::value::Value;

impl<'a> Exec<'a, '_, '_> {
    pub(super) fn range(&mut self, dot: &Slot<'a>, branch: &'a Branch) -> Result<Flow> {
        self.enter()?;
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?.value.indirect();
        let ran = self.rounds(value, branch)?;
        let flow = match &branch.otherwise {
            Some(otherwise) if !ran => self.list(dot, otherwise)?,
            _ => Flow::Next,
        };
        self.variables.truncate(mark);
        self.depth -= 1;
        Ok(flow)
    }

    /// Runs the body for each element; tells whether there was one.
    fn rounds(&mut self, value: Value<'a>, branch: &'a Branch) -> Result<bool> {
        match value {
            Value::Int(_, ty) | Value::Uint(_, ty) => {
                if branch.pipe.variables.len() > 1 {
                    let text = print::text(&value);
                    return Err(self.error(format!("can't use {text} to iterate over more than one variable")));
                }
                let count = match value {
                    Value::Int(count, _) => u64::try_from(count).unwrap_or(0),
                    Value::Uint(count, _) => count,
                    _ => 0,
                };
                let element = |i: u64| match i64::try_from(i) {
                    Ok(signed) if ty.kind.is_int() => Value::Int(signed, ty),
                    _ => Value::Uint(i, ty),
                };
                self.each((0..count).map(|i| (Value::Nil, Slot::new(element(i)))), branch)
            }
            Value::Bytes(bytes) => {
                let items = bytes.iter().enumerate().map(|(i, byte)| (index(i), Slot::new(Value::Uint((*byte).into(), &types::UINT8))));
                self.each(items, branch)
            }
            Value::List(list) => {
                let items = (0..list.len()).filter_map(|i| Some((index(i), Slot::element(&list, i)?)));
                self.each(items, branch)
            }
            Value::Map(map) => {
                let elem = map.elem();
                // All entries are read before the first round, since the body may change the map.
                self.work(map.len() as u64 / 16)?;
                let entries = map.entries().into_iter().map(|(key, value)| (Value::string(key), Slot::of_type(value, elem)));
                self.each(entries, branch)
            }
            Value::Nil => Ok(false),
            other => Err(self.error(format!("range can't iterate over {}", print::text(&other)))),
        }
    }

    fn each(&mut self, items: impl Iterator<Item = (Value<'a>, Slot<'a>)>, branch: &'a Branch) -> Result<bool> {
        let mut ran = false;
        let mark = self.variables.len();
        for (index, element) in items {
            ran = true;
            self.step()?;
            self.set_round(Slot::new(index), &element, branch)?;
            let flow = self.list(&element, &branch.list)?;
            self.variables.truncate(mark);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(ran)
    }

    /// Sets the variables of a round: one takes the element, two the index and the element.
    fn set_round(&mut self, index: Slot<'a>, element: &Slot<'a>, branch: &'a Branch) -> Result<()> {
        let pipe = &branch.pipe;
        let values = match pipe.variables.len() {
            0 => return Ok(()),
            1 => [Some(element.clone()), None],
            _ => [Some(index), Some(element.clone())],
        };
        let first = self.variables.len().saturating_sub(pipe.variables.len());
        for (i, value) in values.into_iter().flatten().enumerate() {
            if pipe.assigns {
                let (id, name) = &pipe.variables[i];
                self.set_variable(*id, name, value)?;
            } else if let Some((_, known)) = self.variables.get_mut(first + i) {
                *known = value;
            }
        }
        Ok(())
    }
}

fn index<'a>(i: usize) -> Value<'a> {
    Value::int(i64::try_from(i).unwrap_or(i64::MAX))
}
