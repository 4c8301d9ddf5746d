//! An event as a row of BigQuery: newline-delimited JSON whose keys are names that columns may have.
//!
//! In goes a JSON object, out comes a line. A character that is no letter or digit becomes `_`, a name that does not begin with a letter gets `_` in front;
//! what two keys of a map would share, letter case aside, is numbered from the second on. Nulls are left out, and maps that hold nothing, which no column can
//! be made of. Pure.

use std::collections::{BTreeMap, HashSet};

use herald_common::event::to_go_json;
use serde_json::{Map, Value};

/// Longest name of a column, in characters.
const LONGEST: usize = 300;

/// Makes a line of a body.
pub(super) fn row(body: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    let columns = columns(serde_json::from_slice::<Map<String, Value>>(body)?);
    let mut line = to_go_json(&columns)?;
    line.push(b'\n');
    Ok(line)
}

/// Sorted by name, as Go prints a map.
fn columns(map: Map<String, Value>) -> BTreeMap<String, Value> {
    let (mut columns, mut taken) = (BTreeMap::new(), HashSet::new());
    // What need not be changed keeps its name, whatever else wants it.
    let (right, wrong): (Vec<_>, Vec<_>) = map.into_iter().partition(|(key, _)| *key == name(key));
    for (key, value) in right.into_iter().chain(wrong) {
        if let Some(value) = column(value) {
            columns.insert(free(name(&key), &mut taken), value);
        }
    }
    columns
}

/// What can be loaded of a value.
fn column(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(items) => Some(Value::Array(items.into_iter().filter_map(column).collect())),
        Value::Object(map) => {
            let columns = columns(map);
            (!columns.is_empty()).then(|| Value::Object(columns.into_iter().collect()))
        }
        scalar => Some(scalar),
    }
}

fn name(key: &str) -> String {
    let lead = if key.starts_with(char::is_alphabetic) { "" } else { "_" };
    lead.chars().chain(key.chars().map(|c| if c.is_alphanumeric() { c } else { '_' })).take(LONGEST).collect()
}

/// The name, or the first of `name_2`, `name_3`, … that no other column of the map has.
fn free(name: String, taken: &mut HashSet<String>) -> String {
    let numbered = std::iter::once(name.clone()).chain((2_u32..).map(|number| format!("{name}_{number}")));
    let free = numbered.into_iter().find(|name| taken.insert(name.to_lowercase()));
    free.unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> String {
        String::from_utf8(row(body.as_bytes()).expect("a row")).expect("text")
    }

    #[test]
    fn rows_are_the_recorded_ones() {
        let recorded: Value = serde_json::from_str(include_str!("../../../tests/conformance/wire.json")).expect("JSON");
        let mut seen = 0;
        for case in recorded["cases"].as_array().expect("cases") {
            let id = case["id"].as_str().expect("an id");
            if !id.starts_with("bigquery/") {
                continue;
            }
            let event = serde_json::to_vec(&recorded["events"][case["event"].as_str().expect("an event")]).expect("encodes");
            let event: herald_common::event::EnrichedEvent = serde_json::from_slice(&event).expect("an event");
            let body = to_go_json(&event).expect("encodes");
            assert_eq!(row(&body).expect("a row"), case["want"].as_str().expect("a row").as_bytes(), "{id}");
            seen += 1;
        }
        assert_eq!(seen, 3);
    }

    #[test]
    fn keys_become_names_of_columns_at_any_depth() {
        assert_eq!(of(r#"{"a.b/c":1,"größe":2,"1x":3,"":4,"_x":5}"#), "{\"_\":4,\"_1x\":3,\"__x\":5,\"a_b_c\":1,\"größe\":2}\n");
        assert_eq!(of(r#"{"l":[{"a.b":{"c.d":"<"}}]}"#), "{\"l\":[{\"a_b\":{\"c_d\":\"\\u003c\"}}]}\n");
        assert_eq!(of(&format!(r#"{{"{}":1}}"#, "k".repeat(317))).len(), LONGEST + 7);
    }

    #[test]
    fn keys_that_would_be_the_same_column_are_numbered() {
        assert_eq!(of(r#"{"a.b":1,"a_b":2,"a-b":3,"A_B":4}"#), "{\"A_B\":4,\"a_b_2\":2,\"a_b_3\":3,\"a_b_4\":1}\n");
    }

    #[test]
    fn what_no_column_can_be_made_of_is_left_out() {
        assert_eq!(of(r#"{"a":null,"b":{},"c":{"d":{"e":null}},"f":[null,{},1],"g":""}"#), "{\"f\":[1],\"g\":\"\"}\n");
        assert!(row(b"[1]").is_err());
    }
}
