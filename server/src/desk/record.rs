//! Shows one record and its history to a person at a desk. A reader without a right to the record gets `not_found`.

use gridledger_core::fold::reading_order;
use gridledger_core::project::View;
use gridledger_core::{canonical, mask};
use gridledger_schema::code::Code;
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::RecordId;
use gridledger_schema::limits;
use serde_json::{Value, json};

use crate::desk::disclosure::readable::{Readable, find};
use crate::desk::disclosure::unmask;
use crate::desk::disclosure::unmask::Unmask;
use crate::rights::reader::{ReadError, Reader};
use crate::service::clock;
use crate::store::StoreError;
use crate::store::rows::records::HistoryRow;

/// `GET /v1/records/{id}`: the record with the fields the reader may see, masked but for who may and says why.
pub fn record(reader: &Reader<'_>, record: RecordId, plain: Option<&Unmask>) -> Result<Value, ReadError> {
    let readable = find(reader, record)?;
    if readable.row.erased {
        return Err(ReadError::refused(Code::Erased, "the record was erased"));
    }
    if let Some(why) = plain {
        unmask::record(reader, &readable, why)?;
    }
    let Readable { row, record_type, view, .. } = readable;
    let Value::Object(mut fields) = view.to_json() else {
        return Err(StoreError::Damaged("documents").into());
    };
    if plain.is_none() {
        fields = mask::view(record_type, &fields);
    }
    let conflicts = fields.remove("_conflicts").unwrap_or_else(|| json!({}));
    let ticket = fields.remove("_ticket");
    let area = reader.tree().get(row.area);
    let mut shown = json!({
        "id": row.record,
        "type": row.record_type,
        "area": area.map(|area| &area.code),
        "area_name": area.map(|area| &area.name),
        "epoch": row.epoch,
        "created_at": row.created_at,
        "created_by": row.created_by,
        "changed_at": row.changed_at,
        "changed_by": row.changed_by,
        "entries": row.entries,
        "last": row.last,
        "masked": plain.is_none(),
        "fields": fields,
        "conflicts": conflicts,
    });
    if let (Some(mut shown_ticket), Some(ticket)) = (ticket, &view.ticket) {
        shown_ticket["proposals"] = json!(in_order(&view, &ticket.proposals()));
        shown_ticket["forwarded"] = json!(in_order(&view, &ticket.forwarded()));
        shown["ticket"] = shown_ticket;
    }
    Ok(shown)
}

/// `GET /v1/records/{id}/history`: who did what, in log order, then what was refused; for a ticket its events and what
/// became of each. Refused entries are for their author and for who supervises.
pub fn history(reader: &Reader<'_>, record: RecordId, plain: Option<&Unmask>) -> Result<Value, ReadError> {
    let readable = find(reader, record)?;
    if let Some(why) = plain {
        unmask::record(reader, &readable, why)?;
    }
    let mut entries = Vec::new();
    let rows = reader.service.store.history_upto(record, limits::HISTORY_REFUSED)?;
    let refused = rows.iter().filter(|row| row.refusal.is_some()).count();
    for row in rows {
        if row.refusal.is_some() && !readable.reach.supervises && row.author != reader.login {
            continue;
        }
        if row.body.is_empty() {
            entries.extend(erased_json(&readable, &row));
            continue;
        }
        let entry = canonical::decode(&row.body).map_err(|_| StoreError::Damaged("entries"))?;
        entries.extend(entry_json(&readable, &row, entry, plain.is_none()));
    }
    let mut shown = json!({ "id": record, "masked": plain.is_none(), "entries": entries });
    if refused == limits::HISTORY_REFUSED {
        shown["refused_cut"] = json!(true);
    }
    if readable.record_type.events_field().is_some() {
        shown["events"] = events(&readable, plain.is_none()).into();
    }
    Ok(shown)
}

/// An entry; `None` if it touches only what the reader may not see.
fn entry_json(readable: &Readable<'_>, row: &HistoryRow, mut entry: Entry, masks: bool) -> Option<Value> {
    if entry.facets() & readable.reach.facets == 0 {
        return None;
    }
    entry.intents.retain(|intent| readable.reach.reads(intent.facet));
    if masks {
        entry.intents = mask::intents(Some(readable.record_type), &entry.intents);
    }
    let seen = row.log.as_ref().map(|line| match &line.seen {
        None => json!("all"),
        Some(seen) => seen
            .iter()
            .filter(|(facet, ..)| readable.reach.reads(*facet))
            .map(|(facet, feed, n)| json!({ "facet": facet, "feed": feed, "n": n }))
            .collect(),
    });
    let mut shown = json!({
        "seq": row.log.as_ref().map(|line| line.seq),
        "feed": row.feed,
        "n": entry.n,
        "author": row.author,
        "device": row.device,
        "at": entry.at,
        "received_at": row.received_at,
        "role": entry.role,
        "intents": entry.intents,
        "seen": seen,
    });
    if clock::is_uncertain(entry.at, row.received_at) {
        shown["uncertain_time"] = json!(true);
    }
    if let Some(refusal) = &row.refusal {
        shown["refusal"] = json!(refusal);
    }
    Some(shown)
}

/// An entry that held what was erased: ids and times; `None` if it touched only what the reader may not see.
fn erased_json(readable: &Readable<'_>, row: &HistoryRow) -> Option<Value> {
    let line = row.log.as_ref();
    if line.is_some_and(|line| line.facets & readable.reach.facets == 0) {
        return None;
    }
    let mut shown = json!({
        "seq": line.map(|line| line.seq),
        "feed": row.feed,
        "n": row.n,
        "author": row.author,
        "device": row.device,
        "received_at": row.received_at,
        "erased": true,
    });
    if let Some(refusal) = &row.refusal {
        shown["refusal"] = json!(refusal);
    }
    Some(shown)
}

/// Ids of events, in the order in which they are read.
fn in_order<'a>(view: &'a View, ids: &[&str]) -> Vec<&'a str> {
    let ordered = reading_order(&view.events).into_iter().map(|event| event.id.as_str());
    ordered.filter(|id| ids.contains(id)).collect()
}

/// A ticket's events, causes first, each with what became of it.
fn events(readable: &Readable<'_>, masks: bool) -> Vec<Value> {
    let view = &readable.view;
    let outcome = |id: &str| view.ticket.as_ref().and_then(|ticket| ticket.outcomes.get(id));
    let shown = reading_order(&view.events).into_iter().map(|event| {
        let mut shown = json!(event);
        if masks {
            shown["args"] = mask::event_args(readable.record_type, &event.args).into();
        }
        shown["outcome"] = json!(outcome(&event.id));
        shown
    });
    shown.collect()
}
