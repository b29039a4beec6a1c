//! Every request, and what its answer says in a few words.

use gridledger_core::calendar::DAY_MS;
use std::collections::BTreeSet;

use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::RecordId;
use gridledger_schema::wire::{AreaCursor, Delta, Frame, News, Read, Request};
use gridledger_server::operate::cli::args::PlanCommand;
use gridledger_server::operate::cli::plans;
use gridledger_server::operate::cli::say::Speaker;
use gridledger_tests::attacker::{Outcome, put};
use gridledger_tests::desk::Answer;
use gridledger_tests::planning::plan;
use serde_json::{Value, json};

use super::town::{Town, login, split};

/// Asks as the persona of a number.
type Ask = fn(&mut Town, usize) -> String;

const UNMASK: &str = "?unmask=1&reason=looking%20closely";

/// All of them, in the order in which they are asked. What changes something comes last.
pub const REQUESTS: &[(&str, Ask)] = &[
    ("GET /healthz", |town, at| said(&get(town, at, "/healthz"))),
    ("GET /readyz", |town, at| said(&get(town, at, "/readyz"))),
    ("GET /metrics", |town, at| said(&get(town, at, "/metrics"))),
    ("POST /v1/login", |town, at| said(&town.ask(at, "POST", "/v1/login", &json!({ "login": login(at) })))),
    ("POST /v1/refresh", |town, at| {
        said(&town.ask(at, "POST", "/v1/refresh", &json!({ "refresh": "made up" })))
    }),
    ("POST /v1/logout", |town, at| {
        said(&town.ask(at, "POST", "/v1/logout", &json!({ "refresh": "made up" })))
    }),
    ("POST /v1/sync", |town, at| said(&town.ask(at, "POST", "/v1/sync", &json!("no envelope")))),
    ("GET /v1/me", |town, at| said(&get(town, at, "/v1/me"))),
    ("GET /v1/areas", |town, at| {
        let answer = get(town, at, "/v1/areas");
        let codes = town.areas();
        let shown = answer.json()["areas"].as_array().cloned().unwrap_or_default();
        let shown: BTreeSet<&str> = shown.iter().filter_map(|area| area["code"].as_str()).collect();
        let shown = codes.keys().filter(|code| shown.contains(code.as_str()));
        with(&answer, shown.map(String::as_str))
    }),
    ("GET /v1/ledgers/{type} person", |town, at| sees(town, at, "/v1/ledgers/person?area=G1")),
    ("GET /v1/ledgers/{type} person, unmasked", |town, at| {
        let path = format!("/v1/ledgers/person{UNMASK}&area=G1&limit=50");
        said(&get(town, at, &path))
    }),
    ("GET /v1/ledgers/{type} ticket", |town, at| sees(town, at, "/v1/ledgers/ticket?area=G1")),
    ("GET /v1/records/{id} of nobody", |town, at| record(town, at, town.other, "")),
    ("GET /v1/records/{id} of nobody, unmasked", |town, at| record(town, at, town.other, UNMASK)),
    ("GET /v1/records/{id} one's own", |town, at| record(town, at, town.personas[at].own, "")),
    ("GET /v1/records/{id} one's own, unmasked", |town, at| record(town, at, town.personas[at].own, UNMASK)),
    ("GET /v1/records/{id} assigned", |town, at| record(town, at, town.personas[at].assigned, "")),
    ("GET /v1/records/{id} assigned, unmasked", |town, at| {
        record(town, at, town.personas[at].assigned, UNMASK)
    }),
    ("GET /v1/records/{id}/history of nobody", |town, at| record(town, at, town.other, "/history")),
    ("GET /v1/records/{id}/history of nobody, unmasked", |town, at| {
        record(town, at, town.other, &format!("/history{UNMASK}"))
    }),
    ("GET /v1/records/{id}/erasures of nobody", |town, at| record(town, at, town.other, "/erasures")),
    ("GET /v1/records/{id}/erasures of what never came to be", |town, at| {
        record(town, at, town.never_made, "/erasures")
    }),
    ("GET /v1/lost", |town, at| said(&get(town, at, "/v1/lost?area=G1"))),
    ("GET /v1/refused", |town, at| {
        let answer = get(town, at, "/v1/refused?area=G1&limit=1");
        let rows = answer.json()["refused"].as_array().map_or(0, Vec::len);
        with(&answer, (rows > 0).then_some("some").into_iter())
    }),
    ("GET /v1/reads", |town, at| {
        let answer = get(town, at, &format!("/v1/reads?record={}&limit=1", town.other));
        let rows = answer.json()["rows"].as_array().map_or(0, Vec::len);
        with(&answer, (rows > 0).then_some("some").into_iter())
    }),
    ("GET /v1/exports", |town, at| {
        let answer = get(town, at, "/v1/exports");
        let rows = answer.json()["exports"].as_array().map_or(0, Vec::len);
        with(&answer, (rows > 0).then_some("some").into_iter())
    }),
    ("GET /v1/shares", |town, at| {
        let answer = get(town, at, "/v1/shares");
        let rows = answer.json()["shares"].as_array().map_or(0, Vec::len);
        let which = if rows > 1 { "all" } else { "one's own" };
        with(&answer, (rows > 0).then_some(which).into_iter())
    }),
    ("GET /v1/shares/{id}/feed one's own", |town, at| {
        said(&get(town, at, &format!("/v1/shares/{}/feed", town.personas[at].shares[0])))
    }),
    ("GET /v1/shares/{id}/feed another's", |town, at| {
        said(&get(town, at, &format!("/v1/shares/{}/feed", town.personas[at].shares[1])))
    }),
    ("GET /v1/territory/plans", |town, at| {
        let answer = get(town, at, "/v1/territory/plans");
        let rows = answer.json()["plans"].as_array().map_or(0, Vec::len);
        with(&answer, (rows > 0).then_some("some").into_iter())
    }),
    ("GET /v1/territory/plans/{plan}", |town, at| step(town, at, "GET", town.plans[0], "")),
    ("GET /v1/territory/plans/{plan}/report", |town, at| step(town, at, "GET", town.plans[1], "/report")),
    ("GET /v1/territory/lineage", |town, at| said(&get(town, at, "/v1/territory/lineage"))),
    ("SYNC every area", |town, at| synced(town, at, &Request::default())),
    ("SYNC an area held", |town, at| {
        let cursor = AreaCursor { area: town.world.area("G1"), floor: 0, reached: 0 };
        let request = Request { cursors: vec![cursor], ..Request::default() };
        let frames = match frames(town, at, &request) {
            Ok(frames) => frames,
            Err(code) => return code,
        };
        let told = frames.iter().filter_map(|frame| match frame {
            Frame::Withdrawn(area) if *area == cursor.area => Some("withdrawn"),
            Frame::Delta(delta) if delta.from.area == cursor.area => Some("news"),
            _ => None,
        });
        told.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
    }),
    ("SYNC with reads, asking for a lease", |town, at| {
        let read = Read {
            n: 1,
            at: town.world.service.now(),
            record: town.other,
            fields: vec!["name".into()],
            reason: "电话回访".into(),
        };
        let request = Request { reads: vec![read], lease: true, ..Request::default() };
        match frames(town, at, &request) {
            Err(code) => code,
            Ok(frames) => {
                let told = frames.iter().filter_map(|frame| match frame {
                    Frame::ReadsKept(_) => Some("kept"),
                    Frame::Lease(_) => Some("leased"),
                    _ => None,
                });
                told.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
            }
        }
    }),
    ("SYNC pushing a person", pushed),
    ("POST /v1/entries creating a person", |town, at| {
        let body = json!({ "create": { "type": "person", "area": "G1" },
            "intents": [{ "op": "put", "field": "name", "value": "新人" }] });
        written(town, at, &body)
    }),
    ("POST /v1/entries editing a person", |town, at| {
        edited(town, at, &json!([{ "op": "put", "field": "gender", "value": "female" }]))
    }),
    ("POST /v1/entries editing what is sensitive", |town, at| {
        edited(town, at, &json!([{ "op": "add", "field": "care_tags", "item": "disabled" }]))
    }),
    ("POST /v1/exports", |town, at| {
        let body = json!({ "type": "person", "area": "G1", "reason": "年度核对名册" });
        said(&town.ask(at, "POST", "/v1/exports", &body))
    }),
    ("POST /v1/exports/{id}/approve", |town, at| {
        let path = format!("/v1/exports/{}/approve", town.personas[at].export);
        said(&town.ask(at, "POST", &path, &Value::Null))
    }),
    ("POST /v1/shares", |town, at| share(town, at, "dept")),
    ("POST /v1/shares to oneself", |town, at| share(town, at, &login(at))),
    ("POST /v1/shares/{id}/approve", |town, at| {
        let path = format!("/v1/shares/{}/approve", town.personas[at].shares[1]);
        said(&town.ask(at, "POST", &path, &Value::Null))
    }),
    ("POST /v1/shares/{id}/approve one's own", |town, at| {
        let path = format!("/v1/shares/{}/approve", town.personas[at].shares[0]);
        said(&town.ask(at, "POST", &path, &Value::Null))
    }),
    ("DELETE /v1/shares/{id}", |town, at| {
        let path = format!("/v1/shares/{}", town.personas[at].shares[2]);
        said(&town.ask(at, "DELETE", &path, &Value::Null))
    }),
    ("POST /v1/refused/{feed}/{n}/admit", |town, at| {
        let answer = ruled(town, at, 0, "admit", &json!({}));
        let refused = answer.json()["refused"]["code"].as_str().map(str::to_owned);
        with(&answer, refused.as_deref().into_iter())
    }),
    ("POST /v1/refused/{feed}/{n}/decline", |town, at| said(&ruled(town, at, 1, "decline", &json!({})))),
    ("POST /v1/refused/{feed}/{n}/erase", |town, at| {
        said(&ruled(town, at, 2, "erase", &json!({ "reason": "request" })))
    }),
    ("POST /v1/records/{id}/erase", |town, at| {
        let path = format!("/v1/records/{}/erase", town.personas[at].erasable);
        said(&town.ask(at, "POST", &path, &json!({ "reason": "request" })))
    }),
    ("POST /v1/territory/plans", |town, at| drawn_up(town, at, 0)),
    ("POST /v1/territory/plans of last week", |town, at| drawn_up(town, at, -7)),
    ("POST /v1/territory/plans of last year", |town, at| drawn_up(town, at, -365)),
    ("POST /v1/territory/plans making a privacy officer", |town, at| {
        let mut draft = plan(town.world.service.now(), &split(&format!("R{at}")));
        draft["staff"][0]["role"] = json!("privacy_officer");
        said(&town.ask(at, "POST", "/v1/territory/plans", &draft))
    }),
    ("POST /v1/territory/plans/{plan}/simulate", |town, at| {
        step(town, at, "POST", town.plans[0], "/simulate")
    }),
    ("COMMAND admin plan simulate", |town, at| {
        let number = town.plans[0];
        let (service, speaker) = (&town.world.service, Speaker::of_locale(""));
        match plans::plan(service, &PlanCommand::Simulate { number }, &login(at), speaker) {
            Ok(()) => "done".into(),
            Err(_) => "refused".into(),
        }
    }),
    ("POST /v1/territory/plans/{plan}/approve", |town, at| {
        step(town, at, "POST", town.personas[at].plans[0], "/approve")
    }),
    ("POST /v1/territory/plans/{plan}/apply", |town, at| {
        step(town, at, "POST", town.personas[at].plans[1], "/apply")
    }),
];

fn get(town: &Town, at: usize, path: &str) -> Answer {
    town.ask(at, "GET", path, &Value::Null)
}

/// The status of what was done, the code of what was not.
fn said(answer: &Answer) -> String {
    if (200..300).contains(&answer.status) {
        return answer.status.to_string();
    }
    let code = answer.json()["code"].as_str().map(str::to_owned);
    code.unwrap_or_else(|| format!("{} without a code", answer.status))
}

/// … and what was shown.
fn with<'a>(answer: &Answer, shown: impl Iterator<Item = &'a str>) -> String {
    let shown: Vec<&str> = shown.collect();
    match (answer.status, shown.is_empty()) {
        (200, true) => "200 nothing".into(),
        (200, false) => format!("200 {}", shown.join(" ")),
        _ => said(answer),
    }
}

/// Which records a list shows.
fn sees(town: &Town, at: usize, path: &str) -> String {
    let answer = get(town, at, path);
    let shown = known(town, at)
        .into_iter()
        .filter(|(_, record)| answer.body.contains(&record.to_string()))
        .map(|(name, _)| name);
    with(&answer, shown)
}

fn known(town: &Town, at: usize) -> [(&'static str, RecordId); 3] {
    let persona = &town.personas[at];
    [("assigned", persona.assigned), ("others'", town.other), ("own", persona.own)]
}

/// The answer about a record, and whether what is sensitive is among it.
fn record(town: &Town, at: usize, record: RecordId, rest: &str) -> String {
    let answer = get(town, at, &format!("/v1/records/{record}{rest}"));
    let sensitive = answer.body.contains("lone_elder");
    let told = said(&answer);
    if sensitive { format!("{told} sensitive") } else { told }
}

fn share(town: &Town, at: usize, to: &str) -> String {
    let terms = json!({
        "to": to, "type": "person", "fields": ["name"], "area": "G1", "purpose": "走访慰问名册",
        "until": town.world.service.now() + 3_600_000,
    });
    said(&town.ask(at, "POST", "/v1/shares", &terms))
}

fn ruled(town: &Town, at: usize, which: usize, what: &str, body: &Value) -> Answer {
    let (feed, n) = town.personas[at].refused[which];
    town.ask(at, "POST", &format!("/v1/refused/{feed}/{n}/{what}"), body)
}

fn written(town: &Town, at: usize, body: &Value) -> String {
    let answer = town.ask(at, "POST", "/v1/entries", body);
    let verdict = &answer.json()["verdicts"][0];
    match (answer.status, verdict["stored"].as_bool()) {
        (200, Some(true)) => "stored".into(),
        (200, _) => verdict["refused"]["code"].as_str().unwrap_or("no code").to_owned(),
        _ => said(&answer),
    }
}

fn edited(town: &Town, at: usize, intents: &Value) -> String {
    let found = town.world.store().record(town.other);
    let seen = found.map_or(0, |(row, _)| row.last);
    written(town, at, &json!({ "record": town.other, "seen": seen, "intents": intents }))
}

fn drawn_up(town: &Town, at: usize, days: i64) -> String {
    let now = town.world.service.now();
    let draft = plan(now + days * DAY_MS, &split(&format!("N{at}x{}", -days)));
    said(&town.ask(at, "POST", "/v1/territory/plans", &draft))
}

fn step(town: &Town, at: usize, method: &str, number: u32, step: &str) -> String {
    let path = format!("/v1/territory/plans/{number}{step}");
    said(&town.ask(at, method, &path, &Value::Null))
}

fn frames(town: &mut Town, at: usize, request: &Request) -> Result<Vec<Frame>, String> {
    let Town { world, personas, .. } = town;
    match personas[at].device.send(world, request) {
        Outcome::Frames(frames) => Ok(frames),
        Outcome::Code(code) => Err(code.to_string()),
        Outcome::Panic => Err("a panic".into()),
    }
}

/// Which areas arrive, which records, which facets, and whether they can be proven.
fn synced(town: &mut Town, at: usize, request: &Request) -> String {
    let frames = match frames(town, at, request) {
        Ok(frames) => frames,
        Err(code) => return code,
    };
    let granted: BTreeSet<&str> = frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Granted(area) => Some(area.code.as_str()),
            _ => None,
        })
        .collect();
    let codes = town.areas();
    let areas = codes.keys().filter(|code| granted.contains(code.as_str()));
    let deltas: Vec<&Delta> = frames
        .iter()
        .filter_map(|frame| match frame {
            Frame::Delta(delta) => Some(delta),
            _ => None,
        })
        .collect();
    let news = || deltas.iter().flat_map(|delta| &delta.records);
    let records = known(town, at)
        .into_iter()
        .filter(|(_, record)| news().any(|news| news.record == *record))
        .map(|(name, _)| name);
    let facets: BTreeSet<u8> = news().flat_map(|news| facets_of(&news.news)).collect();
    let proof = deltas.iter().any(|delta| !delta.digests.is_empty());
    let mut told: Vec<String> = areas.cloned().collect();
    told.push("|".into());
    told.extend(records.map(str::to_owned));
    told.extend(facets.contains(&1).then(|| "sensitive".to_owned()));
    told.extend(proof.then(|| "proven".to_owned()));
    told.join(" ")
}

fn facets_of(news: &News) -> Vec<u8> {
    match news {
        News::Entries(entries) => {
            let intents = entries.iter().flat_map(|logged| &logged.entry.intents);
            intents.map(|intent| intent.facet).collect()
        }
        News::Snapshot(documents) => documents.iter().map(|(facet, _)| *facet).collect(),
        News::Left(_) | News::Erased => Vec::new(),
    }
}

/// The verdict on an entry that a phone brings, made under the persona's role now.
fn pushed(town: &mut Town, at: usize) -> String {
    let Town { world, personas, .. } = town;
    let persona = &mut personas[at];
    let target = Target::Create { record_type: "person".into(), area: world.area("G1") };
    let entry = Entry {
        at: world.service.now(),
        role: persona.role.clone(),
        ..persona.device.entry(target, vec![put("name", json!("手机登记"))])
    };
    let outcome = persona.device.try_entries(world, vec![entry]);
    let codes: Vec<String> = outcome.codes().iter().map(ToString::to_string).collect();
    if codes.is_empty() { "stored".into() } else { codes.join(" ") }
}
