//! Shares: a department gets the granted fields of the granted area for as long as it lasts, and every pull is logged.

use gridledger_core::calendar::DAY_MS;
use gridledger_server::store::rows::people::UserNo;
use gridledger_server::store::rows::read_log::{ReadKind, ReadQuery};
use gridledger_tests::desk::{Answer, Desk, PASSWORD};
use gridledger_tests::json::{items, number, text};
use gridledger_tests::office::put;
use serde_json::{Value, json};

struct Office {
    desk: Desk,
    officer: String,
    auditor: String,
    dept: String,
}

fn office() -> Office {
    let desk = Desk::open();
    let signed = |login: &str, role: &str, area: &str| {
        desk.person(login, PASSWORD, role, area);
        desk.sign_in(login, PASSWORD).0
    };
    let (officer, auditor, dept) = (
        signed("po", "privacy_officer", "C"),
        signed("au", "auditor", "C"),
        signed("fire", "connector", "D"),
    );
    desk.person("w1", PASSWORD, "grid_worker", "C");
    let w1 = desk.clerk("w1");
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
    Office { desk, officer, auditor, dept }
}

impl Office {
    fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if method == "POST" { body.to_string() } else { String::new() };
        self.desk.ask_with(method, path, &headers, body.as_bytes())
    }

    fn terms(&self) -> Value {
        json!({
            "to": "fire", "type": "dwelling", "fields": ["address", "safety_notes"], "area": "G1",
            "purpose": "消防检查名册", "until": self.desk.service.now() + 30 * DAY_MS,
        })
    }

    /// A share that a second person has agreed to.
    fn share(&self) -> u64 {
        let share = self.made(&self.terms());
        assert_eq!(self.approve(&self.auditor, share).status, 204);
        share
    }

    fn made(&self, terms: &Value) -> u64 {
        let made = self.ask(&self.officer, "POST", "/v1/shares", terms);
        assert_eq!(made.status, 201, "{made:?}");
        number(&made.json()["id"])
    }

    fn approve(&self, token: &str, share: u64) -> Answer {
        self.ask(token, "POST", &format!("/v1/shares/{share}/approve"), &Value::Null)
    }

    fn account(&self, login: &str) -> UserNo {
        self.desk.store().account(login).no
    }

    /// Takes a role of the officer's away, or gives it.
    fn officer_shares(&self, shares: bool) {
        let (store, now) = (self.desk.store(), self.desk.service.now());
        if shares {
            self.desk.person("po", PASSWORD, "privacy_officer", "C");
            return;
        }
        let area = self.desk.area("C");
        assert!(store.end_grant(self.account("po"), "privacy_officer", area, now, now));
    }

    fn feed(&self, token: &str, share: u64, query: &str) -> Answer {
        self.ask(token, "GET", &format!("/v1/shares/{share}/feed{query}"), &Value::Null)
    }
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_department_receives_the_granted_fields_of_the_granted_area_and_nothing_else() {
    let office = office();
    let share = office.share();
    let first = office.feed(&office.dept, share, "?limit=1").json();
    assert_eq!((&first["more"], items(&first["rows"]).len()), (&json!(true), 1));
    let cursor = text(&first["cursor"]);
    let rest = office.feed(&office.dept, share, &format!("?since={cursor}")).json();
    let rows = [items(&first["rows"]).clone(), items(&rest["rows"]).clone()].concat();
    let fields: Vec<&Value> = rows.iter().map(|row| &row["fields"]).collect();
    let home = |road: &str| json!({ "address": { "road": road, "number": "1号", "room": "401" }, "safety_notes": ["gas"] });
    assert_eq!(fields, [&home("滨河路"), &home("滨江路")]);
    for row in &rows {
        let keys: Vec<&String> = row.as_object().expect("a row").keys().collect();
        assert_eq!(keys, ["area", "changed_at", "fields", "id"]);
        assert_eq!(row["area"], "G1");
    }
    // Each pull is in the log: who, which share, how many of whom, from where to where.
    let query = ReadQuery { share: Some(share), limit: 10, ..ReadQuery::default() };
    let pulls = office.desk.store().reads(&query);
    assert_eq!(pulls.iter().map(|row| row.read.records.len()).collect::<Vec<_>>(), [1, 1]);
    assert!(pulls.iter().all(|row| row.read.kind == ReadKind::Share && row.read.user == "fire"));
    assert!(
        pulls[0].read.subject.starts_with("dwelling share=1 from=start to="),
        "{}",
        pulls[0].read.subject
    );
    let to = pulls[0].read.subject.split_once("to=").expect("where the pull ended").1;
    assert!(pulls[1].read.subject.contains(&format!("from={to} ")), "{}", pulls[1].read.subject);
    office.desk.is_whole();
    let rows = office.ask(&office.officer, "GET", &format!("/v1/reads?share={share}"), &Value::Null).json();
    assert_eq!(items(&rows["rows"]).len(), 2);
}

#[test]
fn a_share_is_pulled_by_who_it_was_made_for_until_it_ends() {
    let office = office();
    let share = office.share();
    assert_eq!(code(&office.feed(&office.officer, share, "")), (404, "not_found".into()), "not theirs");
    assert_eq!(code(&office.feed(&office.dept, share + 1, "")), (404, "not_found".into()));
    assert_eq!(code(&office.feed(&office.dept, share, "?since=nonsense")), (400, "bad_request".into()));
    assert_eq!(office.feed(&office.dept, share, "").status, 200);
    let path = format!("/v1/shares/{share}");
    assert_eq!(code(&office.ask(&office.dept, "DELETE", &path, &Value::Null)), (404, "not_found".into()));
    assert_eq!(office.ask(&office.officer, "DELETE", &path, &Value::Null).status, 204);
    assert_eq!(code(&office.feed(&office.dept, share, "")), (403, "share_ended".into()));
    let ended = &office.ask(&office.officer, "GET", "/v1/shares", &Value::Null).json()["shares"][0];
    assert!(ended["revoked_at"].is_i64(), "{ended}");
    let mut short = office.terms();
    short["until"] = json!(office.desk.service.now() + 50);
    let short = office.made(&short);
    while office.desk.store().share(short).expect("the share is kept").is_good(office.desk.service.now()) {
        std::hint::spin_loop();
    }
    assert_eq!(code(&office.feed(&office.dept, short, "")), (403, "share_ended".into()));
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
        ("to", json!("po"), (403, "second_person_required")),
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
    assert_eq!(code(&office.ask(&office.officer, "POST", "/v1/shares", &tags)), (403, "forbidden".into()));
    assert_eq!(
        code(&office.ask(&office.dept, "POST", "/v1/shares", &office.terms())),
        (403, "forbidden".into())
    );
}

#[test]
fn a_share_takes_a_second_person_who_is_neither_its_maker_nor_who_gets_it() {
    let office = office();
    let alone = (403, "second_person_required".to_owned());
    let share = office.made(&office.terms());
    assert_eq!(code(&office.feed(&office.dept, share, "")), alone);
    assert_eq!(code(&office.approve(&office.officer, share)), alone, "its maker");
    let nobody = (404, "not_found".to_owned());
    assert_eq!(code(&office.approve(&office.dept, share)), nobody, "no role there");
    let worker = office.desk.sign_in("w1", PASSWORD).0;
    assert_eq!(code(&office.approve(&worker, share)), nobody, "answers for nothing");
    assert_eq!(code(&office.approve(&office.auditor, share + 1)), nobody);
    let mut own = office.terms();
    own["to"] = json!("au");
    let own = office.made(&own);
    assert_eq!(code(&office.approve(&office.auditor, own)), alone, "who gets it");
    assert_eq!(office.approve(&office.auditor, share).status, 204);
    assert_eq!(office.approve(&office.auditor, share).status, 204, "said again");
    assert_eq!(office.feed(&office.dept, share, "").status, 200);
    let shares = office.ask(&office.officer, "GET", "/v1/shares", &Value::Null).json();
    let approved: Vec<&Value> = items(&shares["shares"]).iter().map(|share| &share["approved_by"]).collect();
    assert_eq!(approved, [&Value::Null, &json!("au")], "the newest first");
}

#[test]
fn a_share_ends_with_the_right_of_who_made_it() {
    let office = office();
    let (share, waits) = (office.share(), office.made(&office.terms()));
    let ended = (403, "share_ended".to_owned());
    office.officer_shares(false);
    assert_eq!(code(&office.feed(&office.dept, share, "")), ended);
    assert_eq!(code(&office.approve(&office.auditor, waits)), ended);
    office.officer_shares(true);
    assert_eq!(office.feed(&office.dept, share, "").status, 200);
    office.desk.store().set_user_revoked(office.account("po"), true);
    assert_eq!(code(&office.feed(&office.dept, share, "")), ended);
}
