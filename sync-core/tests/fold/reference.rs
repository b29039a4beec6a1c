//! These tests check the fold against the reference prototype: for every pair of the table, and for random
//! histories.

use gridledger_core::fold::{Event, State, Verb};

use crate::support::{Dice, With, describe, event, folded_in_any_order, parse_event};

const PAIRS: &str = include_str!("../fixtures/ticket-pairs.txt");
const HISTORIES: &str = include_str!("../fixtures/ticket-histories.txt");

/// The lines of a fixture: question and answer.
fn cases(fixture: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = fixture.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(" => ").expect("question => answer"))
}

/// The ordinary course of a ticket up to `state`, by one person, `w1` assigned.
fn course_to(state: State) -> Vec<Event> {
    const COURSE: [(Verb, State); 6] = [
        (Verb::Report, State::Reported),
        (Verb::Accept, State::Accepted),
        (Verb::Assign, State::Assigned),
        (Verb::Start, State::Handling),
        (Verb::Feedback, State::Feedback),
        (Verb::Close, State::Closed),
    ];
    let end = COURSE.iter().position(|step| step.1 == state);
    let verbs = COURSE[..=end.expect("on the course")].iter().map(|s| s.0);
    chain("p", "act0", "w1", 0, &[], verbs)
}

/// One author's events, each on the one before, the first on `parents`.
fn chain(
    prefix: &str,
    actor: &str,
    who: &str,
    start: i64,
    parents: &[&str],
    verbs: impl Iterator<Item = Verb>,
) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for (n, verb) in verbs.enumerate() {
        let id = format!("{prefix}{n}");
        let before = events.last().map(|event| event.id.clone());
        let parents = before.as_deref().map_or(parents.to_vec(), |id| vec![id]);
        let plain = event(&id, verb, actor, start + n as i64, &parents);
        events.push(match verb {
            Verb::Escalate => plain.with("to", if prefix == "A" { 2 } else { 3 }),
            Verb::DeEscalate => plain.with("to", 1),
            Verb::Assign => plain.with("who", who),
            Verb::Reopen => plain.with("cycle_seen", 1),
            _ => plain,
        });
    }
    events
}

fn verbs(joined: &str) -> impl Iterator<Item = Verb> {
    joined.split('+').map(|word| word.parse().expect("a verb"))
}

#[test]
fn every_pair_of_the_table_ends_as_the_prototype_says() {
    let mut dice = Dice::new(0);
    let mut count = 0;
    for (pair, answer) in cases(PAIRS) {
        let (state, sides) = pair.split_once(' ').expect("state, sides");
        let (a, b) = sides.split_once(" || ").expect("two sides");
        let mut events = course_to(state.parse().expect("a state"));
        let last = events.last().expect("a report").id.clone();
        events.extend(chain("A", "actA", "wA", 100, &[&last], verbs(a)));
        events.extend(chain("B", "actB", "wB", 100, &[&last], verbs(b)));
        let ticket = folded_in_any_order(&events, &mut dice, &pair);
        assert_eq!(describe(&ticket), answer, "{pair}");
        count += 1;
    }
    assert_eq!(count, 32);
}

#[test]
fn random_histories_end_as_the_prototype_says() {
    let mut dice = Dice::new(1);
    let mut count = 0;
    for (history, answer) in cases(HISTORIES) {
        let events: Vec<Event> = history.split(';').map(parse_event).collect();
        let ticket = folded_in_any_order(&events, &mut dice, &history);
        assert_eq!(describe(&ticket), answer, "{history}");
        assert_eq!(ticket.outcomes.len(), events.len(), "{history}");
        count += 1;
    }
    assert_eq!(count, 400);
}
