//! These tests feed bad and hostile input to the fold: an error that names the event, no panic, and bounded
//! work.

use gridledger_core::fold::{Event, FoldError, Outcome, State, Ticket, Verb, fold};
use gridledger_schema::limits::TICKET_EVENTS;
use serde_json::{Value, json};

use crate::support::{With, event};

fn report() -> Event {
    event("r", Verb::Report, "p", 0, &[])
}

/// The error of a report followed by `more`, the same from both ends.
fn error(more: &[Event]) -> FoldError {
    let mut events = vec![report()];
    events.extend_from_slice(more);
    let error = fold(&events).expect_err("an error");
    events.reverse();
    assert_eq!(fold(&events), Err(error.clone()));
    error
}

#[test]
fn no_event_makes_no_ticket() {
    let ticket = fold(&[]).expect("empty");
    assert_eq!(ticket.state, None);
    assert_eq!((ticket.level, ticket.cycle), (1, 1));
}

#[test]
fn an_id_is_there_once() {
    let expected = FoldError::DuplicateId { event: "r".to_owned() };
    assert_eq!(error(&[report()]), expected);
}

#[test]
fn a_parent_is_there() {
    let accept = event("a", Verb::Accept, "p", 1, &["r", "nowhere"]);
    let expected = FoldError::UnknownParent { event: "a".to_owned(), parent: "nowhere".to_owned() };
    assert_eq!(error(&[accept]), expected);
}

#[test]
fn a_parent_named_twice_is_one_parent() {
    let accept = event("a", Verb::Accept, "p", 1, &["r", "r"]);
    let ticket = fold(&[accept, report()]).expect("a ticket");
    assert_eq!(ticket.state, Some(State::Accepted));
}

#[test]
fn nobody_is_their_own_ancestor() {
    let itself = event("a", Verb::Accept, "p", 1, &["a"]);
    let expected = FoldError::Cycle { event: "a".to_owned() };
    assert_eq!(error(&[itself]), expected);

    // The named event is on the cycle, and does not merely hang on it.
    let below = event("a", Verb::Close, "p", 1, &["y"]);
    let x = event("x", Verb::Accept, "p", 1, &["r", "y"]);
    let y = event("y", Verb::Start, "p", 1, &["x"]);
    let FoldError::Cycle { event } = error(&[below, x, y]) else {
        panic!("a cycle");
    };
    assert!(event == "x" || event == "y", "{event}");
}

#[test]
fn an_argument_is_there_and_of_its_kind() {
    let bad: [(Verb, &str, &[Value]); 5] = [
        (Verb::Escalate, "to", &[json!(null), json!(5), json!(-1), json!("2"), json!(2.5)]),
        (Verb::DeEscalate, "to", &[json!([1]), json!(256)]),
        (Verb::Feedback, "level_seen", &[json!("1"), json!(99)]),
        (Verb::Assign, "who", &[json!(7), json!(""), json!({"who": 1})]),
        (Verb::Reopen, "cycle_seen", &[json!(u32::MAX), json!(u64::MAX), json!(true)]),
    ];
    for (verb, name, values) in bad {
        for value in values {
            let wrong = event("e", verb, "p", 1, &["r"]).with(name, value.clone());
            assert_names(&error(&[wrong]), verb, name);
        }
    }
    let required = [
        (Verb::Escalate, "to"),
        (Verb::DeEscalate, "to"),
        (Verb::Assign, "who"),
        (Verb::Reopen, "cycle_seen"),
    ];
    for (verb, name) in required {
        assert_names(&error(&[event("e", verb, "p", 1, &["r"])]), verb, name);
    }
}

fn assert_names(error: &FoldError, verb: Verb, name: &str) {
    let FoldError::BadArgument { event, verb: of, argument, .. } = error else {
        panic!("{verb} {name}: {error}");
    };
    assert_eq!((event.as_str(), *of, *argument), ("e", verb, name));
}

#[test]
fn the_largest_arguments_fit() {
    let top = event("a", Verb::Escalate, "p", i64::MAX, &["r"]).with("to", 4);
    let again = event("b", Verb::Reopen, "p", i64::MIN, &["r"]).with("cycle_seen", u32::MAX - 1);
    let ticket = fold(&[report(), top, again]).expect("a ticket");
    assert_eq!((ticket.level, ticket.cycle), (4, u32::MAX));
}

/// The deepest history allowed, each event on the one before; then one more event.
#[test]
fn depth_is_no_danger_and_size_has_a_limit() {
    let mut events = vec![report()];
    for n in 1..=TICKET_EVENTS {
        let parent = events[n - 1].id.clone();
        let verb = if n % 2 == 1 { Verb::Return } else { Verb::Resubmit };
        events.push(event(&format!("e{n}"), verb, "p", 0, &[&parent]));
    }
    let too_many = FoldError::TooManyEvents { events: TICKET_EVENTS + 1, limit: TICKET_EVENTS };
    assert_eq!(fold(&events), Err(too_many));
    events.pop();
    let ticket = fold(&events).expect("a ticket");
    assert_eq!(ticket.state, Some(State::Returned));
    assert_eq!(ticket.applied.len(), TICKET_EVENTS);
}

/// All authors act concurrently, and one more saw everything.
#[test]
fn a_wide_history_folds() {
    let mut events = vec![report()];
    for n in 0..TICKET_EVENTS / 4 {
        let verb = [Verb::Feedback, Verb::Escalate][n % 2];
        events.push(event(&format!("e{n}"), verb, "p", 0, &["r"]).with("to", 2));
    }
    let all: Vec<&str> = events.iter().map(|event| event.id.as_str()).collect();
    let accept = event("z", Verb::Accept, "p", 0, &all);
    events.push(accept);
    let ticket = fold(&events).expect("a ticket");
    assert_eq!(ticket.state, Some(State::Accepted));
    assert_eq!(ticket.level, 2);
}

#[test]
fn an_event_and_a_ticket_survive_json() {
    let text = json!({
        "id": "b", "verb": "de_escalate", "actor": "p", "at": 5,
        "parents": ["r"], "args": { "to": 0 }
    });
    let event: Event = serde_json::from_value(text.clone()).expect("an event");
    assert_eq!(json!(event), text);
    let ticket = fold(&[report(), event]).expect("a ticket");
    assert_eq!(ticket.outcomes["b"], Outcome::Superseded { state: Some(State::Reported) });
    assert_eq!(ticket.superseded(), ["b"]);
    let back: Ticket = serde_json::from_value(json!(ticket)).expect("a ticket");
    assert_eq!(back, ticket);
}
