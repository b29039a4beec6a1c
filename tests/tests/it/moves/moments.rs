//! A supervisor who pulls while a plan is carried out: the totals are the same at every moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use gridledger_client::Intents;
use gridledger_server::territory::report;
use gridledger_tests::json::text;
use gridledger_tests::planning::{Home, apply, approved, carry_out, grid, place, stewards};
use gridledger_tests::world::World;
use serde_json::{Value, json};

fn full(homes: usize) -> (World, Vec<Home>) {
    let world = World::new(3);
    stewards(&world);
    world.user("w1", "grid_worker", "C");
    world.user("dd", "dispatcher_street", "S");
    let mut phone = world.enrolled_phone("w1");
    let homes = (0..homes)
        .map(|number| {
            let (grid, road) = [("G1", "滨河路"), ("G1", "人民路"), ("G2", "滨河路")][number % 3];
            Home::on(&mut phone, grid, road, &format!("{number}号"))
        })
        .collect();
    phone.syncs(&world);
    (world, homes)
}

fn split() -> Value {
    json!({
        "new_areas": [grid("N1"), grid("N2")],
        "splits": [{ "area": "G1", "into": [{ "area": "N1", "addresses": ["滨河路"] }, { "area": "N2", "rest": true }] }],
        "merges": [{ "areas": ["G2", "G3"], "into": "G3" }],
    })
}

#[test]
fn a_supervisor_sees_the_same_totals_at_every_moment() {
    let (world, homes) = full(150);
    let number = approved(&world, &split());
    let all: BTreeSet<String> = homes.iter().map(|home| home.household.to_string()).collect();
    let (done, world) = (AtomicBool::new(false), &world);
    let pulls = std::thread::scope(|scope| {
        let pulling = scope.spawn(|| {
            let mut pulls = 0;
            // At least once more after the last record has moved.
            let mut last = false;
            while !last {
                last = done.load(Ordering::SeqCst);
                let clerk = world.clerk("dd");
                let (rows, _) = clerk.pull("household", &[], "", 1_000);
                let ids: BTreeSet<String> = rows.keys().cloned().collect();
                assert_eq!(ids, all, "pull {pulls}");
                let page = clerk.ledger("household", &[("limit", "10000")]);
                let mut ids: Vec<&str> = page.rows.iter().map(|row| text(&row["id"])).collect();
                ids.sort_unstable();
                assert!(ids.is_sorted_by(|a, b| a < b), "one page never shows a record twice");
                assert_eq!((ids.len(), page.left.len()), (all.len(), 0), "pull {pulls}");
                let areas: Vec<_> = world.service.tree().iter().map(|info| info.no).collect();
                let sums = report::sums(&world.service, &areas, 0).expect("the sums can be made");
                assert_eq!(sums.of("household"), all.len() as u64, "count {pulls}");
                pulls += 1;
            }
            pulls
        });
        apply(world, number);
        done.store(true, Ordering::SeqCst);
        pulling.join().expect("every pull was right")
    });
    println!("{pulls} pulls during the plan");
    world.is_whole();
}

#[test]
fn a_pull_that_goes_on_meets_each_record_where_it_is_now() {
    let (world, homes) = full(40);
    let clerk = world.clerk("dd");
    let (rows, mut cursor) = clerk.pull("ticket", &[], "", 7);
    let mut seen: BTreeMap<String, Value> = rows;
    let number = approved(&world, &split());
    // The cursor is in the middle of the areas when they change.
    let half = clerk.ledger("ticket", &[("since", &cursor), ("limit", "3")]);
    cursor = half.cursor;
    apply(&world, number);
    let (rows, cursor) = clerk.pull("ticket", &[], &cursor, 5);
    seen.extend(rows);
    assert_eq!(seen.len(), homes.len());
    for home in &homes {
        let shown = &seen[&home.ticket.to_string()]["area"];
        assert_eq!(*shown, json!(place(&world, home.ticket)));
    }
    let page = clerk.ledger("ticket", &[("since", &cursor)]);
    assert_eq!((page.rows.len(), page.left.len()), (0, 0), "nothing comes twice");
}

#[test]
fn a_records_positions_only_grow_and_its_old_names_are_understood() {
    let (world, homes) = full(3);
    let record = homes[0].household;
    let row = |world: &World| world.row(record);
    let mut names = vec![(row(&world).area, row(&world).created)];
    let mut last = row(&world).last;
    let mut phone = world.phone("w1", 0);
    let moves = [
        json!({ "merges": [{ "areas": ["G1", "G2"], "into": "G2" }] }),
        json!({ "new_areas": [grid("N1")], "splits": [{ "area": "G2", "into": [{ "area": "N1", "addresses": ["滨河路"] }, { "area": "G2", "rest": true }] }] }),
        json!({ "merges": [{ "areas": ["N1", "G2"], "into": "G2" }] }),
        json!({ "merges": [{ "areas": ["G2", "G3"], "into": "G3" }] }),
    ];
    for (step, change) in moves.iter().enumerate() {
        carry_out(&world, change);
        let now = row(&world);
        assert!(now.last > last, "step {step}: {} after {last}", now.last);
        assert_eq!((now.created, now.last), (now.arrived, now.arrived));
        names.push((now.area, now.created));
        phone.syncs(&world);
        phone.edits(record, Intents::new().append("notes", step.to_string()));
        phone.syncs(&world);
        last = row(&world).last;
        assert!(last > now.last);
    }
    for (area, created) in names {
        assert_eq!(world.store().record_named(area, created), Some(record));
    }
    world.is_whole();
}

#[test]
fn a_phone_fetches_only_what_moved_and_holds_one_copy() {
    let (world, homes) = full(60);
    let mut phone = world.phone("w1", 0);
    let first = phone.syncs(&world);
    carry_out(&world, &split());
    let second = phone.syncs(&world);
    assert_eq!(second.healed, 0);
    println!("first sync {} B, after the split {} B", first.bytes_down, second.bytes_down);
    assert!(second.bytes_down < first.bytes_down * 3, "no more than a first sync and what left");
    let held = phone.status().records;
    assert_eq!(held, homes.len() as u64 * 6);
    let third = phone.syncs(&world);
    assert_eq!((third.changed, third.round_trips), (0, 1));
}
