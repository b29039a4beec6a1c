//! A real server on a free port, and a client that writes the bytes of HTTP itself, so that it can also misbehave.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gridledger_schema::ids::AreaNo;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Grant;
use gridledger_server::auth::{codes, passwords};
use gridledger_server::config::Settings;
use gridledger_server::http::app::More;
use gridledger_server::http::{self, Running};
use gridledger_server::operate::verify::verify;
use gridledger_server::service::Service;
use gridledger_server::store::rows::people::NewUser;
use serde_json::Value;

use crate::areas::{add_areas, areas};
use crate::engines::{self, Engine};
use crate::kept::Kept;
use crate::office::Clerk;
use crate::outcome::done;

/// The password of a person whose password does not matter.
pub const PASSWORD: &str = "not a real one";
/// How long a test waits for an answer before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server with a small town: district `D`, community `C` in it, and grids `G1`, `G2`.
pub struct Desk {
    /// The service behind it.
    pub service: Arc<Service>,
    running: Option<Running>,
    door: Door,
    url: String,
    settings: Settings,
    engine: Engine,
}

impl Desk {
    /// A server with settings as they are by default.
    pub fn open() -> Self {
        Self::with(&[])
    }

    /// A server with some settings.
    pub fn with(settings: &[(&str, &str)]) -> Self {
        Self::with_routes(settings, |_| ())
    }

    /// A server with some settings and with routes of the test's own.
    pub fn with_routes(settings: &[(&str, &str)], more: More) -> Self {
        let mut all = Settings::default();
        for (key, value) in [("listen", "127.0.0.1:0"), ("workers", "2")].iter().chain(settings) {
            all.take(key, value, "test").expect("a good setting");
        }
        let engine = engines::sqlite();
        let service = Service::new(engine.store.clone(), SchemaSet::builtin()).expect("a service");
        let service = Arc::new(service);
        small_town(&service);
        let running = http::app::start_with(service.clone(), &all, more).expect("a server");
        Self {
            service,
            door: Door(running.addr()),
            url: running.url(),
            running: Some(running),
            settings: all,
            engine,
        }
    }

    /// Stops the server and starts it again on the same store.
    pub fn restart(&mut self) {
        self.stop();
        // The store's file is locked for as long as the old service lives.
        let away = engines::sqlite();
        self.engine.store = away.store.clone();
        self.service = Arc::new(Service::new(away.store, SchemaSet::builtin()).expect("a service"));
        self.engine.store = engines::sqlite_in(self.engine.dir.path());
        let service = Service::new(self.engine.store.clone(), SchemaSet::builtin()).expect("a service");
        self.service = Arc::new(service);
        let running = http::start(self.service.clone(), &self.settings).expect("a server");
        self.door = Door(running.addr());
        self.url = running.url();
        self.running = Some(running);
    }

    /// The store's file.
    pub fn file(&self) -> PathBuf {
        self.engine.dir.path().join("server.db")
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.door.0
    }

    /// The address as a phone is told it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A one-time code for a person's phone.
    pub fn code(&self, login: &str) -> String {
        let user = self.store().account(login).no;
        let code = codes::make().expect("random bytes");
        let hash = codes::hash(&code).expect("a code is well formed");
        self.store().put_code(hash, user, i64::MAX);
        code
    }

    /// Makes a person with a role at an area.
    pub fn person(&self, login: &str, password: &str, role: &str, area: &str) {
        let area = self.service.tree().by_code(area).expect("an area").no;
        let password = Some(passwords::make(password).expect("long enough"));
        let grants = vec![Grant { role: role.into(), area, from: 0, to: None }];
        let user = NewUser { login: login.into(), name: format!("{login}某"), password, grants };
        self.store().put_users(&[user], self.service.now());
    }

    /// The server's store, each of whose failures is a failure of the story.
    pub fn store(&self) -> Kept<'_> {
        Kept(&self.service.store)
    }

    /// The number of an area of the town.
    #[track_caller]
    pub fn area(&self, code: &str) -> AreaNo {
        self.store().area(code)
    }

    /// Checks that everything is as its entries make it.
    #[track_caller]
    pub fn is_whole(&self) {
        let report = done("verifying", verify(&self.service));
        assert!(report.is_whole(), "{report:?}");
    }

    /// A person of the desk, without HTTP.
    #[track_caller]
    pub fn clerk(&self, login: &str) -> Clerk<'_> {
        Clerk::new(&self.service, login)
    }

    /// Stops the server; returns once it has.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().expect("a good end");
        }
    }
}

impl Deref for Desk {
    type Target = Door;

    fn deref(&self) -> &Door {
        &self.door
    }
}

/// Where a server listens, asked byte by byte.
#[derive(Clone, Copy, Debug)]
pub struct Door(pub SocketAddr);

impl Door {
    /// Sends a request without further headers.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        self.ask_with(method, path, &[], body.as_bytes())
    }

    /// Sends a request.
    pub fn ask_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
        for (name, value) in headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        if !body.is_empty() {
            head.extend(["content-length: ", &body.len().to_string(), "\r\n"]);
        }
        self.ask_raw(&[head.as_bytes(), b"\r\n", body].concat())
    }

    /// Sends these bytes and reads the answer, or what comes of it until the server closes.
    pub fn ask_raw(&self, bytes: &[u8]) -> Answer {
        ask_at(self.0, bytes)
    }

    /// Signs in; the access and the refresh token.
    pub fn sign_in(&self, login: &str, password: &str) -> (String, String) {
        let body = serde_json::json!({ "login": login, "password": password }).to_string();
        let answer = self.ask("POST", "/v1/login", &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.tokens()
    }

    /// GET as somebody.
    pub fn get_as(&self, token: &str, path: &str) -> Answer {
        self.ask_with("GET", path, &[("authorization", &format!("Bearer {token}"))], b"")
    }

    /// POST of JSON as somebody.
    pub fn post_as(&self, token: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.ask_with("POST", path, &headers, body.to_string().as_bytes())
    }
}

/// Sends these bytes to a server and reads the answer, or what comes of it until the server closes.
pub fn ask_at(addr: SocketAddr, bytes: &[u8]) -> Answer {
    let mut line = TcpStream::connect(addr).expect("the server listens");
    line.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    // A server that refuses early may close while we still write.
    let _ = line.write_all(bytes);
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    // The server lingers where it did not read the whole body; its answer is there before it closes.
    while !Answer::is_whole(&answer) {
        match line.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(bytes) => answer.extend_from_slice(&piece[..bytes]),
        }
    }
    Answer::parse(&answer)
}

fn small_town(service: &Service) {
    let rows = [
        ("D", "", "district"),
        ("S", "D", "street"),
        ("C", "S", "community"),
        ("G1", "C", "basic_grid"),
        ("G2", "C", "basic_grid"),
    ];
    add_areas(service, &areas(&rows));
}

/// An answer of the server.
#[derive(Debug)]
pub struct Answer {
    /// 0 if the server closed without a word.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, chunks joined.
    pub body: String,
}

impl Answer {
    /// Whether these bytes hold all that the answer's head announces.
    fn is_whole(bytes: &[u8]) -> bool {
        let so_far = Self::parse(bytes);
        let length = so_far.header("content-length").and_then(|length| length.parse::<usize>().ok());
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        end.zip(length).is_some_and(|(end, length)| bytes.len() >= end + 4 + length)
    }

    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let headers = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        Self { status: status.unwrap_or(0), headers, body: body.to_owned() }
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self:?}"))
    }

    /// The access and the refresh token of a sign-in.
    pub fn tokens(&self) -> (String, String) {
        let body = self.json();
        let text = |name: &str| body[name].as_str().expect("a token").to_owned();
        (text("access"), text("refresh"))
    }
}
