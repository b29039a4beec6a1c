//! Retention finds the fields whose time is up. Phone and server compute the same answer. The phone then
//! shows the fields no more, and the server begins a new epoch without them.

use crate::calendar::DAY_MS;
use std::collections::BTreeMap;

use gridledger_schema::set::{Field, RecordType, RetainFrom};
use serde_json::Value;

use crate::document::Document;
use crate::epoch::{Unit, written};
use crate::fold::{Outcome, State, Verb};
use crate::project::{View, project};

/// A field whose time is up. Units last written at or before `until` (ms since 1970) are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The field.
    pub field: String,
    /// The time of the last write that is due, ms since 1970. Later writes stay.
    pub until: i64,
}

/// The fields that are due at `now`, by name, and the time when the next one will be (ms since 1970), as far
/// as the documents tell. `documents` are those of a record that this side holds, by facet.
pub fn due<'a>(
    record_type: &RecordType,
    documents: impl IntoIterator<Item = (u8, &'a Document)>,
    now: i64,
) -> (Vec<Due>, Option<i64>) {
    let mut asked = Asked {
        record_type,
        documents: documents.into_iter().collect(),
        units: BTreeMap::new(),
        view: None,
        now,
    };
    let (mut due, mut next) = (Vec::new(), None);
    for field in record_type.fields.values() {
        let Some(days) = field.privacy.retain_days else {
            continue;
        };
        let (until, later) = asked.find_due(field, i64::from(days) * DAY_MS);
        due.extend(until.map(|until| Due { field: field.name.clone(), until }));
        next = next.into_iter().chain(later).min();
    }
    (due, next)
}

/// A time (ms since 1970) before which no field of a record is due. It is cheap, and never too late. `None`
/// if no field ever is.
pub fn not_before<'a>(
    record_type: &RecordType,
    documents: impl IntoIterator<Item = (u8, &'a Document)>,
) -> Option<i64> {
    let kept = record_type.fields.values().filter_map(|field| Some((field, field.privacy.retain_days?)));
    let fewest = kept.clone().map(|(_, days)| days).min()?;
    let named: Vec<&str> = kept
        .filter_map(|(field, _)| match record_type.retain_from(field) {
            RetainFrom::Field(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    let earliest = documents.into_iter().flat_map(|(_, document)| {
        let times = named.iter().filter_map(|name| document.number(name));
        times.chain(document.first_at()).collect::<Vec<_>>()
    });
    Some(earliest.min()?.saturating_add(i64::from(fewest) * DAY_MS))
}

struct Asked<'a> {
    record_type: &'a RecordType,
    documents: BTreeMap<u8, &'a Document>,
    units: BTreeMap<u8, Vec<Unit>>,
    view: Option<View>,
    now: i64,
}

impl Asked<'_> {
    /// The time up to which a field's units are due, and the time when the next one is.
    fn find_due(&mut self, field: &Field, kept_ms: i64) -> (Option<i64>, Option<i64>) {
        let Some(document) = self.documents.get(&field.facet) else {
            return (None, None);
        };
        let units = self.units.entry(field.facet).or_insert_with(|| written(document));
        let times: Vec<i64> =
            units.iter().filter(|unit| unit.field == field.name).map(|unit| unit.last).collect();
        if times.is_empty() {
            return (None, None);
        }
        let (counted, until) = match self.record_type.retain_from(field) {
            RetainFrom::Written => (times, self.now - kept_ms),
            RetainFrom::Changed => (vec![document.changed_at()], document.changed_at()),
            RetainFrom::Closed => (find_closing_time(self.view()).into_iter().collect(), self.now),
            RetainFrom::Field(name) => (read_time(self.view(), name).into_iter().collect(), self.now),
        };
        let ends: Vec<i64> = counted.iter().map(|at| at.saturating_add(kept_ms)).collect();
        let is_due = ends.iter().any(|end| *end <= self.now);
        let next = ends.into_iter().filter(|end| *end > self.now).min();
        (is_due.then_some(until), next)
    }

    fn view(&mut self) -> &View {
        let documents = &self.documents;
        self.view.get_or_insert_with(|| project(self.record_type, documents.values().copied()))
    }
}

/// The time at which a ticket without open obligations ended.
fn find_closing_time(view: &View) -> Option<i64> {
    let ticket = view.ticket.as_ref()?;
    if ticket.state.is_none_or(State::is_open) {
        return None;
    }
    let ended = view.events.iter().filter(|event| {
        matches!(event.verb, Verb::Close | Verb::Void | Verb::Merge)
            && ticket.outcomes.get(&event.id) == Some(&Outcome::Applied)
    });
    ended.map(|event| event.at).max()
}

fn read_time(view: &View, field: &str) -> Option<i64> {
    view.fields.get(field).and_then(Value::as_i64)
}
