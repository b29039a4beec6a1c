//! The table of a measurement.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::drive::Driven;
use super::hostile::Done;
use super::serving::Used;

/// A measurement.
pub struct Row {
    at_once: usize,
    syncs: usize,
    edits: usize,
    seconds: f64,
    p50_ms: f64,
    p99_ms: f64,
    told_back: u64,
    used: Used,
}

/// The table's head.
pub fn head() -> String {
    "| at once | syncs | edits | edits/s | syncs/s | p50 ms | p99 ms | told to come back | server CPU s / 1,000 edits | database CPU s / 1,000 edits |\n\
     |---|---|---|---|---|---|---|---|---|---|\n"
        .into()
}

/// The head of the table beside a hostile phone.
pub fn hostile_head() -> String {
    "| at once | syncs | honest p50 ms alone, beside | honest p99 ms alone | honest p99 ms beside | ratio | hostile requests | hostile entries decided | its longest request ms |\n\
     |---|---|---|---|---|---|---|---|---|\n"
        .into()
}

/// A line of it.
pub fn hostile_line(at_once: usize, alone: &Driven, beside: &Driven, done: &Done) -> String {
    let ms = |driven: &Driven, percent| driven.percentile(percent).as_secs_f64() * 1_000.0;
    let (before, after) = (ms(alone, 99), ms(beside, 99));
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    format!(
        "| {at_once} | {} | {:.1}, {:.1} | {before:.1} | {after:.1} | {:.1} | {} | {} | {} |\n",
        beside.syncs(),
        ms(alone, 50),
        ms(beside, 50),
        after / before.max(0.1),
        count(&done.requests),
        count(&done.decided),
        count(&done.longest),
    )
}

impl Row {
    /// The row of what was driven.
    pub fn new(at_once: usize, edits: usize, driven: &Driven, used: Used) -> Self {
        let ms = |percent| driven.percentile(percent).as_secs_f64() * 1_000.0;
        Self {
            at_once,
            syncs: driven.syncs(),
            edits: driven.syncs() * edits,
            seconds: driven.all.as_secs_f64(),
            p50_ms: ms(50),
            p99_ms: ms(99),
            told_back: driven.told_back,
            used,
        }
    }

    fn per_thousand(&self, seconds: f64) -> f64 {
        seconds * 1_000.0 / self.edits.max(1) as f64
    }

    /// Formats the row as a line of the table.
    pub fn line(&self) -> String {
        format!(
            "| {} | {} | {} | {:.0} | {:.0} | {:.1} | {:.1} | {} | {:.3} | {:.3} |\n",
            self.at_once,
            self.syncs,
            self.edits,
            self.edits as f64 / self.seconds,
            self.syncs as f64 / self.seconds,
            self.p50_ms,
            self.p99_ms,
            self.told_back,
            self.per_thousand(self.used.server),
            self.per_thousand(self.used.database)
        )
    }

    /// Formats the row as a line of JSON.
    pub fn json(&self) -> String {
        let row = json!({
            "at_once": self.at_once,
            "syncs": self.syncs,
            "edits": self.edits,
            "seconds": self.seconds,
            "p50_ms": self.p50_ms,
            "p99_ms": self.p99_ms,
            "told_back": self.told_back,
            "server_cpu_s": self.used.server,
            "database_cpu_s": self.used.database,
        });
        format!("{row}\n")
    }
}
