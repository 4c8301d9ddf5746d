//! References to objects: core/v1's, and the exporter's that also carries the object's metadata.

use std::rc::Rc;

use herald_template::types::{Method, OnNil, Type};
use herald_template::{Value, go_struct};

use super::meta::{OwnerReference, Uid};
use super::schema::{GROUP_VERSION_KIND, GroupVersionKind};
use super::{Labels, holds, no_method, pointer, proto};

/// The involved object with its metadata.
#[derive(Clone, Debug, Default)]
pub struct EnhancedObjectReference {
    pub reference: ObjectReference,
    pub labels: Labels,
    pub annotations: Labels,
    pub owner_references: Option<Vec<OwnerReference>>,
    pub deleted: bool,
}

go_struct! {
    /// Go's `kube.EnhancedObjectReference`.
    pub static ENHANCED_OBJECT_REFERENCE = "kube.EnhancedObjectReference" for EnhancedObjectReference;
    fields: [
        embedded ObjectReference = reference, Inline;
        plain Labels = labels, OmitEmpty("labels");
        plain Annotations = annotations, OmitEmpty("annotations");
        plain OwnerReferences = owner_references, OmitEmpty("ownerReferences");
        plain Deleted = deleted, Name("deleted");
    ]
    methods: &[];
    call: |_reference, method, _args| Err(no_method(method));
}

/// Go's core/v1 `ObjectReference`.
#[derive(Clone, Debug, Default)]
pub struct ObjectReference {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub uid: Uid,
    pub api_version: String,
    pub resource_version: String,
    pub field_path: String,
}

go_struct! {
    /// Go's `v1.ObjectReference`.
    pub static OBJECT_REFERENCE = "v1.ObjectReference" for ObjectReference;
    fields: [
        plain Kind = kind, OmitEmpty("kind");
        plain Namespace = namespace, OmitEmpty("namespace");
        plain Name = name, OmitEmpty("name");
        plain UID = uid, OmitEmpty("uid");
        plain APIVersion = api_version, OmitEmpty("apiVersion");
        plain ResourceVersion = resource_version, OmitEmpty("resourceVersion");
        plain FieldPath = field_path, OmitEmpty("fieldPath");
    ]
    methods: &[
        Method::on_pointer("DeepCopy", &[], pointer(&OBJECT_REFERENCE)).on_nil(OnNil::Zero),
        Method::on_pointer("DeepCopyObject", &[], Type::Interface("runtime.Object")).on_nil(OnNil::Zero),
        Method::on_pointer("GetObjectKind", &[], Type::Interface("schema.ObjectKind")),
        Method::on_pointer("GroupVersionKind", &[], Type::Struct(&GROUP_VERSION_KIND)),
        Method::on_pointer("Marshal", &[], Type::BYTES),
        Method::on_pointer("Size", &[], Type::INT).on_nil(OnNil::Zero),
        Method::on_pointer("String", &[], Type::STRING).on_nil(OnNil::Text("nil")),
        Method::setter("DeepCopyInto", &[pointer(&OBJECT_REFERENCE)]),
        Method::setter("ProtoMessage", &[]),
        Method::setter("Reset", &[]),
        Method::setter("SetGroupVersionKind", &[Type::Struct(&GROUP_VERSION_KIND)]),
    ];
    call: |reference, method, _args| Ok(match method {
        "DeepCopy" | "DeepCopyObject" => Value::shared_pointer(Rc::new(reference.clone())),
        "GetObjectKind" => holds(reference),
        "GroupVersionKind" => Value::shared(Rc::new(GroupVersionKind::parse(&reference.api_version, &reference.kind))),
        "Marshal" => Value::Bytes(proto::reference(reference).into()),
        "Size" => Value::int(i64::try_from(proto::reference(reference).len()).unwrap_or(i64::MAX)),
        "String" => Value::string(reference.text()),
        _ => return Err(no_method(method)),
    });
}

impl ObjectReference {
    /// The text of the generated `String` method.
    pub(crate) fn text(&self) -> String {
        format!(
            "&ObjectReference{{Kind:{},Namespace:{},Name:{},UID:{},APIVersion:{},ResourceVersion:{},FieldPath:{},}}",
            self.kind, self.namespace, self.name, self.uid.0, self.api_version, self.resource_version, self.field_path
        )
    }
}
