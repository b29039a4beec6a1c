//! Ledger pulls that come to another node each time, while pushes are open: a cursor never skips and never repeats.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use gridledger_tests::cluster;
use gridledger_tests::json::{items, text};
use serde_json::{Value, json};

use super::{Farm, PASSWORD, goes_on, made, post};

/// The notes that a puller was shown, each with how often.
#[derive(Default)]
struct Shown {
    cursor: Option<String>,
    notes: BTreeMap<String, usize>,
}

impl Shown {
    /// Pulls until there is no more.
    fn pull(&mut self, farm: &Farm, token: &str) {
        loop {
            let since = self.cursor.as_deref().map(|cursor| format!("&since={cursor}"));
            let path = format!("/v1/ledgers/patrol?limit=7{}", since.unwrap_or_default());
            let answer = farm.front().get_as(token, &path);
            assert_eq!(answer.status, 200, "{answer:?}");
            let page = answer.json();
            for row in items(&page["rows"]) {
                let note = text(&row["coverage_note"]).to_owned();
                *self.notes.entry(note).or_default() += 1;
            }
            self.cursor = page["cursor"].as_str().map(str::to_owned);
            if page["more"] == json!(false) {
                return;
            }
        }
    }

    fn has(&self, note: &str) -> bool {
        self.notes.contains_key(note)
    }
}

fn write(farm: &Farm, at: usize, token: &str, area: &str, note: &str) -> Value {
    let answer = post(farm.door(at), token, "/v1/entries", &made(area, note));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["verdicts"][0].clone()
}

fn farm() -> (Farm, Vec<String>, String) {
    let farm = Farm::open();
    for login in ["a0", "a1", "a2"] {
        farm.person(login, "grid_worker", "C");
    }
    farm.person("dc", "dispatcher_community", "C");
    let sign_in = |login| farm.front().sign_in(login, PASSWORD).0;
    let writers = ["a0", "a1", "a2"].into_iter().map(sign_in).collect();
    let reader = sign_in("dc");
    (farm, writers, reader)
}

#[test]
fn a_cursor_that_hops_skips_nothing_and_repeats_nothing() {
    let (farm, writers, reader) = farm();
    let mut shown = Shown::default();
    let done = AtomicBool::new(false);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let writing: Vec<_> = (0..3)
            .map(|node| {
                let (farm, token) = (&farm, &writers[node]);
                scope.spawn(move || {
                    for at in 0..25 {
                        let area = if (node + at) % 2 == 0 { "G1" } else { "G2" };
                        let verdict = write(farm, node, token, area, &format!("{node}-{at}"));
                        assert_eq!(verdict["stored"], true, "{verdict}");
                    }
                })
            })
            .collect();
        let pulling = scope.spawn(|| {
            while goes_on(&done, begun) {
                shown.pull(&farm, &reader);
            }
            shown.pull(&farm, &reader);
        });
        let ends: Vec<_> = writing.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        done.store(true, Ordering::Release);
        pulling.join().expect("a puller");
        assert!(ends.into_iter().all(|end| end.is_ok()));
    });
    assert_eq!(shown.notes.len(), 75);
    assert!(shown.notes.values().all(|times| *times == 1), "{:?}", shown.notes);
    farm.is_sound();
}

/// A commit that waits as long as a test holds the lock: its rows are written, and nobody sees them.
pub(super) const HOLD: &str = "
CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT 1 FROM ledger WHERE record = NEW.record AND view LIKE '%held%') THEN
    PERFORM pg_advisory_xact_lock_shared(4242);
  END IF;
  RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON log DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold()";

#[test]
fn an_open_push_is_neither_shown_nor_passed_over() {
    let (farm, writers, reader) = farm();
    let mut database = cluster::client(&farm.url);
    database.batch_execute(HOLD).expect("a trigger");
    database.execute("SELECT pg_advisory_lock(4242)", &[]).expect("the lock");
    let mut shown = Shown::default();
    std::thread::scope(|scope| {
        let open = scope.spawn(|| write(&farm, 0, &writers[0], "G1", "held"));
        let waiting =
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4242 AND NOT granted";
        cluster::until(&mut database, waiting);
        // Behind it in the same area, at another node: it waits for its turn.
        let behind = scope.spawn(|| write(&farm, 1, &writers[1], "G1", "behind"));
        // In another area nobody waits.
        for at in 0..3 {
            let verdict = write(&farm, 2, &writers[2], "G2", &format!("beside-{at}"));
            assert_eq!(verdict["stored"], true, "{verdict}");
            shown.pull(&farm, &reader);
            assert!(shown.has(&format!("beside-{at}")), "{:?}", shown.notes);
            assert!(!shown.has("held") && !shown.has("behind"), "{:?}", shown.notes);
        }
        database.execute("SELECT pg_advisory_unlock(4242)", &[]).expect("the lock");
        assert_eq!(open.join().expect("a desk")["stored"], true);
        assert_eq!(behind.join().expect("a desk")["stored"], true);
    });
    shown.pull(&farm, &reader);
    assert_eq!(shown.notes.len(), 5, "{:?}", shown.notes);
    assert!(shown.notes.values().all(|times| *times == 1), "{:?}", shown.notes);
    farm.is_sound();
}
