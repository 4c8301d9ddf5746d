//! What must hold of templates, configurations and events whatever they hold.
//!
//! In go bytes that nobody may have meant; each property takes them through the code that meets such bytes in production, and panics where something does
//! not hold. The fuzz targets and the tests beside this crate call the same properties: the first for as long as one likes, the others for a few seconds
//! with every build. [`corpus`] gives both of them something to begin with. Nothing here touches the network or writes a file.

mod config;
pub mod corpus;
mod event;
mod memory;
mod place;
mod template;

pub use self::{config::config, event::event, template::template};
