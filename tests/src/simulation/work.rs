//! Work on phones: people make records, edit them, settle conflicts and deal with refused edits.

use gridledger_client::{ClientError, Intents, Query, RecordId};
use serde_json::Value;

use super::people::PEOPLE;
use super::{SavedEdit, Simulation, edits, text};
use crate::world::MORNING;

impl Simulation<'_> {
    pub(super) fn mark(&mut self) -> String {
        self.marks += 1;
        format!("m{}e", self.marks)
    }

    pub(super) fn create(&mut self, player: usize) -> Result<(), String> {
        let areas = self.players[player].phone.engine().status().map_err(text)?.areas;
        if areas.is_empty() {
            return Ok(());
        }
        let area = self.rng.pick(&areas).code.clone();
        let homes = edits::Homes {
            dwellings: self.ids(player, "dwelling")?,
            households: self.ids(player, "household")?,
        };
        let mark = self.mark();
        let now = MORNING + self.marks as i64;
        let (kind, intents) = edits::create(&mut self.rng, &mark, &homes, now);
        self.note(format!("{player} creates a {kind} in {area}: {intents:?}"));
        let saved = self.players[player].phone.engine().create(kind, &area, intents);
        self.keep(player, saved, None)
    }

    pub(super) fn ids(&mut self, player: usize, kind: &str) -> Result<Vec<String>, String> {
        let found = self.players[player].phone.engine().for_check().list(&Query::of_type(kind).limit(20));
        Ok(found.map_err(text)?.iter().map(|r| r.id.to_string()).collect())
    }

    pub(super) fn edit(&mut self, player: usize) -> Result<(), String> {
        let records = self.players[player].phone.engine().for_check().list(&Query::default().limit(8));
        let records = records.map_err(text)?;
        if records.is_empty() {
            return self.create(player);
        }
        let record = self.rng.pick(&records).id;
        self.edit_one(player, record)
    }

    /// Edits a record, if the player has it.
    pub(super) fn edit_one(&mut self, player: usize, record: RecordId) -> Result<(), String> {
        let found = self.players[player].phone.engine().for_check().get(record).map_err(text)?;
        let Some(record) = found else { return Ok(()) };
        let mark = self.mark();
        let people: Vec<String> = PEOPLE.iter().map(|(login, ..)| (*login).to_owned()).collect();
        let mut tickets = self.ids(player, "ticket")?;
        tickets.push(RecordId([9; 16]).to_string());
        let intents = edits::edit(&mut self.rng, &record, &mark, &people, &tickets);
        let saw = (!record.withheld).then_some(record.view);
        self.save(player, record.id, intents, saw)
    }

    pub(super) fn save(
        &mut self,
        player: usize,
        record: RecordId,
        intents: Intents,
        saw: Option<Value>,
    ) -> Result<(), String> {
        self.note(format!("{player} edits {record}: {intents:?}"));
        let saved = self.players[player].phone.engine().edit(record, intents);
        self.keep(player, saved, saw)
    }

    /// A refusal on the phone saves nothing; anything else that goes wrong is a fault.
    pub(super) fn keep(
        &mut self,
        player: usize,
        saved: Result<gridledger_client::Saved, ClientError>,
        saw: Option<Value>,
    ) -> Result<(), String> {
        match saved {
            Ok(saved) => {
                self.note(format!("  … saved as {}", saved.n));
                self.tally.saved += 1;
                let (n, record) = (saved.n, saved.record);
                self.saved.push(SavedEdit {
                    retimed: false,
                    hides: self.players[player].was_far,
                    player,
                    n,
                    record,
                    saw,
                });
                Ok(())
            }
            Err(ClientError::Refused(refusal)) => {
                self.note(format!("  … refused early: {refusal}"));
                self.tally.refused_early += 1;
                Ok(())
            }
            Err(error) => Err(format!("a save failed: {error}")),
        }
    }

    pub(super) fn settle(&mut self, player: usize) -> Result<(), String> {
        let conflicts = self.players[player].phone.engine().for_check().conflicts(None).map_err(text)?;
        if conflicts.is_empty() {
            return self.edit(player);
        }
        let conflict = self.rng.pick(&conflicts);
        let value = self.rng.pick(&conflict.values)["value"].clone();
        let engine = self.players[player].phone.engine();
        let saw =
            engine.for_check().get(conflict.record).map_err(text)?.filter(|r| !r.withheld).map(|r| r.view);
        self.note(format!("{player} settles {} of {} with {value}", conflict.field, conflict.record));
        let saved = self.players[player].phone.engine().settle(conflict.record, &conflict.field, value);
        self.keep(player, saved, saw)
    }

    pub(super) fn attention(&mut self, player: usize) -> Result<(), String> {
        let engine = self.players[player].phone.engine();
        let Some(first) = engine.attention().map_err(text)?.into_iter().next() else {
            return self.edit(player);
        };
        if self.rng.percent(50) {
            self.dealt_with.insert((player, first.id.n));
            self.note(format!("{player} dismisses {}", first.id.n));
            return self.players[player].phone.engine().dismiss(first.id).map_err(text);
        }
        self.note(format!("{player} applies {} again", first.id.n));
        match self.players[player].phone.engine().apply_again(first.id) {
            // The record is gone with the refused edit that made it.
            Err(ClientError::Missing(_)) => Ok(()),
            saved => {
                if saved.is_ok() {
                    self.dealt_with.insert((player, first.id.n));
                }
                self.keep(player, saved, None)
            }
        }
    }
}
