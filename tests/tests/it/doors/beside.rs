//! One person's and one network's load: whoever makes it waits for it, and others are served beside it.

use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gridledger_client::{Options, Query};
use gridledger_schema::limits;
use gridledger_server::desk::writing::DESK_ENTRIES;
use gridledger_tests::desk::Desk;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::often::waits;
use super::slow::{first_sync, notes, with_a_ledger};
use super::{Handset, PASSWORD};

/// How long something may take that the server has to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a request on a line of its own, of which nothing is read beyond the first bytes; those, and the line.
async fn unread(desk: &Desk, request: &[u8]) -> (String, TcpStream) {
    let socket = TcpSocket::new_v4().expect("a socket");
    // Little room here, so that the server has to wait early.
    socket.set_recv_buffer_size(4 << 10).expect("a small buffer");
    let mut line = socket.connect(desk.addr()).await.expect("the server listens");
    line.write_all(request).await.expect("bytes");
    let mut first = [0; 12];
    let read = tokio::time::timeout(PATIENCE, line.read_exact(&mut first));
    read.await.expect("an answer in time").expect("an answer");
    (String::from_utf8_lossy(&first).into_owned(), line)
}

/// Sends bytes; the first that come back, and the line.
async fn send(addr: SocketAddr, bytes: Arc<Vec<u8>>) -> ([u8; 12], TcpStream) {
    let mut line = TcpStream::connect(addr).await.expect("the server listens");
    // The server may turn a caller away before the last byte.
    _ = line.write_all(&bytes).await;
    let mut first = [0; 12];
    line.read_exact(&mut first).await.expect("an answer");
    (first, line)
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

#[test]
fn one_persons_burst_takes_no_threads_from_others() {
    const BURST: usize = 100;
    let desk = Desk::with(&[("sync_wait_seconds", "600")]);
    desk.person("w1", PASSWORD, "grid_worker", "G1");
    let other = Handset::of(&desk, "w2", Options::default());
    other.syncs();
    let (token, _) = desk.sign_in("w1", PASSWORD);
    let (another, _) = desk.sign_in("w2", PASSWORD);
    let bearer = format!("Bearer {token}");
    let entry = json!({
        "create": { "type": "patrol", "area": "G1" },
        "intents": [{ "op": "put", "field": "started", "value": 1_767_571_200_000_i64 }],
    })
    .to_string();
    let write = || {
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        desk.ask_with("POST", "/v1/entries", &headers, entry.as_bytes())
    };
    // Whoever holds the store's file for writing holds up the request whose turn it is, and with it the rest of that person's.
    let file = rusqlite::Connection::open(desk.file()).expect("the store's file");
    file.execute_batch("BEGIN IMMEDIATE").expect("nobody writes");
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        for _ in 0..BURST {
            let tell = tell.clone();
            scope.spawn(move || tell.send(write()).expect("somebody listens"));
        }
        let next = || told.recv().expect("nobody waits for ever");
        for _ in limits::USER_REQUESTS..BURST {
            waits(&next());
        }
        waits(&desk.get_as(&token, "/v1/me"));
        assert_eq!(desk.get_as(&another, "/v1/me").status, 200);
        assert_eq!(desk.get_as(&another, "/v1/ledgers/patrol").status, 200);
        other.syncs(); // a phone does not wait
        file.execute_batch("COMMIT").expect("it ends");
        for _ in 0..limits::USER_REQUESTS {
            let answer = next();
            assert_eq!(answer.json()["verdicts"][0]["stored"], true, "{answer:?}");
        }
    });
}

#[test]
fn a_person_writes_so_much_a_day_at_a_desk() {
    let desk = Desk::with(&[]);
    for login in ["w1", "w2"] {
        desk.person(login, PASSWORD, "grid_worker", "G1");
    }
    let (token, _) = desk.sign_in("w1", PASSWORD);
    let (another, _) = desk.sign_in("w2", PASSWORD);
    let nonsense = json!({ "create": { "type": "nothing", "area": "G1" }, "intents": [] });
    let many = json!(vec![nonsense; DESK_ENTRIES]).to_string();
    let write = |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        desk.ask_with("POST", "/v1/entries", &headers, many.as_bytes())
    };
    for _ in 0..limits::DESK_DAY_ENTRIES as usize / DESK_ENTRIES {
        assert_eq!(write(&token).status, 200);
    }
    waits(&write(&token));
    assert_eq!(write(&another).status, 200);
    assert_eq!(desk.get_as(&token, "/v1/ledgers/patrol").status, 200);
}

#[test]
fn who_reads_no_large_answer_gets_no_more_of_them_and_others_do() {
    let desk = Desk::with(&[("sync_wait_seconds", "1"), ("send_seconds", "600")]);
    let token = with_a_ledger(&desk);
    desk.person("dc2", PASSWORD, "dispatcher_community", "C");
    let (another, _) = desk.sign_in("dc2", PASSWORD);
    let page = "/v1/ledgers/patrol?format=csv&limit=800";
    let ask = format!("GET {page} HTTP/1.1\r\nhost: t\r\nauthorization: Bearer {token}\r\n\r\n");
    runtime().block_on(async {
        let mut lines = Vec::new();
        for _ in 0..limits::USER_AT_WORK {
            let (first, line) = unread(&desk, ask.repeat(32).as_bytes()).await;
            assert_eq!(first, "HTTP/1.1 200");
            lines.push(line);
        }
        // The system takes the first pages of a line; at some time none goes out any more.
        let late = (0..100).map(|_| desk.get_as(&token, page));
        let mut late = late.filter(|answer| answer.status != 200);
        let late = late.next().expect("at some time all four are being sent");
        assert_eq!((late.status, late.json()["code"].as_str()), (503, Some("busy")));
        assert!(late.header("retry-after").is_some(), "{late:?}");
        assert_eq!(desk.get_as(&token, "/v1/me").status, 200, "what is small is answered");
        assert_eq!(desk.get_as(&another, page).status, 200);
    });
}

#[test]
fn one_devices_unread_answers_have_one_place() {
    let desk = Desk::with(&[("send_seconds", "600")]);
    with_a_ledger(&desk);
    let greedy = Handset::of(&desk, "w2", Options::default());
    let other = Handset::of(&desk, "w3", Options::default());
    runtime().block_on(async {
        let mut lines = Vec::new();
        for _ in 0..=limits::ANSWERS_AT_ONCE {
            let (first, line) = unread(&desk, &first_sync(&greedy)).await;
            assert_eq!(first, "HTTP/1.1 200");
            lines.push(line);
        }
        let patrols = Query::of_type("patrol").limit(10);
        std::thread::scope(|scope| {
            let synced = scope.spawn(|| other.sync().expect("a first sync of somebody else"));
            synced.join().expect("it is answered");
        });
        assert_eq!(other.client.list(&patrols).expect("a list").len(), 10);
    });
}

#[test]
fn bodies_from_one_network_leave_room_for_others_and_for_who_is_proven() {
    let desk = Desk::with(&[("trust_forwarded", "true"), ("body_seconds", "600")]);
    let other = Handset::of(&desk, "w1", Options::default());
    other.syncs();
    let (token, _) = desk.sign_in("w1", PASSWORD);
    // It says that a device sealed it, and never ends.
    let mut body = other.makes_request();
    body.resize(limits::SYNC_BODY_BYTES - 1, 0);
    let head = format!(
        "POST /v1/sync HTTP/1.1\r\nhost: t\r\nx-forwarded-for: 192.0.2.7\r\ncontent-length: {}\r\n\r\n",
        limits::SYNC_BODY_BYTES
    );
    let (endless, addr) = (Arc::new([head.as_bytes(), &body].concat()), desk.addr());
    let bodies = limits::NETWORK_BODIES_BYTES / limits::SYNC_BODY_BYTES + 1;
    // The others keep their room for as long as these live.
    let runtime = runtime();
    let (first, _lines) = runtime.block_on(async {
        let mut lines: JoinSet<_> = (0..bodies).map(|_| send(addr, endless.clone())).collect();
        let turned_away = tokio::time::timeout(PATIENCE, lines.join_next());
        let turned_away = turned_away.await.expect("not all find room").expect("lines");
        let (first, _line) = turned_away.expect("it was sent");
        (first, lines)
    });
    assert_eq!(&first, b"HTTP/1.1 503");
    for note in notes().take(40) {
        other.patrol(&note);
    }
    let large = other.makes_request();
    assert!(large.len() > limits::STRANGER_JSON_BYTES, "{}", large.len());
    other.syncs(); // another network has room
    assert_eq!(other.unsent(), 0);
    let headers = [("authorization", &*format!("Bearer {token}")), ("x-forwarded-for", "192.0.2.7")];
    let long = " ".repeat(limits::JSON_BODY_BYTES / 2) + "[]";
    let proven = desk.ask_with("POST", "/v1/entries", &headers, long.as_bytes());
    assert_eq!(proven.status, 200, "who is proven needs no share: {proven:?}");
}
