//! This file words refusals: the rule of a kind that a value breaks, with its bound.

use std::collections::BTreeMap;

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::set::{Choice, Kind, ValueFault};
use serde_json::Value;

use crate::mask;

/// The most codes that a refusal names.
const CODES_NAMED: usize = 12;
/// The most characters of the author's own text that a refusal quotes.
const QUOTED_CHARS: usize = 40;

/// Checks a value of `field` against its kind.
pub(super) fn check_value(field: &str, kind: &Kind, value: &Value) -> Result<(), Refusal> {
    kind.check(value).map_err(|fault| refuse_at_pointer(field, &fault, find_kind(kind, &fault.pointer)))
}

/// Makes the refusal of named values: a child's keys, an event's arguments.
pub(super) fn refuse_part(field: &str, kinds: &BTreeMap<String, Kind>, fault: &ValueFault) -> Refusal {
    let (name, inside) = match fault.pointer.get(1..).unwrap_or_default().split_once('/') {
        Some((name, inside)) => (name, format!("/{inside}")),
        None => (fault.pointer.get(1..).unwrap_or_default(), String::new()),
    };
    refuse_at_pointer(field, fault, kinds.get(name).and_then(|kind| find_kind(kind, &inside)))
}

fn refuse_at_pointer(field: &str, fault: &ValueFault, kind: Option<&Kind>) -> Refusal {
    let rule = match (fault.rule, kind) {
        ("required", _) => "is missing".to_owned(),
        ("unknown_key", _) | (_, None) => "there is no such key".to_owned(),
        (rule, Some(kind)) => describe_bound(kind, rule),
    };
    match fault.pointer.as_str() {
        "" => refuse_value(field, &rule),
        pointer => refuse_value(field, &format!("{}: {rule}", shorten(pointer))),
    }
}

/// Makes the refusal of a value, for a rule in words.
pub(super) fn refuse_value(field: &str, rule: &str) -> Refusal {
    Refusal::of_field(Code::ValueInvalid, field, rule)
}

/// Shortens a name from outside for a refusal. Characters that no name has become `?`, and long numbers are
/// removed, so that a value in a name's place is not quoted.
pub(crate) fn shorten(text: &str) -> String {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '~' | '.' | '-');
    let name = text.chars().map(|c| if of_a_name(c) { c } else { '?' });
    mask::scrub(&name.take(QUOTED_CHARS).collect::<String>())
}

/// Finds the kind that a pointer inside a value leads to.
fn find_kind<'a>(kind: &'a Kind, pointer: &str) -> Option<&'a Kind> {
    pointer.split('/').skip(1).try_fold(kind, |kind, step| match kind {
        Kind::List { item, .. } => Some(&**item),
        Kind::Object { fields, .. } => fields.get(&step.replace("~1", "/").replace("~0", "~")),
        _ => None,
    })
}

fn describe_bound(kind: &Kind, rule: &str) -> String {
    match (kind, rule) {
        (Kind::Text { max_chars }, "length") => format!("at most {max_chars} characters"),
        (Kind::List { max_items, .. }, "length") => format!("at most {max_items} items"),
        (Kind::Integer { min, max }, "range") => format!("from {min} to {max}"),
        (Kind::Number { min, max }, "range") => format!("from {min} to {max}"),
        (Kind::Enum(choices), "enum") => list_choices(choices),
        (Kind::Text { .. } | Kind::Enum(_), _) => "must be a text".to_owned(),
        (Kind::Integer { .. }, _) => "must be a whole number".to_owned(),
        (Kind::Number { .. }, _) => "must be a number".to_owned(),
        (Kind::Boolean, _) => "must be true or false".to_owned(),
        (Kind::Time, _) => "must be a time, in whole milliseconds since 1970 (negative before)".to_owned(),
        (Kind::Ref(record_type), _) => format!("must be the id of a {record_type}"),
        (Kind::List { .. }, _) => "must be a list".to_owned(),
        (Kind::Object { .. }, _) => "must be an object".to_owned(),
    }
}

fn list_choices(choices: &[Choice]) -> String {
    let named: Vec<&str> = choices.iter().take(CODES_NAMED).map(|choice| choice.code.as_str()).collect();
    let more = if choices.len() > CODES_NAMED { " …" } else { "" };
    format!("one of {}{more}", named.join(", "))
}
