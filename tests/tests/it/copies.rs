//! Random histories of copied phones and refused edits. `GRIDLEDGER_COPIES_SEED=n` plays one, `GRIDLEDGER_COPIES=n` that many.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use gridledger_client::faults::plant;
use gridledger_tests::copies::{Tally, run};

/// Histories played when nothing else is said.
const SEEDS: u64 = 30;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays a seed; on a failure says what happened, step by step.
fn play(seed: u64) -> Result<Tally, String> {
    let steps = Mutex::new(Vec::new());
    let outcome = catch_unwind(AssertUnwindSafe(|| run(seed, &steps)));
    let what = match outcome {
        Ok(Ok(tally)) => return Ok(tally),
        Ok(Err(what)) => what,
        Err(_) => "a panic".into(),
    };
    let steps = steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let steps = steps.join("\n");
    Err(format!("{steps}\nseed {seed}: {what}\n(GRIDLEDGER_COPIES_SEED={seed} plays it again)"))
}

#[test]
fn copied_phones_and_refused_edits_lose_and_double_nothing() {
    if let Some(seed) = number("GRIDLEDGER_COPIES_SEED") {
        println!("{:?}", play(seed).unwrap_or_else(|what| panic!("{what}")));
        return;
    }
    let seeds = number("GRIDLEDGER_COPIES").unwrap_or(SEEDS);
    let tallies: Vec<Tally> =
        (1..=seeds).map(|seed| play(seed).unwrap_or_else(|what| panic!("{what}"))).collect();
    let sum = |of: fn(&Tally) -> usize| tallies.iter().map(of).sum::<usize>();
    let sums = [
        ("saved", sum(|t| t.saved)),
        ("refused", sum(|t| t.refused)),
        ("groundless", sum(|t| t.groundless)),
        ("rebuilt", sum(|t| t.rebuilt)),
        ("saved again", sum(|t| t.again)),
        ("admitted", sum(|t| t.admitted)),
        ("forks", sum(|t| t.forks)),
        ("came back", sum(|t| t.came_back)),
        ("taken between", sum(|t| t.between)),
        ("gone with a phone", sum(|t| t.gone_with_it)),
    ];
    println!("seeds 1 to {seeds}: {sums:?}");
    for (what, count) in sums {
        assert!(count > 0 || seeds < SEEDS, "no history had anything {what}: {sums:?}");
    }
}

#[test]
fn a_receipt_noted_as_of_an_old_look_at_the_file_is_found() {
    let plays = |seed: &u64| {
        plant(Some("03"));
        let kept = play(*seed);
        plant(None);
        if let Err(what) = &kept {
            println!("{}", what.lines().last().unwrap_or_default());
            println!("{}", what.lines().rev().nth(1).unwrap_or_default());
        }
        kept.is_err()
    };
    // At a seed that shows it; where histories have changed since, at one of as many more.
    let from = 571;
    let found = (from..from + SEEDS).chain(1..from).find(plays);
    assert!(found.is_some(), "it was not found");
    println!("seed {found:?}");
}
