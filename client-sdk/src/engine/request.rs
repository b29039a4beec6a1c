//! What to send next: everything the server has not decided, and where this phone stands in each area.

use gridledger_core::canonical;
use gridledger_core::receipt;
use gridledger_core::wire::squeeze::{self, Packing};
use gridledger_core::wire::{envelope, frames};
use gridledger_schema::ids::{AreaNo, DeviceNo, EntryHash, FeedId};
use gridledger_schema::limits;
use gridledger_schema::wire::{AreaCursor, Enrol, GrantSet, Request, Segment, Want};

use super::names::Names;
use super::{Engine, db, settings};
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

/// Bytes of entries (canonical) in one push; more goes with the next.
const PUSH_BYTES: usize = 1 << 20;

impl Engine {
    /// The next request. Nothing is marked as sent: the same entries go out until a verdict arrives.
    pub fn request(&mut self, budget: u32) -> Result<Outgoing, ClientError> {
        (self.answer_is_void, self.reach_settled, self.ask_again) = (false, false, false);
        self.lease.server = None;
        let lease = self.wants_lease()?;
        // Another process may have saved to this file since it was opened.
        self.me = settings::identity(&self.db)?;
        let server = self.server()?.ok_or(ClientError::NotEnrolled)?;
        let enrol = self.enrolment()?;
        if enrol.is_none() && self.me.device.is_none() {
            return Err(ClientError::NotEnrolled);
        }
        let enrols = enrol.is_some();
        let segments: Vec<Segment> = self.segment()?.into_iter().collect();
        let entries = segments.iter().map(|s| s.entries.len()).sum();
        let rights_known = self.rights_known(&segments, db::number(&self.db, "territory")? as u32);
        let request = Request {
            server_epoch: self.me.server_epoch,
            schema: self.schema.fingerprint(),
            cursors: self.cursors()?,
            want: self.want()?,
            budget,
            own: self.own()?,
            segments,
            grants: rights_known,
            enrol,
            reads: self.reads_to_send()?,
            asks: self.asks()?,
            lease,
        };
        let payload = frames::write_request(&request, &Names(&self.db));
        let dictionary = (db::number(&self.db, "no_dictionary")? == 0).then(|| self.schema.dictionary());
        let (packing, payload) = squeeze::pack(&payload, dictionary);
        let counter = self.next_counter()?;
        // Who enrols comes as a stranger, even with a number of another server's.
        let device = self.me.device.filter(|_| !enrols).unwrap_or(DeviceNo(0));
        let body = envelope::seal(&self.me.key, device, counter, packing, request.schema, &payload);
        Ok(Outgoing {
            server,
            body,
            entries,
        })
    }

    /// The rights this phone knows. What it has to send beyond this request was made before it came to know them: until
    /// that is sent, it says it knows of none.
    fn rights_known(&self, segments: &[Segment], territory: u32) -> [u8; 4] {
        let last = segments.last().and_then(|segment| segment.entries.last());
        if last.is_some_and(|last| last.n < self.me.head.0) {
            return [0; 4];
        }
        receipt::grants_fingerprint(&GrantSet {
            grants: self.grants.clone(),
            territory,
        })
    }

    /// The server does not hold this phone's dictionary: do without from now on, until the schemas agree.
    pub fn without_dictionary(&mut self) -> Result<(), ClientError> {
        db::set_number(&self.db, "no_dictionary", 1)
    }

    /// The server has seen this counter from this device (an older copy of it, or a clock set back): go on above it.
    pub fn counter_at_least(&mut self, used: u64) {
        self.counter = self.counter.max(used);
    }

    /// How the dictionary of an answer is found: the answer is packed with this phone's own, or with none.
    pub fn dictionary(&self, packing: Packing) -> &[u8] {
        if packing == Packing::Dictionary {
            self.schema.dictionary()
        } else {
            &[]
        }
    }

    fn enrolment(&self) -> Result<Option<Enrol>, ClientError> {
        let Some(code) = db::text(&self.db, "code")? else {
            return Ok(None);
        };
        let label = db::text(&self.db, "label")?.unwrap_or_default();
        Ok(Some(Enrol {
            code,
            public_key: self.public_key(),
            label,
        }))
    }

    /// Higher than any counter used before, also by an older copy of this phone: the clock serves as one.
    fn next_counter(&mut self) -> Result<u64, ClientError> {
        let last = self.counter.max(db::number(&self.db, "counter")? as u64);
        self.counter = (last + 1).max((self.clock)().max(0) as u64);
        Ok(self.counter)
    }

    /// The key's feeds, each with the last entry held here; the one written now is the last.
    fn own(&self) -> Result<Vec<(u32, u64)>, ClientError> {
        let mut last = self
            .db
            .prepare_cached("SELECT coalesce(max(n), 0) FROM entries WHERE feed = ?1")?;
        let key = self.public_key();
        let of = |ordinal| {
            let feed = FeedId::of_key(&key, ordinal);
            let n: i64 = last.query_row([feed.0], |row| row.get(0))?;
            Ok((ordinal, n as u64))
        };
        (0..=self.me.ordinal).map(of).collect()
    }

    fn cursors(&self) -> Result<Vec<AreaCursor>, ClientError> {
        let mut select = self
            .db
            .prepare_cached("SELECT area, floor, reached FROM areas WHERE held = 1 ORDER BY area")?;
        let rows = select.query_map([], |row| {
            let number = |column| row.get::<_, i64>(column).map(|n| n as u64);
            Ok(AreaCursor {
                area: AreaNo(row.get(0)?),
                floor: number(1)?,
                reached: number(2)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn want(&self) -> Result<Want, ClientError> {
        let Some(wanted) = db::text(&self.db, "hold")? else {
            return Ok(Want::All);
        };
        let codes: Vec<String> = serde_json::from_str(&wanted).unwrap_or_default();
        if codes.is_empty() {
            return Ok(Want::All);
        }
        let held = super::query::areas(&self.db, true)?;
        Ok(Want::Only(
            codes
                .into_iter()
                .filter(|code| held.iter().all(|area| area.code != *code))
                .collect(),
        ))
    }

    fn segment(&self) -> Result<Option<Segment>, ClientError> {
        let sql = "SELECT unseal(body, record, 65), hash FROM entries WHERE feed = ?1 AND n > ?2 ORDER BY n LIMIT ?3";
        let mut select = self.db.prepare_cached(sql)?;
        let after = self.me.decided;
        let mut rows = select.query((self.me.feed.0, after as i64, limits::PUSH_ENTRIES as i64))?;
        let (mut entries, mut last, mut bytes) = (Vec::new(), EntryHash::ZERO, 0);
        while let Some(row) = rows.next()?
            && bytes < PUSH_BYTES
        {
            let body: Vec<u8> = row.get(0)?;
            bytes += body.len();
            entries.push(canonical::decode(&body).map_err(|e| ClientError::NotAStore(e.to_string()))?);
            last = EntryHash(row.get(1)?);
        }
        let Some(n) = entries.last().map(|e| e.n) else {
            return Ok(None);
        };
        let mut before = [0; 8];
        before.copy_from_slice(&self.hash_of(after)?.0[..8]);
        let signature = canonical::sign_segment(&self.me.key, self.me.feed, n, last);
        Ok(Some(Segment {
            feed: self.me.feed,
            before,
            entries,
            signature,
        }))
    }

    fn hash_of(&self, n: u64) -> Result<EntryHash, ClientError> {
        if n == 0 {
            return Ok(EntryHash::ZERO);
        }
        let mut select = self
            .db
            .prepare_cached("SELECT hash FROM entries WHERE feed = ?1 AND n = ?2")?;
        Ok(select.query_row((self.me.feed.0, n as i64), |row| row.get(0).map(EntryHash))?)
    }
}
