//! These tests check grants: their areas, their times, and the facets they let a person read.

use gridledger_schema::set::{SchemaSet, Scope};
use gridledger_schema::wire::Grant;

use super::{COMMUNITY, DISTRICT, GRID, NOW, OTHER_GRID, STREET, grant, territory};
use crate::rights::Rights;

fn with<T>(grants: &[Grant], ask: impl FnOnce(Rights<'_>) -> T) -> T {
    let (schema, tree) = (SchemaSet::builtin(), territory());
    ask(Rights { schema: &schema, tree: &tree, grants })
}

#[test]
fn a_role_holds_at_its_area_and_below() {
    with(&[grant("grid_head", COMMUNITY)], |rights| {
        assert!(rights.holds("grid_head", COMMUNITY, NOW) && rights.holds("grid_head", GRID, NOW));
        assert!(!rights.holds("grid_head", STREET, NOW) && !rights.holds("grid_worker", GRID, NOW));
        assert_eq!(rights.areas(NOW), [COMMUNITY, GRID, OTHER_GRID]);
    });
}

#[test]
fn a_role_holds_from_its_beginning_until_just_before_its_end() {
    let timed = Grant { from: 100, to: Some(200), ..grant("grid_worker", GRID) };
    with(&[timed], |rights| {
        let holds = [99, 100, 199, 200].map(|at| rights.holds("grid_worker", GRID, at));
        assert_eq!(holds, [false, true, true, false]);
        assert_eq!([rights.areas(99).len(), rights.areas(100).len()], [0, 1]);
    });
}

#[test]
fn overlapping_grants_count_once() {
    let grants = [
        grant("grid_worker", GRID),
        grant("dispatcher_community", COMMUNITY),
        grant("grid_worker", COMMUNITY),
    ];
    with(&grants, |rights| {
        assert_eq!(rights.roles_at(GRID, NOW), ["dispatcher_community", "grid_worker"]);
        assert_eq!(rights.areas(NOW), [COMMUNITY, GRID, OTHER_GRID]);
    });
}

#[test]
fn a_role_the_schema_does_not_have_gives_nothing() {
    with(&[grant("emperor", DISTRICT)], |rights| {
        assert!(!rights.holds("emperor", GRID, NOW) && rights.areas(NOW).is_empty());
        assert_eq!((rights.facets(GRID, NOW), rights.scope(GRID, NOW)), (0, None));
    });
}

#[test]
fn who_reads_what_where() {
    let table = [
        ("grid_worker", 0b01, false, Some(Scope::Area)),
        ("grid_head", 0b11, false, Some(Scope::Area)),
        ("privacy_officer", 0b11, true, Some(Scope::Area)),
        ("dispatcher_street", 0b01, true, Some(Scope::Area)),
        ("dept_handler", 0b01, false, Some(Scope::Assigned)),
        ("new_group_worker", 0b01, false, Some(Scope::Own)),
    ];
    for (role, facets, supervises, scope) in table {
        with(&[grant(role, GRID)], |rights| {
            let here = (rights.facets(GRID, NOW), rights.may_supervise(GRID, NOW), rights.scope(GRID, NOW));
            assert_eq!(here, (facets, supervises, scope), "{role}");
            assert_eq!(
                (rights.facets(OTHER_GRID, NOW), rights.may_supervise(OTHER_GRID, NOW)),
                (0, false),
                "{role}"
            );
        });
    }
}

#[test]
fn of_two_scopes_the_wider_counts() {
    with(&[grant("new_group_worker", GRID), grant("grid_worker", COMMUNITY)], |rights| {
        assert_eq!(rights.scope(GRID, NOW), Some(Scope::Area));
    });
}
