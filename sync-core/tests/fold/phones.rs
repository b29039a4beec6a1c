//! This file plays a crew of phones that work on one ticket, mostly out of signal.

use gridledger_core::fold::{Event, Ticket, Verb, is_legal};

use crate::support::{Dice, arguments, folded};

/// The weights of verbs where they are legal; all others have weight 2.
const WEIGHTS: [(Verb, usize); 9] = [
    (Verb::Merge, 1),
    (Verb::Return, 1),
    (Verb::Void, 1),
    (Verb::Feedback, 6),
    (Verb::Close, 8),
    (Verb::Escalate, 3),
    (Verb::VerifyFail, 3),
    (Verb::Start, 3),
    (Verb::Evaluate, 3),
];

struct Phone {
    /// Positions in the history that this phone holds.
    held: Vec<usize>,
    /// The newest of them: no held event names them as parents.
    heads: Vec<usize>,
    clock_error: i64,
}

/// Plays `steps` steps of `phones` people on one ticket. In each step a person acts in a way that is legal by
/// their phone, or a phone takes over the events of another.
pub fn play(dice: &mut Dice, steps: usize) -> Vec<Event> {
    let mut history: Vec<Event> = Vec::new();
    let mut phones: Vec<Phone> = (0..3 + dice.below(3))
        .map(|_| Phone { held: Vec::new(), heads: Vec::new(), clock_error: dice.below(41) as i64 - 20 })
        .collect();
    for step in 0..steps {
        let who = if step == 0 { 0 } else { dice.below(phones.len()) };
        if step > 0 && (phones[who].held.is_empty() || dice.below(5) < 2) {
            let from = dice.below(phones.len());
            take_over(&history, &mut phones, who, from);
        } else {
            act(&mut history, &mut phones[who], who, step, dice);
        }
    }
    history
}

fn take_over(history: &[Event], phones: &mut [Phone], who: usize, from: usize) {
    let theirs = phones[from].held.clone();
    let phone = &mut phones[who];
    phone.held.extend(theirs);
    phone.held.sort_unstable();
    phone.held.dedup();
    phone.heads = heads(history, &phone.held);
}

/// The held events that no held event names as a parent.
fn heads(history: &[Event], held: &[usize]) -> Vec<usize> {
    let is_named = |id: &String| held.iter().any(|&at| history[at].parents.contains(id));
    let newest = held.iter().filter(|&&at| !is_named(&history[at].id));
    newest.copied().collect()
}

fn act(history: &mut Vec<Event>, phone: &mut Phone, who: usize, step: usize, dice: &mut Dice) {
    let held: Vec<Event> = phone.held.iter().map(|&at| history[at].clone()).collect();
    let ticket = folded(&held);
    let Some(verb) = choose(&ticket, dice) else {
        return;
    };
    let position = history.len();
    history.push(Event {
        // The order of ids means nothing.
        id: format!("{:02x}{position}", dice.below(256)),
        verb,
        actor: format!("phone{who}"),
        at: step as i64 + phone.clock_error,
        parents: phone.heads.iter().map(|&at| history[at].id.clone()).collect(),
        args: arguments(verb, &ticket, dice),
    });
    phone.held.push(position);
    phone.heads = vec![position];
}

fn choose(ticket: &Ticket, dice: &mut Dice) -> Option<Verb> {
    let weight = |verb: Verb| {
        let listed = WEIGHTS.iter().find(|entry| entry.0 == verb);
        listed.map_or(2, |entry| entry.1)
    };
    let legal: Vec<Verb> = Verb::ALL
        .into_iter()
        .filter(|&verb| is_legal(verb, ticket.state))
        .flat_map(|verb| std::iter::repeat_n(verb, weight(verb)))
        .collect();
    (!legal.is_empty()).then(|| legal[dice.below(legal.len())])
}
