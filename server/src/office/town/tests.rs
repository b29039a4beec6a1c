//! A synthetic town is what an import takes, as large as asked for, and the same every time.

use std::collections::HashSet;

use super::{HOUSEHOLDS_PER_GRID_MAX, Town, TownCounts, TownSize, make, write};
use crate::office::import::{Date, areas, register, staff};

const ROLES: &[(&str, &str, &str)] = &[
    ("grid_worker", "", ""),
    ("grid_head", "", ""),
    ("general_grid_head", "", ""),
    ("dispatcher_community", "", ""),
    ("dispatcher_street", "", ""),
    ("dispatcher_district", "", ""),
    ("supervisor", "", ""),
];

fn town(grids: u32, households_per_grid: u32) -> Town {
    make(TownSize { grids, households_per_grid }, 1).expect("a size within the limits")
}

/// Imports a town's spreadsheets, which have no fault and no warning.
fn counted(town: &Town) -> TownCounts {
    let areas = areas::parse(&town.areas, &|_| false).expect("areas without a fault");
    let codes: HashSet<&str> = areas.rows.iter().map(|area| area.code.as_str()).collect();
    let known = |code: &str| codes.contains(code);
    let staff = staff::parse(&town.staff, ROLES, &known).expect("staff without a fault");
    let today = Date::new(2026, 12, 31).expect("a date");
    let register = register::parse(&town.register, today, &known).expect("a register without a fault");
    assert_eq!((areas.warnings, staff.warnings, register.warnings), (vec![], vec![], vec![]));
    let kinds = |kind: &str| areas.rows.iter().filter(|area| area.kind == kind).count() as u32;
    let holders =
        |role: &str| staff.rows.iter().filter(|person| person.assignments[0].role == role).count() as u32;
    assert_eq!(kinds("district"), 1);
    assert_eq!(holders("grid_worker"), kinds("basic_grid"));
    assert_eq!(holders("dispatcher_community"), kinds("community"));
    assert_eq!(holders("general_grid_head"), kinds("community"));
    assert_eq!(holders("dispatcher_street"), kinds("street"));
    assert_eq!((holders("dispatcher_district"), holders("supervisor")), (1, 1));
    assert_eq!(register.rows.people.len(), register.rows.residencies.len());
    TownCounts {
        areas: areas.rows.len() as u32,
        streets: kinds("street"),
        communities: kinds("community"),
        grids: kinds("basic_grid"),
        staff: staff.rows.len() as u32,
        grid_heads: holders("grid_head"),
        dwellings: register.rows.dwellings.len() as u32,
        households: register.rows.households.len() as u32,
        people: register.rows.people.len() as u32,
    }
}

#[test]
fn a_town_is_what_was_asked_for() {
    for (grids, households) in [(1, 1), (5, 7), (11, 3), (61, 20), (342, 4), (500, 1)] {
        let town = town(grids, households);
        let counts = counted(&town);
        assert_eq!(counts, town.counts);
        assert_eq!((counts.grids, counts.households), (grids, grids * households));
    }
}

#[test]
fn a_town_of_342_grids_has_63_heads_and_communities_of_six_to_ten() {
    let town = town(342, 50);
    let counts = counted(&town);
    assert_eq!((counts.grid_heads, counts.households), (63, 17_100));
    let mean = f64::from(counts.people) / f64::from(counts.households);
    assert!((2.4..2.6).contains(&mean), "{mean}");
    let areas = areas::parse(&town.areas, &|_| false).expect("areas without a fault").rows;
    for community in areas.iter().filter(|area| area.kind == "community") {
        let grids = areas.iter().filter(|area| area.parent.as_ref() == Some(&community.code)).count();
        assert!((6..=10).contains(&grids), "{}: {grids}", community.code);
    }
    let names: HashSet<&str> = areas.iter().map(|area| area.name.as_str()).collect();
    assert_eq!(names.len(), areas.len(), "no two areas of one name");
}

#[test]
fn the_seed_decides_everything() {
    let size = TownSize { grids: 20, households_per_grid: 5 };
    let of = |seed| make(size, seed).expect("a size within the limits");
    assert_eq!(of(7), of(7));
    assert_ne!(of(7).register, of(8).register);
}

#[test]
fn the_files_are_for_a_spreadsheet_program() {
    let dir = tempfile::tempdir().expect("a directory");
    let size = TownSize { grids: 8, households_per_grid: 2 };
    let files = write(&dir.path().join("town"), size, 3).expect("a written town");
    let made = make(size, 3).expect("a size within the limits");
    for (path, bytes) in
        [(&files.areas, made.areas), (&files.staff, made.staff), (&files.register, made.register)]
    {
        assert_eq!(std::fs::read(path).expect("a file"), bytes);
        assert!(bytes.starts_with(b"\xEF\xBB\xBF") && bytes.ends_with(b"\r\n"));
    }
    assert_eq!(files.counts, made.counts);
}

#[test]
fn phones_are_out_of_every_network() {
    let town = town(30, 10);
    let text = String::from_utf8(town.register).expect("UTF-8");
    let phones: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split(',').nth(13)).collect();
    let is_made_up = |phone: &&str| phone.len() == 11 && phone.starts_with("12") && &phone[3..7] == "0000";
    assert!(phones.iter().filter(|phone| !phone.is_empty()).all(is_made_up));
    assert!(phones.iter().any(|phone| !phone.is_empty()));
}

#[test]
fn sizes_have_limits() {
    for (grids, households_per_grid) in [
        (0, 1),
        (1, 0),
        (20_001, 1),
        (1, HOUSEHOLDS_PER_GRID_MAX + 1),
        (20_000, HOUSEHOLDS_PER_GRID_MAX),
        (u32::MAX, u32::MAX),
    ] {
        let error = make(TownSize { grids, households_per_grid }, 1).expect_err("too large or nothing");
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}
