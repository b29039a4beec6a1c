//! This file holds the shared parts of the fold tests: events and tickets as lines of text, random numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use gridledger_core::fold::{Event, Ticket, Verb, fold};
use serde_json::{Map, Value, json};

/// An event without arguments.
pub fn event(id: &str, verb: Verb, actor: &str, at: i64, parents: &[&str]) -> Event {
    Event {
        id: id.to_owned(),
        verb,
        actor: actor.to_owned(),
        at,
        parents: parents.iter().map(|&parent| parent.to_owned()).collect(),
        args: Map::new(),
    }
}

pub trait With {
    fn with(self, name: &str, value: impl Into<Value>) -> Self;
}

impl With for Event {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.args.insert(name.to_owned(), value.into());
        self
    }
}

/// Reads `id verb[:argument] actor@time parent…`.
pub fn parse_event(text: &str) -> Event {
    let mut words = text.split(' ');
    let mut word = || words.next().expect("id, verb and actor");
    let (id, verb, author) = (word(), word(), word());
    let (actor, at) = author.split_once('@').expect("actor@time");
    let (verb, argument) = verb.split_once(':').unwrap_or((verb, ""));
    let verb: Verb = verb.parse().expect("a verb");
    let parents: Vec<&str> = words.collect();
    let plain = event(id, verb, actor, at.parse().expect("a time"), &parents);
    match (verb, argument) {
        (_, "") => plain,
        (Verb::Assign, who) => plain.with("who", who),
        (_, number) => {
            let number: u64 = number.parse().expect("a number");
            plain.with(argument_name(verb), number)
        }
    }
}

fn argument_name(verb: Verb) -> &'static str {
    match verb {
        Verb::Escalate | Verb::DeEscalate => "to",
        Verb::Feedback => "level_seen",
        Verb::Reopen => "cycle_seen",
        other => panic!("{other} takes no number"),
    }
}

/// Writes a ticket as the fixtures do.
pub fn describe(ticket: &Ticket) -> String {
    let state = ticket.state.map_or_else(|| "-".to_owned(), |s| s.to_string());
    let flags: Vec<&str> = ticket.flags.iter().map(|flag| flag.as_str()).collect();
    let mut line = format!("{state} level={} cycle={}", ticket.level, ticket.cycle);
    let mut push = |name: &str, list: String| line.extend([" ", name, "=", &list]);
    push("assignees", ticket.assignees.join(","));
    push("co", ticket.co_handlers.join(","));
    push("superseded", ticket.superseded().join(","));
    push("proposals", ticket.proposals().join(","));
    push("forwarded", ticket.forwarded().join(","));
    push("flags", flags.join(","));
    line
}

/// Folds events that must fold.
pub fn folded(events: &[Event]) -> Ticket {
    fold(events).unwrap_or_else(|error| panic!("{error}\n{events:#?}"))
}

/// Folds the events in the order given, backwards and shuffled: the same ticket each time.
pub fn folded_in_any_order(events: &[Event], dice: &mut Dice, why: &dyn Display) -> Ticket {
    let ticket = folded(events);
    let mut other: Vec<Event> = events.iter().rev().cloned().collect();
    assert_eq!(ticket, folded(&other), "{why}: backwards");
    dice.shuffle(&mut other);
    assert_eq!(ticket, folded(&other), "{why}: shuffled");
    ticket
}

/// The events that each event's author had seen, computed naively.
pub fn ancestors(events: &[Event]) -> BTreeMap<&str, BTreeSet<&str>> {
    let parents: BTreeMap<&str, &[String]> =
        events.iter().map(|event| (event.id.as_str(), event.parents.as_slice())).collect();
    let of = |id: &str| {
        let mut seen = BTreeSet::new();
        let mut todo: Vec<&str> = parents[id].iter().map(String::as_str).collect();
        while let Some(next) = todo.pop() {
            if seen.insert(next) {
                todo.extend(parents[next].iter().map(String::as_str));
            }
        }
        seen
    };
    parents.keys().map(|&id| (id, of(id))).collect()
}

/// A small seeded generator (xorshift64*, Vigna 2016). The seed reproduces a failure.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        high as usize % bound
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// The arguments that a careful author gives `verb` on seeing `ticket`.
pub fn arguments(verb: Verb, ticket: &Ticket, dice: &mut Dice) -> Map<String, Value> {
    let level = ticket.level;
    let args = match verb {
        Verb::Escalate => json!({ "to": (level + 1 + dice.below(2) as u8).min(4) }),
        Verb::DeEscalate => json!({ "to": level.saturating_sub(1) }),
        Verb::Assign => json!({ "who": format!("w{}", dice.below(4)) }),
        Verb::Feedback => json!({ "level_seen": level }),
        Verb::Reopen => json!({ "cycle_seen": ticket.cycle }),
        _ => json!({}),
    };
    args.as_object().expect("an object").clone()
}
