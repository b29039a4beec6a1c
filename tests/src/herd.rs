//! Phones that come back after an outage, as a pure simulation around the phone's real back-off: who comes when, who waits, who is
//! told to come again.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use gridledger_client::{Backoff, ClientError};
use gridledger_schema::code::Code;

/// Milliseconds in the unit that arrivals are counted in.
const SECOND: u64 = 1_000;
/// How long a sync waits for its turn before it is told to come again, as the server's setting is by default.
const TURN_WAIT: u64 = 15 * SECOND;
/// The wait that such an answer asks for.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// An outage, and who comes back after it.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// Phones, all of which want to sync when it begins: as hard as it gets.
    pub phones: usize,
    /// How long no server answers, seconds.
    pub seconds: u64,
    /// Syncs a second that the servers can take afterwards.
    pub capacity: u64,
    /// The phones' chance.
    pub seed: u64,
    /// Instead of backing off, phones try again after so many seconds, as a careless program does.
    pub careless: Option<u64>,
}

/// One second after the outage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Syncs that came.
    pub came: usize,
    /// Syncs served.
    pub served: usize,
    /// Syncs told to come again.
    pub sent_away: usize,
    /// Syncs that wait for their turn at its end.
    pub queue: usize,
}

impl Outage {
    /// The seconds from the end of the outage until everybody is served, and no more than a day.
    pub fn play(self) -> Vec<Second> {
        let mut phones: Vec<Backoff> = (0..self.phones as u64)
            .map(|no| Backoff::new(self.seed.wrapping_mul(1 << 20).wrapping_add(no)))
            .collect();
        // Attempts to come: when (ms), whose.
        let mut attempts: BinaryHeap<Reverse<(u64, usize)>> =
            (0..self.phones).map(|no| Reverse((0, no))).collect();
        let mut queue: VecDeque<(u64, usize)> = VecDeque::new();
        let (up, mut left) = (self.seconds * SECOND, self.phones);
        let mut seconds = Vec::new();
        while left > 0 && seconds.len() < 86_400 {
            let end = up + (seconds.len() as u64 + 1) * SECOND;
            let mut second = Second::default();
            while let Some(Reverse((at, no))) = attempts.pop() {
                if at >= end {
                    attempts.push(Reverse((at, no)));
                    break;
                }
                if at < up {
                    let wait = self.wait(&mut phones[no], &no_signal());
                    attempts.push(Reverse((at + wait, no)));
                } else {
                    second.came += 1;
                    queue.push_back((at, no));
                }
            }
            while second.served < self.capacity as usize
                && let Some((came, no)) = queue.pop_front()
            {
                if came + TURN_WAIT < end {
                    second.sent_away += 1;
                    let wait = self.wait(&mut phones[no], &busy());
                    attempts.push(Reverse((end + wait, no)));
                } else {
                    second.served += 1;
                    left -= 1;
                }
            }
            second.queue = queue.len();
            seconds.push(second);
        }
        seconds
    }

    fn wait(self, phone: &mut Backoff, error: &ClientError) -> u64 {
        let careless = self.careless.map(|seconds| seconds * SECOND);
        let wait = || phone.after(error).map_or(0, |wait| wait.as_millis() as u64);
        careless.unwrap_or_else(wait).max(1)
    }
}

fn no_signal() -> ClientError {
    ClientError::Network("connection refused".into())
}

fn busy() -> ClientError {
    ClientError::Server { code: Code::Busy, detail: String::new(), wait: Some(RETRY_AFTER) }
}

/// The figures of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Most syncs that came within one second.
    pub most_came: usize,
    /// Most that waited.
    pub most_waiting: usize,
    /// Syncs told to come again.
    pub sent_away: usize,
    /// Seconds until half and all were served.
    pub half: usize,
    /// … all.
    pub all: usize,
}

/// The sum of a curve.
pub fn summary(seconds: &[Second]) -> Summary {
    let most = |of: fn(&Second) -> usize| seconds.iter().map(of).max().unwrap_or(0);
    let total: usize = seconds.iter().map(|second| second.served).sum();
    let mut served = 0;
    let half = seconds.iter().position(|second| {
        served += second.served;
        served * 2 >= total
    });
    Summary {
        most_came: most(|second| second.came),
        most_waiting: most(|second| second.queue),
        sent_away: seconds.iter().map(|second| second.sent_away).sum(),
        half: half.unwrap_or(0) + 1,
        all: seconds.len(),
    }
}

/// The tables of `phones` phones: a sum for each outage and capacity, and one curve.
pub fn tables(phones: usize, seed: u64) -> String {
    let mut out = String::from(
        "| outage | syncs a second | tries again | most in one second | most waiting | sent away | half served | all served |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let outage = |seconds, capacity, careless| Outage { phones, seconds, capacity, seed, careless };
    for (seconds, capacity) in [(60, 50), (60, 200), (600, 20), (600, 50), (3_600, 20), (3_600, 200)] {
        for careless in [None, Some(30)] {
            let sum = summary(&outage(seconds, capacity, careless).play());
            let how = careless.map_or("backs off".to_owned(), |every| format!("every {every} s"));
            let Summary { most_came, most_waiting, sent_away, half, all } = sum;
            let _ = writeln!(
                out,
                "| {seconds} s | {capacity} | {how} | {most_came} | {most_waiting} | {sent_away} | {half} s | {all} s |"
            );
        }
    }
    out.push_str(
        "\n| seconds after a 600 s outage | come a second | served a second | waiting |\n|---|---|---|---|\n",
    );
    let curve = outage(600, 50, None).play();
    for (at, span) in curve.chunks(20).enumerate() {
        let mean = |of: fn(&Second) -> usize| span.iter().map(of).sum::<usize>() as f64 / span.len() as f64;
        let (from, waiting) = (at * 20, span.iter().map(|second| second.queue).max().unwrap_or(0));
        let _ = writeln!(
            out,
            "| {from}–{} | {:.1} | {:.1} | {waiting} |",
            from + span.len(),
            mean(|second| second.came),
            mean(|second| second.served),
        );
    }
    out
}
