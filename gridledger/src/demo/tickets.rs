//! Work on tickets: people report, finish on the spot, accept, assign, escalate and close, often several at once.

use gridledger_client::{ClientError, Intents, Query, Record};
use serde_json::{Map, Value, json};

use super::phone::{Diary, Phone};
use super::shared::{Done, object};

/// Incidents to report: title, category, kind.
const FOUND: [(&str, &str, &str); 6] = [
    ("4单元3楼的灯不亮了", "lighting", "incident"),
    ("楼道堆放杂物", "blocked_passage", "hazard"),
    ("太阳能漏水", "leaks", "incident"),
    ("垃圾清运不及时", "rubbish", "incident"),
    ("楼上噪音扰民", "neighbour_dispute", "dispute"),
    ("井盖松动", "safety_hazard", "hazard"),
];
/// Incidents that are put right at once.
const SMALL: [(&str, &str, &str); 2] =
    [("单元门口灯泡松动", "lighting", "incident"), ("门前垃圾散落", "rubbish", "incident")];

/// An event without arguments.
fn bare() -> Map<String, Value> {
    Map::new()
}

fn opened(phone: &mut Phone, grid: &str, found: (&str, &str, &str)) -> Intents {
    let (title, category, kind) = found;
    let number = phone.rng.between(1, 60);
    let (place, description) =
        (format!("{number}号楼前"), format!("{title}，{number}号楼居民反映，现场已看过。"));
    let urgency = phone.rng.between(1, 3) as i64;
    Intents::new()
        .put("kind", kind)
        .put("title", title)
        .put("category", category)
        .put("origin", "proactive")
        .put("address_text", format!("{grid} {place}"))
        .put("urgency", urgency)
        .splice("description", 0, 0, &description)
}

/// Reports something found.
pub fn report(phone: &mut Phone, diary: &mut Diary, grid: &str) -> Done {
    let found = *phone.rng.pick(&FOUND);
    let ticket = opened(phone, grid, found).event("report", bare());
    let id = phone.create(diary, "ticket", grid, ticket)?;
    phone.tickets.push(id);
    Ok(())
}

/// Reports something small and puts it right, in one save.
pub fn on_the_spot(phone: &mut Phone, diary: &mut Diary, grid: &str) -> Done {
    let found = *phone.rng.pick(&SMALL);
    let done = object([
        ("mode", json!("on_spot")),
        ("note", json!("现场已处理")),
        ("media", json!(["photo-after-1"])),
    ]);
    let ticket = opened(phone, grid, found)
        .event("report", bare())
        .event("accept", bare())
        .event("start", bare())
        .event("feedback", done);
    let id = phone.create(diary, "ticket", grid, ticket)?;
    phone.tickets.push(id);
    Ok(())
}

/// The state, the level and who is assigned.
fn stand(ticket: &Record) -> (&str, u64, Vec<&str>) {
    let folded = &ticket.view["_ticket"];
    let who = folded["assignees"].as_array().into_iter().flatten().filter_map(Value::as_str);
    (folded["state"].as_str().unwrap_or_default(), folded["level"].as_u64().unwrap_or(1), who.collect())
}

fn own_tickets(phone: &Phone) -> Result<Vec<Record>, ClientError> {
    let own = phone.tickets.iter().map(|id| phone.client.get(*id));
    Ok(own.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

fn all_tickets(phone: &Phone) -> Result<Vec<Record>, ClientError> {
    let mut tickets = phone.client.list(&Query::of_type("ticket"))?;
    tickets.sort_by_key(|ticket| ticket.id);
    Ok(tickets)
}

/// A worker tries to close what he or she put right.
pub fn close_own_work(phone: &mut Phone, diary: &mut Diary) -> Done {
    let own = own_tickets(phone)?;
    let Some(ticket) = own.iter().find(|ticket| stand(ticket).0 == "FEEDBACK") else {
        return Err(ClientError::Missing("ticket handled on the spot".into()));
    };
    let tried = ("网格员给自己办理的工单销号", "a worker closes a ticket of his or her own handling");
    phone.must_not(diary, ticket, tried, Intents::new().event("close", bare()))
}

/// A worker goes on with own tickets, not knowing what the head does meanwhile.
pub fn worker_afternoon(phone: &mut Phone, diary: &mut Diary) -> Done {
    for (at, ticket) in own_tickets(phone)?.into_iter().enumerate() {
        if stand(&ticket).0 != "REPORTED" {
            continue;
        }
        let note = format!("{}：又去看了一次", phone.part.login);
        let mut more = Intents::new().append("comments", note).put("urgency", phone.rng.between(1, 4) as i64);
        more = match (at + phone.index) % 3 {
            0 => more.event("escalate", object([("to", json!(2)), ("reason", json!("需要社区协调"))])),
            1 => more.event("accept", bare()).event("start", bare()),
            _ => more.splice("description", 0, 0, "【已复查】"),
        };
        phone.edit(diary, &ticket, more)?;
    }
    Ok(())
}

/// A head accepts and assigns what was reported in the forenoon.
pub fn head_afternoon(phone: &mut Phone, diary: &mut Diary, workers: &[(String, String)]) -> Done {
    for ticket in all_tickets(phone)? {
        let (state, level, _) = stand(&ticket);
        let Some((_, worker)) = workers.iter().find(|(grid, _)| *grid == ticket.area) else {
            continue;
        };
        if (state, level) == ("REPORTED", 1) && phone.rng.percent(70) {
            let step = Intents::new()
                .event("accept", bare())
                .event("assign", object([("who", json!(worker))]))
                .append("comments", "请今天处理");
            phone.edit(diary, &ticket, step)?;
        }
    }
    Ok(())
}

/// The desks name a leading body on the same ticket, each another one.
pub fn desk_afternoon(phone: &mut Phone, diary: &mut Diary, grid: &str) -> Done {
    if let Some(ticket) = phone.list("ticket", grid)?.first() {
        let body = format!("牵头单位（{}）", phone.part.login);
        let led = Intents::new().put("led_by", body.as_str()).add("followers", &phone.part.login);
        phone.edit(diary, ticket, led)?;
        diary.contest(ticket.id, "led_by", body.into());
    }
    Ok(())
}

/// Worker and head each note, with no signal, who was asked first: a field that is set once. Whoever arrives later is
/// refused by the server.
pub fn ask_first(phones: &mut [Phone], diary: &mut Diary) -> Done {
    let heads: Vec<usize> =
        phones.iter().filter(|phone| phone.is("grid_head")).map(|phone| phone.index).collect();
    let workers: Vec<usize> =
        phones.iter().filter(|phone| phone.is("grid_worker")).map(|phone| phone.index).collect();
    for worker in workers {
        let grid = phones[worker].part.areas[0].clone();
        let Some(&head) = heads.iter().find(|&&head| phones[head].part.areas.contains(&grid)) else {
            continue;
        };
        let Some(&id) = phones[worker].tickets.first() else {
            continue;
        };
        for at in [worker, head] {
            if let Some(ticket) = phones[at].client.get(id)? {
                let login = phones[at].part.login.clone();
                phones[at].edit(diary, &ticket, Intents::new().put("first_asked_by", login))?;
            }
        }
        return Ok(());
    }
    Ok(())
}

/// With signal: takes every ticket whose next step is this phone's one step on.
pub fn take_on(phone: &mut Phone, diary: &mut Diary, workers: &[(String, String)]) -> Done {
    for ticket in all_tickets(phone)? {
        if let Some(step) = next_step(phone, &ticket, workers) {
            match phone.edit(diary, &ticket, step) {
                // Somebody else's turn after all: the phone says so, nothing is saved.
                Err(ClientError::Refused(_)) | Ok(()) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

fn next_step(phone: &Phone, ticket: &Record, workers: &[(String, String)]) -> Option<Intents> {
    let (state, level, assignees) = stand(ticket);
    let me = phone.part.login.as_str();
    let mine = assignees.contains(&me);
    let done = || object([("note", json!("已处理完毕")), ("media", json!(["photo-after-2"]))]);
    let does = |verb: &str, args: Map<String, Value>| Some(Intents::new().event(verb, args));
    match (phone.part.role.as_str(), state, level) {
        (_, "ASSIGNED", _) if mine => does("start", bare()),
        (_, "HANDLING", _) if mine => does("feedback", done()),
        ("grid_worker", "HANDLING", 1) if assignees.is_empty() && phone.tickets.contains(&ticket.id) => {
            does("feedback", done())
        }
        ("grid_head", "REPORTED", 1) => does("accept", bare()),
        ("grid_head", "FEEDBACK", 1)
        | ("dispatcher_community", "FEEDBACK", 2)
        | ("dispatcher_street", "FEEDBACK", 3) => does("close", bare()),
        ("dispatcher_community", "ACCEPTED", 2) if ticket.view["urgency"].as_i64() > Some(2) => {
            does("escalate", object([("to", json!(3)), ("reason", json!("需要街道协调"))]))
        }
        ("grid_head", "ACCEPTED", 1)
        | ("dispatcher_community", "ACCEPTED", 2)
        | ("dispatcher_street", "ACCEPTED", 3) => {
            let (_, worker) = workers.iter().find(|(grid, _)| *grid == ticket.area)?;
            does("assign", object([("who", json!(worker))]))
        }
        _ => None,
    }
}
