//! Records that are here no longer: moved to another area, erased, or begun anew. What the server has not decided stays.

use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::{News, RecordNews};
use rusqlite::Connection;

use super::overlay::{self, Facets, Row};
use crate::error::ClientError;
use crate::model::SentState;

/// A record left `area`, or was erased: what is confirmed of it goes, own undecided work on it stays.
pub(super) fn apply(
    c: &Connection,
    schema: &SchemaSet,
    area: AreaNo,
    news: &RecordNews,
    author: &str,
) -> Result<(), ClientError> {
    let Some(row) = overlay::row(c, news.record)? else {
        return Ok(());
    };
    // It may be known in its new area already, when that area's news came first.
    if row.area != area && matches!(news.news, News::Left(_)) {
        return Ok(());
    }
    overlay::forget_confirmed(c, &row)?;
    settle_decided(c, news.record)?;
    let to = match news.news {
        News::Left(Some(to)) => to,
        _ => row.area,
    };
    let row = Row {
        area: to,
        created: None,
        held: 0,
        ..row
    };
    overlay::rebuild(c, schema, &row, Facets::new(), author)
}

/// A record begins a new generation: what was confirmed of the one before goes, and the own entries that were decided
/// are part of what the new one begins with.
pub(super) fn begin_again(c: &Connection, row: &Row, epoch: u32) -> Result<(), ClientError> {
    debug_assert!(epoch > row.epoch);
    overlay::forget_confirmed(c, row)?;
    settle_decided(c, row.record)
}

/// Own entries that the server stored are not shown on top of anything any more.
fn settle_decided(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    let sql = "UPDATE entries SET state = ?2 WHERE record = ?1 AND state = ?3";
    c.prepare_cached(sql)?
        .execute((record.0, SentState::InLedger.number(), SentState::Sent.number()))?;
    Ok(())
}
