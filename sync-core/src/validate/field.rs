//! This file checks one intent on one field: the operation must fit the merge kind, and the value the kind.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::Op;
use gridledger_schema::limits;
use gridledger_schema::set::bounds::INTEGER_MAX;
use gridledger_schema::set::{Field, Kind, Merge};
use serde_json::Value;

use super::explain::{check_value, refuse_value};
use super::staged::Staged;
use super::{blank, collection};

/// Checks one intent and applies it to `staged`, so that later intents see its effect.
pub(super) fn check_op(field: &Field, op: &Op, staged: &mut Staged<'_>) -> Result<(), Refusal> {
    match (field.merge, op) {
        (Merge::Once, Op::Put { value }) => check_once(field, value, staged),
        (Merge::Register | Merge::Multi, Op::Put { value }) => check_put(field, value, staged),
        (Merge::Max, Op::Raise { value }) => check_raise(field, *value, staged),
        (Merge::Counter, Op::Increment { by }) => check_increment(field, *by, staged),
        (Merge::Text, Op::Splice { pos, delete, insert }) => {
            check_splice(field, *pos as usize, *delete as usize, insert, staged)
        }
        (Merge::SetAddWins | Merge::SetRemoveWins, Op::Add { item }) => {
            collection::check_add(field, item, staged)
        }
        (Merge::SetAddWins | Merge::SetRemoveWins, Op::Remove { item }) => {
            collection::check_remove(field, item, staged)
        }
        (Merge::Log, Op::Append { value }) => collection::check_append(field, value, staged),
        (Merge::Map, Op::SetChild { child, value }) => {
            collection::check_set_child(field, child, value, staged)
        }
        (Merge::Map, Op::RemoveChild { child }) => {
            collection::remove_child(field, child, staged);
            Ok(())
        }
        // Events are checked once all fields are known.
        (Merge::Events, Op::Event { .. }) => Ok(()),
        _ => Err(refuse_operation(field, op)),
    }
}

pub(super) fn refuse_operation(field: &Field, op: &Op) -> Refusal {
    let takes = match field.merge {
        Merge::Once | Merge::Register | Merge::Multi => "put",
        Merge::Max => "raise",
        Merge::Counter => "increment",
        Merge::Text => "splice",
        Merge::SetAddWins | Merge::SetRemoveWins => "add and remove",
        Merge::Log => "append",
        Merge::Map => "set_child and remove_child",
        Merge::Events => "event",
    };
    let rule = format!("{} takes {takes}, not {}", field.merge.as_str(), op.name());
    Refusal::of_field(Code::OperationMismatch, &field.name, rule)
}

fn check_put(field: &Field, value: &Value, staged: &mut Staged<'_>) -> Result<(), Refusal> {
    if !value.is_null() {
        check_value(&field.name, &field.kind, value)?;
        blank::check(field, value)?;
    } else if field.required {
        return Err(refuse_value(&field.name, "a required field cannot be cleared"));
    }
    for side in staged.sides() {
        side.set(&field.name, value.clone());
    }
    Ok(())
}

fn check_once(field: &Field, value: &Value, staged: &mut Staged<'_>) -> Result<(), Refusal> {
    check_value(&field.name, &field.kind, value)?;
    blank::check(field, value)?;
    for side in staged.sides() {
        if side.get(&field.name).is_some_and(|there| there != value) {
            return Err(Refusal::of_field(Code::AlreadySet, &field.name, "it has another value"));
        }
        side.set(&field.name, value.clone());
    }
    Ok(())
}

fn check_raise(field: &Field, value: i64, staged: &mut Staged<'_>) -> Result<(), Refusal> {
    if value <= 0 {
        return Err(refuse_value(&field.name, "must be above 0"));
    }
    check_value(&field.name, &field.kind, &value.into())?;
    for side in staged.sides() {
        let reached = side.get(&field.name).and_then(Value::as_i64);
        side.set(&field.name, reached.map_or(value, |reached| reached.max(value)).into());
    }
    Ok(())
}

/// Checks an increment. The kind bounds one increment; the sum must stay a number that every JSON reader
/// keeps exactly.
fn check_increment(field: &Field, by: i64, staged: &mut Staged<'_>) -> Result<(), Refusal> {
    check_value(&field.name, &field.kind, &by.into())?;
    for side in staged.sides() {
        let sum = side.get(&field.name).and_then(Value::as_i64).unwrap_or(0).saturating_add(by);
        if sum.unsigned_abs() > INTEGER_MAX.unsigned_abs() {
            return Err(refuse_value(&field.name, &format!("the sum: from -{INTEGER_MAX} to {INTEGER_MAX}")));
        }
        side.set(&field.name, sum.into());
    }
    Ok(())
}

fn check_splice(
    field: &Field,
    pos: usize,
    delete: usize,
    insert: &str,
    staged: &mut Staged<'_>,
) -> Result<(), Refusal> {
    let text = staged.seen.get(&field.name).and_then(Value::as_str).unwrap_or_default();
    let length = text.chars().count();
    if pos.saturating_add(delete) > length {
        return Err(refuse_value(
            &field.name,
            &format!("a place in the text, which has {length} characters"),
        ));
    }
    let bound = match field.kind {
        Kind::Text { max_chars } => limits::TEXT_CHARS.min(max_chars as usize),
        _ => limits::TEXT_CHARS,
    };
    let inserted = insert.chars().count();
    if inserted > 0 && length - delete + inserted > bound {
        return Err(refuse_value(&field.name, &format!("at most {bound} characters")));
    }
    let after = text.chars().skip(pos + delete);
    let spliced: String = text.chars().take(pos).chain(insert.chars()).chain(after).collect();
    staged.seen.set(&field.name, spliced.into());
    let most = (2 * bound).max(limits::FIELD_SPLICED_CHARS);
    if staged.count_spliced(&field.name, inserted + delete) > most {
        let rule = format!("at most {most} characters put in and taken out an entry");
        return Err(Refusal::of_field(Code::LimitExceeded, &field.name, rule));
    }
    Ok(())
}
