//! Plays random histories until one breaks a promise: `history world|copies FROM TO`. Prints the seed and what was broken.
//! With `GRIDLEDGER_PLANTED` a fault is in the whole process, and ought to be found.

use std::io::Write as _;

use gridledger_tests::histories::{Kind, play};

type Failure = Box<dyn std::error::Error>;

const USAGE: &str = "history world|copies FROM TO";

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let kind = args.next().as_deref().and_then(Kind::parse).ok_or(USAGE)?;
    let (from, to): (u64, u64) = (args.next().ok_or(USAGE)?.parse()?, args.next().ok_or(USAGE)?.parse()?);
    let mut out = std::io::stdout();
    // A planted fault may show as a panic: that is told below.
    std::panic::set_hook(Box::new(|_| {}));
    for seed in from..=to {
        if let Err(what) = play(kind, seed) {
            let told: Vec<&str> = what.lines().collect();
            writeln!(out, "found {seed}")?;
            let last = told.iter().rev().take(4000).rev();
            for line in last {
                writeln!(out, "{line}")?;
            }
            return Ok(());
        }
    }
    writeln!(out, "nothing from {from} to {to}")?;
    Ok(())
}
