//! Workflows: states, verbs, and who may do what when (`workflows/NAME.json`).

use super::kind::check_object;
use super::{Kind, Label, ValueFault};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The states and verbs a record type's events follow.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    pub name: String,
    pub label: Label,
    /// In declared order.
    pub states: Vec<WorkflowState>,
    pub verbs: BTreeMap<String, VerbRule>,
    /// Names of the levels, 0 household … 4 district.
    pub levels: Vec<Label>,
}

impl Workflow {
    pub fn state(&self, code: &str) -> Option<&WorkflowState> {
        self.states.iter().find(|state| state.code == code)
    }

    pub fn verb(&self, name: &str) -> Option<&VerbRule> {
        self.verbs.get(name)
    }
}

/// One state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowState {
    /// In capitals (`HANDLING`).
    pub code: String,
    pub label: Label,
    /// Still owes somebody an answer.
    pub open: bool,
}

/// One verb.
#[derive(Clone, Debug, PartialEq)]
pub struct VerbRule {
    pub name: String,
    pub label: Label,
    /// States it is legal from; empty when it begins the record's life.
    pub from: Vec<String>,
    /// State it leads to; `None` leaves the state as it is.
    pub to: Option<String>,
    /// Codes of all roles that may, under some grant.
    pub roles: Vec<String>,
    /// Who may under which circumstances; one that holds is enough.
    pub grants: Vec<VerbGrant>,
    /// Arguments that must be present.
    pub required_args: Vec<String>,
    /// Every argument it takes.
    pub args: BTreeMap<String, Kind>,
    /// What must hold besides.
    pub conditions: Vec<Condition>,
    /// May be done without signal.
    pub offline: bool,
}

impl VerbRule {
    /// Checks the arguments of one event.
    pub fn check_args(&self, args: &Map<String, Value>) -> Result<(), ValueFault> {
        check_object(args, &self.args, &self.required_args)
    }
}

/// One line of the Who column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerbGrant {
    /// Role codes.
    pub roles: Vec<String>,
    /// Only on tickets at levels from..=to, as the author saw them.
    pub at_level: Option<(u8, u8)>,
    /// For `escalate` and `de_escalate`: only to levels from..=to.
    pub to_level: Option<(u8, u8)>,
    /// Only in this relation to the ticket.
    pub as_party: Option<Party>,
}

/// How an actor stands to a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Party {
    /// Assigned to it, or a co-handler.
    Handler,
    /// Takes it while nobody is assigned.
    SelfClaim,
    /// Reported it.
    Reporter,
}

/// What must hold for a verb beyond state, role and arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A place, a dwelling or an address is given.
    PlaceOrAddress,
    /// The ticket has a category.
    CategorySet,
    /// Somebody other than who handled it (unless the category checks itself).
    NotHandler,
    /// The evidence the category asks for.
    Evidence,
    /// The author has seen every obligation.
    SeenEveryObligation,
    /// One a rater and cycle.
    OnePerRater,
    /// A resident's ticket needs a second person.
    SecondPersonIfResident,
    /// Residents only within 30 days of the closing.
    ResidentWithin30Days,
    /// Same place or same category as the other ticket.
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
