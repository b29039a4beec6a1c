//! The field command line as a person uses it: its words, its JSON, its exit status. No server is needed: an invite is
//! enough to work with no signal.

use std::path::PathBuf;
use std::process::Command;

use gridledger_client::Invite;
use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::{AreaInfo, Grant};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A phone in a folder of its own.
struct Phone {
    dir: TempDir,
    zh: bool,
}

/// What a command did.
struct Did {
    status: i32,
    out: String,
    err: String,
}

fn area(no: u32, parent: Option<u32>, code: &str, kind: &str, name: &str) -> AreaInfo {
    let (code, kind, name) = (code.to_owned(), kind.to_owned(), name.to_owned());
    AreaInfo {
        no: AreaNo(no),
        parent: parent.map(AreaNo),
        code,
        kind,
        name,
    }
}

/// Port 9 discards; nothing listens there.
fn invite() -> Invite {
    Invite {
        server: "http://127.0.0.1:9".into(),
        code: "7KQM-2F4D-9XTA".into(),
        user: "w1".into(),
        name: "陆小青".into(),
        grants: vec![Grant {
            role: "grid_worker".into(),
            area: AreaNo(2),
            from: 0,
            to: None,
        }],
        areas: vec![
            area(1, None, "WS", "community", "万盛社区"),
            area(2, Some(1), "WS-04", "basic_grid", "第四网格"),
        ],
    }
}

impl Phone {
    /// A phone that was not told anything.
    fn blank() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            zh: false,
        }
    }

    /// A phone with an invite taken.
    fn new() -> Self {
        let phone = Self::blank();
        let file = phone.path("invite.json");
        std::fs::write(&file, json!(invite()).to_string()).unwrap();
        phone.ok(&["enrol", "--invite", file.to_str().unwrap()]);
        phone
    }

    fn in_chinese(mut self) -> Self {
        self.zh = true;
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn run(&self, args: &[&str]) -> Did {
        let output = Command::new(env!("CARGO_BIN_EXE_gridledger-field"))
            .args(args)
            .env("GRIDLEDGER_STORE", self.path("phone.db"))
            .env_remove("LC_MESSAGES")
            .env("LC_ALL", "")
            .env("LANG", if self.zh { "zh_CN.UTF-8" } else { "C" })
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Did {
            status: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// A command that works; what it printed.
    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let did = self.run(args);
        assert_eq!((did.status, did.err.as_str()), (0, ""), "{args:?}");
        did.out
    }

    /// The same, with `--json`.
    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let out = self.ok(&[args, &["--json"]].concat());
        assert_eq!(out.lines().count(), 1, "one value on one line: {out}");
        serde_json::from_str(&out).unwrap()
    }

    /// A command that works on a record; the record's id.
    #[track_caller]
    fn made(&self, args: &[&str]) -> String {
        self.json(args)["record"].as_str().unwrap().to_owned()
    }

    fn ticket(&self) -> String {
        let fields = ["kind=incident", "title=路灯不亮", "address_text=944号门前"];
        self.made(
            &[
                &["new", "ticket", "--area", "WS-04"],
                &fields[..],
                &["--event", "report"],
            ]
            .concat(),
        )
    }

    /// What a phone knows after a sync that this test does not make: SQL on its store.
    fn as_if_synced(&self, sql: &str) {
        rusqlite::Connection::open(self.path("phone.db"))
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    }
}

#[test]
fn a_ticket_is_worked_on_with_no_signal() {
    let phone = Phone::new().in_chinese();
    let id = phone.ticket();
    let short = &id[..8];
    assert_eq!(
        phone.run(&["event", &id[..4], "accept"]).status,
        1,
        "accepting needs a category"
    );
    phone.ok(&["set", short, "category=照明", "urgency=3", "description=灯杆歪"]);
    assert_eq!(
        phone.ok(&["event", short, "受理"]),
        format!("已保存 事件 {short} 路灯不亮 [已受理 · 网格]（第 3 笔，待发送）\n")
    );
}

#[test]
fn a_record_is_shown_with_its_labels() {
    let phone = Phone::new().in_chinese();
    let id = phone.ticket();
    phone.ok(&[
        "set",
        &id,
        "category=lighting",
        "checklist.a.item=灯泡",
        "checklist.a.done=是",
    ]);
    phone.ok(&["append", &id, "comments", "已联系电工"]);
    let shown = phone.ok(&["show", &id[..6]]);
    let without_time: Vec<&str> = shown.lines().filter(|line| !line.starts_with("  更新")).collect();
    assert_eq!(
        without_time,
        [
            &format!("事件 {} 路灯不亮 [已上报 · 网格]", &id[..8]),
            "  区域    WS-04 第四网格",
            "  待入账  本机 3 笔修改还没有进入总账",
            "",
            "  kind          类型      事件",
            "  title         标题      路灯不亮",
            "  category      类别      照明",
            "  address_text  地址描述  944号门前",
            "  checklist     材料清单  a: done=是 item=灯泡",
            "  comments      留言      - 已联系电工",
        ]
    );
    let english = phone.ok(&["show", &id, "--lang", "en"]);
    assert!(
        english.starts_with(&format!("Ticket {} 路灯不亮 [Reported · Grid]\n", &id[..8])),
        "{english}"
    );
    assert!(
        english.contains("  category      Category          Lighting\n"),
        "{english}"
    );
    let record = phone.json(&["show", &id]);
    assert_eq!(
        (&record["id"], &record["area"], &record["pending"]),
        (&json!(id), &json!("WS-04"), &json!(3))
    );
    assert_eq!(record["view"]["_ticket"]["state"], "REPORTED");
}

#[test]
fn every_kind_of_field_is_written() {
    let phone = Phone::new();
    let dwelling = phone.made(&[
        "new",
        "dwelling",
        "--area",
        "WS-04",
        "address.road=人民路",
        "address.room=302",
    ]);
    let household = phone.made(&[
        "new",
        "household",
        "--area",
        "WS-04",
        &format!("dwelling_id={}", &dwelling[..8]),
    ]);
    phone.ok(&[
        "set",
        &dwelling,
        "address.number=944号",
        "use=自住",
        "floor_area=71.5",
        "last_verified=2025-06-01T08:30",
    ]);
    phone.ok(&["add", &dwelling, "safety_notes", "gas"]);
    phone.ok(&["set", &dwelling, "safety_notes+=Wiring", "safety_notes-=gas"]);
    let view = phone.json(&["show", &dwelling])["view"].clone();
    let address = json!({ "road": "人民路", "number": "944号", "room": "302" });
    assert_eq!(
        view,
        json!({
            "address": address, "use": "self", "floor_area": 71.5, "last_verified": 1_748_737_800_000_i64,
            "safety_notes": ["wiring"],
        })
    );
    phone.ok(&["remove", &dwelling, "safety_notes", "wiring"]);
    phone.ok(&["set", &dwelling, "use=", "address.room="]);
    let view = phone.json(&["show", &dwelling])["view"].clone();
    assert_eq!(view["safety_notes"], json!([]));
    assert_eq!((view.get("use"), view["address"].get("room")), (None, None));
    let shown = phone.ok(&["show", &household]);
    assert!(
        shown.contains(&format!("{} 人民路 944号", &dwelling[..8])),
        "a reference is shown with its title: {shown}"
    );

    let patrol = phone.made(&[
        "new",
        "patrol",
        "--area",
        "WS-04",
        "started=now",
        "route_kind=routine",
    ]);
    phone.ok(&["incr", &patrol, "posters_removed"]);
    phone.ok(&["incr", &patrol, "posters_removed", "-3"]);
    phone.ok(&["set", &patrol, "posters_removed+=7"]);
    assert_eq!(phone.json(&["show", &patrol])["view"]["posters_removed"], 5);
}

#[test]
fn lists_and_searches_find_what_is_there() {
    let phone = Phone::new();
    let ticket = phone.ticket();
    let patrol = phone.made(&[
        "new",
        "patrol",
        "--area",
        "WS-04",
        "started=now",
        "coverage_note=东侧路面正常",
    ]);
    let ids = |args: &[&str]| -> Vec<String> {
        let found = phone.json(args);
        let mut ids: Vec<String> = found
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    let mut both = vec![ticket.clone(), patrol.clone()];
    both.sort();
    assert_eq!(ids(&["list"]), both);
    assert_eq!(
        ids(&["list", "--area", "WS"]),
        both,
        "an area holds those below it"
    );
    assert_eq!(ids(&["list", "patrol"]), [patrol.as_str()]);
    assert_eq!(
        ids(&[
            "list",
            "ticket",
            "--where",
            "kind=事件",
            "--where",
            "state=reported"
        ]),
        [ticket.as_str()]
    );
    assert_eq!(ids(&["list", "ticket", "--where", "state=已受理"]), [""; 0]);
    assert_eq!(ids(&["list", "--limit", "1"]).len(), 1);
    assert_eq!(ids(&["find", "路灯"]), [ticket.as_str()]);
    assert_eq!(ids(&["find", "路面"]), [patrol.as_str()]);
    assert_eq!(
        ids(&["find", "%"]),
        [""; 0],
        "a sign of the search is only a sign"
    );
    assert!(
        phone
            .ok(&["list", "--limit", "1"])
            .ends_with("the first 1; --limit shows more\n")
    );
    assert!(phone.ok(&["find", "没有的"]).ends_with("no records\n"));
}

#[test]
fn a_phone_says_where_it_stands() {
    let phone = Phone::new().in_chinese();
    let before = phone.ok(&["status"]);
    assert!(before.contains("用户      w1  陆小青\n"), "{before}");
    assert!(before.contains("岗位      网格员  WS-04 第四网格\n"), "{before}");
    assert!(before.contains("设备      未注册：下次同步时注册\n"), "{before}");
    phone.ticket();
    let status = phone.json(&["status"]);
    assert_eq!(
        (&status["unsent"], &status["records"], &status["enrolled"]),
        (&json!(1), &json!(1), &json!(false))
    );
    let receipts = phone.json(&["receipts"]);
    assert_eq!(
        (&receipts[0]["n"], &receipts[0]["state"]),
        (&json!(1), &json!("saved"))
    );
    assert!(phone.ok(&["receipts"]).contains("已保存，待发送  事件"));
    assert_eq!(phone.ok(&["conflicts"]), "没有冲突\n");
    assert_eq!(phone.ok(&["attention"]), "没有需要处理的内容\n");
}

#[test]
fn with_no_network_the_work_is_safe_and_so_it_is_said() {
    let phone = Phone::new().in_chinese();
    phone.ticket();
    let did = phone.run(&["sync"]);
    assert_eq!(did.status, 3);
    assert!(
        did.err.contains("已保存在本机，1 笔待发送") && did.err.contains("[network]"),
        "{}",
        did.err
    );
    let did = phone.run(&["sync", "--json", "--lang", "en"]);
    let error: Value = serde_json::from_str(&did.out).unwrap();
    assert_eq!((did.status, did.err.as_str()), (3, ""));
    assert_eq!(
        (&error["error"]["code"], &error["error"]["retry"]),
        (&json!("network"), &json!(true))
    );
    assert_eq!(phone.json(&["status"])["unsent"], 1);
}

#[test]
fn a_conflict_is_shown_and_settled() {
    let phone = Phone::new();
    let id = phone.ticket();
    let feed = |digit: &str| digit.repeat(32);
    let other = json!({ "value": "路灯坏了", "feed": feed("b"), "at": 1_748_737_800_000_i64 });
    let shown = json!({ "value": "路灯不亮", "feed": feed("a"), "at": 1_748_737_860_000_i64 });
    let conflicts = json!({ "title": [shown, other] });
    phone.as_if_synced(&format!(
        "UPDATE records SET conflicts = 1, view = json_set(view, '$._conflicts', json('{conflicts}'))"
    ));
    let listed = phone.ok(&["conflicts"]);
    assert!(
        listed.contains("  title Title\n    1. 路灯不亮  (2025-06-01 08:31:00, phone aaaaaa)  ← shown now\n"),
        "{listed}"
    );
    assert!(
        listed.contains("    2. 路灯坏了  (2025-06-01 08:30:00, phone bbbbbb)\n"),
        "{listed}"
    );
    assert!(phone.ok(&["show", &id]).contains("! also: 路灯坏了"));
    assert!(phone.ok(&["list"]).contains("! conflict"));
    assert_eq!(phone.run(&["settle", &id, "title", "--choose", "3"]).status, 2);
    assert_eq!(phone.run(&["settle", &id, "kind", "hazard"]).status, 1);
    phone.ok(&["settle", &id, "title", "--choose", "2"]);
    assert_eq!(phone.json(&["show", &id])["view"]["title"], "路灯坏了");
    assert_eq!(phone.json(&["conflicts"]), json!([]));
}

#[test]
fn a_refused_edit_is_shown_tried_again_and_dismissed() {
    let phone = Phone::new();
    let id = phone.ticket();
    for urgency in ["urgency=2", "urgency=3"] {
        phone.ok(&["set", &id, urgency]);
    }
    let refusal = r#"{"code":"role_not_held","rule":"no role is held in this area now"}"#;
    phone.as_if_synced(&format!(
        "UPDATE entries SET state = 3, refusal = '{refusal}' WHERE n > 1"
    ));
    let listed = phone.ok(&["attention"]);
    assert!(
        listed.contains("refused: You do not hold that role in this area."),
        "{listed}"
    );
    assert!(listed.contains("Urgency  ≥ 3  now: 3"), "{listed}");
    assert_eq!(phone.json(&["attention"]).as_array().unwrap().len(), 2);
    assert_eq!(phone.json(&["attention", "again", "2"])["n"], 4);
    assert_eq!(
        phone.json(&["attention", "dismiss", "3"]),
        json!({ "dismissed": 3 })
    );
    assert_eq!(phone.json(&["attention"]), json!([]));
    assert_eq!(phone.run(&["attention", "again", "3"]).status, 1);
}

#[test]
fn the_schema_is_shown_in_both_languages() {
    let phone = Phone::blank();
    assert!(phone.ok(&["schema"]).contains("ticket      Ticket"));
    let fields = phone.ok(&["schema", "ticket", "--lang", "zh"]);
    assert!(
        fields.contains("urgency=…  紧急程度  [max]\n    整数 1 到 4\n    谁可以填写：网格员"),
        "{fields}"
    );
    assert!(fields.contains("escalate  上报上级"), "{fields}");
    let json = phone.json(&["schema", "patrol"]);
    assert_eq!(
        (&json["fields"][0]["name"], &json["fields"][0]["kind"]["is"]),
        (&json!("started"), &json!("time"))
    );
    assert!(
        !phone.path("phone.db").exists(),
        "looking at the schema makes no store"
    );
}

#[test]
fn what_is_wrong_is_said_with_a_code_and_nothing_is_saved() {
    let phone = Phone::new();
    let id = phone.ticket();
    let patrol = phone.made(&["new", "patrol", "--area", "WS-04", "started=now"]);
    let patrol = patrol.as_str();
    let long = format!("title={}", "长".repeat(101));
    let id = id.as_str();
    let table: &[(&[&str], i32, &str)] = &[
        (&["set", id, "colour=red"], 1, "field_unknown"),
        (&["set", id, "urgency=5"], 1, "value_invalid"),
        (&["set", id, "urgency=high"], 1, "value_invalid"),
        (&["set", id, &long], 1, "value_invalid"),
        (&["set", id, "kind=hazard"], 1, "already_set"),
        (&["set", id, "led_by=社区"], 1, "field_forbidden"),
        (&["set", id, "title="], 1, "value_invalid"),
        (&["set", id, "comments=好"], 1, "operation_mismatch"),
        (&["set", id, "point={\"lat\":1"], 2, "usage"),
        (&["set", id, "checklist.a=灯泡"], 2, "usage"),
        (&["set", id, "checklist.a.done=yes"], 1, "value_invalid"),
        (&["set", id, "title+=了"], 2, "usage"),
        (
            &["set", patrol, "posters_removed=-9223372036854775808"],
            1,
            "value_invalid",
        ),
        (
            &["set", patrol, "posters_removed-=-9223372036854775808"],
            2,
            "usage",
        ),
        (
            &["set", patrol, "posters_removed+=99999999999999999999"],
            2,
            "usage",
        ),
        (
            &["incr", patrol, "posters_removed", "9223372036854775807"],
            1,
            "value_invalid",
        ),
        (&["incr", patrol, "posters_removed", "many"], 2, "usage"),
        (&["set", patrol, "started=yesterday"], 1, "value_invalid"),
        (
            &["new", "ticket", "--area", "WS-04", "kind=matter", "title=x"],
            1,
            "field_required",
        ),
        (&["set", id, "title"], 2, "usage"),
        (&["set", id, "=x"], 2, "usage"),
        (&["incr", id, "title"], 1, "operation_mismatch"),
        (&["append", id, "nothing", "x"], 1, "field_unknown"),
        (&["event", id, "dance"], 1, "value_invalid"),
        (&["event", id, "close"], 1, "event_illegal"),
        (&["event", id, "void", "reason=重复"], 1, "event_forbidden"),
        (&["event", id, "escalate", "to=2"], 1, "value_invalid"),
        (&["event", id, "accept"], 1, "field_required"),
        (&["show", "ffffffffffff"], 1, "record_unknown"),
        (&["show", "xyz"], 2, "usage"),
        (&["show", "路灯"], 2, "usage"),
        (&["show", &id[..3]], 2, "usage"),
        (&["new", "spaceship", "--area", "WS-04"], 1, "type_unknown"),
        (&["new", "patrol", "started=now"], 2, "usage"),
        (
            &["new", "patrol", "--area", "XX", "started=now"],
            1,
            "area_unknown",
        ),
        (
            &["new", "patrol", "--area", "WS", "started=now"],
            1,
            "role_not_held",
        ),
        (&["new", "patrol", "--area", "WS-04"], 1, "field_required"),
        (
            &["new", "place", "--area", "WS-04", "name=驿站"],
            1,
            "create_forbidden",
        ),
        (
            &["new", "ticket", "--area", "WS-04", "--event", "report:{"],
            2,
            "usage",
        ),
        (&["list", "spaceship"], 1, "type_unknown"),
        (&["list", "--area", "XX"], 1, "area_unknown"),
        (&["list", "ticket", "--where", "colour=red"], 1, "field_unknown"),
        (&["list", "--where", "a'b=red"], 1, "field_unknown"),
        (&["enrol", "--server", "ledger", "CODE"], 2, "usage"),
        (&["enrol", "--invite", "/nowhere.json"], 1, "invite"),
        (&["schema", "spaceship"], 1, "type_unknown"),
        (&["--schema", "/nowhere", "status"], 1, "schema"),
        (&["attention", "dismiss", "99"], 1, "missing"),
        (&["show"], 2, "usage"),
        (&["dance"], 2, "usage"),
    ];
    let mut wrong = Vec::new();
    for (args, status, code) in table {
        let did = phone.run(&[args, &["--json"][..]].concat());
        let error: Value =
            serde_json::from_str(&did.out).unwrap_or_else(|e| panic!("{args:?}: {e}: {}", did.err));
        if (did.status, error["error"]["code"].as_str()) != (*status, Some(*code)) {
            wrong.push(format!("{args:?}: exit {}, {}", did.status, did.out));
        }
        let said = phone.run(args);
        assert_eq!((said.status, said.out.as_str()), (*status, ""), "{args:?}");
        assert!(!said.err.contains("panicked"), "{args:?}: {}", said.err);
    }
    assert_eq!(wrong, [""; 0]);
    assert_eq!(
        phone.json(&["status"])["unsent"],
        2,
        "nothing but the two records was saved"
    );
}

#[test]
fn a_refusal_names_the_field_in_the_readers_language() {
    let phone = Phone::new();
    let id = phone.ticket();
    let said = |lang: &str| phone.run(&["set", &id, "urgency=5", "--lang", lang]).err;
    assert_eq!(
        said("en"),
        "The value does not fit the field. Urgency (urgency): from 1 to 4 [value_invalid]\n  → gridledger-field schema ticket\n"
    );
    assert_eq!(
        said("zh"),
        "字段的值不符合要求。紧急程度（urgency）：from 1 to 4 [value_invalid]\n  → gridledger-field schema ticket\n"
    );
}

#[test]
fn an_ambiguous_beginning_names_the_candidates() {
    let phone = Phone::new();
    let id = phone.ticket();
    let twin = format!("{}{}", &id.replace('-', "")[..6], "0".repeat(26));
    phone.as_if_synced(&format!(
        "INSERT INTO records SELECT x'{twin}', area, type, created, epoch, held, view, text, conflicts, pending, changed_at FROM records"
    ));
    let did = phone.run(&["show", &id[..6]]);
    assert_eq!(did.status, 2);
    assert!(
        did.err.contains(&id) && did.err.contains("路灯不亮"),
        "{}",
        did.err
    );
    phone.ok(&["show", &id]);
}

#[test]
fn a_phone_that_is_not_enrolled_says_so() {
    let phone = Phone::blank();
    let did = phone.run(&["status"]);
    assert_eq!(did.status, 1);
    assert!(
        did.err.contains("[not_enrolled]") && did.err.contains("enrol --server URL CODE"),
        "{}",
        did.err
    );
    assert!(!phone.path("phone.db").exists(), "a mistyped name makes no store");
    assert_eq!(
        phone.json(&["enrol", "--server", "http://127.0.0.1:9", "CODE", "--later"])["enrolled"],
        false
    );
    let did = phone.run(&["new", "patrol", "--area", "WS-04", "started=now"]);
    assert!(did.err.contains("[not_enrolled]"), "{}", did.err);
}

#[test]
fn a_damaged_store_is_kept_and_a_foreign_one_left_alone() {
    let phone = Phone::blank();
    let store = phone.path("phone.db");
    std::fs::write(&store, vec![0x55; 8192]).unwrap();
    let did = phone.run(&["status"]);
    assert!(did.status == 1 && did.err.contains("[damaged]"), "{}", did.err);
    assert!(phone.path("phone.db.damaged-1").exists());
    rusqlite::Connection::open(&store)
        .unwrap()
        .execute_batch("CREATE TABLE mine (x)")
        .unwrap();
    let did = phone.run(&["status"]);
    assert!(
        did.status == 1 && did.err.contains("[not_a_store]"),
        "{}",
        did.err
    );
}

#[test]
fn what_others_wrote_cannot_command_the_terminal() {
    let phone = Phone::new();
    let id = phone.made(&[
        "new",
        "ticket",
        "--area",
        "WS-04",
        "kind=matter",
        "title=a\u{1b}[2Jb\u{202e}c\nd",
        "address_text=驿站",
        "--event=report",
    ]);
    for args in [&["show", &id][..], &["list"], &["find", "a"], &["receipts"]] {
        let out = phone.ok(args);
        assert!(!out.contains('\u{1b}') && !out.contains('\u{202e}'), "{out:?}");
        assert!(out.contains("a·[2Jb·c⏎d"), "{out:?}");
    }
}
