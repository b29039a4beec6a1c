//! A primary with a synchronous standby: the primary dies, the standby takes over, the nodes find it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use gridledger_schema::set::SchemaSet;
use gridledger_server::ingest;
use gridledger_server::store::Store;
use gridledger_server::store::StoreError;
use gridledger_tests::cluster::{self, Cluster};
use tempfile::TempDir;

use super::deaths::honours;
use super::failures::wait_for;
use super::{Farm, goes_on, held, patrol, sync};

struct Pair {
    primary: Cluster,
    standby: Cluster,
    /// The address of both; it leads to the primary.
    url: String,
    _folders: [TempDir; 2],
}

fn pair() -> Pair {
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let primary = Cluster::own(folders[0].path(), &[]);
    let here = primary.database();
    let standby = primary.standby(folders[1].path());
    let (host, database) = here.rsplit_once('/').expect("a database");
    let url = format!("{host},127.0.0.1:{}/{database}?target_session_attrs=read-write", standby.port());
    Pair { primary, standby, url, _folders: folders }
}

#[test]
fn a_standby_that_takes_over_has_every_acknowledged_edit() {
    let pair = pair();
    let farm = Farm::on(pair.url.clone(), &[None, None, None]);
    farm.person("w1", "grid_worker", "G1");
    farm.person("w2", "grid_worker", "G2");
    let phones = [farm.phone("w1", 0), farm.phone("w2", 0)];
    let _ = phones.each_ref().map(sync);
    let (stored, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    let saved: BTreeSet<_> = std::thread::scope(|scope| {
        let (stored, done) = (&stored, &done);
        let working: Vec<_> = phones
            .iter()
            .zip(["G1", "G2"])
            .map(|(phone, area)| {
                scope.spawn(move || {
                    let mut saved = BTreeSet::new();
                    while goes_on(done, begun) {
                        saved.insert(phone.create("patrol", area, patrol("一")).expect("a patrol"));
                        sync(phone);
                        stored.fetch_add(1, Ordering::AcqRel);
                    }
                    saved
                })
            })
            .collect();
        wait_for(stored, 10);
        pair.primary.kill();
        pair.standby.promote();
        wait_for(stored, 10);
        done.store(true, Ordering::Release);
        let ends = working.into_iter().map(|work| work.join().expect("a phone"));
        ends.flatten().collect()
    });
    let _ = phones.each_ref().map(sync);
    honours(&farm, &saved, "failover");
    assert_eq!(&held(&phones[0]) | &held(&phones[1]), saved);
    let entries = ["G1", "G2"].map(|area| farm.records(area));
    assert!(entries.iter().flat_map(|area| area.values()).all(|count| *count == 1));
    assert_eq!(entries.iter().map(BTreeMap::len).sum::<usize>(), saved.len());
    farm.is_sound();
}

#[test]
fn a_commit_that_no_standby_has_is_nobodys_answer() {
    let pair = pair();
    let store = Store::open_postgres(&pair.url, ingest::decider(SchemaSet::builtin())).expect("a store");
    let store = Arc::new(store);
    store.set_setting("a", b"1").expect("both have it");
    pair.standby.stop("immediate");
    let writing = {
        let store = store.clone();
        std::thread::spawn(move || store.set_setting("a", b"2"))
    };
    // An operator loses patience: the database commits here alone, and says that it did.
    let mut database = cluster::client(&pair.primary.url("postgres"));
    let waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    cluster::until(&mut database, &format!("SELECT count(*) {waits}"));
    let cancel = format!("SELECT pg_cancel_backend(pid) {waits}");
    database.batch_execute(&cancel).expect("a word to it");
    let told = writing.join().expect("a writer");
    assert!(matches!(told, Err(StoreError::Busy)), "{told:?}");
    pair.standby.start();
    store.set_setting("a", b"3").expect("both have it again");
}
