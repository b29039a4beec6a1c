//! Pushes beside each other on Postgres: an area that is written is locked, however many plans lie between the area that a phone
//! names and the one where its record goes; and what was overwritten is cleared without anybody waiting.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gridledger_client::Intents;
use gridledger_schema::ids::AreaNo;
use gridledger_schema::set::SchemaSet;
use gridledger_server::config::StoreAddress;
use gridledger_server::operate::verify::Kind;
use gridledger_server::store::Store;
use gridledger_server::store::rows::records::{EventKind, EventRow, Push, Writes};
use gridledger_tests::cluster::{self, Cluster};
use gridledger_tests::engines::postgres_address;
use gridledger_tests::forms;
use gridledger_tests::kept::Kept;
use gridledger_tests::planning::{carry_out, grid, stewards};
use gridledger_tests::world::{Phone, World};
use serde_json::json;

/// Counts who waits for a lock.
const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted";

fn on_postgres(grids: usize) -> World {
    World::at(grids, SchemaSet::builtin(), postgres_address())
}

fn url(world: &World) -> String {
    match world.address() {
        StoreAddress::Postgres(url) => url.reveal().to_owned(),
        StoreAddress::Sqlite(_) => unreachable!("the world is on Postgres"),
    }
}

/// Two plans in a row: `G1` goes to `G3`, `G3` to `G4`.
fn two_plans(world: &World) {
    let all = |from: &str, to: &str| {
        json!({
            "new_areas": [grid(to)],
            "splits": [{ "area": from, "into": [{ "area": to, "rest": true }] }],
            "staff": [{ "login": "w4", "role": "grid_worker", "area": to }],
        })
    };
    carry_out(world, &all("G1", "G3"));
    carry_out(world, &all("G3", "G4"));
}

fn dwelling(phone: &mut Phone, area: &str, number: usize) {
    let address = json!({ "road": "滨河路", "number": format!("{number}号") });
    let home = Intents::new().put("address", address);
    phone.creates_entry("dwelling", area, home);
}

#[test]
fn a_push_waits_for_an_area_that_is_two_plans_away() {
    let world = on_postgres(1);
    stewards(&world);
    for login in ["w1", "w4"] {
        world.user(login, "grid_worker", "G1");
    }
    let mut old = world.enrolled_phone("w1");
    two_plans(&world);
    dwelling(&mut old, "G1", 1);
    // Another node writes G4 and has not committed yet.
    let mut other = cluster::client(&url(&world));
    cluster::run(
        &mut other,
        "BEGIN; UPDATE areas SET head = head + 2 WHERE code = 'G4';
             INSERT INTO events (area, seq, kind, at)
               SELECT area, head - back, 'rights', 0 FROM areas, (VALUES (0), (1)) AS two (back) WHERE code = 'G4'");
    std::thread::scope(|scope| {
        let pushing = scope.spawn(|| old.syncs(&world).refused);
        cluster::until(&mut cluster::client(&url(&world)), WAITING);
        cluster::run(&mut other, "COMMIT");
        assert_eq!(pushing.join().expect("the push ends"), 0);
    });
    world.is_whole();
}

#[test]
fn phones_that_heard_of_no_plan_write_beside_those_who_did() {
    const ROUNDS: usize = 12;
    let world = on_postgres(1);
    stewards(&world);
    let logins: Vec<String> = (1..=4).map(|no| format!("w{no}")).collect();
    for login in &logins {
        world.user(login, "grid_worker", "G1");
    }
    let mut phones: Vec<Phone> = logins.iter().map(|login| world.phone(login, 0)).collect();
    for phone in &mut phones {
        phone.syncs(&world);
    }
    two_plans(&world);
    let new = world.enrolled_phone("w4");
    phones.push(new);
    std::thread::scope(|scope| {
        for (no, phone) in phones.iter_mut().enumerate() {
            let (world, area) = (&world, if no == 4 { "G4" } else { "G1" });
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    for number in 0..4 {
                        dwelling(phone, area, no * 1_000 + round * 10 + number);
                    }
                    // Its answers are lost: it never hears of the plans.
                    let line = gridledger_tests::world::Line::AnswerLost;
                    phone.syncs_over(world, line);
                }
            });
        }
    });
    world.is_whole();
    for phone in &mut phones {
        assert_eq!(phone.syncs(&world).refused, 0);
    }
    let g4 = world.store().records_of(world.area("G4"));
    assert_eq!(g4.len(), phones.len() * ROUNDS * 4);
}

#[test]
fn a_write_to_an_area_that_is_not_locked_is_decided_again_with_it_locked() {
    let asked = Arc::new(AtomicUsize::new(0));
    let decided = asked.clone();
    let written: Arc<Mutex<BTreeSet<AreaNo>>> = Arc::default();
    let writes_to = written.clone();
    // Names no area, and writes two.
    let store = Store::open_postgres(
        &Cluster::shared().database(),
        Arc::new(move |source, _| {
            decided.fetch_add(1, Ordering::Relaxed);
            let mut writes = Writes::default();
            for area in writes_to.lock().expect("nobody panicked").iter() {
                let mut head = source.area_head(*area)?.expect("an area");
                head.seq += 1;
                let event = EventRow { seq: head.seq, kind: EventKind::Rights, record: None, at: 0 };
                writes.events.push((*area, event));
                writes.areas.push((*area, head));
            }
            Ok((writes, Vec::new()))
        }),
    )
    .expect("the store opens");
    let kept = Kept::of(&store);
    let areas = kept.add_grids(["G1", "G2"]);
    written.lock().expect("nobody panicked").extend(areas);
    let push = Push { carrier: None, segments: Vec::new(), now: 0 };
    kept.push(push);
    assert_eq!(asked.load(Ordering::Relaxed), 2, "the first run locked neither");
    for area in areas {
        assert_eq!(kept.head(area).seq, 1, "it is written once");
    }
    store.close();
}

#[test]
fn an_erasure_is_answered_while_nothing_can_be_cleared() {
    let world = on_postgres(1);
    world.user("w1", "grid_worker", "G1");
    let mut phone = world.enrolled_phone("w1");
    let note = forms::patrol("走访");
    let record = phone.creates("patrol", "G1", note);
    phone.syncs(&world);
    // Whoever holds this keeps every VACUUM of the table waiting.
    let mut other = cluster::client(&url(&world));
    cluster::run(&mut other, "BEGIN; LOCK TABLE entries, documents, ledger IN SHARE UPDATE EXCLUSIVE MODE");
    world.erases(record, &[], "w1");
    let mut looking = cluster::client(&url(&world));
    cluster::until(&mut looking, WAITING);
    let row = looking.query_one("SELECT count(*) FROM erasures", &[]).expect("the table can be read");
    assert_eq!(row.get::<_, i64>(0), 1);
    cluster::run(&mut other, "COMMIT");
    world.is_whole();
}

#[test]
fn digests_are_made_again_from_documents() {
    for world in [World::in_file(2), on_postgres(2)] {
        world.user("w1", "grid_worker", "G1");
        let mut phone = world.enrolled_phone("w1");
        (0..5).for_each(|number| dwelling(&mut phone, "G1", number));
        phone.syncs(&world);
        let term = "SELECT term FROM documents ORDER BY record LIMIT 1";
        world.change_behind(&format!("UPDATE documents SET term = ({term})"));
        let differs = |kind: Kind| {
            let report = world.verifies();
            report.listed.iter().any(|one| one.kind == kind)
        };
        assert!(differs(Kind::Document));
        let areas = world.store().areas();
        let repaired = || -> (u64, u64) {
            let all = areas.iter().map(|area| world.store().repair_digests(area.no));
            all.fold((0, 0), |sum, one| (sum.0 + one.digests, sum.1 + one.terms))
        };
        assert_eq!(repaired().1, 4, "one term was right");
        world.is_whole();
        let one =
            "UPDATE areas SET digests = (SELECT digests FROM areas WHERE code = 'G1') WHERE code = 'G2'";
        world.change_behind(one);
        assert!(differs(Kind::Digest));
        assert_eq!(repaired(), (1, 0));
        world.is_whole();
        assert_eq!(repaired(), (0, 0), "nothing is left to repair");
        // A phone that holds the area finds it as the server says.
        dwelling(&mut phone, "G1", 9);
        let report = phone.syncs(&world);
        assert_eq!((report.refused, report.healed), (0, 0), "{report:?}");
    }
}
