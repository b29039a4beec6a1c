//! This file checks an entry without its record: limits, names, nesting, and time.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::limits;
use serde_json::{Map, Value};

use super::explain::shorten;
use crate::canonical;

/// The number of facets. [`Entry::facets`] has one bit for each.
const FACETS: u8 = 64;

/// Checks everything that needs no record and no schema: the limits of [`limits`], names, nesting, the time's
/// range. Both sides call it first. No other code looks at an entry that fails it.
pub fn check_shape(entry: &Entry) -> Result<(), Refusal> {
    if entry.n == 0 {
        return Err(Refusal::new(Code::BadRequest, "entries are numbered from 1"));
    }
    if !limits::TIME_RANGE_MS.contains(&entry.at) {
        return Err(Refusal::new(Code::TimeOutOfRange, "from the year 2000 to the year 2200"));
    }
    if !is_name(&entry.role) {
        return Err(Refusal::new(Code::RoleNotHeld, format!("a role's code is {NAME}")));
    }
    if let Target::Create { record_type, .. } = &entry.target
        && !is_name(record_type)
    {
        return Err(Refusal::new(Code::TypeUnknown, format!("a record type's name is {NAME}")));
    }
    if entry.intents.len() > limits::ENTRY_INTENTS {
        return Err(refuse_limit(None, limits::ENTRY_INTENTS, "intents an entry"));
    }
    entry.intents.iter().try_for_each(check_intent)?;
    // The size comes last, because writing recurses as deep as the values are nested.
    if canonical::encode(entry).len() > limits::ENTRY_BYTES {
        return Err(refuse_limit(None, limits::ENTRY_BYTES, "bytes an entry"));
    }
    Ok(())
}

const NAME: &str = "a lower-case letter, then at most 39 of a-z, 0-9 and _";

/// Whether a text can be a name in a schema set.
fn is_name(text: &str) -> bool {
    text.len() <= limits::FIELD_NAME_CHARS
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

fn refuse_limit(field: Option<&str>, limit: usize, what: &str) -> Refusal {
    let rule = format!("at most {limit} {what}");
    Refusal { code: Code::LimitExceeded, rule, field: field.map(str::to_owned) }
}

fn check_intent(intent: &Intent) -> Result<(), Refusal> {
    let field = intent.field.as_str();
    if !is_name(field) {
        return Err(Refusal::of_field(
            Code::FieldUnknown,
            &shorten(field),
            format!("a field's name is {NAME}"),
        ));
    }
    if intent.facet >= FACETS {
        return Err(Refusal::of_field(Code::ValueInvalid, field, format!("facet: at most {}", FACETS - 1)));
    }
    match &intent.op {
        Op::Put { value: one } | Op::Append { value: one } => check_value(field, one),
        Op::Raise { .. } | Op::Increment { .. } => Ok(()),
        Op::Splice { insert, .. } => check_inserted(field, insert),
        Op::Add { item: text } | Op::Remove { item: text } => check_item(field, text),
        Op::SetChild { child, value: fields } => {
            check_child_id(field, child).and_then(|()| check_named(field, fields))
        }
        Op::RemoveChild { child } => check_child_id(field, child),
        Op::Event { verb, args } => {
            if !is_name(verb) {
                return Err(Refusal::of_field(Code::ValueInvalid, field, format!("a verb is {NAME}")));
            }
            check_named(field, args)
        }
    }
}

fn check_inserted(field: &str, text: &str) -> Result<(), Refusal> {
    if text.chars().count() > limits::TEXT_CHARS {
        return Err(refuse_limit(Some(field), limits::TEXT_CHARS, "characters"));
    }
    check_no_nul(field, text)
}

/// Checks a set's item: a person reads it on one line.
fn check_item(field: &str, text: &str) -> Result<(), Refusal> {
    if text.chars().count() > limits::ITEM_CHARS {
        return Err(refuse_limit(Some(field), limits::ITEM_CHARS, "characters an item"));
    }
    if text.is_empty() || text.chars().any(char::is_control) {
        let rule = "an item is not empty and has no control characters";
        return Err(Refusal::of_field(Code::ValueInvalid, field, rule));
    }
    Ok(())
}

/// Checks a child's id: an item without the slash that separates it from its fields.
fn check_child_id(field: &str, child: &str) -> Result<(), Refusal> {
    check_item(field, child)?;
    if child.contains('/') {
        return Err(Refusal::of_field(Code::ValueInvalid, field, "a child's id has no slash"));
    }
    Ok(())
}

fn check_named(field: &str, values: &Map<String, Value>) -> Result<(), Refusal> {
    for (name, one) in values {
        if !is_name(name) {
            let rule = format!("{}: a name is {NAME}", shorten(name));
            return Err(Refusal::of_field(Code::ValueInvalid, field, rule));
        }
        // The map itself is one level.
        check_bounded(field, one, limits::VALUE_DEPTH - 1)?;
    }
    Ok(())
}

fn check_value(field: &str, value: &Value) -> Result<(), Refusal> {
    check_bounded(field, value, limits::VALUE_DEPTH)
}

fn check_bounded(field: &str, value: &Value, depth: usize) -> Result<(), Refusal> {
    if canonical::depth(value) > depth {
        return Err(refuse_limit(Some(field), limits::VALUE_DEPTH, "levels of lists and objects"));
    }
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        match value {
            Value::String(text) => check_no_nul(field, text)?,
            Value::Array(items) => waiting.extend(items),
            Value::Object(map) => {
                map.keys().try_for_each(|key| check_no_nul(field, key))?;
                waiting.extend(map.values());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Ok(())
}

/// Refuses U+0000: not every store and reader keeps the text behind it.
fn check_no_nul(field: &str, text: &str) -> Result<(), Refusal> {
    if text.contains('\0') {
        return Err(Refusal::of_field(Code::ValueInvalid, field, "text holds no U+0000"));
    }
    Ok(())
}
