//! The binary as an operator runs it: commands on a store, a server, its log, and a graceful end.

mod help;
mod office;
mod quiet;
mod restoring;
mod sheets;

use std::path::Path;

use office::{Office, Server, json};
use serde_json::Value;

#[test]
fn an_administrator_manages_people_phones_and_territory() {
    let office = Office::open();
    office.grid();
    let add = ["admin", "user", "add", "W1", "--name", "某甲", "--role", "grid_worker", "--area", "C"];
    assert_eq!(office.done(&add), "made w1");
    assert_eq!(office.done(&add), "changed w1");
    assert_eq!(office.done(&["admin", "user", "list"]), "w1\t某甲\tactive\tgrid_worker@C");
    office.done(&["admin", "user", "revoke", "w1"]);
    let users = json(&office.done(&["admin", "--json", "user", "list"]));
    assert_eq!((&users[0]["state"], &users[0]["password"]), (&"revoked".into(), &false.into()));
    assert_eq!(office.fails(&["admin", "code", "w1"]).0, Some(1));
    office.done(&["admin", "user", "restore", "w1"]);
    let code = office.done(&["admin", "code", "w1", "--days", "2"]);
    assert_eq!((code.len(), code.matches('-').count()), (14, 2), "{code}");
    assert_eq!(office.done(&["admin", "device", "list"]), "");
    assert_eq!(office.done(&["admin", "area", "list"]).lines().last(), Some("C\tS\tcommunity\tC"));
    assert!(office.done(&["admin", "rotate-keys"]).starts_with("new key: "));
}

#[test]
fn what_is_wrong_is_named_and_the_exit_code_says_how() {
    let office = Office::open();
    office.grid();
    let add = |role, area| {
        office.fails(&["admin", "user", "add", "w", "--name", "x", "--role", role, "--area", area])
    };
    assert_eq!(add("king", "C"), (Some(1), "gridledger: there is no role `king`\n".into()));
    assert_eq!(add("grid_worker", "X"), (Some(1), "gridledger: there is no area `X`\n".into()));
    assert_eq!(office.fails(&["admin", "user", "revoke", "nobody"]).0, Some(1));
    let grid_in_street =
        ["admin", "area", "add", "G", "--kind", "basic_grid", "--name", "G", "--parent", "S"];
    assert_eq!(
        office.fails(&grid_in_street).1,
        "gridledger: a basic_grid does not lie directly in a street\n"
    );
    assert_eq!(office.fails(&["admin", "device", "revoke", "9"]).1, "gridledger: no such device 9\n");
    assert_eq!(office.fails(&["admin", "code", "w1", "--days", "0"]).0, Some(2));
    assert_eq!(office.fails(&["dance"]).0, Some(2));
    assert_eq!(office.fails(&["admin", "user", "list", "--store", "mysql:x"]).0, Some(2));
    let odd = office.command(&["admin", "user", "list"]).env("GRIDLEDGER_LISEN", "x").output().expect("runs");
    assert_eq!(odd.status.code(), Some(2));
    let chinese =
        office.command(&["admin", "code", "nobody"]).env("LC_ALL", "zh_CN.UTF-8").output().expect("runs");
    assert_eq!(String::from_utf8_lossy(&chinese.stderr), "gridledger: 没有账号“nobody”\n");
    assert!(office.run(&["--help"]).status.success());
}

#[test]
fn the_office_has_a_time_zone_and_an_unknown_one_ends_the_start() {
    let office = Office::open();
    office.grid();
    let list = ["admin", "user", "list", "--timezone", "Mars/Olympus"];
    let wanted = "gridledger: --timezone: `timezone` must be a time zone of the IANA database, such as Asia/Shanghai\n";
    assert_eq!(office.fails(&list), (Some(2), wanted.into()));
    let chinese = office.command(&list).env("LC_ALL", "zh_CN.UTF-8").output().expect("runs");
    let sentence = "gridledger: --timezone：没有这个时区，timezone 须填 IANA 时区名，例如 Asia/Shanghai\n";
    assert_eq!(String::from_utf8_lossy(&chinese.stderr), sentence);
    // The clock's line names the same moment in each zone.
    let hour = |zone: &str| {
        let said = office.done(&["admin", "clock", "--timezone", zone]);
        let time = said.split_whitespace().find(|word| word.contains(':')).map(str::to_owned);
        time.and_then(|time| time[..2].parse::<u32>().ok()).expect("a time")
    };
    let (china, utc) = (hour("Asia/Shanghai"), hour("UTC"));
    // The hour may end between the two commands.
    assert!([8, 7].contains(&((china + 24 - utc) % 24)), "{china} {utc}");
}

#[test]
fn the_offices_sheets_are_checked_then_taken_in() {
    let office = Office::open();
    office.sample_town();
    let import = |what, file: &str, more: &[&str]| {
        office.done(&[&["admin", "--json", "import", what, file], more].concat())
    };
    let checked = json(&import("areas", "town/areas.csv", &["--dry-run"]));
    assert_eq!(checked["dry_run"], true);
    assert_eq!(office.done(&["admin", "area", "list"]), "");
    let areas = json(&import("areas", "town/areas.csv", &[]));
    assert_eq!((&areas["rows"], &areas["made"]), (&checked["rows"], &checked["rows"]));
    assert_eq!(json(&import("areas", "town/areas.csv", &[]))["changed"], 0);
    let staff = json(&import("staff", "town/staff.csv", &[]));
    assert!(staff["made"].as_u64() > Some(8), "{staff}");
    assert_eq!(json(&import("staff", "town/staff.csv", &[]))["changed"], 0);
    let register = |more: &[&str]| json(&import("register", "town/register.csv", more));
    let rows = register(&["--dry-run"])["rows"].clone();
    assert!(rows.as_u64() > Some(16), "{rows}");
    // Nobody is named: the office's own account takes it in.
    let first = register(&[]);
    let made: u64 = first["created"].as_object().expect("counts").values().filter_map(Value::as_u64).sum();
    assert_eq!(Some(made), rows.as_u64(), "{first}");
    let by = ["--name", "某", "--role", "general_grid_head", "--area", "QH"];
    office.done(&[&["admin", "user", "add", "clerk"][..], &by].concat());
    assert_eq!(register(&["--as", "clerk"])["unchanged"], rows);
    let verified = office.done(&["admin", "verify"]);
    assert!(verified.contains(&format!("{made} records")), "{verified}");
    assert!(verified.ends_with("Everything is as it should be."), "{verified}");
    assert_eq!(json(&office.done(&["admin", "--json", "verify"]))["differences"], 0);
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
    assert!(said.starts_with("State: Accepted (ACCEPTED), level 1 (Grid), cycle 1."), "{said}");
    assert!(said.contains("the voiding is a dissent"), "{said}");
    assert!(!Path::new(&office.path("gridledger.db")).exists());
    for (words, code) in [
        (&["admin", "explain"][..], 2),
        (&["admin", "explain", "ticket"], 2),
        (&["admin", "explain", "ticket", "nonsense"], 1),
        (&["admin", "explain", "patrol", "0198a0c0-0000-8000-8000-000000000001"], 1),
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
    assert!(said.contains("stop the server, run the command, start the server again"), "{said}");
    drop(server);
}

#[test]
fn a_copy_for_tools_is_made_beside_the_server() {
    let office = Office::open();
    office.grid();
    let log = office.dir.path().join("log");
    let server = Server::start(&office, &log, "text");
    let copied = office.done(&["admin", "export-ledgers", "copy.db"]);
    assert!(copied.ends_with("rows copied."), "{copied}");
    let (code, said) = office.fails(&["admin", "export-ledgers", "copy.db"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("copy.db"), "{said}");
    drop(server);
    let (code, said) = office.fails(&["admin", "reader"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("make a copy for tools with admin export-ledgers"), "{said}");
}

#[cfg(unix)]
#[test]
fn a_server_logs_no_secret_and_ends_in_order() {
    for format in ["text", "json"] {
        let office = Office::open();
        office.grid();
        let add =
            ["admin", "user", "add", "kanarie-login", "--name", "kanarie-name", "--role", "grid_worker"];
        let add = [&add[..], &["--area", "C", "--password-stdin"]].concat();
        assert!(office.with_stdin(&add, "kanarie-password\n").status.success());
        let log = office.dir.path().join("log");
        let server = Server::start(&office, &log, format);
        let body = r#"{"login":"kanarie-login","password":"kanarie-password"}"#;
        let session = json(&server.post("/v1/login", body));
        let text = |name: &str| session[name].as_str().expect("a token").to_owned();
        let (access, refresh) = (text("access"), text("refresh"));
        assert_eq!(json(&server.get("/v1/me?q=kanarie-query", &access))["name"], "kanarie-name");
        server.post("/v1/login", r#"{"login":"kanarie-login","password":"kanarie-wrong"}"#);
        server.post("/v1/login", r#"{"login":"kanarie-broken"#);
        server.post("/v1/kanarie-path", "kanarie-body");
        server.get("/v1/me", "kanarie-token");
        let again = json(&server.post("/v1/refresh", &format!(r#"{{"refresh":"{refresh}"}}"#)));
        server.terminate();

        let log = std::fs::read_to_string(log).expect("a log");
        let secrets = [access, refresh, again["refresh"].as_str().expect("a token").to_owned()];
        for secret in secrets.iter().map(String::as_str).chain(["kanarie", "$argon2"]) {
            assert!(!log.contains(secret), "{secret} in the log:\n{log}");
        }
        assert!(log.contains("/v1/login") && log.contains("unmatched") && log.contains("stopped"), "{log}");
        if format == "json" {
            let answered =
                log.lines().map(json).find(|line| line["message"] == "answered").expect("a request");
            for name in ["request_id", "method", "route", "status", "ms"] {
                assert!(!answered[name].is_null(), "{name}: {answered}");
            }
        }
    }
}
