//! Named points at which a test can end the process, as a power cut would.
//!
//! `GRIDLEDGER_DIE_AT=server.after_commit:3` ends the process the third time the point is reached. Without the
//! variable the points cost one relaxed load.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

struct Plan {
    point: String,
    left: AtomicU64,
}

static PLAN: OnceLock<Option<Plan>> = OnceLock::new();

fn plan() -> Option<Plan> {
    let text = std::env::var("GRIDLEDGER_DIE_AT").ok()?;
    let (point, count) = text.split_once(':').unwrap_or((&text, "1"));
    Some(Plan { point: point.to_owned(), left: AtomicU64::new(count.parse().ok()?) })
}

/// The pages a SQLite file may have, if a test says so (`GRIDLEDGER_MOST_PAGES`): one more is a full disk.
pub fn most_pages() -> Option<u32> {
    std::env::var("GRIDLEDGER_MOST_PAGES").ok()?.parse().ok()
}

static PLANTED: OnceLock<Option<String>> = OnceLock::new();

/// Whether a test planted this fault (`GRIDLEDGER_PLANTED`), to see that it is found: a mend is left out while it is. Builds
/// for use have no such switch.
pub fn is_planted(fault: &str) -> bool {
    cfg!(debug_assertions)
        && PLANTED.get_or_init(|| std::env::var("GRIDLEDGER_PLANTED").ok()).as_deref() == Some(fault)
}

/// Marks a point. Ends the process at once, without unwinding, if a test asked for it.
pub fn reach(point: &str) {
    if let Some(plan) = PLAN.get_or_init(plan)
        && plan.point == point
        && plan.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}
