//! A Kubernetes event as Go templates see it: core/v1 `Event` with the involved object replaced by one that also carries
//! labels, annotations and owners.
//!
//! In: the event as JSON. Out: a struct whose Go type, fields, methods, printed forms and JSON are those of the Go
//! program that templates were written for.

#![allow(missing_docs, reason = "the fields are those of core/v1 and metav1 and documented there")]

mod json;
mod meta;
mod proto;
mod reference;
mod schema;
mod time;

use std::collections::BTreeMap;

use herald_template::go::time::Time as GoTime;
use herald_template::types::{Method, OnNil, Pointee, StructType, Type};
use herald_template::{FuncError, Struct, Value, go_struct, json as encode};

pub use meta::{ManagedFields, ObjectMeta, OwnerReference, TypeMeta, Uid};
pub use reference::{EnhancedObjectReference, ObjectReference};
pub use time::{MicroTime, Time};

/// A map of labels or annotations; nil when the JSON has none.
pub type Labels = Option<BTreeMap<String, String>>;

/// The event with its object's metadata: the root of every template.
#[derive(Clone, Debug, Default)]
pub struct EnhancedEvent {
    pub event: Event,
    pub cluster_name: String,
    pub involved_object: EnhancedObjectReference,
}

go_struct! {
    /// Go's `kube.EnhancedEvent`.
    pub static ENHANCED_EVENT = "kube.EnhancedEvent" for EnhancedEvent;
    fields: [
        embedded Event = event, Inline;
        plain ClusterName = cluster_name, Name("clusterName");
        plain InvolvedObject = involved_object, Name("involvedObject");
    ]
    methods: &[
        Method::new("DeDot", &[], Type::Struct(&ENHANCED_EVENT)),
        Method::on_pointer("GetTimestampISO8601", &[], Type::STRING),
        Method::on_pointer("GetTimestampMs", &[], Type::INT64),
        Method::on_pointer("ToJSON", &[], Type::BYTES),
    ];
    call: |event, method, _args| Ok(match method {
        "DeDot" => Value::shared(std::rc::Rc::new(event.de_dot())),
        "GetTimestampISO8601" => Value::string(event.timestamp().format(b"2006-01-02T15:04:05.000Z")),
        "GetTimestampMs" => Value::int64(event.timestamp().unix_nano() / 1_000_000),
        "ToJSON" => Value::Bytes(encode::encode_object(event)?.into()),
        _ => return Err(no_method(method)),
    });
}

impl EnhancedEvent {
    /// The first timestamp, or, for events of the new API, which have none, the event time.
    fn timestamp(&self) -> &GoTime {
        if self.event.first_timestamp.0.is_zero() { &self.event.event_time.0 } else { &self.event.first_timestamp.0 }
    }

    /// A copy whose label and annotation keys have underscores for dots.
    fn de_dot(&self) -> Self {
        let mut copy = self.clone();
        let maps = [
            &mut copy.event.metadata.labels,
            &mut copy.event.metadata.annotations,
            &mut copy.involved_object.labels,
            &mut copy.involved_object.annotations,
        ];
        for map in maps {
            *map = map
                .take()
                .filter(|map| !map.is_empty())
                .map(|map| map.into_iter().map(|(key, value)| (key.replace('.', "_"), value)).collect());
        }
        copy
    }
}

/// Go's core/v1 `Event`.
#[derive(Clone, Debug, Default)]
pub struct Event {
    pub type_meta: TypeMeta,
    pub metadata: ObjectMeta,
    pub involved_object: ObjectReference,
    pub reason: String,
    pub message: String,
    pub source: EventSource,
    pub first_timestamp: Time,
    pub last_timestamp: Time,
    pub count: i32,
    pub event_type: String,
    pub event_time: MicroTime,
    pub series: Option<EventSeries>,
    pub action: String,
    pub related: Option<ObjectReference>,
    pub reporting_controller: String,
    pub reporting_instance: String,
}

go_struct! {
    /// Go's `v1.Event`.
    pub static EVENT = "v1.Event" for Event;
    fields: [
        embedded TypeMeta = type_meta, Inline;
        embedded ObjectMeta = metadata, Name("metadata");
        plain InvolvedObject = involved_object, Name("involvedObject");
        plain Reason = reason, OmitEmpty("reason");
        plain Message = message, OmitEmpty("message");
        plain Source = source, OmitEmpty("source");
        plain FirstTimestamp = first_timestamp, OmitEmpty("firstTimestamp");
        plain LastTimestamp = last_timestamp, OmitEmpty("lastTimestamp");
        plain Count = count, OmitEmpty("count");
        plain Type = event_type, OmitEmpty("type");
        plain EventTime = event_time, OmitEmpty("eventTime");
        plain Series = series, OmitEmpty("series");
        plain Action = action, OmitEmpty("action");
        plain Related = related, OmitEmpty("related");
        plain ReportingController = reporting_controller, Name("reportingComponent");
        plain ReportingInstance = reporting_instance, Name("reportingInstance");
    ]
    methods: &[
        Method::on_pointer("DeepCopy", &[], pointer(&EVENT)).on_nil(OnNil::Zero),
        Method::on_pointer("DeepCopyObject", &[], Type::Interface("runtime.Object")).on_nil(OnNil::Zero),
        Method::on_pointer("Marshal", &[], Type::BYTES),
        Method::on_pointer("Size", &[], Type::INT).on_nil(OnNil::Zero),
        Method::on_pointer("String", &[], Type::STRING).on_nil(OnNil::Text("nil")),
        Method::setter("DeepCopyInto", &[pointer(&EVENT)]),
        Method::setter("ProtoMessage", &[]),
        Method::setter("Reset", &[]),
    ];
    call: |event, method, _args| Ok(match method {
        "DeepCopy" | "DeepCopyObject" => Value::shared_pointer(std::rc::Rc::new(event.clone())),
        "Marshal" => Value::Bytes(proto::event(event).into()),
        "Size" => Value::int(i64::try_from(proto::event(event).len()).unwrap_or(i64::MAX)),
        "String" => Value::string(event.text()),
        _ => return Err(no_method(method)),
    });
}

impl Event {
    /// The text of the generated `String` method. It drops the first ampersand of the metadata, the labels' included.
    fn text(&self) -> String {
        let metadata = Value::nested(&self.metadata).boxed().to_string();
        let metadata = metadata.replacen("ObjectMeta", "v1.ObjectMeta", 1).replacen('&', "", 1);
        format!(
            "&Event{{ObjectMeta:{metadata},InvolvedObject:{},Reason:{},Message:{},Source:{},FirstTimestamp:{},LastTimestamp:{},Count:{},\
             Type:{},EventTime:{},Series:{},Action:{},Related:{},ReportingController:{},ReportingInstance:{},}}",
            self.involved_object.text().replacen('&', "", 1),
            self.reason,
            self.message,
            self.source.text().replacen('&', "", 1),
            self.first_timestamp.text(),
            self.last_timestamp.text(),
            self.count,
            self.event_type,
            self.event_time.text(),
            self.series.as_ref().map_or_else(|| "nil".to_owned(), EventSeries::text),
            self.action,
            self.related.as_ref().map_or_else(|| "nil".to_owned(), ObjectReference::text),
            self.reporting_controller,
            self.reporting_instance,
        )
    }
}

/// Go's core/v1 `EventSource`.
#[derive(Clone, Debug, Default)]
pub struct EventSource {
    pub component: String,
    pub host: String,
}

go_struct! {
    /// Go's `v1.EventSource`.
    pub static EVENT_SOURCE = "v1.EventSource" for EventSource;
    fields: [
        plain Component = component, OmitEmpty("component");
        plain Host = host, OmitEmpty("host");
    ]
    methods: &[
        Method::on_pointer("DeepCopy", &[], pointer(&EVENT_SOURCE)).on_nil(OnNil::Zero),
        Method::on_pointer("Marshal", &[], Type::BYTES),
        Method::on_pointer("Size", &[], Type::INT).on_nil(OnNil::Zero),
        Method::on_pointer("String", &[], Type::STRING).on_nil(OnNil::Text("nil")),
        Method::setter("ProtoMessage", &[]),
        Method::setter("Reset", &[]),
    ];
    call: |source, method, _args| Ok(match method {
        "DeepCopy" => Value::shared_pointer(std::rc::Rc::new(source.clone())),
        "Marshal" => Value::Bytes(proto::source(source).into()),
        "Size" => Value::int(i64::try_from(proto::source(source).len()).unwrap_or(i64::MAX)),
        "String" => Value::string(source.text()),
        _ => return Err(no_method(method)),
    });
}

impl EventSource {
    fn text(&self) -> String {
        format!("&EventSource{{Component:{},Host:{},}}", self.component, self.host)
    }
}

/// Go's core/v1 `EventSeries`.
#[derive(Clone, Debug, Default)]
pub struct EventSeries {
    pub count: i32,
    pub last_observed_time: MicroTime,
}

go_struct! {
    /// Go's `v1.EventSeries`.
    pub static EVENT_SERIES = "v1.EventSeries" for EventSeries;
    fields: [
        plain Count = count, OmitEmpty("count");
        plain LastObservedTime = last_observed_time, OmitEmpty("lastObservedTime");
    ]
    methods: &[
        Method::on_pointer("DeepCopy", &[], pointer(&EVENT_SERIES)).on_nil(OnNil::Zero),
        Method::on_pointer("Marshal", &[], Type::BYTES),
        Method::on_pointer("Size", &[], Type::INT).on_nil(OnNil::Zero),
        Method::on_pointer("String", &[], Type::STRING).on_nil(OnNil::Text("nil")),
        Method::setter("ProtoMessage", &[]),
        Method::setter("Reset", &[]),
    ];
    call: |series, method, _args| Ok(match method {
        "DeepCopy" => Value::shared_pointer(std::rc::Rc::new(series.clone())),
        "Marshal" => Value::Bytes(proto::series(series).into()),
        "Size" => Value::int(i64::try_from(proto::series(series).len()).unwrap_or(i64::MAX)),
        "String" => Value::string(series.text()),
        _ => return Err(no_method(method)),
    });
}

impl EventSeries {
    fn text(&self) -> String {
        format!("&EventSeries{{Count:{},LastObservedTime:{},}}", self.count, self.last_observed_time.text())
    }
}

/// The type of a pointer to a struct.
const fn pointer(ty: &'static StructType) -> Type {
    Type::Pointer(Pointee::Struct(ty))
}

fn no_method(method: &str) -> FuncError {
    FuncError::new(format!("no method {method}"))
}

/// A pointer to a struct, for an interface that holds one.
fn holds<T: Struct>(object: &T) -> Value<'_> {
    Value::pointer_to(object)
}
