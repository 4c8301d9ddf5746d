//! Label and field selectors.
//!
//! In: the selectors of a request and objects. Out: whether an object is selected. Labels can be compared (`=`, `==`, `!=`), be present
//! (`a`) or absent (`!a`); fields are `metadata.*`, `involvedObject.*` and any other path of strings. Set-based selectors are refused.

use serde_json::Value;

use super::object;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Equal(String),
    NotEqual(String),
    Present,
    Absent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    /// Whether it is about a field and not a label.
    field: bool,
    name: String,
    test: Test,
}

/// What objects a request wants; by default all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selector(Vec<Requirement>);

impl Selector {
    /// Reads both selectors of a request, empty when not given.
    pub(super) fn parse(labels: &str, fields: &str) -> Result<Self, String> {
        let mut requirements = Vec::new();
        for (text, field) in [(labels, false), (fields, true)] {
            if text.contains(['(', ')']) {
                return Err(format!("unable to parse requirement: set-based selectors are not simulated: {text}"));
            }
            for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
                let (name, test) = if let Some((name, value)) = part.split_once("!=") {
                    (name, Test::NotEqual(value.trim().to_owned()))
                } else if let Some((name, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
                    (name, Test::Equal(value.trim().to_owned()))
                } else if field {
                    return Err(format!("invalid selector: '{part}'; can't understand '{part}'"));
                } else if let Some(name) = part.strip_prefix('!') {
                    (name, Test::Absent)
                } else {
                    (part, Test::Present)
                };
                requirements.push(Requirement { field, name: name.trim().to_owned(), test });
            }
        }
        Ok(Self(requirements))
    }

    /// Whether everything is selected.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the encoded object is selected.
    pub(super) fn selects(&self, encoded: &[u8]) -> bool {
        self.is_empty() || self.selects_value(&object::decode(encoded))
    }

    fn selects_value(&self, object: &Value) -> bool {
        self.0.iter().all(|requirement| {
            let value = if requirement.field {
                Some(requirement.name.split('.').fold(object, |value, name| &value[name]).as_str().unwrap_or_default())
            } else {
                object["metadata"]["labels"].get(&requirement.name).and_then(Value::as_str)
            };
            match &requirement.test {
                Test::Equal(wanted) => value == Some(wanted),
                Test::NotEqual(unwanted) => value != Some(unwanted),
                Test::Present => value.is_some(),
                Test::Absent => value.is_none(),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_and_fields_are_compared() {
        let pod = json!({"metadata": {"name": "x", "labels": {"app": "web"}}, "involvedObject": {"kind": "Pod"}});
        let selects = |labels, fields| Selector::parse(labels, fields).unwrap().selects_value(&pod);
        assert!(selects("", ""));
        assert!(selects("app=web,!tier", "metadata.name=x,involvedObject.kind=Pod"));
        assert!(selects("app", "involvedObject.name="));
        assert!(!selects("app!=web", ""));
        assert!(!selects("tier", ""));
        assert!(!selects("", "involvedObject.kind!=Pod"));
        Selector::parse("app in (web)", "").unwrap_err();
    }
}
