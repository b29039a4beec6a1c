//! That no value is replaced by somebody who had not seen it. What authors had seen is what was on their screens: what
//! entries claim, and what documents make of it, is not asked.

use std::collections::BTreeMap;

use gridledger_client::RecordId;
use gridledger_schema::entry::Op;
use gridledger_schema::ids::FeedId;
use gridledger_schema::set::Merge;
use serde_json::Value;

use super::held::Held;
use super::{SavedEdit, Simulation, text};

/// The screens on which edits were made, by feed and number.
type Screens<'s> = BTreeMap<(FeedId, u64), &'s SavedEdit>;

/// A value that a stored entry wrote.
struct Written {
    feed: FeedId,
    n: u64,
    field: String,
    value: Value,
    /// It is kept for some days only.
    is_kept_for_a_time: bool,
}

/// Every value that nobody replaced who had it on the screen is still there, if only among the others of a conflict.
pub(super) fn none_swallowed(simulation: &Simulation<'_>, id: &RecordId, held: &Held) -> Result<(), String> {
    // Other checks cover records that began anew or were erased, and edits that waited for a restore in vain.
    if held.is_emptied() || held.began > 0 || simulation.tally.waited_out > 0 {
        return Ok(());
    }
    let screens: Screens<'_> =
        simulation.saved.iter().map(|edit| ((simulation.players[edit.player].feed, edit.n), edit)).collect();
    let written = written(held);
    let there = held.view(u64::MAX).to_json();
    for one in &written {
        let replaced = written.iter().any(|other| knew(other, one, &screens));
        if !replaced && !shows(&there, one) {
            return Err(format!(
                "{id}: {}.{} wrote {} into {}; nobody who saw it replaced it, and it is not there: {there}",
                one.feed,
                one.n,
                text(&one.value),
                one.field
            ));
        }
    }
    Ok(())
}

/// The value that each stored entry put last into each field of one value.
fn written(held: &Held) -> Vec<Written> {
    let mut written: BTreeMap<(FeedId, u64, String), Value> = BTreeMap::new();
    for (row, entry) in held.stored() {
        for intent in &entry.intents {
            let field = held.record_type.field(&intent.field);
            let is_one = field.is_some_and(|field| matches!(field.merge, Merge::Register | Merge::Multi));
            if let (true, Op::Put { value }) = (is_one, &intent.op) {
                written.insert((row.feed, entry.n, intent.field.clone()), value.clone());
            }
        }
    }
    let written = written.into_iter();
    written
        .map(|((feed, n, field), value)| {
            let of_field = held.record_type.field(&field);
            Written {
                is_kept_for_a_time: of_field.is_some_and(|field| field.privacy.retain_days.is_some()),
                feed,
                n,
                field,
                value,
            }
        })
        .collect()
}

/// Whether an entry that writes the same field was made by somebody who had `one` on the screen, as far as that is known.
fn knew(other: &Written, one: &Written, screens: &Screens<'_>) -> bool {
    if other.field != one.field || (other.feed, other.n) == (one.feed, one.n) {
        return false;
    }
    if other.feed == one.feed {
        return other.n > one.n;
    }
    let screen = screens.get(&(other.feed, other.n));
    screen.is_none_or(|edit| {
        let may_be_hidden = edit.hides && one.is_kept_for_a_time;
        may_be_hidden || edit.saw.as_ref().is_none_or(|screen| shows(screen, one))
    })
}

fn shows(view: &Value, one: &Written) -> bool {
    let others = view["_conflicts"][&one.field].as_array();
    let mut others = others.into_iter().flatten();
    // A field without a value is not in a view.
    let value = view.get(&one.field).unwrap_or(&Value::Null);
    *value == one.value || others.any(|other| other["value"] == one.value)
}
