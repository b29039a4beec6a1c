//! Areas that are split or merged again before phones heard of the first time, while their holders go on making records; and
//! requests that arrive together.

use gridledger_client::{Intents, RecordId, SyncReport};
use gridledger_schema::code::Code;
use gridledger_server::config::StoreAddress;
use gridledger_server::sync::error::SyncError;
use serde_json::json;

use super::{PEOPLE, Simulation, territory, text};
use crate::world::{Line, answer};
use crate::{cluster, planning};

impl Simulation<'_> {
    /// An area is split, and what it was split into once more, or merged; then everybody works and sends at once.
    pub(super) fn chain(&mut self) -> Result<(), String> {
        match self.rng.below(4) {
            0 => {
                territory::change(self)?;
                territory::change(self)?;
                self.tally.chains += 1;
            }
            1 => self.split_twice()?,
            _ => {}
        }
        for player in 0..self.players.len() {
            for _ in 0..self.rng.below(3) {
                self.create(player)?;
            }
            self.edit(player)?;
        }
        self.together()
    }

    /// Somebody hears of the second part, nobody else of either.
    fn split_twice(&mut self) -> Result<(), String> {
        let first = self.rng.pick(&self.grids).clone();
        let mut from = first.clone();
        for _ in 0..self.rng.range(2, 3) {
            self.marks += 1;
            let new = format!("N{}c", self.marks);
            let who = self.rng.below(4);
            let rest = json!({ "area": new, "rest": true });
            let keeps = json!({ "area": from, "dwellings": [RecordId([7; 16]).to_string()] });
            let changes = json!({
                "new_areas": [planning::grid(&new)],
                "splits": [{ "area": from, "into": [keeps, rest] }],
                "staff": [{ "login": PEOPLE[who].0, "role": PEOPLE[who].1, "area": new }],
            });
            territory::carry_out(self, changes);
            self.grids.push(new.clone());
            from = new;
            if self.rng.percent(50) {
                let hears = (0..self.players.len()).find(|player| self.players[*player].who == who);
                if let Some(player) = hears {
                    self.sync(player, Line::Good)?;
                }
            }
        }
        self.tally.chains += 1;
        self.beside_another_node(&first, &from)
    }

    /// Somebody who heard of nothing makes records in the first area of a chain, and sends them. On Postgres another node has
    /// written the last area meanwhile, and commits when the push waits for it.
    fn beside_another_node(&mut self, first: &str, last: &str) -> Result<(), String> {
        let mut holders = Vec::new();
        for player in 0..self.players.len() {
            let areas = self.players[player].phone.engine().status().map_err(text)?.areas;
            if areas.iter().any(|area| area.code == first) {
                holders.push(player);
            }
        }
        if holders.is_empty() {
            return Ok(());
        }
        let player = *self.rng.pick(&holders);
        for _ in 0..2 {
            let address =
                |mark: String| Intents::new().put("address", json!({ "road": "人民路", "number": mark }));
            self.made(player, "dwelling", first, address)?;
        }
        let StoreAddress::Postgres(url) = self.world.address().clone() else {
            return self.sync(player, Line::Good);
        };
        self.note(format!("{player} sends while another node writes {last}"));
        self.players[player].answer = None;
        let body = self.players[player].phone.request(0).map_err(text)?;
        let mut other = cluster::client(url.reveal());
        let writes = format!(
            "BEGIN; UPDATE areas SET head = head + 2 WHERE code = '{last}';
             INSERT INTO events (area, seq, kind, at)
               SELECT area, head - back, 'rights', 0 FROM areas, (VALUES (0), (1)) AS two (back) WHERE code = '{last}'"
        );
        other.batch_execute(&writes).map_err(text)?;
        let (world, mut watch) = (&self.world, cluster::client(url.reveal()));
        let answered = std::thread::scope(|scope| {
            let pushing = scope.spawn(|| answer(world, &body));
            let waits = "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted";
            while !pushing.is_finished() {
                if watch.query_one(waits, &[]).map_err(text)?.get(0) {
                    break;
                }
            }
            other.batch_execute("COMMIT").map_err(text)?;
            Ok::<_, String>(pushing.join().expect("an answer"))
        })?;
        self.receive_together(player, answered)
    }

    /// Everybody's request arrives at the same time. On SQLite one after another, in some order; on Postgres as they come.
    pub(super) fn together(&mut self) -> Result<(), String> {
        let mut order: Vec<usize> = (0..self.players.len()).collect();
        for at in (1..order.len()).rev() {
            let with = self.rng.below(at + 1);
            order.swap(at, with);
        }
        self.note(format!("{order:?} send together"));
        let mut bodies = Vec::new();
        for player in &order {
            self.players[*player].answer = None;
            bodies.push(self.players[*player].phone.request(0).map_err(text)?);
        }
        let world = &self.world;
        let answers: Vec<Result<Vec<u8>, SyncError>> = if matches!(world.address(), StoreAddress::Postgres(_))
        {
            std::thread::scope(|scope| {
                let threads: Vec<_> =
                    bodies.iter().map(|body| scope.spawn(move || answer(world, body))).collect();
                let answers = threads.into_iter().map(|thread| thread.join().expect("an answer"));
                answers.collect()
            })
        } else {
            bodies.iter().map(|body| answer(world, body)).collect()
        };
        self.tally.together += bodies.len();
        for (player, answered) in order.into_iter().zip(answers) {
            self.receive_together(player, answered)?;
        }
        Ok(())
    }

    fn receive_together(
        &mut self,
        player: usize,
        answered: Result<Vec<u8>, SyncError>,
    ) -> Result<(), String> {
        let bytes = match answered {
            Err(error) if self.must_enrol(player, Some(error.code())) => {
                return self.enrol_again(player);
            }
            Err(error) if error.code() == Code::ServerBehind => return self.sync(player, Line::Good),
            // The other process has used a later one; or the database asks to come again.
            Err(SyncError::Counter(_)) => return self.sync(player, Line::Good),
            Err(SyncError::Store(error)) if error.is_retryable() => return self.sync(player, Line::Good),
            answered => answered.map_err(|error| format!("a request among others: {error}"))?,
        };
        let mut report = SyncReport::default();
        let received = self.players[player].phone.receive(&bytes, &mut report);
        received.map_err(|error| format!("an answer among others: {error}"))?;
        self.note(format!("  … {player}: {report:?}"));
        self.tally.refused += report.refused as usize;
        self.heals_rightly(player, &report)
    }
}
