//! These tests check where an area lies, over plans that lead back to where they began.

use gridledger_schema::wire::Edge;

use super::*;

fn area(no: u32, above: &[u32]) -> AreaInfo {
    let edge = |above: &u32| Edge { above: AreaNo(*above), from: 0, to: None };
    AreaInfo {
        no: AreaNo(no),
        parent: above.first().map(|above| AreaNo(*above)),
        code: format!("a{no}"),
        kind: "basic_grid".into(),
        name: format!("area {no}"),
        edges: above.iter().map(edge).collect(),
    }
}

#[test]
fn an_area_is_found_beyond_areas_that_lie_in_each_other() {
    // 4 and 5 were split from each other and merged again. Area 6 took them in; 7 is the former area of the
    // work.
    let mut areas = vec![area(1, &[]), area(2, &[1]), area(3, &[2]), area(7, &[3])];
    areas.extend([area(4, &[3, 5]), area(5, &[3, 4]), area(6, &[3, 4, 5, 7])]);
    let tree = AreaTree::new(areas);
    for above in [1, 2, 3, 4, 5, 6, 7] {
        assert!(tree.is_within(AreaNo(6), AreaNo(above), 1), "6 in {above}");
    }
    assert!(!tree.is_within(AreaNo(7), AreaNo(6), 1));
    assert!(!tree.is_within(AreaNo(6), AreaNo(9), 1));
}

#[test]
fn many_plans_in_a_row_cost_a_look_at_each_area() {
    // Each area lies in the two before it, so the number of paths is 2^30.
    let mut areas = vec![area(1, &[]), area(2, &[1])];
    areas.extend((3..30).map(|no| area(no, &[no - 1, no - 2])));
    let tree = AreaTree::new(areas);
    assert!(tree.is_within(AreaNo(29), AreaNo(1), 1));
    assert!(!tree.is_within(AreaNo(29), AreaNo(99), 1));
}
