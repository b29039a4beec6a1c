//! Erasure over real HTTP: who may, what is asked for, what is answered.

use gridledger_tests::desk::{Answer, Desk};
use gridledger_tests::json::{items, text};
use serde_json::{Value, json};

const PASSWORD: &str = "not a real one";
const NUMBER: &str = "13812340987";

struct Office {
    desk: Desk,
    worker: String,
    officer: String,
    elsewhere: String,
}

fn office() -> Office {
    let desk = Desk::open();
    desk.person("w1", PASSWORD, "grid_worker", "G1");
    desk.person("p1", PASSWORD, "privacy_officer", "D");
    desk.person("p2", PASSWORD, "privacy_officer", "G2");
    let sign_in = |login: &str| desk.sign_in(login, PASSWORD).0;
    let (worker, officer, elsewhere) = (sign_in("w1"), sign_in("p1"), sign_in("p2"));
    Office { desk, worker, officer, elsewhere }
}

impl Office {
    fn post(&self, token: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.desk.ask_with("POST", path, &headers, body.to_string().as_bytes())
    }

    fn person(&self) -> String {
        let body = json!({
            "create": { "type": "person", "area": "G1" },
            "intents": [
                { "op": "put", "field": "name", "value": "赵某" },
                { "op": "set_child", "field": "phones", "child": "m", "value": { "number": NUMBER } },
            ],
        });
        let answer = self.post(&self.worker, "/v1/entries", &body).json();
        text(&answer["verdicts"][0]["record"]).to_owned()
    }

    fn erase(&self, token: &str, record: &str, body: &Value) -> Answer {
        self.post(token, &format!("/v1/records/{record}/erase"), body)
    }
}

#[test]
fn an_officer_erases_a_field_and_then_the_record() {
    let office = office();
    let record = office.person();
    let body = json!({ "fields": ["phones"], "reason": "request", "asked_at": 1_767_571_200_000_i64 });
    let answer = office.erase(&office.officer, &record, &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let history = office.desk.get_as(&office.officer, &format!("/v1/records/{record}/history"));
    let entries = &history.json()["entries"];
    assert_eq!(entries[0]["erased"], true, "{entries}");
    assert!(!history.body.contains(NUMBER));
    let answer = office.erase(&office.officer, &record, &json!({ "reason": "objection" }));
    assert_eq!(answer.status, 200, "{answer:?}");
    let path = format!("/v1/records/{record}");
    let gone = office.desk.get_as(&office.worker, &path);
    assert_eq!((gone.status, gone.json()["code"].clone()), (410, json!("erased")));
    let rows = office.desk.get_as(&office.officer, &format!("{path}/erasures")).json();
    let rows = items(&rows["erasures"]);
    assert_eq!(
        (rows[0]["fields"].clone(), rows[0]["asked_at"].clone(), rows[1]["fields"].clone()),
        (json!(["phones"]), json!(1_767_571_200_000_i64), json!([]))
    );
    // A later entry about it is refused, whoever writes it.
    let edit = json!({ "record": record, "seen": 1, "intents": [{ "op": "put", "field": "name", "value": "钱某" }] });
    let verdict = office.post(&office.worker, "/v1/entries", &edit).json();
    assert_eq!(verdict["verdicts"][0]["refused"]["code"], "erased", "{verdict}");
    let file = gridledger_tests::files::read(office.desk.file());
    assert!(!file.windows(NUMBER.len()).any(|w| w == NUMBER.as_bytes()));
}

#[test]
fn whoever_may_not_is_told_so_and_who_has_no_business_there_nothing() {
    let office = office();
    let record = office.person();
    let all = json!({ "reason": "request" });
    let code = |token: &str, record: &str, body: &Value| {
        let answer = office.erase(token, record, body);
        (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
    };
    let refused = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(code(&office.worker, &record, &all), refused(403, "forbidden"));
    assert_eq!(code(&office.elsewhere, &record, &all), refused(404, "not_found"));
    let unknown = "4cf387f1-c180-8868-8c86-b19e9ea7f616";
    assert_eq!(code(&office.officer, unknown, &all), refused(404, "not_found"));
    assert_eq!(code(&office.officer, "..", &all).0, 404);
    for (body, expected) in [
        (json!({ "reason": "a whim" }), refused(400, "bad_request")),
        (json!({}), refused(400, "bad_request")),
        (json!({ "reason": "request", "asked_at": i64::MAX }), refused(400, "bad_request")),
        (json!({ "reason": "request", "fields": ["shoe_size"] }), refused(400, "field_unknown")),
        (json!({ "reason": "request", "fields": vec!["name"; 300] }), refused(400, "bad_request")),
    ] {
        assert_eq!(code(&office.officer, &record, &body), expected, "{body}");
    }
    let list = office.desk.get_as(&office.worker, &format!("/v1/records/{record}/erasures"));
    assert_eq!(list.status, 403);
    // Nothing of all that erased anything.
    let shown = office.desk.get_as(&office.worker, &format!("/v1/records/{record}"));
    assert_eq!(shown.status, 200, "{shown:?}");
}

#[test]
fn what_was_done_to_a_ticket_does_not_go_by_itself() {
    let office = office();
    let body = json!({
        "create": { "type": "ticket", "area": "G1" },
        "intents": gridledger_tests::office::ticket("路灯不亮", "lighting"),
    });
    let answer = office.post(&office.worker, "/v1/entries", &body).json();
    let record = answer["verdicts"][0]["record"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let events = json!({ "reason": "request", "fields": ["events"] });
    let refused = office.erase(&office.officer, record, &events);
    assert_eq!(refused.json()["code"], "operation_mismatch");
    // Names go, the case stays.
    let title = json!({ "reason": "request", "fields": ["title"] });
    assert_eq!(office.erase(&office.officer, record, &title).status, 200);
    let shown = office.desk.get_as(&office.officer, &format!("/v1/records/{record}")).json();
    assert_eq!(
        (&shown["fields"]["title"], &shown["ticket"]["state"]),
        (&Value::Null, &json!("REPORTED")),
        "{shown}"
    );
}
