//! The fold of a ticket: its state is a pure function of the set of its events.
//!
//! Each event names the events its author had seen, so the events form a graph. The fold walks it
//! parents first, and among events that are ready takes the lowest (rank, time, actor, id); so
//! two replicas with the same events agree, whatever order they got them in. Four rules make
//! concurrent work safe:
//!
//! - What is legal in sequence is one table ([`is_legal`]). An event that is not, but did not know
//!   of the event that made the state, goes by a second table of late rules.
//! - Openness is an observed-remove set. `report`, `escalate`, `reopen`, `verify_fail` and
//!   `unmerge` each add an obligation to answer; `close` and `void` act only if they have seen
//!   every one of them, else they are proposals.
//! - An opening that fits neither table counts all the same.
//! - `merge` takes the openings it had not seen along, and what comes later follows: both are
//!   *forwarded* to the ticket this one went into. An opening that came while this one was merged
//!   stays owed there, even if the merge is undone.
//!
//! Nothing is discarded: each event has an [`Outcome`]. The fold knows neither rights nor
//! deadlines; `at` only breaks ties.

mod dag;
mod event;
mod rules;
mod state;
mod verb;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use gridledger_schema::limits::TICKET_EVENTS;
use serde::{Deserialize, Serialize};

pub use dag::{latest, reading_order};
pub use event::{Event, MAX_LEVEL};
pub use rules::is_legal;
pub use state::{Flag, State, StateError};
pub use verb::{Verb, VerbError};

/// What became of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// It counts.
    Applied,
    /// The ticket, in `state` when the event's turn came, had moved past it.
    Superseded { state: Option<State> },
    /// A closing that had not seen everything, or a finished job that an escalation crossed: kept
    /// for someone to confirm.
    Proposal,
    /// It goes on to the ticket this one was merged into.
    Forwarded,
}

/// A ticket, folded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// `None` while there is no report.
    pub state: Option<State>,
    /// Which level holds it, 0 to [`MAX_LEVEL`].
    pub level: u8,
    /// How often it was reopened, plus one.
    pub cycle: u32,
    /// Sorted. More than one: they were assigned concurrently, and a dispatcher must pick.
    pub assignees: Vec<String>,
    /// Sorted. May name an assignee too.
    pub co_handlers: Vec<String>,
    pub flags: BTreeSet<Flag>,
    /// By event id. An applied event that later became a proposal or was forwarded says so.
    pub outcomes: BTreeMap<String, Outcome>,
    /// The ids of the events that took effect, in the order they did, even if they became
    /// proposals or were forwarded afterwards.
    pub applied: Vec<String>,
}

impl Ticket {
    /// What there is before any event.
    fn none() -> Self {
        Self {
            state: None,
            level: event::FIRST_LEVEL,
            cycle: 1,
            assignees: Vec::new(),
            co_handlers: Vec::new(),
            flags: BTreeSet::new(),
            outcomes: BTreeMap::new(),
            applied: Vec::new(),
        }
    }

    /// The ids of the events that had no effect here and were not forwarded, sorted. A closing
    /// that is a proposal because it never took effect is among them.
    pub fn superseded(&self) -> Vec<&str> {
        let applied: BTreeSet<&str> = self.applied.iter().map(String::as_str).collect();
        self.select(|id, outcome| match outcome {
            Outcome::Superseded { .. } => true,
            Outcome::Proposal => !applied.contains(id),
            Outcome::Applied | Outcome::Forwarded => false,
        })
    }

    /// The ids of the events kept as proposals, sorted.
    pub fn proposals(&self) -> Vec<&str> {
        self.select(|_, outcome| outcome == Outcome::Proposal)
    }

    /// The ids of the events that go to the ticket this one was merged into, sorted.
    pub fn forwarded(&self) -> Vec<&str> {
        self.select(|_, outcome| outcome == Outcome::Forwarded)
    }

    fn select(&self, keep: impl Fn(&str, Outcome) -> bool) -> Vec<&str> {
        let pairs = self.outcomes.iter().map(|(id, of)| (id.as_str(), *of));
        pairs.filter(|&(id, outcome)| keep(id, outcome)).map(|(id, _)| id).collect()
    }
}

/// Why a set of events is not the history of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    #[error("event {event} is there twice")]
    DuplicateId { event: String },
    #[error("event {event} names a parent that is not there: {parent}")]
    UnknownParent { event: String, parent: String },
    #[error("event {event} is among its own ancestors")]
    Cycle { event: String },
    #[error("event {event}: {verb} needs {argument}: {expected}")]
    BadArgument { event: String, verb: Verb, argument: &'static str, expected: &'static str },
    #[error("{events} events; a ticket has at most {limit}")]
    TooManyEvents { events: usize, limit: usize },
}

/// Folds the events of one ticket. The same set in any order gives the same ticket, and the same
/// error. No event at all gives a ticket without a state. What each author had seen is kept as a
/// bit set, so memory grows with the square of the events: 125 kB at the limit.
pub fn fold(events: &[Event]) -> Result<Ticket, FoldError> {
    if events.len() > TICKET_EVENTS {
        return Err(FoldError::TooManyEvents { events: events.len(), limit: TICKET_EVENTS });
    }
    let dag = dag::Dag::new(events)?;
    Ok(walk::Walk::new(&dag)?.run())
}

/// Folds one more event, whose author had seen all events of `ticket`: the same as [`fold`] of them all, without going
/// through them again. On an error the ticket is as it was.
pub fn fold_on(ticket: &mut Ticket, event: &Event) -> Result<(), FoldError> {
    let events = ticket.outcomes.len() + 1;
    if events > TICKET_EVENTS {
        return Err(FoldError::TooManyEvents { events, limit: TICKET_EVENTS });
    }
    event.argument()?;
    let mut before = std::mem::replace(ticket, Ticket::none());
    let people = (std::mem::take(&mut before.assignees), std::mem::take(&mut before.co_handlers));
    let dag = dag::Dag::after(event);
    *ticket = walk::Walk::on(before, &people, &dag)?.run();
    Ok(())
}
