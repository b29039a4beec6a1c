//! Ledgers: incremental, within rights, masked, and never skipping.

use std::collections::BTreeMap;

use gridledger_schema::code::Code;
use gridledger_tests::office::{Clerk, put, ticket};
use gridledger_tests::world::World;
use serde_json::{Value, json};

fn world() -> World {
    World::staffed(
        2,
        &[
            ("w1", "grid_worker", "G1"),
            ("w2", "grid_worker", "G2"),
            ("h1", "grid_head", "G1"),
            ("dc", "dispatcher_community", "C"),
            ("po", "privacy_officer", "D"),
            ("pf", "property_company", "G1"),
        ],
    )
}

fn column(rows: &[Value], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_second_pull_yields_only_what_changed() {
    let world = world();
    let (w1, w2) = (world.clerk("w1"), world.clerk("w2"));
    let dispatcher = world.clerk("dc");
    let home = json!([{"op": "put", "field": "address", "value": {"road": "滨河路"}}]);
    let first = w1.made("dwelling", "G1", home.clone());
    for _ in 0..4 {
        w1.made("dwelling", "G1", home.clone());
        w2.made("dwelling", "G2", home.clone());
    }
    let (all, cursor) = dispatcher.pull("dwelling", &[], "", 2);
    assert_eq!(all.len(), 9);
    let (none, cursor) = dispatcher.pull("dwelling", &[], &cursor, 2);
    assert_eq!(none, BTreeMap::new());
    w1.edit(first, put("use", json!("rented")));
    let (changed, cursor) = dispatcher.pull("dwelling", &[], &cursor, 2);
    assert_eq!(changed.keys().collect::<Vec<_>>(), [&first.to_string()]);
    let row = &changed[&first.to_string()];
    assert_eq!(
        (&row["use"], &row["area"], &row["area_name"]),
        (&json!("rented"), &json!("G1"), &json!("G1区域"))
    );
    assert_eq!((&row["created_by"], &row["changed_by"]), (&json!("w1"), &json!("w1")));
    // A cursor belongs to its question.
    assert_eq!(
        dispatcher.refused_page("dwelling", &[("since", &cursor), ("use", "rented")]),
        Code::BadRequest
    );
    assert_eq!(dispatcher.refused_page("person", &[("since", &cursor)]), Code::BadRequest);
    assert_eq!(dispatcher.refused_page("dwelling", &[("since", "nonsense")]), Code::BadRequest);
}

#[test]
fn rows_stay_within_the_callers_rights() {
    let world = world();
    let (w1, w2, h1) = (world.clerk("w1"), world.clerk("w2"), world.clerk("h1"));
    let mine = w1.reports("G1", "路灯不亮");
    let other = w1.reports("G1", "井盖缺失");
    let theirs = w2.reports("G2", "堆物");
    let ids = |clerk: &Clerk<'_>, query: &[(&str, &str)]| -> Vec<String> {
        clerk.pull("ticket", query, "", 100).0.into_keys().collect()
    };
    let sorted = |records: &[gridledger_schema::ids::RecordId]| {
        let mut texts: Vec<String> = records.iter().map(ToString::to_string).collect();
        texts.sort();
        texts
    };
    assert_eq!(ids(&w1, &[]), sorted(&[mine, other]));
    assert_eq!(ids(&w2, &[]), sorted(&[theirs]));
    let dispatcher = world.clerk("dc");
    assert_eq!(ids(&dispatcher, &[]), sorted(&[mine, other, theirs]));
    assert_eq!(ids(&dispatcher, &[("area", "G2")]), sorted(&[theirs]));
    assert_eq!(ids(&w1, &[("area", "C")]), sorted(&[mine, other]), "the part of it that is theirs");
    // An area that is not there and one without a right answer alike.
    for area in ["G2", "nowhere"] {
        assert_eq!(w1.refused_page("ticket", &[("area", area)]), Code::AreaUnknown);
    }
    // A property firm sees what it is assigned, and nothing else.
    let firm = world.clerk("pf");
    assert_eq!(ids(&firm, &[]), sorted(&[]));
    h1.event(mine, "accept", json!({}));
    let assigned = h1.event(mine, "assign", json!({"who": "pf"}));
    assert_eq!(assigned.refused, None);
    assert_eq!(ids(&firm, &[]), sorted(&[mine]));
    world.user("nobody", "grid_worker", "G1");
    let nobody = world.account("nobody");
    let g1 = world.area("G1");
    world.store().end_grant(nobody.no, "grid_worker", g1, 1, world.service.now());
    assert_eq!(world.clerk("nobody").refused_page("ticket", &[]), Code::Forbidden);
}

#[test]
fn personal_values_are_masked_unless_the_caller_reads_everything_and_says_why() {
    let world = world();
    let w1 = world.clerk("w1");
    w1.made(
        "person",
        "G1",
        json!([
            {"op": "put", "field": "name", "value": "陆小明"},
            {"op": "put", "field": "birth_year", "value": 1987},
            {"op": "put", "field": "gender", "value": "male"},
            {"op": "set_child", "field": "phones", "child": "1", "value": {"number": "12800001234"}},
        ]),
    );
    w1.reports("G1", "请打12800001234");
    let dispatcher = world.clerk("dc");
    let people = dispatcher.ledger("person", &[]).rows;
    assert_eq!(column(&people, "name"), ["陆某某"]);
    assert_eq!(column(&people, "birth_year"), ["1980-1989"]);
    assert_eq!(column(&people, "gender"), ["male"]);
    assert_eq!(people[0].get("phones"), None, "not a column of the ledger");
    let tickets = dispatcher.ledger("ticket", &[]).rows;
    assert_eq!(column(&tickets, "title"), ["请打***"]);
    assert_eq!(column(&tickets, "address_text"), ["滨河路1号2栋"]);
    // A question does not find a masked value out either.
    assert_eq!(dispatcher.refused_page("person", &[("name", "陆小明")]), Code::Forbidden);
    assert_eq!(dispatcher.ledger("person", &[("q", "小明")]).rows.len(), 0);
    assert_eq!(dispatcher.ledger("person", &[("q", "陆某")]).rows.len(), 1);
    let unmasked = [("unmask", "1"), ("reason", "核对重复档案")];
    assert_eq!(dispatcher.refused_page("person", &unmasked), Code::Forbidden);
    let officer = world.clerk("po");
    assert_eq!(officer.refused_page("person", &unmasked[..1]), Code::ReasonRequired);
    let people = officer.ledger("person", &unmasked).rows;
    assert_eq!(column(&people, "name"), ["陆小明"]);
}

#[test]
fn what_matches_no_longer_is_named_in_left() {
    let world = world();
    let (w1, h1) = (world.clerk("w1"), world.clerk("h1"));
    let dispatcher = world.clerk("dc");
    let mine = w1.reports("G1", "路灯不亮");
    h1.event(mine, "accept", json!({}));
    let accepted = [("state", "ACCEPTED")];
    let (found, cursor) = dispatcher.pull("ticket", &accepted, "", 10);
    assert_eq!(found.len(), 1);
    h1.event(mine, "assign", json!({"who": "pf"}));
    // A new one that never matched is no news for this question.
    w1.reports("G1", "井盖缺失");
    let since = |question: (&str, &str), cursor: &str| {
        let page = dispatcher.page("ticket", &[question, ("since", cursor)]);
        let page = page.expect("a page");
        (page.rows.len(), page.left, page.cursor)
    };
    let (rows, left, cursor) = since(accepted[0], &cursor);
    assert_eq!((rows, left), (0, vec![mine]));
    let (rows, left, _) = since(accepted[0], &cursor);
    assert_eq!((rows, left), (0, vec![]), "it is told once");
}

#[test]
fn what_a_handler_may_not_read_any_more_is_named_to_nobody_else() {
    let world = world();
    world.user("other", "property_company", "G1");
    let (w1, h1) = (world.clerk("w1"), world.clerk("h1"));
    let (firm, other) = (world.clerk("pf"), world.clerk("other"));
    let mine = w1.reports("G1", "路灯不亮");
    h1.event(mine, "accept", json!({}));
    h1.event(mine, "assign", json!({"who": "pf"}));
    let (found, cursor) = firm.pull("ticket", &[], "", 10);
    assert_eq!(found.len(), 1);
    let (none, others) = other.pull("ticket", &[], "", 10);
    assert_eq!(none.len(), 0);
    h1.event(mine, "assign", json!({"who": "h1"}));
    let left = |clerk: &Clerk<'_>, cursor: &str| {
        let page = clerk.ledger("ticket", &[("since", cursor)]);
        assert_eq!(page.rows, [] as [Value; 0]);
        (page.left, page.cursor)
    };
    let (gone, cursor) = left(&firm, &cursor);
    assert_eq!(gone, [mine]);
    assert_eq!(left(&other, &others).0, []);
    // A later change to it is no news for the firm.
    w1.edit(mine, put("title", json!("路灯全灭")));
    assert_eq!(left(&firm, &cursor).0, []);
}

#[test]
fn a_filter_finds_its_rows_and_does_not_hold_the_cursor_back() {
    let world = world();
    let (w1, h1) = (world.clerk("w1"), world.clerk("h1"));
    let codes: Vec<String> = world.service.schema.categories.iter().map(|c| c.code.clone()).collect();
    let mut accepted = Vec::new();
    for i in 0..30 {
        let record = w1.made("ticket", "G1", ticket(&format!("事件{i}"), &codes[i % 2]));
        if i % 10 == 0 {
            h1.event(record, "accept", json!({}));
            accepted.push(record.to_string());
        }
    }
    let dispatcher = world.clerk("dc");
    let (found, cursor) = dispatcher.pull("ticket", &[("state", "ACCEPTED")], "", 1);
    accepted.sort();
    assert_eq!(found.keys().cloned().collect::<Vec<_>>(), accepted);
    assert!(found.values().all(|row| row["level"] == 1 && row["changed_by"] == "h1"));
    let page = dispatcher.ledger("ticket", &[("state", "ACCEPTED"), ("since", &cursor)]);
    assert_eq!((page.rows.len(), page.more), (0, false));
    assert_eq!(page.cursor, cursor, "nothing is left that was not looked at");
    for (query, count) in [
        (vec![("category", codes[0].as_str())], 15),
        (vec![("category", codes[0].as_str()), ("category", codes[1].as_str())], 30),
        (vec![("category", codes[1].as_str()), ("state", "ACCEPTED")], 0),
        (vec![("changed_by", "h1")], 3),
        (vec![("q", "事件1")], 11),
        (vec![("line_tags", "")], 30),
    ] {
        assert_eq!(dispatcher.pull("ticket", &query, "", 7).0.len(), count, "{query:?}");
    }
}

#[test]
fn values_written_at_once_are_named_as_conflicts() {
    let world = world();
    let (w1, h1) = (world.clerk("w1"), world.clerk("h1"));
    let person = w1.made("person", "G1", put("name", json!("陆小明")));
    let seen = w1.last(person);
    for (clerk, name) in [(&w1, "陆晓明"), (&h1, "陆小鸣")] {
        let entry = gridledger_tests::office::editing(person, Some(seen), put("name", json!(name)));
        assert_eq!(clerk.submit_one(entry).refused, None);
    }
    let dispatcher = world.clerk("dc");
    let rows = dispatcher.ledger("person", &[]).rows;
    assert_eq!((&rows[0]["name"], &rows[0]["conflicts"]), (&json!("陆某某"), &json!(["name"])));
}

/// People write while another pulls page after page: when they stop, what was pulled is what is there.
#[test]
fn a_pull_never_skips_what_is_written_meanwhile() {
    let world = world();
    let writers = ["w1", "w2", "h1"];
    std::thread::scope(|scope| {
        let threads: Vec<_> = writers
            .iter()
            .map(|login| {
                let service = &world.service;
                let area = if *login == "w2" { "G2" } else { "G1" };
                scope.spawn(move || {
                    let clerk = Clerk::new(service, login);
                    let mut made = Vec::new();
                    for i in 0..25 {
                        made.push(clerk.made(
                            "patrol",
                            area,
                            put("started", json!(1_767_571_200_000_i64 + i)),
                        ));
                        let older = made[i as usize / 2];
                        clerk.edit(older, json!([{"op": "increment", "field": "leaflets_given", "by": 1}]));
                    }
                })
            })
            .collect();
        let dispatcher = world.clerk("dc");
        let (mut rows, mut cursor) = (BTreeMap::new(), String::new());
        loop {
            let over = threads.iter().all(std::thread::ScopedJoinHandle::is_finished);
            let (news, next) = dispatcher.pull("patrol", &[], &cursor, 3);
            rows.extend(news);
            cursor = next;
            if over {
                break;
            }
        }
        let (whole, end) = dispatcher.pull("patrol", &[], "", 10_000);
        assert_eq!(rows.len(), 75);
        assert_eq!(rows, whole);
        assert_eq!(cursor, end);
    });
}
