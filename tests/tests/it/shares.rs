//! Shares: a department gets the granted fields of the granted area for as long as it lasts, and every pull is logged.

use gridledger_server::store::reads::{ReadKind, ReadQuery};
use gridledger_server::verify::verify;
use gridledger_tests::desk::{Answer, Desk};
use gridledger_tests::office::{Clerk, put};
use serde_json::{Value, json};

const PASSWORD: &str = "not a real one";
const DAY_MS: i64 = 24 * 3_600_000;

struct Office {
    desk: Desk,
    officer: String,
    dept: String,
}

fn office() -> Office {
    let desk = Desk::open();
    let signed = |login: &str, role: &str, area: &str| {
        desk.person(login, PASSWORD, role, area);
        desk.sign_in(login, PASSWORD).0
    };
    let (officer, dept) = (
        signed("po", "privacy_officer", "C"),
        signed("fire", "connector", "D"),
    );
    desk.person("w1", PASSWORD, "grid_worker", "C");
    let w1 = Clerk::new(&desk.service, "w1");
    for (area, road) in [("G1", "滨河路"), ("G1", "滨江路"), ("G2", "人民路")] {
        let home = w1.made(
            "dwelling",
            area,
            put("address", json!({ "road": road, "number": "1号", "room": "401" })),
        );
        w1.edit(
            home,
            json!([{ "op": "put", "field": "floor_area", "value": 80.5 },
            { "op": "add", "field": "safety_notes", "item": "gas" }]),
        );
    }
    Office { desk, officer, dept }
}

impl Office {
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = if method == "POST" {
            body.to_string()
        } else {
            String::new()
        };
        self.desk.ask_with(method, path, &headers, body.as_bytes())
    }

    fn terms(&self) -> Value {
        json!({
            "to": "fire", "type": "dwelling", "fields": ["address", "safety_notes"], "area": "G1",
            "purpose": "消防检查名册", "until": self.desk.service.now() + 30 * DAY_MS,
        })
    }

    fn share(&self) -> u64 {
        let made = self.ask(&self.officer, "POST", "/v1/shares", &self.terms());
        assert_eq!(made.status, 201, "{made:?}");
        made.json()["id"].as_u64().unwrap()
    }

    fn feed(&self, token: &str, share: u64, query: &str) -> Answer {
        self.ask(
            token,
            "GET",
            &format!("/v1/shares/{share}/feed{query}"),
            &Value::Null,
        )
    }
}

fn code(answer: &Answer) -> (u16, String) {
    (
        answer.status,
        answer.json()["code"].as_str().unwrap_or_default().to_owned(),
    )
}

#[test]
fn a_department_receives_the_granted_fields_of_the_granted_area_and_nothing_else() {
    let office = office();
    let share = office.share();
    let first = office.feed(&office.dept, share, "?limit=1").json();
    assert_eq!(
        (&first["more"], first["rows"].as_array().unwrap().len()),
        (&json!(true), 1)
    );
    let cursor = first["cursor"].as_str().unwrap();
    let rest = office
        .feed(&office.dept, share, &format!("?since={cursor}"))
        .json();
    let rows = [
        first["rows"].as_array().unwrap().clone(),
        rest["rows"].as_array().unwrap().clone(),
    ]
    .concat();
    let fields: Vec<&Value> = rows.iter().map(|row| &row["fields"]).collect();
    let home = |road: &str| json!({ "address": { "road": road, "number": "1号", "room": "401" }, "safety_notes": ["gas"] });
    assert_eq!(fields, [&home("滨河路"), &home("滨江路")]);
    for row in &rows {
        let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["area", "changed_at", "fields", "id"]);
        assert_eq!(row["area"], "G1");
    }
    // Each pull is in the log: who, which share, how many of whom, from where to where.
    let query = ReadQuery {
        share: Some(share),
        limit: 10,
        ..ReadQuery::default()
    };
    let pulls = office.desk.service.store.reads(&query).unwrap();
    assert_eq!(
        pulls.iter().map(|row| row.read.records.len()).collect::<Vec<_>>(),
        [1, 1]
    );
    assert!(
        pulls
            .iter()
            .all(|row| row.read.kind == ReadKind::Share && row.read.user == "fire")
    );
    assert!(
        pulls[0]
            .read
            .subject
            .starts_with("dwelling share=1 from=start to="),
        "{}",
        pulls[0].read.subject
    );
    let to = pulls[0].read.subject.split_once("to=").unwrap().1;
    assert!(
        pulls[1].read.subject.contains(&format!("from={to} ")),
        "{}",
        pulls[1].read.subject
    );
    assert!(verify(&office.desk.service).unwrap().is_whole());
    let rows = office
        .ask(
            &office.officer,
            "GET",
            &format!("/v1/reads?share={share}"),
            &Value::Null,
        )
        .json();
    assert_eq!(rows["rows"].as_array().unwrap().len(), 2);
}

#[test]
fn a_share_is_pulled_by_who_it_was_made_for_until_it_ends() {
    let office = office();
    let share = office.share();
    assert_eq!(
        code(&office.feed(&office.officer, share, "")),
        (404, "not_found".into()),
        "not theirs"
    );
    assert_eq!(
        code(&office.feed(&office.dept, share + 1, "")),
        (404, "not_found".into())
    );
    assert_eq!(
        code(&office.feed(&office.dept, share, "?since=nonsense")),
        (400, "bad_request".into())
    );
    assert_eq!(office.feed(&office.dept, share, "").status, 200);
    let path = format!("/v1/shares/{share}");
    assert_eq!(
        code(&office.ask(&office.dept, "DELETE", &path, &Value::Null)),
        (404, "not_found".into())
    );
    assert_eq!(
        office.ask(&office.officer, "DELETE", &path, &Value::Null).status,
        204
    );
    assert_eq!(
        code(&office.feed(&office.dept, share, "")),
        (403, "share_ended".into())
    );
    let ended = &office
        .ask(&office.officer, "GET", "/v1/shares", &Value::Null)
        .json()["shares"][0];
    assert!(ended["revoked_at"].is_i64(), "{ended}");
    let mut short = office.terms();
    short["until"] = json!(office.desk.service.now() + 50);
    let short = office.ask(&office.officer, "POST", "/v1/shares", &short).json()["id"]
        .as_u64()
        .unwrap();
    while office
        .desk
        .service
        .store
        .share(short)
        .unwrap()
        .unwrap()
        .is_good(office.desk.service.now())
    {
        std::hint::spin_loop();
    }
    assert_eq!(
        code(&office.feed(&office.dept, short, "")),
        (403, "share_ended".into())
    );
}

#[test]
fn what_may_not_be_shared_is_refused() {
    let office = office();
    for (change, value, expected) in [
        ("fields", json!([]), (400, "bad_request")),
        ("fields", json!(["address", "address"]), (400, "field_unknown")),
        ("fields", json!(["face"]), (400, "field_unknown")),
        ("type", json!("castle"), (400, "type_unknown")),
        ("area", json!("D"), (403, "forbidden")),
        ("area", json!("nowhere"), (403, "forbidden")),
        ("to", json!("nobody"), (400, "bad_request")),
        ("purpose", json!("?"), (400, "bad_request")),
        ("until", json!(1), (400, "bad_request")),
        ("until", json!(i64::MAX), (400, "bad_request")),
        ("more", json!(1), (400, "bad_request")),
    ] {
        let mut terms = office.terms();
        terms[change] = value;
        let (status, told) = code(&office.ask(&office.officer, "POST", "/v1/shares", &terms));
        assert_eq!((status, told.as_str()), expected, "{terms}");
    }
    let mut tags = office.terms();
    (tags["type"], tags["fields"]) = (json!("person"), json!(["name", "care_tags"]));
    assert_eq!(
        code(&office.ask(&office.officer, "POST", "/v1/shares", &tags)),
        (403, "forbidden".into())
    );
    assert_eq!(
        code(&office.ask(&office.dept, "POST", "/v1/shares", &office.terms())),
        (403, "forbidden".into())
    );
}
