//! The row locks of a push: its areas and feeds, taken before anything is read, in one order for all. So two pushes to
//! an area follow each other, also between nodes, and the positions of its log become visible in order.
//!
//! [`Locked`] is the proof. Every write to an area asks it; a write to an area that is not locked is an error. The push
//! then runs again with that area locked as well.

use crate::store::tables::routes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use gridledger_schema::entry::Target;
use gridledger_schema::ids::AreaNo;
use gridledger_schema::limits;

use crate::faults;
use crate::store::StoreError;
use crate::store::rows::records::{Push, Writes};
use crate::store::sql::{Cell, Connection, ToCell};

/// Values a query names at once; the last is repeated to fill the list, so that there is one statement to prepare.
const AT_ONCE: usize = 64;

/// Areas that earlier runs of a push wrote without having locked them.
pub(super) type Discovered = Mutex<BTreeSet<AreaNo>>;

/// The areas that a transaction has locked.
pub(super) struct Locked {
    /// `None`: no other write runs beside this one.
    areas: Option<BTreeSet<AreaNo>>,
}

impl Locked {
    /// All areas. Only a transaction beside which no other write runs holds them.
    pub(super) fn everything(c: &Connection<'_>) -> Result<Self, StoreError> {
        if c.is_alone() { Ok(Self { areas: None }) } else { Err(StoreError::NotAlone) }
    }

    fn has(&self, area: AreaNo) -> bool {
        let held = self.areas.as_ref().is_none_or(|areas| areas.contains(&area));
        held || faults::is_planted("01")
    }

    /// An area may be written only if it is locked.
    pub(super) fn expect(&self, area: AreaNo) -> Result<(), StoreError> {
        if self.has(area) { Ok(()) } else { Err(StoreError::Unlocked(area)) }
    }

    /// Refuses writes that touch an area that is not locked, and notes the area for the next run.
    pub(super) fn covers(&self, writes: &Writes, discovered: &Discovered) -> Result<(), StoreError> {
        let missing: BTreeSet<AreaNo> = written(writes).filter(|area| !self.has(*area)).collect();
        let Some(first) = missing.first().copied() else {
            return Ok(());
        };
        tracing::info!(areas = missing.len(), "a push is decided again with more areas locked");
        let mut discovered = discovered.lock().unwrap_or_else(PoisonError::into_inner);
        discovered.extend(missing);
        Err(StoreError::Unlocked(first))
    }
}

/// Every area that these writes touch.
fn written(writes: &Writes) -> impl Iterator<Item = AreaNo> + '_ {
    let heads = writes.areas.iter().map(|(area, _)| *area);
    let lines = writes.log.iter().map(|(area, _)| *area);
    let events = writes.events.iter().map(|(area, _)| *area);
    let departures = writes.departures.iter().map(|(area, _)| *area);
    let records = writes.records.iter().map(|record| record.row.area);
    heads.chain(lines).chain(events).chain(departures).chain(records)
}

/// Takes the row locks. There is nothing to do where no other write runs beside this one.
pub(super) fn take_row_locks(
    c: &Connection<'_>,
    push: &Push,
    discovered: &Discovered,
) -> Result<Locked, StoreError> {
    if c.is_alone() {
        return Locked::everything(c);
    }
    let (mut named, mut records, mut feeds) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for segment in &push.segments {
        feeds.insert(segment.feed.feed.0);
        for signed in &segment.entries {
            match &signed.entry.target {
                Target::Create { area, .. } => {
                    let known = named.entry(*area).or_insert(u64::MAX);
                    *known = signed.entry.cursor.min(*known);
                }
                Target::Edit { record } => _ = records.insert(record.0),
            }
        }
    }
    // Records move only in a write that is alone: what is read here stays true.
    let homes = numbers(c, "SELECT area FROM records WHERE record IN", "", &records)?;
    let mut areas = successors(c, &named)?;
    areas.extend(homes.into_iter().map(|area| AreaNo(area as u32)));
    areas.extend(discovered.lock().unwrap_or_else(PoisonError::into_inner).iter());
    let lock = c.for_update();
    numbers(
        c,
        "SELECT area FROM areas WHERE area IN",
        &[" ORDER BY area", lock].concat(),
        &areas.iter().map(|area| i64::from(area.0)).collect(),
    )?;
    numbers(c, "SELECT n FROM feeds WHERE feed IN", &[" ORDER BY feed", lock].concat(), &feeds)?;
    Ok(Locked { areas: Some(areas) })
}

/// The areas named by new records, each with the least that its authors knew, and every area that placing can lead to
/// from there.
fn successors(c: &Connection<'_>, named: &BTreeMap<AreaNo, u64>) -> Result<BTreeSet<AreaNo>, StoreError> {
    let hops = if faults::is_planted("01") { 1 } else { limits::PLACING_HOPS };
    let mut areas: BTreeSet<AreaNo> = named.keys().copied().collect();
    let (mut next, mut followed) = (areas.clone(), BTreeSet::new());
    for hop in 0..hops {
        let keys = next.iter().map(|area| i64::from(area.0)).collect();
        let routed = numbers(c, "SELECT area FROM routes WHERE area IN", "", &keys)?;
        let mut found = BTreeSet::new();
        for area in routed.into_iter().map(|area| AreaNo(area as u32)) {
            // An author can only have known the fate of the area it named, not of the next ones.
            let knew = named.get(&area).copied().filter(|_| hop == 0);
            let route = routes::route(c, area)?.filter(|route| route.leads_on(knew));
            found.extend(route.into_iter().flat_map(|route| route.areas).map(|(_, part)| part));
        }
        areas.extend(&found);
        followed.extend(next.iter().copied().filter(|_| hop > 0));
        next = found.difference(&followed).copied().collect();
        if next.is_empty() {
            break;
        }
    }
    Ok(areas)
}

/// The numbers that rows with these keys hold.
fn numbers<K: ToCell>(
    c: &Connection<'_>,
    select: &str,
    end: &str,
    keys: &BTreeSet<K>,
) -> Result<Vec<i64>, StoreError> {
    let places: Vec<String> = (1..=AT_ONCE).map(|place| format!("?{place}")).collect();
    let mut statement = c.prepare_cached(&format!("{select} ({}){end}", places.join(", ")))?;
    let mut found = Vec::new();
    let keys: Vec<Cell> = keys.iter().map(ToCell::cell).collect();
    for keys in keys.chunks(AT_ONCE) {
        let mut keys = keys.to_vec();
        let last = keys.last().cloned().unwrap_or(Cell::Null);
        keys.resize(AT_ONCE, last);
        let rows = statement.query_map(keys, |row| row.get(0))?;
        for row in rows {
            found.push(row?);
        }
    }
    Ok(found)
}
