//! Random histories keep the promises. `GRIDLEDGER_SEED=n` plays one, `GRIDLEDGER_SEEDS=n` that many.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use gridledger_tests::simulation::{Planted, Tally, run_with};

/// Histories played when nothing else is said.
const SEEDS: u64 = 150;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Plays a seed; on a failure says what happened, step by step.
fn play(seed: u64) -> Result<Tally, String> {
    play_with(seed, None)
}

fn play_with(seed: u64, planted: Option<Planted>) -> Result<Tally, String> {
    let steps = Mutex::new(Vec::new());
    let outcome = catch_unwind(AssertUnwindSafe(|| run_with(seed, &steps, planted)));
    let what = match outcome {
        Ok(Ok(tally)) => return Ok(tally),
        Ok(Err(what)) => what,
        Err(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|&s| s.to_owned()))
            .unwrap_or_else(|| "a panic".into()),
    };
    let steps = steps.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Err(format!(
        "{}\nseed {seed}: {what}\n(GRIDLEDGER_SEED={seed} plays it again)",
        steps.join("\n")
    ))
}

#[test]
fn random_histories_keep_the_promises() {
    if let Some(seed) = number("GRIDLEDGER_SEED") {
        println!("{:?}", play(seed).unwrap_or_else(|what| panic!("{what}")));
        return;
    }
    let (seeds, next) = (number("GRIDLEDGER_SEEDS").unwrap_or(SEEDS), AtomicU64::new(1));
    let tallies = Mutex::new((Vec::new(), Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        return;
                    }
                    let outcome = play(seed);
                    let mut tallies = tallies.lock().expect("tallies");
                    match outcome {
                        Ok(tally) => tallies.0.push(tally),
                        Err(what) => tallies.1.push((seed, what)),
                    }
                }
            });
        }
    });
    let (kept, broken) = tallies.into_inner().expect("tallies");
    if let Some((_, first)) = broken.iter().min() {
        let ends = broken
            .iter()
            .map(|(_, what)| what.lines().find(|l| l.starts_with("seed")).unwrap_or("?"));
        let ends: Vec<&str> = ends.collect();
        panic!(
            "{first}\n{} of {} failed:\n{}",
            ends.len(),
            seeds,
            ends.join("\n")
        );
    }
    let sum = |of: fn(&Tally) -> usize| kept.iter().map(of).sum::<usize>();
    let sums = [
        ("saved", sum(|t| t.saved)),
        ("refused", sum(|t| t.refused)),
        ("refused early", sum(|t| t.refused_early)),
        ("lost", sum(|t| t.lost)),
        ("repeated", sum(|t| t.repeated)),
        ("concurrent", sum(|t| t.concurrent)),
        ("closed", sum(|t| t.closed)),
        ("plans", sum(|t| t.plans)),
        ("moved", sum(|t| t.moved)),
        ("epochs", sum(|t| t.epochs)),
        ("erased", sum(|t| t.erased)),
        ("beaten", sum(|t| t.beaten)),
        ("restored", sum(|t| t.restored)),
        ("chains", sum(|t| t.chains)),
        ("together", sum(|t| t.together)),
        ("turns", sum(|t| t.turns)),
        ("between", sum(|t| t.between)),
    ];
    println!("{} histories: {sums:?}", kept.len());
    for (what, count) in sums {
        assert!(
            count > 0 || seeds < SEEDS,
            "no history had anything {what}: {sums:?}"
        );
    }
}

/// Plays seeds from one on, all in turn, until a history shows a planted fault.
fn finds(planted: Planted, from: u64) {
    let mut seeds = (from..=SEEDS).chain(1..from);
    let found = seeds.find(|seed| play_with(*seed, Some(planted)).is_err());
    assert!(found.is_some(), "{planted:?} was not found");
    println!("{planted:?}: seed {found:?}");
}

#[test]
fn a_restored_server_that_keeps_its_epoch_is_found() {
    finds(Planted::EpochKept, 21);
}

#[test]
fn a_phone_that_lets_go_of_its_shadows_early_is_found() {
    finds(Planted::ShadowDropped, 16);
}
