//! Residents' values: masked by default, whole for who may and says why, each time with a row in the read log.

use gridledger_client::engine::Engine;
use gridledger_client::{ClientError, Intents, Purpose, Query, RecordId};
use gridledger_core::calendar::DAY_MS;
use gridledger_schema::code::Code;
use gridledger_server::desk::disclosure::reads::page;
use gridledger_server::desk::record as view;
use gridledger_server::operate::verify::verify;
use gridledger_server::store::rows::reads::{ReadKind, ReadQuery, ReadRow};
use gridledger_server::store::tables::chain;
use gridledger_tests::office::{Clerk, put, ticket, why};
use gridledger_tests::world::{Line, Phone, World};
use serde_json::{Value, json};

/// A person of the town whose phone number everybody wants to know.
fn person(engine: &mut Engine) -> RecordId {
    let number = json!({ "label": "本人", "number": "18613572468" });
    let number = number.as_object().cloned().unwrap_or_default();
    let intents =
        Intents::new().put("name", "陆小明").put("birth_year", 1943).set_child("phones", "1", number);
    engine.create("person", "G1", intents).unwrap().record
}

fn town() -> World {
    let world = World::new(2);
    for (login, role, area) in [
        ("w1", "grid_worker", "G1"),
        ("h1", "grid_head", "G1"),
        ("dc", "dispatcher_community", "C"),
        ("desk", "community_desk", "C"),
        ("po", "privacy_officer", "D"),
        ("au", "auditor", "D"),
        ("rider", "new_group_worker", "G1"),
    ] {
        world.user(login, role, area);
    }
    world
}

fn log(world: &World) -> Vec<ReadRow> {
    let query = ReadQuery { limit: 1_000, ..ReadQuery::default() };
    world.service.store.reads(&query).unwrap()
}

/// Who, how, what and why, of each row.
fn told(world: &World) -> Vec<(String, ReadKind, Vec<String>, String)> {
    let rows = log(world).into_iter().map(|row| row.read);
    rows.map(|read| (read.user, read.kind, read.fields, read.reason)).collect()
}

fn refusal(error: &ClientError) -> Option<Code> {
    match error {
        ClientError::Refused(refusal) => Some(refusal.code),
        _ => None,
    }
}

fn unsent(phone: &mut Phone) -> u64 {
    phone.engine().unsent_reads().unwrap()
}

#[test]
fn a_phone_shows_residents_masked_and_opens_a_record_for_a_purpose() {
    let world = town();
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    let id = person(phone.engine());
    let masked = json!({
        "name": "陆某某", "birth_year": "1940-1949", "phones": { "1": { "label": "***", "number": "186****2468" } },
    });
    assert_eq!(phone.engine().get(id).unwrap().unwrap().view, masked);
    let found = phone.engine().list(&Query::of_type("person").text("小明")).unwrap();
    assert_eq!(
        found[0].view, masked,
        "who knows the name finds the record, and is shown no more than in any list"
    );
    assert_eq!(unsent(&mut phone), 0, "nothing whole was shown");
    let opened = phone.engine().open_record(id, &Purpose::Visit).unwrap().unwrap();
    assert_eq!((&opened.view["name"], &opened.view["birth_year"]), (&json!("陆小明"), &json!(1943)));
    let revealed = phone.engine().reveal(id, &["phones", "contact_hours"], " 电话回访 ").unwrap();
    assert_eq!(
        Value::Object(revealed),
        json!({ "phones": { "1": { "label": "本人", "number": "18613572468" } } })
    );
    let short = phone.engine().reveal(id, &["phones"], "看看").unwrap_err();
    assert_eq!(refusal(&short), Some(Code::ReasonRequired));
    phone.sync(&world).unwrap();
    let person = ["birth_year", "name", "phones"].map(str::to_owned).to_vec();
    assert_eq!(
        told(&world),
        [
            ("w1".to_owned(), ReadKind::Offline, person, "上门走访 visit".to_owned()),
            ("w1".to_owned(), ReadKind::Offline, vec!["phones".to_owned()], "电话回访".to_owned()),
        ]
    );
    assert_eq!(unsent(&mut phone), 0);
    assert!(verify(&world.service).unwrap().is_whole());
}

#[test]
fn a_role_without_the_right_opens_nothing_on_its_phone_either() {
    let world = town();
    let mut rider = world.phone("rider", 0);
    rider.sync(&world).unwrap();
    let report = Intents::new()
        .put("kind", "incident")
        .put("title", "路灯不亮")
        .put("address_text", "滨河路1号2栋3单元401")
        .event("report", serde_json::Map::new());
    let id = rider.engine().create("ticket", "G1", report).unwrap().record;
    assert_eq!(rider.engine().get(id).unwrap().unwrap().view["address_text"], "滨河路1号2栋");
    let no = rider.engine().open_record(id, &Purpose::Ticket).unwrap_err();
    assert_eq!(refusal(&no), Some(Code::Forbidden));
    assert_eq!(unsent(&mut rider), 0);
}

#[test]
fn reads_made_with_no_signal_arrive_once_over_any_line() {
    let world = town();
    let mut phone = world.phone("w1", -3_600_000);
    phone.sync(&world).unwrap();
    let id = person(phone.engine());
    phone.sync(&world).unwrap();
    phone.engine().open_record(id, &Purpose::Edit).unwrap();
    world.pass(60_000);
    phone.engine().open_record(id, &Purpose::Call).unwrap();
    let seen = world.service.now() - 60_000;
    for line in [Line::RequestLost, Line::AnswerLost, Line::AnswerLost] {
        phone.sync_over(&world, line).unwrap();
        assert_eq!(unsent(&mut phone), 2, "kept until the server says that it has them");
    }
    phone.close();
    phone.sync(&world).unwrap();
    assert_eq!(unsent(&mut phone), 0);
    phone.engine().open_record(id, &Purpose::Visit).unwrap();
    phone.sync(&world).unwrap();
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
    worker.sync(&world).unwrap();
    let id = person(worker.engine());
    worker.sync(&world).unwrap();
    head.sync(&world).unwrap();
    head.engine().edit(id, Intents::new().add("care_tags", "lone_elder")).unwrap();
    head.sync(&world).unwrap();
    worker.sync(&world).unwrap();
    // The worker's phone does not even hold it.
    let on_phone = worker.engine().open_record(id, &Purpose::Visit).unwrap().unwrap();
    assert_eq!(on_phone.view.get("care_tags"), None);
    assert!(!std::fs::read(worker.file()).unwrap().windows(10).any(|bytes| bytes == b"lone_elder"));
    // The head's shows it for a purpose, and says so.
    assert_eq!(head.engine().get(id).unwrap().unwrap().view.get("care_tags"), None);
    let shown = head.engine().reveal(id, &["care_tags"], "每周上门看望").unwrap();
    assert_eq!(shown["care_tags"], json!(["lone_elder"]));
    // At a desk: never in a ledger, masked in the record, whole for a reason, for who reads the class.
    let (w1, h1, dc) = (
        Clerk::new(&world.service, "w1"),
        Clerk::new(&world.service, "h1"),
        Clerk::new(&world.service, "dc"),
    );
    let of = |clerk: &Clerk<'_>, plain: bool| {
        let shown = view::record(&clerk.reader(), id, plain.then(why).as_ref());
        shown.map(|shown| shown["fields"]["care_tags"].clone())
    };
    assert_eq!(of(&h1, false).unwrap(), Value::Null);
    assert_eq!(of(&w1, true).unwrap(), Value::Null, "not even unmasked");
    assert_eq!(of(&dc, true).unwrap_err().code(), Code::Forbidden);
    assert_eq!(of(&h1, true).unwrap(), json!(["lone_elder"]));
    let rows =
        Clerk::new(&world.service, "po").page("person", &[("unmask", "1"), ("reason", "核对重复档案")]);
    assert_eq!(rows.unwrap().rows[0].get("care_tags"), None);
    worker.sync(&world).unwrap();
    head.sync(&world).unwrap();
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
    let w1 = Clerk::new(&world.service, "w1");
    let category = world.service.schema.categories[0].code.clone();
    let id = w1.made("ticket", "G1", ticket("请打18613572468", &category));
    let dc = Clerk::new(&world.service, "dc");
    let look = |plain: bool| view::record(&dc.reader(), id, plain.then(why).as_ref());
    assert_eq!(look(false).unwrap()["fields"]["title"], "请打***");
    assert_eq!(look(true).unwrap_err().code(), Code::Forbidden);
    assert!(log(&world).is_empty(), "what was not shown is not logged as shown");
    let helped = dc.edit(id, json!([{ "op": "add", "field": "co_handlers", "item": "dc" }]));
    assert_eq!(helped.refused, None);
    assert_eq!(look(true).unwrap()["fields"]["title"], "请打18613572468");
    assert_eq!(log(&world).len(), 1);
}

#[test]
fn more_than_a_hundred_people_take_two_persons() {
    let world = town();
    let w1 = Clerk::new(&world.service, "w1");
    for at in 0..101 {
        w1.made("person", "G1", put("name", json!(format!("陆{at}"))));
    }
    let (po, desk) = (Clerk::new(&world.service, "po"), Clerk::new(&world.service, "desk"));
    let plain = [("unmask", "1"), ("reason", "年度核对名册"), ("area", "C")];
    let with = |more: &[(&'static str, &'static str)]| [&plain[..], more].concat();
    assert_eq!(po.refused_page("person", &plain), Code::SecondPersonRequired);
    assert!(log(&world).is_empty(), "and nothing was shown");
    let first = po.page("person", &with(&[("limit", "60")])).unwrap();
    assert_eq!(first.rows.len(), 60);
    po.page("person", &with(&[("limit", "60")])).unwrap();
    // Page by page it is the same hundred; tomorrow it is another day.
    let rest = [("since", first.cursor.as_str()), ("limit", "60")];
    let rest = [&plain[..], &rest].concat();
    assert_eq!(po.refused_page("person", &rest), Code::SecondPersonRequired);
    assert_eq!(po.refused_page("person", &with(&[("export", "1")])), Code::SecondPersonRequired);
    let asked = |clerk: &Clerk<'_>| {
        let body = json!({ "type": "person", "area": "C", "reason": "年度核对名册" });
        gridledger_server::desk::disclosure::exports::ask(
            &clerk.reader(),
            serde_json::from_value(body).unwrap(),
        )
    };
    let approve =
        |clerk: &Clerk<'_>, no| gridledger_server::desk::disclosure::exports::approve(&clerk.reader(), no);
    let no = asked(&po).unwrap();
    assert_eq!(approve(&po, no).unwrap_err().code(), Code::SecondPersonRequired, "not by who asked");
    assert_eq!(approve(&Clerk::new(&world.service, "dc"), no).unwrap_err().code(), Code::NotFound);
    assert_eq!(asked(&Clerk::new(&world.service, "au")).unwrap_err().code(), Code::Forbidden);
    approve(&desk, no).unwrap();
    assert_eq!(po.page("person", &with(&[("export", "1")])).unwrap().rows.len(), 101);
    assert_eq!(desk.refused_page("person", &with(&[("export", "1")])), Code::SecondPersonRequired);
    assert_eq!(po.refused_page("ticket", &with(&[("export", "1")])), Code::SecondPersonRequired);
    let last = log(&world).pop().unwrap().read;
    assert_eq!((last.kind, last.records.len()), (ReadKind::Export, 101));
    assert_eq!((last.subject.as_str(), last.area), ("person area=C export=1", Some(world.area("G1"))));
    world.pass(DAY_MS + 1);
    assert_eq!(po.refused_page("person", &with(&[("export", "1")])), Code::SecondPersonRequired);
    assert_eq!(po.page("person", &rest).unwrap().rows.len(), 41);
}

#[test]
fn the_log_is_read_by_who_watches_over_the_area_and_by_nobody_else() {
    let world = town();
    world.user("h2", "grid_head", "G2");
    let w1 = Clerk::new(&world.service, "w1");
    let id = w1.made("person", "G1", put("name", json!("陆小明")));
    for _ in 0..3 {
        view::record(&w1.reader(), id, Some(&why())).unwrap();
    }
    let pull = |login: &str, query: &[(&str, &str)]| {
        let clerk = Clerk::new(&world.service, login);
        let pairs: Vec<_> = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        page::page(&clerk.reader(), &page::question(&pairs)?)
    };
    let count = |login: &str, query: &[(&str, &str)]| pull(login, query).map(|page| page.rows.len());
    for (login, rows) in [("po", 3), ("au", 3), ("h1", 3), ("h2", 0)] {
        assert_eq!(count(login, &[]).unwrap(), rows, "{login}");
    }
    for login in ["w1", "dc", "rider"] {
        assert_eq!(count(login, &[]).unwrap_err().code(), Code::Forbidden, "{login}");
    }
    let record = id.to_string();
    assert_eq!(count("h1", &[("record", &record), ("user", "w1")]).unwrap(), 3);
    assert_eq!(count("h1", &[("user", "h1")]).unwrap(), 0);
    let first = pull("h1", &[("limit", "2")]).unwrap();
    assert_eq!((first.rows.len(), first.cursor, first.more), (2, 2, true));
    let rest = pull("h1", &[("limit", "2"), ("since", "2")]).unwrap();
    assert_eq!((rest.rows.len(), rest.more), (1, false));
    assert_eq!(rest.rows[0]["reason"], "核对重复档案");
    assert!(!rest.rows[0].to_string().contains("陆"), "the log has no content");
    for (query, code) in [
        (("record", "nonsense"), Code::BadRequest),
        (("limit", "0"), Code::LimitExceeded),
        (("colour", "red"), Code::BadRequest),
    ] {
        assert_eq!(count("po", &[query]).unwrap_err().code(), code, "{query:?}");
    }
    let head = chain::check(&*world.service.store).unwrap().unwrap();
    assert_eq!(verify(&world.service).unwrap().reads, head.no);
}
