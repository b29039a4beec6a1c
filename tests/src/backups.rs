//! Backups of a world's server, and putting them back: each engine by its own tools, as an operator does it.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use gridledger_server::config::COMMIT_GROUP;
use gridledger_server::config::{Settings, StoreAddress};
use gridledger_server::ingest;
use gridledger_server::operate::cli;
use gridledger_server::store::copies;
use gridledger_server::store::rows::restores::NewGeneration;

use crate::cluster::Cluster;
use crate::world::World;

const HOUR_MS: i64 = 3_600_000;

impl World {
    /// A backup of the server's store as it is now, under a name of its own.
    pub fn backup(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        match &self.address {
            StoreAddress::Sqlite(file) => {
                copies::backup(file, &path).expect("a backup");
            }
            StoreAddress::Postgres(url) => Cluster::shared().dump(url.reveal(), &path),
        }
        path
    }

    /// A generation that begins now.
    fn new_generation(&self) -> NewGeneration {
        let at = self.time.load(Ordering::Relaxed);
        NewGeneration { at, until: at + 24 * HOUR_MS, active_ms: 7 * 24 * HOUR_MS }
    }

    /// Puts a backup in the place of the server's store, as a store of a new generation.
    pub fn restore(&mut self, backup: &Path) {
        self.restore_told(backup, true);
    }

    /// … or, as a planted fault, as one that does not know that it was restored.
    pub fn restore_told(&mut self, backup: &Path, is_told: bool) {
        self.rest();
        let new = self.new_generation();
        self.generations += 1;
        match &self.address {
            StoreAddress::Sqlite(_) => {
                let file = self.dir.path().join(format!("restored-{}.db", self.generations));
                if is_told {
                    let decide = ingest::decider(self.schema.clone());
                    copies::restore(backup, &file, decide, new).expect("a restored store");
                } else {
                    std::fs::copy(backup, &file).expect("a copy");
                }
                self.address = StoreAddress::Sqlite(file);
            }
            StoreAddress::Postgres(_) => {
                let mut settings = Settings::default();
                let url = Cluster::shared().undump(backup);
                settings.take("store", &url, "test").expect("an address");
                self.address = settings.store;
                if is_told {
                    let store = cli::open_store(&self.address, &self.schema, COMMIT_GROUP).expect("a store");
                    store.begin_generation(new).expect("a new generation");
                    store.close();
                }
            }
        }
        self.serve();
    }

    /// Makes the store as it is another generation, as `admin restore --in-place` does.
    pub fn restore_in_place(&mut self) {
        let new = self.new_generation();
        let store = &self.service.store;
        store.begin_generation(new).expect("a new generation");
        store.put_position_beside(store.position().expect("the store"));
        self.restart();
    }

    /// Puts an older copy of the store's file in its place, beside what else lies there.
    pub fn put_back_by_hand(&mut self, copy: &Path) {
        let StoreAddress::Sqlite(file) = self.address.clone() else {
            panic!("the store is no file");
        };
        self.rest();
        for part in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{part}", file.display()));
        }
        std::fs::copy(copy, &file).expect("a copy");
        self.serve();
    }
}
