//! Rates: a caller who asks too often waits, nobody else does, and no phone loses anything by it.

use std::time::Duration;

use gridledger_client::{ClientError, Options};
use gridledger_schema::code::Code;
use gridledger_tests::desk::{Answer, Desk};
use gridledger_tests::routes::ROUTES;

use super::{Handset, PASSWORD};

/// A 429 that says how long to wait, and that it helps.
#[track_caller]
pub(super) fn waits(answer: &Answer) {
    let body = answer.json();
    assert_eq!((answer.status, body["code"].as_str()), (429, Some("rate_limited")));
    assert_eq!(body["retry"], true);
    assert_eq!(body["request_id"].as_str(), answer.header("x-request-id"));
    let seconds = answer.header("retry-after").and_then(|s| s.parse::<u32>().ok());
    assert!(seconds.is_some_and(|s| s >= 1), "{answer:?}");
}

/// A rate of one a second, to be exhausted by a test at once.
fn desk(of: &str, burst: &str) -> Desk {
    Desk::with(&[(&format!("{of}_rate"), "1"), (&format!("{of}_burst"), burst)])
}

/// Asks until it has to wait.
#[track_caller]
fn asked_in_vain(most: usize, mut ask: impl FnMut() -> Answer) -> Answer {
    let late = (0..most).map(|_| ask()).find(|answer| answer.status == 429);
    late.expect("at some time one has to wait")
}

#[test]
fn every_route_makes_who_is_not_signed_in_wait() {
    let routes = ROUTES.iter().map(|route| (route.method, route.path));
    for (method, path) in routes.chain([("GET", "/nothing")]) {
        let desk = desk("peer", "3");
        waits(&asked_in_vain(50, || desk.ask(method, path, "x")));
    }
}

#[test]
fn who_is_signed_in_pays_for_themselves_and_not_their_office() {
    let desk =
        Desk::with(&[("peer_rate", "1"), ("peer_burst", "20"), ("user_rate", "1"), ("user_burst", "40")]);
    desk.person("w1", PASSWORD, "grid_worker", "G1");
    desk.person("w2", PASSWORD, "grid_worker", "G1");
    let (w1, _) = desk.sign_in("w1", PASSWORD);
    let (w2, _) = desk.sign_in("w2", PASSWORD);
    let late = asked_in_vain(100, || desk.get_as(&w1, "/v1/me"));
    waits(&late);
    waits(&asked_in_vain(9, || desk.get_as(&w1, "/v1/ledgers/patrol")));
    assert_eq!(desk.get_as(&w2, "/v1/me").status, 200, "the other user does not wait");
    assert_eq!(desk.ask("GET", "/healthz", "").status, 200, "the address paid for none of it");
}

#[test]
fn who_is_proven_gets_in_however_much_their_network_asks() {
    let desk = desk("peer", "5");
    desk.person("dc", PASSWORD, "dispatcher_community", "C");
    let (token, _) = desk.sign_in("dc", PASSWORD);
    let known = Handset::of(&desk, "w1", Options::default());
    known.syncs();
    let stranger = Handset::of(&desk, "w2", Options::default());
    // In turns, so that nothing is left at each of them.
    let shut = || waits(&asked_in_vain(50, || desk.ask("GET", "/nothing", "")));
    shut();
    assert_eq!(desk.get_as(&token, "/v1/me").status, 200);
    known.patrol("巡查");
    shut();
    known.syncs(); // its seal proves it
    assert_eq!(known.unsent(), 0);
    let late = (0..50).find_map(|_| {
        shut();
        stranger.sync().err()
    });
    let late = late.expect("a stranger has to wait");
    assert_eq!(late.code(), Some(Code::RateLimited), "{late:?}");
    waits(&asked_in_vain(50, || desk.get_as(&format!("{token}x"), "/v1/me")));
}

#[test]
fn a_phone_that_is_told_to_wait_keeps_everything_and_another_does_not_wait() {
    let desk = desk("device", "2");
    let (often, other) =
        (Handset::of(&desk, "w1", Options::default()), Handset::of(&desk, "w2", Options::default()));
    often.syncs();
    other.syncs();
    let record = often.patrol("巡查");
    let error = (0..20).find_map(|_| often.sync().err()).expect("it syncs too often");
    assert!(matches!(&error, ClientError::Server { code: Code::RateLimited, .. }), "{error:?}");
    assert!(error.is_retryable() && error.wait() >= Some(Duration::from_secs(1)));
    let kept = often.patrol("补记");
    let error = often.sync().err();
    assert!(error.is_none_or(|error| error.is_retryable()));
    for record in [record, kept] {
        assert!(often.client.get(record).expect("the store works").is_some());
    }
    other.syncs(); // the other phone does not wait
}

#[test]
fn a_request_that_had_to_wait_is_taken_later_as_it_is() {
    let desk = desk("device", "1");
    let phone = Handset::of(&desk, "w1", Options::default());
    phone.syncs();
    let request = || phone.makes_request();
    let send = |body: &[u8]| desk.ask_with("POST", "/v1/sync", &[], body);
    let late = std::iter::repeat_with(request)
        .take(20)
        .find(|body| send(body).status == 429)
        .expect("at some time it has to wait");
    // Its counter was not used up by that: once the device may come again, the same bytes are taken.
    let taken = std::iter::repeat_with(|| send(&late)).find(|answer| answer.status != 429);
    assert_eq!(taken.map(|answer| answer.status), Some(200));
}

#[test]
fn while_as_many_syncs_as_may_are_decided_others_are_told_to_come_back() {
    let desk = Desk::with(&[("syncs_at_once", "1"), ("sync_wait_seconds", "1")]);
    let phones = ["w1", "w2", "w3"].map(|login| Handset::of(&desk, login, Options::default()));
    for phone in &phones {
        phone.syncs();
        phone.patrol("巡查");
    }
    // Whoever holds the store's file for writing holds up the sync that writes, and with it the only turn.
    let file = rusqlite::Connection::open(desk.file()).expect("the store's file");
    file.execute_batch("BEGIN IMMEDIATE").expect("nobody writes");
    let (turned_away, held) = std::thread::scope(|scope| {
        let (tell, told) = std::sync::mpsc::channel();
        for phone in &phones {
            let tell = tell.clone();
            scope.spawn(move || tell.send(phone.sync()).expect("somebody listens"));
        }
        let next = || told.recv().expect("nobody waits for ever");
        let turned_away = [next(), next()];
        file.execute_batch("COMMIT").expect("it ends");
        (turned_away, next())
    });
    for error in turned_away {
        let error = error.expect_err("the turn is taken");
        assert_eq!(error.code(), Some(Code::Busy), "{error:?}");
        assert!(error.is_retryable() && error.wait().is_some(), "{error:?}");
    }
    held.expect("its turn lasted until it was done");
    assert_eq!(phones.iter().map(Handset::unsent).sum::<u64>(), 2);
    for phone in &phones {
        phone.syncs(); // now it is its turn
        assert_eq!(phone.unsent(), 0);
    }
}
