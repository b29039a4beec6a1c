//! The things of a spreadsheet: the values of each, as intents.

use gridledger_core::calendar::Zone;
use gridledger_schema::entry::{Intent, Op};
use gridledger_schema::ids::RecordId;
use serde_json::{Map, Value, json};

use crate::office::import::register::read::LABEL_DEFAULT;
use crate::office::import::register::{
    Address, DwellingRow, HouseholdRow, PersonRow, Register, ResidencyRow,
};

/// The default kind of a residency.
const KIND_DEFAULT: &str = "resident";

/// A thing of the file that is to become a record.
pub(crate) struct Thing<'a> {
    pub(crate) record_type: &'static str,
    pub(crate) line: u64,
    pub(crate) area: &'a str,
    pub(crate) key: &'a str,
    /// The office's own number.
    pub(crate) number: Option<&'a str>,
    pub(crate) row: Row<'a>,
    /// The office's time zone, in which its dates begin.
    pub(crate) zone: &'a Zone,
}

#[derive(Clone, Copy)]
pub(crate) enum Row<'a> {
    Dwelling(&'a DwellingRow),
    Household(&'a HouseholdRow),
    Person(&'a PersonRow),
    Residency(&'a ResidencyRow),
}

/// A value of a spreadsheet.
#[derive(Clone, Debug)]
pub(crate) enum Say<'a> {
    /// The value itself.
    Value(Value),
    /// The record of another thing: its type and its key.
    Of(&'static str, &'a str),
}

/// Finds the record of a thing by type and key.
pub(crate) type Find<'f> = &'f dyn Fn(&'static str, &str) -> Option<RecordId>;

impl Say<'_> {
    /// The value; `None` for a thing that has no record.
    pub(crate) fn value(&self, find: Find<'_>) -> Option<Value> {
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Of(record_type, key) => find(record_type, key).map(|record| json!(record)),
        }
    }
}

/// Everything in the file, what others refer to first.
pub(crate) fn things<'a>(register: &'a Register, zone: &'a Zone) -> Vec<Thing<'a>> {
    let mut things = Vec::new();
    things.extend(register.dwellings.iter().map(|row| Thing {
        record_type: "dwelling",
        line: row.line,
        area: &row.area,
        key: &row.key,
        number: row.number.as_deref(),
        row: Row::Dwelling(row),
        zone,
    }));
    things.extend(register.households.iter().map(|row| Thing {
        record_type: "household",
        line: row.line,
        area: &row.area,
        key: &row.key,
        number: row.number.as_deref(),
        row: Row::Household(row),
        zone,
    }));
    things.extend(register.people.iter().map(|row| Thing {
        record_type: "person",
        line: row.line,
        area: &row.area,
        key: &row.key,
        number: row.number.as_deref(),
        row: Row::Person(row),
        zone,
    }));
    things.extend(register.residencies.iter().map(|row| Thing {
        record_type: "residency",
        line: row.line,
        area: &row.area,
        key: &row.key,
        number: None,
        row: Row::Residency(row),
        zone,
    }));
    things
}

impl<'a> Thing<'a> {
    /// The fields that hold one value.
    pub(crate) fn says(&self) -> Vec<(&'static str, Say<'a>)> {
        let text = |text: Option<&str>| text.map(|text| Say::Value(text.into()));
        let said = match self.row {
            Row::Dwelling(row) => {
                vec![("address", Some(Say::Value(address(&row.address)))), ("use", text(row.usage))]
            }
            Row::Household(row) => vec![
                ("dwelling_id", Some(Say::Of("dwelling", &row.dwelling))),
                ("label", text((row.label != LABEL_DEFAULT).then_some(&row.label))),
            ],
            Row::Person(row) => vec![
                ("name", text(Some(&row.name))),
                ("gender", text(row.gender)),
                ("birth_year", row.birth_year.map(|year| Say::Value(year.into()))),
                ("relation_to_head", text(row.relation_to_head)),
            ],
            Row::Residency(row) => vec![
                ("person", Some(Say::Of("person", &row.person))),
                ("household", Some(Say::Of("household", &row.household))),
                ("kind", text(row.kind)),
                ("from", row.from.map(|date| Say::Value(date.start(self.zone).into()))),
            ],
        };
        said.into_iter().filter_map(|(name, say)| Some((name, say?))).collect()
    }

    /// The phone numbers it says.
    pub(crate) fn phones(&self) -> &'a [String] {
        match self.row {
            Row::Person(row) => &row.phones,
            _ => &[],
        }
    }

    /// The notes it says.
    pub(crate) fn notes(&self) -> &'a [String] {
        match self.row {
            Row::Household(row) => &row.notes,
            _ => &[],
        }
    }

    /// The default that a new record gets where the spreadsheet has no value.
    fn defaults(&self) -> Option<(&'static str, Value)> {
        match self.row {
            Row::Household(row) if row.label == LABEL_DEFAULT => Some(("label", LABEL_DEFAULT.into())),
            Row::Residency(row) if row.kind.is_none() => Some(("kind", KIND_DEFAULT.into())),
            _ => None,
        }
    }

    /// The fields that a new record of it has.
    pub(crate) fn fields(&self) -> Vec<&'static str> {
        let mut fields: Vec<&'static str> = self.says().into_iter().map(|(name, _)| name).collect();
        fields.extend(self.defaults().map(|(name, _)| name));
        fields.extend((!self.phones().is_empty()).then_some("phones"));
        fields.extend((!self.notes().is_empty()).then_some("notes"));
        fields
    }

    /// The intents that make its record. A reference to something that was refused is left out, and then so is the thing, for
    /// its lack.
    pub(crate) fn creation(&self, find: Find<'_>) -> Vec<Intent> {
        let said = self.says().into_iter();
        let mut intents: Vec<Intent> =
            said.filter_map(|(name, say)| Some(put(name, say.value(find)?))).collect();
        intents.extend(self.defaults().map(|(name, value)| put(name, value)));
        intents.extend((1..).zip(self.phones()).map(|(at, number)| set_phone(&at.to_string(), number)));
        intents.extend(self.notes().iter().map(|note| append_note(note)));
        intents
    }
}

/// A field gets a value.
pub(crate) fn put(field: &str, value: Value) -> Intent {
    intent(field, Op::Put { value })
}

/// A phone number is written.
pub(crate) fn set_phone(child: &str, number: &str) -> Intent {
    let value = Map::from_iter([("number".to_owned(), json!(number))]);
    let child = child.to_owned();
    intent("phones", Op::SetChild { child, value })
}

/// A phone number goes.
pub(crate) fn remove_phone(child: &str) -> Intent {
    let child = child.to_owned();
    intent("phones", Op::RemoveChild { child })
}

/// A note is added.
pub(crate) fn append_note(note: &str) -> Intent {
    let value = json!(note);
    intent("notes", Op::Append { value })
}

fn intent(field: &str, op: Op) -> Intent {
    Intent { facet: 0, field: field.to_owned(), op }
}

fn address(address: &Address) -> Value {
    let parts = [
        ("road", &address.road),
        ("number", &address.number),
        ("building", &address.building),
        ("unit", &address.unit),
        ("floor", &address.floor),
        ("room", &address.room),
    ];
    let known = parts.into_iter().filter(|(_, part)| !part.is_empty());
    known.map(|(name, part)| (name.to_owned(), json!(part))).collect::<Map<_, _>>().into()
}
