//! A push: its reads while it is decided, and its writes, in one savepoint.

use super::read::{area_head, entry_hash, feed_head, read_refusal};
use crate::store::tables::routes;
use gridledger_core::clock;
use gridledger_schema::code::Refusal;
use gridledger_schema::ids::{AreaNo, EntryHash, FeedId, RecordId};
use gridledger_schema::wire::{AreaInfo, Grant};
use serde_json::json;

use super::people;
use super::read::{documents_of, record_row};
use super::row_locks::{self, Discovered, Locked};
use super::{epochs, events, handled, marks, quotas, refusals};
use crate::cells;
use crate::store::StoreError;
use crate::store::rows::people::{FeedRow, ShortenedGrant, UserNo};
use crate::store::rows::plans::RouteRow;
use crate::store::rows::records::{
    Act, AreaHead, DocumentRow, EventKind, EventRow, Handled, LogRow, Push, RecordLine, RecordRow,
    RecordWrite, SegmentVerdict, SignedEntry, Source, Spent, Stay, Writes,
};
use crate::store::sql::wake_ups::WakeUp;
use crate::store::sql::{Connection, Optional as _};

/// Decides a push and writes it; runs inside the writer's savepoint. Where it would write an area that it has not locked,
/// it notes that area in `discovered` and fails: the writer runs it again.
pub(super) fn push(
    c: &Connection<'_>,
    push: &Push,
    discovered: &Discovered,
    decide: &crate::store::rows::records::Decide,
) -> Result<Vec<SegmentVerdict>, StoreError> {
    let locked = row_locks::take_row_locks(c, push, discovered)?;
    let (writes, verdicts) = decide(&mut Reading { c }, push)?;
    locked.covers(&writes, discovered)?;
    write_entries(c, push, &writes)?;
    write_rest(c, &locked, &writes)?;
    Ok(verdicts)
}

/// Decides a change that is not a push, and writes it. Runs inside the writer's savepoint, alone.
pub(super) fn act(c: &Connection<'_>, act: &Act) -> Result<(), StoreError> {
    let locked = Locked::everything(c)?;
    let writes = act(&mut Reading { c })?;
    write_rest(c, &locked, &writes)
}

/// The type of a record.
pub(super) fn type_of(c: &Connection<'_>, record: RecordId) -> Result<Option<String>, StoreError> {
    let mut select = c.prepare_cached("SELECT type FROM records WHERE record = ?1")?;
    Ok(select.query_row([record.0], |row| row.get(0)).optional()?)
}

/// Whether a user has a login.
pub(super) fn has_login(c: &Connection<'_>, login: &str) -> Result<bool, StoreError> {
    let mut select = c.prepare_cached("SELECT EXISTS (SELECT 1 FROM users WHERE login = ?1)")?;
    Ok(select.query_row([login], |row| row.get(0))?)
}

struct Reading<'a> {
    c: &'a Connection<'a>,
}

impl Source for Reading<'_> {
    fn area_head(&mut self, area: AreaNo) -> Result<Option<AreaHead>, StoreError> {
        area_head(self.c, area)
    }

    fn feed_head(&mut self, feed: FeedId) -> Result<(u64, EntryHash), StoreError> {
        feed_head(self.c, feed)
    }

    fn spent(&mut self, feed: &FeedRow, day: i64) -> Result<Spent, StoreError> {
        quotas::spent(self.c, feed, day)
    }

    fn decided(&mut self, feed: FeedId, n: u64) -> Result<Option<(EntryHash, Option<Refusal>)>, StoreError> {
        let mut select =
            self.c.prepare_cached("SELECT hash, refusal FROM entries WHERE feed = ?1 AND n = ?2")?;
        let found = select.query_row((feed.0, n as i64), |row| {
            Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<String>>(1)?))
        });
        let Some((hash, refusal)) = found.optional()? else {
            return Ok(None);
        };
        Ok(Some((entry_hash(hash)?, refusal.map(|text| read_refusal(&text)))))
    }

    fn body(&mut self, feed: FeedId, n: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let mut select = self.c.prepare_cached("SELECT body FROM entries WHERE feed = ?1 AND n = ?2")?;
        let found = select.query_row((feed.0, n as i64), |row| row.get::<_, Vec<u8>>(0));
        Ok(found.optional()?.filter(|body| !body.is_empty()))
    }

    fn record(&mut self, record: RecordId) -> Result<Option<(RecordRow, Vec<DocumentRow>)>, StoreError> {
        let Some(row) = record_row(self.c, record)? else {
            return Ok(None);
        };
        Ok(Some((row, documents_of(self.c, record)?)))
    }

    fn type_of(&mut self, record: RecordId) -> Result<Option<String>, StoreError> {
        type_of(self.c, record)
    }

    fn has_login(&mut self, login: &str) -> Result<bool, StoreError> {
        has_login(self.c, login)
    }

    fn located(&mut self, record: RecordId) -> Result<Option<(AreaNo, String, String)>, StoreError> {
        let mut select = self.c.prepare_cached(
            "SELECT r.area, r.type, coalesce(l.view, '{}') FROM records r
             LEFT JOIN ledger l ON l.record = r.record AND l.facet = 0 WHERE r.record = ?1",
        )?;
        let found = select.query_row([record.0], |row| Ok((AreaNo(row.get(0)?), row.get(1)?, row.get(2)?)));
        Ok(found.optional()?)
    }

    fn grants(&mut self, user: UserNo) -> Result<Option<Vec<Grant>>, StoreError> {
        let mut select = self.c.prepare_cached("SELECT revoked FROM users WHERE user = ?1")?;
        match select.query_row([user.0], |row| row.get::<_, bool>(0)).optional()? {
            None | Some(true) => Ok(None),
            Some(false) => people::read_grants(self.c, user).map(Some),
        }
    }

    fn shortened_grants(&mut self, user: UserNo) -> Result<Vec<ShortenedGrant>, StoreError> {
        people::read_shortened_grants(self.c, user)
    }

    fn written_at(&mut self, area: AreaNo, seq: u64) -> Result<Option<i64>, StoreError> {
        events::written_at(self.c, area, seq)
    }

    fn ancestry(&mut self, area: AreaNo, known: i64) -> Result<Vec<AreaInfo>, StoreError> {
        people::ancestry(self.c, area, known)
    }

    fn route(&mut self, area: AreaNo) -> Result<Option<RouteRow>, StoreError> {
        routes::route(self.c, area)
    }

    fn stays(&mut self, record: RecordId) -> Result<Vec<Stay>, StoreError> {
        events::stays(self.c, record)
    }

    fn last_event(
        &mut self,
        area: AreaNo,
        kind: EventKind,
        upto: u64,
    ) -> Result<Option<EventRow>, StoreError> {
        events::last(self.c, area, kind, upto)
    }

    fn record_log(&mut self, record: RecordId, above: u64) -> Result<Vec<RecordLine>, StoreError> {
        let mut select = self.c.prepare_cached(
            "SELECT seq, feed, n, facets FROM log WHERE record = ?1 AND seq > ?2 ORDER BY seq",
        )?;
        let rows = select.query_map((record.0, above as i64), |row| {
            let number = |column| row.get::<_, i64>(column).map(|number| number as u64);
            Ok(RecordLine { seq: number(0)?, feed: FeedId(row.get(1)?), n: number(2)?, facets: number(3)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn handled(&mut self, record: RecordId, login: &str) -> Result<Vec<Handled>, StoreError> {
        handled::by(self.c, record, login)
    }

    fn bodies(&mut self, record: RecordId) -> Result<Vec<(FeedId, u64, Vec<u8>)>, StoreError> {
        epochs::bodies(self.c, record)
    }
}

/// Everything but entries and feeds.
fn write_rest(c: &Connection<'_>, locked: &Locked, writes: &Writes) -> Result<(), StoreError> {
    if writes.overwrites() {
        c.overwrites();
    }
    for (area, head) in &writes.areas {
        write_head(c, locked, *area, head)?;
    }
    for (area, line) in &writes.log {
        locked.expect(*area)?;
        write_line(c, *area, line)?;
    }
    for record in &writes.records {
        locked.expect(record.row.area)?;
        write_record(c, record)?;
    }
    events::write(c, locked, writes)?;
    epochs::write(c, writes)
}

/// Writes an area's head and digests, which were read in this transaction under its lock.
pub(super) fn write_head(
    c: &Connection<'_>,
    locked: &Locked,
    area: AreaNo,
    head: &AreaHead,
) -> Result<(), StoreError> {
    locked.expect(area)?;
    let digests = head.digests.iter();
    let digests: Vec<u8> =
        digests.flat_map(|(facet, digest)| [&[*facet][..], &digest.to_be_bytes()].concat()).collect();
    let mut update = c.prepare_cached("UPDATE areas SET head = ?2, digests = ?3 WHERE area = ?1")?;
    update.execute((area.0, head.seq as i64, digests))?;
    marks::write_mark(c, area, head)?;
    c.note_wake_up(WakeUp::Area(area));
    Ok(())
}

fn write_entries(c: &Connection<'_>, push: &Push, writes: &Writes) -> Result<(), StoreError> {
    let carrier = push.carrier.map(|d| d.0);
    for (feed, SignedEntry { entry, body, hash }, refusal) in &writes.entries {
        let record = entry.record(*feed);
        let mut body = &body[..];
        if refusal.is_some() {
            let unkept = writes.unkept.contains(&(*feed, entry.n));
            refusals::keep(c, *feed, (entry, unkept), push.now)?;
            if epochs::is_erased(c, (record, entry), true)? {
                body = &[];
            }
        }
        let refusal = refusal.as_ref().map(|r| json!(r).to_string());
        let mut insert = c.prepare_cached("INSERT INTO entries VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?;
        insert.execute((feed.0, entry.n as i64, record.0, body, hash.0, refusal, carrier, push.now))?;
    }
    for (feed, n, signature) in &writes.signatures {
        let mut insert =
            c.prepare_cached("INSERT INTO signatures VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")?;
        insert.execute((feed.0, *n as i64, signature))?;
    }
    for (feed, n) in &writes.halts {
        let mut insert = c.prepare_cached(
            "INSERT INTO halts VALUES (?1, ?2) ON CONFLICT (feed) DO UPDATE SET n = excluded.n",
        )?;
        insert.execute((feed.0, *n as i64))?;
    }
    for (feed, SignedEntry { entry, body, hash }) in &writes.displaced {
        let mut insert =
            c.prepare_cached("INSERT INTO displaced VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING")?;
        let record = entry.record(*feed);
        let body = if epochs::is_erased(c, (record, entry), false)? { &[][..] } else { body };
        insert.execute((feed.0, entry.n as i64, hash.0, body, push.now, record.0))?;
    }
    for (feed, n, hash) in &writes.feeds {
        let spent = writes.spent.iter().find(|(of, ..)| of == feed);
        if !quotas::advance(c, *feed, (*n, *hash), spent.map(|(_, day, spent)| (*day, *spent)))? {
            return Err(StoreError::Missing(format!("feed {feed}")));
        }
    }
    let decided = |feed: &FeedId| writes.feeds.iter().any(|(of, ..)| of == feed);
    for (feed, day, spent) in writes.spent.iter().filter(|(feed, ..)| !decided(feed)) {
        quotas::count(c, *feed, *day, *spent)?;
    }
    Ok(())
}

fn write_line(c: &Connection<'_>, area: AreaNo, line: &LogRow) -> Result<(), StoreError> {
    let mut insert = c.prepare_cached("INSERT INTO log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    let seen = line.seen.as_deref().map(clock::pack);
    let (seq, n, facets) = (line.seq as i64, line.n as i64, line.facets as i64);
    insert.execute((area.0, seq, line.record.0, line.feed.0, n, facets, seen))?;
    Ok(())
}

fn write_record(c: &Connection<'_>, write: &RecordWrite) -> Result<(), StoreError> {
    handled::note(c, write)?;
    let RecordWrite { row, documents, ledger, base } = write;
    let mut upsert = c.prepare_cached(
        "INSERT INTO records (record, area, type, epoch, created, last, entries, entry_bytes, created_by, created_at,
           changed_by, changed_at, began, arrived, erased, before_entries, before_bytes, base_bytes,
           rules, due_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)
         ON CONFLICT (record) DO UPDATE SET area = ?2, epoch = ?4, created = ?5, last = ?6, entries = ?7, entry_bytes = ?8,
         created_by = ?9, changed_by = ?11, changed_at = ?12, began = ?13, arrived = ?14, erased = ?15,
         before_entries = ?16, before_bytes = ?17, base_bytes = ?18, rules = ?19, due_at = ?20",
    )?;
    upsert.execute(cells![
        row.record.0,
        row.area.0,
        row.record_type,
        row.epoch,
        row.created as i64,
        row.last as i64,
        row.entries as i64,
        row.entry_bytes as i64,
        row.created_by,
        row.created_at,
        row.changed_by,
        row.changed_at,
        row.began as i64,
        row.arrived as i64,
        row.erased,
        row.before.entries as i64,
        row.before.entry_bytes as i64,
        row.before.base_bytes as i64,
        row.rules,
        row.due_at,
    ])?;
    if let Some(base) = base {
        events::begin_again(c, row.record, base)?;
    }
    for document in documents {
        let mut upsert = c.prepare_cached(
            "INSERT INTO documents VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (record, facet) DO UPDATE SET bytes = ?3, term = ?4",
        )?;
        upsert.execute((row.record.0, document.facet, &document.bytes, document.term.to_be_bytes()))?;
    }
    for part in ledger {
        let mut upsert = c.prepare_cached(
            "INSERT INTO ledger VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (record, facet) DO UPDATE SET view = ?3, shown = ?4",
        )?;
        upsert.execute((row.record.0, part.facet, &part.view, &part.shown))?;
    }
    Ok(())
}
