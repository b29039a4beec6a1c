//! This file applies an entry's intents one by one to two states of the record: the one its author had seen,
//! and the present one.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Subject;
use crate::project::View;

/// Both states of a record, with the entry's intents so far.
pub(super) struct Staged<'a> {
    /// The state that the author had seen.
    pub(super) seen: Side<'a>,
    /// The present state on this side.
    pub(super) now: Side<'a>,
    /// For each text, the characters inserted and deleted so far.
    spliced: BTreeMap<String, usize>,
}

impl<'a> Staged<'a> {
    pub(super) fn new(subject: &Subject<'a>) -> Self {
        Self { seen: Side::new(subject.seen), now: Side::new(subject.now), spliced: BTreeMap::new() }
    }

    /// Counts characters inserted into a text and deleted from it. Returns the sum so far.
    pub(super) fn count_spliced(&mut self, field: &str, characters: usize) -> usize {
        let spliced = self.spliced.entry(field.to_owned()).or_default();
        *spliced += characters;
        *spliced
    }

    pub(super) fn sides(&mut self) -> [&mut Side<'a>; 2] {
        [&mut self.seen, &mut self.now]
    }
}

/// A view, and the fields that were changed since.
pub(super) struct Side<'a> {
    view: &'a View,
    changed: BTreeMap<String, Value>,
}

impl<'a> Side<'a> {
    fn new(view: &'a View) -> Self {
        Self { view, changed: BTreeMap::new() }
    }

    /// A field's value; `None` if it has none.
    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        self.changed.get(field).or_else(|| self.view.fields.get(field)).filter(|value| !value.is_null())
    }

    pub(super) fn set(&mut self, field: &str, value: Value) {
        self.changed.insert(field.to_owned(), value);
    }

    /// The members of a set or a log, for changes.
    pub(super) fn list(&mut self, field: &str) -> &mut Vec<Value> {
        let slot = self.edit(field);
        if !slot.is_array() {
            *slot = Value::Array(Vec::new());
        }
        slot.as_array_mut().expect("BUG: it was made a list")
    }

    /// The children of a map, for changes.
    pub(super) fn children(&mut self, field: &str) -> &mut Map<String, Value> {
        let slot = self.edit(field);
        if !slot.is_object() {
            *slot = Value::Object(Map::new());
        }
        slot.as_object_mut().expect("BUG: it was made an object")
    }

    fn edit(&mut self, field: &str) -> &mut Value {
        let view = self.view;
        let there = || view.fields.get(field).cloned().unwrap_or(Value::Null);
        self.changed.entry(field.to_owned()).or_insert_with(there)
    }
}
