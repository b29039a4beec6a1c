//! The database fails: whoever asks is told to come again, and what was acknowledged is there.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use data_encoding::BASE64URL_NOPAD;
use gridledger_schema::code::Code;
use gridledger_tests::cluster::{self, Cluster};
use gridledger_tests::desk::{Answer, Door};
use serde_json::json;

use super::deaths::{honours, received};
use super::{Farm, PASSWORD, goes_on, held, made, patrol, post, sync};

/// An answer is what was asked for, or a code that says to come again; whether it was the first.
fn is_good(answer: &Answer) -> bool {
    if answer.status == 200 {
        return true;
    }
    let said = answer.json();
    assert_eq!((answer.status, &said["retry"]), (503, &json!(true)), "{answer:?}");
    assert!(said["code"] == "busy" || said["code"] == "store_failed", "{answer:?}");
    false
}

/// A cluster of its own, a farm on it, and the people.
fn farm(dir: &Path, settings: &[&str]) -> (Cluster, Farm) {
    let cluster = Cluster::own(dir, settings);
    let farm = Farm::on(cluster.database(), &[None, None, None]);
    farm.person("w1", "grid_worker", "G1");
    farm.person("w2", "grid_worker", "G2");
    (cluster, farm)
}

#[test]
fn a_database_restarted_under_load_loses_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let (cluster, farm) = farm(dir.path(), &[]);
    let phones = [farm.phone("w1", 0), farm.phone("w2", 0)];
    let _ = phones.each_ref().map(sync);
    let (token, _) = farm.front().sign_in("w1", PASSWORD);
    let (stored, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    let begun = Instant::now();
    let saved: BTreeSet<_> = std::thread::scope(|scope| {
        let (farm, stored, done) = (&farm, &stored, &done);
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
        let desk = scope.spawn(|| {
            let mut written = 0;
            while goes_on(done, begun) {
                let answer = post(farm.front(), &token, "/v1/entries", &made("G1", "桌"));
                written += usize::from(is_good(&answer));
                is_good(&farm.front().get_as(&token, "/v1/ledgers/patrol"));
            }
            written
        });
        for how in ["immediate", "fast", "immediate"] {
            wait_for(stored, 3);
            cluster.stop(how);
            cluster.start();
        }
        wait_for(stored, 3);
        done.store(true, Ordering::Release);
        let saved = working.into_iter().flat_map(|work| work.join().expect("a phone")).collect();
        let written = desk.join().expect("a desk");
        assert!(farm.records("G1").len() >= written, "what a desk was told is there");
        saved
    });
    let _ = phones.each_ref().map(sync);
    honours(&farm, &saved, "restart");
    assert!(saved.is_subset(&(&held(&phones[0]) | &held(&phones[1]))));
    assert!(received(&phones[0]).len() + received(&phones[1]).len() >= saved.len());
    farm.is_sound();
}

/// Waits until so many more syncs got through.
pub(super) fn wait_for(stored: &AtomicUsize, more: usize) {
    let until = stored.load(Ordering::Acquire) + more;
    let begun = Instant::now();
    while stored.load(Ordering::Acquire) < until {
        assert!(begun.elapsed() < super::PATIENCE * 2, "nothing gets through any more");
        std::thread::yield_now();
    }
}

#[test]
fn strangers_wait_for_no_writer_and_hold_up_none() {
    let farm = Farm::open();
    farm.person("w1", "grid_worker", "G1");
    let phone = farm.phone("w1", 0);
    sync(&phone);
    // Somebody writes, as a push does: beside others, for a long time. Whoever must be alone would wait for it.
    let mut writer = postgres::Client::connect(&farm.url, postgres::NoTls).expect("the database");
    writer
        .batch_execute("BEGIN; SELECT pg_advisory_xact_lock_shared(1735551332)")
        .expect("the writers' lock");
    assert_eq!(farm.front().ask("GET", "/readyz", "").status, 200);
    let unknown = BASE64URL_NOPAD.encode(&[7; 48]);
    let body = json!({ "refresh": unknown }).to_string();
    for _ in 0..3 {
        let answer = farm.front().ask("POST", "/v1/refresh", &body);
        assert_eq!(answer.status, 401, "{answer:?}");
        let answer = farm.front().ask("POST", "/v1/logout", &body);
        assert_eq!(answer.status, 204, "{answer:?}");
    }
    let hash = gridledger_server::auth::codes::hash("AAAAAAAAAAAA").expect("a code");
    let store = &farm.office.store;
    assert!(
        store
            .enrol(hash, ([9; 32], gridledger_schema::suite::Suite::default()), "nobody's", farm.office.now())
            .expect("an answer")
            .is_none()
    );
    sync(&phone);
    writer.batch_execute("ROLLBACK").expect("it ends");
}

#[test]
fn a_database_without_connections_left_says_to_come_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let (_cluster, farm) = farm(dir.path(), &["max_connections = 16", "max_wal_senders = 0"]);
    let (token, _) = farm.front().sign_in("w1", PASSWORD);
    let refused = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for at in 0..8 {
                    let door: Door = farm.front();
                    let written = post(door, &token, "/v1/entries", &made("G1", &format!("{at}")));
                    let read = door.get_as(&token, "/v1/ledgers/patrol");
                    let good = usize::from(!is_good(&written)) + usize::from(!is_good(&read));
                    refused.fetch_add(good, Ordering::Relaxed);
                }
            });
        }
    });
    assert!(refused.into_inner() > 0, "there were enough connections: it proves nothing");
    // With less to do, everybody is served again.
    let served = (0..50).any(|_| is_good(&farm.front().get_as(&token, "/v1/ledgers/patrol")));
    assert!(served);
}

#[test]
fn a_statement_that_takes_too_long_says_to_come_again() {
    let url = Cluster::shared().database();
    let hasty = format!("{url}?options=-c%20lock_timeout%3D200ms%20-c%20statement_timeout%3D400ms");
    let farm = Farm::on(hasty, &[None]);
    farm.person("w1", "grid_worker", "G1");
    let phone = farm.phone("w1", 0);
    sync(&phone);
    let (token, _) = farm.front().sign_in("w1", PASSWORD);
    let saved = phone.create("patrol", "G1", patrol("一")).expect("a patrol");
    let mut database = cluster::client(&url);
    let mut held_up = database.transaction().expect("a transaction");
    held_up.batch_execute("LOCK TABLE records, grants IN ACCESS EXCLUSIVE MODE").expect("the lock");
    let refused = super::on_network(phone.sync()).expect_err("it is held up");
    assert!(refused.code().is_some_and(Code::retry_can_help), "{refused}");
    assert!(!is_good(&post(farm.front(), &token, "/v1/entries", &made("G1", "二"))));
    assert!(!is_good(&farm.front().get_as(&token, "/v1/ledgers/patrol")));
    assert_eq!(phone.status().expect("a status").unsent, 1);
    held_up.rollback().expect("the lock goes");
    sync(&phone);
    assert_eq!(held(&phone), BTreeSet::from([saved]));
    farm.is_sound();
}

/// As when the disk under the entries is full.
const FULL: &str = "
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION full_disk()";

#[test]
fn a_full_disk_refuses_edits_and_serves_pulls() {
    let farm = Farm::open();
    farm.person("w1", "grid_worker", "G1");
    let phone = farm.phone("w1", 0);
    sync(&phone);
    let first = phone.create("patrol", "G1", patrol("一")).expect("a patrol");
    sync(&phone);
    let (token, _) = farm.front().sign_in("w1", PASSWORD);
    cluster::client(&farm.url).batch_execute(FULL).expect("a full disk");
    let second = phone.create("patrol", "G1", patrol("二")).expect("a patrol");
    for _ in 0..3 {
        let refused = super::on_network(phone.sync()).expect_err("no room");
        assert!(refused.code().is_some_and(Code::retry_can_help), "{refused}");
        assert!(!is_good(&post(farm.front(), &token, "/v1/entries", &made("G1", "三"))));
        assert!(is_good(&farm.front().get_as(&token, "/v1/ledgers/patrol")));
    }
    let room = "DROP TRIGGER full_disk ON entries";
    cluster::client(&farm.url).batch_execute(room).expect("room");
    sync(&phone);
    assert_eq!(held(&phone), BTreeSet::from([first, second]));
    farm.is_sound();
}
