//! Ledger pulls that wait: woken by what another node stored, also when the connection that listens was lost.

use std::time::{Duration, Instant};

use gridledger_tests::cluster;
use gridledger_tests::desk::{Answer, Desk, Door};
use gridledger_tests::json::{items, text};
use serde_json::json;

use super::{Farm, PASSWORD, made, post};

/// No pull may wait longer; one that is not woken fails the test by its empty page.
const WAIT: u64 = 60;

struct Waiting {
    farm: Farm,
    writer: String,
    reader: String,
    cursor: String,
}

fn waiting() -> Waiting {
    let farm = Farm::open();
    farm.person("w1", "grid_worker", "C");
    farm.person("dc", "dispatcher_community", "C");
    let (writer, _) = farm.front().sign_in("w1", PASSWORD);
    let (reader, _) = farm.front().sign_in("dc", PASSWORD);
    let page = farm.door(0).get_as(&reader, "/v1/ledgers/patrol?area=G1").json();
    let cursor = text(&page["cursor"]).to_owned();
    Waiting { farm, writer, reader, cursor }
}

impl Waiting {
    fn pull(&self, node: usize, more: &str) -> Answer {
        let path = format!("/v1/ledgers/patrol?since={}{more}", self.cursor);
        self.farm.door(node).get_as(&self.reader, &path)
    }

    /// Stores a patrol at one node while a pull waits at another; what that one was shown, and how soon.
    fn wakes(&self, note: &str) -> Duration {
        std::thread::scope(|scope| {
            let pull = scope.spawn(|| self.pull(0, &format!("&area=G1&wait={WAIT}")));
            let written = post(self.farm.door(1), &self.writer, "/v1/entries", &made("G1", note));
            assert_eq!(written.json()["verdicts"][0]["stored"], true);
            let stored = Instant::now();
            let shown = pull.join().expect("a pull").json();
            let notes = items(&shown["rows"]);
            assert!(notes.iter().any(|row| row["coverage_note"] == note), "{shown}");
            stored.elapsed()
        })
    }
}

#[test]
fn a_pull_is_woken_by_what_another_node_stored() {
    let mut waiting = waiting();
    let page = |pull: Answer| text(&pull.json()["cursor"]).to_owned();
    waiting.cursor = page(waiting.pull(0, "&area=G1"));
    waiting.wakes("一");
    waiting.cursor = page(waiting.pull(0, "&area=G1"));
    // A change elsewhere does not wake it.
    let begun = Instant::now();
    let elsewhere = post(waiting.farm.door(2), &waiting.writer, "/v1/entries", &made("G2", "二"));
    assert_eq!(elsewhere.status, 200);
    let shown = waiting.pull(0, "&area=G1&wait=1");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let shown = shown.json();
    assert_eq!((&shown["rows"], &shown["more"]), (&json!([]), &json!(false)));
    assert_eq!(shown["cursor"], json!(waiting.cursor));
    for wrong in [
        "&area=G1&wait=61",
        "&area=G1&wait=-1",
        "&area=G1&wait=x",
        "&area=G1&wait=1&unmask=1&reason=why%20not",
    ] {
        let refused = waiting.pull(0, wrong);
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("bad_request")), "{wrong}");
    }
}

#[test]
fn a_pull_is_woken_although_the_listening_connections_were_lost() {
    let mut waiting = waiting();
    let mut database = cluster::client(&waiting.farm.url);
    for round in 0..3 {
        let page = waiting.pull(0, "&area=G1").json();
        waiting.cursor = text(&page["cursor"]).to_owned();
        let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                     WHERE datname = current_database() AND query LIKE 'LISTEN%'";
        let ended = database.query_one(ended, &[]).expect("a number").get::<_, i64>(0);
        assert!(ended > 0 || round > 0, "somebody listened");
        waiting.wakes(&format!("第{round}次"));
    }
}

#[test]
fn who_waits_is_looked_up_again_before_he_is_shown_more() {
    let waiting = waiting();
    let user = waiting.farm.office.store.user_by_login("dc").expect("users");
    let user = user.expect("a person").no;
    std::thread::scope(|scope| {
        let pull = scope.spawn(|| waiting.pull(2, &format!("&area=G1&wait={WAIT}")));
        waiting.farm.office.store.set_user_revoked(user, true).expect("revoked");
        let written = post(waiting.farm.door(1), &waiting.writer, "/v1/entries", &made("G1", "一"));
        assert_eq!(written.status, 200);
        let refused = pull.join().expect("a pull");
        assert_eq!((refused.status, &refused.json()["code"]), (401, &json!("user_revoked")));
    });
}

#[test]
fn a_single_node_wakes_who_waits_and_lets_go_when_it_stops() {
    let mut desk = Desk::open();
    desk.person("w1", PASSWORD, "grid_worker", "G1");
    let (token, _) = desk.sign_in("w1", PASSWORD);
    let (door, service) = (Door(desk.addr()), desk.service.clone());
    let pull = |cursor: &str, wait: u64| {
        let path = format!("/v1/ledgers/patrol?since={cursor}&wait={wait}");
        door.get_as(&token, &path).json()
    };
    let waits = || {
        let begun = Instant::now();
        while service.store.wake_ups().count_waiting() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(WAIT), "nobody waits");
            std::thread::yield_now();
        }
    };
    let cursor = text(&pull("", 0)["cursor"]).to_owned();
    let cursor = std::thread::scope(|scope| {
        let shown = scope.spawn(|| pull(&cursor, WAIT));
        waits();
        assert_eq!(post(door, &token, "/v1/entries", &made("G1", "一")).status, 200);
        let shown = shown.join().expect("a pull");
        assert_eq!(shown["rows"][0]["coverage_note"], "一", "{shown}");
        text(&shown["cursor"]).to_owned()
    });
    std::thread::scope(|scope| {
        let shown = scope.spawn(|| pull(&cursor, WAIT));
        waits();
        let begun = Instant::now();
        desk.stop();
        assert_eq!(shown.join().expect("a pull")["rows"], json!([]));
        assert!(begun.elapsed() < Duration::from_secs(WAIT / 2));
    });
}
