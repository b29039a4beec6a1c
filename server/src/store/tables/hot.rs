//! The calls that phones and desks make all day, with the plans of their statements. None may grow with the store.

use crate::store::tables::read;
use gridledger_schema::wire::AreaCursor;

use super::row_locks::Discovered;
use super::{ledgers, pushes, records};
use crate::store::StoreError;
use crate::store::rows::records::{Decide, LedgerQuery, Push};
use crate::store::sql::explaining::{Step, explained};
use crate::store::sql::{Connection, Optional as _};

/// The arguments of the calls to explain.
pub struct Hot<'a> {
    /// A phone that holds all of its area.
    pub held: AreaCursor,
    /// A phone that was away.
    pub behind: AreaCursor,
    /// Bytes of one answer.
    pub bytes: usize,
    /// A day's work; it is not kept.
    pub day: Push,
    /// A desk's pull of a ledger.
    pub page: LedgerQuery,
    /// Decides the push.
    pub decide: &'a Decide,
}

/// A call: its name, how many rows it came to, its statements.
pub type Told = (&'static str, usize, Vec<Step>);

/// Makes the calls in a transaction that the caller takes back.
pub fn calls(c: &Connection<'_>, hot: Hot<'_>) -> Result<Vec<Told>, StoreError> {
    let mut calls = Vec::new();
    let mut note = |name, (rows, steps): (usize, Vec<Step>)| calls.push((name, rows, steps));
    let pull = |cursor: AreaCursor| {
        explained(c, |c| {
            let head = read::area_head(c, cursor.area)?.unwrap_or_default();
            if head.seq <= cursor.reached {
                return Ok::<_, StoreError>(0);
            }
            Ok(records::news(c, cursor, hot.bytes)?.len())
        })
    };
    note("pull, nothing new", pull(hot.held)?);
    note("pull of a day", pull(hot.behind)?);
    let area = hot.held.area;
    let new = AreaCursor { area, floor: 0, reached: 0 };
    note("first sync", pull(new)?);
    let page = explained(c, |c| Ok::<_, StoreError>(ledgers::page(c, &hot.page)?.rows.len()))?;
    note("ledger page", page);
    let named = explained(c, |c| {
        let found = records::record_named(c, area, 1).optional()?;
        Ok::<_, StoreError>(usize::from(found.is_some()))
    })?;
    note("a record by its short name", named);
    let day = explained(c, |c| {
        let verdicts = pushes::push(c, &hot.day, &Discovered::default(), hot.decide)?;
        let refused: usize = verdicts.iter().map(|verdict| verdict.refused.len()).sum();
        let brought: usize = hot.day.segments.iter().map(|segment| segment.entries.len()).sum();
        Ok::<_, StoreError>(brought - refused)
    })?;
    note("push of a day", day);
    Ok(calls)
}
