//! What the types of kinds that are not served yet cannot say: what must be there, what belongs together, which words are known.
//!
//! A kind's check moves with its type.

use super::{Bigquery, InMemory, Known, Pubsub};
use crate::keys::Keys;

impl Known for Pubsub {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("gcloud_project_id", "name the project");
        keys.required("topic", "name the topic");
        keys.addresses("endpoint");
    }
}

impl Known for Bigquery {
    fn check(&self, keys: &mut Keys<'_>) {
        keys.required("project", "name the project");
        keys.required("dataset", "name the data set");
        keys.required("table", "name the table");
        keys.addresses("endpoint");
    }
}

impl Known for InMemory {
    fn check(&self, _: &mut Keys<'_>) {}
}
