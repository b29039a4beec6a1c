//! Roles that see some records of an area only, and tickets that go from one handler to another and back.

use gridledger_client::{Intents, Query};
use serde_json::{Map, Value, json};

use super::people::{PEOPLE, WIDE};
use super::{Simulation, text};
use crate::world::Line;

/// The states in which a ticket can be given to a handler.
const ASSIGNABLE: [&str; 3] = ["ACCEPTED", "ASSIGNED", "HANDLING"];
/// The people who give tickets to handlers, as places in `PEOPLE`.
const GIVERS: [usize; 3] = [3, 4, 5];

impl Simulation<'_> {
    /// Those who see a part of an area get phones, and somebody who gives them tickets.
    pub(super) fn narrow_people_join(&mut self) -> Result<(), String> {
        let giver = *self.rng.pick(&GIVERS);
        let narrow = [self.rng.range(WIDE as i64, WIDE as i64 + 1) as usize, PEOPLE.len() - 1];
        for who in [giver, narrow[0], narrow[1]] {
            if self.rng.percent(75) {
                self.join(who);
                self.sync(self.players.len() - 1, Line::Good)?;
            }
        }
        Ok(())
    }

    /// A ticket is given to a handler, to another, or back.
    pub(super) fn hand_over(&mut self) -> Result<(), String> {
        let givers = (0..self.players.len()).filter(|player| GIVERS.contains(&self.players[*player].who));
        let givers: Vec<usize> = givers.collect();
        if givers.is_empty() {
            let giver = *self.rng.pick(&GIVERS);
            self.join(giver);
            return self.sync(self.players.len() - 1, Line::Good);
        }
        let giver = *self.rng.pick(&givers);
        let engine = self.players[giver].phone.engine();
        let tickets = engine.for_check().list(&Query::of_type("ticket")).map_err(text)?;
        let of_state = |wanted: &[&str]| -> Vec<_> {
            let state = |view: &Value| view["_ticket"]["state"].as_str().unwrap_or_default().to_owned();
            let found =
                tickets.iter().filter(|ticket| !ticket.withheld && wanted.contains(&&*state(&ticket.view)));
            found.cloned().collect()
        };
        let (ready, reported) = (of_state(&ASSIGNABLE), of_state(&["REPORTED"]));
        let (ticket, intents) = if let Some(ticket) = (!ready.is_empty()).then(|| self.rng.pick(&ready)) {
            // Mostly to those who see what they handle only.
            let from = if self.rng.percent(80) { WIDE } else { 0 };
            let who = PEOPLE[self.rng.range(from as i64, PEOPLE.len() as i64 - 1) as usize].0;
            let args = json!({ "who": who }).as_object().cloned().unwrap_or_default();
            self.tally.handed_over += 1;
            (ticket.clone(), Intents::new().event("assign", args))
        } else if let Some(ticket) = (!reported.is_empty()).then(|| self.rng.pick(&reported)) {
            (ticket.clone(), Intents::new().event("accept", Map::new()))
        } else {
            return self.create(giver);
        };
        self.save(giver, ticket.id, intents, Some(ticket.view))?;
        self.sync(giver, Line::Good)?;
        for player in 0..self.players.len() {
            if self.players[player].who < WIDE || self.rng.percent(40) {
                continue;
            }
            self.sync(player, Line::Good)?;
            self.edit(player)?;
        }
        Ok(())
    }
}
