//! Whether the promises were kept, asked once every line has healed.

use std::collections::{BTreeMap, BTreeSet};

use gridledger_client::{OwnEdit, Query, RecordId, SentState};
use gridledger_core::canonical;
use gridledger_core::derive::Seen;
use gridledger_core::document::Document;
use gridledger_core::project::project;
use gridledger_core::rights::Rights;
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::{AreaNo, FeedId};
use gridledger_schema::limits;
use gridledger_schema::set::{RecordType, Scope};
use gridledger_server::operate::verify::verify;
use gridledger_server::service::Service;
use gridledger_server::store::rows::records::{EventKind, HistoryRow};
use serde_json::{Value, json};

use super::clocks::is_of_clocks;
use super::conflicts::none_swallowed;
use super::held::Held;
use super::of_record::{nothing_buried, permitted, sums};
use super::{PEOPLE, Player, Simulation, text};

type Records = BTreeMap<RecordId, Held>;

/// Asks everything.
pub(super) fn promises(simulation: &mut Simulation<'_>) -> Result<(), String> {
    let records = records(simulation)?;
    proven_from_the_entries(simulation)?;
    positions_grow(simulation, &records)?;
    for (id, held) in &records {
        sums(id, held)?;
        permitted(simulation, id, held)?;
        nothing_buried(simulation, id, held)?;
        none_swallowed(simulation, id, held)?;
        simulation.nothing_forged(held)?;
    }
    let fates = fates(simulation, &records)?;
    claims(simulation, &records, &fates)?;
    refused_stays_home(simulation, &records)?;
    for player in 0..simulation.players.len() {
        same_views(simulation, player, &records)?;
    }
    simulation.desks_are_right()?;
    Ok(())
}

fn records(simulation: &Simulation<'_>) -> Result<Records, String> {
    let service = &simulation.world.service;
    let mut records = Records::new();
    // Records that were refused have a history too.
    let mut ids: BTreeSet<RecordId> = simulation.saved.iter().map(|s| s.record).collect();
    let mut placed = BTreeSet::new();
    for area in service.tree().iter() {
        for row in service.store.records_of(area.no).map_err(text)? {
            if !placed.insert(row.record) {
                return Err(format!("{} is in two areas", row.record));
            }
        }
    }
    ids.extend(placed);
    for id in ids {
        records.insert(id, held(service, id)?);
    }
    Ok(records)
}

/// A record as the server holds it; for a refused record, its history alone.
fn held(service: &Service, id: RecordId) -> Result<Held, String> {
    let history = service.store.history(id).map_err(text)?;
    let decoded = history.into_iter().map(|row| {
        let entry = if row.body.is_empty() {
            emptied(id, &row)
        } else {
            canonical::decode(&row.body).map_err(text)?
        };
        Ok((row, entry))
    });
    let history = decoded.collect::<Result<Vec<_>, String>>()?;
    let Some((row, documents)) = service.store.record(id).map_err(text)? else {
        if history.iter().any(|(row, _)| row.refusal.is_none()) {
            return Err(format!("{id} has stored entries and no record"));
        }
        return Ok(Held {
            id,
            area: AreaNo(0),
            began: 0,
            record_type: service.schema.types["patrol"].clone(),
            documents: BTreeMap::new(),
            history,
        });
    };
    let record_type = service.schema.record_type(&row.record_type);
    let documents = documents
        .iter()
        .map(|d| Ok((d.facet, Document::load_checked(&d.bytes).map_err(text)?)))
        .collect::<Result<_, String>>()?;
    Ok(Held {
        id,
        area: row.area,
        began: row.began,
        record_type: record_type.ok_or("an unknown type")?.clone(),
        documents,
        history,
    })
}

/// Whether the server has a record, and a player does not see it.
pub(super) fn is_out_of_reach(
    simulation: &Simulation<'_>,
    player: usize,
    record: RecordId,
) -> Result<bool, String> {
    let held = held(&simulation.world.service, record)?;
    let login = PEOPLE[simulation.players[player].who].0;
    let may_read = rights(simulation, player)?;
    let scope = may_read.get(&held.area).and_then(|reach| reach.scope);
    Ok(!held.documents.is_empty() && !held.is_within(scope, login))
}

/// An entry whose bytes are gone: what its row still tells.
fn emptied(record: RecordId, row: &HistoryRow) -> Entry {
    Entry {
        n: row.n,
        at: 0,
        cursor: 0,
        role: String::new(),
        target: Target::Edit { record },
        intents: Vec::new(),
    }
}

/// Documents, ledgers, logs and digests follow from bases and entries, and nothing erased is left in those.
fn proven_from_the_entries(simulation: &Simulation<'_>) -> Result<(), String> {
    let report = verify(&simulation.world.service).map_err(text)?;
    if report.is_whole() {
        return Ok(());
    }
    Err(format!("{:?}", report.listed))
}

/// A record's positions only grow, over moves too; how often records moved.
fn positions_grow(simulation: &mut Simulation<'_>, records: &Records) -> Result<(), String> {
    for (id, held) in records {
        let lines = held.stored().filter_map(|(row, _)| row.log.as_ref());
        let positions: Vec<u64> = lines.map(|line| line.seq).collect();
        if !positions.is_sorted_by(|a, b| a < b) {
            return Err(format!("{id} is at {positions:?}"));
        }
    }
    let service = &simulation.world.service;
    for area in service.tree().iter() {
        let events = service.store.events_between(area.no, 0, u64::MAX).map_err(text)?;
        simulation.tally.moved += events.iter().filter(|e| e.kind == EventKind::Left).count();
    }
    Ok(())
}

/// Which entries were refused, by feed and number.
type Fates = BTreeMap<(FeedId, u64), bool>;

/// Every saved edit is in the history, or needs (or had) its author's attention; never both, never neither.
fn fates(simulation: &mut Simulation<'_>, records: &Records) -> Result<Fates, String> {
    let mut fates = Fates::new();
    let of_players = |(row, _): &&(HistoryRow, Entry)| !simulation.strangers.contains(&row.feed);
    for (row, entry) in records.values().flat_map(|held| &held.history).filter(of_players) {
        let beaten = row.refusal.as_ref().is_some_and(|r| r.code == Code::Erased);
        simulation.tally.beaten += usize::from(beaten);
        if fates.insert((row.feed, entry.n), row.refusal.is_some()).is_some() {
            return Err(format!("{}.{} is in the history twice", row.feed, entry.n));
        }
    }
    blameless(simulation, records)?;
    if fates.len() != simulation.saved.len() {
        return Err(format!("{} edits saved, {} decided", simulation.saved.len(), fates.len()));
    }
    for index in 0..simulation.players.len() {
        let may_read = rights(simulation, index)?;
        let login = PEOPLE[simulation.players[index].who].0;
        let Player { phone, feed, .. } = &mut simulation.players[index];
        let states = phone.engine().receipts(usize::MAX >> 1).map_err(text)?;
        let attention = phone.engine().attention().map_err(text)?;
        let lost = phone.engine().lost().map_err(text)?;
        if !lost.is_empty() && simulation.tally.waited_out == 0 {
            return Err(format!("{index} lost {lost:?}"));
        }
        for OwnEdit { n, record, state, .. } in states {
            let refused = fates.get(&(*feed, n)).copied();
            let fits = match (refused, state) {
                (Some(true), SentState::Refused) => {
                    attention.iter().any(|a| a.id.n == n && a.record == record)
                }
                (Some(true), SentState::Dismissed) => simulation.dealt_with.contains(&(index, n)),
                (Some(false), SentState::InLedger) => true,
                // Decided, and its area is no longer this phone's to read.
                (Some(false), SentState::Sent) => {
                    let held = &records[&record];
                    let reach = may_read.get(&held.area);
                    !reach.is_some_and(|reach| held.is_within(reach.scope, login))
                }
                _ => false,
            };
            if !fits {
                return Err(format!("{index}'s edit {n} is {state:?}, refused on the server: {refused:?}"));
            }
        }
    }
    Ok(fates)
}

/// No phone is refused for a right that it could not know had ended, but after the grace.
fn blameless(simulation: &Simulation<'_>, records: &Records) -> Result<(), String> {
    let ends: Vec<i64> = simulation.ends.clone();
    for (row, entry) in records.values().flat_map(|held| &held.history) {
        let blamed = match row.refusal.as_ref().map(|refusal| refusal.code) {
            Some(Code::RoleNotHeld | Code::GrantEnded) => true,
            // Clocks are put right or taken as they are: nobody's work is refused for them.
            Some(code) if is_of_clocks(code) => true,
            Some(Code::GraceOver) => ends.iter().all(|end| row.received_at < end + limits::RIGHTS_GRACE_MS),
            _ => false,
        };
        if blamed {
            return Err(format!("{}'s {entry:?} was refused: {:?}", row.author, row.refusal));
        }
    }
    Ok(())
}

/// The facets and records of an area that a player may read.
#[derive(Clone, Copy)]
struct MayRead {
    facets: u64,
    scope: Option<Scope>,
}

/// The areas a player may read.
fn rights(simulation: &Simulation<'_>, player: usize) -> Result<BTreeMap<AreaNo, MayRead>, String> {
    let service = &simulation.world.service;
    let login = PEOPLE[simulation.players[player].who].0;
    let user = service.store.user_by_login(login).map_err(text)?.ok_or("no such user")?;
    let (grants, tree) = (service.store.grants(user.no).map_err(text)?, service.tree());
    let rights = Rights { schema: &service.schema, tree: &tree, grants: &grants };
    let now = service.now();
    Ok(rights
        .areas(now)
        .into_iter()
        .map(|area| {
            let (facets, scope) = (rights.facets(area, now), rights.scope(area, now));
            (area, MayRead { facets, scope })
        })
        .collect())
}

/// No entry claims to have seen what its author had not, nor less: the record as of what the server says the author
/// had seen is the record that was on the screen.
fn claims(simulation: &mut Simulation<'_>, records: &Records, fates: &Fates) -> Result<(), String> {
    if simulation.tally.waited_out > 0 {
        // An edit whose ground did not come in time was stored on the state that was there.
        return Ok(());
    }
    for edit in &simulation.saved {
        let Player { who, feed, .. } = &simulation.players[edit.player];
        let held = &records[&edit.record];
        // An author whose refused edits were on the screen saw values that never were. A reader of two facets saw more than one.
        let own_refused = held
            .history
            .iter()
            .any(|(row, entry)| row.feed == *feed && entry.n < edit.n && fates[&(row.feed, entry.n)]);
        let Some(saw) = edit.saw.as_ref().filter(|_| !own_refused && PEOPLE[*who].1 != "grid_head") else {
            continue;
        };
        let stored: Vec<_> = held.stored().collect();
        let Some(place) = stored.iter().position(|(row, e)| row.feed == *feed && e.n == edit.n) else {
            continue;
        };
        // The state before the record's generation cannot be shown again.
        let of_before = stored[place].0.log.as_ref().is_some_and(|line| line.seq <= held.began);
        if of_before || stored[place].1.cursor < held.began {
            continue;
        }
        let line = stored[place].0.log.as_ref().ok_or("a stored entry without a line")?;
        let clock = match &line.seen {
            None => all_of(&stored[..place]),
            Some(seen) => seen.iter().filter(|(f, ..)| *f == 0).map(|(_, feed, n)| (*feed, *n)).collect(),
        };
        simulation.tally.concurrent += usize::from(line.seen.is_some());
        let past = held.documents[&0].at(&Seen::Clock(clock)).map_err(text)?;
        let there = project(&held.record_type, [&past]).to_json();
        let comparable = |view: &Value| {
            let mut view = view.clone();
            if edit.hides {
                forget_kept_for_a_time(&mut view, &held.record_type);
            }
            if edit.retimed { timeless(&view) } else { view }
        };
        let same = comparable(&there) == comparable(saw);
        if !same {
            return Err(format!(
                "{}'s edit {} of {} was made on\n{saw}\nand claims\n{there}",
                edit.player, edit.n, edit.record
            ));
        }
    }
    Ok(())
}

/// Takes from a view what is kept for some days only.
fn forget_kept_for_a_time(view: &mut Value, record_type: &RecordType) {
    let stays = |name: &str| {
        let field = record_type.field(name.split('/').next().unwrap_or(name));
        field.is_none_or(|field| field.privacy.retain_days.is_none())
    };
    let Some(fields) = view.as_object_mut() else {
        return;
    };
    fields.retain(|name, _| stays(name));
    if let Some(conflicts) = fields.get_mut("_conflicts").and_then(Value::as_object_mut) {
        conflicts.retain(|name, _| stays(name));
    }
}

/// A view without what times decide: the order of a log, which of several values is shown first, a ticket's state.
fn timeless(view: &Value) -> Value {
    let mut view = view.clone();
    let Some(fields) = view.as_object_mut() else {
        return view;
    };
    fields.remove("_ticket");
    for items in fields.values_mut().filter_map(Value::as_array_mut) {
        items.sort_by_key(Value::to_string);
    }
    let conflicts = fields.remove("_conflicts").unwrap_or_default();
    for (field, values) in conflicts.as_object().into_iter().flatten() {
        let values = values.as_array().into_iter().flatten();
        let mut values: Vec<Value> = values.map(|one| one["value"].clone()).collect();
        values.sort_by_key(Value::to_string);
        fields.insert(field.clone(), values.into());
    }
    view
}

fn all_of(before: &[&(HistoryRow, Entry)]) -> Vec<(FeedId, u64)> {
    let mut clock = BTreeMap::new();
    let touched = |row: &HistoryRow| row.log.as_ref().is_some_and(|line| line.facets & 1 != 0);
    for (row, _) in before.iter().filter(|(row, _)| touched(row)) {
        *clock.entry(row.feed).or_insert(0) += 1;
    }
    clock.into_iter().collect()
}

/// No phone shows a text that only refused edits wrote.
fn refused_stays_home(simulation: &mut Simulation<'_>, records: &Records) -> Result<(), String> {
    let marks = |refused: bool| -> BTreeSet<String> {
        let rows = records.values().flat_map(|held| &held.history);
        let rows = rows.filter(|(row, _)| row.refusal.is_some() == refused);
        rows.flat_map(|(_, entry)| marks_in(&json!(entry.intents).to_string())).collect()
    };
    let (accepted, refused) = (marks(false), marks(true));
    for mark in refused.difference(&accepted) {
        for (index, player) in simulation.players.iter_mut().enumerate() {
            let found = player.phone.engine().for_check().list(&Query::default().text(mark)).map_err(text)?;
            if let Some(record) = found.first() {
                return Err(format!("{mark} was refused and is on phone {index}: {}", record.view));
            }
        }
    }
    Ok(())
}

/// The marks (`m17e`, `m17e.2`) in a text.
fn marks_in(text: &str) -> Vec<String> {
    let plain = |c: char| !c.is_ascii_alphanumeric();
    let is_mark = |word: &&str| {
        let digits = word.strip_prefix('m').and_then(|w| w.strip_suffix('e'));
        digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_digit()))
    };
    text.split(plain).filter(is_mark).map(str::to_owned).collect()
}

/// A phone shows what the server would show its user, all of it and nothing else.
fn same_views(simulation: &mut Simulation<'_>, player: usize, records: &Records) -> Result<(), String> {
    let may_read = rights(simulation, player)?;
    let login = PEOPLE[simulation.players[player].who].0;
    let shown =
        simulation.players[player].phone.engine().for_check().list(&Query::default()).map_err(text)?;
    let wanted = records.iter().filter(|(_, held)| {
        let reach = may_read.get(&held.area);
        reach.is_some_and(|reach| held.is_within(reach.scope, login)) && !held.documents.is_empty()
    });
    let wanted: BTreeMap<&RecordId, &Held> = wanted.collect();
    for record in &shown {
        let Some(held) = wanted.get(&record.id) else {
            return Err(format!("phone {player} shows {record:?}, which is not there for it"));
        };
        let there = held.view(may_read[&held.area].facets).to_json();
        if (&record.view, record.pending, &record.record_type) != (&there, 0, &held.record_type.name) {
            return Err(format!("phone {player} shows\n{record:?}\nthe server holds\n{there}"));
        }
    }
    if shown.len() != wanted.len() {
        return Err(format!("phone {player} shows {} records of {}", shown.len(), wanted.len()));
    }
    Ok(())
}
