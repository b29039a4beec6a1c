//! Ledgers, records and entries over real HTTP.

use gridledger_tests::desk::{Answer, Desk};
use gridledger_tests::json::{items, number, text};
use serde_json::{Value, json};

const PASSWORD: &str = "not a real one";

struct Signed {
    desk: Desk,
    worker: String,
    dispatcher: String,
}

fn desk() -> Signed {
    let desk = Desk::open();
    desk.person("w1", PASSWORD, "grid_worker", "G1");
    desk.person("dc", PASSWORD, "dispatcher_community", "C");
    let (worker, _) = desk.sign_in("w1", PASSWORD);
    let (dispatcher, _) = desk.sign_in("dc", PASSWORD);
    Signed { desk, worker, dispatcher }
}

impl Signed {
    fn post(&self, token: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.desk.ask_with("POST", "/v1/entries", &headers, body.to_string().as_bytes())
    }

    fn dwelling(&self, road: &str, floor_area: f64) -> String {
        let body = json!({
            "create": { "type": "dwelling", "area": "G1" },
            "intents": [
                { "op": "put", "field": "address", "value": { "road": road, "room": "401" } },
                { "op": "put", "field": "floor_area", "value": floor_area },
            ],
        });
        let answer = self.post(&self.worker, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let verdict = answer.json()["verdicts"][0].clone();
        assert_eq!(verdict["stored"], true, "{verdict}");
        text(&verdict["record"]).to_owned()
    }
}

#[test]
fn what_a_worker_writes_a_dispatcher_reads() {
    let signed = desk();
    let record = signed.dwelling("滨河路", 80.5);
    let answer = signed.desk.get_as(&signed.dispatcher, "/v1/ledgers/dwelling?limit=10");
    let page = answer.json();
    assert_eq!((answer.status, &page["more"]), (200, &json!(false)));
    assert_eq!(
        (&page["rows"][0]["id"], &page["rows"][0]["address"]),
        (&json!(record), &json!({"road": "滨河路"}))
    );
    let cursor = text(&page["cursor"]);
    let next = signed.desk.get_as(&signed.dispatcher, &format!("/v1/ledgers/dwelling?since={cursor}"));
    assert_eq!(next.json()["rows"], json!([]));
    let shown = signed
        .desk
        .get_as(&signed.worker, &format!("/v1/records/{record}?unmask=1&reason=door%20check"))
        .json();
    assert_eq!((&shown["fields"]["address"]["room"], &shown["area"]), (&json!("401"), &json!("G1")));
    let seen = number(&shown["last"]);
    let edit = json!([
        { "record": record, "seen": seen, "intents": [{ "op": "put", "field": "use", "value": "rented" }] },
        { "record": record, "intents": [{ "op": "put", "field": "use", "value": "castle" }], "request_id": "r-1" },
    ]);
    let verdicts = signed.post(&signed.worker, &edit).json()["verdicts"].clone();
    assert_eq!((&verdicts[0]["stored"], &verdicts[1]["stored"]), (&json!(true), &json!(false)));
    let refused = &verdicts[1]["refused"];
    assert_eq!((&refused["code"], &refused["field"]), (&json!("value_invalid"), &json!("use")));
    assert!(refused["message"]["zh"].is_string() && refused["message"]["en"].is_string());
    let history = signed.desk.get_as(&signed.worker, &format!("/v1/records/{record}/history")).json();
    assert_eq!(items(&history["entries"]).len(), 3);
    assert_eq!(history["entries"][2]["refusal"]["code"], "value_invalid");
}

#[test]
fn a_ledger_comes_as_a_sheet_or_as_lines() {
    let signed = desk();
    signed.dwelling("=HYPERLINK(\"x\")", 80.5);
    signed.dwelling("滨河路", 91.0);
    let csv = signed.desk.get_as(&signed.dispatcher, "/v1/ledgers/dwelling?format=csv&limit=1&lang=zh");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(csv.header("x-more"), Some("true"));
    assert!(csv.body.starts_with("\u{feff}\"编号\",\"类型\""), "{}", csv.body);
    assert!(csv.body.contains("\"'=HYPERLINK(\"\"x\"\")\"") && csv.body.contains("\"80.5\""), "{}", csv.body);
    assert!(csv.body.contains("+08:00\""));
    let cursor = csv.header("x-cursor").expect("where the next pull goes on");
    let path = format!("/v1/ledgers/dwelling?since={cursor}");
    let bearer = format!("Bearer {}", signed.dispatcher);
    let headers = [("authorization", bearer.as_str()), ("accept", "application/x-ndjson")];
    let lines = signed.desk.ask_with("GET", &path, &headers, b"");
    assert_eq!(lines.header("content-type"), Some("application/x-ndjson"));
    let rows: Vec<Value> =
        lines.body.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["floor_area"], 91.0);
    let headers = [("authorization", bearer.as_str()), ("accept", "text/csv"), ("accept-language", "en")];
    let csv = signed.desk.ask_with("GET", "/v1/ledgers/dwelling", &headers, b"");
    assert!(csv.body.starts_with("\u{feff}\"Id\",\"Type\""), "{}", csv.body);
}

#[test]
fn what_is_not_allowed_is_refused_in_the_one_shape() {
    let signed = desk();
    let record = signed.dwelling("滨河路", 80.5);
    signed.desk.person("w2", PASSWORD, "grid_worker", "G2");
    let (other, _) = signed.desk.sign_in("w2", PASSWORD);
    let code =
        |answer: &Answer| (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned());
    for (path, expected) in [
        ("/v1/ledgers/nothing", (400, "type_unknown")),
        ("/v1/ledgers/dwelling?colour=red", (400, "field_unknown")),
        ("/v1/ledgers/dwelling?area=G1", (404, "area_unknown")),
        ("/v1/ledgers/dwelling?limit=99999", (400, "limit_exceeded")),
        ("/v1/ledgers/dwelling?unmask=1&reason=x", (400, "reason_required")),
        ("/v1/ledgers/dwelling?unmask=1", (400, "reason_required")),
        (&format!("/v1/records/{record}"), (404, "not_found")),
        (&format!("/v1/records/{record}/history"), (404, "not_found")),
        ("/v1/records/nonsense", (404, "not_found")),
    ] {
        let answer = signed.desk.get_as(&other, path);
        let (status, told) = code(&answer);
        assert_eq!((status, told.as_str()), expected, "{path}");
    }
    assert_eq!(signed.desk.ask("GET", "/v1/ledgers/dwelling", "").status, 401);
    assert_eq!(signed.desk.ask("POST", "/v1/entries", "[]").status, 401);
    let many: Vec<Value> = (0..101).map(|_| json!({"record": record, "intents": []})).collect();
    assert_eq!(code(&signed.post(&other, &json!(many))), (413, "too_many_entries".to_owned()));
    for body in [
        json!({"intents": []}),
        json!({"record": record, "create": {"type": "dwelling", "area": "G1"}, "intents": []}),
        json!({"record": "nonsense", "intents": []}),
        json!({"record": record, "intents": [{"op": "explode", "field": "use"}]}),
        json!("text"),
    ] {
        assert_eq!(code(&signed.post(&other, &body)), (400, "bad_request".to_owned()), "{body}");
    }
    assert_eq!(signed.post(&other, &json!([])).json(), json!({"verdicts": []}));
}
