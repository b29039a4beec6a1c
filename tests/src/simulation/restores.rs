//! A server that is restored from an older backup while people work, as its operator does it: rights that changed since are
//! put right again, and phones that were enrolled since enrol again.
//!
//! A backup from before a change of the territory or an erasure is not used: those an operator has to do again by hand.

use std::path::PathBuf;

use super::{PEOPLE, Simulation, text};

/// A backup, and what had been changed by then that no phone brings back.
pub(super) struct Backup {
    file: PathBuf,
    by_hand: usize,
}

impl Simulation<'_> {
    /// Makes a backup, or puts the last one back.
    pub(super) fn back_up_or_restore(&mut self) -> Result<(), String> {
        let by_hand = self.tally.plans + self.tally.erased;
        match &self.backup {
            Some(backup) if backup.by_hand == by_hand && self.rng.percent(60) => self.restore(),
            _ => {
                self.backups += 1;
                let file = self.world.backup(&format!("backup-{}.db", self.backups));
                self.note(format!("backup {}", self.backups));
                self.backup = Some(Backup { file, by_hand });
                Ok(())
            }
        }
    }

    fn restore(&mut self) -> Result<(), String> {
        let Some(backup) = &self.backup else { return Ok(()) };
        self.steps
            .lock()
            .expect("the list of steps")
            .push(format!("the server is restored from {}", backup.file.display()));
        // A generation begins at a second of its own.
        self.world.pass(1_000);
        self.world.restore_told(&backup.file, self.planted != Some(Planted::EpochKept));
        self.starts += 1;
        self.tally.restored += 1;
        for (who, (login, role, area)) in PEOPLE.iter().enumerate() {
            if self.holds[who] {
                self.world.user(login, role, area);
            } else if self.world.take(login, role, area) {
                self.old_answers_are_lost();
                self.ends.push(self.world.service.now());
            }
        }
        self.world.pass(1);
        Ok(())
    }

    /// Whoever the server does not know any more enrols again.
    pub(super) fn enrol_again(&mut self, player: usize) -> Result<(), String> {
        let login = PEOPLE[self.players[player].who].0;
        self.note(format!("{player} enrols again"));
        let code = self.world.code(login);
        let engine = self.players[player].phone.engine();
        engine.enrol("http://nowhere", &code).map_err(text)
    }
}

/// A fault that is planted to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// The restored server does not know that it was restored.
    EpochKept,
}
