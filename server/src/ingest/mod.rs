//! Ingest: decides a push. Plan, then do: this reads through a [`Source`] and returns what to write; the store's engine
//! does both inside one transaction.

use crate::record::cost;
use crate::record::stop::Stop;
mod again;
mod epochs;
mod home;
mod judge;
mod known;
mod named;
mod parallel;
mod quota;
mod retimed;
mod sent;

use std::collections::BTreeMap;
use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use gridledger_core::calendar::Zone;
use gridledger_core::digest;
use gridledger_core::rights::AreaTree;
use gridledger_core::validate::{check_fit, check_shape};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::{AreaNo, DeviceNo, EntryHash, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Grant;

use crate::faults;
use crate::record::cost::{Cost, Meter, Metered, Watch};
use crate::record::moving::Crossing;
use crate::record::working::{Own, Working};
use crate::service::clock;
use crate::store::StoreError;
use crate::store::rows::people::{ShortenedGrant, UserNo};
use crate::store::rows::plans::RouteRow;
use crate::store::rows::records::{
    AreaHead, CheckedSegment, Decide, LogRow, Push, SegmentVerdict, SignedEntry, Source, Spent, Writes,
};
use parallel::Prepared;

/// The function a store asks inside each push's transaction.
pub fn decider(schema: Arc<SchemaSet>) -> Arc<Decide> {
    watched(schema, Watch::machine())
}

/// The same for an office in another zone, which refusals name times in.
pub fn decider_in_zone(schema: Arc<SchemaSet>, zone: Zone) -> Arc<Decide> {
    watched_in_zone(schema, zone, Watch::machine())
}

/// As [`decider`], with the caller's clock; the caller is told what each push cost.
pub fn watched(schema: Arc<SchemaSet>, watch: Watch) -> Arc<Decide> {
    watched_in_zone(schema, Zone::default(), watch)
}

fn watched_in_zone(schema: Arc<SchemaSet>, zone: Zone, watch: Watch) -> Arc<Decide> {
    Arc::new(move |source, push| {
        let (decided, cost) = decide((&schema, &zone), source, push, (&watch, false));
        let (decided, cost) = match decided {
            Err(StoreError::Unsettled) => decide((&schema, &zone), source, push, (&watch, true)),
            decided => (decided, cost),
        };
        if let Some(told) = &watch.told {
            told(cost);
        }
        decided
    })
}

/// Decides a push. `eager` merges each change by itself, so that one which cannot be merged is refused alone.
fn decide(
    (schema, zone): (&SchemaSet, &Zone),
    source: &mut dyn Source,
    push: &Push,
    (watch, eager): (&Watch, bool),
) -> (Result<(Writes, Vec<SegmentVerdict>), StoreError>, Cost) {
    let meter = Meter::new(&watch.clock);
    let decided =
        Plan::new((schema, zone), &mut Metered { source, meter: &meter }, push, (&meter, eager)).decide(push);
    (decided, meter.cost())
}

/// The refusal for the rest of a push that is not decided now.
fn comes_again() -> Refusal {
    Refusal::new(Code::Busy, "the rest comes with the next request")
}

fn refuse(code: Code, rule: &str) -> Stop {
    Stop::Refused(Refusal::new(code, rule))
}

/// The refusal for an entry whose time is still ahead.
fn ahead(entry: &Entry, now: i64, zone: &Zone) -> Refusal {
    let (at, here) = (zone.write_minute(entry.at), zone.write_minute(now));
    let rule = format!("entry {} is of {at}; here it is {here}", entry.n);
    Refusal::new(Code::TimeAhead, rule)
}

struct Plan<'a> {
    schema: &'a SchemaSet,
    zone: &'a Zone,
    source: &'a mut dyn Source,
    meter: &'a Meter<'a>,
    /// Whether each change is merged at once.
    eager: bool,
    now: i64,
    /// The last entry that this push decided, by feed.
    heads: HashMap<FeedId, (u64, EntryHash)>,
    records: BTreeMap<RecordId, Working>,
    areas: HashMap<AreaNo, Option<AreaHead>>,
    grants: HashMap<UserNo, Option<Vec<Grant>>>,
    /// The users' shortened grants, read once each.
    shortened: HashMap<UserNo, Vec<ShortenedGrant>>,
    /// Ancestries, by area and by what was known of them.
    trees: HashMap<(AreaNo, i64), Arc<AreaTree>>,
    routes: HashMap<AreaNo, Option<RouteRow>>,
    homes: home::Homes,
    /// Records that placing looked at, by id.
    near: HashMap<RecordId, Option<Rc<home::Near>>>,
    /// The types of records that entries name.
    types: HashMap<RecordId, String>,
    /// Logins that entries name.
    logins: HashSet<String>,
    prepared: Prepared<'a>,
    /// Whether the push ended early.
    halted: bool,
    /// The bytes of the entry being decided are not kept.
    forget: bool,
    /// The cursor that the entry being decided claims; it is judged by what its device was sent, which may be less.
    claimed: u64,
    /// The amounts this push brought by feed, and what their devices had brought on this day before.
    spent: HashMap<FeedId, Spent>,
    spent_before: HashMap<Option<DeviceNo>, Spent>,
    /// Whether users read only some records of areas.
    parts: HashMap<(UserNo, AreaNo), bool>,
    writes: Writes,
}

impl<'a> Plan<'a> {
    fn new(
        (schema, zone): (&'a SchemaSet, &'a Zone),
        source: &'a mut dyn Source,
        push: &'a Push,
        (meter, eager): (&'a Meter<'a>, bool),
    ) -> Self {
        Self {
            schema,
            zone,
            source,
            meter,
            eager,
            now: push.now,
            heads: HashMap::new(),
            records: BTreeMap::new(),
            areas: HashMap::new(),
            grants: HashMap::new(),
            trees: HashMap::new(),
            shortened: HashMap::new(),
            routes: HashMap::new(),
            homes: home::homes(push),
            near: HashMap::new(),
            types: HashMap::new(),
            logins: HashSet::new(),
            prepared: Prepared::new(push),
            halted: false,
            forget: false,
            claimed: 0,
            spent: HashMap::new(),
            spent_before: HashMap::new(),
            parts: HashMap::new(),
            writes: Writes::default(),
        }
    }

    fn decide(mut self, push: &Push) -> Result<(Writes, Vec<SegmentVerdict>), StoreError> {
        let verdicts = self.push(push)?;
        Ok((self.finish()?, verdicts))
    }
}

impl Plan<'_> {
    fn push(&mut self, push: &Push) -> Result<Vec<SegmentVerdict>, StoreError> {
        push.segments.iter().map(|segment| self.segment(segment)).collect()
    }

    fn segment(&mut self, segment: &CheckedSegment) -> Result<SegmentVerdict, StoreError> {
        let feed = segment.feed.feed;
        let (held, hash) = match self.heads.get(&feed) {
            Some(head) => *head,
            None => self.source.feed_head(feed)?,
        };
        let mut verdict = SegmentVerdict {
            feed,
            first: segment.entries.first().map_or(1, |signed| signed.entry.n),
            n: held,
            hash,
            refused: Vec::new(),
            times: Vec::new(),
            stopped: None,
        };
        let mut looked_at = 0;
        for signed in &segment.entries {
            let n = signed.entry.n;
            if self.is_spent_by(signed) {
                self.halted = true;
                verdict.stopped = Some(comes_again());
                break;
            }
            self.meter.entry(signed);
            looked_at += 1;
            if n <= held {
                // The common prefix of both sides ends before this entry: so far the feed is decided for this
                // writer.
                if !self.repeat(feed, signed, &mut verdict)? {
                    if self.repeat_retimed(segment, (n, held), &mut verdict)? {
                        break;
                    }
                    self.keep_displaced(segment, signed)?;
                    let rule = format!("entry {n} was another before");
                    verdict.stopped = Some(Refusal::new(Code::FeedForked, rule));
                    (verdict.n, verdict.hash) = (n - 1, self.read_hash(feed, n - 1)?);
                    break;
                }
                (verdict.n, verdict.hash) = (n, signed.hash);
                continue;
            }
            if n != verdict.n + 1 {
                verdict.stopped =
                    Some(Refusal::new(Code::FeedGap, format!("entry {} comes first", verdict.n + 1)));
                break;
            }
            if let Some(enough) = self.count_entry(segment, signed)? {
                verdict.stopped = Some(enough);
                break;
            }
            let judged = self
                .repeat_proven_verdict(segment, &signed.entry)
                .and_then(|()| self.entry(segment, &signed.entry, signed.body.len()));
            let refusal = match judged {
                Ok(()) => None,
                Err(Stop::Refused(refusal)) => Some(refusal),
                Err(Stop::Waits) => {
                    verdict.stopped = Some(again::waits());
                    break;
                }
                Err(Stop::Ahead) => {
                    verdict.stopped = Some(ahead(&signed.entry, self.now, self.zone));
                    break;
                }
                Err(Stop::Failed(error)) => return Err(error),
            };
            verdict.refused.extend(refusal.clone().map(|r| (n, r)));
            let mut kept = signed.clone();
            if std::mem::take(&mut self.forget) {
                kept.body.clear();
            } else if refusal.is_some() && !self.keeps_words(segment, signed)? {
                kept.body.clear();
                self.writes.unkept.insert((feed, n));
            }
            self.writes.entries.push((feed, kept, refusal));
            (verdict.n, verdict.hash) = (n, signed.hash);
        }
        if looked_at == 0 && verdict.stopped.is_some() {
            // No common prefix is known.
            (verdict.n, verdict.hash) = (0, EntryHash::ZERO);
        }
        if verdict.n > held {
            self.heads.insert(feed, (verdict.n, verdict.hash));
            self.writes.feeds.push((feed, verdict.n, verdict.hash));
            let last = segment.entries.last().map(|last| last.entry.n);
            if last == Some(verdict.n) {
                self.writes.signatures.push((feed, verdict.n, segment.signature));
            } else {
                self.writes.halts.push((feed, verdict.n));
            }
        }
        Ok(verdict)
    }

    /// Whether the push has no room left for an entry. One entry is always decided.
    fn is_spent_by(&self, next: &SignedEntry) -> bool {
        let (entries, records) = (self.writes.entries.len(), self.records.len());
        self.meter.cost().entries > 0 && self.meter.is_spent(entries, records, cost::weight(next))
    }

    /// An entry decided before gets its first verdict again; `false` if it is not the same entry.
    fn repeat(
        &mut self,
        feed: FeedId,
        signed: &SignedEntry,
        verdict: &mut SegmentVerdict,
    ) -> Result<bool, StoreError> {
        let n = signed.entry.n;
        let mut here = self.writes.entries.iter().filter(|_| self.heads.contains_key(&feed));
        let here = here.find(|(of, known, _)| *of == feed && known.entry.n == n);
        let decided = match here {
            Some((_, known, refusal)) => Some((known.hash, refusal.clone())),
            None => self.source.decided(feed, n)?,
        };
        match decided {
            Some((hash, refusal)) if hash == signed.hash => {
                verdict.refused.extend(refusal.map(|r| (n, r)));
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The hash of an entry decided before.
    fn read_hash(&mut self, feed: FeedId, n: u64) -> Result<EntryHash, StoreError> {
        let mut here = self.writes.entries.iter();
        if let Some((_, known, _)) = here.find(|(of, known, _)| *of == feed && known.entry.n == n) {
            return Ok(known.hash);
        }
        let decided = if n == 0 { None } else { self.source.decided(feed, n)? };
        Ok(decided.map_or(EntryHash::ZERO, |(hash, _)| hash))
    }

    fn entry(&mut self, segment: &CheckedSegment, entry: &Entry, bytes: usize) -> Result<(), Stop> {
        let feed = segment.feed.feed;
        let record = entry.record(feed);
        let mut working = self.take_record(feed, entry)?;
        // If a clock says what was seen, the cursor may be of another generation.
        self.claimed = if segment.saw(entry.n).is_some() { 0 } else { entry.cursor };
        let entry = &*self.limit_to_sent(&mut working, segment, entry)?;
        let result = self
            .refuse_erased(&working, feed, entry)
            .and_then(|()| self.entry_in(&mut working, segment, entry, bytes));
        self.meter.work(working.take_spent());
        // A record that the entry would have created is only there if it was stored.
        if result.is_ok() || working.row.entries > 0 {
            self.records.insert(record, working);
        }
        result
    }

    fn entry_in(
        &mut self,
        working: &mut Working,
        segment: &CheckedSegment,
        entry: &Entry,
        bytes: usize,
    ) -> Result<(), Stop> {
        check_shape(entry)?;
        let was_stored = segment.was_stored(entry.n);
        if !was_stored && entry.at > self.now + limits::CLOCK_AHEAD_MS {
            if faults::is_planted("25") {
                return Err(refuse(Code::TimeOutOfRange, "ahead of the server's clock"));
            }
            if segment.heard.corrects {
                return Err(Stop::Ahead);
            }
        }
        self.renew_old_rules(working)?;
        self.entry_on(working, segment, entry, bytes)
    }

    fn take_record(&mut self, feed: FeedId, entry: &Entry) -> Result<Working, Stop> {
        let record = entry.record(feed);
        if let Some(working) = self.records.remove(&record) {
            return Ok(working);
        }
        match &entry.target {
            Target::Create { record_type, area } => {
                let home = self.find_home(feed, entry)?;
                let mut working = Working::new(record, record_type, *area).at_home(home);
                working.eager = self.eager;
                Ok(working)
            }
            Target::Edit { .. } => match self.source.record(record)? {
                Some((row, documents)) => {
                    let mut working = Working::load(row, documents)?;
                    working.eager = self.eager;
                    self.meter.loaded(working.operations());
                    Ok(working)
                }
                None => Err(refuse(Code::RecordUnknown, "no such record")),
            },
        }
    }

    fn entry_on(
        &mut self,
        working: &mut Working,
        segment: &CheckedSegment,
        entry: &Entry,
        bytes: usize,
    ) -> Result<(), Stop> {
        let known = self.find_known_area(working, entry.cursor)?;
        // An entry that was stored once was judged then. A log that was lost cannot say any more what its author
        // had seen.
        let was_stored = segment.was_stored(entry.n);
        if !was_stored {
            self.check_seen(segment, known)?;
        }
        if working.bytes() + bytes as u64 > limits::RECORD_BYTES {
            let rule = format!("at most {} bytes a record", limits::RECORD_BYTES);
            return Err(refuse(Code::RecordFull, &rule));
        }
        let record_type = self.schema.record_type(&working.row.record_type);
        let record_type =
            record_type.ok_or_else(|| refuse(Code::TypeUnknown, "no such record type"))?.clone();
        let feed = segment.feed.feed;
        let own = Own { feed, before: &segment.heard.before };
        let seen = self.find_seen(working, segment, &own, entry)?;
        // This comes before anything forks: judging forks where a rule looks at what the author had seen.
        if faults::is_planted("15") {
            working.forget_branches();
        }
        self.meter.copied(working.to_copy(&seen));
        if was_stored {
            check_fit(&record_type, entry)?;
        } else {
            self.check(working, &record_type, (segment, known), entry, &seen)?;
            self.check_names(working, &record_type, entry)?;
        }
        let made_on = match self.prepared.take(feed, entry) {
            Some(documents) if working.row.entries == 0 => {
                working.take(documents);
                None
            }
            _ => working.derive(&segment.feed, entry, &seen)?,
        };
        let line = LogRow {
            seq: self.next_position(working)?,
            record: working.row.record,
            feed,
            n: entry.n,
            facets: entry.facets(),
            seen: made_on,
        };
        let at = clock::shown_time(entry.at, self.now);
        working.logged(&line, &segment.feed.author, at, bytes);
        self.writes.log.push((working.row.area, line));
        self.erase_withdrawn(working, &record_type, feed, entry)
    }

    /// The next position of the log of a record's area. A new record whose author named another area crosses over at once.
    fn next_position(&mut self, working: &mut Working) -> Result<u64, Stop> {
        let home = working.row.area;
        self.area(home)?;
        let Some(named) = working.named.take() else {
            let head = self.areas.get_mut(&home).and_then(Option::as_mut);
            let head = head.expect("BUG: the area was just read");
            head.seq += 1;
            return Ok(head.seq);
        };
        self.area(named)?;
        let [Some(Some(mut old)), Some(Some(mut new))] = [named, home].map(|area| self.areas.remove(&area))
        else {
            return Err(refuse(Code::AreaUnknown, "no such area"));
        };
        let crossing = Crossing::between(&mut old, &mut new);
        self.areas.extend([(named, Some(old)), (home, Some(new))]);
        let record = working.row.record;
        crossing.note(record, (named, crossing.left), home, self.now, &mut self.writes);
        working.row.arrived = crossing.arrived;
        Ok(crossing.arrived)
    }

    /// The area a record was in for an author who had seen it up to a position: if it moved since, the area before.
    fn find_known_area(&mut self, working: &Working, cursor: u64) -> Result<AreaNo, StoreError> {
        let row = &working.row;
        if let Some(named) = working.named {
            return Ok(named);
        }
        if cursor >= row.arrived {
            return Ok(row.area);
        }
        let stays = self.source.stays(row.record)?;
        let crossing = self.writes.stays.iter().filter(|(record, _)| *record == row.record);
        let mut stays = stays.iter().chain(crossing.map(|(_, stay)| stay));
        let then = stays.find(|stay| cursor < stay.until);
        Ok(then.map_or(row.area, |stay| stay.area))
    }

    /// An entry cannot have seen more of an area's log than there is, nor more than its device was given.
    fn check_seen(&mut self, segment: &CheckedSegment, area: AreaNo) -> Result<(), Stop> {
        if self.claimed > self.area(area)? {
            return Err(refuse(Code::SeenImpossible, "the area's log is not that long"));
        }
        let given = segment.heard.given.as_ref().and_then(|given| given.get(&area));
        if given.is_some_and(|given| self.claimed > *given) {
            return Err(refuse(Code::SeenImpossible, "the device was not given that much of the log"));
        }
        Ok(())
    }

    /// The last position of an area's log.
    fn area(&mut self, area: AreaNo) -> Result<u64, Stop> {
        let head = match self.areas.entry(area) {
            Slot::Occupied(slot) => slot.into_mut(),
            Slot::Vacant(slot) => slot.insert(self.source.area_head(area)?),
        };
        head.as_ref().map(|h| h.seq).ok_or_else(|| refuse(Code::AreaUnknown, "no such area"))
    }

    fn finish(mut self) -> Result<Writes, StoreError> {
        self.compact()?;
        self.count_spent();
        let (schema, records) = (self.schema, std::mem::take(&mut self.records));
        let finished = parallel::map(records.into_values().collect(), |working: Working| {
            let record_type = schema.record_type(&working.row.record_type);
            record_type.map_or(Ok(None), |record_type| working.finish(Some(record_type)))
        });
        for write in finished {
            let Some(write) = write? else { continue };
            let area = write.record.row.area;
            if let Some(Some(head)) = self.areas.get_mut(&area) {
                for (facet, change) in write.digest_changes {
                    digest::add(&mut head.digests, facet, change);
                }
            }
            self.writes.records.push(write.record);
        }
        let lines = self.writes.log.iter().map(|(area, _)| *area);
        let events = self.writes.events.iter().map(|(area, _)| *area);
        let changed: Vec<AreaNo> = lines.chain(events).collect();
        self.writes.areas = self
            .areas
            .into_iter()
            .filter(|(a, _)| changed.contains(a))
            .filter_map(|(a, h)| Some((a, h?)))
            .collect();
        Ok(self.writes)
    }
}
