//! Intents made to fit their field: a plain `put` becomes the operation that the field's merge kind takes.

use gridledger_core::project::View;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Intent, Op};
use gridledger_schema::set::{Field, Merge, RecordType};
use serde_json::Value;

/// Fills in an intent's facet, and turns a plain `put` into the operation that the field's merge kind takes.
pub(crate) fn fit_intent(
    mut intent: Intent,
    record_type: &RecordType,
    view: &View,
) -> Result<Intent, Refusal> {
    let Some(field) = record_type.field(&intent.field) else {
        return Err(Refusal::of_field(
            Code::FieldUnknown,
            &intent.field,
            "the record type has no such field",
        ));
    };
    intent.facet = field.facet;
    if let Op::Put { value } = &intent.op {
        intent.op = match (field.merge, value) {
            (Merge::Text, Value::String(text)) => {
                let old = view.fields.get(&intent.field).and_then(Value::as_str).unwrap_or_default();
                find_shortest_splice(old, text)
            }
            (Merge::Max, value) if value.is_i64() => Op::Raise { value: value.as_i64().unwrap_or(0) },
            (Merge::Counter, value) if value.is_i64() => {
                let now = view.fields.get(&intent.field).and_then(Value::as_i64).unwrap_or(0);
                Op::Increment { by: value.as_i64().unwrap_or(0).saturating_sub(now) }
            }
            // The refusal speaks of the value. An app that writes `put` need not know the field's operations.
            (Merge::Text, _) => return Err(refuse_value(field, "must be a text")),
            (Merge::Max | Merge::Counter, _) => return Err(refuse_value(field, "must be a whole number")),
            _ => return Ok(intent),
        };
    }
    Ok(intent)
}

fn refuse_value(field: &Field, rule: &str) -> Refusal {
    Refusal::of_field(Code::ValueInvalid, &field.name, rule)
}

/// Finds the splice that turns `old` into `new`: it replaces what lies between their common start and end. Positions are
/// Unicode scalar values.
fn find_shortest_splice(old: &str, new: &str) -> Op {
    let (old, new): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let insert = new[start..new.len() - end].iter().collect();
    Op::Splice { pos: start as u32, delete: (old.len() - end - start) as u32, insert }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_put_becomes_the_find_shortest_splice() {
        let splice = |pos, delete, insert: &str| Op::Splice { pos, delete, insert: insert.into() };
        assert_eq!(find_shortest_splice("", "新"), splice(0, 0, "新"));
        assert_eq!(find_shortest_splice("楼道堆物", "楼道无堆物"), splice(2, 0, "无"));
        assert_eq!(find_shortest_splice("aaa", "aa"), splice(2, 1, ""));
        assert_eq!(find_shortest_splice("same", "same"), splice(4, 0, ""));
    }
}
