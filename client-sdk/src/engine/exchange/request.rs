//! What to send next: everything the server has not decided, and where this phone stands in each area.

use std::collections::BTreeSet;

use gridledger_core::receipt;
use gridledger_core::wire::squeeze::Packing;
use gridledger_core::wire::{envelope, frames, squeeze};
use gridledger_schema::code::Code;
use gridledger_schema::ids::{AreaNo, DeviceNo, EntryHash, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::{AreaCursor, Ask, Enrol, GrantSet, Request, Segment, Want};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::engine::exchange::answer::COUNTER;
use crate::engine::exchange::former_feeds;
use crate::engine::exchange::restored;
use crate::engine::file::database;
use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::reading::status;
use crate::engine::records::areas;
use crate::engine::records::names::Names;
use crate::error::ClientError;

/// A request ready to be sent.
pub struct Outgoing {
    /// The server's address.
    pub server: String,
    /// The sealed body.
    pub body: Vec<u8>,
    /// Entries in it.
    pub entries: usize,
}

/// A request, and what has to be known of it when its answer comes.
struct Sealed {
    outgoing: Outgoing,
    /// The questions in it.
    asked: Vec<Ask>,
    /// The records of which it says that something is missing.
    told_missing: Vec<RecordId>,
    /// The last entry of each segment, with its hash.
    ends: Vec<(FeedId, u64, EntryHash)>,
    /// It leaves out own entries, since their times are in doubt.
    held_back: bool,
    /// It enrols and leaves out the rest.
    is_bare: bool,
}

/// A request that enrols and says nothing else.
fn bare(request: Request) -> Request {
    Request {
        server_epoch: request.server_epoch,
        schema: request.schema,
        want: Want::Only(Vec::new()),
        own: request.own,
        budget: request.budget,
        enrol: request.enrol,
        lease: request.lease,
        ..Request::default()
    }
}

impl Engine {
    /// The next request. Nothing is marked as sent: the same entries go out until a verdict arrives.
    pub fn request(&mut self, budget: u32) -> Result<Outgoing, ClientError> {
        (self.answer_is_void, self.reach_settled, self.ask_again) = (false, false, false);
        self.recovering.over = false;
        self.times.told = None;
        self.lease.server = None;
        self.answer_epoch = None;
        let lease = self.wants_lease()?;
        // Before the look at what there is: a doubt that comes up later is told with the next request.
        self.recovering.shows_receipts = restored::is_in_doubt(&self.db)?;
        // First: what has a higher counter tells of a later moment.
        self.counter = self.next_counter()?;
        self.settle_times()?;
        let sealed = self.at_one_moment(|engine, c| engine.sealed_request(c, budget, lease))?;
        self.answer_feed = Some(self.me.feed);
        self.asked = sealed.asked;
        (self.times.sent, self.times.held_back) = (sealed.ends, sealed.held_back);
        self.recovering.told_missing = sealed.told_missing;
        self.ask_again = sealed.is_bare;
        Ok(sealed.outgoing)
    }

    /// Makes a request.
    fn sealed_request(&self, c: &Connection, budget: u32, lease: bool) -> Result<Sealed, ClientError> {
        let server = self.server()?.ok_or(ClientError::NotEnrolled)?;
        let enrol = self.enrolment()?;
        if enrol.is_none() && self.me.device.is_none() {
            return Err(ClientError::NotEnrolled);
        }
        let enrols = enrol.is_some();
        // At the same moment as the segments: another process may save an edit under a doubted time.
        let held_back = self.doubts_times()?;
        let segments = if held_back { Vec::new() } else { self.segments()? };
        let ends = self.ends_of(&segments)?;
        let entries = segments.iter().map(|s| s.entries.len()).sum();
        let rights_known = self.rights_known(&segments, settings::number(c, "territory")? as u32);
        let (recovery, told_missing) = self.recovery(&segments)?.unzip();
        let cursors = self.cursors()?;
        let marks = if recovery.is_some() || !segments.is_empty() || self.holds_parts()? {
            self.marks(&cursors)?
        } else {
            Vec::new()
        };
        let request = Request {
            server_epoch: self.me.server_epoch,
            schema: self.schema.fingerprint(),
            cursors,
            want: self.want()?,
            budget,
            own: self.own()?,
            segments,
            grants: rights_known,
            enrol,
            reads: self.reads_to_send()?,
            asks: self.asks()?,
            lease,
            recovery,
            marks,
        };
        let mut payload = frames::write_request(&request, &Names(c));
        let (mut entries, schema, asks) = (entries, request.schema, request.asks.clone());
        let is_bare = enrols && payload.len() > limits::STRANGER_INFLATED_BYTES;
        if is_bare {
            // Whoever is not known yet may bring so much and no more: the rest goes once this phone is known.
            payload = frames::write_request(&bare(request), &Names(c));
            entries = 0;
        }
        let dictionary = (settings::number(c, "no_dictionary")? == 0).then(|| self.schema.dictionary());
        let (packing, payload) = squeeze::pack(&payload, dictionary);
        // Who enrols comes as a stranger, even with a number of another server's.
        let device = self.me.device.filter(|_| !enrols).unwrap_or(DeviceNo(0));
        let body =
            envelope::seal(self.me.suite, &self.me.key, device, self.counter, packing, schema, &payload);
        let outgoing = Outgoing { server, body, entries };
        Ok(Sealed {
            outgoing,
            asked: asks,
            told_missing: told_missing.unwrap_or_default(),
            ends,
            held_back,
            is_bare,
        })
    }

    /// The rights this phone knows. What it has to send beyond this request was made before it came to know them: until
    /// that is sent, it says it knows of none.
    fn rights_known(&self, segments: &[Segment], territory: u32) -> [u8; 4] {
        let last = segments.last();
        let sent = last.filter(|segment| segment.feed == self.me.feed);
        let sent = sent.and_then(|segment| segment.entries.last()).map(|entry| entry.n);
        if self.has_unsent() && sent.is_none_or(|sent| sent < self.me.head.0) {
            return [0; 4];
        }
        receipt::grants_fingerprint(&GrantSet { grants: self.grants.clone(), territory })
    }

    /// The server does not hold this phone's dictionary: do without from now on, until the schemas agree.
    pub fn without_dictionary(&mut self) -> Result<(), ClientError> {
        settings::set_number(&self.db, "no_dictionary", 1)
    }

    /// The server has seen this counter from this device (an older copy of it, or a clock set back): go on above it.
    pub fn counter_at_least(&mut self, used: u64) {
        self.counter = self.counter.max(used);
    }

    /// How the dictionary of an answer is found: the answer is packed with this phone's own, or with none.
    pub fn dictionary(&self, packing: Packing) -> &[u8] {
        if packing == Packing::Dictionary { self.schema.dictionary() } else { &[] }
    }

    fn enrolment(&self) -> Result<Option<Enrol>, ClientError> {
        let Some(code) = settings::text(&self.db, "code")? else {
            return Ok(None);
        };
        let label = settings::text(&self.db, "label")?.unwrap_or_default();
        Ok(Some(Enrol { code, public_key: self.public_key(), label }))
    }

    /// Higher than any counter used before, also by another process, or an older copy of this phone: the clock serves as
    /// one. Lost in a power cut, it is told by the server.
    fn next_counter(&mut self) -> Result<u64, ClientError> {
        let now = (self.clock)().max(0) as u64;
        let after = |last: u64| (last + 1).max(now);
        let used = self.counter;
        let kept = database::lightly(&self.db, |c| {
            let tx = Transaction::new_unchecked(c, TransactionBehavior::Immediate)?;
            let next = after(used.max(settings::number(&tx, COUNTER)? as u64));
            settings::set_number(&tx, COUNTER, next as i64)?;
            tx.commit().map_err(ClientError::of_store)?;
            Ok(next)
        });
        match kept {
            Err(error) if error.is_damage() => Err(error),
            // On a full disk what waits can be sent all the same.
            Err(_) => Ok(after(used.max(settings::number(&self.db, COUNTER)? as u64))),
            kept => kept,
        }
    }

    /// The key's feeds, each with the last entry held here; the one written now is the last.
    pub(crate) fn own(&self) -> Result<Vec<(u32, u64)>, ClientError> {
        let mut last = self.db.prepare_cached("SELECT coalesce(max(n), 0) FROM entries WHERE feed = ?1")?;
        let (key, moved) = (self.public_key(), restored::has_moved(&self.db)?);
        let of = |ordinal| {
            let feed = FeedId::of_key(&key, ordinal);
            let n: i64 = last.query_row([feed.0], |row| row.get(0))?;
            // A restored server may send what was erased here since: that does not come down by number.
            let whole = if moved { former_feeds::whole_until(&self.db, feed)? } else { None };
            Ok((ordinal, (n as u64).min(whole.unwrap_or(u64::MAX))))
        };
        self.ordinals()?.into_iter().map(of).collect()
    }

    /// The ordinals of the feeds that a request names: the one written now, those that are sent again, and of the others the
    /// latest, as many as a request names. What was written in others comes down as anybody's.
    fn ordinals(&self) -> Result<BTreeSet<u32>, ClientError> {
        let most = limits::DEVICE_FEEDS as usize;
        let mut ordinals = BTreeSet::from([self.me.ordinal]);
        let sql = "SELECT ordinal FROM former_feeds ORDER BY ordinal LIMIT ?1";
        let mut select = self.db.prepare_cached(sql)?;
        for ordinal in select.query_map([most as i64 - 1], |row| row.get(0))? {
            ordinals.insert(ordinal?);
        }
        for ordinal in (0..self.me.ordinal).rev() {
            if ordinals.len() == most {
                break;
            }
            ordinals.insert(ordinal);
        }
        Ok(ordinals)
    }

    fn cursors(&self) -> Result<Vec<AreaCursor>, ClientError> {
        let mut select =
            self.db.prepare_cached("SELECT area, floor, reached FROM areas WHERE held = 1 ORDER BY area")?;
        let rows = select.query_map([], |row| {
            let number = |column| row.get::<_, i64>(column).map(|n| n as u64);
            Ok(AreaCursor { area: AreaNo(row.get(0)?), floor: number(1)?, reached: number(2)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether this phone holds only some records of an area: no digest tells it of a log that is another.
    fn holds_parts(&self) -> Result<bool, ClientError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM areas WHERE held = 1 AND scope <> ?1)";
        let mut select = self.db.prepare_cached(sql)?;
        Ok(select.query_row([areas::WHOLE], |row| row.get(0))?)
    }

    /// The mark at each cursor; nothing where there is none at all.
    fn marks(&self, cursors: &[AreaCursor]) -> Result<Vec<u16>, ClientError> {
        let mut select = self.db.prepare_cached("SELECT mark FROM areas WHERE area = ?1")?;
        let of = |cursor: &AreaCursor| Ok(select.query_row([cursor.area.0], |row| row.get(0))?);
        let marks: Vec<u16> = cursors.iter().map(of).collect::<Result<_, ClientError>>()?;
        Ok(if marks.iter().all(|mark| *mark == 0) { Vec::new() } else { marks })
    }

    fn want(&self) -> Result<Want, ClientError> {
        let Some(wanted) = settings::text(&self.db, "hold")? else {
            return Ok(Want::All);
        };
        let codes: Vec<String> = serde_json::from_str(&wanted).unwrap_or_default();
        if codes.is_empty() {
            return Ok(Want::All);
        }
        let held = areas::areas(&self.db, true)?;
        let codes: BTreeSet<String> = codes.into_iter().collect();
        Ok(Want::Only(codes.into_iter().filter(|code| held.iter().all(|area| area.code != *code)).collect()))
    }

    /// Whether own entries wait for a verdict.
    pub fn has_unsent(&self) -> bool {
        self.me.head.0 > self.me.decided || self.former_feeds().is_ok_and(|feeds| !feeds.is_empty())
    }

    /// Whether the server put off what was sent last: it was busy, and decided nothing more.
    pub fn is_put_off(&self) -> Result<bool, ClientError> {
        let trouble = status::trouble(&self.db)?;
        Ok(self.has_unsent() && trouble.is_some_and(|trouble| trouble.code == Code::Busy))
    }
}
