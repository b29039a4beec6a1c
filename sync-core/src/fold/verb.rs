//! This file holds the verbs of a ticket: the actions a person can take on it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The action of a ticket event. On the wire and in files it is snake case: `de_escalate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// 上报: report the ticket.
    Report,
    /// 作废: declare it void.
    Void,
    /// 并案: merge it into another ticket.
    Merge,
    /// 退回: return it to the reporter with a question.
    Return,
    /// 评价: rate the closed work.
    Evaluate,
    /// 销号: close it after a check.
    Close,
    /// 缓办: put the work off.
    Suspend,
    /// 延期: extend the deadline.
    Extend,
    /// 下派: send it down to a lower level.
    DeEscalate,
    /// 派遣: assign a handler.
    Assign,
    /// 补充后重报: report it again after a return.
    Resubmit,
    /// 受理: accept it.
    Accept,
    /// 开始办理: start the work.
    Start,
    /// 恢复办理: resume put-off work.
    Resume,
    /// 撤销并案: undo a merging.
    Unmerge,
    /// 反馈: say that the work is finished.
    Feedback,
    /// 核查不通过: find in a check that the work is not finished.
    VerifyFail,
    /// 上报上级: hand it to a higher level.
    Escalate,
    /// 重新办理: open an ended ticket again.
    Reopen,
}

impl Verb {
    /// Every verb, in rank order: among concurrent events the earlier verb is folded first.
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

    /// Whether the verb adds an obligation to answer. Only a closing that saw the obligation removes it.
    pub const fn is_opening(self) -> bool {
        matches!(self, Self::Report | Self::Escalate | Self::Reopen | Self::VerifyFail | Self::Unmerge)
    }

    /// Whether the verb answers obligations: those that its author had seen, and no other.
    pub const fn is_closing(self) -> bool {
        matches!(self, Self::Close | Self::Void)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error for a word that names no verb.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a ticket verb")]
pub struct VerbError(pub String);

impl FromStr for Verb {
    type Err = VerbError;

    fn from_str(word: &str) -> Result<Self, VerbError> {
        Self::ALL.into_iter().find(|verb| verb.as_str() == word).ok_or_else(|| VerbError(word.to_owned()))
    }
}
