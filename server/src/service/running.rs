//! The parts that every route works on: the store, the schema, the keys, the clock, and the territory as it stands.

use std::sync::{Arc, PoisonError, RwLock};

use ed25519_dalek::SigningKey;
use gridledger_core::calendar::Zone;
use gridledger_core::rights::AreaTree;
use gridledger_schema::ids::DeviceNo;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaInfo, OLDEST_PROTOCOL};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::auth::random;
use crate::config::{LEASE_DAYS, LEAST_FREE_MIB};
use crate::service::answers::Answers;
use crate::service::clock::{ClockWatch, Clocks};
use crate::service::counters::Counters;
use crate::service::day::Day;
use crate::service::desks::Desks;
use crate::service::given::Given;
use crate::service::recovering::Recovering;
use crate::service::set_back::SetBack;
use crate::store::rows::people::UserNo;
use crate::store::{Identity, Store, StoreError};

/// The parts of a running service.
pub struct Service {
    /// Where everything is kept.
    pub store: Arc<Store>,
    /// Record types, roles, workflows.
    pub schema: Arc<SchemaSet>,
    /// The store's generation and seeds.
    pub identity: Identity,
    /// Drawn when this process began: tells its desk feeds from those of any other.
    pub run: [u8; 16],
    /// Signs receipts.
    pub receipt_key: SigningKey,
    /// The request counters devices used.
    pub counters: Counters,
    /// The requests being opened, and the answers being sent.
    pub answers: Arc<Answers>,
    /// How far devices were told of areas' logs.
    pub given: Given,
    /// Rows of the read log that devices brought today.
    pub reads_brought: Day<DeviceNo>,
    /// Entries that people wrote at desks today, and the bytes of what these say.
    pub written: (Day<UserNo>, Day<UserNo>),
    /// Whether the store was set back to an older state.
    pub set_back: SetBack,
    /// The recovery after the last restore.
    pub recovering: Recovering,
    /// The office's time zone.
    zone: Zone,
    /// Days a phone may show residents' values without a sync.
    pub lease_days: u64,
    /// Bytes that edits leave free on the disk of the store's file.
    pub least_free: u64,
    /// The turns of people at desks.
    pub desks: Desks,
    /// The territory, its mark, and its number in the store; replaced whole when it changes.
    tree: RwLock<(Arc<AreaTree>, u32, u64)>,
    /// Whether the clock is to be trusted.
    pub clock: ClockWatch,
}

impl Service {
    /// A service over an open store.
    pub fn new(store: Arc<Store>, schema: Arc<SchemaSet>) -> Result<Self, StoreError> {
        let asks_database = store.is_shared();
        let clock = ClockWatch::new(Clocks::of_machine(), asks_database);
        Self::with_watch(store, schema, clock)
    }

    /// A service whose time is told by `clocks`, and by nothing else.
    pub fn with_clocks(
        store: Arc<Store>,
        schema: Arc<SchemaSet>,
        clocks: Clocks,
    ) -> Result<Self, StoreError> {
        Self::with_watch(store, schema, ClockWatch::new(clocks, false))
    }

    /// A service with a watch over its clock.
    pub fn with_watch(
        store: Arc<Store>,
        schema: Arc<SchemaSet>,
        clock: ClockWatch,
    ) -> Result<Self, StoreError> {
        let identity = store.identity()?;
        let receipt_key = SigningKey::from_bytes(&identity.receipt_seed);
        let tree = RwLock::new(territory(store.territory()?));
        let recovering = Recovering::new(store.restored()?, clock.steady());
        let set_back = SetBack::new(&store)?;
        Ok(Self {
            set_back,
            recovering,
            store,
            schema,
            identity,
            run: random().map_err(|_| StoreError::Busy)?,
            reads_brought: Day::default(),
            written: <(Day<UserNo>, Day<UserNo>)>::default(),
            receipt_key,
            counters: Counters::default(),
            answers: Arc::default(),
            given: Given::default(),
            zone: Zone::default(),
            lease_days: LEASE_DAYS,
            least_free: LEAST_FREE_MIB << 20,
            desks: Desks::default(),
            tree,
            clock,
        })
    }

    /// The office's time zone, in which days begin and times are written.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// Sets the office's time zone.
    pub fn set_zone(&mut self, zone: Zone) {
        self.clock.set_zone(zone.clone());
        self.zone = zone;
    }

    /// The territory as this process saw it last.
    pub fn tree(&self) -> Arc<AreaTree> {
        self.known().0
    }

    /// The territory as it stands in the store, and the mark by which phones know whether they were told of it. Another
    /// node may have changed it: each request looks once, and an answer looks again before it tells of an area.
    pub fn territory(&self) -> Result<(Arc<AreaTree>, u32), StoreError> {
        let version = self.store.territory_version()?;
        self.territory_of(version)
    }

    /// The territory where its number in the store is `version`.
    pub fn territory_of(&self, version: u64) -> Result<(Arc<AreaTree>, u32), StoreError> {
        let (tree, mark, known) = self.known();
        if known == version {
            return Ok((tree, mark));
        }
        self.reload_tree()?;
        let (tree, mark, _) = self.known();
        Ok((tree, mark))
    }

    fn known(&self) -> (Arc<AreaTree>, u32, u64) {
        self.tree.read().map_or_else(|poisoned| poisoned.into_inner().clone(), |tree| tree.clone())
    }

    /// Reads the territory again.
    pub fn reload_tree(&self) -> Result<(), StoreError> {
        let fresh = territory(self.store.territory()?);
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have put a later version here since.
        if fresh.2 >= tree.2 {
            *tree = fresh;
        }
        Ok(())
    }

    /// Whether there is room for edits. Without it they are told to come again, before a disk that is full stops pulls as well.
    pub fn has_room(&self) -> bool {
        self.store.free_bytes().is_none_or(|free| free >= self.least_free)
    }

    /// The suite by which receipts and restore notices are signed, in the form of a protocol version.
    pub fn suite_of(&self, version: u8) -> Option<Suite> {
        (version > OLDEST_PROTOCOL).then_some(Suite::default())
    }

    /// The server's clock, ms since 1970, right or wrong: for what does no harm if it is wrong. See
    /// [`trusted_now`](Self::trusted_now).
    pub fn now(&self) -> i64 {
        self.clock.wall()
    }
}

fn territory((version, areas): (u64, Vec<AreaInfo>)) -> (Arc<AreaTree>, u32, u64) {
    let hash = Sha256::digest(json!(areas).to_string());
    let mark = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    // 0 says that a phone knows of none.
    (Arc::new(AreaTree::new(areas)), mark.max(1), version)
}
