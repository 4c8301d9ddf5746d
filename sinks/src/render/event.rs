//! The event as templates see it, made of the event as it travels.

use herald_common::event::{self, EnrichedEvent, StringMap};
use herald_template::go::time::{Location, Time as GoTime};
use herald_template_event::{
    EnhancedEvent, EnhancedObjectReference, Event, EventSeries, EventSource, Labels, ManagedFields, MicroTime, ObjectMeta, ObjectReference,
    OwnerReference, Time, TypeMeta, Uid,
};

/// Gives the event its Go types.
#[must_use]
pub fn typed(enriched: &EnrichedEvent) -> EnhancedEvent {
    let EnrichedEvent { event, cluster_name, object } = enriched;
    EnhancedEvent {
        event: Event {
            type_meta: TypeMeta::default(),
            metadata: metadata(&event.metadata),
            involved_object: reference(&event.involved_object),
            reason: event.reason.clone(),
            message: event.message.clone(),
            source: EventSource { component: event.source.component.clone(), host: event.source.host.clone() },
            first_timestamp: Time(time(event.first_timestamp.timestamp())),
            last_timestamp: Time(time(event.last_timestamp.timestamp())),
            count: event.count,
            event_type: event.type_.clone(),
            event_time: MicroTime(time(event.event_time.timestamp())),
            series: event.series.as_ref().map(|series| EventSeries {
                count: series.count,
                last_observed_time: MicroTime(time(series.last_observed_time.timestamp())),
            }),
            action: event.action.clone(),
            related: event.related.as_ref().map(reference),
            reporting_controller: event.reporting_component.clone(),
            reporting_instance: event.reporting_instance.clone(),
        },
        cluster_name: cluster_name.clone(),
        involved_object: EnhancedObjectReference {
            reference: reference(&event.involved_object),
            labels: labels(&object.labels),
            annotations: labels(&object.annotations),
            owner_references: owners(&object.owner_references),
            deleted: object.deleted,
        },
    }
}

fn time(timestamp: Option<jiff::Timestamp>) -> GoTime {
    timestamp.map_or_else(GoTime::default, |at| GoTime::from_unix(at.as_second(), i64::from(at.subsec_nanosecond()), Location::Local))
}

/// A map that is not there is nil in Go.
fn labels(map: &StringMap) -> Labels {
    (!map.is_empty()).then(|| map.clone())
}

fn owners(owners: &[event::OwnerReference]) -> Option<Vec<OwnerReference>> {
    let owner = |owner: &event::OwnerReference| OwnerReference {
        api_version: owner.api_version.clone(),
        kind: owner.kind.clone(),
        name: owner.name.clone(),
        uid: Uid(owner.uid.clone()),
        controller: owner.controller,
        block_owner_deletion: owner.block_owner_deletion,
    };
    (!owners.is_empty()).then(|| owners.iter().map(owner).collect())
}

fn reference(reference: &event::ObjectReference) -> ObjectReference {
    ObjectReference {
        kind: reference.kind.clone(),
        namespace: reference.namespace.clone(),
        name: reference.name.clone(),
        uid: Uid(reference.uid.clone()),
        api_version: reference.api_version.clone(),
        resource_version: reference.resource_version.clone(),
        field_path: reference.field_path.clone(),
    }
}

fn metadata(meta: &event::ObjectMeta) -> ObjectMeta {
    ObjectMeta {
        name: meta.name.clone(),
        generate_name: meta.generate_name.clone(),
        namespace: meta.namespace.clone(),
        self_link: meta.self_link.clone(),
        uid: Uid(meta.uid.clone()),
        resource_version: meta.resource_version.clone(),
        generation: meta.generation,
        creation_timestamp: Time(time(meta.creation_timestamp.timestamp())),
        deletion_timestamp: meta.deletion_timestamp.timestamp().map(|at| Time(time(Some(at)))),
        deletion_grace_period_seconds: meta.deletion_grace_period_seconds,
        labels: labels(&meta.labels),
        annotations: labels(&meta.annotations),
        owner_references: owners(&meta.owner_references),
        finalizers: (!meta.finalizers.is_empty()).then(|| meta.finalizers.clone()),
        managed_fields: ManagedFields,
    }
}
