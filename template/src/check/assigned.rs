//! Which variables a template assigns to after their declaration.

use crate::node::{Arg, ArgKind, Node, Pipe, VariableId};
use crate::template::Template;

/// Gathers them, from all definitions.
pub(super) fn variables(template: &Template) -> Vec<VariableId> {
    let mut found = Vec::new();
    for definition in &template.definitions {
        list(&definition.list, &mut found);
    }
    found
}

fn list(nodes: &[Node], found: &mut Vec<VariableId>) {
    for node in nodes {
        match node {
            Node::Text(_) | Node::Break | Node::Continue => {}
            Node::Action(inner) => pipe(inner, found),
            Node::If(branch) | Node::With(branch) | Node::Range(branch) => {
                pipe(&branch.pipe, found);
                list(&branch.list, found);
                list(branch.otherwise.as_deref().unwrap_or_default(), found);
            }
            Node::Template(invocation) => {
                if let Some(inner) = &invocation.pipe {
                    pipe(inner, found);
                }
            }
        }
    }
}

fn pipe(inner: &Pipe, found: &mut Vec<VariableId>) {
    if inner.assigns {
        found.extend(inner.variables.iter().map(|(id, _)| *id));
    }
    for arg in inner.commands.iter().flat_map(|command| &command.args) {
        operand(arg, found);
    }
}

fn operand(arg: &Arg, found: &mut Vec<VariableId>) {
    match &arg.kind {
        ArgKind::Pipe(inner) => pipe(inner, found),
        ArgKind::Chain { base, .. } => operand(base, found),
        _ => {}
    }
}
