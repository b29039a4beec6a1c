//! A store that is set back to an older state by hand, as with a snapshot of a virtual machine, while people work. Nobody tells
//! the server. Once a phone has proven it, the operator gives the command sooner or later.

use std::path::PathBuf;

use gridledger_client::SyncReport;

use super::restores::Screen;
use super::{PEOPLE, Simulation};

/// A copy of the store, and what had been done by then that no phone brings back.
pub(super) struct Snapshot {
    file: PathBuf,
    by_hand: usize,
}

impl Simulation<'_> {
    /// Takes a snapshot, or puts the last one back.
    pub(super) fn snapshot_or_set_back(&mut self) {
        let by_hand = self.tally.plans + self.tally.erased + self.players.len();
        match &self.snapshot {
            Some(snapshot) if snapshot.by_hand == by_hand && !self.is_set_back && self.rng.percent(70) => {
                let file = snapshot.file.clone();
                self.set_back(&file);
            }
            _ => {
                self.put_right();
                self.backups += 1;
                let file = self.world.backup(&format!("snapshot-{}.db", self.backups));
                self.note(format!("snapshot {}", self.backups));
                self.snapshot = Some(Snapshot { file, by_hand });
            }
        }
    }

    fn set_back(&mut self, file: &std::path::Path) {
        self.note(format!("the store is set back to {}", file.display()));
        self.world.pass(1_000);
        self.world.restore_told(file, false);
        self.starts += 1;
        self.is_set_back = true;
        self.tally.set_back += 1;
        self.old_answers_are_lost();
        self.rights_again();
    }

    /// The operator's command, if the store was set back and nobody has given it yet.
    pub(super) fn put_right(&mut self) {
        if !self.is_set_back {
            return;
        }
        self.note("the operator gives the command".into());
        self.world.pass(1_000);
        self.world.restore_in_place();
        self.starts += 1;
        self.tally.restored += 1;
        self.is_set_back = false;
        self.rights_again();
    }

    /// The server says that it was set back. The phone keeps what it shows.
    pub(super) fn told_behind(
        &mut self,
        player: usize,
        before: Option<Screen>,
    ) -> Result<Option<SyncReport>, String> {
        if !self.is_set_back {
            return Err("the server says that it was set back, and it was not".into());
        }
        self.note(format!("  … {player} is told that the server was set back"));
        self.tally.told_behind += 1;
        self.nothing_disappeared(player, before)?;
        if self.rng.percent(40) {
            self.put_right();
            return Ok(None);
        }
        Ok(Some(SyncReport::default()))
    }

    /// Rights are as they were when the store was copied: the office sets them again.
    pub(super) fn rights_again(&mut self) {
        for (who, (login, role, area)) in PEOPLE.iter().enumerate() {
            if self.holds[who] {
                self.world.user(login, role, area);
            } else if self.world.take(login, role, area) {
                self.old_answers_are_lost();
                self.ends.push(self.world.service.now());
            }
        }
        self.world.pass(1);
    }
}
