//! This file checks writes to sets, logs and maps: each element, and the number of elements.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::set::{Field, Kind};
use serde_json::{Map, Value};

use super::blank::is_blank;
use super::explain::{check_value, refuse_part, refuse_value};
use super::staged::{Side, Staged};

pub(super) fn check_add(field: &Field, item: &str, staged: &mut Staged<'_>) -> Result<(), Refusal> {
    check_value(&field.name, &field.kind, &item.into())?;
    for side in staged.sides() {
        let list = side.list(&field.name);
        if !list.iter().any(|there| there == item) {
            check_room(field, list.len())?;
            list.push(item.into());
        }
    }
    Ok(())
}

/// Removes an item. An item in the set may be removed even if the kind no longer allows it.
pub(super) fn check_remove(field: &Field, item: &str, staged: &mut Staged<'_>) -> Result<(), Refusal> {
    let is_in = |side: &Side<'_>| {
        let list = side.get(&field.name).and_then(Value::as_array);
        list.is_some_and(|list| list.iter().any(|there| there == item))
    };
    if !is_in(&staged.seen) && !is_in(&staged.now) {
        check_value(&field.name, &field.kind, &item.into())?;
    }
    for side in staged.sides() {
        side.list(&field.name).retain(|there| there != item);
    }
    Ok(())
}

pub(super) fn check_append(field: &Field, value: &Value, staged: &mut Staged<'_>) -> Result<(), Refusal> {
    check_value(&field.name, &field.kind, value)?;
    for side in staged.sides() {
        let list = side.list(&field.name);
        check_room(field, list.len())?;
        list.push(value.clone());
    }
    Ok(())
}

/// Sets keys of a child. A new child must have the required keys; a null clears a key that is not required.
pub(super) fn check_set_child(
    field: &Field,
    child: &str,
    value: &Map<String, Value>,
    staged: &mut Staged<'_>,
) -> Result<(), Refusal> {
    let Kind::Object { fields, required } = &field.kind else {
        return Err(refuse_value(&field.name, "its children have no keys"));
    };
    field.kind.check_part(value).map_err(|fault| refuse_part(&field.name, fields, &fault))?;
    if let Some(blank) =
        required.iter().find(|key| value.get(*key).and_then(Value::as_str).is_some_and(is_blank))
    {
        return Err(refuse_value(&field.name, &format!("/{blank}: a required text holds more than spaces")));
    }
    if let Some(cleared) = required.iter().find(|key| value.get(*key).is_some_and(Value::is_null)) {
        return Err(refuse_value(&field.name, &format!("/{cleared}: a required key cannot be cleared")));
    }
    let is_new = staged.seen.get(&field.name).is_none_or(|children| children.get(child).is_none());
    if let Some(missing) = required.iter().find(|key| is_new && !value.contains_key(*key)) {
        return Err(refuse_value(&field.name, &format!("/{missing}: is missing")));
    }
    for side in staged.sides() {
        let children = side.children(&field.name);
        if !children.contains_key(child) {
            check_room(field, children.len())?;
            children.insert(child.to_owned(), Value::Object(Map::new()));
        }
    }
    Ok(())
}

pub(super) fn remove_child(field: &Field, child: &str, staged: &mut Staged<'_>) {
    for side in staged.sides() {
        side.children(&field.name).remove(child);
    }
}

/// Refuses one more item beside `held` if the field is full.
fn check_room(field: &Field, held: usize) -> Result<(), Refusal> {
    match field.max_items {
        Some(most) if held >= most as usize => {
            Err(Refusal::of_field(Code::LimitExceeded, &field.name, format!("at most {most} items")))
        }
        _ => Ok(()),
    }
}
