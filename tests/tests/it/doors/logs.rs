//! The server's log: even at its most talkative level it holds nothing secret and nothing personal.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use gridledger_client::{Client, Intents, Options};
use gridledger_schema::ids::hex;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Grant;
use gridledger_server::auth::{codes, passwords};
use gridledger_server::config::Settings;
use gridledger_server::http::signed_in::sessions::Session;
use gridledger_server::service::Service;
use gridledger_server::store::Store;
use gridledger_server::store::rows::people::{NewArea, NewUser, User, UserNo};
use gridledger_tests::at_rest::lock;
use gridledger_tests::desk::Door;
use gridledger_tests::engines;
use serde_json::json;

const PASSWORD: &str = "kanarie-password";

/// Texts that must not be found, each with a name.
struct Canaries(Vec<(String, String)>);

impl Canaries {
    fn text(&mut self, what: &str, text: &str) {
        assert!(text.len() >= 6, "{what} would be found by chance");
        self.0.push((what.to_owned(), text.to_owned()));
    }

    /// Bytes in every form a program may print them in.
    fn bytes(&mut self, what: &str, bytes: &[u8]) {
        let listed = format!("{bytes:?}");
        let forms = [
            hex(bytes),
            hex(bytes).to_uppercase(),
            BASE64.encode(bytes),
            BASE64URL_NOPAD.encode(bytes),
            listed.trim_matches(['[', ']']).to_owned(),
        ];
        for form in forms {
            self.text(what, &form);
        }
    }

    #[track_caller]
    fn absent_in(&self, log: &str) {
        for (what, text) in &self.0 {
            let line = log.lines().find(|line| line.contains(text.as_str()));
            assert_eq!(line, None, "{what}");
        }
    }
}

/// A server's store with one worker, who has a password and a code.
fn settle(dir: &Path, canaries: &mut Canaries) -> String {
    let store = engines::sqlite_in(dir);
    let area = NewArea {
        code: "G1".into(),
        parent: None,
        kind: "basic_grid".into(),
        name: "第一网格".into(),
        from: None,
        to: None,
    };
    store.put_areas(&[area]).expect("an area");
    let grant =
        Grant { role: "grid_worker".into(), area: store.areas().expect("areas")[0].no, from: 0, to: None };
    let hash = passwords::make(PASSWORD).expect("long enough");
    canaries.text("the password's hash", &hash);
    let user =
        NewUser {
            login: "w1".into(), name: "王金丝雀".into(), password: Some(hash), grants: vec![grant]
        };
    store.put_users(&[user], 0).expect("a user");
    let user = store.user_by_login("w1").expect("users").expect("the user").no;
    let code = codes::make().expect("random bytes");
    store.put_code(codes::hash(&code).expect("well formed"), user, i64::MAX).expect("a code");
    canaries.text("the enrolment code", &code);
    canaries.text("the enrolment code without dashes", &code.replace('-', ""));
    store.close();
    code
}

/// A server process at its most talkative; its output goes to files.
fn start(dir: &Path) -> (Child, Door) {
    let log = std::fs::File::create(dir.join("log")).expect("a file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_node"))
        .arg(format!("sqlite:{}", dir.join("server.db").display()))
        .arg("log_level=trace,actix_server=trace,actix_http=trace,mio=trace")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("a server process");
    let (mut address, out) = (String::new(), child.stdout.take().expect("its output"));
    BufReader::new(out).read_line(&mut address).expect("its address");
    (child, Door(address.trim().parse().expect("an address")))
}

/// Signs in and out, rightly and wrongly, and writes and reads as a desk does.
fn sit_at_a_desk(door: Door, canaries: &mut Canaries) {
    let json = [("content-type", "application/json")];
    let post = |path: &str, body: &str| door.ask_with("POST", path, &json, body.as_bytes());
    let (access, refresh) = door.sign_in("w1", PASSWORD);
    let wrong = ["kanarie-wrong", "kanarie-typed-as-login"];
    post("/v1/login", &json!({ "login": "w1", "password": wrong[0] }).to_string());
    post("/v1/login", &json!({ "login": wrong[1], "password": "x" }).to_string());
    post("/v1/login", "{\"login\":\"w1\",\"password\":[\"kanarie-malformed\"]}");
    post("/v1/login", "{\"password\":\"kanarie-cut");
    let (second, next) = post("/v1/refresh", &json!({ "refresh": refresh }).to_string()).tokens();
    let bearer = format!("Bearer {second}");
    let headers = [("authorization", bearer.as_str()), json[0]];
    let person = json!({
        "create": { "type": "person", "area": "G1" },
        "intents": [
            { "op": "put", "field": "name", "value": "陆金丝雀" },
            { "op": "set_child", "field": "phones", "child": "a", "value": { "number": "13800137777" } },
        ],
    });
    let written = door.ask_with("POST", "/v1/entries", &headers, person.to_string().as_bytes());
    let record = written.json()["verdicts"][0]["record"].as_str().expect("stored").to_owned();
    let refused = json!({ "record": record, "seen": 1, "intents": [
        { "op": "put", "field": "gender", "value": "kanarie-refused" },
        { "op": "put", "field": "kanarie-field", "value": 1 },
    ] });
    door.ask_with("POST", "/v1/entries", &headers, refused.to_string().as_bytes());
    for path in [
        format!("/v1/records/{record}"),
        format!("/v1/records/{record}/history"),
        "/v1/ledgers/person?q=%E9%99%86%E9%87%91%E4%B8%9D%E9%9B%80".to_owned(),
        "/v1/ledgers/person?q=kanarie-query".to_owned(),
        "/v1/ledgers/person?format=csv".to_owned(),
        "/v1/kanarie-path".to_owned(),
        "/v1/records/kanarie-record".to_owned(),
        "/v1/me?token=kanarie-parameter".to_owned(),
    ] {
        door.get_as(&second, &path);
    }
    door.get_as("kanarie-token", "/v1/me");
    post("/v1/refresh", &json!({ "refresh": refresh }).to_string());
    post("/v1/logout", &json!({ "refresh": next }).to_string());
    door.get_as(&access, "/v1/me");
    for (what, token) in [("access", &access), ("access", &second), ("refresh", &refresh), ("refresh", &next)]
    {
        canaries.text(what, token);
        let signature = token.rsplit('.').next().expect("a part");
        canaries.text(what, signature);
    }
    for text in ["kanarie", "陆金丝雀", "王金丝雀", "%E9%99%86", "13800137777"] {
        canaries.text("what was sent", text);
    }
}

/// Enrols a phone and syncs; then sends what is no request.
fn carry_a_phone(door: Door, dir: &Path, code: &str, canaries: &mut Canaries) {
    let phone = Client::open(dir.join("phone.db"), &lock(), Options::default()).expect("a phone");
    phone.enrol(&format!("http://{}", door.0), code).expect("noted");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(phone.sync()).expect("it enrols");
    let patrol = Intents::new().put("started", 1_767_571_200_000_i64).put("coverage_note", "巡查见金丝雀");
    phone.create("patrol", "G1", patrol).expect("saved");
    runtime.block_on(phone.sync()).expect("it sends");
    canaries.text("what a phone wrote", "巡查见金丝雀");
    let request = phone.engine().request(0).expect("a request").body;
    let mut damaged = request.clone();
    damaged.truncate(request.len() / 2);
    for body in [&damaged[..], b"kanarie-bytes", &request, &request] {
        door.ask_with("POST", "/v1/sync", &[], body);
    }
}

#[test]
fn a_log_at_its_most_talkative_holds_no_secret_and_no_person() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut canaries = Canaries(Vec::new());
    let code = settle(dir.path(), &mut canaries);
    let (mut server, door) = start(dir.path());
    sit_at_a_desk(door, &mut canaries);
    carry_a_phone(door, dir.path(), &code, &mut canaries);
    drop(server.stdin.take());
    assert!(server.wait().expect("it ends").success());

    let store = engines::sqlite_in(dir.path());
    let identity = store.identity().expect("an identity");
    canaries.bytes("the seed of receipts", &identity.receipt_seed);
    canaries.bytes("the seed of desks", &identity.desk_seed);
    let keys = store.setting("jwt_keys").expect("settings").expect("keys");
    let keys: serde_json::Value = serde_json::from_slice(&keys).expect("JSON");
    let seed = keys[0]["seed"].as_str().expect("a seed");
    canaries.bytes("the seed of tokens", &gridledger_schema::ids::unhex::<32>(seed).expect("hex"));

    let log = std::fs::read_to_string(dir.path().join("log")).expect("a log");
    // That it is the log, and that it is talkative, shows in it.
    for said in ["answered", "/v1/login", "/v1/sync", "TRACE"] {
        assert!(log.contains(said), "{said}: {log}");
    }
    canaries.absent_in(&log);
}

#[test]
fn what_holds_a_secret_does_not_show_it() {
    let session =
        Session { access: "kanarie-access".into(), refresh: "kanarie-refresh".into(), user: UserNo(1) };
    let user = User {
        no: UserNo(1),
        login: "w1".into(),
        name: "王金丝雀".into(),
        password: Some("kanarie-hash".into()),
        revoked: false,
        rights_cut: 0,
    };
    let new = NewUser {
        login: "w1".into(),
        name: "王金丝雀".into(),
        password: Some("kanarie-hash".into()),
        grants: Vec::new(),
    };
    let mut settings = Settings::default();
    settings.take("metrics_token", "kanarie-metrics", "test").expect("a setting");
    let enrol = gridledger_schema::wire::Enrol {
        code: "kanarie-code".into(),
        public_key: [7; 32],
        label: "phone".into(),
    };
    let invite = gridledger_client::Invite {
        server: "https://ledger.example".into(),
        code: "kanarie-code".into(),
        user: "w1".into(),
        name: "王金丝雀".into(),
        grants: Vec::new(),
        areas: Vec::new(),
    };
    let shown = format!("{session:?} {user:?} {new:?} {settings:?} {enrol:?} {invite:?}");
    assert!(!shown.contains("kanarie") && !shown.contains("金丝雀"), "{shown}");
    assert!(shown.contains("w1"));
}

/// A store whose service is asked for what it holds, as a person with the file would.
#[test]
fn the_store_holds_no_token_code_or_password_as_it_is() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut canaries = Canaries(Vec::new());
    let code = settle(dir.path(), &mut canaries);
    let store: Arc<Store> = engines::sqlite_in(dir.path());
    let service = Service::new(store, SchemaSet::builtin()).expect("a service");
    let auth = gridledger_server::auth::Auth::open(&service.store, "test", 0).expect("keys");
    let session =
        gridledger_server::http::signed_in::sessions::login(&auth, &service.store, "w1", PASSWORD, None, 0);
    let session = session.expect("signed in");
    service.store.close();
    let file = std::fs::read(dir.path().join("server.db")).expect("the file");
    let file = String::from_utf8_lossy(&file);
    for secret in [&session.access, &session.refresh, &code, &code.replace('-', ""), PASSWORD] {
        assert!(!file.contains(secret));
    }
}
