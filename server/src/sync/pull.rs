//! Pull: the news for a phone, as frames. Areas follow one another; each frame shows an area at one moment.

use std::collections::BTreeSet;

use gridledger_core::canonical;
use gridledger_schema::entry::Target;
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::set::Scope;
use gridledger_schema::wire::{AreaCursor, Delta, Frame, LogEntry, News, RecordNews, Request, Want};

use crate::faults::is_planted;
use crate::rights::reader::{Reach, Reader};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::nodes::Sent;
use crate::store::rows::records::{AreaHead, Changes, Handled, RecordNewsRow, RecordRow, Told};
use gridledger_core::handlers::handlers;

/// Bytes of entries in an answer's first delta; each later delta may be twice as large. A phone on a bad connection
/// names a budget, and gets deltas that are small against it: a broken connection loses at most one.
const FIRST_DELTA_BYTES: usize = 128 << 10;
/// Bytes of entries in the first delta of the smallest budget.
const SMALLEST_DELTA_BYTES: usize = 4 << 10;
/// Bytes of entries in one delta at most.
const DELTA_BYTES: usize = 1 << 20;

/// The news left for one phone.
#[derive(Default)]
pub struct Pull {
    login: String,
    /// Areas the user may read in, sorted. If a record left for another area, the phone does not learn which.
    allowed: Vec<AreaNo>,
    areas: Vec<Area>,
    withdrawn: Vec<AreaNo>,
    own: Vec<(FeedId, u64)>,
    /// The phone may show, from before a restore, what it does not hold.
    recovers: bool,
    delta_bytes: usize,
    most_bytes: usize,
    /// The first moment at which other areas may be read: a role begins or ends, or an area comes to lie elsewhere.
    until: Option<i64>,
    /// The records that the last delta holds by themselves.
    sent: Sent,
}

struct Area {
    cursor: AreaCursor,
    granted: bool,
    reach: Reach,
    /// Records that the phone held before a restore, and misses.
    missed: Vec<RecordId>,
}

impl Pull {
    /// Plans an answer: the areas to report, those new to the phone, and those it has no right to any more. `own` are
    /// the phone's feeds, each with the last entry it has.
    pub fn plan(reader: &Reader<'_>, request: &Request, own: Vec<(FeedId, u64)>) -> Self {
        let (rights, now) = (reader.rights(), reader.now);
        let allowed = rights.areas(now);
        let (held, gone): (Vec<&AreaCursor>, Vec<&AreaCursor>) =
            request.cursors.iter().partition(|c| allowed.binary_search(&c.area).is_ok());
        let wanted: Vec<AreaNo> = match &request.want {
            Want::All => allowed.clone(),
            Want::Only(codes) => {
                let named = codes.iter().filter_map(|code| rights.tree.by_code(code).map(|a| a.no));
                named.filter(|no| allowed.binary_search(no).is_ok()).collect()
            }
        };
        let fresh = wanted.into_iter().filter(|no| held.iter().all(|c| c.area != *no));
        let missing = request.recovery.iter().flat_map(|brought| &brought.missing);
        let missing: BTreeSet<(AreaNo, RecordId)> = missing.map(|one| (one.area, one.record)).collect();
        let at = |cursor: AreaCursor, granted| Area {
            cursor,
            granted,
            reach: reader.reach(cursor.area),
            missed: missing
                .iter()
                .filter(|(area, _)| *area == cursor.area)
                .map(|(_, record)| *record)
                .collect(),
        };
        let mut areas: Vec<Area> = held.iter().map(|c| at(**c, false)).collect();
        areas.extend(fresh.map(|area| at(AreaCursor { area, floor: 0, reached: 0 }, true)));
        let withdrawn = gone.into_iter().map(|c| c.area).collect();
        let (first, most) = match request.budget as usize {
            0 => (FIRST_DELTA_BYTES, DELTA_BYTES),
            budget => {
                let piece = (budget / 4).clamp(SMALLEST_DELTA_BYTES, FIRST_DELTA_BYTES);
                (piece, piece)
            }
        };
        Self {
            login: reader.login.to_owned(),
            allowed,
            areas,
            withdrawn,
            own,
            recovers: request.recovery.is_some(),
            delta_bytes: first,
            most_bytes: most,
            until: next_change(reader),
            sent: Sent::new(),
        }
    }

    /// Whether the reader's rights are still those of the plan.
    pub fn holds(&self, now: i64) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Takes the records that the last delta holds by themselves, with the positions they are sent at.
    pub fn take_sent(&mut self) -> Sent {
        std::mem::take(&mut self.sent)
    }

    /// Reports every area anew: its place and its name.
    pub fn tell_areas(&mut self) {
        self.areas.iter_mut().for_each(|area| area.granted = true);
    }

    /// The next frame; `None` after the last.
    pub fn next(&mut self, service: &Service) -> Result<Option<Frame>, StoreError> {
        if let Some(area) = self.withdrawn.pop() {
            return Ok(Some(Frame::Withdrawn(area)));
        }
        let Some(area) = self.areas.first_mut() else {
            return Ok(None);
        };
        if std::mem::take(&mut area.granted) {
            let info = service.tree().get(area.cursor.area).cloned();
            return Ok(info.map(Frame::Granted));
        }
        let to = Receiver {
            service,
            login: &self.login,
            allowed: &self.allowed,
            own: &self.own,
            recovers: self.recovers,
        };
        let (delta, whole) = if area.reach.scope == Some(Scope::Area) {
            to.delta(area, self.delta_bytes)?
        } else {
            let (delta, whole) = to.part(area, self.delta_bytes)?;
            let by_itself = |news: &&RecordNews| matches!(news.news, News::Snapshot(_));
            let sent = delta.records.iter().filter(by_itself);
            self.sent = sent.map(|news| (news.record, news.last)).collect();
            (delta, whole)
        };
        self.delta_bytes = (self.delta_bytes * 2).min(self.most_bytes);
        area.cursor = delta.to;
        area.missed.clear();
        if whole {
            self.areas.remove(0);
        }
        Ok(Some(Frame::Delta(delta)))
    }
}

/// When the reader's rights change next by a date that is known already.
fn next_change(reader: &Reader<'_>) -> Option<i64> {
    let grants = reader.grants().iter().flat_map(|grant| [Some(grant.from), grant.to]);
    let edges = reader.tree().iter().flat_map(|area| &area.edges);
    let edges = edges.flat_map(|edge| [Some(edge.from), edge.to]);
    let dates = grants.chain(edges).flatten();
    dates.filter(|at| *at > reader.now).min()
}

/// The phone that a piece of an area's news is made for.
struct Receiver<'a> {
    service: &'a Service,
    login: &'a str,
    allowed: &'a [AreaNo],
    own: &'a [(FeedId, u64)],
    recovers: bool,
}

impl Receiver<'_> {
    /// The next piece of the news of an area that is read whole, and whether it is the last.
    fn delta(&self, area: &Area, bytes: usize) -> Result<(Delta, bool), StoreError> {
        let (from, facets) = (area.cursor, area.reach.facets);
        let (head, rows) = self.service.store.news(from, bytes)?;
        let reached = rows.last().map_or(head.seq, |row| row.at);
        let mut records = Vec::new();
        for row in rows {
            if let Some(gone) = gone(&row, self.allowed) {
                let gone = (self.recovers || may_be_held(&row, from, self.login)).then_some(gone);
                records.extend(gone);
            } else {
                records.extend(news(self.service, row, from.floor, facets, self.own)?);
            }
        }
        let (mut delta, whole) = piece(from, reached, &head, records);
        if whole {
            delta.digests = digests(&head, facets);
        }
        Ok((delta, whole))
    }

    /// The next piece of the news of an area in which the user reads some records. Each record comes whole. A phone
    /// that holds a part of an area cannot compare a digest over all of it.
    fn part(&self, area: &Area, bytes: usize) -> Result<(Delta, bool), StoreError> {
        let from = area.cursor;
        let changes = self.service.store.changes(from.area, from.reached, ROWS_AT_ONCE)?;
        let Changes { head, rows, more } = changes;
        let (mut records, mut taken) = (self.out_of_reach(area)?, 0);
        let mut reached = if more { from.reached } else { head.seq };
        for row in rows {
            if taken >= bytes {
                return Ok(piece(from, reached.min(row.at - 1), &head, records));
            }
            if more {
                reached = row.at;
            }
            let news = self.news_of_part(area, &row)?;
            taken += news.as_ref().map_or(0, weight);
            records.extend(news);
        }
        Ok(piece(from, reached, &head, records))
    }

    /// Records that the phone misses and the server has, out of the reader's reach. They left the phone's view and are
    /// not lost.
    fn out_of_reach(&self, area: &Area) -> Result<Vec<RecordNews>, StoreError> {
        let mut left = Vec::new();
        for record in &area.missed {
            if let Some((row, _)) = self.service.store.record(*record)?
                && !row.erased
                && !covered(self.service, &row, self.login, area.reach)?
            {
                left.push(record_news(row, News::Left(None)));
            }
        }
        Ok(left)
    }

    /// The news of a record for a reader of some records: all of it, or that it is out of reach.
    fn news_of_part(&self, area: &Area, row: &RecordNewsRow) -> Result<Option<RecordNews>, StoreError> {
        if let Some(gone) = gone(row, self.allowed) {
            let told = self.was_in_reach(area, &row.row)?;
            return Ok(told.then_some(gone));
        }
        if covered(self.service, &row.row, self.login, area.reach)? {
            return whole_record(self.service, &row.row, area.reach.facets);
        }
        let left = RecordNews { last: row.at, ..record_news(row.row.clone(), News::Left(None)) };
        let told = !is_planted("02") && self.was_in_reach(area, &row.row)?;
        Ok(told.then_some(left))
    }

    /// Whether the phone may hold a record that it may not read now. It holds what was in reach at its floor, and what was in
    /// reach at a change up to where it has reached.
    fn was_in_reach(&self, area: &Area, row: &RecordRow) -> Result<bool, StoreError> {
        if row.created_by == self.login {
            return Ok(true);
        }
        if area.reach.scope != Some(Scope::Assigned) {
            return Ok(false);
        }
        let AreaCursor { floor, reached, .. } = area.cursor;
        // A phone from before a restore shows records that it was given under other positions.
        let (from, to) = if self.recovers { (0, u64::MAX) } else { (floor, reached) };
        let handled = self.service.store.handled(row.record, self.login)?;
        Ok(handled.into_iter().any(|handled: Handled| handled.covers(from, to)))
    }
}

/// Records of an area that are looked at for one piece of news.
const ROWS_AT_ONCE: usize = 1_000;

/// A piece of an area's news that reaches a position of its log, and whether it is the last.
fn piece(from: AreaCursor, reached: u64, head: &AreaHead, records: Vec<RecordNews>) -> (Delta, bool) {
    let reached = reached.max(from.reached);
    let whole = reached >= head.seq;
    let to = AreaCursor {
        area: from.area,
        floor: if whole { head.seq } else { from.floor },
        reached: if whole { head.seq } else { reached },
    };
    let delta = Delta { from, to, records, digests: Vec::new(), mark: if whole { head.mark } else { 0 } };
    (delta, whole)
}

/// The bytes of a record that is sent by itself.
fn weight(news: &RecordNews) -> usize {
    match &news.news {
        News::Snapshot(documents) => documents.iter().map(|(_, bytes)| bytes.len()).sum(),
        News::Entries(_) | News::Left(_) | News::Erased => 0,
    }
}

fn digests(head: &AreaHead, facets: u64) -> Vec<(u8, [u8; 16])> {
    let digest =
        |(facet, digest): &(u8, u128)| (facets & (1 << facet) != 0).then(|| (*facet, digest.to_be_bytes()));
    let digests: Vec<_> = head.digests.iter().filter_map(digest).collect();
    if digests.is_empty() { vec![(0, [0; 16])] } else { digests }
}

/// Whether a person whose role reaches only some records reaches this one.
fn covered(service: &Service, row: &RecordRow, login: &str, reach: Reach) -> Result<bool, StoreError> {
    let ledger = service.store.ledger_row(row.record)?;
    let views = ledger.map(|row| row.views).unwrap_or_default();
    let view = views.iter().find(|(facet, _)| *facet == 0).map(|(_, view)| view);
    Ok(reach.covers(login, row, view.into_iter().flat_map(handlers)))
}

/// The news of a record that is no longer here; `None` when it is here.
fn gone(row: &RecordNewsRow, allowed: &[AreaNo]) -> Option<RecordNews> {
    let news = match row.told {
        Told::Left(to) => News::Left(allowed.binary_search(&to).is_ok().then_some(to)),
        Told::Changed if row.row.erased => News::Erased,
        Told::Changed => return None,
    };
    Some(RecordNews { last: row.at, ..record_news(row.row.clone(), news) })
}

/// Whether a phone may hold a record that is no longer here. A phone that begins with the area holds the records that
/// its user made there. It may also hold an erased record that it is about to fetch afresh. Only for areas that are
/// read whole.
fn may_be_held(row: &RecordNewsRow, from: AreaCursor, login: &str) -> bool {
    from.reached > 0 || row.row.erased || row.row.created_by == login
}

/// A record that may only now have come into reach, always whole. If it changed since the area was read, it comes at
/// its new position.
fn whole_record(service: &Service, seen: &RecordRow, facets: u64) -> Result<Option<RecordNews>, StoreError> {
    let Some((row, documents)) = service.store.record(seen.record)? else {
        return Ok(None);
    };
    if row.last != seen.last {
        return Ok(None);
    }
    let documents = documents.into_iter().filter(|d| facets & (1 << d.facet) != 0);
    let snapshot = News::Snapshot(documents.map(|d| (d.facet, d.bytes)).collect());
    Ok(Some(record_news(row, snapshot)))
}

fn record_news(row: RecordRow, news: News) -> RecordNews {
    let RecordRow { record, created, last, record_type, epoch, .. } = row;
    RecordNews { record, created, last, record_type, epoch, news }
}

/// A record's news: its entries since the floor or the whole, whichever is shorter; `None` when none of it is for
/// this reader.
fn news(
    service: &Service,
    row: RecordNewsRow,
    floor: u64,
    facets: u64,
    own: &[(FeedId, u64)],
) -> Result<Option<RecordNews>, StoreError> {
    let RecordNewsRow { row, entries, whole, .. } = row;
    if let Some(documents) = whole {
        let documents = documents.into_iter().filter(|d| facets & (1 << d.facet) != 0);
        let snapshot = News::Snapshot(documents.map(|d| (d.facet, d.bytes)).collect());
        return Ok(Some(record_news(row, snapshot)));
    }
    let bytes: usize = entries.iter().map(|(_, _, body)| body.len()).sum();
    // A record that arrived since needs all its entries.
    let floor = if row.arrived > floor { 0 } else { floor };
    let news = if let Some(snapshot) = snapshot(service, &row, floor, facets, bytes, entries.len())? {
        snapshot
    } else {
        let entries = entries
            .into_iter()
            .filter(|(line, ..)| line.facets & facets != 0)
            .map(|(line, author, body)| {
                let entry = canonical::decode(&body).map_err(|_| StoreError::Damaged("entries"))?;
                Ok(logged(line, author, entry, facets, own))
            })
            .collect::<Result<Vec<_>, StoreError>>()?;
        if entries.is_empty() {
            return Ok(None);
        }
        News::Entries(entries)
    };
    Ok(Some(record_news(row, news)))
}

/// Entries of one record before a snapshot is considered: below that its documents are never the shorter.
const SNAPSHOT_ENTRIES: usize = 8;

fn snapshot(
    service: &Service,
    row: &RecordRow,
    floor: u64,
    facets: u64,
    bytes: usize,
    entries: usize,
) -> Result<Option<News>, StoreError> {
    if floor != 0 || entries < SNAPSHOT_ENTRIES {
        return Ok(None);
    }
    // This is read after the news. A record that changed in between belongs to the next delta.
    let Some((now, documents)) = service.store.record(row.record)? else {
        return Ok(None);
    };
    if now.last != row.last {
        return Ok(None);
    }
    let documents: Vec<(u8, Vec<u8>)> =
        documents.into_iter().filter(|d| facets & (1 << d.facet) != 0).map(|d| (d.facet, d.bytes)).collect();
    let size: usize = documents.iter().map(|(_, bytes)| bytes.len()).sum();
    // Entries go through the column compressor, which at least halves them; a save is compressed already.
    Ok((size * 2 < bytes).then_some(News::Snapshot(documents)))
}

fn logged(
    line: crate::store::rows::records::LogRow,
    author: String,
    mut entry: gridledger_schema::entry::Entry,
    facets: u64,
    own: &[(FeedId, u64)],
) -> LogEntry {
    let own = own.iter().any(|(feed, n)| *feed == line.feed && line.n <= *n);
    entry.intents.retain(|intent| facets & (1 << intent.facet) != 0);
    entry.role.clear();
    entry.cursor = 0;
    if own {
        entry.intents.clear();
        if !matches!(entry.target, Target::Edit { .. }) {
            entry.target = Target::Edit { record: line.record };
        }
    }
    LogEntry { seq: line.seq, feed: line.feed, author, seen: line.seen, entry, own }
}
