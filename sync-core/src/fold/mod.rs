//! The fold computes a ticket's state as a pure function of the set of its events.
//!
//! Each event names the events that its author had seen, so the events form a graph. The fold walks the graph
//! parents first. Among the events that are ready it takes the lowest (rank, time, actor, id). Two replicas
//! with the same events agree, in whatever order the events arrived. Four rules make concurrent work safe:
//!
//! - One table says what is legal in sequence ([`is_legal`]). An event that is illegal there, but whose author
//!   did not know the event that made the state, goes by a second table of late rules.
//! - Openness is an observed-remove set. `report`, `escalate`, `reopen`, `verify_fail` and `unmerge` each add an
//!   obligation to answer. `close` and `void` act only if they have seen every obligation; else they are
//!   proposals.
//! - An opening that fits neither table still counts.
//! - `merge` takes along the openings that it had not seen, and later events follow. Both are *forwarded* to the
//!   ticket that this one went into. An opening that came while this ticket was merged stays owed there, even if
//!   the merge is undone.
//!
//! Nothing is discarded: each event has an [`Outcome`]. The fold knows neither rights nor deadlines; `at`
//! only breaks ties.

mod dag;
mod event;
mod rules;
mod state;
mod verb;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

use gridledger_schema::limits::TICKET_EVENTS;
use serde::{Deserialize, Serialize};

pub use dag::{find_latest, reading_order};
pub use event::{Event, MAX_LEVEL};
pub use rules::is_legal;
pub use state::{Flag, State, StateError};
pub use verb::{Verb, VerbError};

/// The outcome of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// The event counts.
    Applied,
    /// The ticket had moved past the event.
    Superseded {
        /// The state when the event's turn came.
        state: Option<State>,
    },
    /// A closing that had not seen everything, or a finished job that an escalation crossed. It is kept for
    /// somebody to confirm.
    Proposal,
    /// The event goes to the ticket that this one was merged into.
    Forwarded,
}

/// A folded ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// The state; `None` while there is no report.
    pub state: Option<State>,
    /// The level that holds it, 0 to [`MAX_LEVEL`].
    pub level: u8,
    /// The number of reopenings, plus one.
    pub cycle: u32,
    /// The assignees, sorted. More than one means that they were assigned concurrently, and a dispatcher must
    /// pick.
    pub assignees: Vec<String>,
    /// The co-handlers, sorted. An assignee may be among them.
    pub co_handlers: Vec<String>,
    /// The flags raised by the history.
    pub flags: BTreeSet<Flag>,
    /// The outcome of each event, by id. An applied event that later became a proposal or was forwarded has
    /// that outcome.
    pub outcomes: BTreeMap<String, Outcome>,
    /// The ids of the events that took effect, in that order, even if they became proposals or were forwarded
    /// afterwards.
    pub applied: Vec<String>,
}

impl Ticket {
    /// The ticket before any event.
    fn empty() -> Self {
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

    /// The ids of the events that had no effect here and were not forwarded, sorted. They include a closing
    /// that is a proposal because it never took effect.
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

    /// The ids of the events that were forwarded to the ticket that this one was merged into, sorted.
    pub fn forwarded(&self) -> Vec<&str> {
        self.select(|_, outcome| outcome == Outcome::Forwarded)
    }

    fn select(&self, keep: impl Fn(&str, Outcome) -> bool) -> Vec<&str> {
        let pairs = self.outcomes.iter().map(|(id, of)| (id.as_str(), *of));
        pairs.filter(|&(id, outcome)| keep(id, outcome)).map(|(id, _)| id).collect()
    }
}

/// The reason why a set of events is no history of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// Two events have one id.
    #[error("event {event} is there twice")]
    DuplicateId {
        /// The id.
        event: String,
    },
    /// An event names a parent that is not in the set.
    #[error("event {event} names a parent that is not there: {parent}")]
    UnknownParent {
        /// The event's id.
        event: String,
        /// The parent's id.
        parent: String,
    },
    /// An event is its own ancestor.
    #[error("event {event} is among its own ancestors")]
    Cycle {
        /// The event's id.
        event: String,
    },
    /// An argument is missing or out of bounds.
    #[error("event {event}: {verb} needs {argument}: {expected}")]
    BadArgument {
        /// The event's id.
        event: String,
        /// The event's verb.
        verb: Verb,
        /// The argument's name.
        argument: &'static str,
        /// The expected value, in words.
        expected: &'static str,
    },
    /// The set is larger than [`TICKET_EVENTS`].
    #[error("{events} events; a ticket has at most {limit}")]
    TooManyEvents {
        /// The number of events.
        events: usize,
        /// The limit.
        limit: usize,
    },
}

/// Folds the events of one ticket. The same set in any order gives the same ticket, and the same error.
/// Without events the ticket has no state. The fold keeps the seen events of each author as a bit set, so
/// memory grows with the square of the events: 125 kB at the limit.
pub fn fold(events: &[Event]) -> Result<Ticket, FoldError> {
    if events.len() > TICKET_EVENTS {
        return Err(FoldError::TooManyEvents { events: events.len(), limit: TICKET_EVENTS });
    }
    let dag = dag::Dag::new(events)?;
    Ok(walk::Walk::new(&dag)?.run())
}

/// Folds one more event, whose author had seen all events of `ticket`. The result equals [`fold`] of all
/// events, without going through them again. On an error the ticket is unchanged.
pub fn fold_on(ticket: &mut Ticket, event: &Event) -> Result<(), FoldError> {
    let events = ticket.outcomes.len() + 1;
    if events > TICKET_EVENTS {
        return Err(FoldError::TooManyEvents { events, limit: TICKET_EVENTS });
    }
    event.read_argument()?;
    let mut before = std::mem::replace(ticket, Ticket::empty());
    let people = (std::mem::take(&mut before.assignees), std::mem::take(&mut before.co_handlers));
    let dag = dag::Dag::after(event);
    *ticket = walk::Walk::resume(before, &people, &dag)?.run();
    Ok(())
}
