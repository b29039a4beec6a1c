//! What every route works on: the store, the schema, the keys, the clock, and the territory as it stands.

use std::sync::{Arc, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use gridledger_core::rights::AreaTree;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::AreaInfo;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::counters::Counters;
use crate::desk::Desks;
use crate::given::Given;
use crate::lease::LEASE_DAYS;
use crate::recovery::Recovering;
use crate::store::{Identity, Store, StoreError};

/// The parts of a running service.
pub struct Service {
    /// Where everything is kept.
    pub store: Arc<dyn Store>,
    /// Record types, roles, workflows.
    pub schema: Arc<SchemaSet>,
    /// The store's generation and seeds.
    pub identity: Identity,
    /// Signs receipts.
    pub receipt_key: SigningKey,
    /// The request counters devices used.
    pub counters: Counters,
    /// How far devices were told of areas' logs.
    pub given: Given,
    /// What a restore of the store has left to do.
    pub recovering: Recovering,
    /// Days a phone may show residents' values without a sync.
    pub lease_days: u64,
    /// The turns of people at desks.
    pub desks: Desks,
    /// The territory and its mark; replaced whole when it changes.
    tree: RwLock<(Arc<AreaTree>, u32)>,
    clock: Clock,
}

/// A wall clock, ms since 1970; a parameter, so that a test can say what time it is.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

impl Service {
    /// A service over an open store.
    pub fn new(store: Arc<dyn Store>, schema: Arc<SchemaSet>) -> Result<Self, StoreError> {
        Self::with_clock(store, schema, Arc::new(now))
    }

    /// A service whose time is told by `clock`.
    pub fn with_clock(
        store: Arc<dyn Store>,
        schema: Arc<SchemaSet>,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let identity = store.identity()?;
        let receipt_key = SigningKey::from_bytes(&identity.receipt_seed);
        let tree = RwLock::new(territory(store.areas()?));
        let recovering = Recovering::new(store.restored()?);
        Ok(Self {
            recovering,
            store,
            schema,
            identity,
            receipt_key,
            counters: Counters::default(),
            given: Given::default(),
            lease_days: LEASE_DAYS,
            desks: Desks::default(),
            tree,
            clock,
        })
    }

    /// The territory.
    pub fn tree(&self) -> Arc<AreaTree> {
        self.territory().0
    }

    /// The territory, and the mark by which phones know whether they were told of it.
    pub fn territory(&self) -> (Arc<AreaTree>, u32) {
        self.tree
            .read()
            .map_or_else(|poisoned| poisoned.into_inner().clone(), |tree| tree.clone())
    }

    /// Reads the territory again, after it was changed.
    pub fn reload_tree(&self) -> Result<(), StoreError> {
        let fresh = territory(self.store.areas()?);
        match self.tree.write() {
            Ok(mut tree) => *tree = fresh,
            Err(poisoned) => *poisoned.into_inner() = fresh,
        }
        Ok(())
    }

    /// The server's clock, ms since 1970.
    pub fn now(&self) -> i64 {
        (self.clock)()
    }
}

/// The server's clock, ms since 1970.
pub fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64)
}

fn territory(areas: Vec<AreaInfo>) -> (Arc<AreaTree>, u32) {
    let hash = Sha256::digest(json!(areas).to_string());
    let mark = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    // 0 says that a phone knows of none.
    (Arc::new(AreaTree::new(areas)), mark.max(1))
}
