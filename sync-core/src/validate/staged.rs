//! The record as it becomes while an entry's intents are gone through, on what its author had seen and on what is.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Subject;
use crate::project::View;

/// Both sides of a record, with the entry's intents so far.
pub(super) struct Staged<'a> {
    /// On what the author had seen.
    pub(super) seen: Side<'a>,
    /// On what is here.
    pub(super) now: Side<'a>,
    /// Of each text, the characters put in and taken out so far.
    spliced: BTreeMap<String, usize>,
}

impl<'a> Staged<'a> {
    pub(super) fn new(subject: &Subject<'a>) -> Self {
        Self { seen: Side::new(subject.seen), now: Side::new(subject.now), spliced: BTreeMap::new() }
    }

    /// Counts characters put into a text and taken out of it; returns how many that makes.
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

    /// A field's value; `None` where it has none.
    pub(super) fn get(&self, field: &str) -> Option<&Value> {
        self.changed.get(field).or_else(|| self.view.fields.get(field)).filter(|value| !value.is_null())
    }

    pub(super) fn set(&mut self, field: &str, value: Value) {
        self.changed.insert(field.to_owned(), value);
    }

    /// The members of a set or a log, to be changed.
    pub(super) fn list(&mut self, field: &str) -> &mut Vec<Value> {
        let slot = self.edit(field);
        if !slot.is_array() {
            *slot = Value::Array(Vec::new());
        }
        slot.as_array_mut().expect("BUG: it was made a list")
    }

    /// The children of a map, to be changed.
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
