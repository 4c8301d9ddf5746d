//! apimachinery's names of kinds.

use std::rc::Rc;

use herald_template::types::{Method, Results, Type};
use herald_template::{Value, go_struct};

use super::no_method;

/// Go's `schema.GroupVersionKind`.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupVersionKind {
    pub group: String,
    pub version: String,
    pub kind: String,
}

/// Go's `schema.GroupVersion`.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupVersion {
    pub group: String,
    pub version: String,
}

/// Go's `schema.GroupKind`.
#[derive(Clone, Debug, Default)]
pub(crate) struct GroupKind {
    pub group: String,
    pub kind: String,
}

go_struct! {
    /// Go's `schema.GroupVersionKind`.
    pub static GROUP_VERSION_KIND = "schema.GroupVersionKind" for GroupVersionKind;
    fields: [
        plain Group = group, Name("Group");
        plain Version = version, Name("Version");
        plain Kind = kind, Name("Kind");
    ]
    methods: &[
        Method::new("Empty", &[], Type::BOOL),
        Method::new("GroupKind", &[], Type::Struct(&GROUP_KIND)),
        Method::new("GroupVersion", &[], Type::Struct(&GROUP_VERSION)),
        Method::new("String", &[], Type::STRING),
        Method::unusable("ToAPIVersionAndKind", &[], Results::SecondNotError("string")),
    ];
    call: |gvk, method, _args| Ok(match method {
        "Empty" => Value::Bool(gvk.group.is_empty() && gvk.version.is_empty() && gvk.kind.is_empty()),
        "GroupKind" => Value::shared(Rc::new(GroupKind { group: gvk.group.clone(), kind: gvk.kind.clone() })),
        "GroupVersion" => Value::shared(Rc::new(GroupVersion { group: gvk.group.clone(), version: gvk.version.clone() })),
        "String" => Value::string(format!("{}/{}, Kind={}", gvk.group, gvk.version, gvk.kind)),
        _ => return Err(no_method(method)),
    });
}

go_struct! {
    /// Go's `schema.GroupVersion`.
    pub static GROUP_VERSION = "schema.GroupVersion" for GroupVersion;
    fields: [
        plain Group = group, Name("Group");
        plain Version = version, Name("Version");
    ]
    methods: &[
        Method::new("Empty", &[], Type::BOOL),
        Method::new("Identifier", &[], Type::STRING),
        Method::new("String", &[], Type::STRING),
        Method::new("WithKind", &[Type::STRING], Type::Struct(&GROUP_VERSION_KIND)),
    ];
    call: |gv, method, args| Ok(match method {
        "Empty" => Value::Bool(gv.group.is_empty() && gv.version.is_empty()),
        "Identifier" | "String" if gv.group.is_empty() => Value::string(gv.version.as_str()),
        "Identifier" | "String" => Value::string(format!("{}/{}", gv.group, gv.version)),
        "WithKind" => {
            let kind = args.first().map(ToString::to_string).unwrap_or_default();
            Value::shared(Rc::new(GroupVersionKind { group: gv.group.clone(), version: gv.version.clone(), kind }))
        }
        _ => return Err(no_method(method)),
    });
}

go_struct! {
    /// Go's `schema.GroupKind`.
    pub static GROUP_KIND = "schema.GroupKind" for GroupKind;
    fields: [
        plain Group = group, Name("Group");
        plain Kind = kind, Name("Kind");
    ]
    methods: &[
        Method::new("Empty", &[], Type::BOOL),
        Method::new("String", &[], Type::STRING),
        Method::new("WithVersion", &[Type::STRING], Type::Struct(&GROUP_VERSION_KIND)),
    ];
    call: |gk, method, args| Ok(match method {
        "Empty" => Value::Bool(gk.group.is_empty() && gk.kind.is_empty()),
        "String" if gk.group.is_empty() => Value::string(gk.kind.as_str()),
        "String" => Value::string(format!("{}.{}", gk.kind, gk.group)),
        "WithVersion" => {
            let version = args.first().map(ToString::to_string).unwrap_or_default();
            Value::shared(Rc::new(GroupVersionKind { group: gk.group.clone(), version, kind: gk.kind.clone() }))
        }
        _ => return Err(no_method(method)),
    });
}

impl GroupVersionKind {
    /// Reads an `apiVersion`; one with two slashes leaves only the kind.
    pub(super) fn parse(api_version: &str, kind: &str) -> Self {
        let (group, version) = match api_version.matches('/').count() {
            0 if api_version.is_empty() => ("", ""),
            0 => ("", api_version),
            1 => api_version.split_once('/').unwrap_or_default(),
            _ => ("", ""),
        };
        let (group, version) = if api_version == "/" { ("", "") } else { (group, version) };
        Self { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
    }
}
