//! Plans in a [`World`]: an office that draws them up, a second person who approves, homes that move with them.

use gridledger_client::{Intents, RecordId};
use gridledger_core::calendar::Zone;
use gridledger_server::rights::reader::{ReadError, Reader};
use gridledger_server::territory::{self, Kept, apply, report};
use serde_json::{Value, json};

use crate::forms;
use crate::world::{Phone, World};

/// The data stewards at `D`: the first draws plans up, the second approves them.
pub const STEWARDS: [&str; 2] = ["s1", "s2"];

/// Makes the two who plan. The second also reads what heads of grids read, and so may give a head's role.
pub fn stewards(world: &World) {
    for login in STEWARDS {
        world.user(login, "data_steward", "D");
    }
    world.user(STEWARDS[1], "privacy_officer", "D");
}

/// The day it is in the office at a time (ms since 1970), as a plan names it.
pub fn day(at: i64) -> String {
    Zone::default().date_at(at).to_string()
}

/// A plan of today with these changes; its other fields are as they usually are.
pub fn plan(now: i64, changes: &Value) -> Value {
    let mut plan = json!({
        "name": "网格调整",
        "consultation": { "note": "居民议事会同意", "document": "议〔2026〕1号" },
        "effective": day(now),
    });
    for (key, value) in changes.as_object().into_iter().flatten() {
        plan[key] = value.clone();
    }
    plan
}

/// A new grid under `C`.
pub fn grid(code: &str) -> Value {
    json!({ "code": code, "name": format!("{code}网格"), "kind": "basic_grid", "parent": "C" })
}

/// Does something as somebody at a desk.
pub fn as_user<T>(
    world: &World,
    login: &str,
    work: impl FnOnce(&Reader<'_>) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    work(&world.clerk(login).reader())
}

/// Draws a plan up, simulates and approves it; its number.
pub fn approved(world: &World, changes: &Value) -> u32 {
    let draft = serde_json::from_value(plan(world.service.now(), changes)).expect("a plan");
    let [first, second] = STEWARDS;
    let number =
        as_user(world, first, |reader| territory::draw_up(reader, draft)).expect("a good plan").number();
    as_user(world, first, |reader| territory::simulate(reader, number)).expect("a simulation");
    as_user(world, second, |reader| territory::approve(reader, number)).expect("an approval");
    number
}

/// Applies an approved plan.
pub fn apply(world: &World, number: u32) -> Kept {
    as_user(world, STEWARDS[0], |reader| apply::apply(reader, number)).expect("it is applied")
}

/// Draws up, approves and applies.
pub fn carry_out(world: &World, changes: &Value) -> u32 {
    let number = approved(world, changes);
    apply(world, number);
    number
}

/// A plan's report.
pub fn report(world: &World, number: u32) -> Value {
    as_user(world, STEWARDS[0], |reader| report::report(reader, number)).expect("a report")
}

/// A dwelling, its household, somebody who lives there, and a ticket about it.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    /// The dwelling.
    pub dwelling: RecordId,
    /// The household.
    pub household: RecordId,
    /// The person.
    pub person: RecordId,
    /// That the person lives there.
    pub residency: RecordId,
    /// A visit to the household.
    pub visit: RecordId,
    /// An open ticket.
    pub ticket: RecordId,
}

impl Home {
    /// All of it.
    pub fn records(&self) -> [RecordId; 6] {
        let Self { dwelling, household, person, residency, visit, ticket } = *self;
        [dwelling, household, person, residency, visit, ticket]
    }

    /// Takes a home down on a phone.
    pub fn on(phone: &mut Phone, area: &str, road: &str, number: &str) -> Self {
        let address = json!({ "road": road, "number": number, "room": "101" });
        let dwelling = phone.creates("dwelling", area, forms::put("address", address));
        let household = forms::household(dwelling, &format!("{road}{number}"));
        let household = phone.creates("household", area, household);
        let person = phone.creates("person", area, forms::person(&format!("陆{number}")));
        let residency = phone.creates("residency", area, forms::residency(person, household));
        let visit = phone.creates("visit", area, forms::visit(household));
        let ticket = phone.creates("ticket", area, ticket(dwelling, number));
        Self { dwelling, household, person, residency, visit, ticket }
    }
}

/// A new ticket about a dwelling.
pub fn ticket(dwelling: RecordId, title: &str) -> Intents {
    Intents::new()
        .put("kind", "dispute")
        .put("title", title)
        .put("dwelling_id", dwelling.to_string())
        .put("category", "neighbour_dispute")
        .event("report", serde_json::Map::new())
}

/// The code of the area a record is in on the server.
#[track_caller]
pub fn place(world: &World, record: RecordId) -> String {
    let area = world.row(record).area;
    world.service.tree().get(area).expect("the territory has the area").code.clone()
}
