//! This file builds the graph of a ticket's events: a total order that every replica finds alike, and the
//! events that each author had seen.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use super::FoldError;
use super::event::Event;
use super::rules::rank;

/// A set of positions below a fixed bound.
#[derive(Clone, Debug)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new(bound: usize) -> Self {
        Self(vec![0; bound.div_ceil(64)])
    }

    pub(super) fn insert(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    pub(super) fn contains(&self, at: usize) -> bool {
        self.0[at / 64] & (1 << (at % 64)) != 0
    }

    pub(super) fn insert_all(&mut self, other: &Self) {
        for (word, theirs) in self.0.iter_mut().zip(&other.0) {
            *word |= theirs;
        }
    }

    pub(super) fn remove_all(&mut self, other: &Self) {
        for (word, theirs) in self.0.iter_mut().zip(&other.0) {
            *word &= !theirs;
        }
    }

    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a & !b == 0)
    }

    /// The members that are not in `other`, in rising order.
    pub(super) fn without(&self, other: &Self) -> Vec<usize> {
        let mut rest = self.clone();
        rest.remove_all(other);
        (0..rest.0.len() * 64).filter(|&at| rest.contains(at)).collect()
    }
}

/// The events of one ticket. A position is an index into `events`. They are sorted by id, so that nothing
/// depends on their order of arrival.
pub(super) struct Dag<'a> {
    pub(super) events: Vec<&'a Event>,
    /// All positions, parents before children.
    pub(super) order: Vec<usize>,
    /// The events that each event's author had seen, without the event itself.
    pub(super) seen: Vec<Bits>,
}

impl<'a> Dag<'a> {
    pub(super) fn new(events: &'a [Event]) -> Result<Self, FoldError> {
        let mut events: Vec<&Event> = events.iter().collect();
        events.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some(twin) = events.windows(2).find(|pair| pair[0].id == pair[1].id) {
            let event = twin[0].id.clone();
            return Err(FoldError::DuplicateId { event });
        }
        let parents = find_parents(&events)?;
        let order = sort_topologically(&events, &parents)?;
        let seen = collect_ancestors(&parents, &order);
        Ok(Self { events, order, seen })
    }

    /// A graph of one event, whose author had seen everything that [`BEFORE`] stands for.
    pub(super) fn after(event: &'a Event) -> Self {
        let mut before = Bits::new(2);
        before.insert(BEFORE);
        Self { events: vec![event], order: vec![0], seen: vec![before] }
    }
}

/// The position that stands for everything before a single event.
pub(super) const BEFORE: usize = 1;

/// Finds the positions of each event's parents, each once.
fn find_parents(events: &[&Event]) -> Result<Vec<Vec<usize>>, FoldError> {
    let positions: HashMap<&str, usize> =
        events.iter().enumerate().map(|(at, event)| (event.id.as_str(), at)).collect();
    let find = |event: &Event, parent: &String| {
        let unknown = || FoldError::UnknownParent { event: event.id.clone(), parent: parent.clone() };
        positions.get(parent.as_str()).copied().ok_or_else(unknown)
    };
    let of = |event: &&Event| {
        let found: Result<Vec<usize>, FoldError> = event.parents.iter().map(|id| find(event, id)).collect();
        found.map(|mut parents| {
            parents.sort_unstable();
            parents.dedup();
            parents
        })
    };
    events.iter().map(of).collect()
}

/// Sorts parents first. Among the events that are ready, the lowest (rank, time, actor, id) comes first.
fn sort_topologically(events: &[&Event], parents: &[Vec<usize>]) -> Result<Vec<usize>, FoldError> {
    let mut children = vec![Vec::new(); events.len()];
    let mut waiting_for: Vec<usize> = parents.iter().map(Vec::len).collect();
    for (child, parents) in parents.iter().enumerate() {
        for &parent in parents {
            children[parent].push(child);
        }
    }
    // Positions rise with ids, so the position replaces the id.
    let key = |at: usize| {
        let event = events[at];
        Reverse((rank(event.verb), event.at, event.actor.as_str(), at))
    };
    let mut ready: BinaryHeap<_> = (0..events.len()).filter(|&at| waiting_for[at] == 0).map(key).collect();
    let mut order = Vec::with_capacity(events.len());
    while let Some(Reverse((_, _, _, at))) = ready.pop() {
        order.push(at);
        for &child in &children[at] {
            waiting_for[child] -= 1;
            if waiting_for[child] == 0 {
                ready.push(key(child));
            }
        }
    }
    match find_cycle(parents, &waiting_for) {
        Some(at) => Err(FoldError::Cycle { event: events[at].id.clone() }),
        None => Ok(order),
    }
}

/// The ids of the events that no other event names as seen, in the order given.
pub fn find_latest(events: &[Event]) -> Vec<String> {
    let named: HashSet<&str> =
        events.iter().flat_map(|event| event.parents.iter().map(String::as_str)).collect();
    let latest = events.iter().filter(|event| !named.contains(event.id.as_str()));
    latest.map(|event| event.id.clone()).collect()
}

/// Sorts events for a reader. An event comes after those that its author had seen. Of concurrent events the
/// earlier comes first, then the lower feed and number. Events whose parents form a cycle are sorted by time
/// alone.
pub fn reading_order(events: &[Event]) -> Vec<&Event> {
    let mut sorted: Vec<&Event> = events.iter().collect();
    sorted.sort_by_cached_key(|event| (event.at, split_id(&event.id)));
    let positions: HashMap<&str, usize> =
        sorted.iter().enumerate().map(|(at, e)| (e.id.as_str(), at)).collect();
    let mut children = vec![Vec::new(); sorted.len()];
    let mut waiting_for = vec![0_usize; sorted.len()];
    for (child, event) in sorted.iter().enumerate() {
        for parent in event.parents.iter().filter_map(|id| positions.get(id.as_str())) {
            children[*parent].push(child);
            waiting_for[child] += 1;
        }
    }
    let first = (0..sorted.len()).filter(|at| waiting_for[*at] == 0).map(Reverse);
    let mut ready: BinaryHeap<Reverse<usize>> = first.collect();
    let mut order = Vec::with_capacity(sorted.len());
    while let Some(Reverse(at)) = ready.pop() {
        order.push(sorted[at]);
        for &child in &children[at] {
            waiting_for[child] -= 1;
            if waiting_for[child] == 0 {
                ready.push(Reverse(child));
            }
        }
    }
    if order.len() == sorted.len() { order } else { sorted }
}

/// Splits an id into its parts, numbers as numbers: `a.18.7` comes before `a.18.10`.
fn split_id(id: &str) -> Vec<(Option<u64>, String)> {
    id.split('.').map(|part| (part.parse().ok(), part.to_owned())).collect()
}

/// Finds an event that is its own ancestor, if some events still wait for a parent that never became ready.
fn find_cycle(parents: &[Vec<usize>], waiting_for: &[usize]) -> Option<usize> {
    let is_stuck = |at: &usize| waiting_for[*at] > 0;
    let mut at = (0..parents.len()).find(is_stuck)?;
    // A stuck event has a stuck parent. As many steps back as there are events end on a cycle.
    for _ in 0..parents.len() {
        at = parents[at].iter().copied().find(|at| is_stuck(at))?;
    }
    Some(at)
}

fn collect_ancestors(parents: &[Vec<usize>], order: &[usize]) -> Vec<Bits> {
    let mut seen = vec![Bits::new(parents.len()); parents.len()];
    for &at in order {
        let mut mine = Bits::new(parents.len());
        for &parent in &parents[at] {
            if !mine.contains(parent) {
                mine.insert_all(&seen[parent]);
                mine.insert(parent);
            }
        }
        seen[at] = mine;
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::super::Verb;
    use super::*;

    fn event(id: &str, at: i64, parents: &[&str]) -> Event {
        Event {
            id: id.to_owned(),
            verb: Verb::Escalate,
            actor: "w1".to_owned(),
            at,
            parents: parents.iter().map(|id| (*id).to_owned()).collect(),
            args: serde_json::Map::new(),
        }
    }

    fn read(events: &[Event]) -> Vec<&str> {
        reading_order(events).into_iter().map(|event| event.id.as_str()).collect()
    }

    #[test]
    fn events_are_read_by_cause_then_by_time_and_never_by_the_text_of_ids() {
        let events = [
            event("a.18.10", 5, &["a.18.7"]),
            event("a.18.7", 5, &["a.3.0"]),
            event("a.3.0", 9, &[]),
            event("b.2.0", 4, &[]),
        ];
        assert_eq!(read(&events), ["b.2.0", "a.3.0", "a.18.7", "a.18.10"]);
        // Without causes and at one time, numbers in ids compare as numbers.
        let events = [event("a.18.10", 5, &[]), event("a.18.7", 5, &[]), event("a.4.0", 5, &[])];
        assert_eq!(read(&events), ["a.4.0", "a.18.7", "a.18.10"]);
        // Events that form a cycle are still all listed.
        let events = [event("a.2.0", 1, &["a.1.0"]), event("a.1.0", 2, &["a.2.0"])];
        assert_eq!(read(&events), ["a.2.0", "a.1.0"]);
    }
}
