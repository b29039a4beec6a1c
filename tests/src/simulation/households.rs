//! Large households, and phones that visit them after their grid was split and had not heard of it.

use gridledger_client::{Intents, RecordId};
use serde_json::json;

use super::{Simulation, territory, text};
use crate::planning;
use crate::world::Line;

impl Simulation<'_> {
    /// A household of eight and more, then a split, then visits.
    pub(super) fn large_household(&mut self) -> Result<(), String> {
        let Some(player) = (0..self.players.len()).find(|player| self.players[*player].who < 4) else {
            return Ok(());
        };
        let areas = self.players[player].phone.engine().status().map_err(text)?.areas;
        let Some(area) = areas.iter().find(|area| self.grids.contains(&area.code)) else {
            return Ok(());
        };
        let area = area.code.clone();
        let address =
            |mark: String| Intents::new().put("address", json!({ "road": "人民路", "number": mark }));
        let Some(dwelling) = self.made(player, "dwelling", &area, address)? else {
            return Ok(());
        };
        let lived_in =
            |mark: String| Intents::new().put("dwelling_id", dwelling.to_string()).put("label", mark);
        let Some(household) = self.made(player, "household", &area, lived_in)? else {
            return Ok(());
        };
        let person = self.made(player, "person", &area, |mark| Intents::new().put("name", mark))?;
        let Some(person) = person else { return Ok(()) };
        let mut members = Vec::new();
        for _ in 0..self.rng.range(8, 10) {
            let lives = |_: String| {
                Intents::new()
                    .put("person", person.to_string())
                    .put("household", household.to_string())
                    .put("kind", "resident")
            };
            members.extend(self.made(player, "residency", &area, lives)?);
        }
        self.list_members(player, household, &members)?;
        self.sync(player, Line::Good)?;
        self.split_around(&area);
        let visit = |mark: String| {
            Intents::new().put("household", household.to_string()).put("result", "met").put("summary", mark)
        };
        self.made(player, "visit", &area, visit)?;
        self.tally.households += 1;
        self.sync(player, Line::Good)
    }

    /// Creates a record, if its author may.
    pub(super) fn made(
        &mut self,
        player: usize,
        kind: &str,
        area: &str,
        what: impl FnOnce(String) -> Intents,
    ) -> Result<Option<RecordId>, String> {
        let mark = self.mark();
        let before = self.saved.len();
        self.note(format!("{player} makes a {kind} in {area}: {mark}"));
        let saved = self.players[player].phone.engine().create(kind, area, what(mark));
        self.keep(player, saved, None)?;
        Ok(self.saved[before..].last().map(|edit| edit.record))
    }

    /// Writes who lives there.
    fn list_members(
        &mut self,
        player: usize,
        household: RecordId,
        members: &[RecordId],
    ) -> Result<(), String> {
        let engine = self.players[player].phone.engine();
        let Some(found) = engine.for_check().get(household).map_err(text)? else {
            return Ok(());
        };
        let adds = members
            .iter()
            .fold(Intents::new(), |adds, member| adds.add("members", member.to_string().as_str()));
        let saw = (!found.withheld).then_some(found.view);
        self.save(player, household, adds, saw)
    }

    /// A split that names none of it, and leaves the rest where it is.
    fn split_around(&mut self, area: &str) {
        self.marks += 1;
        let new = format!("N{}h", self.marks);
        let nothing = [RecordId([7; 16]).to_string()];
        let changes = json!({
            "new_areas": [planning::grid(&new)],
            "splits": [{ "area": area, "into": [{ "area": new, "dwellings": nothing }, { "area": area, "rest": true }] }],
            "staff": [{ "login": "w1", "role": "grid_worker", "area": new }],
        });
        territory::carry_out(self, changes);
        self.grids.push(new);
    }
}
