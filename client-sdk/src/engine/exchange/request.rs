//! The next request: everything the server has not decided, and where this phone stands in each area.

use std::collections::BTreeSet;

use gridledger_core::receipt;
use gridledger_core::wire::squeeze::{self, Packing};
use gridledger_core::wire::{envelope, frames};
use gridledger_schema::code::Code;
use gridledger_schema::ids::{DeviceNo, FeedId};
use gridledger_schema::limits;
use gridledger_schema::wire::{Enrol, GrantSet, Request, Segment, Want};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::engine::exchange::answer::{Exchange, Heard, Sent};
use crate::engine::exchange::restored::RecoveryToSend;
use crate::engine::file::database;
use crate::engine::file::settings::{
    CODE, COUNTER, GENERATIONS, HOLD, LABEL, SERVER_DOUBTED, TERRITORY, WITHOUT_DICTIONARY,
};
use crate::engine::phone::engine::Engine;
use crate::engine::records::entries::{self, refused};
use crate::engine::records::names::Names;
use crate::engine::records::{areas, entries::whole_until};
use crate::error::ClientError;

/// The wishes of a request besides its segments.
#[derive(Clone, Copy)]
struct Wishes {
    /// Bytes that the answer may have; 0 for no limit.
    budget: u32,
    lease: bool,
    /// The request shows the server this phone's last receipts.
    shows_receipts: bool,
}

/// Strips a request of all but the enrolment.
fn strip_to_enrolment(request: Request) -> Request {
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
    /// Makes the next request. Nothing is marked as sent: the same entries go out until a verdict arrives. `budget` is the
    /// bytes that the answer may have, 0 for no limit.
    ///
    /// # Errors
    ///
    /// `NotEnrolled` without a server or a code, and the store's.
    pub fn request(&mut self, budget: u32) -> Result<Exchange, ClientError> {
        let lease = self.wants_lease()?;
        // Read before the rest: a doubt that comes up later goes with the next request.
        let shows_receipts = SERVER_DOUBTED.get(&self.db)?;
        // Taken before the rest: a request with a higher counter tells of a later moment.
        self.counter = self.next_counter()?;
        let corrected = self.settle_times(self.counter)?;
        let wishes = Wishes { budget, lease, shows_receipts };
        let mut exchange = self.read_at_once(|engine, c| engine.make_exchange(c, wishes))?;
        exchange.heard.corrected = corrected;
        Ok(exchange)
    }

    /// Makes a request of one moment.
    fn make_exchange(&self, c: &Connection, wishes: Wishes) -> Result<Exchange, ClientError> {
        let server = self.server()?.ok_or(ClientError::NotEnrolled)?;
        let enrol = self.make_enrolment()?;
        if enrol.is_none() && self.me.device.is_none() {
            return Err(ClientError::NotEnrolled);
        }
        let enrols = enrol.is_some();
        // Asked at the same moment as the segments: another process may save an edit under a doubted time.
        let holds_back = self.holds_times_back()?;
        let segments = if holds_back { Vec::new() } else { self.make_segments()? };
        let ends = self.list_ends(&segments)?;
        let mut entries = segments.iter().map(|s| s.entries.len()).sum();
        let grants = self.fingerprint_rights(&segments, TERRITORY.get(c)?);
        let recovery = self.make_recovery(&segments, wishes.shows_receipts)?;
        let (recovery, told_missing) =
            recovery.map(|RecoveryToSend { recovery, told_missing }| (recovery, told_missing)).unzip();
        let cursors = areas::list_cursors(c)?;
        let marks = if recovery.is_some() || !segments.is_empty() || areas::hold_parts(c)? {
            areas::read_marks(c, &cursors)?
        } else {
            Vec::new()
        };
        let request = Request {
            server_epoch: self.me.server_epoch,
            schema: self.schema.fingerprint(),
            cursors,
            want: self.read_want()?,
            budget: wishes.budget,
            own: self.list_own()?,
            segments,
            grants,
            enrol,
            reads: self.list_reads_to_send()?,
            asks: refused::list_asks(c, limits::REQUEST_NOTES)?,
            lease: wishes.lease,
            recovery,
            marks,
        };
        let mut payload = frames::write_request(&request, &Names(c));
        let (schema, asks) = (request.schema, request.asks.clone());
        let is_bare = enrols && payload.len() > limits::STRANGER_INFLATED_BYTES;
        if is_bare {
            // The server takes only so much from a device that it does not know. The rest goes with the next request.
            payload = frames::write_request(&strip_to_enrolment(request), &Names(c));
            entries = 0;
        }
        let dictionary = (!WITHOUT_DICTIONARY.get(c)?).then(|| self.schema.dictionary());
        let (packing, payload) = squeeze::pack(&payload, dictionary);
        // A device that enrols comes as a stranger, even with a number of another server's.
        let device = self.me.device.filter(|_| !enrols).unwrap_or(DeviceNo(0));
        let body =
            envelope::seal(self.me.suite, &self.me.key, device, self.counter, packing, schema, &payload);
        let sent = Sent {
            counter: self.counter,
            feed: self.me.feed,
            ends,
            asks,
            told_missing: told_missing.unwrap_or_default(),
            shows_receipts: wishes.shows_receipts,
            asks_lease: wishes.lease,
            holds_back,
        };
        Ok(Exchange { server, body, entries, sent, heard: Heard { ask_again: is_bare, ..Heard::default() } })
    }

    /// Whether own entries wait for a verdict.
    pub fn has_unsent(&self) -> bool {
        self.me.head.n > self.me.decided || self.list_former_feeds().is_ok_and(|feeds| !feeds.is_empty())
    }

    /// Whether the server put off what was sent last: it was busy, and decided no more.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn is_put_off(&self) -> Result<bool, ClientError> {
        let trouble = self.trouble()?;
        Ok(self.has_unsent() && trouble.is_some_and(|trouble| trouble.code == Code::Busy))
    }

    /// Makes the fingerprint of the rights this phone knows. Entries beyond this request were made before the phone came to
    /// know its rights; until they are sent, it says that it knows none.
    fn fingerprint_rights(&self, segments: &[Segment], territory: u32) -> [u8; 4] {
        let last = segments.last();
        let sent = last.filter(|segment| segment.feed == self.me.feed);
        let sent = sent.and_then(|segment| segment.entries.last()).map(|entry| entry.n);
        if self.has_unsent() && sent.is_none_or(|sent| sent < self.me.head.n) {
            return [0; 4];
        }
        receipt::grants_fingerprint(&GrantSet { grants: self.grants.clone(), territory })
    }

    /// Packs requests without a dictionary from now on, until the schemas agree: the server does not hold this phone's.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn without_dictionary(&mut self) -> Result<(), ClientError> {
        WITHOUT_DICTIONARY.set(&self.db, &true)
    }

    /// Raises the request counter to one that the server has seen from this device: an older copy of it used it, or the clock
    /// was set back.
    pub fn counter_at_least(&mut self, used: u64) {
        self.counter = self.counter.max(used);
    }

    /// The dictionary that an answer of this packing is packed with: this phone's own, or none.
    pub fn dictionary(&self, packing: Packing) -> &[u8] {
        if packing == Packing::Dictionary { self.schema.dictionary() } else { &[] }
    }

    fn make_enrolment(&self) -> Result<Option<Enrol>, ClientError> {
        let Some(code) = CODE.find(&self.db)? else {
            return Ok(None);
        };
        Ok(Some(Enrol { code, public_key: self.public_key(), label: LABEL.get(&self.db)? }))
    }

    /// Takes the next counter: higher than any used before, also by another process or an older copy of this phone. The clock
    /// serves as one. If a power cut loses the counter, the server tells it.
    fn next_counter(&mut self) -> Result<u64, ClientError> {
        let now = (self.clock)().max(0) as u64;
        let after = |last: u64| (last + 1).max(now);
        let used = self.counter;
        let kept = database::lightly(&self.db, |c| {
            let tx = Transaction::new_unchecked(c, TransactionBehavior::Immediate)?;
            let next = after(used.max(COUNTER.get(&tx)?));
            COUNTER.set(&tx, &next)?;
            tx.commit().map_err(ClientError::of_store)?;
            Ok(next)
        });
        match kept {
            Err(error) if error.is_damage() => Err(error),
            // On a full disk the phone can send all the same.
            Err(_) => Ok(after(used.max(COUNTER.get(&self.db)?))),
            kept => kept,
        }
    }

    /// Lists the key's feeds by ordinal, each with the last entry held here.
    fn list_own(&self) -> Result<Vec<(u32, u64)>, ClientError> {
        let (key, moved) = (self.public_key(), GENERATIONS.get(&self.db)? > 0);
        let of_ordinal = |ordinal| {
            let feed = FeedId::of_key(&key, ordinal);
            let n = entries::last_number(&self.db, feed)?;
            // A restored server may send entries whose content was erased here since. Those do not come down by number.
            let whole = if moved { whole_until(&self.db, feed)? } else { None };
            Ok((ordinal, n.min(whole.unwrap_or(u64::MAX))))
        };
        self.list_ordinals()?.into_iter().map(of_ordinal).collect()
    }

    /// Lists the ordinals of the feeds that a request names: the feed written now, those sent again, and the latest of the
    /// others, as many as a request names. Entries of feeds that are not named come down as anybody's.
    fn list_ordinals(&self) -> Result<BTreeSet<u32>, ClientError> {
        let most = limits::DEVICE_FEEDS as usize;
        let mut ordinals = BTreeSet::from([self.me.ordinal]);
        ordinals.extend(self.list_former_ordinals(most - 1)?);
        for ordinal in (0..self.me.ordinal).rev() {
            if ordinals.len() == most {
                break;
            }
            ordinals.insert(ordinal);
        }
        Ok(ordinals)
    }

    /// Reads the areas to ask for. An area that is held needs no asking.
    fn read_want(&self) -> Result<Want, ClientError> {
        let codes = HOLD.get(&self.db)?.0;
        if codes.is_empty() {
            return Ok(Want::All);
        }
        let held = areas::list_held(&self.db)?;
        let codes: BTreeSet<String> = codes.into_iter().collect();
        Ok(Want::Only(codes.into_iter().filter(|code| held.iter().all(|area| area.code != *code)).collect()))
    }
}
