//! Promises that hold for each record by itself.

use std::collections::{BTreeMap, BTreeSet};

use gridledger_client::RecordId;
use gridledger_core::fold::{Event, Outcome, State, Verb};
use gridledger_schema::entry::Op;
use gridledger_schema::limits;
use serde_json::{Value, json};

use super::held::Held;
use super::territory::known_in;
use super::{Simulation, text};

/// Counters are the sum of what was accepted, logs hold what was appended, each once.
pub(super) fn sums(id: &RecordId, held: &Held) -> Result<(), String> {
    if held.is_emptied() {
        return Ok(()); // That bases and entries give the documents is proven all the same.
    }
    let view = held.view(u64::MAX);
    let mut counters: BTreeMap<&str, i64> = BTreeMap::new();
    let mut logs: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for intent in held.stored().flat_map(|(_, entry)| &entry.intents) {
        match &intent.op {
            Op::Increment { by } => *counters.entry(&intent.field).or_default() += by,
            Op::Append { value } => logs.entry(&intent.field).or_default().push(value.to_string()),
            _ => {}
        }
    }
    for (field, sum) in counters {
        if view.fields[field] != json!(sum) {
            return Err(format!("{id}: {field} is {}, accepted were {sum}", view.fields[field]));
        }
    }
    for (field, mut accepted) in logs {
        let mut there: Vec<String> =
            view.fields[field].as_array().into_iter().flatten().map(Value::to_string).collect();
        accepted.sort_unstable();
        there.sort_unstable();
        if there != accepted {
            return Err(format!("{id}: {field} holds {there:?}, accepted were {accepted:?}"));
        }
    }
    Ok(())
}

/// Whoever wrote a stored entry held the role it names, at the area or above it, and not too long ago; the role may
/// write its fields. Whether a phone that was told of an end wrote on is asked where it saves.
pub(super) fn permitted(simulation: &Simulation<'_>, id: &RecordId, held: &Held) -> Result<(), String> {
    let store = &simulation.world.service.store;
    let above = known_in(simulation, held.area)?;
    for (row, entry) in held.stored().filter(|(row, _)| !row.body.is_empty()) {
        let user = store.user_by_login(&row.author).map_err(text)?.ok_or("an unknown author")?;
        let grants = store.grants(user.no).map_err(text)?;
        let in_force = grants.iter().any(|grant| {
            let open = grant.to.is_none_or(|to| row.received_at < to + limits::RIGHTS_GRACE_MS);
            let time = grant.from <= row.received_at && open;
            time && grant.role == entry.role && above.contains(&grant.area)
        });
        let may_write = entry.intents.iter().all(|intent| {
            let field = held.record_type.field(&intent.field);
            matches!(intent.op, Op::Event { .. }) || field.is_some_and(|f| f.write.contains(&entry.role))
        });
        if !(in_force && may_write) {
            return Err(format!("{id}: {} had no right to entry {entry:?}", row.author));
        }
    }
    Ok(())
}

/// A ticket that counts as done was closed by someone who had seen every escalation that took effect.
pub(super) fn nothing_buried(
    simulation: &mut Simulation<'_>,
    id: &RecordId,
    held: &Held,
) -> Result<(), String> {
    let view = held.view(u64::MAX);
    let Some(ticket) = &view.ticket else { return Ok(()) };
    if !matches!(ticket.state, Some(State::Closed | State::Evaluated | State::Void)) {
        return Ok(());
    }
    simulation.tally.closed += 1;
    let applied = |verb: Verb| {
        let of_verb = view.events.iter().filter(move |e| e.verb == verb);
        of_verb.filter(|e| ticket.outcomes.get(&e.id) == Some(&Outcome::Applied))
    };
    let seen: Vec<BTreeSet<&str>> = [Verb::Close, Verb::Void]
        .into_iter()
        .flat_map(applied)
        .map(|end| ancestors(&view.events, end))
        .collect();
    for opening in
        [Verb::Report, Verb::Escalate, Verb::Reopen, Verb::VerifyFail].into_iter().flat_map(applied)
    {
        if !seen.iter().any(|seen| seen.contains(opening.id.as_str())) {
            return Err(format!("{id} is {:?}, and nobody who ended it had seen {opening:?}", ticket.state));
        }
    }
    Ok(())
}

fn ancestors<'e>(events: &'e [Event], of: &'e Event) -> BTreeSet<&'e str> {
    let mut seen = BTreeSet::new();
    let mut waiting = vec![of];
    while let Some(event) = waiting.pop() {
        for parent in &event.parents {
            if seen.insert(parent.as_str()) {
                waiting.extend(events.iter().filter(|e| e.id == *parent));
            }
        }
    }
    seen
}
