//! The locks of a push: the rows of its areas and feeds, taken before anything is read, in one order for all. So two pushes to an
//! area follow each other, also between nodes, and the positions of its log become visible in order.

use std::collections::BTreeSet;

use gridledger_schema::entry::Target;
use gridledger_schema::ids::AreaNo;

use super::plans;
use crate::store::StoreError;
use crate::store::records::Push;
use crate::store::sql::{Cell, Connection, ToCell};

/// Values a query names at once; the last is repeated to fill the list, so that there is one statement to prepare.
const AT_ONCE: usize = 64;

/// Takes the locks. Nothing to do where writes follow each other anyway.
pub(super) fn take(c: &Connection<'_>, push: &Push) -> Result<(), StoreError> {
    let lock = c.for_update();
    if lock.is_empty() {
        return Ok(());
    }
    let (mut areas, mut records, mut feeds) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for segment in &push.segments {
        feeds.insert(segment.feed.feed.0);
        for signed in &segment.entries {
            match &signed.entry.target {
                Target::Create { area, .. } => _ = areas.insert(i64::from(area.0)),
                Target::Edit { record } => _ = records.insert(record.0),
            }
        }
    }
    // Records move only in a write that is alone: what is read here stays true.
    areas.extend(numbers(
        c,
        "SELECT area FROM records WHERE record IN",
        "",
        &records,
    )?);
    // What is made in an area that was closed goes to another.
    for closed in numbers(c, "SELECT area FROM routes WHERE area IN", "", &areas)? {
        let route = plans::route(c, AreaNo(closed as u32))?;
        let parts = route.into_iter().flat_map(|route| route.areas);
        areas.extend(parts.map(|(_, area)| i64::from(area.0)));
    }
    numbers(
        c,
        "SELECT area FROM areas WHERE area IN",
        &[" ORDER BY area", lock].concat(),
        &areas,
    )?;
    numbers(
        c,
        "SELECT n FROM feeds WHERE feed IN",
        &[" ORDER BY feed", lock].concat(),
        &feeds,
    )?;
    Ok(())
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
