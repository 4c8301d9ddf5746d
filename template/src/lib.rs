//! Go's `text/template` for Rust, with Go's types, texts and errors.
//!
//! A template is parsed once and rendered any number of times, on values that know their Go types:
//!
//! ```text
//! text ─ Template::parse ─▶ Template ─ check(type) ─▶ ok
//!                              │
//! &dyn Object ─ Value ─────────┴─ render ─▶ bytes
//! ```
//!
//! A Rust struct becomes visible to templates by implementing [`Object`]; functions beside the builtins are declared as
//! [`Function`]s. Everything is pure: what functions need of the world (the time, the environment, randomness) comes from
//! a [`Host`]. No template can make the program panic, overflow its stack or fill its memory: see [`Limits`].

mod builtin;
mod check;
pub mod clock;
mod exec;
mod func;
pub mod go;
pub mod json;
mod lex;
mod node;
mod object;
mod parse;
mod print;
mod slot;
pub mod sprig;
mod template;
pub mod types;
mod value;

pub use check::{CheckError, Missing};
pub use func::{Call, Context, FuncError, Function, Functions, Host};
#[doc(hidden)]
pub use object::field_type;
pub use object::{Form, Object, ObjectRef, Struct};
pub use parse::ParseError;
pub use print::{sprint, sprintf, sprintln};
pub use template::{ExecError, Limits, Template};
pub use value::{List, Map, Mapping, Sequence, Str, ToValue, Value};
