//! Residents' values: masked by default, whole for who may and says why, each time with a row in the read log.

use gridledger_client::{Intents, Purpose, Query, RecordId};
use gridledger_core::calendar::DAY_MS;
use gridledger_schema::code::Code;
use gridledger_server::store::rows::read_log::{ReadKind, ReadQuery, ReadRow};
use gridledger_server::store::tables::chain;
use gridledger_tests::forms::{self, object};
use gridledger_tests::office::{put, why};
use gridledger_tests::world::{Line, Phone, World};
use serde_json::{Value, json};

/// A person of the town whose phone number everybody wants to know.
fn person(phone: &mut Phone) -> RecordId {
    let number = object(json!({ "label": "本人", "number": "18613572468" }));
    let person = forms::person("陆小明").put("birth_year", 1943).set_child("phones", "1", number);
    phone.creates("person", "G1", person)
}

fn town() -> World {
    World::staffed(
        2,
        &[
            ("w1", "grid_worker", "G1"),
            ("h1", "grid_head", "G1"),
            ("dc", "dispatcher_community", "C"),
            ("desk", "community_desk", "C"),
            ("po", "privacy_officer", "D"),
            ("au", "auditor", "D"),
            ("rider", "new_group_worker", "G1"),
        ],
    )
}

fn log(world: &World) -> Vec<ReadRow> {
    let query = ReadQuery { limit: 1_000, ..ReadQuery::default() };
    world.store().reads(&query)
}

/// The user, kind, fields and reason of each row.
fn told(world: &World) -> Vec<(String, ReadKind, Vec<String>, String)> {
    let rows = log(world).into_iter().map(|row| row.read);
    rows.map(|read| (read.user, read.kind, read.fields, read.reason)).collect()
}

#[test]
fn a_phone_shows_residents_masked_and_opens_a_record_for_a_purpose() {
    let world = town();
    let mut phone = world.enrolled_phone("w1");
    let id = person(&mut phone);
    let masked = json!({
        "name": "陆某某", "birth_year": "1940-1949", "phones": { "1": { "label": "***", "number": "186****2468" } },
    });
    assert_eq!(phone.masked(id).view, masked);
    let found = phone.masked_records(&Query::of_type("person").text("小明"));
    assert_eq!(
        found[0].view, masked,
        "who knows the name finds the record, and is shown no more than in any list"
    );
    assert_eq!(phone.unsent_reads(), 0, "nothing whole was shown");
    let opened = phone.opens(id, &Purpose::Visit);
    assert_eq!((&opened.view["name"], &opened.view["birth_year"]), (&json!("陆小明"), &json!(1943)));
    assert_eq!(
        phone.reveals(id, &["phones", "contact_hours"], " 电话回访 "),
        json!({ "phones": { "1": { "label": "本人", "number": "18613572468" } } })
    );
    phone.cannot_reveal(id, &["phones"], "看看", Code::ReasonRequired);
    phone.syncs(&world);
    let person = ["birth_year", "name", "phones"].map(str::to_owned).to_vec();
    assert_eq!(
        told(&world),
        [
            ("w1".to_owned(), ReadKind::Offline, person, "上门走访 visit".to_owned()),
            ("w1".to_owned(), ReadKind::Offline, vec!["phones".to_owned()], "电话回访".to_owned()),
        ]
    );
    assert_eq!(phone.unsent_reads(), 0);
    world.is_whole();
}

#[test]
fn a_role_without_the_right_opens_nothing_on_its_phone_either() {
    let world = town();
    let mut rider = world.enrolled_phone("rider");
    let report = Intents::new()
        .put("kind", "incident")
        .put("title", "路灯不亮")
        .put("address_text", "滨河路1号2栋3单元401")
        .event("report", serde_json::Map::new());
    let id = rider.creates("ticket", "G1", report);
    assert_eq!(rider.masked(id).view["address_text"], "滨河路1号2栋");
    rider.cannot_open(id, &Purpose::Ticket, Code::Forbidden);
    assert_eq!(rider.unsent_reads(), 0);
}

#[test]
fn reads_made_with_no_signal_arrive_once_over_any_line() {
    let world = town();
    let mut phone = world.phone("w1", -3_600_000);
    phone.syncs(&world);
    let id = person(&mut phone);
    phone.syncs(&world);
    phone.opens(id, &Purpose::Edit);
    world.pass(60_000);
    phone.opens(id, &Purpose::Call);
    let seen = world.service.now() - 60_000;
    for line in [Line::RequestLost, Line::AnswerLost, Line::AnswerLost] {
        phone.syncs_over(&world, line);
        assert_eq!(phone.unsent_reads(), 2, "kept until the server says that it has them");
    }
    phone.close();
    phone.syncs(&world);
    assert_eq!(phone.unsent_reads(), 0);
    phone.opens(id, &Purpose::Visit);
    phone.syncs(&world);
    let rows = log(&world);
    let numbers: Vec<_> = rows.iter().map(|row| (row.no, row.read.device_n)).collect();
    assert_eq!(numbers, [(1, Some(1)), (2, Some(2)), (3, Some(3))], "numbers go on without a gap");
    assert_eq!(rows[0].read.at, seen, "by the phone's clock corrected by the server's");
    assert_eq!((&rows[0].read.subject, rows[0].read.area), (&"person".to_owned(), Some(world.area("G1"))));
}

#[test]
fn a_care_tag_is_invisible_to_roles_without_the_purpose_and_each_read_is_logged() {
    let world = town();
    let (mut worker, mut head) = (world.phone("w1", 0), world.phone("h1", 0));
    worker.syncs(&world);
    let id = person(&mut worker);
    worker.syncs(&world);
    head.syncs(&world);
    head.edits(id, Intents::new().add("care_tags", "lone_elder"));
    head.syncs(&world);
    worker.syncs(&world);
    // The worker's phone does not even hold it.
    let on_phone = worker.opens(id, &Purpose::Visit);
    assert_eq!(on_phone.view.get("care_tags"), None);
    assert!(!worker.file_holds(b"lone_elder"));
    // The head's shows it for a purpose, and says so.
    assert_eq!(head.masked(id).view.get("care_tags"), None);
    let shown = head.reveals(id, &["care_tags"], "每周上门看望");
    assert_eq!(shown["care_tags"], json!(["lone_elder"]));
    // At a desk: never in a ledger, masked in the record, whole for a reason, for who reads the class.
    let (w1, h1, dc) = (world.clerk("w1"), world.clerk("h1"), world.clerk("dc"));
    let of = |shown: Value| shown["fields"]["care_tags"].clone();
    assert_eq!(of(h1.sees(id, None)), Value::Null);
    assert_eq!(of(w1.sees(id, Some(&why()))), Value::Null, "not even unmasked");
    assert_eq!(dc.cannot_see(id, Some(&why())), Code::Forbidden);
    assert_eq!(of(h1.sees(id, Some(&why()))), json!(["lone_elder"]));
    let page = world.clerk("po").ledger("person", &[("unmask", "1"), ("reason", "核对重复档案")]);
    assert_eq!(page.rows[0].get("care_tags"), None);
    worker.syncs(&world);
    head.syncs(&world);
    let tags: Vec<_> = told(&world)
        .into_iter()
        .filter(|(_, _, fields, _)| fields.iter().any(|field| field == "care_tags"))
        .map(|(user, kind, ..)| (user, kind))
        .collect();
    assert_eq!(
        tags,
        [
            ("h1".to_owned(), ReadKind::View),
            ("po".to_owned(), ReadKind::Ledger),
            ("h1".to_owned(), ReadKind::Offline),
        ]
    );
}

#[test]
fn who_handles_a_ticket_sees_its_values_and_nobody_elses() {
    let world = town();
    let w1 = world.clerk("w1");
    let id = w1.reports("G1", "请打18613572468");
    let dc = world.clerk("dc");
    assert_eq!(dc.sees(id, None)["fields"]["title"], "请打***");
    assert_eq!(dc.cannot_see(id, Some(&why())), Code::Forbidden);
    assert!(log(&world).is_empty(), "what was not shown is not logged as shown");
    dc.writes(id, json!([{ "op": "add", "field": "co_handlers", "item": "dc" }]));
    assert_eq!(dc.sees(id, Some(&why()))["fields"]["title"], "请打18613572468");
    assert_eq!(log(&world).len(), 1);
}

#[test]
fn more_than_a_hundred_people_take_two_persons() {
    let world = town();
    let w1 = world.clerk("w1");
    for at in 0..101 {
        w1.made("person", "G1", put("name", json!(format!("陆{at}"))));
    }
    let (po, desk) = (world.clerk("po"), world.clerk("desk"));
    let plain = [("unmask", "1"), ("reason", "年度核对名册"), ("area", "C")];
    let with = |more: &[(&'static str, &'static str)]| [&plain[..], more].concat();
    assert_eq!(po.refused_page("person", &plain), Code::SecondPersonRequired);
    assert!(log(&world).is_empty(), "and nothing was shown");
    let first = po.ledger("person", &with(&[("limit", "60")]));
    assert_eq!(first.rows.len(), 60);
    po.ledger("person", &with(&[("limit", "60")]));
    // Page by page it is the same hundred; tomorrow it is another day.
    let rest = [("since", first.cursor.as_str()), ("limit", "60")];
    let rest = [&plain[..], &rest].concat();
    assert_eq!(po.refused_page("person", &rest), Code::SecondPersonRequired);
    assert_eq!(po.refused_page("person", &with(&[("export", "1")])), Code::SecondPersonRequired);
    let export = po.asks_for_export("person", "C");
    assert_eq!(po.cannot_approve_export(export), Code::SecondPersonRequired, "the officer asked for it");
    assert_eq!(world.clerk("dc").cannot_approve_export(export), Code::NotFound);
    let refused = world.clerk("au").ask_for_export("person", "C");
    assert_eq!(refused.map_err(|error| error.code()), Err(Code::Forbidden));
    desk.approves_export(export);
    assert_eq!(po.ledger("person", &with(&[("export", "1")])).rows.len(), 101);
    assert_eq!(desk.refused_page("person", &with(&[("export", "1")])), Code::SecondPersonRequired);
    assert_eq!(po.refused_page("ticket", &with(&[("export", "1")])), Code::SecondPersonRequired);
    let last = log(&world).pop().expect("the log has rows").read;
    assert_eq!((last.kind, last.records.len()), (ReadKind::Export, 101));
    assert_eq!((last.subject.as_str(), last.area), ("person area=C export=1", Some(world.area("G1"))));
    world.pass(DAY_MS + 1);
    assert_eq!(po.refused_page("person", &with(&[("export", "1")])), Code::SecondPersonRequired);
    assert_eq!(po.ledger("person", &rest).rows.len(), 41);
}

#[test]
fn the_log_is_read_by_who_watches_over_the_area_and_by_nobody_else() {
    let world = town();
    world.user("h2", "grid_head", "G2");
    let w1 = world.clerk("w1");
    let id = w1.made("person", "G1", put("name", json!("陆小明")));
    for _ in 0..3 {
        w1.sees(id, Some(&why()));
    }
    let count = |login: &str, query: &[(&str, &str)]| world.clerk(login).read_log(query).rows.len();
    for (login, rows) in [("po", 3), ("au", 3), ("h1", 3), ("h2", 0)] {
        assert_eq!(count(login, &[]), rows, "{login}");
    }
    for login in ["w1", "dc", "rider"] {
        assert_eq!(world.clerk(login).cannot_read_log(&[]), Code::Forbidden, "{login}");
    }
    let record = id.to_string();
    assert_eq!(count("h1", &[("record", &record), ("user", "w1")]), 3);
    assert_eq!(count("h1", &[("user", "h1")]), 0);
    let first = world.clerk("h1").read_log(&[("limit", "2")]);
    assert_eq!((first.rows.len(), first.cursor, first.more), (2, 2, true));
    let rest = world.clerk("h1").read_log(&[("limit", "2"), ("since", "2")]);
    assert_eq!((rest.rows.len(), rest.more), (1, false));
    assert_eq!(rest.rows[0]["reason"], "核对重复档案");
    assert!(!rest.rows[0].to_string().contains("陆"), "the log has no content");
    for (query, code) in [
        (("record", "nonsense"), Code::BadRequest),
        (("limit", "0"), Code::LimitExceeded),
        (("colour", "red"), Code::BadRequest),
    ] {
        assert_eq!(world.clerk("po").cannot_read_log(&[query]), code, "{query:?}");
    }
    let head = chain::check(&world.service.store).expect("the log can be read").expect("the chain holds");
    assert_eq!(world.verifies().reads, head.no);
}
