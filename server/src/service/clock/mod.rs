//! Whether the server's clock can be trusted. A node compares its clock with what the store knows, with a steady clock of its
//! own process, and with the database's clock; phones' clocks or an operator settle what these leave open.
//!
//! Everything that cannot be undone asks [`Service::trusted_now`](super::Service::trusted_now) for the time: what is taken, refused, erased, or ended.

mod doubt;

use gridledger_core::calendar::Zone;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use gridledger_schema::limits;

pub use doubt::Doubt;
use doubt::{agree, judge};

use crate::store::rows::people::UserNo;
use crate::store::{Store, StoreError};

/// Milliseconds after which the store is looked at again, and the time written down, while all is well.
const LOOK_MS: i64 = 60_000;

/// A wall clock, ms since 1970; a parameter, so that a test can say what time it is.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The server's clock, ms since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

/// The clocks of a process; parameters, so that a test can say what time it is.
#[derive(Clone)]
pub struct Clocks {
    /// The wall clock, ms since 1970. Anybody may set it.
    pub wall: Clock,
    /// A clock that only goes on, in ms from any beginning. Nobody can set it.
    pub steady: Clock,
}

impl Clocks {
    /// The clocks of this machine.
    pub fn of_machine() -> Self {
        let began = Instant::now();
        Self { wall: Arc::new(now), steady: Arc::new(move || began.elapsed().as_millis() as i64) }
    }

    /// One clock that nobody sets while the process runs.
    pub fn of_wall(wall: Clock) -> Self {
        Self { steady: wall.clone(), wall }
    }
}

/// Whether an entry says that it was made well after it arrived: its phone's clock was wrong, and nobody corrected it.
pub fn is_uncertain(at: i64, received_at: i64) -> bool {
    at.saturating_sub(received_at) > limits::CLOCK_AHEAD_MS
}

/// The time of an entry as lists show it: what cannot be is shown as when the entry arrived.
pub fn shown_time(at: i64, received_at: i64) -> i64 {
    if at.saturating_sub(received_at) > limits::CLOCK_SHOWN_AHEAD_MS { received_at } else { at }
}

/// A node's watch over its clock.
pub struct ClockWatch {
    clocks: Clocks,
    /// Whether the database's clock is asked as well.
    asks_database: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The clocks when the wall clock was trusted last: wall and steady.
    mark: Option<(i64, i64)>,
    /// The steady clock when the store was looked at last.
    looked: i64,
    /// Confirmations that the store had then.
    confirmed: u64,
    doubt: Option<Doubt>,
    /// The office's time zone, for the log.
    zone: Zone,
    /// The users whose phones agree with the wall clock: the phone's time, and the steady clock then.
    witnesses: BTreeMap<UserNo, (i64, i64)>,
}

impl State {
    /// The time that the wall clock should show now.
    fn expected(&self, steady: i64) -> Option<i64> {
        self.mark.map(|(wall, then)| wall + (steady - then))
    }

    /// Whether all was well at the last look and the wall clock has gone on evenly since.
    fn goes_on(&self, (wall, steady): (i64, i64)) -> bool {
        self.doubt.is_none() && self.expected(steady).is_some_and(|expected| agree(wall, expected))
    }

    /// Sets the doubt, and logs a change.
    fn set_doubt(&mut self, doubt: Option<Doubt>) {
        match (self.doubt, doubt) {
            (None, Some(doubt)) => tracing::error!("{}", doubt.sentences(&self.zone).1),
            (Some(_), None) => tracing::warn!("the server's clock is trusted again"),
            _ => {}
        }
        self.doubt = doubt;
    }

    /// Judges the wall clock by what the store says; whether it is trusted.
    fn weigh(&mut self, facts: &Facts, (wall, steady): (i64, i64)) -> bool {
        if facts.confirmed != self.confirmed {
            // A person or phones confirmed a time: what this process believed before counts no more.
            self.mark = None;
            self.witnesses.clear();
            self.confirmed = facts.confirmed;
        }
        let known = self.expected(steady).max(facts.known);
        self.set_doubt(judge(wall, known, facts.database));
        self.looked = steady;
        if self.doubt.is_none() {
            self.mark = Some((wall, steady));
            self.witnesses.clear();
        }
        self.doubt.is_none()
    }
}

impl ClockWatch {
    /// A watch that has not looked yet.
    pub fn new(clocks: Clocks, asks_database: bool) -> Self {
        Self { clocks, asks_database, state: Mutex::default() }
    }

    /// The wall clock, trusted or not.
    pub fn wall(&self) -> i64 {
        (self.clocks.wall)()
    }

    /// A clock that nobody can set, ms since the process began.
    pub fn steady(&self) -> i64 {
        (self.clocks.steady)()
    }

    fn read(&self) -> (i64, i64) {
        ((self.clocks.wall)(), (self.clocks.steady)())
    }

    /// Sets the time zone in which the log names times.
    pub(crate) fn set_zone(&self, zone: Zone) {
        self.state().zone = zone;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time, if it can be told to be right without the store.
    pub fn at_once(&self) -> Option<i64> {
        let clocks = self.read();
        // The thread that holds the state reads the store. A thread that must not wait asks again on one that may.
        let state = self.state.try_lock().ok()?;
        let is_fresh = clocks.1 - state.looked < LOOK_MS;
        (is_fresh && state.goes_on(clocks)).then_some(clocks.0)
    }

    /// The time, if it is trusted. Looks at the store once a minute, and whenever there is a doubt.
    pub(super) fn trusted(&self, store: &Store) -> Result<i64, StoreError> {
        let clocks = self.read();
        let mut state = self.state();
        if !state.goes_on(clocks) {
            return self.read_store(store, &mut state, clocks);
        }
        if clocks.1 - state.looked < LOOK_MS {
            return Ok(clocks.0);
        }
        // One caller looks; the others need not wait for it.
        state.looked = clocks.1;
        drop(state);
        let facts = Facts::read(store, self.asks_database)?;
        let mut state = self.state();
        if state.weigh(&facts, clocks) {
            drop(state);
            store.beat(clocks.0, facts.confirmed)?;
            return Ok(clocks.0);
        }
        Err(StoreError::ClockUnsure)
    }

    /// Looks at the store while others wait.
    fn read_store(&self, store: &Store, state: &mut State, clocks: (i64, i64)) -> Result<i64, StoreError> {
        let facts = Facts::read(store, self.asks_database)?;
        if state.weigh(&facts, clocks) {
            store.beat(clocks.0, facts.confirmed)?;
            return Ok(clocks.0);
        }
        Err(StoreError::ClockUnsure)
    }

    /// The doubt of the last look.
    pub fn doubt(&self) -> Option<Doubt> {
        self.state().doubt
    }

    /// Takes a phone's clock as a witness; the people whose phones agree with the wall clock by now.
    pub(super) fn hear(&self, user: UserNo, phone: i64) -> BTreeSet<UserNo> {
        let (wall, steady) = self.read();
        let mut state = self.state();
        if agree(wall, phone) {
            state.witnesses.insert(user, (phone, steady));
        }
        // An earlier time from a phone goes on evenly; the wall clock may have been set since.
        state.witnesses.retain(|_, (phone, then)| agree(wall, *phone + (steady - *then)));
        state.witnesses.keys().copied().collect()
    }
}

/// The store's facts about the time.
struct Facts {
    known: Option<i64>,
    confirmed: u64,
    database: Option<i64>,
}

impl Facts {
    fn read(store: &Store, asks_database: bool) -> Result<Self, StoreError> {
        let row = store.clock()?;
        let known = match row.beat.max(row.daily) {
            // A store of the version before has no such row: use the newest time in it.
            None => store.newest()?,
            known => known,
        };
        let database = if asks_database { store.database_time()? } else { None };
        Ok(Self { known, confirmed: row.confirmed, database })
    }
}
