//! Knots of a graph: nodes that reach each other, however far around.

use std::collections::{BTreeMap, BTreeSet};

/// Finds each node's knot: the node itself, and the nodes that it reaches and that reach it.
pub fn find_knots<T: Copy + Ord>(
    nodes: impl IntoIterator<Item = T>,
    arrows: impl IntoIterator<Item = (T, T)>,
) -> BTreeMap<T, BTreeSet<T>> {
    let mut next: BTreeMap<T, BTreeSet<T>> = BTreeMap::new();
    for (from, to) in arrows {
        next.entry(from).or_default().insert(to);
    }
    let reach = |from: T| {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(node) = open.pop() {
            let fresh = next.get(&node).into_iter().flatten().filter(|to| reached.insert(**to));
            open.extend(fresh.collect::<Vec<_>>());
        }
        reached
    };
    let reached: BTreeMap<T, BTreeSet<T>> = nodes.into_iter().map(|node| (node, reach(node))).collect();
    let is_back = |node: T, other: T| reached.get(&other).is_some_and(|there| there.contains(&node));
    let knot = |(node, there): (&T, &BTreeSet<T>)| {
        let back = there.iter().copied().filter(|other| is_back(*node, *other));
        (*node, back.chain([*node]).collect())
    };
    reached.iter().map(knot).collect()
}
