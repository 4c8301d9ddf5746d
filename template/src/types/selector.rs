//! What `.Name` means on a struct: its own fields and methods, and those promoted from embedded structs.
//!
//! In: a struct's descriptor. Out: for every name the way to it. A name that two embedded structs of one depth offer
//! means nothing, as in Go.

use std::collections::HashMap;

use super::{Method, StructType};

/// The way to a field or method.
#[derive(Debug)]
pub struct Selector {
    /// Indexes of the embedded structs to pass through, outermost first.
    pub path: Box<[usize]>,
    /// What is found at the end.
    pub target: Target,
}

/// What a selector leads to.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// The field of this index.
    Field(usize),
    /// A method declared there.
    Method(&'static Method),
}

/// Finds the selectors of a struct, breadth first. A struct met again deeper adds nothing, so that this ends.
pub(super) fn all(root: &'static StructType) -> HashMap<&'static str, Selector> {
    let mut found: HashMap<&'static str, Option<Selector>> = HashMap::new();
    let mut seen: Vec<&'static StructType> = vec![root];
    let mut level: Vec<(Vec<usize>, &'static StructType)> = vec![(Vec::new(), root)];
    while !level.is_empty() {
        let mut here: HashMap<&'static str, Vec<Selector>> = HashMap::new();
        let mut next = Vec::new();
        for (path, ty) in &level {
            for method in ty.methods {
                let selector = Selector { path: path.clone().into(), target: Target::Method(method) };
                here.entry(method.name).or_default().push(selector);
            }
            for (index, field) in ty.fields.iter().enumerate() {
                let selector = Selector { path: path.clone().into(), target: Target::Field(index) };
                here.entry(field.name).or_default().push(selector);
                if let (true, Some(inner)) = (field.embedded, field.ty.as_struct())
                    && !seen.iter().any(|known| known.same(inner))
                {
                    let mut path = path.clone();
                    path.push(index);
                    next.push((path, inner));
                }
            }
        }
        for (name, selectors) in here {
            found.entry(name).or_insert_with(|| single(selectors));
        }
        seen.extend(next.iter().map(|(_, ty)| *ty));
        level = next;
    }
    found.into_iter().filter_map(|(name, selector)| Some((name, selector?))).collect()
}

/// The only selector of a depth, or the only field where a field and a promoted method share the name.
fn single(mut selectors: Vec<Selector>) -> Option<Selector> {
    if selectors.len() > 1 {
        selectors.retain(|selector| matches!(selector.target, Target::Field(_)));
    }
    if selectors.len() == 1 { selectors.pop() } else { None }
}
