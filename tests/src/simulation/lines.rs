//! Bad lines in a simulation: what was sent arrives again, late, or piece by piece while others work.

use gridledger_client::{Query, RecordId, SyncReport};
use gridledger_schema::code::Code;
use gridledger_server::sync::error::SyncError;

use super::{Player, Simulation, text};
use crate::world::{Line, answer};

impl Simulation<'_> {
    /// An old request arrives again, or one thought lost arrives late.
    pub(super) fn repeat(&mut self) -> Result<(), String> {
        if self.requests.is_empty() {
            return Ok(());
        }
        let sent = &self.requests[self.rng.below(self.requests.len())];
        let (before, old) = (self.counts()?, sent.arrived && sent.start == self.starts);
        let answered = answer(&self.world, &sent.body).map(|_| ());
        self.note(format!("an old request arrives (first time: {}): {answered:?}", !sent.arrived));
        self.tally.repeated += 1;
        match answered {
            Err(SyncError::Counter(_)) => {}
            Err(error) if error.code() == Code::ServerBehind && self.is_set_back => {}
            Ok(()) | Err(SyncError::Refused(Code::DeviceUnknown)) if !old => {}
            // It brings a code that was given after the copy was made which is the store now.
            Err(SyncError::Refused(Code::CodeInvalid)) if !old && self.was_replaced() => {}
            // Its number was given again since.
            Err(SyncError::Refused(Code::SignatureInvalid)) if !old && self.is_set_back => {}
            other => return Err(format!("an old request was answered {other:?}")),
        }
        if old && self.counts()? != before {
            return Err("an old request changed the store".into());
        }
        Ok(())
    }

    /// An old answer arrives again, or one thought lost arrives late.
    pub(super) fn repeat_answer(&mut self, player: usize) -> Result<(), String> {
        if self.players[player].answers.is_empty() {
            return Ok(());
        }
        let which = self.rng.below(self.players[player].answers.len());
        self.deliver(player, which)
    }

    /// People go on while an answer is on its way, with a record that somebody else has changed.
    pub(super) fn slow_answer(&mut self, player: usize) -> Result<(), String> {
        let other = self.rng.below(self.players.len());
        let shared = self.players[player].phone.engine().for_check().list(&Query::default().limit(5));
        let shared: Vec<RecordId> = shared.map_err(text)?.iter().map(|r| r.id).collect();
        if shared.is_empty() {
            return self.create(player);
        }
        let record = *self.rng.pick(&shared);
        self.edit_one(other, record)?;
        self.sync(other, Line::Good)?;
        self.sync(player, Line::AnswerLost)?;
        self.edit_one(player, record)?;
        self.edit_one(player, record)?;
        // A server that says that it was set back answers nothing.
        if let Some(last) = self.players[player].answers.len().checked_sub(1) {
            self.deliver(player, last)?;
        }
        self.edit_one(player, record)
    }

    /// A new phone fetches all there is over a bad line, piece by piece, while others work.
    pub(super) fn late_comer(&mut self) -> Result<(), String> {
        let (who, late) = (self.rng.below(self.people), self.players.len());
        self.join(who);
        for _ in 0..4 {
            let cut = Line::CutAfter(self.rng.range(1_000, 5_000) as usize);
            self.sync(late, cut)?;
            // Records that have arrived change again before the rest arrives.
            let arrived =
                self.players[late].phone.engine().for_check().list(&Query::default()).map_err(text)?;
            for record in arrived.iter().map(|record| record.id).take(3) {
                let other = self.rng.below(late);
                self.edit_one(other, record)?;
                self.sync(other, Line::Good)?;
            }
        }
        Ok(())
    }

    pub(super) fn deliver(&mut self, player: usize, which: usize) -> Result<(), String> {
        self.note(format!("answer {which} to {player} arrives"));
        let (mut report, Player { phone, answers, .. }) = (SyncReport::default(), &mut self.players[player]);
        let received = phone.receive(&answers[which], &mut report).map_err(|e| format!("an old answer: {e}"));
        self.note(format!("  … {report:?}"));
        self.tally.refused += report.refused as usize;
        received?;
        self.took(player, &report)
    }
}
