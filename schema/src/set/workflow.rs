//! This file holds workflows: states, verbs, and which roles may use them (`workflows/NAME.json`).

use super::kind::check_object;
use super::{Kind, Label, ValueFault};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The states and verbs that a record type's events follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    /// The file's name without `.json`.
    pub name: String,
    /// The workflow's name for people.
    pub label: Label,
    /// States, in declared order.
    pub states: Vec<WorkflowState>,
    /// Verbs by name.
    pub verbs: BTreeMap<String, VerbRule>,
    /// Names of the levels, 0 household … 4 district.
    pub levels: Vec<Label>,
}

impl Workflow {
    /// Finds a state by code.
    pub fn state(&self, code: &str) -> Option<&WorkflowState> {
        self.states.iter().find(|state| state.code == code)
    }

    /// Finds a verb by name.
    pub fn verb(&self, name: &str) -> Option<&VerbRule> {
        self.verbs.get(name)
    }
}

/// One state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowState {
    /// The code, in capitals (`HANDLING`).
    pub code: String,
    /// The state's name for people.
    pub label: Label,
    /// The ticket still owes somebody an answer.
    pub open: bool,
}

/// One verb.
#[derive(Clone, Debug, PartialEq)]
pub struct VerbRule {
    /// The verb's name.
    pub name: String,
    /// The verb's name for people.
    pub label: Label,
    /// States in which it is legal; empty if it begins the record's life.
    pub from: Vec<String>,
    /// The state it leads to; `None` leaves the state as it is.
    pub to: Option<String>,
    /// Codes of all roles that may use it under some grant.
    pub roles: Vec<String>,
    /// The grants. A grant that holds is enough.
    pub grants: Vec<VerbGrant>,
    /// Arguments that must be there.
    pub required_args: Vec<String>,
    /// Every argument that it takes, with its kind.
    pub args: BTreeMap<String, Kind>,
    /// Further conditions.
    pub conditions: Vec<Condition>,
    /// It may be done without signal.
    pub offline: bool,
}

impl VerbRule {
    /// Checks the arguments of one event.
    pub fn check_args(&self, args: &Map<String, Value>) -> Result<(), ValueFault> {
        check_object(args, &self.args, &self.required_args)
    }
}

/// One grant of a verb (an item of `who` in the workflow file).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerbGrant {
    /// Role codes.
    pub roles: Vec<String>,
    /// Only for tickets at levels from..=to, as the author saw them.
    pub at_level: Option<(u8, u8)>,
    /// For `escalate` and `de_escalate`: only to levels from..=to.
    pub to_level: Option<(u8, u8)>,
    /// Only in this relation to the ticket.
    pub as_party: Option<Party>,
}

/// The relation of an actor to a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// The actor is assigned to the ticket, or is a co-handler.
    Handler,
    /// The actor takes the ticket while nobody is assigned.
    SelfClaim,
    /// The actor reported the ticket.
    Reporter,
}

/// A condition of a verb beyond state, role and arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A place, a dwelling or an address is given.
    PlaceOrAddress,
    /// The ticket has a category.
    CategorySet,
    /// The author did not handle the ticket, unless its category needs no second person.
    NotHandler,
    /// The evidence that the category asks for is there.
    Evidence,
    /// The author has seen every obligation.
    SeenEveryObligation,
    /// Each rater rates once in a cycle.
    OnePerRater,
    /// A resident's ticket needs a second person.
    SecondPersonIfResident,
    /// Residents act only within 30 days of the closing.
    ResidentWithin30Days,
    /// The other ticket has the same place or the same category.
    SamePlaceOrCategory,
}

impl Condition {
    /// Every condition, with its word in files.
    pub const ALL: [(&'static str, Condition); 9] = [
        ("place_or_address", Condition::PlaceOrAddress),
        ("category_set", Condition::CategorySet),
        ("not_handler", Condition::NotHandler),
        ("evidence", Condition::Evidence),
        ("seen_every_obligation", Condition::SeenEveryObligation),
        ("one_per_rater", Condition::OnePerRater),
        ("second_person_if_resident", Condition::SecondPersonIfResident),
        ("resident_within_30_days", Condition::ResidentWithin30Days),
        ("same_place_or_category", Condition::SamePlaceOrCategory),
    ];
}
