//! These tests check properties of any history that phones can make, on a few thousand of them.

use std::collections::BTreeSet;

use gridledger_core::fold::{Event, FoldError, Outcome, State, Ticket, Verb, fold_on};

use crate::phones::play;
use crate::support::{Dice, ancestors, arguments, event, folded, folded_in_any_order};

const HISTORIES: u64 = 4_000;
const STEPS: usize = 30;

#[test]
fn in_any_order_the_ticket_is_the_same_and_no_closing_buries_what_it_had_not_seen() {
    let mut buried = Vec::new();
    let mut ends = BTreeSet::new();
    for seed in 0..HISTORIES {
        let mut dice = Dice::new(seed);
        let events = play(&mut dice, STEPS);
        let ticket = folded_in_any_order(&events, &mut dice, &format_args!("seed {seed}"));
        assert_eq!(ticket.outcomes.len(), events.len(), "seed {seed}");
        if !is_answered(&events, &ticket) {
            buried.push((seed, ticket.state));
        }
        ends.insert(ticket.state);
    }
    assert!(buried.is_empty(), "{} buried: {buried:?}", buried.len());
    assert_eq!(ends.len(), State::ALL.len(), "every state is some end");
}

/// Whether the ticket is open, or a closing that took effect had seen every opening. The openings of a merged
/// ticket must have been seen by a merge, or have gone with it. The same holds for those that went with an
/// undone merge.
fn is_answered(events: &[Event], ticket: &Ticket) -> bool {
    let enders: &[Verb] = match ticket.state {
        Some(State::Closed | State::Evaluated | State::Void) => &[Verb::Close, Verb::Void],
        Some(State::Merged) => &[Verb::Merge],
        _ => return true,
    };
    let owed: Vec<&str> = events
        .iter()
        .filter(|event| event.verb.is_opening())
        .filter(|event| ticket.outcomes[&event.id] != Outcome::Forwarded)
        .map(|event| event.id.as_str())
        .collect();
    let seen = ancestors(events);
    events.iter().filter(|event| enders.contains(&event.verb) && ticket.applied.contains(&event.id)).any(
        |ender| {
            let seen = &seen[ender.id.as_str()];
            owed.iter().all(|opening| seen.contains(opening))
        },
    )
}

#[test]
fn after_a_full_sync_one_person_finishes_in_at_most_five_events() {
    for seed in 0..HISTORIES / 2 {
        let mut dice = Dice::new(seed);
        let mut events = play(&mut dice, STEPS);
        let mut acts = 0;
        loop {
            let ticket = folded(&events);
            let Some(verb) = next_towards_the_end(&ticket) else {
                break;
            };
            acts += 1;
            assert!(acts <= 5, "seed {seed}: still {:?}", ticket.state);
            let last = heads(&events);
            // The clock of the finishing author is far behind. It must not matter.
            let mut act = event(&format!("z{acts}"), verb, "finisher", -1_000, &last);
            act.args = arguments(verb, &ticket, &mut dice);
            events.push(act);
        }
        let ticket = folded(&events);
        let is_done = matches!(ticket.state, Some(State::Closed | State::Evaluated | State::Void));
        assert!(is_done, "seed {seed}: {:?}", ticket.state);
        assert!(is_answered(&events, &ticket), "seed {seed}");
    }
}

#[test]
fn an_event_after_all_others_folds_on_as_it_folds_with_them() {
    for seed in 0..HISTORIES / 8 {
        let mut dice = Dice::new(seed);
        let mut events = play(&mut dice, STEPS);
        let mut on = folded(&events);
        for turn in 0..8 {
            for verb in Verb::ALL {
                let last = heads(&events);
                let mut act = event(&format!("z{turn}{verb}"), verb, "who", -1_000, &last);
                act.args = arguments(verb, &on, &mut dice);
                let mut with_it = events.clone();
                with_it.push(act.clone());
                let mut further = on.clone();
                fold_on(&mut further, &act).expect("it folds");
                assert_eq!(further, folded(&with_it), "seed {seed}: {act:?}");
                if dice.below(4) == 0 {
                    (events, on) = (with_it, further);
                }
            }
        }
    }
}

#[test]
fn an_event_that_does_not_fold_on_leaves_the_ticket_as_it_was() {
    let mut ticket = folded(&play(&mut Dice::new(1), STEPS));
    let before = ticket.clone();
    let nobody = event("z", Verb::Assign, "p", 0, &[]);
    assert!(matches!(fold_on(&mut ticket, &nobody), Err(FoldError::BadArgument { .. })));
    assert_eq!(ticket, before);
}

fn next_towards_the_end(ticket: &Ticket) -> Option<Verb> {
    match ticket.state.expect("a report") {
        State::Reported => Some(Verb::Accept),
        State::Returned => Some(Verb::Resubmit),
        State::Accepted | State::Assigned | State::Handling | State::Suspended => Some(Verb::Feedback),
        State::Feedback => Some(Verb::Close),
        State::Merged => Some(Verb::Unmerge),
        State::Closed | State::Evaluated | State::Void => None,
    }
}

fn heads(events: &[Event]) -> Vec<&str> {
    let named: BTreeSet<&String> = events.iter().flat_map(|event| &event.parents).collect();
    let newest = events.iter().filter(|event| !named.contains(&event.id));
    newest.map(|event| event.id.as_str()).collect()
}
