//! This file holds one ticket event, and the argument of its verb.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::FoldError;
use super::verb::Verb;

/// The highest level of a ticket: 0 resident, 1 grid, 2 community, 3 street, 4 district.
pub const MAX_LEVEL: u8 = 4;

/// The level at which a ticket starts. A `feedback` that names no level saw this one.
pub(super) const FIRST_LEVEL: u8 = 1;

/// One action of a person on a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The id, unique within the ticket.
    pub id: String,
    /// The action.
    pub verb: Verb,
    /// The author's code. It orders events of one rank and time, and names co-handlers.
    pub actor: String,
    /// The time, ms since 1970-01-01 UTC. It only breaks ties between concurrent events of one rank; no rule
    /// trusts it further.
    pub at: i64,
    /// The ids of the events that its author had seen; the newest ones suffice.
    #[serde(default)]
    pub parents: Vec<String>,
    /// The arguments. `escalate` and `de_escalate`: `to`, a level. `assign`: `who`. `feedback`: `level_seen`,
    /// a level, 1 if absent. `reopen`: `cycle_seen`, a count. The fold ignores any others.
    #[serde(default)]
    pub args: Map<String, Value>,
}

/// The checked argument of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Argument<'a> {
    None,
    Level(u8),
    Who(&'a str),
    CycleSeen(u32),
}

impl Event {
    /// Checks and returns the argument that this event's verb needs.
    pub(super) fn read_argument(&self) -> Result<Argument<'_>, FoldError> {
        match self.verb {
            Verb::Escalate | Verb::DeEscalate => self.read_level("to", None),
            Verb::Feedback => self.read_level("level_seen", Some(FIRST_LEVEL)),
            Verb::Assign => self.read_who(),
            Verb::Reopen => self.read_cycle_seen(),
            _ => Ok(Argument::None),
        }
    }

    fn read_level(&self, name: &'static str, absent: Option<u8>) -> Result<Argument<'_>, FoldError> {
        let level = match self.args.get(name) {
            None => absent,
            Some(value) => read_small(value, u64::from(MAX_LEVEL)),
        };
        level.map(Argument::Level).ok_or_else(|| self.bad_argument(name, "a level, 0 to 4"))
    }

    fn read_who(&self) -> Result<Argument<'_>, FoldError> {
        match self.args.get("who").and_then(Value::as_str) {
            Some(who) if !who.is_empty() => Ok(Argument::Who(who)),
            _ => Err(self.bad_argument("who", "the name of an assignee")),
        }
    }

    fn read_cycle_seen(&self) -> Result<Argument<'_>, FoldError> {
        // The bound is one less than the type holds: the reopened cycle is one more than the seen one.
        self.args
            .get("cycle_seen")
            .and_then(|value| read_small(value, u64::from(u32::MAX - 1)))
            .map(Argument::CycleSeen)
            .ok_or_else(|| self.bad_argument("cycle_seen", "the cycle its author saw, a small count"))
    }

    fn bad_argument(&self, argument: &'static str, expected: &'static str) -> FoldError {
        FoldError::BadArgument { event: self.id.clone(), verb: self.verb, argument, expected }
    }
}

/// Reads a JSON whole number from 0 to `max`.
fn read_small<T: TryFrom<u64>>(value: &Value, max: u64) -> Option<T> {
    let number = value.as_u64().filter(|&number| number <= max)?;
    T::try_from(number).ok()
}
