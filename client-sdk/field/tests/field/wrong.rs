//! Mistakes: each is told with a code and an exit status, and nothing is saved.

use serde_json::{Value, json};

use crate::phone::Phone;

#[test]
fn with_no_network_the_work_is_safe_and_so_it_is_said() {
    let phone = Phone::new().in_chinese();
    phone.ticket();
    let did = phone.run(&["sync"]);
    assert_eq!(did.status, 3);
    assert!(did.err.contains("已保存在本机，1 笔待发送") && did.err.contains("[network]"), "{}", did.err);
    let did = phone.run(&["sync", "--json", "--lang", "en"]);
    let error: Value = serde_json::from_str(&did.out).unwrap();
    assert_eq!((did.status, did.err.as_str()), (3, ""));
    assert_eq!((&error["error"]["code"], &error["error"]["retry"]), (&json!("network"), &json!(true)));
    assert_eq!(phone.json(&["status"])["unsent"], 1);
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
        (&["set", patrol, "posters_removed=-9223372036854775808"], 1, "value_invalid"),
        (&["set", patrol, "posters_removed-=-9223372036854775808"], 2, "usage"),
        (&["set", patrol, "posters_removed+=99999999999999999999"], 2, "usage"),
        (&["incr", patrol, "posters_removed", "9223372036854775807"], 1, "value_invalid"),
        (&["incr", patrol, "posters_removed", "many"], 2, "usage"),
        (&["set", patrol, "started=yesterday"], 1, "value_invalid"),
        (&["new", "ticket", "--area", "WS-04", "kind=matter", "title=x"], 1, "field_required"),
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
        (&["new", "patrol", "--area", "XX", "started=now"], 1, "area_unknown"),
        (&["new", "patrol", "--area", "WS", "started=now"], 1, "role_not_held"),
        (&["new", "patrol", "--area", "WS-04"], 1, "field_required"),
        (&["new", "place", "--area", "WS-04", "name=驿站"], 1, "create_forbidden"),
        (&["new", "ticket", "--area", "WS-04", "--event", "report:{"], 2, "usage"),
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
    assert_eq!(phone.json(&["status"])["unsent"], 2, "nothing but the two records was saved");
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
        "INSERT INTO records (record, area, type, view, text) SELECT x'{twin}', area, type, view, text FROM records"
    ));
    let did = phone.run(&["show", &id[..6]]);
    assert_eq!(did.status, 2);
    assert!(did.err.contains(&id) && did.err.contains("路灯不亮"), "{}", did.err);
    phone.ok(&["show", &id]);
}

#[test]
fn a_phone_that_is_not_enrolled_says_so() {
    let phone = Phone::blank();
    let did = phone.run(&["status"]);
    assert_eq!(did.status, 1);
    assert!(did.err.contains("[not_enrolled]") && did.err.contains("enrol --server URL CODE"), "{}", did.err);
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
    let phone = Phone::new();
    let store = phone.path("phone.db");
    let half = std::fs::metadata(&store).unwrap().len() / 2;
    let file = std::fs::File::options().write(true).open(&store).unwrap();
    file.set_len(half).unwrap();
    let did = phone.run(&["status"]);
    assert!(did.status == 1 && did.err.contains("[damaged]"), "{}", did.err);
    assert!(phone.path("phone.db.damaged-1").exists());
    rusqlite::Connection::open(&store).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    let did = phone.run(&["status"]);
    assert!(did.status == 1 && did.err.contains("[not_a_store]"), "{}", did.err);
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
