//! Work on the command line: edits, lists, conflicts, entries that need attention, the status.

use serde_json::json;

use crate::phone::Phone;

#[test]
fn a_ticket_is_worked_on_with_no_signal() {
    let phone = Phone::new().in_chinese();
    let id = phone.ticket();
    let short = &id[..8];
    assert_eq!(phone.run(&["event", &id[..4], "accept"]).status, 1, "accepting needs a category");
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
    phone.ok(&["set", &id, "category=lighting", "checklist.a.item=灯泡", "checklist.a.done=是"]);
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
            "  address_text  地址描述  944号",
            "  checklist     材料清单  a: done=是 item=灯泡",
            "  comments      留言      - 已联系电工",
        ]
    );
    let english = phone.ok(&["show", &id, "--lang", "en"]);
    assert!(english.starts_with(&format!("Ticket {} 路灯不亮 [Reported · Grid]\n", &id[..8])), "{english}");
    assert!(english.contains("  category      Category          Lighting\n"), "{english}");
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
    let dwelling =
        phone.made(&["new", "dwelling", "--area", "WS-04", "address.road=人民路", "address.room=302"]);
    let household =
        phone.made(&["new", "household", "--area", "WS-04", &format!("dwelling_id={}", &dwelling[..8])]);
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
    let view = phone.json(&["show", &dwelling, "--reason", "核对地址"])["view"].clone();
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
    let view = phone.json(&["show", &dwelling, "--reason", "核对地址"])["view"].clone();
    assert_eq!(view["safety_notes"], json!([]));
    assert_eq!((view.get("use"), view["address"].get("room")), (None, None));
    let shown = phone.ok(&["show", &household]);
    assert!(
        shown.contains(&format!("{} 人民路 944号", &dwelling[..8])),
        "a reference is shown with its title: {shown}"
    );

    let patrol = phone.made(&["new", "patrol", "--area", "WS-04", "started=now", "route_kind=routine"]);
    phone.ok(&["incr", &patrol, "posters_removed"]);
    phone.ok(&["incr", &patrol, "posters_removed", "-3"]);
    phone.ok(&["set", &patrol, "posters_removed+=7"]);
    assert_eq!(phone.json(&["show", &patrol])["view"]["posters_removed"], 5);
}

#[test]
fn lists_and_searches_find_what_is_there() {
    let phone = Phone::new();
    let ticket = phone.ticket();
    let patrol =
        phone.made(&["new", "patrol", "--area", "WS-04", "started=now", "coverage_note=东侧路面正常"]);
    let ids = |args: &[&str]| -> Vec<String> {
        let found = phone.json(args);
        let mut ids: Vec<String> =
            found.as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let mut both = vec![ticket.clone(), patrol.clone()];
    both.sort();
    assert_eq!(ids(&["list"]), both);
    assert_eq!(ids(&["list", "--area", "WS"]), both, "an area holds those below it");
    assert_eq!(ids(&["list", "patrol"]), [patrol.as_str()]);
    assert_eq!(
        ids(&["list", "ticket", "--where", "kind=事件", "--where", "state=reported"]),
        [ticket.as_str()]
    );
    assert_eq!(ids(&["list", "ticket", "--where", "state=已受理"]), [""; 0]);
    assert_eq!(ids(&["list", "--limit", "1"]).len(), 1);
    assert_eq!(ids(&["find", "路灯"]), [ticket.as_str()]);
    assert_eq!(ids(&["find", "路面"]), [patrol.as_str()]);
    assert_eq!(ids(&["find", "%"]), [""; 0], "a sign of the search is only a sign");
    assert!(phone.ok(&["list", "--limit", "1"]).ends_with("the first 1; --limit shows more\n"));
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
    assert_eq!((&receipts[0]["n"], &receipts[0]["state"]), (&json!(1), &json!("saved")));
    assert!(phone.ok(&["receipts"]).contains("已保存，待发送  事件"));
    assert_eq!(phone.ok(&["conflicts"]), "没有冲突\n");
    assert_eq!(phone.ok(&["attention"]), "没有需要处理的内容\n");
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
    assert!(listed.contains("    2. 路灯坏了  (2025-06-01 08:30:00, phone bbbbbb)\n"), "{listed}");
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
    phone.as_if_synced(&format!("UPDATE entries SET state = 3, refusal = '{refusal}' WHERE n > 1"));
    let listed = phone.ok(&["attention"]);
    assert!(listed.contains("refused: You do not hold that role in this area."), "{listed}");
    assert!(listed.contains("Urgency  ≥ 3  now: 3"), "{listed}");
    assert_eq!(phone.json(&["attention"]).as_array().unwrap().len(), 2);
    assert_eq!(phone.json(&["attention", "again", "2"])["n"], 4);
    assert_eq!(phone.json(&["attention", "dismiss", "3"]), json!({ "dismissed": 3 }));
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
    assert!(!phone.path("phone.db").exists(), "looking at the schema makes no store");
}
