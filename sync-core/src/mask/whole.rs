//! This file masks whole things: a record's view, the intents of an entry, the arguments of an event.

use gridledger_schema::entry::{Intent, Op};
use gridledger_schema::set::{Field, Kind, Mask, Merge, RecordType};
use serde_json::{Map, Value};

use super::{GONE, apply, mask_value, rule, scrub};
use crate::validate::shorten;

/// Masks a record's view (fields, `_conflicts`, `_ticket`). Fields that the type does not declare are left
/// out: they may be personal.
pub fn view(record_type: &RecordType, view: &Map<String, Value>) -> Map<String, Value> {
    let shown = view.iter().filter_map(|(name, value)| {
        let value = match name.as_str() {
            "_ticket" => value.clone(),
            "_conflicts" => mask_conflicts(record_type, value.as_object()?).into(),
            name => mask_field(record_type.field(name)?, value)?,
        };
        Some((name.clone(), value))
    });
    shown.collect()
}

/// Masks a field's value, including the ids of children.
fn mask_field(field: &Field, value: &Value) -> Option<Value> {
    let shown = mask_value(field, value)?;
    match shown {
        Value::Object(children) if field.merge == Merge::Map => {
            let children = children.into_iter().map(|(id, child)| (mask_child_id(field, &id), child));
            Some(Value::Object(children.collect()))
        }
        other => Some(other),
    }
}

/// Scrubs a child's id: its author chose the text.
fn mask_child_id(field: &Field, id: &str) -> String {
    rule(field).map_or_else(|| id.to_owned(), |_| scrub(id))
}

/// Masks each value of the conflicts. The names of the fields in conflict stay visible.
fn mask_conflicts(record_type: &RecordType, conflicts: &Map<String, Value>) -> Map<String, Value> {
    let shown = conflicts.iter().filter_map(|(key, candidates)| {
        let name = key.split('/').next().unwrap_or_default();
        let field = record_type.field(name)?;
        let candidates = candidates.as_array()?.iter().map(|one| mask_candidate(field, one));
        let key = if name == key { key.clone() } else { mask_child_id(field, key) };
        Some((key, candidates.collect()))
    });
    shown.collect()
}

fn mask_candidate(field: &Field, candidate: &Value) -> Value {
    let mut shown = candidate.as_object().cloned().unwrap_or_default();
    if let Some(value) = shown.remove("value").and_then(|value| mask_value(field, &value)) {
        shown.insert("value".into(), value);
    }
    shown.into()
}

/// Masks intents. The names of the written fields stay, personal values are masked, and `***` stands for
/// values that may not be shown. For an unknown type everything is `***`.
pub fn intents<'a>(
    record_type: Option<&RecordType>,
    intents: impl IntoIterator<Item = &'a Intent>,
) -> Vec<Intent> {
    intents.into_iter().map(|one| mask_intent(record_type, one)).collect()
}

fn mask_intent(record_type: Option<&RecordType>, intent: &Intent) -> Intent {
    let mut shown = intent.clone();
    let known = record_type.and_then(|of| Some((of, of.field(&intent.field)?)));
    let Some((of, field)) = known else {
        shown.field = shorten(&intent.field);
        shown.op = hide_operation(shown.op);
        return shown;
    };
    if let Op::Event { args, .. } = &mut shown.op {
        *args = event_args(of, args);
    }
    // A refused value may be anything, even in a field that holds nothing personal.
    shown.op = match rule(field) {
        _ if !fits(field, &shown.op) => hide_operation(shown.op),
        Some(mask) => mask_operation(field, mask, shown.op),
        None => shown.op,
    };
    if let Op::SetChild { child, .. } | Op::RemoveChild { child } = &mut shown.op {
        *child = scrub(child);
    }
    shown
}

/// Whether an operation writes a value that the field can hold.
fn fits(field: &Field, op: &Op) -> bool {
    let holds = |value: &Value| field.kind.check(value).is_ok();
    match op {
        Op::Put { value } => value.is_null() || holds(value),
        Op::Append { value } => holds(value),
        Op::Add { item } | Op::Remove { item } => holds(&item.as_str().into()),
        Op::SetChild { value, .. } => field.kind.check_part(value).is_ok(),
        Op::RemoveChild { .. } => field.merge == Merge::Map,
        Op::Raise { value } | Op::Increment { by: value } => holds(&(*value).into()),
        Op::Splice { .. } => field.merge == Merge::Text,
        Op::Event { verb, .. } => {
            let Kind::Object { fields, .. } = &field.kind else {
                return false;
            };
            let verbs = fields.get("verb").filter(|_| field.merge == Merge::Events);
            verbs.is_some_and(|verbs| verbs.check(&verb.as_str().into()).is_ok())
        }
    }
}

fn mask_operation(field: &Field, mask: Mask, op: Op) -> Op {
    let value = |value: &Value| match value {
        Value::Null => Value::Null,
        value => mask_value(field, value).unwrap_or_else(|| GONE.into()),
    };
    match op {
        Op::Put { value: put } => Op::Put { value: value(&put) },
        Op::Append { value: item } => Op::Append { value: value(&item) },
        Op::Add { item } => Op::Add { item: to_text(&value(&item.into())) },
        Op::Remove { item } => Op::Remove { item: to_text(&value(&item.into())) },
        // A number can be typed in two pieces, each too short to be recognised.
        Op::Splice { pos, delete, insert } if !insert.is_empty() => {
            Op::Splice { pos, delete, insert: GONE.into() }
        }
        Op::SetChild { child, value: parts } => {
            let parts = match apply(mask, &Value::Object(parts)) {
                Some(Value::Object(parts)) => parts,
                _ => Map::new(),
            };
            Op::SetChild { child, value: parts }
        }
        // Steps of a hidden number stay hidden, too.
        Op::Raise { .. } | Op::Increment { .. } => Op::Put { value: GONE.into() },
        other @ (Op::RemoveChild { .. } | Op::Splice { .. } | Op::Event { .. }) => other,
    }
}

/// Hides all values of an operation on a field that the type does not declare (any more).
fn hide_operation(op: Op) -> Op {
    let gone = || GONE.to_owned();
    match op {
        Op::Put { .. } => Op::Put { value: GONE.into() },
        Op::Append { .. } => Op::Append { value: GONE.into() },
        Op::Add { .. } => Op::Add { item: gone() },
        Op::Remove { .. } => Op::Remove { item: gone() },
        Op::Splice { pos, delete, .. } => Op::Splice { pos, delete, insert: gone() },
        Op::SetChild { .. } => Op::SetChild { child: gone(), value: Map::new() },
        Op::RemoveChild { .. } => Op::RemoveChild { child: gone() },
        Op::Raise { .. } => Op::Raise { value: 0 },
        Op::Increment { .. } => Op::Increment { by: 0 },
        Op::Event { .. } => Op::Event { verb: gone(), args: Map::new() },
    }
}

fn to_text(value: &Value) -> String {
    value.as_str().unwrap_or(GONE).to_owned()
}

/// Masks the arguments of an event: free texts are scrubbed, other values stay. Arguments that are undeclared
/// or of another kind are left out.
pub fn event_args(record_type: &RecordType, args: &Map<String, Value>) -> Map<String, Value> {
    let declared = record_type.events_field().and_then(|field| match &field.kind {
        Kind::Object { fields, .. } => fields.get("args"),
        _ => None,
    });
    let Some(Kind::Object { fields, .. }) = declared else {
        return Map::new();
    };
    let shown = args.iter().filter_map(|(name, value)| {
        let kind = fields.get(name).filter(|kind| kind.check(value).is_ok())?;
        let value = match kind {
            Kind::Text { .. } | Kind::List { .. } | Kind::Object { .. } => apply(Mask::Text, value)?,
            _ => value.clone(),
        };
        Some((name.clone(), value))
    });
    shown.collect()
}
