//! Offices in a simulation: grids are split, merged and given to another community while phones are out.

use std::collections::BTreeSet;

use gridledger_client::RecordId;
use gridledger_schema::ids::AreaNo;
use serde_json::{Value, json};

use super::{DAY, PEOPLE, Simulation, text};
use crate::areas::{add_areas, areas};
use crate::planning;

/// Communities that grids may lie in.
const COMMUNITIES: [&str; 2] = ["C", "C2"];

/// Makes a second community, and the people who plan.
pub(super) fn prepare(simulation: &Simulation<'_>) {
    planning::stewards(&simulation.world);
    add_areas(&simulation.world.service, &areas(&[("C2", "S", "community")]));
}

/// One change of the territory, carried out.
pub(super) fn change(simulation: &mut Simulation<'_>) -> Result<(), String> {
    let changes = match simulation.rng.below(5) {
        0 | 1 => split(simulation)?,
        2 | 3 => merge(simulation),
        _ => reparent(simulation),
    };
    carry_out(simulation, changes);
    Ok(())
}

/// A plan is drawn up, approved and applied.
pub(super) fn carry_out(simulation: &mut Simulation<'_>, mut changes: Value) {
    simulation.put_right();
    let days = *simulation.rng.pick(&[0i64, 1, 7]);
    changes["hand_over_days"] = json!(days);
    let now = simulation.world.service.now();
    simulation.ends.extend([now, now + days * DAY]);
    simulation.note(format!("the territory changes: {changes}"));
    planning::carry_out(&simulation.world, &changes);
    simulation.old_answers_are_lost();
    simulation.tally.plans += 1;
}

/// A grid gives some of its records to a new one; sometimes the rest as well, and closes.
fn split(simulation: &mut Simulation<'_>) -> Result<Value, String> {
    let old = simulation.rng.pick(&simulation.grids).clone();
    simulation.marks += 1;
    let [first, second] = ["a", "b"].map(|part| format!("N{}{part}", simulation.marks));
    let area = simulation.world.area(&old);
    let records = simulation.world.service.store.records_of(area).map_err(text)?;
    let mut goes = Vec::new();
    for row in records {
        if simulation.rng.percent(50) {
            goes.push(row.record.to_string());
        }
    }
    // A rule that names nothing would be refused.
    goes.push(RecordId([7; 16]).to_string());
    let closes = simulation.rng.percent(40);
    let mut grids = vec![planning::grid(&first)];
    let rest = if closes {
        grids.push(planning::grid(&second));
        simulation.grids.retain(|grid| *grid != old);
        simulation.grids.push(second.clone());
        second
    } else {
        old.clone()
    };
    simulation.grids.push(first.clone());
    let who = *simulation.rng.pick(&PEOPLE[..4]);
    Ok(json!({
        "new_areas": grids,
        "splits": [{ "area": old, "into": [{ "area": first, "dwellings": goes }, { "area": rest, "rest": true }] }],
        "staff": [{ "login": who.0, "role": who.1, "area": first }],
    }))
}

/// Two grids become one of them, or a new one.
fn merge(simulation: &mut Simulation<'_>) -> Value {
    if simulation.grids.len() < 2 {
        return reparent(simulation);
    }
    let at = simulation.rng.below(simulation.grids.len());
    let first = simulation.grids.swap_remove(at);
    let at = simulation.rng.below(simulation.grids.len());
    let second = simulation.grids.swap_remove(at);
    if simulation.rng.percent(50) {
        simulation.grids.push(second.clone());
        return json!({ "merges": [{ "areas": [first, second], "into": second }] });
    }
    simulation.marks += 1;
    let new = format!("N{}m", simulation.marks);
    simulation.grids.push(new.clone());
    json!({
        "new_areas": [planning::grid(&new)],
        "merges": [{ "areas": [first, second], "into": new }],
        "staff": [{ "login": "w1", "role": "grid_worker", "area": new }],
    })
}

fn reparent(simulation: &mut Simulation<'_>) -> Value {
    let grid = simulation.rng.pick(&simulation.grids).clone();
    let tree = simulation.world.service.tree();
    let above = tree.by_code(&grid).and_then(|info| tree.get(info.parent?));
    let lies_in = above.map_or("", |info| info.code.as_str());
    let to = COMMUNITIES.iter().find(|code| **code != lies_in);
    json!({ "moves": [{ "area": grid, "parent": to }] })
}

/// Every area a record may have been known in by whoever wrote it: where it is, what that area followed, all above them.
pub(super) fn known_in(simulation: &Simulation<'_>, area: AreaNo) -> Result<BTreeSet<AreaNo>, String> {
    let (service, tree) = (&simulation.world.service, simulation.world.service.tree());
    let lineage = service.store.lineage().map_err(text)?;
    let (mut found, mut waiting) = (BTreeSet::new(), vec![area]);
    while let Some(area) = waiting.pop() {
        if !found.insert(area) {
            continue;
        }
        // A refused record has no area.
        let Some(info) = tree.get(area) else { continue };
        waiting.extend(info.parent);
        waiting.extend(info.edges.iter().map(|edge| edge.above));
        waiting.extend(lineage.iter().filter(|row| row.successor == area).map(|row| row.area));
    }
    Ok(found)
}
