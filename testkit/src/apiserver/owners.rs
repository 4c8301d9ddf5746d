//! Who set which field: as much of server-side apply as locks rely on.
//!
//! In: patches and who sends them. Out: the conflicts of a patch that is applied without force. A manager that applies and the same one
//! that patches are two, as on a real server. Fields are known by their JSON pointers; a list is one field. Plain updates own nothing.

use std::collections::HashMap;

use serde_json::Value;

/// The owners of the fields of all objects.
#[derive(Debug, Default)]
pub(super) struct Owners {
    /// By the object's resource and key, then by field.
    owners: HashMap<(String, String), HashMap<String, String>>,
}

impl Owners {
    /// The fields of the patch that others own with other values, with the owners' names.
    pub(super) fn conflicts(&self, resource: &str, key: &str, current: &Value, patch: &Value, manager: &str) -> Vec<(String, String)> {
        let Some(owners) = self.owners.get(&(resource.to_owned(), key.to_owned())) else { return Vec::new() };
        let others = fields(patch).into_iter().filter(|(field, value)| current.pointer(field) != Some(value));
        others
            .filter_map(|(field, _)| owners.get(&field).filter(|owner| *owner != manager).map(|owner| (field.clone(), owner.clone())))
            .collect()
    }

    /// Notes that the manager sent the patch: what it removes has no owner any more, what it changes or applies is its own.
    pub(super) fn note(&mut self, resource: &str, key: &str, before: &Value, patch: &Value, manager: &str, applies: bool) {
        let owners = self.owners.entry((resource.to_owned(), key.to_owned())).or_default();
        for (field, value) in fields(patch) {
            if value.is_null() {
                owners.remove(&field);
            } else if applies || before.pointer(&field) != Some(value) {
                owners.insert(field, manager.to_owned());
            }
        }
    }

    /// Forgets an object that was deleted.
    pub(super) fn forget(&mut self, resource: &str, key: &str) {
        if !self.owners.is_empty() {
            self.owners.remove(&(resource.to_owned(), key.to_owned()));
        }
    }
}

/// The fields that a patch sets, by JSON pointer, without those that say which object it is.
fn fields(patch: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    let mut rest: Vec<(String, &Value)> = vec![(String::new(), patch)];
    while let Some((pointer, value)) = rest.pop() {
        match value.as_object() {
            Some(members) => {
                let named =
                    members.iter().map(|(name, value)| (format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), value));
                rest.extend(named);
            }
            None if matches!(pointer.as_str(), "/apiVersion" | "/kind") => {}
            None if matches!(
                pointer.as_str(),
                "/metadata/name" | "/metadata/namespace" | "/metadata/resourceVersion" | "/metadata/uid"
            ) => {}
            None => found.push((pointer, value)),
        }
    }
    found
}
