//! This file holds the states of a ticket, and the flags for settled concurrent work.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The state of a ticket. On the wire it is upper case: `REPORTED`. A draft has no event yet, so it is no
/// state here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// 已上报: reported and not yet accepted.
    Reported,
    /// 退回补充: returned to the reporter with a question.
    Returned,
    /// 已受理: accepted, nobody assigned.
    Accepted,
    /// 已派遣: assigned to somebody.
    Assigned,
    /// 办理中: the work has begun.
    Handling,
    /// 缓办: the work is put off.
    Suspended,
    /// 已反馈待核查: said to be finished, not yet checked.
    Feedback,
    /// 已销号: checked and closed.
    Closed,
    /// 已评价: closed and rated.
    Evaluated,
    /// 作废: void.
    Void,
    /// 并案: merged into another ticket.
    Merged,
}

impl State {
    /// Every state, in the order of the ordinary course.
    pub const ALL: [Self; 11] = [
        Self::Reported,
        Self::Returned,
        Self::Accepted,
        Self::Assigned,
        Self::Handling,
        Self::Suspended,
        Self::Feedback,
        Self::Closed,
        Self::Evaluated,
        Self::Void,
        Self::Merged,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "REPORTED",
            Self::Returned => "RETURNED",
            Self::Accepted => "ACCEPTED",
            Self::Assigned => "ASSIGNED",
            Self::Handling => "HANDLING",
            Self::Suspended => "SUSPENDED",
            Self::Feedback => "FEEDBACK",
            Self::Closed => "CLOSED",
            Self::Evaluated => "EVALUATED",
            Self::Void => "VOID",
            Self::Merged => "MERGED",
        }
    }

    /// The name that a worker reads.
    pub const fn label_zh(self) -> &'static str {
        match self {
            Self::Reported => "已上报",
            Self::Returned => "退回补充",
            Self::Accepted => "已受理",
            Self::Assigned => "已派遣",
            Self::Handling => "办理中",
            Self::Suspended => "缓办",
            Self::Feedback => "已反馈待核查",
            Self::Closed => "已销号",
            Self::Evaluated => "已评价",
            Self::Void => "作废",
            Self::Merged => "并案",
        }
    }

    /// Whether somebody still owes the reporter an answer on this ticket. For a merged ticket, the ticket it
    /// went into owes the answer.
    pub const fn is_open(self) -> bool {
        !matches!(self, Self::Closed | Self::Evaluated | Self::Void | Self::Merged)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error for a word that names no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a ticket state")]
pub struct StateError(pub String);

impl FromStr for State {
    type Err = StateError;

    fn from_str(word: &str) -> Result<Self, StateError> {
        Self::ALL.into_iter().find(|state| state.as_str() == word).ok_or_else(|| StateError(word.to_owned()))
    }
}

/// A note for people on how concurrent events were settled, in snake case on the wire. The history raises a
/// flag and never lowers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// A `close` and a `verify_fail` were concurrent; the work goes on.
    ChecksDisagree,
    /// Somebody who had not seen the ticket finished escalated it; the upper level checks.
    ClosedWhileEscalated,
    /// A `close` or `void` had not seen every obligation, and is kept as a proposal.
    ClosureHadNotSeenEverything,
    /// An opening did not fit the folded state; its obligation still counts.
    OpeningKept,
    /// Work began while somebody returned the ticket with a question; the question stays attached.
    QuestionKept,
    /// Work went on without knowledge of a `void`, which became a note of dissent.
    VoidOverruled,
}

impl Flag {
    /// Every flag, in the order of their names.
    pub const ALL: [Self; 6] = [
        Self::ChecksDisagree,
        Self::ClosedWhileEscalated,
        Self::ClosureHadNotSeenEverything,
        Self::OpeningKept,
        Self::QuestionKept,
        Self::VoidOverruled,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ChecksDisagree => "checks_disagree",
            Self::ClosedWhileEscalated => "closed_while_escalated",
            Self::ClosureHadNotSeenEverything => "closure_had_not_seen_everything",
            Self::OpeningKept => "opening_kept",
            Self::QuestionKept => "question_kept",
            Self::VoidOverruled => "void_overruled",
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
