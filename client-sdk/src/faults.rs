//! Named points at which a test can end the process, as a power cut would: `GRIDLEDGER_DIE_AT=phone.after_save:3`.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static PLAN: OnceLock<Option<(String, AtomicU64)>> = OnceLock::new();

fn plan() -> Option<(String, AtomicU64)> {
    let text = std::env::var("GRIDLEDGER_DIE_AT").ok()?;
    let (point, count) = text.split_once(':').unwrap_or((&text, "1"));
    Some((point.to_owned(), AtomicU64::new(count.parse().ok()?)))
}

thread_local! {
    static PLANTED: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Plants a fault in the stores that this thread uses, or none. Tests see whether they find it.
pub fn plant(fault: Option<&'static str>) {
    PLANTED.set(fault);
}

static PLANTED_EVERYWHERE: OnceLock<Option<String>> = OnceLock::new();

/// Whether a test planted this fault, in this thread or in the whole process (`GRIDLEDGER_PLANTED`). A planted fault leaves
/// out a mend. Release builds do not read the variable.
pub(crate) fn is_planted(fault: &str) -> bool {
    let everywhere = || {
        cfg!(debug_assertions)
            && PLANTED_EVERYWHERE.get_or_init(|| std::env::var("GRIDLEDGER_PLANTED").ok()).as_deref()
                == Some(fault)
    };
    PLANTED.get() == Some(fault) || everywhere()
}

/// Marks a point. Ends the process at once, without unwinding, if a test asked for that.
pub fn reach(point: &str) {
    if let Some((name, left)) = PLAN.get_or_init(plan)
        && name == point
        && left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}
