//! Forms as a worker fills them in on a phone, for stories that need some record of a type.

use gridledger_client::Intents;
use serde_json::{Map, Value, json};

use crate::world::MORNING;

/// A patrol that began in the morning, with a note.
pub fn patrol(note: &str) -> Intents {
    Intents::new().put("started", MORNING).put("coverage_note", note)
}

/// A dwelling at an address.
pub fn dwelling(road: &str, number: &str) -> Intents {
    Intents::new().put("address", json!({ "road": road, "number": number }))
}

/// A household in a dwelling, under a label.
pub fn household(dwelling: impl ToString, label: &str) -> Intents {
    Intents::new().put("dwelling_id", dwelling.to_string()).put("label", label)
}

/// A person with a name.
pub fn person(name: &str) -> Intents {
    Intents::new().put("name", name)
}

/// Says that a person lives in a household.
pub fn residency(person: impl ToString, household: impl ToString) -> Intents {
    Intents::new()
        .put("person", person.to_string())
        .put("household", household.to_string())
        .put("kind", "resident")
}

/// A visit to a household at which somebody was met.
pub fn visit(household: impl ToString) -> Intents {
    Intents::new().put("household", household.to_string()).put("result", "met")
}

/// A ticket about an incident at an address, with the event that reports it.
pub fn ticket(title: &str, address: &str) -> Intents {
    Intents::new()
        .put("kind", "incident")
        .put("title", title)
        .put("address_text", address)
        .event("report", Map::new())
}

/// One put.
pub fn put(field: &str, value: impl Into<Value>) -> Intents {
    Intents::new().put(field, value)
}

/// The fields of a JSON object.
#[track_caller]
pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("not an object: {other}"),
    }
}
