//! The walk goes through the events in order, judges each, and carries it out.

use std::collections::{BTreeMap, BTreeSet};

use super::dag::{BEFORE, Bits, Dag};
use super::event::{Argument, Event};
use super::rules::{Late, kept_opening, late, successor};
use super::state::{Flag, State};
use super::verb::Verb;
use super::{FoldError, Outcome, Ticket};

/// The judgement of one event.
enum Judgement {
    /// The ticket goes on in this state. Only an opening before any report leaves it `None`.
    Apply {
        next: Option<State>,
        flag: Option<Flag>,
        joins: bool,
    },
    Propose(Option<Flag>),
    Forward,
    Supersede,
}

impl Judgement {
    const fn move_to(next: State) -> Self {
        Self::move_with_flag(next, None)
    }

    const fn move_with_flag(next: State, flag: Option<Flag>) -> Self {
        Self::Apply { next: Some(next), flag, joins: false }
    }
}

impl From<Late> for Judgement {
    fn from(rule: Late) -> Self {
        match rule {
            Late::Act(next, flag) => Self::move_with_flag(next, flag),
            Late::Join(next) => Self::Apply { next: Some(next), flag: None, joins: true },
            Late::Propose => Self::Propose(None),
            Late::Lose => Self::Supersede,
        }
    }
}

/// A half-folded ticket.
pub(super) struct Walk<'a> {
    dag: &'a Dag<'a>,
    arguments: Vec<Argument<'a>>,
    ticket: Ticket,
    /// The events that made the present state.
    setters: Bits,
    /// Every obligation to answer so far.
    openings: Bits,
    /// Each assignee, with the latest `assign` that named them.
    assignees: BTreeMap<&'a str, usize>,
    co_handlers: BTreeSet<&'a str>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(dag: &'a Dag<'a>) -> Result<Self, FoldError> {
        let arguments: Result<_, FoldError> = dag.events.iter().map(|event| event.read_argument()).collect();
        Ok(Self {
            dag,
            arguments: arguments?,
            ticket: Ticket::empty(),
            setters: Bits::new(dag.events.len()),
            openings: Bits::new(dag.events.len()),
            assignees: BTreeMap::new(),
            co_handlers: BTreeSet::new(),
        })
    }

    /// A walk over one event that follows everything in `ticket`. `people` are the ticket's assignees and
    /// co-handlers, which `ticket` no longer holds.
    pub(super) fn resume(
        ticket: Ticket,
        (assignees, co_handlers): &'a (Vec<String>, Vec<String>),
        dag: &'a Dag<'a>,
    ) -> Result<Self, FoldError> {
        let before = Self::new(dag)?;
        Ok(Self {
            ticket,
            setters: Bits::new(BEFORE + 1),
            openings: Bits::new(BEFORE + 1),
            assignees: assignees.iter().map(|who| (who.as_str(), BEFORE)).collect(),
            co_handlers: co_handlers.iter().map(String::as_str).collect(),
            ..before
        })
    }

    /// Folds every event.
    pub(super) fn run(mut self) -> Ticket {
        let dag = self.dag;
        for &at in &dag.order {
            let judgement = self.judge(at);
            self.carry_out(at, judgement);
        }
        self.ticket.assignees = self.assignees.into_keys().map(str::to_owned).collect();
        self.ticket.co_handlers = self.co_handlers.into_iter().map(str::to_owned).collect();
        self.ticket
    }

    fn judge(&self, at: usize) -> Judgement {
        let verb = self.dag.events[at].verb;
        let judgement = self.judge_by_tables(at, verb);
        match judgement {
            // The event was legal where it was made, and somebody waits for an answer.
            Judgement::Supersede if verb.is_opening() => Judgement::Apply {
                next: self.ticket.state.map(kept_opening),
                flag: Some(Flag::OpeningKept),
                joins: false,
            },
            other => other,
        }
    }

    fn judge_by_tables(&self, at: usize, verb: Verb) -> Judgement {
        if verb == Verb::Report {
            return Judgement::move_to(State::Reported);
        }
        // The observed-remove guard: a closing answers only the openings it has seen.
        if verb.is_closing() && !self.openings.is_within(&self.dag.seen[at]) {
            return Judgement::Propose(Some(Flag::ClosureHadNotSeenEverything));
        }
        let Some(state) = self.ticket.state else {
            return Judgement::Supersede;
        };
        if state == State::Merged && verb != Verb::Unmerge {
            return Judgement::Forward;
        }
        if let Some(next) = successor(verb, state) {
            return Judgement::move_to(next);
        }
        let is_late = !self.setters.is_within(&self.dag.seen[at]);
        if is_late { late(verb, state).into() } else { Judgement::Supersede }
    }

    fn carry_out(&mut self, at: usize, judgement: Judgement) {
        let state = self.ticket.state;
        match judgement {
            Judgement::Apply { next, flag, joins } => {
                self.ticket.flags.extend(flag);
                self.apply(at, next, joins);
                if flag == Some(Flag::ClosedWhileEscalated) {
                    self.demote_closings();
                }
            }
            Judgement::Propose(flag) => {
                self.ticket.flags.extend(flag);
                self.record_outcome(at, Outcome::Proposal);
            }
            Judgement::Forward => self.record_outcome(at, Outcome::Forwarded),
            Judgement::Supersede => self.record_outcome(at, Outcome::Superseded { state }),
        }
    }

    fn apply(&mut self, at: usize, next: Option<State>, joins: bool) {
        let dag = self.dag;
        let event = dag.events[at];
        let seen = &dag.seen[at];
        self.record_outcome(at, Outcome::Applied);
        self.ticket.applied.push(event.id.clone());
        if joins {
            self.co_handlers.insert(&event.actor);
        }
        if event.verb == Verb::Merge {
            for unseen in self.openings.without(seen) {
                self.record_outcome(unseen, Outcome::Forwarded);
            }
        }
        self.take_effect(at, event);
        if next != self.ticket.state || sets_anyway(event.verb) {
            self.setters.remove_all(seen);
            self.setters.insert(at);
        }
        if event.verb.is_opening() {
            self.openings.insert(at);
        }
        self.ticket.state = next;
    }

    /// Applies level, cycle and people. It reads the state before the event, not the one after it.
    fn take_effect(&mut self, at: usize, event: &Event) {
        let ticket = &mut self.ticket;
        match (event.verb, self.arguments[at]) {
            (Verb::Escalate, Argument::Level(to)) => {
                ticket.level = ticket.level.max(to);
                self.co_handlers.extend(self.assignees.keys());
                // Finished work stays with its handlers, for the upper level to check.
                if !ticket.state.is_some_and(is_finished) {
                    self.assignees.clear();
                }
            }
            (Verb::DeEscalate, Argument::Level(to)) => ticket.level = to,
            (Verb::Feedback, Argument::Level(level)) => ticket.level = ticket.level.max(level),
            (Verb::Reopen, Argument::CycleSeen(cycle)) => {
                ticket.cycle = ticket.cycle.max(cycle.saturating_add(1));
            }
            (Verb::Assign, Argument::Who(who)) => {
                let seen = &self.dag.seen[at];
                self.assignees.retain(|_, assign| !seen.contains(*assign));
                self.assignees.insert(who, at);
            }
            _ => {}
        }
    }

    /// Turns applied claims of completion into proposals, after an escalation that crossed a closing. The
    /// upper level judges them.
    fn demote_closings(&mut self) {
        for &at in &self.dag.order {
            let event = self.dag.events[at];
            let is_claim = matches!(event.verb, Verb::Feedback | Verb::Close);
            if is_claim && self.ticket.outcomes.get(&event.id) == Some(&Outcome::Applied) {
                self.record_outcome(at, Outcome::Proposal);
            }
        }
    }

    fn record_outcome(&mut self, at: usize, outcome: Outcome) {
        let id = self.dag.events[at].id.clone();
        self.ticket.outcomes.insert(id, outcome);
    }
}

/// Whether the verb becomes the maker of the state even where it does not change it.
const fn sets_anyway(verb: Verb) -> bool {
    matches!(verb, Verb::Assign | Verb::Escalate | Verb::Report)
}

const fn is_finished(state: State) -> bool {
    matches!(state, State::Feedback | State::Closed | State::Evaluated)
}
