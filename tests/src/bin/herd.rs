//! Prints how phones come back after an outage: `herd [PHONES [SEED]]`.

use std::io::Write as _;

use gridledger_tests::herd;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let phones = args.next().map_or(Ok(3_218), |phones| phones.parse())?;
    let seed = args.next().map_or(Ok(1), |seed| seed.parse())?;
    write!(std::io::stdout(), "{}", herd::tables(phones, seed))?;
    Ok(())
}
