//! Paths; those of the operating system are the same here.

use super::args::{string, text};
use crate::func::Function;
use crate::go::path;
use crate::types::Type;

const STRING: Type = Type::STRING;

/// Declares functions from a path to text, each under two names.
macro_rules! paths {
    ($($name:literal $os_name:literal $map:expr;)*) => {
        [$(paths!(@one $name $map), paths!(@one $os_name $map)),*]
    };
    (@one $name:literal $map:expr) => {
        Function::new($name, &[STRING], STRING, |context, args| {
            let map: fn(&[u8]) -> Vec<u8> = $map;
            string(context, map(&text(args, 0)))
        })
    };
}

pub(super) const FUNCTIONS: &[Function] = &paths! {
    "base" "osBase" |path| path::base(path).to_vec();
    "clean" "osClean" path::clean;
    "dir" "osDir" path::dir;
    "ext" "osExt" |path| path::ext(path).to_vec();
};

pub(super) const TESTS: &[Function] = &[
    Function::new("isAbs", &[STRING], Type::BOOL, |_, args| Ok(text(args, 0).starts_with(b"/").into())),
    Function::new("osIsAbs", &[STRING], Type::BOOL, |_, args| Ok(text(args, 0).starts_with(b"/").into())),
];
