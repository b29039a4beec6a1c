//! Projection turns documents into a view. It is a pure function, the same on a phone and in the ledger.

use std::collections::{BTreeMap, BTreeSet};

use automerge::iter::MapRangeItem;
use automerge::{ObjType, ROOT, ReadDoc, ScalarValue, ValueRef};
use gridledger_schema::set::{CONSENTS, Merge, RecordType};
use serde_json::{Map, Value, json};

use crate::canonical;
use crate::document::{Document, find_author};
use crate::fold::{self, Event, Ticket};

/// A record as a reader sees it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The value of each field.
    pub fields: Map<String, Value>,
    /// Fields that were written concurrently: the value shown first, then the others.
    pub conflicts: BTreeMap<String, Vec<Candidate>>,
    /// A ticket's state, folded from its events.
    pub ticket: Option<Ticket>,
    /// A ticket's events, in time order.
    pub events: Vec<Event>,
    /// Purposes whose consent was withdrawn or refused. Fields that need them are not shown.
    pub withdrawn: BTreeSet<String>,
}

/// One of several values of a field.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Candidate {
    /// The value.
    pub value: Value,
    /// The feed that wrote it.
    pub feed: String,
    /// The time of the write, ms since 1970.
    pub at: i64,
}

impl View {
    /// Writes the view as one JSON object: the fields, `_conflicts` where there are any, `_ticket` for a
    /// ticket.
    pub fn to_json(&self) -> Value {
        let mut out = self.fields.clone();
        if !self.conflicts.is_empty() {
            out.insert("_conflicts".into(), json!(self.conflicts));
        }
        if let Some(ticket) = &self.ticket {
            out.insert("_ticket".into(), ticket_to_json(ticket));
        }
        Value::Object(out)
    }
}

fn ticket_to_json(ticket: &Ticket) -> Value {
    json!({
        "state": ticket.state, "level": ticket.level, "cycle": ticket.cycle,
        "assignees": ticket.assignees, "co_handlers": ticket.co_handlers, "flags": ticket.flags,
    })
}

/// Projects a record from the documents that the reader may hold.
pub fn project<'a>(record_type: &RecordType, facets: impl IntoIterator<Item = &'a Document>) -> View {
    let mut view = View::default();
    for document in facets {
        for item in document.doc.map_range(ROOT, ..) {
            place_item(&mut view, record_type, document, item);
        }
    }
    for field in record_type.fields.values() {
        match field.merge {
            Merge::Counter => _ = view.fields.entry(&*field.name).or_insert(json!(0)),
            Merge::Events => fold_events(&mut view),
            _ => {}
        }
    }
    if !view.withdrawn.is_empty() {
        hide_withdrawn(&mut view, record_type);
    }
    view
}

/// Hides the fields that need a withdrawn purpose, wherever their values still stand.
fn hide_withdrawn(view: &mut View, record_type: &RecordType) {
    let needs = |name: &str| record_type.field(name)?.privacy.consent.as_ref();
    let gone = |name: &str| needs(name).is_some_and(|purpose| view.withdrawn.contains(purpose));
    view.fields.retain(|name, _| !gone(name));
    view.conflicts.retain(|key, _| !gone(key.split('/').next().unwrap_or(key)));
}

fn place_item(view: &mut View, record_type: &RecordType, document: &Document, item: MapRangeItem<'_>) {
    let (name, inner) = match item.key.split_once('/') {
        Some((name, inner)) => (name, Some(inner)),
        None => (&*item.key, None),
    };
    let merge = record_type.fields.get(name).map_or(Merge::Register, |field| field.merge);
    match (inner, merge) {
        (None, Merge::Text) => _ = view.fields.insert(name.into(), read_text(document, &item).into()),
        (None, Merge::Max) => _ = view.fields.insert(name.into(), find_largest(document, name)),
        (None, _) => show_register(view, document, name, &item),
        (Some(inner), Merge::SetAddWins | Merge::SetRemoveWins) => {
            let stays = merge == Merge::SetAddWins;
            let inside = show_set_item(view, document, &item, name, inner, stays);
            if name == CONSENTS && !inside {
                view.withdrawn.insert(inner.to_owned());
            }
        }
        (Some(_), Merge::Log) => _ = list_mut(view, name).map(|list| list.push(to_json_value(&item.value))),
        (Some(inner), Merge::Map) => show_child(view, document, &item, name, inner),
        (Some(inner), Merge::Events) => view.events.extend(read_event(inner, &to_json_value(&item.value))),
        (Some(_), _) => {}
    }
}

fn list_mut<'a>(view: &'a mut View, name: &str) -> Option<&'a mut Vec<Value>> {
    view.fields.entry(name).or_insert_with(|| Value::Array(Vec::new())).as_array_mut()
}

fn show_register(view: &mut View, document: &Document, name: &str, item: &MapRangeItem<'_>) {
    let value = if item.conflict {
        let mut candidates = list_candidates(document, &item.key);
        let first = candidates.first().map_or(Value::Null, |c| c.value.clone());
        candidates.dedup_by(|a, b| a.value == b.value);
        if candidates.len() > 1 {
            view.conflicts.insert(name.into(), candidates);
        }
        first
    } else {
        to_json_value(&item.value)
    };
    if !value.is_null() {
        view.fields.insert(name.into(), value);
    }
}

/// Lists the concurrent values of a key. The value to show comes first: the one of the latest corrected time,
/// then of the highest feed id.
fn list_candidates(document: &Document, key: &str) -> Vec<Candidate> {
    let all = document.doc.get_all(ROOT, key).unwrap_or_default();
    let mut found: Vec<Candidate> = all
        .into_iter()
        .filter_map(|(value, id)| {
            let hash = document.doc.hash_for_opid(&id)?;
            let meta = document.doc.get_change_meta_by_hash(&hash)?;
            let feed = find_author(&meta)?.to_string();
            Some(Candidate { value: scalar_to_json(value.as_scalar()?), feed, at: meta.timestamp })
        })
        .collect();
    found.sort_by(|a, b| (b.at, &b.feed).cmp(&(a.at, &a.feed)));
    found
}

fn find_largest(document: &Document, name: &str) -> Value {
    let all = document.doc.get_all(ROOT, name).unwrap_or_default();
    all.iter().filter_map(|(v, _)| v.as_i64()).max().map_or(Value::Null, Value::from)
}

fn read_text(document: &Document, item: &MapRangeItem<'_>) -> String {
    match item.value {
        ValueRef::Object(ObjType::Text) => document.doc.text(item.id()).unwrap_or_default(),
        _ => String::new(),
    }
}

fn show_set_item(
    view: &mut View,
    document: &Document,
    item: &MapRangeItem<'_>,
    name: &str,
    member: &str,
    add_wins: bool,
) -> bool {
    let inside = if item.conflict {
        let all = document.doc.get_all(ROOT, &*item.key).unwrap_or_default();
        let mut votes = all.iter().map(|(v, _)| v.as_bool() == Some(true));
        if add_wins { votes.any(|v| v) } else { votes.all(|v| v) }
    } else {
        to_json_value(&item.value) == Value::Bool(true)
    };
    if let Some(list) = list_mut(view, name)
        && inside
    {
        list.push(member.into());
    }
    inside
}

/// Projects a child or one of its keys. A child stays while somebody who had not seen its removal still
/// writes to it.
fn show_child(view: &mut View, document: &Document, item: &MapRangeItem<'_>, name: &str, inner: &str) {
    let children = view.fields.entry(name).or_insert_with(|| Value::Object(Map::new()));
    let Some(children) = children.as_object_mut() else {
        return;
    };
    let Some((id, key)) = inner.split_once('/') else {
        let stays = if item.conflict {
            let all = document.doc.get_all(ROOT, &*item.key).unwrap_or_default();
            all.iter().any(|(v, _)| v.as_bool() == Some(true))
        } else {
            to_json_value(&item.value) == Value::Bool(true)
        };
        if stays {
            children.insert(inner.into(), Value::Object(Map::new()));
        }
        return;
    };
    // The marker `field/id` sorts before `field/id/key`. An id that is not there was removed.
    let Some(fields) = children.get_mut(id).and_then(Value::as_object_mut) else {
        return;
    };
    let value = if item.conflict {
        let found = list_candidates(document, &item.key);
        let first = found.first().map_or(Value::Null, |c| c.value.clone());
        if found.iter().any(|c| c.value != first) {
            view.conflicts.insert(item.key.to_string(), found);
        }
        first
    } else {
        to_json_value(&item.value)
    };
    fields.insert(key.into(), value);
}

fn to_json_value(value: &ValueRef<'_>) -> Value {
    value.clone().into_value().as_scalar().map_or(Value::Null, scalar_to_json)
}

fn scalar_to_json(scalar: &ScalarValue) -> Value {
    match scalar {
        ScalarValue::Bytes(bytes) => {
            canonical::read_value(&mut minicbor::Decoder::new(bytes), 0).unwrap_or(Value::Null)
        }
        ScalarValue::Str(s) => s.as_str().into(),
        ScalarValue::Int(i) | ScalarValue::Timestamp(i) => (*i).into(),
        ScalarValue::Uint(u) => (*u).into(),
        ScalarValue::F64(f) => json!(f),
        ScalarValue::Counter(c) => i64::from(c).into(),
        ScalarValue::Boolean(b) => (*b).into(),
        ScalarValue::Null | ScalarValue::Unknown { .. } => Value::Null,
    }
}

/// Reads the events stored in a field, in time order.
pub(crate) fn read_stored_events(doc: &impl ReadDoc, field: &str) -> Vec<Event> {
    let prefix = format!("{field}/");
    let end = format!("{field}0"); // '0' follows '/'
    doc.map_range(ROOT, prefix.clone()..end)
        .filter_map(|item| read_event(item.key.strip_prefix(&prefix)?, &to_json_value(&item.value)))
        .collect()
}

/// Reads an event from its key (`TIME.FEED.N.I`) and stored value.
fn read_event(key: &str, stored: &Value) -> Option<Event> {
    let (time, id) = key.split_once('.')?;
    let texts =
        |v: &Value| Some(v.as_array()?.iter().filter_map(|p| p.as_str().map(str::to_owned)).collect());
    Some(Event {
        id: id.to_owned(),
        verb: stored["v"].as_str()?.parse().ok()?,
        actor: stored["a"].as_str()?.to_owned(),
        at: i64::from_str_radix(time, 16).ok()?,
        parents: texts(&stored["p"])?,
        args: stored["r"].as_object()?.clone(),
    })
}

fn fold_events(view: &mut View) {
    view.ticket = fold::fold(&view.events).ok();
}
