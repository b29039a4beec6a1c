//! Two processes on one phone's file, as an app and its background worker: each has its own look at the file.

use super::{Player, Simulation, text};

impl Simulation<'_> {
    /// The other process of a phone goes on: it sends, or takes a little of the answer it is receiving.
    pub(super) fn other_process(&mut self, player: usize) -> Result<(), String> {
        if self.players[player].other.is_none() {
            let twin = self.players[player].phone.twin();
            self.players[player].other = Some((twin, None));
            self.note(format!("{player} has a second process"));
        }
        self.take_turns(player);
        match self.rng.below(4) {
            0 => self.edit(player),
            _ => self.take_some(player),
        }
    }

    /// The other process comes to the front, if there is one.
    pub(super) fn take_turns(&mut self, player: usize) {
        let Player { phone, answer, other, .. } = &mut self.players[player];
        let Some(other) = other else { return };
        std::mem::swap(phone, &mut other.0);
        std::mem::swap(answer, &mut other.1);
        self.tally.turns += 1;
        self.note(format!("{player}'s other process comes to the front"));
    }

    /// Both processes end; what they were receiving is lost.
    pub(super) fn end_processes(&mut self, player: usize) {
        let Player { phone, answer, other, .. } = &mut self.players[player];
        phone.close();
        *answer = None;
        if let Some((phone, _)) = other.take() {
            drop(phone);
        }
    }

    fn take_some(&mut self, player: usize) -> Result<(), String> {
        let bytes = self.rng.range(1, 1_500) as usize;
        let Player { phone, answer, .. } = &mut self.players[player];
        let Some(mut receiving) = answer.take() else {
            return self.send(player);
        };
        let ended = match phone.take(&mut receiving, bytes) {
            // The lease that this answer brought is over: the process asks again.
            Err(error) if error.is_dark() => return Ok(()),
            ended => ended,
        };
        let ended = ended.map_err(|error| format!("an answer to one of two processes: {error}"))?;
        let report = receiving.report.clone();
        self.took(player, &report)?;
        self.tally.between += 1;
        if ended.is_none() {
            self.players[player].answer = Some(receiving);
        } else {
            self.tally.refused += report.refused as usize;
        }
        self.note(format!("{player} takes {bytes} bytes: {ended:?} {report:?}"));
        Ok(())
    }

    fn send(&mut self, player: usize) -> Result<(), String> {
        self.note(format!("{player} sends"));
        let sent = self.players[player].phone.send(&self.world, 16 << 10);
        let sent = match sent {
            Err(error) if self.must_enrol(player, error.of_server()) => return self.enrol_again(player),
            Err(error) if error.is_behind() => {
                self.told_behind(player, None)?;
                return Ok(());
            }
            sent => sent.map_err(text)?,
        };
        self.players[player].answer = Some(sent);
        self.note_sent(player, true)
    }
}
