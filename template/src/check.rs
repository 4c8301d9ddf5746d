//! Finds mistakes in a parsed template that no rendering could survive.

use std::fmt;

use crate::template::Template;
use crate::types::StructType;

/// A field or method that no value could have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckError {
    /// Dummy.
    pub message: String,
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CheckError {}

impl Template {
    /// Checks.
    pub fn check(&self, root: &'static StructType) -> Result<(), CheckError> {
        let _ = root;
        Ok(())
    }
}
