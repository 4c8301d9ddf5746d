//! `inMemory`: kept events for the old exporter's own tests, and delivered nowhere. A file that holds it is told so.

use crate::{keys::Keys, registry::Built, render::Body};

pub(crate) fn refuse(keys: &mut Keys<'_>) -> Option<Built> {
    Body::new(keys, false);
    keys.error(
        keys.spec().problem("receivers of kind inMemory deliver nowhere, they served the tests of the old exporter; remove it".to_owned()),
    );
    None
}
