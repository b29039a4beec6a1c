//! The register of a made-up town becomes records, once.

use std::collections::BTreeMap;

use gridledger_server::office::import::Date;
use gridledger_server::office::import::areas;
use gridledger_server::office::import::register;
use gridledger_server::office::import::register::Register;
use gridledger_server::office::reconcile::{ImportError, ImportReport, import_register};
use gridledger_server::office::town;
use gridledger_server::office::town::TownSize;
use gridledger_server::store::rows::people::NewArea;
use gridledger_tests::areas::add_areas;
use gridledger_tests::json::text;
use gridledger_tests::world::World;

/// The code of a made-up town's district.
const DISTRICT: &str = "QH";

/// A world with a made-up town in it, and the town's register.
fn town(grids: u32, households_per_grid: u32) -> (World, Register) {
    let world = World::new(0);
    let size = TownSize { grids, households_per_grid };
    let town = town::make(size, 1).expect("a town of that size");
    let rows = areas::parse(&town.areas, &|_| false).expect("a good sheet").rows;
    let new: Vec<NewArea> = rows
        .into_iter()
        .map(|row| NewArea {
            code: row.code,
            parent: row.parent,
            kind: row.kind.to_owned(),
            name: row.name,
            from: None,
            to: None,
        })
        .collect();
    add_areas(&world.service, &new);
    for (login, role) in [("clerk", "general_grid_head"), ("auditor", "auditor")] {
        world.user(login, role, DISTRICT);
    }
    (world, parse(&town.register, &[]))
}

fn parse(sheet: &[u8], more: &[u8]) -> Register {
    let today = Date::new(2026, 1, 5).expect("a day");
    register::parse(&[sheet, more].concat(), today, &|_| true).expect("a good sheet").rows
}

/// Imports a register that may be imported.
#[track_caller]
fn imported(world: &World, login: &str, register: &Register) -> ImportReport {
    match import(world, login, register) {
        Ok(report) => report,
        Err(error) => panic!("{login} cannot import: {error}"),
    }
}

fn import(world: &World, login: &str, register: &Register) -> Result<ImportReport, ImportError> {
    let user = world.account(login);
    import_register(&world.service, &user, register, &mut |_, _| {})
}

fn total_of(register: &Register) -> usize {
    sizes(register).values().sum()
}

fn sizes(register: &Register) -> BTreeMap<&'static str, usize> {
    BTreeMap::from([
        ("dwelling", register.dwellings.len()),
        ("household", register.households.len()),
        ("person", register.people.len()),
        ("residency", register.residencies.len()),
    ])
}

#[test]
fn a_register_is_imported_once() {
    let (world, register) = town(4, 30);
    let mut told = Vec::new();
    let clerk = world.account("clerk");
    let report = import_register(&world.service, &clerk, &register, &mut |done, of| {
        told.push((done, of));
    })
    .expect("the register is good");
    assert_eq!((&report.created, report.unchanged), (&sizes(&register), 0));
    assert_eq!(report.refused, vec![]);
    assert_eq!(report.fresh.len(), total_of(&register));
    let total: usize = sizes(&register).values().sum();
    assert_eq!(told.last(), Some(&(total, total)));
    // Again, and by another person: nothing doubles.
    world.user("other", "general_grid_head", DISTRICT);
    for login in ["clerk", "other"] {
        let again = imported(&world, login, &register);
        assert_eq!((again.created, again.unchanged), (BTreeMap::new(), total));
    }
    let auditor = world.clerk("auditor");
    for (of, count) in sizes(&register) {
        assert_eq!(auditor.pull(of, &[], "", 1_000).0.len(), count, "{of}");
    }
    // References between imported records lead to imported records.
    let residencies = auditor.pull("residency", &[], "", 1_000).0;
    let (people, households) =
        (auditor.pull("person", &[], "", 1_000).0, auditor.pull("household", &[], "", 1_000).0);
    for residency in residencies.values() {
        assert!(people.contains_key(text(&residency["person"])));
        assert!(households.contains_key(text(&residency["household"])));
    }
    let report = world.verifies();
    assert_eq!((report.listed, report.records), (vec![], total as u64));
}

#[test]
fn an_import_that_broke_off_goes_on_where_it_was() {
    let (world, register) = town(2, 20);
    let half = Register {
        people: register.people[..10].to_vec(),
        residencies: register.residencies[..4].to_vec(),
        ..register.clone()
    };
    let first = imported(&world, "clerk", &half);
    let second = imported(&world, "clerk", &register);
    let mut made = first.created.clone();
    for (of, count) in second.created {
        *made.entry(of).or_default() += count;
    }
    assert_eq!(made, sizes(&register));
    assert_eq!(second.unchanged, first.created.values().sum::<usize>());
    world.is_whole();
}

#[test]
fn nothing_is_written_where_the_user_may_not() {
    let (world, register) = town(1, 3);
    match import(&world, "auditor", &register) {
        Err(ImportError::NoRole { record_type, roles, .. }) => {
            assert_eq!(record_type, "dwelling");
            assert!(roles.contains(&"grid_head".to_owned()));
        }
        other => panic!("{other:?}"),
    }
    let mut elsewhere = register.clone();
    elsewhere.dwellings[0].area = "nowhere".into();
    assert!(matches!(import(&world, "clerk", &elsewhere), Err(ImportError::AreaUnknown { .. })));
    assert_eq!(world.store().counts(), (0, 0, 0));
}
