//! Answers that are made piece by piece, with something else between the pieces: histories end, rights end, areas change,
//! others send.

use super::{Simulation, territory};
use crate::world::Line;

/// Bytes asked for, so that an answer has several pieces.
const BUDGET: u32 = 4 << 10;

impl Simulation<'_> {
    /// A phone syncs, and between the frames of its answer something else happens.
    pub(super) fn between_frames(&mut self, player: usize) -> Result<(), String> {
        self.note(format!("{player} syncs, frame by frame"));
        self.players[player].answer = None;
        let mut pulling = match self.players[player].phone.begin_pull(&self.world, BUDGET) {
            Err(error) if error.is_unknown() => return self.enrol_again(player),
            Err(error) if error.is_behind() => {
                self.told_behind(player, None)?;
                return Ok(());
            }
            pulling => pulling.map_err(|error| format!("a request: {error}"))?,
        };
        loop {
            let ended = self.players[player].phone.pull(&self.world, &mut pulling);
            let ended = ended.map_err(|error| format!("an answer in pieces: {error}"))?;
            self.note(format!("  … a piece: {:?}", pulling.report()));
            if pulling.report().healed > 0 {
                return Err("a phone's digest differed from the server's".into());
            }
            if ended.is_some() {
                self.tally.refused += pulling.report().refused as usize;
                return Ok(());
            }
            self.tally.between += 1;
            self.something_between(player)?;
        }
    }

    fn something_between(&mut self, player: usize) -> Result<(), String> {
        match self.rng.below(10) {
            0..=2 => self.end_history(),
            3 => {
                self.rights();
                Ok(())
            }
            4 => territory::change(self),
            _ => {
                let other = self.rng.below(self.players.len());
                if other == player {
                    return Ok(());
                }
                self.edit(other)?;
                self.sync(other, Line::Good)
            }
        }
    }
}
