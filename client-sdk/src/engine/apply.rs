//! What an answer means. Each frame is one transaction together with its cursor: a kill at any point leaves the state
//! before it or after it, and the next sync goes on from there.

use std::collections::BTreeMap;

use gridledger_core::canonical;
use gridledger_core::derive::Seen;
use gridledger_core::document::Document;
use gridledger_core::wire::{WireError, frames};
use gridledger_schema::entry::Target;
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::{AreaInfo, Delta, Frame, GrantSet, LogEntry, News, RecordNews};
use rusqlite::Connection;
use serde_json::json;

use super::lock::UNNAMED;
use super::names::Names;
use super::overlay::{self, Facets, Row};
use super::{Engine, attention, db, epochs, gone, reach, restored, settings, shadows};
use crate::error::ClientError;
use crate::faults;
use crate::model::{SentState, SyncReport};

impl Engine {
    /// Applies every frame that has arrived whole; leaves the rest in `arrived`. `Some(more)` when the last one was
    /// among them.
    pub fn apply(
        &mut self,
        arrived: &mut Vec<u8>,
        report: &mut SyncReport,
    ) -> Result<Option<bool>, ClientError> {
        while !self.answer_is_void
            && let Some(frame) = self.next_frame(arrived)?
        {
            if is_news(&frame) && !std::mem::replace(&mut self.reach_settled, true) {
                self.ask_again |= self.settle_reach()?;
            }
            let end = if let Frame::End { more } = frame { Some(more || self.ask_again) } else { None };
            self.apply_frame(frame, report)?;
            report.corrected += std::mem::take(&mut self.times.corrected);
            faults::reach("phone.after_frame");
            if let Some(more) = end {
                return Ok(Some(more || self.ask_again || self.answer_is_void));
            }
        }
        if self.answer_is_void {
            arrived.clear();
            return Ok(Some(true));
        }
        Ok(None)
    }

    /// The next whole frame. Another process may have changed what an answer's names stand for: then it is void.
    fn next_frame(&mut self, arrived: &mut Vec<u8>) -> Result<Option<Frame>, ClientError> {
        match frames::take_frame(arrived, &Names(&self.db)) {
            Err(error) => match self.of_answer(UNNAMED, |_, _| Ok(()))? {
                Some(()) => Err(error.into()),
                None => Ok(None),
            },
            frame => Ok(frame?),
        }
    }

    fn apply_frame(&mut self, frame: Frame, report: &mut SyncReport) -> Result<(), ClientError> {
        match frame {
            Frame::Welcome(welcome) => self.welcomed(&welcome),
            Frame::Time { at, epoch } => self.server_time(at, epoch),
            Frame::Grants(set) => self.granted_rights(&set),
            Frame::Schema(bundle) => self.new_schema(&bundle),
            Frame::Receipt(receipt) => self.receipt(&receipt, report),
            Frame::Granted(area) => self.granted(&area),
            Frame::Withdrawn(area) => self.withdrawn(area),
            Frame::Delta(delta) => self.delta(delta, report),
            Frame::Lease(lease) => self.renew(lease),
            Frame::ReadsKept(n) => self.reads_kept(n),
            Frame::Times(times) => {
                self.times.told = Some(times);
                Ok(())
            }
            Frame::Ruling(ruling) => self.ruled(&ruling),
            Frame::Restored(notice) => self.restored(&notice),
            Frame::Recovery(phase) => self.recovery_phase(phase),
            Frame::End { more } => self.ended(more || self.ask_again),
        }
    }

    fn ended(&mut self, more: bool) -> Result<(), ClientError> {
        let now = self.now()?;
        let is_over = std::mem::take(&mut self.recovering.over);
        // Neither a server's clock nor the phone's alone makes a receipt old.
        let oldest = now.min((self.clock)());
        let untold = self.of_answer(UNNAMED, |engine, c| {
            db::set_number(c, "synced_at", now)?;
            attention::notes_told(c, &engine.asked)?;
            restored::forget_receipts(c, oldest)?;
            engine.end_doubt(c)?;
            engine.end_recovery(c, is_over && !more)
        })?;
        self.ask_again |= untold.unwrap_or_default();
        self.recovering.shows_receipts = false;
        epochs::scrub(&self.db)?;
        if std::mem::take(&mut self.lease.misfit) {
            // What was sent is decided all the same; news wait until a lease opens this store.
            return Err(WireError::Malformed("lease").into());
        }
        Ok(())
    }

    fn granted_rights(&mut self, set: &GrantSet) -> Result<(), ClientError> {
        self.of_newest_answer(UNNAMED, |_, c| {
            db::set(c, "grants", json!(set.grants).to_string().as_bytes())?;
            db::set_number(c, "territory", i64::from(set.territory))
        })?;
        Ok(())
    }

    fn new_schema(&mut self, bundle: &str) -> Result<(), ClientError> {
        SchemaSet::from_bundle(bundle)?;
        self.of_newest_answer(UNNAMED, |engine, c| {
            db::set(c, "schema", bundle.as_bytes())?;
            db::set_number(c, settings::SCHEMA_NO, engine.schema_no + 1)?;
            db::set_number(c, "no_dictionary", 0)
        })?;
        self.follow_schema()
    }

    fn granted(&mut self, area: &AreaInfo) -> Result<(), ClientError> {
        self.of_newest_answer(UNNAMED, |_, c| settings::put_area(c, area, true))?;
        self.of_answer(UNNAMED, |engine, _| engine.note_reach(area.no))?;
        Ok(())
    }

    /// The area's records go; those with work that the server has not decided go when it has.
    fn withdrawn(&mut self, area: AreaNo) -> Result<(), ClientError> {
        self.of_newest_answer(UNNAMED, |_, c| {
            forget_confirmed(c, area)?;
            c.execute("UPDATE areas SET held = -1, facets = NULL, scope = NULL WHERE area = ?1", [area.0])?;
            shadows::forget_of(c, area)?;
            forget_withdrawn(c)
        })?;
        Ok(())
    }

    fn delta(&mut self, delta: Delta, report: &mut SyncReport) -> Result<(), ClientError> {
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
            equal &= overlay::digest_of(c, area, *facet)? == u128::from_be_bytes(*digest);
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
        overlay::seal_decided(c)?;
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

/// Whether a frame comes after those that say what may be read.
fn is_news(frame: &Frame) -> bool {
    matches!(frame, Frame::Granted(_) | Frame::Withdrawn(_) | Frame::Delta(_) | Frame::End { .. })
}

/// Forgets an area's records, but for those with edits that the server has not decided.
/// Those leave when it has: what was seen of them was seen up to where they were held.
pub(super) fn forget_area(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    let sql = "UPDATE records SET leaving = coalesce(leaving, 1 + max(held, (
                 SELECT CASE WHEN scope = 2 THEN floor ELSE 0 END FROM areas a WHERE a.area = ?1)))
               WHERE area = ?1 AND held > 0";
    c.prepare_cached(sql)?.execute([area.0])?;
    forget_confirmed(c, area)?;
    let gone = "SELECT record FROM records r WHERE r.area = ?1
                AND NOT EXISTS (SELECT 1 FROM entries e WHERE e.record = r.record AND e.state < 2 AND e.state = 0)";
    for table in ["shadows", "documents", "records"] {
        c.prepare_cached(&format!("DELETE FROM {table} WHERE record IN ({gone})"))?.execute([area.0])?;
    }
    shadows::forget_of(c, area)
}

/// Forgets what is confirmed of an area, so that the next sync fetches it afresh. Own undecided work stays.
pub(super) fn forget_confirmed(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    c.execute("DELETE FROM digests WHERE area = ?1", [area.0])?;
    c.execute(
        "UPDATE documents SET overlay = coalesce(overlay, confirmed), confirmed = NULL, term = zeroblob(16),
           overlay_clock = coalesce(overlay_clock, confirmed_clock), confirmed_clock = NULL
         WHERE record IN (SELECT record FROM records WHERE area = ?1)",
        [area.0],
    )?;
    c.execute("UPDATE records SET held = 0 WHERE area = ?1", [area.0])?;
    c.execute("UPDATE areas SET floor = 0, reached = 0, mark = 0 WHERE area = ?1", [area.0])?;
    Ok(())
}

/// Forgets the records of withdrawn areas, but for those with edits that the server has not decided.
pub(super) fn forget_withdrawn(c: &Connection) -> Result<(), ClientError> {
    let some = "SELECT EXISTS (SELECT 1 FROM areas WHERE held = -1)";
    if !c.prepare_cached(some)?.query_row([], |row| row.get::<_, bool>(0))? {
        return Ok(());
    }
    // `state < 2` as well, so that the index over open entries serves.
    let gone = "SELECT r.record FROM records r JOIN areas a ON a.area = r.area AND a.held = -1
                WHERE NOT EXISTS (SELECT 1 FROM entries e WHERE e.record = r.record AND e.state < 2 AND e.state = 0)";
    for table in ["shadows", "documents", "records"] {
        c.prepare_cached(&format!("DELETE FROM {table} WHERE record IN ({gone})"))?.execute([])?;
    }
    Ok(())
}

pub(super) fn forget(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    for table in ["documents", "records"] {
        c.prepare_cached(&format!("DELETE FROM {table} WHERE record = ?1"))?.execute([record.0])?;
    }
    Ok(())
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
    let mut row = match overlay::row(c, news.record)? {
        Some(row) => row,
        None => Row { epoch: news.epoch, ..Row::new(news.record, &type_of(c, &news)?, area) },
    };
    if row.area != area {
        // Positions of a record only grow, over moves too: what is not beyond them is old.
        if news.created <= row.held {
            return Ok(());
        }
        // It moved here, and this area's news came before those of the area it left.
        overlay::forget_confirmed(c, &row)?;
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
            epochs::forget_erased(c, news.record, &confirmed)?;
        }
        News::Entries(entries) => {
            confirmed = overlay::documents(c, news.record, false)?;
            for logged in entries.iter().filter(|logged| logged.seq > row.held) {
                if matches!(logged.entry.target, Target::Create { .. }) {
                    reach::note_creator(c, schema.record_type(&row.record_type), row.record, &logged.author)?;
                }
                row.changed_at = row.changed_at.max(confirm(c, &mut confirmed, logged, author)?);
            }
        }
        News::Left(_) | News::Erased => {}
    }
    (row.area, row.created, row.held, row.epoch) =
        (area, Some(news.created), news.last.max(row.held), news.epoch);
    overlay::put_confirmed(c, &row, &confirmed)?;
    overlay::rebuild(c, schema, &row, confirmed, author)
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
    overlay::derive(confirmed, logged.feed, &logged.author, entry, |facet, _| match &logged.seen {
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
        let touched = epochs::facets_of(&entry, emptied);
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
