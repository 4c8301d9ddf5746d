//! metav1: type and object metadata, owners.

use std::collections::BTreeMap;
use std::rc::Rc;

use herald_template::types::{Kind, Method, OnNil, Pointee, Scalar, StructType, Type};
use herald_template::{ToValue, Value, go_struct};

use super::schema::{GROUP_VERSION_KIND, GroupVersionKind};
use super::time::{META_TIME, Time};
use super::{Labels, holds, no_method, pointer, proto};

/// Go's `types.UID`, a string type of its own.
pub(crate) static UID: Scalar = Scalar::new("types.UID", Kind::String);

/// A unique id.
#[derive(Clone, Debug, Default)]
pub struct Uid(pub String);

impl ToValue for Uid {
    const TYPE: Type = Type::Scalar(&UID);

    fn to_value(&self) -> Value<'_> {
        Value::Str(self.0.as_str().into(), &UID)
    }
}

/// Go's metav1 `TypeMeta`.
#[derive(Clone, Debug, Default)]
pub struct TypeMeta {
    pub kind: String,
    pub api_version: String,
}

go_struct! {
    /// Go's `v1.TypeMeta`.
    pub static TYPE_META = "v1.TypeMeta" for TypeMeta;
    fields: [
        plain Kind = kind, OmitEmpty("kind");
        plain APIVersion = api_version, OmitEmpty("apiVersion");
    ]
    methods: &[
        Method::on_pointer("GetObjectKind", &[], Type::Interface("schema.ObjectKind")),
        Method::on_pointer("GroupVersionKind", &[], Type::Struct(&GROUP_VERSION_KIND)),
        Method::on_pointer("Marshal", &[], Type::BYTES),
        Method::on_pointer("Size", &[], Type::INT).on_nil(OnNil::Zero),
        Method::on_pointer("String", &[], Type::STRING).on_nil(OnNil::Text("nil")),
        Method::setter("ProtoMessage", &[]),
        Method::setter("Reset", &[]),
        Method::setter("SetGroupVersionKind", &[Type::Struct(&GROUP_VERSION_KIND)]),
    ];
    call: |meta, method, _args| Ok(match method {
        "GetObjectKind" => holds(meta),
        "GroupVersionKind" => Value::shared(Rc::new(GroupVersionKind::parse(&meta.api_version, &meta.kind))),
        "Marshal" => Value::Bytes(proto::type_meta(meta).into()),
        "Size" => Value::int(i64::try_from(proto::type_meta(meta).len()).unwrap_or(i64::MAX)),
        "String" => Value::string(format!("&TypeMeta{{Kind:{},APIVersion:{},}}", meta.kind, meta.api_version)),
        _ => return Err(no_method(method)),
    });
}

/// Go's metav1 `OwnerReference`.
#[derive(Clone, Debug, Default)]
pub struct OwnerReference {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub uid: Uid,
    pub controller: Option<bool>,
    pub block_owner_deletion: Option<bool>,
}

go_struct! {
    /// Go's `v1.OwnerReference`.
    pub static OWNER_REFERENCE = "v1.OwnerReference" for OwnerReference;
    fields: [
        plain APIVersion = api_version, Name("apiVersion");
        plain Kind = kind, Name("kind");
        plain Name = name, Name("name");
        plain UID = uid, Name("uid");
        plain Controller = controller, OmitEmpty("controller");
        plain BlockOwnerDeletion = block_owner_deletion, OmitEmpty("blockOwnerDeletion");
    ]
    methods: &[
        Method::on_pointer("DeepCopy", &[], pointer(&OWNER_REFERENCE)).on_nil(OnNil::Zero),
        Method::on_pointer("Marshal", &[], Type::BYTES),
        Method::on_pointer("Size", &[], Type::INT).on_nil(OnNil::Zero),
        Method::on_pointer("String", &[], Type::STRING).on_nil(OnNil::Text("nil")),
        Method::setter("DeepCopyInto", &[pointer(&OWNER_REFERENCE)]),
        Method::setter("ProtoMessage", &[]),
        Method::setter("Reset", &[]),
    ];
    call: |owner, method, _args| Ok(match method {
        "DeepCopy" => Value::shared_pointer(Rc::new(owner.clone())),
        "Marshal" => Value::Bytes(proto::owner(owner).into()),
        "Size" => Value::int(i64::try_from(proto::owner(owner).len()).unwrap_or(i64::MAX)),
        "String" => Value::string(owner.text()),
        _ => return Err(no_method(method)),
    });
}

impl OwnerReference {
    /// The text of the generated `String` method.
    fn text(&self) -> String {
        let flag = |flag: Option<bool>| flag.map_or_else(|| "nil".to_owned(), |flag| format!("*{flag}"));
        format!(
            "&OwnerReference{{Kind:{},Name:{},UID:{},APIVersion:{},Controller:{},BlockOwnerDeletion:{},}}",
            self.kind,
            self.name,
            self.uid.0,
            self.api_version,
            flag(self.controller),
            flag(self.block_owner_deletion)
        )
    }
}

/// Go's metav1 `ManagedFieldsEntry`; events never carry any.
pub(crate) static MANAGED_FIELDS_ENTRY: StructType = StructType::new("v1.ManagedFieldsEntry", &[], &[]);

/// The managed fields, always dropped.
#[derive(Clone, Debug, Default)]
pub struct ManagedFields;

impl ToValue for ManagedFields {
    const TYPE: Type = Type::Slice(&Type::Struct(&MANAGED_FIELDS_ENTRY));

    fn to_value(&self) -> Value<'_> {
        Value::zero(&Self::TYPE)
    }
}

/// Go's metav1 `ObjectMeta`.
#[derive(Clone, Debug, Default)]
pub struct ObjectMeta {
    pub name: String,
    pub generate_name: String,
    pub namespace: String,
    pub self_link: String,
    pub uid: Uid,
    pub resource_version: String,
    pub generation: i64,
    pub creation_timestamp: Time,
    pub deletion_timestamp: Option<Time>,
    pub deletion_grace_period_seconds: Option<i64>,
    pub labels: Labels,
    pub annotations: Labels,
    pub owner_references: Option<Vec<OwnerReference>>,
    pub finalizers: Option<Vec<String>>,
    pub managed_fields: ManagedFields,
}

const OWNERS: Type = Type::Slice(&Type::Struct(&OWNER_REFERENCE));

go_struct! {
    /// Go's `v1.ObjectMeta`.
    pub static OBJECT_META = "v1.ObjectMeta" for ObjectMeta;
    fields: [
        plain Name = name, OmitEmpty("name");
        plain GenerateName = generate_name, OmitEmpty("generateName");
        plain Namespace = namespace, OmitEmpty("namespace");
        plain SelfLink = self_link, OmitEmpty("selfLink");
        plain UID = uid, OmitEmpty("uid");
        plain ResourceVersion = resource_version, OmitEmpty("resourceVersion");
        plain Generation = generation, OmitEmpty("generation");
        plain CreationTimestamp = creation_timestamp, OmitEmpty("creationTimestamp");
        plain DeletionTimestamp = deletion_timestamp, OmitEmpty("deletionTimestamp");
        plain DeletionGracePeriodSeconds = deletion_grace_period_seconds, OmitEmpty("deletionGracePeriodSeconds");
        plain Labels = labels, OmitEmpty("labels");
        plain Annotations = annotations, OmitEmpty("annotations");
        plain OwnerReferences = owner_references, OmitEmpty("ownerReferences");
        plain Finalizers = finalizers, OmitEmpty("finalizers");
        plain ManagedFields = managed_fields, OmitEmpty("managedFields");
    ]
    methods: &[
        Method::on_pointer("DeepCopy", &[], pointer(&OBJECT_META)).on_nil(OnNil::Zero),
        Method::on_pointer("GetAnnotations", &[], Type::STRING_MAP),
        Method::on_pointer("GetCreationTimestamp", &[], Type::Struct(&META_TIME)),
        Method::on_pointer("GetDeletionGracePeriodSeconds", &[], Type::Pointer(Pointee::Scalar(&herald_template::types::INT64))),
        Method::on_pointer("GetDeletionTimestamp", &[], pointer(&META_TIME)),
        Method::on_pointer("GetFinalizers", &[], Type::STRINGS),
        Method::on_pointer("GetGenerateName", &[], Type::STRING),
        Method::on_pointer("GetGeneration", &[], Type::INT64),
        Method::on_pointer("GetLabels", &[], Type::STRING_MAP),
        Method::on_pointer("GetManagedFields", &[], ManagedFields::TYPE),
        Method::on_pointer("GetName", &[], Type::STRING),
        Method::on_pointer("GetNamespace", &[], Type::STRING),
        Method::on_pointer("GetObjectMeta", &[], Type::Interface("v1.Object")),
        Method::on_pointer("GetOwnerReferences", &[], OWNERS),
        Method::on_pointer("GetResourceVersion", &[], Type::STRING),
        Method::on_pointer("GetSelfLink", &[], Type::STRING),
        Method::on_pointer("GetUID", &[], Uid::TYPE),
        Method::on_pointer("Marshal", &[], Type::BYTES),
        Method::on_pointer("Size", &[], Type::INT).on_nil(OnNil::Zero),
        Method::on_pointer("String", &[], Type::STRING).on_nil(OnNil::Text("nil")),
        Method::setter("DeepCopyInto", &[pointer(&OBJECT_META)]),
        Method::setter("ProtoMessage", &[]),
        Method::setter("Reset", &[]),
        Method::setter("SetAnnotations", &[Type::STRING_MAP]),
        Method::setter("SetCreationTimestamp", &[Type::Struct(&META_TIME)]),
        Method::setter("SetDeletionGracePeriodSeconds", &[Type::Pointer(Pointee::Scalar(&herald_template::types::INT64))]),
        Method::setter("SetDeletionTimestamp", &[pointer(&META_TIME)]),
        Method::setter("SetFinalizers", &[Type::STRINGS]),
        Method::setter("SetGenerateName", &[Type::STRING]),
        Method::setter("SetGeneration", &[Type::INT64]),
        Method::setter("SetLabels", &[Type::STRING_MAP]),
        Method::setter("SetManagedFields", &[ManagedFields::TYPE]),
        Method::setter("SetName", &[Type::STRING]),
        Method::setter("SetNamespace", &[Type::STRING]),
        Method::setter("SetOwnerReferences", &[OWNERS]),
        Method::setter("SetResourceVersion", &[Type::STRING]),
        Method::setter("SetSelfLink", &[Type::STRING]),
        Method::setter("SetUID", &[Uid::TYPE]),
    ];
    call: |meta, method, _args| Ok(match method {
        "DeepCopy" => Value::shared_pointer(Rc::new(meta.clone())),
        "GetAnnotations" => meta.annotations.to_value(),
        "GetCreationTimestamp" => meta.creation_timestamp.to_value(),
        "GetDeletionGracePeriodSeconds" => meta.deletion_grace_period_seconds.to_value(),
        "GetDeletionTimestamp" => meta.deletion_timestamp.to_value(),
        "GetFinalizers" => meta.finalizers.to_value(),
        "GetGenerateName" => meta.generate_name.to_value(),
        "GetGeneration" => meta.generation.to_value(),
        "GetLabels" => meta.labels.to_value(),
        "GetManagedFields" => meta.managed_fields.to_value(),
        "GetName" => meta.name.to_value(),
        "GetNamespace" => meta.namespace.to_value(),
        "GetObjectMeta" => holds(meta),
        "GetOwnerReferences" => meta.owner_references.to_value(),
        "GetResourceVersion" => meta.resource_version.to_value(),
        "GetSelfLink" => meta.self_link.to_value(),
        "GetUID" => meta.uid.to_value(),
        "Marshal" => Value::Bytes(proto::object_meta(meta).into()),
        "Size" => Value::int(i64::try_from(proto::object_meta(meta).len()).unwrap_or(i64::MAX)),
        "String" => Value::string(meta.text()),
        _ => return Err(no_method(method)),
    });
}

impl ObjectMeta {
    /// The text of the generated `String` method.
    fn text(&self) -> String {
        let owners: String = self.owner_references.iter().flatten().map(|owner| owner.text().replacen('&', "", 1) + ",").collect();
        format!(
            "&ObjectMeta{{Name:{},GenerateName:{},Namespace:{},SelfLink:{},UID:{},ResourceVersion:{},Generation:{},CreationTimestamp:{},\
             DeletionTimestamp:{},DeletionGracePeriodSeconds:{},Labels:{},Annotations:{},OwnerReferences:[]OwnerReference{{{owners}}},\
             Finalizers:{},ManagedFields:[]ManagedFieldsEntry{{}},}}",
            self.name,
            self.generate_name,
            self.namespace,
            self.self_link,
            self.uid.0,
            self.resource_version,
            self.generation,
            self.creation_timestamp.text(),
            self.deletion_timestamp.as_ref().map_or_else(|| "<nil>".to_owned(), Time::text),
            self.deletion_grace_period_seconds.map_or_else(|| "nil".to_owned(), |seconds| format!("*{seconds}")),
            map_text(self.labels.as_ref()),
            map_text(self.annotations.as_ref()),
            self.finalizers.to_value(),
        )
    }
}

fn map_text(map: Option<&BTreeMap<String, String>>) -> String {
    let entries: String = map.into_iter().flatten().map(|(key, value)| format!("{key}: {value},")).collect();
    format!("map[string]string{{{entries}}}")
}
