//! The graph of events: a total order every replica finds alike, and who had seen what.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

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

    /// The members that are not in `other`, rising.
    pub(super) fn without(&self, other: &Self) -> Vec<usize> {
        let mut rest = self.clone();
        rest.remove_all(other);
        (0..rest.0.len() * 64).filter(|&at| rest.contains(at)).collect()
    }
}

/// The events of one ticket. A position is an index into `events`, which are sorted by id, so
/// that nothing here depends on the order they arrived in.
pub(super) struct Dag<'a> {
    pub(super) events: Vec<&'a Event>,
    /// All positions, parents before children.
    pub(super) order: Vec<usize>,
    /// What each event's author had seen, the event itself left out.
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
        let parents = resolve(&events)?;
        let order = topological(&events, &parents)?;
        let seen = ancestors(&parents, &order);
        Ok(Self { events, order, seen })
    }
}

/// The positions of each event's parents, each parent once.
fn resolve(events: &[&Event]) -> Result<Vec<Vec<usize>>, FoldError> {
    let positions: HashMap<&str, usize> = events
        .iter()
        .enumerate()
        .map(|(at, event)| (event.id.as_str(), at))
        .collect();
    let find = |event: &Event, parent: &String| {
        let unknown = || FoldError::UnknownParent {
            event: event.id.clone(),
            parent: parent.clone(),
        };
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

/// Parents first; among events that are ready, the lowest (rank, time, actor, id).
fn topological(events: &[&Event], parents: &[Vec<usize>]) -> Result<Vec<usize>, FoldError> {
    let mut children = vec![Vec::new(); events.len()];
    let mut waiting_for: Vec<usize> = parents.iter().map(Vec::len).collect();
    for (child, parents) in parents.iter().enumerate() {
        for &parent in parents {
            children[parent].push(child);
        }
    }
    // Positions rise with ids, so the position stands in for the id.
    let key = |at: usize| {
        let event = events[at];
        Reverse((rank(event.verb), event.at, event.actor.as_str(), at))
    };
    let mut ready: BinaryHeap<_> = (0..events.len())
        .filter(|&at| waiting_for[at] == 0)
        .map(key)
        .collect();
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
    match on_a_cycle(parents, &waiting_for) {
        Some(at) => Err(FoldError::Cycle {
            event: events[at].id.clone(),
        }),
        None => Ok(order),
    }
}

/// An event that is its own ancestor, if some still wait for a parent that never became ready.
fn on_a_cycle(parents: &[Vec<usize>], waiting_for: &[usize]) -> Option<usize> {
    let is_stuck = |at: &usize| waiting_for[*at] > 0;
    let mut at = (0..parents.len()).find(is_stuck)?;
    // A stuck event has a stuck parent; as many steps back as there are events end on a cycle.
    for _ in 0..parents.len() {
        at = parents[at].iter().copied().find(|at| is_stuck(at))?;
    }
    Some(at)
}

fn ancestors(parents: &[Vec<usize>], order: &[usize]) -> Vec<Bits> {
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
