//! This file checks an entry that was stored once and comes again after a restore. Its author's rights were
//! judged at the first time. Its content must still fit the record type.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::set::{Field, Kind, Merge, RecordType};

use super::explain::{check_value, refuse_part, refuse_value};
use super::field::refuse_operation;
use super::find_field;
use crate::fold::Verb;

/// Checks that every intent names a field of the type, in its facet, with an operation and a value that the
/// field takes. It checks no right, no state of the record and no time. [`check_shape`](super::check_shape)
/// must have passed before.
pub fn check_fit(record_type: &RecordType, entry: &Entry) -> Result<(), Refusal> {
    if let Target::Create { record_type: named, .. } = &entry.target
        && *named != record_type.name
    {
        return Err(Refusal::new(Code::TypeUnknown, format!("not a {}", record_type.name)));
    }
    for intent in &entry.intents {
        check_operation(find_field(intent, record_type)?, &intent.op)?;
    }
    Ok(())
}

fn check_operation(field: &Field, op: &Op) -> Result<(), Refusal> {
    match (field.merge, op) {
        (Merge::Register | Merge::Multi, Op::Put { value }) if value.is_null() => Ok(()),
        (Merge::Once | Merge::Register | Merge::Multi, Op::Put { value })
        | (Merge::Log, Op::Append { value }) => check_value(&field.name, &field.kind, value),
        (Merge::Max, Op::Raise { value }) | (Merge::Counter, Op::Increment { by: value }) => {
            check_value(&field.name, &field.kind, &(*value).into())
        }
        (Merge::SetAddWins | Merge::SetRemoveWins, Op::Add { item }) => {
            check_value(&field.name, &field.kind, &item.as_str().into())
        }
        (Merge::Map, Op::SetChild { value, .. }) => {
            let Kind::Object { fields, .. } = &field.kind else {
                return Err(refuse_value(&field.name, "its children have no keys"));
            };
            let part = field.kind.check_part(value);
            part.map_err(|fault| refuse_part(&field.name, fields, &fault))
        }
        (Merge::Events, Op::Event { verb, .. }) => {
            let known = Verb::ALL.iter().any(|one| one.as_str() == verb);
            known.then_some(()).ok_or_else(|| refuse_value(&field.name, "no such step"))
        }
        (Merge::Text, Op::Splice { .. })
        | (Merge::SetAddWins | Merge::SetRemoveWins, Op::Remove { .. })
        | (Merge::Map, Op::RemoveChild { .. }) => Ok(()),
        _ => Err(refuse_operation(field, op)),
    }
}
