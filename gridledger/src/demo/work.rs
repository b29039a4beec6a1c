//! Work without signal, tickets apart: patrols with check-ins, visits, the register, counting together.

use gridledger_client::{ClientError, Intents, Purpose, Record, RecordId};
use gridledger_core::calendar::DAY_MS;
use serde_json::{Value, json};

use super::phone::{Diary, Phone};
use super::shared::{Done, Hot, object};
use super::tickets;

const METHODS: [&str; 3] = ["qr", "nfc", "geofence"];
const RESULTS: [&str; 5] = ["met", "met", "met", "not_home", "phone"];
const TOPICS: [&str; 5] = ["safety", "policy", "care", "environment", "register"];
const NEEDS: [&str; 4] = ["希望加装扶手", "想了解医保政策", "停车位不够", "门口路灯昏暗"];
const NOTES: [&str; 6] = [
    "已核对家庭成员",
    "提醒关闭燃气阀门",
    "老人独自在家，下周再来",
    "联系电话有变",
    "门口堆物已劝导",
    "孩子放假回家",
];
const HAZARDS: [&str; 4] = ["gas", "wiring", "blocked_exit", "fire_load"];
const CONSENTS: [&str; 3] = ["register", "phone_contact", "care_service"];
/// Which side of the landing a person takes a door to be on.
const SIDES: [&str; 4] = ["东", "西", "南", "北"];

fn is_mine(phone: &Phone, hot: &Hot) -> bool {
    phone.is("general_grid_head") || phone.part.areas.contains(&hot.grid)
}

/// A head sets up two or three patrol points in each of his or her grids.
pub fn patrol_points(phone: &mut Phone, diary: &mut Diary) -> Done {
    for grid in phone.part.areas.clone() {
        for number in 1..=phone.rng.between(2, 3) {
            let point = Intents::new()
                .put("kind", "patrol_point")
                .put("name", format!("{number}号巡查点"))
                .put("status", "active");
            phone.create(diary, "place", &grid, point)?;
        }
    }
    Ok(())
}

/// A worker's forenoon in the own grid, and a look into the one he or she stands in for.
pub fn worker_forenoon(phone: &mut Phone, diary: &mut Diary, hot: &[Hot]) -> Done {
    let grid = phone.part.areas[0].clone();
    patrol(phone, diary, &grid)?;
    let households = phone.list("household", &grid)?;
    let visited = phone.rng.between(3, 6);
    for household in phone.rng.some(&households, visited) {
        visit(phone, diary, &household)?;
    }
    for _ in 0..phone.rng.between(1, 2) {
        tickets::report(phone, diary, &grid)?;
    }
    if phone.rng.percent(60) || phone.tickets.is_empty() || is_first(phone, hot) {
        tickets::on_the_spot(phone, diary, &grid)?;
    }
    people(phone, diary, &grid)?;
    hot_households(phone, diary, hot)
}

/// Whether this is the worker of the first grid, who shows what the rules forbid.
fn is_first(phone: &Phone, hot: &[Hot]) -> bool {
    hot.first().is_some_and(|first| first.grid == phone.part.areas[0])
}

/// A head's forenoon: the contested households, and the care of some people, which only some roles read.
pub fn head_forenoon(phone: &mut Phone, diary: &mut Diary, hot: &[Hot]) -> Done {
    let grid = phone.part.areas[0].clone();
    patrol(phone, diary, &grid)?;
    let people = phone.list("person", &grid)?;
    for person in phone.rng.some(&people, 2) {
        let detail = object([
            ("kind", json!("lone_elder")),
            ("purpose", json!("每周上门看望")),
            ("expires", json!(phone.clock.now() + 90 * DAY_MS)),
        ]);
        let care = Intents::new().add("care_tags", "lone_elder").set_child("care_details", "visit", detail);
        phone.edit(diary, &person, care)?;
    }
    hot_households(phone, diary, hot)
}

fn patrol(phone: &mut Phone, diary: &mut Diary, grid: &str) -> Done {
    let start = Intents::new()
        .put("started", phone.clock.now())
        .put("route_kind", "routine")
        .add("line_tags", "fire_safety");
    let id = phone.create(diary, "patrol", grid, start)?;
    phone.patrol = Some(id);
    let Some(patrol) = phone.client.get(id)? else {
        return Err(ClientError::Missing("patrol just created".into()));
    };
    for point in phone.list("place", grid)? {
        let arrived = object([
            ("point_id", json!(point.id)),
            ("method", json!(phone.rng.pick(&METHODS))),
            ("accuracy_band", json!("under_20m")),
        ]);
        phone.edit(diary, &patrol, Intents::new().append("checkins", Value::Object(arrived)))?;
    }
    count(phone, diary, &patrol)
}

fn count(phone: &mut Phone, diary: &mut Diary, patrol: &Record) -> Done {
    let (posters, leaflets) = (phone.rng.between(1, 9) as i64, phone.rng.between(1, 20) as i64);
    let counted = Intents::new().increment("posters_removed", posters).increment("leaflets_given", leaflets);
    phone.edit(diary, patrol, counted)
}

fn visit(phone: &mut Phone, diary: &mut Diary, household: &Record) -> Done {
    let result = *phone.rng.pick(&RESULTS);
    let (login, topic) = (phone.part.login.clone(), *phone.rng.pick(&TOPICS));
    let mut visit = Intents::new()
        .put("household", household.id.to_string())
        .put("result", result)
        .add("visitors", &login)
        .add("topics", topic);
    if result == "met" {
        visit =
            visit.put("met_count", phone.rng.between(1, 3) as i64).append("needs", *phone.rng.pick(&NEEDS));
    }
    phone.create(diary, "visit", &household.area, visit)?;
    let note = *phone.rng.pick(&NOTES);
    phone.edit(diary, household, Intents::new().put("status", "active").append("notes", note))?;
    let dwelling = household.view["dwelling_id"].as_str().and_then(|id| id.parse::<RecordId>().ok());
    if let Some(dwelling) = dwelling.map(|id| phone.client.get(id)).transpose()?.flatten() {
        let hazard = *phone.rng.pick(&HAZARDS);
        let seen = Intents::new().put("last_verified", phone.clock.now()).add("safety_notes", hazard);
        phone.edit(diary, &dwelling, seen)?;
    }
    Ok(())
}

fn people(phone: &mut Phone, diary: &mut Diary, grid: &str) -> Done {
    let people = phone.list("person", grid)?;
    for person in phone.rng.some(&people, 2) {
        let number = format!("12{}0000{:04}", phone.rng.below(10), phone.rng.below(10_000));
        let entry = object([("label", json!("手机")), ("number", json!(number))]);
        let child = format!("p{}", phone.rng.below(1_000_000));
        phone.edit(diary, &person, Intents::new().set_child("phones", &child, entry))?;
    }
    Ok(())
}

/// Everybody who may works on the same households: each writes the label, a note and the consents; workers also the
/// address.
pub fn hot_households(phone: &mut Phone, diary: &mut Diary, hot: &[Hot]) -> Done {
    for (at, hot) in hot.iter().enumerate() {
        if !is_mine(phone, hot) {
            continue;
        }
        let Some(household) = phone.client.get(hot.household)? else {
            continue;
        };
        let label = format!("{}（{}记）", family(&phone.part.name), phone.part.login);
        let note = format!("{}：{}", phone.part.login, phone.rng.pick(&NOTES));
        let consent = *phone.rng.pick(&CONSENTS);
        let together =
            Intents::new().put("label", label.as_str()).append("notes", note).add("consents", consent);
        phone.edit(diary, &household, together)?;
        diary.contest(hot.household, "label", label.into());
        if phone.is("grid_worker") && at % 2 == 0 {
            address(phone, diary, hot)?;
        }
    }
    Ok(())
}

/// The household as a worker calls it: by the name of who told.
fn family(name: &str) -> String {
    name.chars().take(1).chain(['家']).collect()
}

fn address(phone: &mut Phone, diary: &mut Diary, hot: &Hot) -> Done {
    let Some(dwelling) = phone.client.open_record(hot.dwelling, &Purpose::Edit)? else {
        return Ok(());
    };
    let own = phone.part.areas.first() == Some(&hot.grid);
    let mut address = dwelling.view["address"].clone();
    let room = address["room"].as_str().unwrap_or_default();
    address["room"] = format!("{room}{}", if own { SIDES[0] } else { SIDES[1] }).into();
    phone.edit(diary, &dwelling, Intents::new().put("address", address.clone()))?;
    diary.contest(hot.dwelling, "address", address);
    Ok(())
}

/// Whoever holds the grid adds to the same patrol's counts; its owner ends it, a head remarks on it.
pub fn count_together(phone: &mut Phone, diary: &mut Diary, patrols: &[(String, RecordId)]) -> Done {
    for (grid, id) in patrols {
        if !phone.part.areas.contains(grid) {
            continue;
        }
        let Some(patrol) = phone.client.get(*id)? else {
            continue;
        };
        if phone.is("grid_worker") || phone.is("grid_head") {
            count(phone, diary, &patrol)?;
        }
        if phone.patrol == Some(*id) {
            let end = Intents::new()
                .put("finished", phone.clock.now())
                .put("coverage_note", format!("{grid} 全部走到"));
            phone.edit(diary, &patrol, end)?;
        } else if phone.is("grid_head") {
            let names = Intents::new().put("review", "巡查到位").add("companions", &phone.part.login);
            phone.edit(diary, &patrol, names)?;
        }
    }
    Ok(())
}

/// A worker tries to write what only heads and desks may.
pub fn write_what_is_not_theirs(phone: &mut Phone, diary: &mut Diary) -> Done {
    let people = phone.list("person", &phone.part.areas[0].clone())?;
    let Some(person) = people.first() else {
        return Ok(());
    };
    let tried = ("网格员填写关爱类别", "a worker writes care tags");
    phone.must_not(diary, person, tried, Intents::new().add("care_tags", "lone_elder"))
}

/// Settles a field with a value.
pub fn settle(
    phone: &mut Phone,
    diary: &mut Diary,
    record: RecordId,
    field: &'static str,
    value: Value,
) -> Done {
    let Some(found) = phone.client.get(record)? else {
        return Err(ClientError::Missing(format!("record {record}")));
    };
    phone.edit(diary, &found, Intents::new().put(field, value))
}
