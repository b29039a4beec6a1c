//! An area's news: a delta changes records, moves the area's cursor and compares digests.

use gridledger_core::derive::Seen;
use gridledger_core::document::Document;
use gridledger_core::wire::WireError;
use gridledger_schema::entry::Target;
use gridledger_schema::ids::AreaNo;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::{Delta, LogEntry, News, RecordNews};
use rusqlite::Connection;

use crate::engine::exchange::answer::Exchange;
use crate::engine::file::settings::SERVER_DOUBTED;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::Points;
use crate::engine::records::documents::{self, Facets};
use crate::engine::records::rows::{self, Row};
use crate::engine::records::{areas, creators, entries, erased, held, names, rebuild, remove, seen, shadows};
use crate::error::ClientError;
use crate::faults;
use crate::model::{EntryId, SyncReport};

/// The outcome of a delta.
#[derive(Default)]
struct Outcome {
    /// Records that changed.
    changed: u64,
    /// The digests were compared, and are equal.
    proven: bool,
    /// The digests differ, and the area is fetched afresh.
    healed: bool,
    /// The digests differ, and the server may have been set back.
    doubted: bool,
}

impl Engine {
    pub(crate) fn apply_delta(
        &mut self,
        exchange: &mut Exchange,
        delta: Delta,
        report: &mut SyncReport,
    ) -> Result<(), ClientError> {
        if self.seal.is_dark() {
            // News cannot be merged into documents that cannot be read. The cursor stays, so they come again with a lease.
            return Ok(());
        }
        let points = Points::before("phone.before_frame_commit");
        let outcome =
            self.apply_part(exchange, points, |engine, exchange, c| engine.take_delta(exchange, c, delta))?;
        let outcome = outcome.unwrap_or_default();
        report.changed += outcome.changed;
        report.proven += u32::from(outcome.proven);
        report.healed += u32::from(outcome.healed);
        exchange.heard.ask_again |= outcome.doubted;
        Ok(())
    }

    fn take_delta(&self, exchange: &Exchange, c: &Connection, delta: Delta) -> Result<Outcome, ClientError> {
        let area = delta.from.area;
        let mut outcome = Outcome::default();
        if areas::find_cursor(c, area)? != Some(delta.from) {
            return Ok(outcome); // An old answer, for another cursor. The next sync asks from here.
        }
        c.execute_batch("SAVEPOINT delta")?;
        for news in delta.records {
            apply_news(c, &self.schema, area, news, &self.me.user)?;
            outcome.changed += 1;
        }
        let mut equal = true;
        for (facet, digest) in &delta.digests {
            equal &= documents::read_digest(c, area, *facet)? == u128::from_be_bytes(*digest);
        }
        if equal {
            if delta.to != delta.from {
                areas::move_to(c, delta.to, delta.mark)?;
            }
            outcome.proven = !delta.digests.is_empty();
            if outcome.proven {
                self.end_healing(c, area)?;
            }
        } else if exchange.sent.shows_receipts || faults::is_planted("05") {
            // The server can account for all that it confirmed to this phone, and the sums still differ. Content of others that
            // the server has lost is kept until the server has it again.
            heal_area(c, area)?;
            outcome.healed = true;
        } else {
            // The sums differ also if the server was set back. Nothing changes here until it has seen the receipts.
            c.execute_batch("ROLLBACK TO delta; RELEASE delta")?;
            SERVER_DOUBTED.set(c, &true)?;
            return Ok(Outcome { doubted: true, ..Outcome::default() });
        }
        entries::seal_decided(c)?;
        c.execute_batch("RELEASE delta")?;
        Ok(outcome)
    }
}

/// Lets go of an area's confirmed state: the next answer brings the whole area.
fn heal_area(c: &Connection, area: AreaNo) -> Result<(), ClientError> {
    shadows::keep_healing(c, area)?;
    remove::unconfirm_area(c, area)?;
    names::forget(c, Some(area))
}

impl Engine {
    /// Takes the news of an area that name a record which this phone never got: the server's log is not the one that the phone
    /// followed, as after a store was set back. The next request shows the server this phone's receipts; if the server can
    /// account for them, the phone asks for the whole area. Whether asking again can help.
    pub(crate) fn take_unknown_name(
        &mut self,
        exchange: &mut Exchange,
        area: AreaNo,
        report: &mut SyncReport,
    ) -> Result<bool, ClientError> {
        if self.doubt_server(exchange)? {
            return Ok(true);
        }
        let begins = areas::find_cursor(&self.db, area)?.is_none_or(|cursor| cursor.reached == 0);
        if begins || self.seal.is_dark() {
            return Ok(false);
        }
        self.apply_part(exchange, Points::NONE, |_, _, c| heal_area(c, area))?;
        report.healed += 1;
        Ok(true)
    }
}

/// Applies the news of one record. `author` is this phone's user.
fn apply_news(
    c: &Connection,
    schema: &SchemaSet,
    area: AreaNo,
    news: RecordNews,
    author: &str,
) -> Result<(), ClientError> {
    let here = rows::find(c, news.record)?;
    if matches!(news.news, News::Left(_) | News::Erased) {
        return apply_departure(c, area, &news, here);
    }
    let mut row = match here {
        Some(row) => row,
        None => Row { epoch: news.epoch, ..Row::new(news.record, &read_type(c, &news)?, area) },
    };
    if row.area != area {
        // A record's positions grow, also over moves. A position that is not beyond the last one is old.
        if news.created <= row.held {
            return Ok(());
        }
        // The record moved here, and this area's news came before those of the area it left.
        documents::remove(c, &row)?;
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
                // A new generation begins without the documents of the former one.
                documents::remove(c, &row)?;
            }
            held::mark_in_ledger(c, news.record, &confirmed)?;
            erased::empty_erased(c, news.record, &confirmed)?;
        }
        News::Entries(entries) => {
            confirmed = documents::read_confirmed(c, news.record)?;
            for logged in entries.iter().filter(|logged| logged.seq > row.held) {
                if matches!(logged.entry.target, Target::Create { .. }) {
                    creators::keep(c, schema.record_type(&row.record_type), row.record, &logged.author)?;
                }
                row.changed_at = row.changed_at.max(confirm(c, &mut confirmed, logged, author)?);
            }
        }
        News::Left(_) | News::Erased => {}
    }
    row.area = area;
    row.created = Some(news.created);
    row.held = news.last.max(row.held);
    row.epoch = news.epoch;
    documents::put_confirmed(c, &row, &confirmed)?;
    rebuild::rebuild(c, schema, &row, confirmed, author)
}

/// Applies that a record left `area` or was erased. Its row is gone already if its area was withdrawn since.
fn apply_departure(
    c: &Connection,
    area: AreaNo,
    news: &RecordNews,
    here: Option<Row>,
) -> Result<(), ClientError> {
    match (&news.news, here) {
        (News::Erased, _) => remove::erase_record(c, news.record),
        // A record out of reach is not lost: it may not be read any more.
        (News::Left(None), None) => shadows::remove_all(c, news.record),
        // A row in another area is there already if that area's news came first.
        (News::Left(_), Some(row)) if row.area == area => remove::leave(c, &row, news.last),
        _ => Ok(()),
    }
}

/// Reads the type of a record that is new here. The type of a record that this phone created does not travel.
fn read_type(c: &Connection, news: &RecordNews) -> Result<String, ClientError> {
    if news.record_type.is_empty()
        && let Some(created) = entries::find_created_type(c, news.record)?
    {
        return Ok(created);
    }
    Ok(news.record_type.clone())
}

/// Adds one accepted entry to the confirmed documents; gives its time, ms since 1970.
fn confirm(
    c: &Connection,
    confirmed: &mut Facets,
    logged: &LogEntry,
    author: &str,
) -> Result<i64, ClientError> {
    let id = EntryId { feed: logged.feed, n: logged.entry.n };
    let own;
    let entry = if logged.own {
        own = entries::take_into_ledger(c, id)?;
        &own
    } else {
        // An own entry that came whole is in the ledger as well.
        if logged.author == author {
            entries::mark_open_in_ledger(c, id)?;
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
