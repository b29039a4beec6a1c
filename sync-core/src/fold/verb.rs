//! The verbs of a ticket: what a person can do to it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a ticket event does. On the wire and in files: snake case, `de_escalate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    Report,
    Void,
    Merge,
    Return,
    Evaluate,
    Close,
    Suspend,
    Extend,
    DeEscalate,
    Assign,
    Resubmit,
    Accept,
    Start,
    Resume,
    Unmerge,
    Feedback,
    VerifyFail,
    Escalate,
    Reopen,
}

impl Verb {
    /// Every verb, in rank order: among concurrent events the earlier is folded first.
    pub const ALL: [Self; 19] = [
        Self::Report,
        Self::Void,
        Self::Merge,
        Self::Return,
        Self::Evaluate,
        Self::Close,
        Self::Suspend,
        Self::Extend,
        Self::DeEscalate,
        Self::Assign,
        Self::Resubmit,
        Self::Accept,
        Self::Start,
        Self::Resume,
        Self::Unmerge,
        Self::Feedback,
        Self::VerifyFail,
        Self::Escalate,
        Self::Reopen,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Void => "void",
            Self::Merge => "merge",
            Self::Return => "return",
            Self::Evaluate => "evaluate",
            Self::Close => "close",
            Self::Suspend => "suspend",
            Self::Extend => "extend",
            Self::DeEscalate => "de_escalate",
            Self::Assign => "assign",
            Self::Resubmit => "resubmit",
            Self::Accept => "accept",
            Self::Start => "start",
            Self::Resume => "resume",
            Self::Unmerge => "unmerge",
            Self::Feedback => "feedback",
            Self::VerifyFail => "verify_fail",
            Self::Escalate => "escalate",
            Self::Reopen => "reopen",
        }
    }

    /// True if the verb adds an obligation to answer, which only a closing that saw it removes.
    pub const fn is_opening(self) -> bool {
        matches!(self, Self::Report | Self::Escalate | Self::Reopen | Self::VerifyFail | Self::Unmerge)
    }

    /// True if the verb answers obligations: those it has seen, and no other.
    pub const fn is_closing(self) -> bool {
        matches!(self, Self::Close | Self::Void)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no verb.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a ticket verb")]
pub struct VerbError(pub String);

impl FromStr for Verb {
    type Err = VerbError;

    fn from_str(word: &str) -> Result<Self, VerbError> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == word).ok_or_else(|| VerbError(word.to_owned()))
    }
}
