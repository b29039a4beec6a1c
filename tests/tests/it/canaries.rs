//! No personal value leaves without a right and a reason: a canary in every masked field of every type, looked for in
//! everything that every role gets from every route, headers and log lines included. Fields come from the schema set,
//! routes from the route table, so that a new one is looked at without being named here.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use gridledger_core::mask;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::{Field, Kind, Mask, Merge, RecordType, Role, Unmasks};
use gridledger_schema::wire::Grant;
use gridledger_server::desk::writing::DeskEntry;
use gridledger_server::store::rows::people::NewUser;
use gridledger_tests::desk::{Answer, Desk};
use gridledger_tests::json::items;
use gridledger_tests::office::{Clerk, creating, editing};
use gridledger_tests::routes::{ROUTES, Route};
use serde_json::{Map, Value, json};

/// Nobody is turned away for asking often.
const RATES: [(&str, &str); 4] =
    [("peer_rate", "100000"), ("peer_burst", "100000"), ("user_rate", "100000"), ("user_burst", "100000")];
const PASSWORD: &str = "not a real one";
/// A reason that is given, encoded for a query.
const REASON: &str = "unmask=1&reason=looking%20for%20canaries";
/// The personal fields that the built-in set shows to everybody with the record, on purpose: codes, yes-or-no and
/// references, and what is said aloud to be `shown` (logins of workers, times).
const SHOWN: &[&str] = &[
    "enterprise.responsible",
    "household.consents",
    "household.contact_person",
    "household.dwelling_id",
    "household.members",
    "patrol.checkins",
    "patrol.companions",
    "person.consents",
    "person.gender",
    "person.relation_to_head",
    "residency.from",
    "residency.household",
    "residency.kind",
    "residency.person",
    "residency.to",
    "ticket.co_handlers",
    "ticket.first_asked_by",
    "ticket.followers",
    "visit.household",
    "visit.result",
    "visit.visitors",
];

/// The texts that must not be seen, each once; and the records that others can name, by type.
struct Canaries(Vec<String>, BTreeMap<String, RecordId>);

impl Canaries {
    /// A number as long as a phone's: what every mask takes out.
    fn number(&mut self) -> String {
        // No row of zeros or nines, such as a measured time can end with.
        let number = format!("186{}", 13_572_468 + 7_919 * self.0.len());
        self.0.push(number.clone());
        number
    }

    /// A value of a kind with canaries wherever it is free.
    fn value(&mut self, mask: Mask, kind: &Kind) -> Value {
        match kind {
            Kind::Text { .. } => match mask {
                Mask::Name => format!("陆{}", self.number()).into(),
                Mask::Building => format!("滨河路1号2栋3单元{}", self.number()).into(),
                _ => self.number().into(),
            },
            Kind::Integer { .. } if mask == Mask::AgeBand => {
                self.0.push(":1943".into());
                json!(1943)
            }
            Kind::Integer { min, .. } => json!(min),
            Kind::Number { min, .. } => {
                let number = min.max(0.0) + 0.312_345_67 + self.0.len() as f64 / 1e7;
                self.0.push(number.to_string());
                json!(number)
            }
            Kind::Boolean => json!(true),
            Kind::Time => json!(1_767_571_200_000_i64),
            Kind::Enum(choices) => json!(choices[0].code),
            Kind::Ref(of) => json!(self.1[of]),
            Kind::List { item, .. } => json!([self.value(mask, item)]),
            Kind::Object { fields, .. } => self.parts(mask, fields.iter()),
        }
    }

    fn parts<'a>(&mut self, mask: Mask, parts: impl Iterator<Item = (&'a String, &'a Kind)>) -> Value {
        let to_building = |name: &str| matches!(name, "road" | "number" | "building");
        let parts = parts.map(|(name, kind)| match mask {
            Mask::Building if to_building(name) => (name.clone(), json!("1号")),
            Mask::Building => (name.clone(), self.value(Mask::Hidden, kind)),
            _ => (name.clone(), self.value(mask, kind)),
        });
        Value::Object(parts.collect::<Map<_, _>>())
    }

    fn found_in<'a>(&'a self, text: &str) -> Option<&'a str> {
        self.0.iter().map(String::as_str).find(|canary| text.contains(canary))
    }
}

/// The intent that writes into a field.
fn intent(canaries: &mut Canaries, field: &Field, mask: Mask) -> Value {
    let name = &field.name;
    let value = canaries.value(mask, &field.kind);
    match field.merge {
        Merge::Text => json!({ "op": "splice", "field": name, "pos": 0, "delete": 0, "insert": value }),
        Merge::SetAddWins | Merge::SetRemoveWins => json!({ "op": "add", "field": name, "item": value }),
        Merge::Log => json!({ "op": "append", "field": name, "value": value }),
        Merge::Map => json!({ "op": "set_child", "field": name, "child": canaries.number(), "value": value }),
        Merge::Max => json!({ "op": "raise", "field": name, "value": value }),
        Merge::Counter => json!({ "op": "increment", "field": name, "by": value }),
        Merge::Once | Merge::Register | Merge::Multi | Merge::Events => {
            json!({ "op": "put", "field": name, "value": value })
        }
    }
}

/// A record of a type with a canary in every masked field; a ticket's event says one, too.
fn planted(clerk: &Clerk<'_>, canaries: &mut Canaries, of: &RecordType) -> RecordId {
    let written = |field: &Field| field.required || of.workflow.is_some() && field.name == "address_text";
    let mut first = Vec::new();
    for field in of.order().iter().filter_map(|name| of.field(name)).filter(|field| written(field)) {
        first.push(match mask::rule(field) {
            Some(mask) => intent(canaries, field, mask),
            None => json!({ "op": "put", "field": field.name, "value": free(canaries, &field.kind) }),
        });
    }
    if let Some(events) = of.events_field() {
        let note = json!({ "note": canaries.number() });
        first.push(json!({ "op": "event", "field": events.name, "verb": "report", "args": note }));
    }
    let record = stored(clerk, &of.create[0], creating(&of.name, "G1", first.into()));
    for field in of.fields.values().filter(|field| !written(field)) {
        let Some(mask) = mask::rule(field) else {
            continue;
        };
        let intents = json!([intent(canaries, field, mask)]);
        stored(clerk, &field.write[0], editing(record, Some(clerk.last(record)), intents));
    }
    record
}

/// A value that is nobody's.
fn free(canaries: &Canaries, kind: &Kind) -> Value {
    match kind {
        Kind::Text { .. } => "无".into(),
        closed => Canaries(Vec::new(), canaries.1.clone()).value(Mask::Shown, closed),
    }
}

fn stored(clerk: &Clerk<'_>, role: &str, entry: DeskEntry) -> RecordId {
    let role = Some(role.to_owned());
    let verdict = clerk.submit_one(DeskEntry { role, ..entry });
    verdict.record.filter(|_| verdict.refused.is_none()).unwrap_or_else(|| panic!("{verdict:?}"))
}

/// Every line that the server logs.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panicked").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Matrix {
    desk: Desk,
    token: String,
    canaries: Canaries,
    records: Vec<RecordId>,
}

impl Matrix {
    /// The addresses to ask of a route: every type, every record.
    fn addresses(&self, route: &Route) -> Vec<String> {
        let pattern = route.pattern;
        if pattern.contains("{type}") {
            let types = self.desk.service.schema.types.keys();
            return types.map(|name| pattern.replace("{type}", name)).collect();
        }
        if pattern.starts_with("/v1/records/{id}") {
            let ids = self.records.iter();
            return ids.map(|id| pattern.replace("{id}", &id.to_string())).collect();
        }
        vec![route.path.to_owned()]
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
            ("accept-language", "zh"),
        ];
        self.desk.ask_with(method, path, &headers, body.as_bytes())
    }

    /// Asks, and looks for canaries in what comes back.
    fn look(&self, role: &str, method: &str, path: &str, body: &str) {
        let answer = self.ask(method, path, body);
        let found = self.canaries.found_in(&answer.body).or_else(|| {
            let mut headers = answer.headers.iter();
            headers.find_map(|(_, value)| self.canaries.found_in(value))
        });
        assert_eq!(found, None, "{role}: {method} {path} {body}: {answer:?}");
        assert_ne!(answer.status, 500, "{role}: {method} {path}");
        assert!(method != "GET" || answer.status != 429, "turned away: {path}");
    }

    fn read_as(&self, role: &Role, path: &str) {
        let canary = &self.canaries.0[0];
        let mut queries = vec![String::new(), "unmask=1".into(), "unmask=1&reason=no".into()];
        // A record is asked for by its address alone.
        if !path.starts_with("/v1/records/") {
            queries.extend([
                "limit=1000".into(),
                "format=csv".into(),
                "format=ndjson&lang=en".into(),
                format!("q={canary}"),
                format!("name={canary}"),
                format!("record={canary}"),
                format!("limit={canary}"),
                format!("since=s{canary}"),
                format!("before={canary}"),
                format!("area={canary}"),
            ]);
        }
        if role.unmasks != Some(Unmasks::Area) {
            queries.push(REASON.into());
            queries.push(format!("{REASON}&format=csv&export=1"));
        }
        for query in queries {
            self.look(&role.code, "GET", &format!("{path}?{query}"), "");
        }
    }

    /// Bodies that are refused one way or another, each with a canary somewhere.
    fn write_as(&self, role: &Role, method: &str, path: &str) {
        let canary = &self.canaries.0[0];
        let mut bodies = vec![
            canary.clone(),
            json!({ canary.as_str(): canary }).to_string(),
            json!({ "login": canary, "password": canary }).to_string(),
            json!({ "refresh": canary }).to_string(),
            json!({ "type": canary, "area": canary, "reason": canary }).to_string(),
            json!({ "to": canary, "type": "person", "fields": [canary], "area": "C", "purpose": canary, "until": 1 })
                .to_string(),
        ];
        // Once: what was refused is then there for every role to look at.
        if path == "/v1/entries" && *role == self.desk.service.schema.roles[0] {
            bodies.extend(self.refused_entries());
        }
        for body in bodies {
            self.look(&role.code, method, path, &body);
        }
    }

    /// Entries that are judged and refused, about every field and one that there is not; then some that are no entries.
    fn refused_entries(&self) -> Vec<String> {
        let canary = self.canaries.0[0].as_str();
        let value = json!({ canary: canary });
        let types = self.desk.service.schema.types.values();
        let mut lists = Vec::new();
        for (of, record) in types.zip(&self.records) {
            let put = |field: &str| json!({ "op": "put", "field": field, "value": value });
            let mut operations: Vec<Value> = of.fields.keys().map(|field| put(field)).collect();
            let events = of.events_field().map_or(canary, |field| &field.name);
            operations.extend([
                put(canary),
                json!({ "op": "set_child", "field": canary, "child": canary, "value": value }),
                json!({ "op": "event", "field": events, "verb": "close", "args": { "note": canary } }),
                json!({ "op": "event", "field": events, "verb": canary, "args": value }),
            ]);
            let entries = operations
                .iter()
                .map(|operation| json!({ "record": record, "seen": 1, "intents": [operation] }));
            lists.push(json!(entries.collect::<Vec<_>>()).to_string());
        }
        lists.push(json!({ "record": canary, "intents": [] }).to_string());
        lists.push(json!({ "record": self.records[0], "intents": [{ "op": "add", "field": "x", "item": [canary] }] }).to_string());
        lists
    }

    /// Makes the one account hold one role at the community and nothing else.
    fn become_a(&self, role: &Role) {
        let store = self.desk.store();
        let user = store.account("reader");
        let (area, now) = (self.desk.area("C"), self.desk.service.now());
        for grant in store.grants(user.no) {
            store.end_grant(user.no, &grant.role, grant.area, now, now);
        }
        let grant = Grant { role: role.code.clone(), area, from: 0, to: None };
        let (login, name) = (user.login, user.name);
        let changed = NewUser { login, name, password: None, grants: vec![grant] };
        store.put_users(&[changed], now);
    }
}

fn planted_town() -> Matrix {
    let desk = Desk::with(&RATES);
    desk.person("reader", PASSWORD, "grid_worker", "C");
    desk.person("maker", PASSWORD, "grid_worker", "C");
    let area = desk.area("C");
    let grants = desk.service.schema.roles.iter().map(|role| {
        let role = role.code.clone();
        Grant { role, area, from: 0, to: None }
    });
    let maker =
        NewUser { login: "maker".into(), name: "maker某".into(), password: None, grants: grants.collect() };
    desk.store().put_users(&[maker], desk.service.now());
    let clerk = desk.clerk("maker");
    let mut canaries = Canaries(Vec::new(), BTreeMap::new());
    let schema = desk.service.schema.clone();
    let records = schema
        .types
        .values()
        .map(|of| {
            let record = planted(&clerk, &mut canaries, of);
            canaries.1.insert(of.name.clone(), record);
            record
        })
        .collect();
    let (token, _) = desk.sign_in("reader", PASSWORD);
    Matrix { desk, token, canaries, records }
}

#[test]
fn what_is_shown_of_personal_fields_is_said_aloud() {
    let schema = gridledger_schema::set::SchemaSet::builtin();
    let mut shown = Vec::new();
    for of in schema.types.values() {
        let personal = of.fields.values().filter(|field| field.privacy.purpose.is_some());
        let unmasked = personal.filter(|field| mask::rule(field).is_none());
        shown.extend(unmasked.map(|field| format!("{}.{}", of.name, field.name)));
    }
    assert_eq!(shown, SHOWN);
}

#[test]
fn no_role_gets_a_personal_value_from_any_route_without_right_and_reason() {
    let logged = Logged::default();
    let lines = logged.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_writer(move || lines.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).expect("the only subscriber of this test");
    let matrix = planted_town();
    let roles = matrix.desk.service.schema.roles.clone();
    for role in &roles {
        matrix.become_a(role);
        for route in ROUTES {
            for address in matrix.addresses(route) {
                if route.method == "GET" {
                    matrix.read_as(role, &address);
                } else {
                    matrix.write_as(role, route.method, &address);
                }
            }
        }
    }
    let log = String::from_utf8_lossy(&logged.0.lock().expect("nobody panicked")).into_owned();
    assert!(log.contains("answered"), "log lines were looked at");
    let told = log.lines().find(|line| matrix.canaries.found_in(line).is_some());
    assert_eq!(told, None, "a log line");
    the_canaries_are_there(&matrix, &roles);
    let refused = matrix.ask("GET", "/v1/refused?limit=1000", "").json();
    assert!(items(&refused["refused"]).len() > 100, "refused entries were looked at");
}

/// With the right, a reason, and every read class, each of them is seen.
fn the_canaries_are_there(matrix: &Matrix, roles: &[Role]) {
    let officer = roles.iter().find(|role| role.code == "privacy_officer").expect("the schema has the role");
    matrix.become_a(officer);
    let mut seen = String::new();
    for record in &matrix.records {
        for what in ["", "/history"] {
            seen += &matrix.ask("GET", &format!("/v1/records/{record}{what}?{REASON}"), "").body;
        }
    }
    let hidden: Vec<&String> = matrix.canaries.0.iter().filter(|canary| !seen.contains(*canary)).collect();
    assert_eq!(hidden, Vec::<&String>::new());
}
