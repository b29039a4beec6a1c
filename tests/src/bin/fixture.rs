//! Prints a store as this version writes it, to be kept as `tests/fixtures/store-VERSION.sql` when the version is released:
//! `fixture VERSION`.

use std::io::Write as _;

use gridledger_tests::fixtures;
use gridledger_tests::world::World;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let version = std::env::args().nth(1).ok_or("fixture VERSION")?;
    let world = World::in_file(2);
    fixtures::story(&world);
    world.service.store.close();
    write!(std::io::stdout(), "{}", fixtures::dump(&world.server_file(), &version))?;
    Ok(())
}
