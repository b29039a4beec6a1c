//! Compares a thing with its record: each field is unchanged, corrected by the spreadsheet, or edited by another person since.

use std::collections::BTreeSet;

use gridledger_schema::entry::Intent;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::SchemaSet;
use serde_json::{Value, json};

use super::base::Base;
use super::held::{Held, HeldRow};
use super::outlook::{Item, masked};
use super::things::{Find, Say, Thing, append_note, put, remove_phone, set_phone};
use crate::faults;
use crate::store::StoreError;

/// The differences between a spreadsheet and a record, and the intents that settle them.
#[derive(Default)]
pub(crate) struct Difference {
    /// The intents to write. A reference to a record that does not exist yet follows once the record exists.
    pub(crate) intents: Vec<Intent>,
    /// References to things that have no record yet.
    pub(crate) waiting: Vec<(&'static str, (&'static str, String))>,
    /// The position up to which the import knew what it writes.
    pub(crate) cursor: u64,
    /// The base to store for the next import, if it differs from the stored one.
    pub(crate) said: Option<String>,
    pub(crate) changed: Vec<Item>,
    pub(crate) kept: Vec<Item>,
    /// Whether the record cannot take the values and another takes its place.
    pub(crate) is_replaced: bool,
}

/// Compares one thing with its record.
pub(crate) struct Comparison<'c, 'a> {
    pub(crate) schema: &'c SchemaSet,
    pub(crate) thing: &'c Thing<'a>,
    pub(crate) record: RecordId,
    pub(crate) find: Find<'c>,
}

impl Comparison<'_, '_> {
    /// Finds the differences. `held` gives the stored values and those of the last spreadsheet.
    pub(crate) fn run(&self, held: &mut Held<'_>) -> Result<Difference, StoreError> {
        let mut difference = Difference::default();
        if self.is_plainly_equal(held) {
            return Ok(difference);
        }
        let base = held.base(self.record)?;
        let erased = held.erased(self.record)?;
        let Some(row) = held.get(self.record) else {
            return Ok(difference);
        };
        let mut next = base.clone().fixed();
        let mut cursors = BTreeSet::new();
        let namer = held.namer();
        for (field, say) in self.thing.says() {
            if self.is_given_by_the_place(field) {
                continue;
            }
            let Some(value) = say.value(self.find) else {
                self.wait(field, &say, &base, &mut difference, &mut cursors);
                continue;
            };
            let hash = namer.value(self.record, field, &value);
            let stored = row.view.get(field);
            if stored.is_some_and(|stored| Held::is_same(field, stored, &value)) {
                // The spreadsheet now agrees with the store: the next correction starts from this value.
                if base.hash(field) != Some(&hash) {
                    next.fields.insert(field.to_owned(), (hash, 0));
                }
                continue;
            }
            let item = self.item(field, stored, &value);
            if base.hash(field) == Some(&hash) || erased.iter().any(|gone| gone == field) {
                difference.kept.push(item);
                continue;
            }
            let was = stored.map(|stored| namer.value(self.record, field, stored));
            let contested = was.is_some() && was.as_deref() != base.hash(field) && base.hash(field).is_some();
            difference.is_replaced |= self.thing.record_type == "residency" && stored.is_some();
            let value = with_code(field, value, stored);
            difference.intents.push(put(field, value));
            difference.changed.push(Item { contested, ..item });
            cursors.insert(base.seen(field));
            next.fields.insert(field.to_owned(), (hash, 0));
        }
        self.phones(row, (&base, &mut next), &erased, held, &mut difference, &mut cursors);
        self.notes(row, (&base, &mut next), &erased, held, &mut difference);
        difference.cursor = cursors.first().copied().unwrap_or(base.seen).max(1);
        if faults::is_planted("26") {
            difference.cursor = row.last;
        }
        if let Some(to) = row.view.get("to").filter(|_| self.thing.record_type == "residency") {
            difference.kept.push(self.item("to", Some(to), &Value::Null));
        }
        let was = base.fixed().write();
        difference.said = Some(next.write()).filter(|next| *next != was);
        Ok(difference)
    }

    /// Whether nothing differs, which is so of nearly everything that is imported again; asks the store nothing.
    fn is_plainly_equal(&self, held: &Held<'_>) -> bool {
        let Some(row) = held.get(self.record) else {
            return true;
        };
        if row.last != row.created {
            return false;
        }
        let fields = self.thing.says().into_iter().all(|(field, say)| {
            self.is_given_by_the_place(field)
                || say.value(self.find).is_some_and(|value| {
                    row.view.get(field).is_some_and(|stored| Held::is_same(field, stored, &value))
                })
        });
        let phones: BTreeSet<&str> = row.numbers().map(|(_, number)| number).collect();
        let said: BTreeSet<&str> = self.thing.phones().iter().map(String::as_str).collect();
        let notes = row.view.get("notes").and_then(Value::as_array);
        let has_note = |note: &String| notes.is_some_and(|notes| notes.iter().any(|one| one == note));
        fields
            && (said.is_empty() || phones == said)
            && self.thing.notes().iter().all(has_note)
            && !(self.thing.record_type == "residency" && row.view.contains_key("to"))
    }

    /// Whether a field is fixed: a residency keeps its person and household. Another pair is another residency.
    fn is_given_by_the_place(&self, field: &str) -> bool {
        self.thing.record_type == "residency" && matches!(field, "person" | "household")
    }

    /// A household whose dwelling is made only now.
    fn wait(
        &self,
        field: &'static str,
        say: &Say<'_>,
        base: &Base,
        difference: &mut Difference,
        cursors: &mut BTreeSet<u64>,
    ) {
        if let Say::Of(record_type, key) = say {
            difference.waiting.push((field, (record_type, (*key).to_owned())));
            cursors.insert(base.seen(field));
            difference.changed.push(self.item(field, None, &Value::Null));
        }
    }

    fn item(&self, field: &'static str, old: Option<&Value>, new: &Value) -> Item {
        let record_type = self.thing.record_type;
        Item {
            field: Some(field),
            old: old.map_or(Value::Null, |old| masked(self.schema, record_type, field, old)),
            new: new.clone(),
            ..Item::new(self.thing.line, record_type, Some(self.record))
        }
    }

    /// Compares phone numbers: those that the spreadsheet added, and those that it dropped. A number that replaces another
    /// keeps the other's name.
    fn phones(
        &self,
        row: &HeldRow,
        (base, next): (&Base, &mut Base),
        erased: &[String],
        held: &Held<'_>,
        difference: &mut Difference,
        cursors: &mut BTreeSet<u64>,
    ) {
        let said = self.thing.phones();
        if said.is_empty() {
            return;
        }
        let hash = |number: &str| held.namer().value(self.record, "phones", &json!(number));
        let mut known = base.phones.clone();
        let mut fresh = Vec::new();
        let mut still = Vec::new();
        for number in said {
            let hash = hash(number);
            match known.iter().position(|(one, _)| *one == hash) {
                Some(at) => still.push(known.remove(at)),
                None => match row.numbers().find(|(_, there)| there == number) {
                    Some((child, _)) => still.push((hash, child.clone())),
                    None => fresh.push((number, hash)),
                },
            }
        }
        let stored: BTreeSet<&str> = row.numbers().map(|(_, number)| number).collect();
        let differs = said.iter().any(|number| !stored.contains(number.as_str()));
        if fresh.is_empty() && known.is_empty() {
            if differs {
                difference.kept.push(self.phones_item(row, said));
            }
        } else if erased.iter().any(|field| field == "phones") {
            difference.kept.push(self.phones_item(row, said));
            return;
        } else {
            let contested = known.iter().any(|(was, child)| {
                let there = row.numbers().find(|(one, _)| *one == child);
                there.is_some_and(|(_, number)| hash(number) != *was)
            });
            let mut item = self.phones_item(row, said);
            item.contested = contested;
            difference.changed.push(item);
            cursors.insert(base.seen("phones"));
            let mut taken: BTreeSet<String> = row.numbers().map(|(child, _)| child.clone()).collect();
            for (number, hash) in fresh {
                let child = if known.is_empty() { free_child(&taken) } else { known.remove(0).1 };
                taken.insert(child.clone());
                difference.intents.push(set_phone(&child, number));
                still.push((hash, child));
            }
            for (was, child) in known {
                let there = row.numbers().find(|(one, _)| **one == child);
                if there.is_some_and(|(_, number)| hash(number) == was) {
                    difference.intents.push(remove_phone(&child));
                }
            }
            next.phones_seen = 0;
        }
        next.phones = still;
    }

    fn phones_item(&self, row: &HeldRow, said: &[String]) -> Item {
        let stored = row.view.get("phones");
        self.item("phones", stored, &json!(said.join("、")))
    }

    fn notes(
        &self,
        row: &HeldRow,
        (base, next): (&Base, &mut Base),
        erased: &[String],
        held: &Held<'_>,
        difference: &mut Difference,
    ) {
        let stored = row.view.get("notes").and_then(Value::as_array);
        for note in self.thing.notes() {
            let hash = held.namer().value(self.record, "notes", &json!(note));
            let is_there = stored.is_some_and(|notes| notes.iter().any(|one| one == note));
            if is_there || base.notes.contains(&hash) || erased.iter().any(|field| field == "notes") {
                continue;
            }
            difference.intents.push(append_note(note));
            difference.changed.push(self.item("notes", None, &json!(note)));
            next.notes.push(hash);
        }
    }
}

/// The first number that names no phone.
fn free_child(taken: &BTreeSet<String>) -> String {
    let numbers = 1..=taken.len() + 1;
    let mut free = numbers.map(|n| n.to_string()).filter(|n| !taken.contains(n));
    free.next().unwrap_or_default()
}

/// An address that is put right keeps its standard code.
fn with_code(field: &str, mut value: Value, stored: Option<&Value>) -> Value {
    let code = stored.and_then(|stored| stored.get("standard_code"));
    if let (true, Some(code)) = (field == "address", code) {
        value["standard_code"] = code.clone();
    }
    value
}
