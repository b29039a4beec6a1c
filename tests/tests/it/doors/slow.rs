//! Slow clients: each is cut off, and others are served meanwhile.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use gridledger_client::{Options, Query};
use gridledger_tests::desk::Desk;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, Interest};

use super::{Handset, PASSWORD};

/// A connection on which a read that takes longer than a test may fails it.
fn connected(desk: &Desk) -> TcpStream {
    let line = TcpStream::connect(desk.addr()).expect("the server listens");
    line.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    line
}

/// The bytes that come until the server closes; fails if it does not.
#[track_caller]
fn until_closed(mut line: TcpStream) -> String {
    let mut answer = Vec::new();
    match line.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("the server keeps the connection: {error}"),
    }
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_head_that_does_not_end_is_ended() {
    let desk = Desk::with(&[("head_seconds", "1")]);
    let mut line = connected(&desk);
    line.write_all(b"GET /healthz HTTP/1.1\r\nhost: t\r\nx-slow: ").expect("bytes");
    let answer = until_closed(line);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(desk.ask("GET", "/healthz", "").status, 200);
}

#[test]
fn so_is_the_head_of_a_second_request() {
    let desk = Desk::with(&[("head_seconds", "1")]);
    let mut line = connected(&desk);
    line.write_all(b"GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n").expect("bytes");
    let mut first = [0; 12];
    line.read_exact(&mut first).expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200");
    line.write_all(b"GET /healthz HTTP/1.1\r\nhost: t\r\nx-slow: ").expect("bytes");
    let rest = until_closed(line);
    assert!(!rest.contains("HTTP/1.1 200"), "{rest}");
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let desk = Desk::with(&[("idle_seconds", "1")]);
    let mut line = connected(&desk);
    line.write_all(b"GET /healthz HTTP/1.1\r\nhost: t\r\n\r\n").expect("bytes");
    let answer = until_closed(line);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Sends `requests` on one connection and reads nothing; returns when the server has cut it off.
fn never_reads(desk: &Desk, requests: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        // Little room here, so that the server has to wait early.
        socket.set_recv_buffer_size(4 << 10).expect("a small buffer");
        let mut line = socket.connect(desk.addr()).await.expect("the server listens");
        let cut_off = async {
            if line.write_all(requests).await.is_ok() {
                while !line.ready(Interest::ERROR).await.expect("the line").is_error() {}
            }
        };
        let patience = tokio::time::timeout(Duration::from_mins(1), cut_off);
        patience.await.expect("the server cuts it off");
    });
}

/// Patrols of a large ledger.
const PATROLS: usize = 800;
/// Characters of the note of each.
const NOTE_CHARS: usize = 500;

/// Texts that no packing makes short.
pub(super) fn notes() -> impl Iterator<Item = String> {
    let mut random = 7_u32;
    let mut letter = move || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from_u32(0x4e00 + (random >> 16) % 20_000).expect("a letter")
    };
    std::iter::repeat_with(move || (0..NOTE_CHARS).map(|_| letter()).collect())
}

/// Fills a ledger with some megabytes; gives the access token of a dispatcher.
pub(super) fn with_a_ledger(desk: &Desk) -> String {
    desk.person("w1", PASSWORD, "grid_worker", "G1");
    desk.person("dc", PASSWORD, "dispatcher_community", "C");
    let (worker, _) = desk.sign_in("w1", PASSWORD);
    let bearer = format!("Bearer {worker}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let mut notes = notes();
    let mut note = || notes.next().expect("there is always another");
    for _ in 0..PATROLS / 100 {
        let entries: Vec<Value> = (0..100)
            .map(|_| {
                json!({
                    "create": { "type": "patrol", "area": "G1" },
                    "intents": [
                        { "op": "put", "field": "started", "value": 1_767_571_200_000_i64 },
                        { "op": "put", "field": "coverage_note", "value": note() },
                    ],
                })
            })
            .collect();
        let body = json!(entries).to_string();
        let answer = desk.ask_with("POST", "/v1/entries", &headers, body.as_bytes());
        assert_eq!(answer.json()["verdicts"][99]["stored"], true, "{answer:?}");
    }
    desk.sign_in("dc", PASSWORD).0
}

#[test]
fn who_does_not_read_a_ledger_is_cut_off_and_others_are_served() {
    let desk = Desk::with(&[("send_seconds", "1"), ("workers", "1")]);
    let token = with_a_ledger(&desk);
    let ask = format!(
        "GET /v1/ledgers/patrol?format=csv&limit=800 HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let page = desk.get_as(&token, "/v1/ledgers/patrol?format=csv&limit=800");
    assert!(page.body.len() > 1_000_000, "{}", page.body.len());
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| never_reads(&desk, ask.repeat(8).as_bytes()));
        assert_eq!(desk.get_as(&token, "/v1/ledgers/patrol?format=csv&limit=800").status, 200);
        slow.join().expect("it was cut off");
    });
}

/// A phone's first sync, as it goes over a line.
pub(super) fn first_sync(phone: &Handset) -> Vec<u8> {
    let request = phone.makes_request();
    let length = request.len();
    let head = format!("POST /v1/sync HTTP/1.1\r\nhost: t\r\ncontent-length: {length}\r\n\r\n");
    [head.as_bytes(), &request].concat()
}

#[test]
fn who_does_not_read_a_sync_is_cut_off() {
    let desk = Desk::with(&[("send_seconds", "1")]);
    with_a_ledger(&desk);
    let phone = Handset::of(&desk, "w2", Options::default());
    let again_and_again = std::iter::repeat_with(|| first_sync(&phone));
    let requests: Vec<u8> = again_and_again.take(16).flatten().collect();
    never_reads(&desk, &requests);
    phone.syncs(); // the phone itself goes on
    let patrols = Query::of_type("patrol").limit(2 * PATROLS);
    assert_eq!(phone.client.list(&patrols).expect("a list").len(), PATROLS);
}
