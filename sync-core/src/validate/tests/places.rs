//! These tests check the territory: which area lies in which, even with wrong data.

use super::{COMMUNITY, DISTRICT, GRID, OTHER_GRID, STREET, area, territory};
use crate::rights::AreaTree;
use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::Edge;

#[test]
fn an_area_lies_in_itself_and_in_all_above() {
    let tree = territory();
    assert!(tree.is_within(GRID, GRID, 0) && tree.is_within(GRID, DISTRICT, 0));
    assert!(!tree.is_within(DISTRICT, GRID, 0) && !tree.is_within(GRID, OTHER_GRID, 0));
    assert_eq!(tree.below(COMMUNITY, 0), [COMMUNITY, GRID, OTHER_GRID]);
    assert_eq!(tree.below(GRID, 0), [GRID]);
    assert_eq!(tree.by_code("a4").map(|info| info.no), Some(GRID));
    assert_eq!(tree.iter().count(), 5);
}

#[test]
fn an_area_that_moved_lies_in_its_new_place_alone() {
    let mut tree = territory();
    let mut moved = area(GRID, Some(STREET));
    moved.code = "new".into();
    tree.insert(moved);
    assert_eq!(tree.below(COMMUNITY, 0), [COMMUNITY, OTHER_GRID]);
    assert!(tree.is_within(GRID, STREET, 0) && !tree.is_within(GRID, COMMUNITY, 0));
    assert_eq!((tree.by_code("a4"), tree.by_code("new").map(|info| info.no)), (None, Some(GRID)));
}

#[test]
fn in_a_hand_over_an_area_lies_in_two() {
    let (apply, end) = (1_000, 8_000);
    let mut tree = territory();
    let mut moved = area(GRID, Some(STREET));
    let edge = |above, from, to| Edge { above, from, to };
    moved.edges = vec![edge(COMMUNITY, 0, Some(end)), edge(STREET, apply, None)];
    tree.insert(moved);
    for (at, there, here) in
        [(apply - 1, true, false), (apply, true, true), (end - 1, true, true), (end, false, true)]
    {
        let others = vec![COMMUNITY, OTHER_GRID];
        let all = vec![COMMUNITY, GRID, OTHER_GRID];
        assert_eq!(tree.is_within(GRID, COMMUNITY, at), there, "{at}");
        assert_eq!(tree.below(COMMUNITY, at), if there { all } else { others }, "{at}");
        let direct = tree.below(STREET, at).contains(&GRID);
        assert!(direct == (there || here) && tree.is_within(GRID, DISTRICT, at), "{at}");
    }
    tree.insert(area(GRID, Some(COMMUNITY)));
    assert!(tree.is_within(GRID, COMMUNITY, end), "what is said anew replaces what was");
}

#[test]
fn a_cycle_ends() {
    let (a, b, c) = (AreaNo(1), AreaNo(2), AreaNo(3));
    let tree = AreaTree::new([area(a, Some(b)), area(b, Some(a)), area(c, Some(c))]);
    assert!(tree.is_within(a, b, 0) && tree.is_within(b, a, 0));
    assert!(!tree.is_within(a, c, 0) && !tree.is_within(c, a, 0));
    assert_eq!((tree.below(a, 0), tree.below(c, 0)), (vec![a, b], vec![c]));
}

#[test]
fn an_area_nobody_told_of_lies_in_nothing_else() {
    let unknown = AreaNo(99);
    let tree = territory();
    assert!(tree.is_within(unknown, unknown, 0) && !tree.is_within(unknown, DISTRICT, 0));
    assert_eq!(tree.below(unknown, 0), [unknown]);
    assert!(!AreaTree::default().is_within(GRID, DISTRICT, 0));
}
