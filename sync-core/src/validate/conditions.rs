//! This file checks the conditions of a verb beyond role, state and arguments (`conditions` of a workflow
//! file).

use crate::calendar::DAY_MS;
use std::collections::BTreeSet;

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::set::{Category, Condition, Evidence, RecordType, SchemaSet, VerbRule};
use serde_json::{Map, Value};

use super::explain::refuse_value;
use super::grants::find_reporter;
use super::staged::Side;
use crate::fold::{Event, Ticket, Verb};
use crate::project::View;

/// Fields that name a place. One of them is enough.
const PLACES: [&str; 4] = ["place_ref", "dwelling_id", "address_text", "point"];
const CATEGORY: &str = "category";
const PHOTOS: &str = "media_after";
/// The field and the value that mark a resident's ticket.
const ORIGIN: (&str, &str) = ("origin", "complaint");
const RESIDENT: &str = "resident";
/// Days after the closing within which a resident may have a ticket reopened.
const RESIDENT_REOPEN_DAYS: i64 = 30;

/// An event to be judged, with everything that a condition needs.
pub(super) struct Conditions<'a> {
    pub(super) schema: &'a SchemaSet,
    pub(super) record_type: &'a RecordType,
    /// The events field's name.
    pub(super) field: &'a str,
    pub(super) verb: Verb,
    pub(super) args: &'a Map<String, Value>,
    pub(super) author: &'a str,
    pub(super) role: &'a str,
    pub(super) at: i64,
    /// The ticket before the event, as its author saw it.
    pub(super) ticket: &'a Ticket,
    /// The events that the author had seen, and the entry's earlier ones.
    pub(super) events: &'a [Event],
    /// The record's present state on this side.
    pub(super) now: &'a View,
    /// The fields that the author had seen, with the entry's own changes.
    pub(super) fields: &'a Side<'a>,
}

impl Conditions<'_> {
    /// Checks every condition of the verb.
    pub(super) fn check(&self, rule: &VerbRule) -> Result<(), Refusal> {
        rule.conditions.iter().try_for_each(|condition| match condition {
            Condition::PlaceOrAddress => self.check_place_or_address(),
            Condition::CategorySet => self.check_category_set(),
            Condition::NotHandler => self.check_not_handler(),
            Condition::Evidence => self.check_evidence(),
            Condition::OnePerRater => self.check_one_per_rater(),
            Condition::SecondPersonIfResident => self.check_second_person_if_resident(),
            Condition::ResidentWithin30Days => self.check_resident_within_30_days(),
            // The fold itself guards the first: an obligation that the author had not seen keeps the ticket
            // open. The second needs the other ticket, which is not at hand; `unmerge` undoes a wrong
            // merging.
            Condition::SeenEveryObligation | Condition::SamePlaceOrCategory => Ok(()),
        })
    }

    fn check_place_or_address(&self) -> Result<(), Refusal> {
        let mut places = PLACES.into_iter().filter(|name| self.record_type.field(name).is_some()).peekable();
        let Some(&first) = places.peek() else {
            return Ok(());
        };
        if places.any(|name| self.has(name)) {
            return Ok(());
        }
        Err(Refusal::of_field(Code::FieldRequired, first, "a place, a dwelling, an address or a point"))
    }

    fn check_category_set(&self) -> Result<(), Refusal> {
        if self.record_type.field(CATEGORY).is_none() || self.has(CATEGORY) {
            return Ok(());
        }
        Err(Refusal::of_field(Code::FieldRequired, CATEGORY, format!("{} needs it", self.verb)))
    }

    fn check_not_handler(&self) -> Result<(), Refusal> {
        let checks_itself = self.find_category().is_some_and(|category| category.auto_check);
        if checks_itself || !self.list_handlers().contains(self.author) {
            return Ok(());
        }
        Err(Refusal::of_field(Code::OwnWorkCheck, self.field, "somebody other than who handled it"))
    }

    /// The authors of the feedbacks since the last failed check or reopening. They are several where people
    /// worked concurrently.
    fn list_handlers(&self) -> BTreeSet<&str> {
        let applied =
            self.ticket.applied.iter().rev().filter_map(|id| self.events.iter().find(|e| e.id == *id));
        applied
            .take_while(|event| !matches!(event.verb, Verb::VerifyFail | Verb::Reopen))
            .filter(|event| event.verb == Verb::Feedback)
            .map(|event| event.actor.as_str())
            .collect()
    }

    fn check_evidence(&self) -> Result<(), Refusal> {
        let photo = self.has_arg("media") || self.has(PHOTOS);
        let missing = match self.find_category().map_or(Evidence::None, |category| category.evidence) {
            Evidence::Photo if !photo => "/media: this category asks for a photo",
            Evidence::Note if !photo && !self.has_arg("note") => {
                "/note: this category asks for a photo or a note"
            }
            Evidence::Photo | Evidence::Note | Evidence::None => return Ok(()),
        };
        Err(refuse_value(self.field, missing))
    }

    fn check_one_per_rater(&self) -> Result<(), Refusal> {
        let rated = |events: &[Event]| {
            let since = events.iter().rev().take_while(|event| event.verb != Verb::Reopen);
            since.into_iter().any(|event| event.verb == Verb::Evaluate && event.actor == self.author)
        };
        if rated(self.events) || rated(&self.now.events) {
            return Err(Refusal::of_field(Code::EventIllegal, self.field, "one rating a person and cycle"));
        }
        Ok(())
    }

    fn check_second_person_if_resident(&self) -> Result<(), Refusal> {
        let from_resident = self.fields.get(ORIGIN.0).is_some_and(|origin| origin == ORIGIN.1);
        if from_resident && find_reporter(self.events) == Some(self.author) {
            let rule = "a resident's ticket: somebody other than who took it down";
            return Err(Refusal::of_field(Code::OwnWorkCheck, self.field, rule));
        }
        Ok(())
    }

    fn check_resident_within_30_days(&self) -> Result<(), Refusal> {
        let mut applied =
            self.ticket.applied.iter().rev().filter_map(|id| self.events.iter().find(|e| e.id == *id));
        let ended = applied.find(|event| event.verb.is_closing()).map(|event| event.at);
        let limit = RESIDENT_REOPEN_DAYS * DAY_MS;
        if self.role == RESIDENT && ended.is_some_and(|ended| self.at.saturating_sub(ended) > limit) {
            let rule = format!("a resident within {RESIDENT_REOPEN_DAYS} days of the closing");
            return Err(Refusal::of_field(Code::EventIllegal, self.field, rule));
        }
        Ok(())
    }

    fn find_category(&self) -> Option<&Category> {
        self.schema.category(self.fields.get(CATEGORY)?.as_str()?)
    }

    fn has(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|value| !is_empty(value))
    }

    fn has_arg(&self, arg: &str) -> bool {
        self.args.get(arg).is_some_and(|value| !is_empty(value))
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
