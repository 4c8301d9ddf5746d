//! Tables, as kubectl asks for them.
//!
//! In: objects. Out: a `Table` with the columns kubectl's users know for events and pods, and name and age for everything else. Pure but
//! for the current time.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{kinds::Kind, object};

/// The table of some objects.
pub(super) fn render(kind: &Kind, metadata: &Value, objects: &[Value]) -> Value {
    let (columns, cells): (&[&str], fn(&Value) -> Value) = match kind.resource().as_str() {
        "events" => (&["Last Seen", "Type", "Reason", "Object", "Message"], event),
        "pods" => (&["Name", "Ready", "Status", "Restarts", "Age"], pod),
        _ => (&["Name", "Age"], |object| json!([object::meta(object, "name"), age(object::meta(object, "creationTimestamp"))])),
    };
    let columns: Vec<Value> = columns
        .iter()
        .map(|&name| {
            let format = if name == "Name" { "name" } else { "" };
            json!({"name": name, "type": "string", "format": format, "description": name, "priority": 0})
        })
        .collect();
    let rows: Vec<Value> = objects.iter().map(|object| json!({"cells": cells(object), "object": object::metadata_only(object)})).collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": columns, "rows": rows})
}

fn event(event: &Value) -> Value {
    let times = [&event["series"]["lastObservedTime"], &event["lastTimestamp"], &event["eventTime"], &event["firstTimestamp"]];
    let last_seen = times.into_iter().find_map(Value::as_str).unwrap_or_default();
    let about = &event["involvedObject"];
    let object = format!("{}/{}", about["kind"].as_str().unwrap_or_default().to_lowercase(), about["name"].as_str().unwrap_or_default());
    json!([age(last_seen), event["type"], event["reason"], object, event["message"]])
}

fn pod(pod: &Value) -> Value {
    let containers = pod["spec"]["containers"].as_array().map_or(0, Vec::len);
    let statuses = pod["status"]["containerStatuses"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    let ready = statuses.iter().filter(|status| status["ready"] == json!(true)).count();
    let restarts: u64 = statuses.iter().filter_map(|status| status["restartCount"].as_u64()).sum();
    let deleted = !object::meta(pod, "deletionTimestamp").is_empty();
    let status = if deleted { "Terminating" } else { pod["status"]["phase"].as_str().unwrap_or("Unknown") };
    json!([
        object::meta(pod, "name"),
        format!("{ready}/{containers}"),
        status,
        restarts.to_string(),
        age(object::meta(pod, "creationTimestamp"))
    ])
}

/// How long ago a time was, as kubectl says it.
fn age(time: &str) -> String {
    let Ok(time) = time.parse::<Timestamp>() else { return "<unknown>".to_owned() };
    let seconds = Timestamp::now().as_second().saturating_sub(time.as_second()).max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
