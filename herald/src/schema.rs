//! `herald schema`: the JSON Schema of the configuration, generated from the types that read it.

use std::process::ExitCode;

use herald_common::config::{Config, ReceiverOptions};
use herald_sinks::kinds;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::check::print;

pub(crate) fn run() -> anyhow::Result<ExitCode> {
    print(&mut std::io::stdout().lock(), &format!("{:#}\n", schema()))?;
    Ok(ExitCode::SUCCESS)
}

/// Makes the schema (JSON Schema draft 7, which editors know).
fn schema() -> Value {
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut root = generator.root_schema_for::<Config>().to_value();
    let options = generator.root_schema_for::<ReceiverOptions>().to_value();
    let mut properties = options["properties"].as_object().cloned().unwrap_or_default();
    properties.insert("name".to_owned(), json!({"type": "string", "description": "Its name, by which rules call it"}));
    for row in kinds::KINDS {
        // A kind whose keys may all be left out may stand there with nothing.
        let mut keys = json!({"anyOf": [row.schema(&mut generator).to_value(), {"type": "null"}]});
        if !row.is_served {
            keys["deprecated"] = json!(true);
            keys["description"] = json!("Not served");
        }
        properties.insert(row.kind.to_owned(), keys);
    }
    let kinds: Vec<Value> = kinds::KINDS.iter().map(|row| json!({"required": [row.kind]})).collect();
    let receiver = json!({"type": "object", "required": ["name"], "oneOf": kinds, "properties": properties});
    root["properties"]["receivers"] = json!({"type": "array", "items": receiver, "description": "Where events go"});
    root["title"] = json!("Herald's configuration");
    let definitions: Map<String, Value> = generator.take_definitions(true);
    match root["definitions"].as_object_mut() {
        Some(known) => known.extend(definitions),
        None => root["definitions"] = Value::Object(definitions),
    }
    close(&mut root);
    root
}

/// Lets no object have keys beside those it names.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object) && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_knows_every_kind_and_no_key_that_is_not_read() {
        let schema = schema();
        let receiver = &schema["properties"]["receivers"]["items"];
        for kind in herald_common::config::KINDS {
            assert!(receiver["properties"][kind].is_object(), "{kind}");
        }
        assert_eq!(receiver["additionalProperties"], false);
        assert_eq!(schema["additionalProperties"], false);
        assert!(schema["properties"]["route"].is_object() && schema["properties"]["nats"].is_object(), "{schema:#}");
        assert!(schema["definitions"]["Rule"]["properties"]["minCount"].is_object(), "{schema:#}");
    }
}
