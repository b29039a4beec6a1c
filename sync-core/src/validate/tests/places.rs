//! The territory: what lies in what, also when the data is wrong.

use super::{COMMUNITY, DISTRICT, GRID, OTHER_GRID, STREET, area, territory};
use crate::rights::AreaTree;
use gridledger_schema::ids::AreaNo;

#[test]
fn an_area_lies_in_itself_and_in_all_above() {
    let tree = territory();
    assert!(tree.is_within(GRID, GRID) && tree.is_within(GRID, DISTRICT));
    assert!(!tree.is_within(DISTRICT, GRID) && !tree.is_within(GRID, OTHER_GRID));
    assert_eq!(tree.below(COMMUNITY), [COMMUNITY, GRID, OTHER_GRID]);
    assert_eq!(tree.below(GRID), [GRID]);
    assert_eq!(tree.by_code("a4").map(|info| info.no), Some(GRID));
    assert_eq!(tree.iter().count(), 5);
}

#[test]
fn an_area_that_moved_lies_in_its_new_place_alone() {
    let mut tree = territory();
    let mut moved = area(GRID, Some(STREET));
    moved.code = "new".into();
    tree.insert(moved);
    assert_eq!(tree.below(COMMUNITY), [COMMUNITY, OTHER_GRID]);
    assert!(tree.is_within(GRID, STREET) && !tree.is_within(GRID, COMMUNITY));
    assert_eq!(
        (tree.by_code("a4"), tree.by_code("new").map(|info| info.no)),
        (None, Some(GRID))
    );
}

#[test]
fn a_cycle_ends() {
    let (a, b, c) = (AreaNo(1), AreaNo(2), AreaNo(3));
    let tree = AreaTree::new([area(a, Some(b)), area(b, Some(a)), area(c, Some(c))]);
    assert!(tree.is_within(a, b) && tree.is_within(b, a));
    assert!(!tree.is_within(a, c) && !tree.is_within(c, a));
    assert_eq!((tree.below(a), tree.below(c)), (vec![a, b], vec![c]));
}

#[test]
fn an_area_nobody_told_of_lies_in_nothing_else() {
    let unknown = AreaNo(99);
    let tree = territory();
    assert!(tree.is_within(unknown, unknown) && !tree.is_within(unknown, DISTRICT));
    assert_eq!(tree.below(unknown), [unknown]);
    assert!(!AreaTree::default().is_within(GRID, DISTRICT));
}
