//! The binary as an operator runs it: commands on a store, a server, its log, and a graceful end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// An empty folder to keep a store in.
struct Office {
    dir: TempDir,
}

impl Office {
    fn open() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gridledger"));
        command
            .current_dir(self.dir.path())
            .env_clear()
            .env("LANG", "C")
            .args(words);
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the command runs")
    }

    /// Runs a command that must succeed; what it printed.
    #[track_caller]
    fn done(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// Runs a command that must fail; its exit code and what it complained.
    #[track_caller]
    fn fails(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = self.run(words);
        assert!(!output.status.success(), "{words:?}: {output:?}");
        (
            output.status.code(),
            String::from_utf8(output.stderr).expect("UTF-8"),
        )
    }

    fn with_stdin(&self, words: &[&str], input: &str) -> Output {
        let mut command = self.command(words);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command runs");
        child
            .stdin
            .take()
            .expect("a pipe")
            .write_all(input.as_bytes())
            .expect("the input is taken");
        child.wait_with_output().expect("the command ends")
    }

    fn grid(&self) {
        for (code, kind, parent) in [
            ("D", "district", ""),
            ("S", "street", "D"),
            ("C", "community", "S"),
        ] {
            let mut words = vec!["admin", "area", "add", code, "--kind", kind, "--name", code];
            if !parent.is_empty() {
                words.extend(["--parent", parent]);
            }
            self.done(&words);
        }
    }
}

/// A server as a process.
struct Server {
    child: Child,
    address: String,
    _out: BufReader<ChildStdout>,
}

impl Server {
    fn start(office: &Office, log: &Path, format: &str) -> Self {
        let log = std::fs::File::create(log).expect("a log file");
        let mut command = office.command(&["serve", "--listen", "127.0.0.1:0"]);
        command
            .env("GRIDLEDGER_LOG_LEVEL", "trace")
            .env("GRIDLEDGER_LOG_FORMAT", format);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("the first line");
        let address = line
            .trim()
            .strip_prefix("http://")
            .expect("an address")
            .to_owned();
        Self {
            child,
            address,
            _out: out,
        }
    }

    fn ask(&self, request: &str) -> String {
        let mut line = TcpStream::connect(&self.address).expect("the server listens");
        line.write_all(request.as_bytes()).expect("the request is taken");
        let mut answer = String::new();
        line.read_to_string(&mut answer).expect("an answer");
        answer
    }

    fn post(&self, path: &str, body: &str) -> String {
        let head = "host: t\r\nconnection: close\r\nx-kanarie: kanarie-header";
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
    }

    fn get(&self, path: &str, token: &str) -> String {
        let head = "host: t\r\nconnection: close";
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\n{head}\r\nauthorization: Bearer {token}\r\n\r\n"
        ))
    }

    #[cfg(unix)]
    fn terminate(mut self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .expect("kill runs")
                .success()
        );
        assert!(self.child.wait().expect("the server ends").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn json(answer: &str) -> Value {
    let body = answer.split_once("\r\n\r\n").map_or(answer, |(_, body)| body);
    serde_json::from_str(body).unwrap_or_else(|error| panic!("not JSON ({error}): {answer}"))
}

#[test]
fn a_store_is_backed_up_while_it_is_served_and_restored_as_another_generation() {
    let office = Office::open();
    office.grid();
    let worker = [
        "admin",
        "user",
        "add",
        "w1",
        "--name",
        "王某",
        "--role",
        "dispatcher_community",
        "--area",
        "C",
    ];
    office.done(&worker);
    let server = Server::start(&office, &office.dir.path().join("log"), "text");
    let told = office.done(&["admin", "backup", "a.db", "--json"]);
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert!(told["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{told}");
    // It replaces nothing, and leaves nothing unfinished behind.
    let (_, said) = office.fails(&["admin", "backup", "a.db"]);
    assert!(said.contains("a.db is already there"), "{said}");
    assert!(!office.dir.path().join("a.db.part").exists());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = office
            .dir
            .path()
            .join("a.db")
            .metadata()
            .expect("the backup")
            .permissions();
        assert_eq!(mode.mode() & 0o077, 0);
    }
    drop(server);
    // What was done since is not in it.
    office.done(&[
        "admin",
        "user",
        "add",
        "w2",
        "--name",
        "李某",
        "--role",
        "dispatcher_community",
        "--area",
        "C",
    ]);

    let new = ["--store", "sqlite:new.db"];
    let restore = |more: &[&'static str]| [&["admin", "restore", "--json"], more, &new].concat();
    let told = office.done(&restore(&["a.db"]));
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(
        (&told["users"], &told["areas"]),
        (&Value::from(1), &Value::from(3)),
        "{told}"
    );
    assert_ne!(told["epoch"], told["former"]);
    assert!(!office.dir.path().join("new.db.part").exists());
    let (_, said) = office.fails(&restore(&["a.db"]));
    assert!(said.contains("new.db is already there"), "{said}");
    let on_new = |words: &[&'static str]| office.done(&[words, &new[..]].concat());
    on_new(&["admin", "verify"]);
    assert!(on_new(&["admin", "recovery", "--json"]).contains("\"phase\":\"over\""));
    assert_eq!(on_new(&["admin", "lost"]), "");
    assert!(on_new(&["admin", "user", "list"]).contains("w1"));
    // Its numbers are nobody else's.
    on_new(&[
        "admin",
        "area",
        "add",
        "G9",
        "--name",
        "G9",
        "--kind",
        "basic_grid",
        "--parent",
        "C",
    ]);
    let areas: Value = serde_json::from_str(&on_new(&["admin", "area", "list", "--json"])).expect("JSON");
    assert!(areas.to_string().contains("G9"), "{areas}");
    // In place: once more another generation.
    let again: Value =
        serde_json::from_str(&on_new(&["admin", "restore", "--in-place", "--json"])).expect("JSON");
    assert_eq!(again["former"], told["epoch"]);
    on_new(&["admin", "verify"]);
}

#[test]
fn a_backup_or_restore_that_is_broken_off_leaves_nothing_in_its_place() {
    let office = Office::open();
    office.grid();
    let dies = |point: &str, words: &[&str], made: &str| {
        let done = office
            .command(words)
            .env("GRIDLEDGER_DIE_AT", point)
            .output()
            .expect("the command runs");
        assert!(!done.status.success(), "{point}: it was not reached");
        assert!(!office.dir.path().join(made).exists(), "{point}");
        office.done(words);
        assert!(office.dir.path().join(made).exists(), "{point}");
    };
    dies("server.before_backup", &["admin", "backup", "a.db"], "a.db");
    for (point, new) in [
        ("server.before_generation", "b.db"),
        ("server.before_restore", "c.db"),
    ] {
        let store = format!("sqlite:{new}");
        dies(point, &["admin", "restore", "a.db", "--store", &store], new);
        office.done(&["admin", "verify", "--store", &store]);
    }
}

#[test]
fn what_is_no_backup_is_not_restored_and_the_erasures_since_are_done_again() {
    let office = Office::open();
    office.grid();
    std::fs::write(office.path("text.db"), "nothing").expect("a file");
    for backup in ["text.db", "none.db"] {
        office.fails(&["admin", "restore", backup, "--store", "sqlite:new.db"]);
        assert!(!office.dir.path().join("new.db").exists(), "{backup}");
    }
    let postgres = [
        "admin",
        "backup",
        "a.db",
        "--store",
        "postgres://nobody@127.0.0.1:1/none",
    ];
    let (_, said) = office.fails(&postgres);
    assert!(said.contains("pg_dump"), "{said}");
    office.done(&["admin", "backup", "a.db"]);
    for (list, taken) in [("[]", true), ("{}", false), ("[{\"record\": 1}]", false)] {
        std::fs::write(office.path("erasures.json"), list).expect("a file");
        let _ = std::fs::remove_file(office.path("new.db"));
        let words = [
            "admin",
            "restore",
            "a.db",
            "--erasures",
            "erasures.json",
            "--store",
            "sqlite:new.db",
        ];
        assert_eq!(office.run(&words).status.success(), taken, "{list}");
    }
}

#[test]
fn an_administrator_manages_people_phones_and_territory() {
    let office = Office::open();
    office.grid();
    let add = [
        "admin",
        "user",
        "add",
        "W1",
        "--name",
        "某甲",
        "--role",
        "grid_worker",
        "--area",
        "C",
    ];
    assert_eq!(office.done(&add), "made w1");
    assert_eq!(office.done(&add), "changed w1");
    assert_eq!(
        office.done(&["admin", "user", "list"]),
        "w1\t某甲\tactive\tgrid_worker@C"
    );
    office.done(&["admin", "user", "revoke", "w1"]);
    let users = json(&office.done(&["admin", "--json", "user", "list"]));
    assert_eq!(
        (&users[0]["state"], &users[0]["password"]),
        (&"revoked".into(), &false.into())
    );
    assert_eq!(office.fails(&["admin", "code", "w1"]).0, Some(1));
    office.done(&["admin", "user", "restore", "w1"]);
    let code = office.done(&["admin", "code", "w1", "--days", "2"]);
    assert_eq!((code.len(), code.matches('-').count()), (14, 2), "{code}");
    assert_eq!(office.done(&["admin", "device", "list"]), "");
    assert_eq!(
        office.done(&["admin", "area", "list"]).lines().last(),
        Some("C\tS\tcommunity\tC")
    );
    assert!(office.done(&["admin", "rotate-keys"]).starts_with("new key: "));
}

#[test]
fn what_is_wrong_is_named_and_the_exit_code_says_how() {
    let office = Office::open();
    office.grid();
    let add = |role, area| {
        office.fails(&[
            "admin", "user", "add", "w", "--name", "x", "--role", role, "--area", area,
        ])
    };
    assert_eq!(
        add("king", "C"),
        (Some(1), "gridledger: there is no role `king`\n".into())
    );
    assert_eq!(
        add("grid_worker", "X"),
        (Some(1), "gridledger: there is no area `X`\n".into())
    );
    assert_eq!(office.fails(&["admin", "user", "revoke", "nobody"]).0, Some(1));
    let grid_in_street = [
        "admin",
        "area",
        "add",
        "G",
        "--kind",
        "basic_grid",
        "--name",
        "G",
        "--parent",
        "S",
    ];
    assert_eq!(
        office.fails(&grid_in_street).1,
        "gridledger: a basic_grid does not lie directly in a street\n"
    );
    assert_eq!(
        office.fails(&["admin", "device", "revoke", "9"]).1,
        "gridledger: no such device 9\n"
    );
    assert_eq!(office.fails(&["admin", "code", "w1", "--days", "0"]).0, Some(2));
    assert_eq!(office.fails(&["dance"]).0, Some(2));
    assert_eq!(
        office.fails(&["admin", "user", "list", "--store", "mysql:x"]).0,
        Some(2)
    );
    let odd = office
        .command(&["admin", "user", "list"])
        .env("GRIDLEDGER_LISEN", "x")
        .output()
        .expect("runs");
    assert_eq!(odd.status.code(), Some(2));
    let chinese = office
        .command(&["admin", "code", "nobody"])
        .env("LC_ALL", "zh_CN.UTF-8")
        .output()
        .expect("runs");
    assert_eq!(
        String::from_utf8_lossy(&chinese.stderr),
        "gridledger: 没有账号“nobody”\n"
    );
    assert!(office.run(&["--help"]).status.success());
}

#[test]
fn the_offices_sheets_are_checked_then_taken_in() {
    let office = Office::open();
    office.done(&[
        "admin",
        "sample-town",
        "--grids",
        "8",
        "--households",
        "2",
        "--out",
        "town",
    ]);
    let import = |what, file: &str, more: &[&str]| {
        office.done(&[&["admin", "--json", "import", what, file], more].concat())
    };
    let checked = json(&import("areas", "town/areas.csv", &["--dry-run"]));
    assert_eq!(checked["dry_run"], true);
    assert_eq!(office.done(&["admin", "area", "list"]), "");
    let areas = json(&import("areas", "town/areas.csv", &[]));
    assert_eq!(
        (&areas["rows"], &areas["made"]),
        (&checked["rows"], &checked["rows"])
    );
    assert_eq!(json(&import("areas", "town/areas.csv", &[]))["changed"], 0);
    let staff = json(&import("staff", "town/staff.csv", &[]));
    assert!(staff["made"].as_u64() > Some(8), "{staff}");
    assert_eq!(json(&import("staff", "town/staff.csv", &[]))["changed"], 0);
    let register = |more: &[&str]| json(&import("register", "town/register.csv", more));
    let rows = register(&["--dry-run"])["rows"].clone();
    assert!(rows.as_u64() > Some(16), "{rows}");
    // Nobody is named: the office's own account takes it in.
    let first = register(&[]);
    let made: u64 = first["created"]
        .as_object()
        .expect("counts")
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(Some(made), rows.as_u64(), "{first}");
    let by = ["--name", "某", "--role", "general_grid_head", "--area", "QH"];
    office.done(&[&["admin", "user", "add", "clerk"][..], &by].concat());
    assert_eq!(register(&["--as", "clerk"])["unchanged"], rows);
    let verified = office.done(&["admin", "verify"]);
    assert!(verified.contains(&format!("{made} records")), "{verified}");
    assert!(verified.ends_with("Everything is as it should be."), "{verified}");
    assert_eq!(
        json(&office.done(&["admin", "--json", "verify"]))["differences"],
        0
    );
    std::fs::write(office.path("bad.csv"), "编码,名称,类型\nX,某区,没有这种\n").expect("a file");
    let (code, said) = office.fails(&["admin", "import", "areas", "bad.csv"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("1 faults") && said.contains("line 2"), "{said}");
}

#[test]
fn a_tickets_events_are_explained_without_a_store() {
    let office = Office::open();
    let events = r#"[{"id":"a","verb":"report","actor":"w1","at":1767576600000},
        {"id":"b","verb":"accept","actor":"h1","at":1767576660000,"parents":["a"]},
        {"id":"c","verb":"void","actor":"dc","at":1767576720000,"parents":["a"]}]"#;
    std::fs::write(office.path("events.json"), events).expect("a file");
    let said = office.done(&["admin", "explain", "--events", "events.json"]);
    assert!(
        said.starts_with("State: Accepted (ACCEPTED), level 1 (Grid), cycle 1."),
        "{said}"
    );
    assert!(said.contains("the voiding is a dissent"), "{said}");
    assert!(!Path::new(&office.path("gridledger.db")).exists());
    for (words, code) in [
        (&["admin", "explain"][..], 2),
        (&["admin", "explain", "ticket"], 2),
        (&["admin", "explain", "ticket", "nonsense"], 1),
        (
            &[
                "admin",
                "explain",
                "patrol",
                "0198a0c0-0000-8000-8000-000000000001",
            ],
            1,
        ),
        (&["admin", "explain", "--events", "nowhere.json"], 1),
    ] {
        assert_eq!(office.fails(words).0, Some(code), "{words:?}");
    }
}

#[test]
fn a_store_that_is_served_is_left_alone() {
    let office = Office::open();
    office.grid();
    let log = office.dir.path().join("log");
    let server = Server::start(&office, &log, "text");
    let (code, said) = office.fails(&["admin", "user", "list"]);
    assert_eq!(code, Some(1));
    assert!(
        said.contains("stop the server, run the command, start the server again"),
        "{said}"
    );
    drop(server);
}

#[cfg(unix)]
#[test]
fn a_server_logs_no_secret_and_ends_in_order() {
    for format in ["text", "json"] {
        let office = Office::open();
        office.grid();
        let add = [
            "admin",
            "user",
            "add",
            "kanarie-login",
            "--name",
            "kanarie-name",
            "--role",
            "grid_worker",
        ];
        let add = [&add[..], &["--area", "C", "--password-stdin"]].concat();
        assert!(office.with_stdin(&add, "kanarie-password\n").status.success());
        let log = office.dir.path().join("log");
        let server = Server::start(&office, &log, format);
        let body = r#"{"login":"kanarie-login","password":"kanarie-password"}"#;
        let session = json(&server.post("/v1/login", body));
        let text = |name: &str| session[name].as_str().expect("a token").to_owned();
        let (access, refresh) = (text("access"), text("refresh"));
        assert_eq!(
            json(&server.get("/v1/me?q=kanarie-query", &access))["name"],
            "kanarie-name"
        );
        server.post(
            "/v1/login",
            r#"{"login":"kanarie-login","password":"kanarie-wrong"}"#,
        );
        server.post("/v1/login", r#"{"login":"kanarie-broken"#);
        server.post("/v1/kanarie-path", "kanarie-body");
        server.get("/v1/me", "kanarie-token");
        let again = json(&server.post("/v1/refresh", &format!(r#"{{"refresh":"{refresh}"}}"#)));
        server.terminate();

        let log = std::fs::read_to_string(log).expect("a log");
        let secrets = [
            access,
            refresh,
            again["refresh"].as_str().expect("a token").to_owned(),
        ];
        for secret in secrets.iter().map(String::as_str).chain(["kanarie", "$argon2"]) {
            assert!(!log.contains(secret), "{secret} in the log:\n{log}");
        }
        assert!(
            log.contains("/v1/login") && log.contains("unmatched") && log.contains("stopped"),
            "{log}"
        );
        if format == "json" {
            let answered = log
                .lines()
                .map(json)
                .find(|line| line["message"] == "answered")
                .expect("a request");
            for name in ["request_id", "method", "route", "status", "ms"] {
                assert!(!answered[name].is_null(), "{name}: {answered}");
            }
        }
    }
}
