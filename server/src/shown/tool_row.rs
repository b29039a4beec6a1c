//! The values of a record that tools may see, stored with its ledger row.
//!
//! They are one JSON object. Each value stands under the key of its column, masked; it has the column's type or is
//! absent.

use gridledger_core::fold::{State, Verb};
use gridledger_core::project::View;
use gridledger_schema::set::{RecordType, TIME_MAX_MS, TIME_MIN_MS};
use serde_json::{Map, Value, json};

use crate::shown::columns::columns;
use crate::shown::row::{disputed, value};
use crate::shown::tool_columns::{follows, key_of, kind, own_key};
use crate::store::rows::tools::ToolKind;

/// Writes the values that tools may see, from the view of the facet that tools read.
pub fn shown(record_type: &RecordType, view: &View) -> String {
    let columns = columns(record_type);
    let Value::Object(fields) = view.to_json() else {
        return String::from("{}");
    };
    let follows = follows(record_type);
    let mut out = Map::new();
    for column in &columns {
        let Some(kind) = kind(column, follows) else {
            continue;
        };
        if let Some(value) = value(column, &fields, true).and_then(|value| fitting(kind, value)) {
            out.insert(key_of(column, kind), value);
        }
    }
    if follows {
        ticket(view, &mut out);
    }
    let disputed = disputed(&columns, &fields);
    if !disputed.is_empty() {
        out.insert(own_key("conflicts", ToolKind::Json), json!(disputed));
    }
    Value::Object(out).to_string()
}

/// Converts a value to its column's type; `None` if it does not fit.
fn fitting(kind: ToolKind, value: Value) -> Option<Value> {
    let fits = match kind {
        ToolKind::Text => {
            return match value {
                Value::String(_) => Some(value),
                Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
                _ => None,
            };
        }
        ToolKind::Whole => value.is_i64(),
        ToolKind::Number => value.is_number(),
        ToolKind::YesNo => value.is_boolean(),
        ToolKind::Time => value.as_i64().is_some_and(|ms| (TIME_MIN_MS..=TIME_MAX_MS).contains(&ms)),
        ToolKind::Json => value.is_array() || value.is_object(),
    };
    fits.then_some(value)
}

/// Writes the times of a ticket's steps: the first acceptance, the latest deadline, feedback and closing that took effect,
/// and the latest rating. A reopened ticket has no closing time.
fn ticket(view: &View, out: &mut Map<String, Value>) {
    let Some(ticket) = &view.ticket else { return };
    let mut put = |name: &str, kind, value: Value| {
        if let Some(value) = fitting(kind, value) {
            out.insert(own_key(name, kind), value);
        }
    };
    let mut accepted = false;
    for id in &ticket.applied {
        let Some(event) = view.events.iter().find(|event| event.id == *id) else {
            continue;
        };
        if let Some(due) = event.args.get("due") {
            put("due_at", ToolKind::Time, due.clone());
        }
        match event.verb {
            Verb::Accept if !accepted => {
                accepted = true;
                put("accepted_at", ToolKind::Time, event.at.into());
            }
            Verb::Feedback => put("fed_back_at", ToolKind::Time, event.at.into()),
            Verb::Close => put("closed_at", ToolKind::Time, event.at.into()),
            Verb::Evaluate => {
                let score = event.args.get("score").cloned().unwrap_or_default();
                put("rating", ToolKind::Whole, score);
            }
            _ => {}
        }
    }
    if !matches!(ticket.state, Some(State::Closed | State::Evaluated)) {
        out.remove(&own_key("closed_at", ToolKind::Time));
    }
}
