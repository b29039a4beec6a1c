//! Clocks that are wrong: the server's, which then takes nothing and erases nothing; phones', whose work goes in all the same.

mod http;
mod phones;
mod server;

use gridledger_client::RecordId;
use gridledger_schema::code::Code;
use gridledger_tests::forms;
use gridledger_tests::world::{Phone, World};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// Workers of one grid, each with a phone that has synced.
fn team(count: usize) -> (World, Vec<Phone>) {
    let world = World::new(1);
    let phones = (1..=count).map(|number| {
        let login = format!("w{number}");
        world.user(&login, "grid_worker", "G1");
        world.enrolled_phone(&login)
    });
    let phones = phones.collect();
    (world, phones)
}

fn patrol(phone: &mut Phone, note: &str) -> RecordId {
    phone.creates("patrol", "G1", forms::patrol(note))
}

/// The server says that it is not sure of its clock, and to come again.
#[track_caller]
fn unsure(phone: &mut Phone, world: &World) {
    phone.is_refused_sync(world, Code::ClockUnsure);
    assert!(Code::ClockUnsure.retry_can_help());
}
