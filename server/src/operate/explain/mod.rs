//! Explains a ticket's state event by event, in sentences.

mod sentences;

use gridledger_core::calendar::Zone;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use gridledger_core::document::Document;
use gridledger_core::fold::{Event, FoldError, Outcome, Ticket, fold, reading_order};
use gridledger_core::project::project;
use gridledger_schema::code::Code;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::{SchemaSet, Workflow};

use crate::lang::Lang;
use crate::rights::reader::ReadError;
use crate::service::Service;
use crate::store::StoreError;

/// The workflow whose words are used.
const WORKFLOW: &str = "ticket";

/// A ticket, and what became of each of its events.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The ticket, folded.
    pub ticket: Ticket,
    /// The events, causes first, each with the openings a closing of no effect had not seen.
    pub steps: Vec<Step>,
}

/// An event and its effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The event.
    pub event: Event,
    /// The effect of the event.
    pub outcome: Outcome,
    /// Whether it took effect at first.
    pub was_applied: bool,
    /// Obligations to answer that its author had not seen, if it is a proposal to close.
    pub unseen: Vec<Event>,
}

/// Folds events and says what became of each.
pub fn explain(events: &[Event]) -> Result<Explanation, FoldError> {
    let ticket = fold(events)?;
    let order = reading_order(events);
    let applied: BTreeSet<&str> = ticket.applied.iter().map(String::as_str).collect();
    let steps: Vec<Step> = order
        .iter()
        .map(|event| {
            let outcome = ticket.outcomes.get(&event.id).copied();
            let outcome = outcome.unwrap_or(Outcome::Superseded { state: None });
            let unseen = if outcome == Outcome::Proposal && event.verb.is_closing() {
                unseen_openings(event, &order, &applied)
            } else {
                Vec::new()
            };
            Step {
                event: (*event).clone(),
                outcome,
                was_applied: applied.contains(event.id.as_str()),
                unseen,
            }
        })
        .collect();
    Ok(Explanation { ticket, steps })
}

fn unseen_openings(event: &Event, order: &[&Event], applied: &BTreeSet<&str>) -> Vec<Event> {
    let by_id: BTreeMap<&str, &Event> = order.iter().map(|event| (event.id.as_str(), *event)).collect();
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![event]);
    while let Some(event) = waiting.pop() {
        if seen.insert(event.id.as_str()) {
            let parents = event.parents.iter();
            waiting.extend(parents.filter_map(|parent| by_id.get(parent.as_str())));
        }
    }
    let openings = order.iter().filter(|one| one.verb.is_opening());
    openings
        .filter(|one| applied.contains(one.id.as_str()) && !seen.contains(one.id.as_str()))
        .map(|one| (*one).clone())
        .collect()
}

impl Explanation {
    /// The explanation in sentences, one a line.
    pub fn lines(&self, schema: &SchemaSet, lang: Lang, zone: &Zone) -> Vec<String> {
        sentences::lines(self, schema.workflow(WORKFLOW), lang, zone)
    }
}

/// The events of a ticket in the store.
pub fn events_of(service: &Service, record: RecordId) -> Result<Vec<Event>, ReadError> {
    let found = service.store.record(record)?;
    let (row, documents) = found.ok_or_else(|| ReadError::refused(Code::RecordUnknown, "no such record"))?;
    let record_type = service.schema.record_type(&row.record_type);
    let record_type = record_type.filter(|of| of.events_field().is_some());
    let record_type =
        record_type.ok_or_else(|| ReadError::refused(Code::TypeUnknown, "the record has no events"))?;
    let facets = documents
        .iter()
        .map(|document| Document::load(&document.bytes).map_err(|_| StoreError::Damaged("documents")))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(project(record_type, &facets).events)
}

/// `explain ticket ID`: prints what became of a ticket's events. The exit code is 0, or 1 if there is no such ticket.
pub fn cli_explain_ticket(service: &Service, id: &str, lang: Lang, out: &mut dyn Write) -> io::Result<u8> {
    let events = id.parse().map_err(|error| ReadError::refused(Code::BadRequest, format!("{error}")));
    match events.and_then(|record: RecordId| events_of(service, record)) {
        Ok(events) => print(&events, (&service.schema, service.zone()), lang, out),
        Err(ReadError::Refused(refusal)) => {
            writeln!(out, "{}", lang.pick(refusal.code.zh(), refusal.code.en()))?;
            Ok(1)
        }
        Err(ReadError::Store(error)) => {
            writeln!(out, "{error}")?;
            Ok(1)
        }
    }
}

/// `explain --events FILE`: the same of a list of events as `/history` gives it. `text` is the file's text.
pub fn cli_explain_events(
    (schema, zone): (&SchemaSet, &Zone),
    text: &str,
    lang: Lang,
    out: &mut dyn Write,
) -> io::Result<u8> {
    match serde_json::from_str::<Vec<Event>>(text) {
        Ok(events) => print(&events, (schema, zone), lang, out),
        Err(error) => {
            writeln!(out, "{}{error}", lang.pick("不是事件列表：", "not a list of events: "))?;
            Ok(1)
        }
    }
}

fn print(
    events: &[Event],
    (schema, zone): (&SchemaSet, &Zone),
    lang: Lang,
    out: &mut dyn Write,
) -> io::Result<u8> {
    match explain(events) {
        Ok(explanation) => {
            for line in explanation.lines(schema, lang, zone) {
                writeln!(out, "{line}")?;
            }
            Ok(0)
        }
        Err(error) => {
            writeln!(out, "{}{error}", lang.pick("不是工单的过程：", "not the history of a ticket: "))?;
            Ok(1)
        }
    }
}

/// A workflow's word for a verb, else the code.
fn verb_word<'a>(workflow: Option<&'a Workflow>, verb: &'a str, lang: Lang) -> &'a str {
    let rule = workflow.and_then(|workflow| workflow.verb(verb));
    rule.map_or(verb, |rule| lang.of(&rule.label))
}

#[cfg(test)]
mod tests;
