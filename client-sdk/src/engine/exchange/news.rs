//! What a delta says of an area's records.

use std::collections::BTreeMap;

use gridledger_core::canonical;
use gridledger_core::derive::Seen;
use gridledger_core::document::Document;
use gridledger_core::wire::WireError;
use gridledger_schema::entry::Target;
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::{Delta, LogEntry, News, RecordNews};
use rusqlite::Connection;

use crate::engine::exchange::gone;
use crate::engine::exchange::restored;
use crate::engine::phone::engine::Engine;
use crate::engine::records::creators;
use crate::engine::records::documents::{self, Facets};
use crate::engine::records::entries;
use crate::engine::records::erased;
use crate::engine::records::rebuild;
use crate::engine::records::remove::forget_confirmed;
use crate::engine::records::rows::{self, Row};
use crate::engine::records::seen;
use crate::engine::records::shadows;
use crate::error::ClientError;
use crate::faults;
use crate::model::{SentState, SyncReport};

impl Engine {
    pub(crate) fn delta(&mut self, delta: Delta, report: &mut SyncReport) -> Result<(), ClientError> {
        if self.seal.is_dark() {
            // Nothing can be merged into what cannot be read. The cursor stays: it comes again when there is a lease.
            return Ok(());
        }
        let points = ("phone.before_frame_commit", "");
        let came = self.of_answer(points, |engine, c| engine.take_delta(c, delta))?;
        let came = came.unwrap_or_default();
        report.changed += came.changed;
        report.proven += u32::from(came.proven);
        report.healed += u32::from(came.healed);
        self.ask_again |= came.doubted;
        Ok(())
    }

    fn take_delta(&self, c: &Connection, delta: Delta) -> Result<Came, ClientError> {
        let area = delta.from.area;
        let mut came = Came::default();
        let here = c
            .prepare_cached("SELECT floor, reached FROM areas WHERE area = ?1 AND held = 1")?
            .query_row([area.0], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)));
        if here != Ok((delta.from.floor, delta.from.reached)) {
            return Ok(came); // News for a cursor this phone is not at: an old answer. The next sync asks from here.
        }
        c.execute_batch("SAVEPOINT delta")?;
        for news in delta.records {
            apply_news(c, &self.schema, area, news, &self.me.user)?;
            came.changed += 1;
        }
        let mut equal = true;
        for (facet, digest) in &delta.digests {
            equal &= documents::digest_of(c, area, *facet)? == u128::from_be_bytes(*digest);
        }
        if equal {
            let (floor, reached) = (delta.to.floor as i64, delta.to.reached as i64);
            if delta.to != delta.from {
                let sql = "UPDATE areas SET floor = ?2, reached = ?3, mark = ?4 WHERE area = ?1";
                c.prepare_cached(sql)?.execute((area.0, floor, reached, delta.mark))?;
            }
            came.proven = !delta.digests.is_empty();
            if came.proven {
                self.end_healing(c, area)?;
            }
        } else if self.recovering.shows_receipts || faults::is_planted("05") {
            // The server can account for all that it confirmed to this phone, and the sums still differ. What others wrote and
            // the server has lost is kept until it has it again.
            shadows::keep_healing(c, area)?;
            forget_confirmed(c, area)?;
            // The positions of a log that was set back and went on name other records.
            c.execute("UPDATE records SET created = NULL WHERE area = ?1", [area.0])?;
            came.healed = true;
        } else {
            // A store that was set back differs as well. What is here stays until the server has seen the receipts.
            c.execute_batch("ROLLBACK TO delta; RELEASE delta")?;
            restored::doubt(c)?;
            return Ok(Came { doubted: true, ..Came::default() });
        }
        entries::seal_decided(c)?;
        c.execute_batch("RELEASE delta")?;
        Ok(came)
    }
}

/// The outcome of a delta.
#[derive(Default)]
struct Came {
    changed: u64,
    /// The digests were compared, and are equal.
    proven: bool,
    /// They differed: the area is fetched afresh.
    healed: bool,
    /// They differed, and the server may have been set back.
    doubted: bool,
}

fn apply_news(
    c: &Connection,
    schema: &SchemaSet,
    area: AreaNo,
    news: RecordNews,
    author: &str,
) -> Result<(), ClientError> {
    if matches!(news.news, News::Left(_) | News::Erased) {
        return gone::apply(c, area, &news);
    }
    let mut row = match rows::row(c, news.record)? {
        Some(row) => row,
        None => Row { epoch: news.epoch, ..Row::new(news.record, &type_of(c, &news)?, area) },
    };
    if row.area != area {
        // Positions of a record only grow, over moves too: what is not beyond them is old.
        if news.created <= row.held {
            return Ok(());
        }
        // It moved here, and this area's news came before those of the area it left.
        documents::forget_confirmed(c, &row)?;
        row.held = 0;
    }
    row.leaving = None;
    let mut confirmed = Facets::new();
    match news.news {
        News::Snapshot(facets) => {
            for (facet, bytes) in facets {
                let document =
                    Document::load_checked(&bytes).map_err(|_| WireError::Malformed("snapshot"))?;
                row.changed_at = row.changed_at.max(document.changed_at());
                confirmed.insert(facet, document);
            }
            if news.epoch > row.epoch {
                gone::begin_again(c, &row, news.epoch)?;
            }
            note_own_in(c, &confirmed, news.record)?;
            erased::forget_erased(c, news.record, &confirmed)?;
        }
        News::Entries(entries) => {
            confirmed = documents::documents(c, news.record, false)?;
            for logged in entries.iter().filter(|logged| logged.seq > row.held) {
                if matches!(logged.entry.target, Target::Create { .. }) {
                    creators::note_creator(
                        c,
                        schema.record_type(&row.record_type),
                        row.record,
                        &logged.author,
                    )?;
                }
                row.changed_at = row.changed_at.max(confirm(c, &mut confirmed, logged, author)?);
            }
        }
        News::Left(_) | News::Erased => {}
    }
    (row.area, row.created, row.held, row.epoch) =
        (area, Some(news.created), news.last.max(row.held), news.epoch);
    documents::put_confirmed(c, &row, &confirmed)?;
    rebuild::rebuild(c, schema, &row, confirmed, author)
}

/// The type of a record that is new here. Of one that this phone created it does not travel.
fn type_of(c: &Connection, news: &RecordNews) -> Result<String, ClientError> {
    // Numbers of several feeds: the entry that created it need not have the lowest.
    let sql = "SELECT unseal(body, record, 65) FROM entries WHERE record = ?1 ORDER BY n";
    let mut select = c.prepare_cached(sql)?;
    let mut rows = select.query([news.record.0])?;
    while news.record_type.is_empty()
        && let Some(row) = rows.next()?
    {
        if let Ok(entry) = canonical::decode(&row.get::<_, Vec<u8>>(0)?)
            && let Target::Create { record_type, .. } = entry.target
        {
            return Ok(record_type);
        }
    }
    Ok(news.record_type.clone())
}

/// Adds one accepted entry to the confirmed documents; returns its time.
fn confirm(
    c: &Connection,
    confirmed: &mut Facets,
    logged: &LogEntry,
    author: &str,
) -> Result<i64, ClientError> {
    let own;
    let entry = if logged.own {
        let sql =
            "UPDATE entries SET state = ?3 WHERE feed = ?1 AND n = ?2 RETURNING unseal(body, record, 65)";
        let mut update = c.prepare_cached(sql)?;
        let key = (logged.feed.0, logged.entry.n as i64, SentState::InLedger.number());
        let body: Vec<u8> = update.query_row(key, |row| row.get(0))?;
        own = canonical::decode(&body).map_err(|e| ClientError::NotAStore(e.to_string()))?;
        &own
    } else {
        // What is the phone's own and came whole is in the ledger as well.
        if logged.author == author {
            let sql = "UPDATE entries SET state = ?3 WHERE feed = ?1 AND n = ?2 AND state < 2";
            let key = (logged.feed.0, logged.entry.n as i64, SentState::InLedger.number());
            c.prepare_cached(sql)?.execute(key)?;
        }
        &logged.entry
    };
    seen::derive(confirmed, logged.feed, &logged.author, entry, |facet, _| match &logged.seen {
        None => Seen::All,
        Some(seen) => {
            let of_facet = seen.iter().filter(|(f, ..)| *f == facet);
            Seen::Clock(of_facet.map(|(_, feed, n)| (*feed, *n)).collect())
        }
    })?;
    Ok(entry.at)
}

/// A snapshot that holds own entries has brought them back: they are in the ledger. Of each facet it holds as many as
/// the facet's document has changes of this feed.
fn note_own_in(c: &Connection, confirmed: &Facets, record: RecordId) -> Result<(), ClientError> {
    let sql = "SELECT feed, n, unseal(body, record, 65), facets FROM entries WHERE record = ?1 AND state NOT IN (3, 4) ORDER BY n";
    let own = c
        .prepare_cached(sql)?
        .query_map([record.0], |row| {
            Ok((
                FeedId(row.get(0)?),
                row.get::<_, i64>(1)?,
                row.get::<_, Vec<u8>>(2)?,
                row.get::<_, Option<i64>>(3)?,
            ))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    let mut left: BTreeMap<(u8, FeedId), u64> = BTreeMap::new();
    for (facet, document) in confirmed {
        left.extend(document.clock().into_iter().map(|(feed, changes)| ((*facet, feed), changes)));
    }
    for (feed, n, body, emptied) in own {
        let entry = canonical::decode(&body).map_err(|e| ClientError::NotAStore(e.to_string()))?;
        let touched = erased::facets_of(&entry, emptied);
        let mut held = false;
        for facet in confirmed.keys().filter(|f| touched & (1 << **f) != 0) {
            if let Some(changes @ 1..) = left.get_mut(&(*facet, feed)) {
                *changes -= 1;
                held = true;
            }
        }
        if held {
            let sql = "UPDATE entries SET state = ?3 WHERE feed = ?1 AND n = ?2";
            c.prepare_cached(sql)?.execute((feed.0, n, SentState::InLedger.number()))?;
        }
    }
    Ok(())
}
