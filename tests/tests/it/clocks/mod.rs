//! Clocks that are wrong: the server's, which then takes nothing and erases nothing; phones', whose work goes in all the same.

mod http;
mod phones;
mod server;

use gridledger_client::{Intents, RecordId};
use gridledger_schema::code::Code;
use gridledger_tests::world::{Phone, SyncFailure, World};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// Workers of one grid, each with a phone that has synced.
fn team(count: usize) -> (World, Vec<Phone>) {
    let world = World::new(1);
    let phones = (1..=count).map(|number| {
        let login = format!("w{number}");
        world.user(&login, "grid_worker", "G1");
        let mut phone = world.phone(&login, 0);
        phone.sync(&world).expect("a first sync");
        phone
    });
    let phones = phones.collect();
    (world, phones)
}

fn patrol(phone: &mut Phone, note: &str) -> RecordId {
    let intents = Intents::new().put("started", 1_767_571_200_000_i64).put("coverage_note", note);
    let saved = phone.engine().create("patrol", "G1", intents);
    saved.expect("a patrol").record
}

fn unsent(phone: &mut Phone) -> u64 {
    phone.engine().status().expect("a status").unsent
}

/// The server says that it is not sure of its clock, and to come again.
#[track_caller]
fn unsure(phone: &mut Phone, world: &World) {
    let SyncFailure::Server(error) = phone.sync(world).expect_err("the clock is in doubt") else {
        panic!("not the server's word");
    };
    assert_eq!(error.code(), Code::ClockUnsure);
    assert!(error.code().retry_can_help());
}
