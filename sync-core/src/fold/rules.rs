//! This file holds the tables of the fold: rank, legal successors, and the rules for late events.

use super::state::{Flag, State};
use super::verb::Verb;

/// The rank of a verb. Among events that are ready together, the lower rank is folded first. An event that
/// keeps a ticket open therefore comes after one that would end it.
pub(super) const fn rank(verb: Verb) -> u8 {
    match verb {
        Verb::Report => 0,
        Verb::Void => 1,
        Verb::Merge => 2,
        Verb::Return => 3,
        Verb::Evaluate => 4,
        Verb::Close => 5,
        Verb::Suspend | Verb::Extend => 6,
        Verb::DeEscalate => 7,
        Verb::Assign => 8,
        Verb::Accept | Verb::Start | Verb::Resume | Verb::Resubmit | Verb::Unmerge => 9,
        Verb::Feedback => 10,
        Verb::VerifyFail => 11,
        Verb::Escalate => 12,
        Verb::Reopen => 13,
    }
}

/// Whether `verb` may follow when the ticket, as its author sees it, is in `state`. `None` stands for no
/// ticket yet. The roles that may use the verb are not checked here.
pub fn is_legal(verb: Verb, state: Option<State>) -> bool {
    match state {
        None => verb == Verb::Report,
        Some(state) => successor(verb, state).is_some(),
    }
}

/// The state after `verb` in `state`, or `None` if that is not legal in sequence.
pub(super) const fn successor(verb: Verb, state: State) -> Option<State> {
    use State::{
        Accepted, Assigned, Closed, Evaluated, Feedback, Handling, Merged, Reported, Returned, Suspended,
        Void,
    };
    match (verb, state) {
        (Verb::Void, Reported | Returned | Accepted) => Some(Void),
        (Verb::Merge, Reported | Returned | Accepted | Assigned) => Some(Merged),
        (Verb::Return, Reported | Accepted) => Some(Returned),
        (Verb::Resubmit, Returned) => Some(Reported),
        (Verb::Assign, Accepted | Assigned | Handling) => Some(Assigned),
        (Verb::Suspend, Assigned | Handling) => Some(Suspended),
        (Verb::Feedback, Accepted | Assigned | Handling | Suspended) => Some(Feedback),
        (Verb::Close, Feedback) => Some(Closed),
        (Verb::Evaluate, Closed) => Some(Evaluated),
        (Verb::Extend, Accepted | Assigned | Handling | Suspended) => Some(state),
        (Verb::Start, Accepted | Assigned)
        | (Verb::Resume, Suspended)
        | (Verb::VerifyFail, Feedback)
        | (Verb::Reopen, Closed | Evaluated | Void) => Some(Handling),
        (Verb::Accept, Reported)
        | (Verb::Escalate, Reported | Accepted | Assigned | Handling | Suspended)
        | (Verb::DeEscalate, Accepted | Assigned | Handling)
        | (Verb::Unmerge, Merged) => Some(Accepted),
        _ => None,
    }
}

/// The result of an event that is illegal in the folded state, but whose author did not know the event that
/// made that state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Late {
    /// The event counts, and the ticket goes on in this state.
    Act(State, Option<Flag>),
    /// The event counts, and its author becomes a co-handler.
    Join(State),
    /// The event is kept as a proposal.
    Propose,
    /// The state has moved past the event.
    Lose,
}

/// The late rule for `verb` in `state`. It applies only where [`successor`] returns `None`.
pub(super) const fn late(verb: Verb, state: State) -> Late {
    use State::{Accepted, Assigned, Closed, Evaluated, Feedback, Handling, Returned, Suspended, Void};
    match (state, verb) {
        (Void, _) => over_a_void(verb),
        (Returned, _) => over_a_return(verb),
        (Feedback | Closed | Evaluated, Verb::Escalate) => {
            Late::Act(Feedback, Some(Flag::ClosedWhileEscalated))
        }
        (Closed | Evaluated, Verb::VerifyFail) => Late::Act(Handling, Some(Flag::ChecksDisagree)),
        (Feedback, Verb::Feedback)
        | (Suspended, Verb::Start | Verb::Assign)
        | (Accepted | Assigned | Handling, Verb::Accept | Verb::Start) => Late::Join(state),
        (Accepted | Assigned | Handling, Verb::Close) => Late::Propose,
        // Somebody else has already reopened it.
        (Accepted | Handling, Verb::Reopen) => Late::Act(state, None),
        _ => Late::Lose,
    }
}

/// Work whose author did not know of a `void` goes on as if there were none.
const fn over_a_void(verb: Verb) -> Late {
    let next = match verb {
        Verb::Accept | Verb::Escalate => State::Accepted,
        Verb::Assign => State::Assigned,
        Verb::Start => State::Handling,
        Verb::Feedback => State::Feedback,
        Verb::Merge => State::Merged,
        Verb::Return => State::Returned,
        Verb::Resubmit => State::Reported,
        _ => return Late::Lose,
    };
    Late::Act(next, Some(Flag::VoidOverruled))
}

/// Work whose author did not know of a question goes on, and the question stays attached.
const fn over_a_return(verb: Verb) -> Late {
    let next = match verb {
        Verb::Accept | Verb::Escalate => State::Accepted,
        Verb::Assign => State::Assigned,
        Verb::Start => State::Handling,
        Verb::Feedback => State::Feedback,
        _ => return Late::Lose,
    };
    Late::Act(next, Some(Flag::QuestionKept))
}

/// The state after an opening that fits neither table. An ended ticket is open again; any other keeps its
/// state.
pub(super) const fn kept_opening(state: State) -> State {
    match state {
        State::Closed | State::Evaluated => State::Handling,
        State::Void => State::Accepted,
        other => other,
    }
}
