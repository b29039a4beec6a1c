//! A store that is set back to an older state by hand, as with a snapshot of a virtual machine, while people work. Nobody tells
//! the server. Once a phone has proven it, the operator gives the command sooner or later.

use std::path::PathBuf;

use gridledger_client::{OwnEdit, RecordId, SentState, SyncReport};

use super::restores::Screen;
use super::{PEOPLE, Player, Simulation, text};
use crate::world::Line;

/// Records that somebody makes who lost nothing.
const NEW_RECORDS: usize = 5;

/// A copy of the store, and what had been done by then that no phone brings back.
pub(super) struct Snapshot {
    file: PathBuf,
    by_hand: usize,
}

impl Simulation<'_> {
    /// Takes a snapshot, or puts the last one back.
    pub(super) fn snapshot_or_set_back(&mut self) -> Result<(), String> {
        let by_hand = self.tally.plans + self.tally.erased + self.players.len();
        match &self.snapshot {
            Some(snapshot) if snapshot.by_hand == by_hand && !self.is_set_back && self.rng.percent(70) => {
                let file = snapshot.file.clone();
                self.set_back(&file);
                return self.goes_on();
            }
            _ => {
                self.put_right();
                self.backups += 1;
                let file = self.world.backup(&format!("snapshot-{}.db", self.backups));
                self.note(format!("snapshot {}", self.backups));
                self.snapshot = Some(Snapshot { file, by_hand });
            }
        }
        Ok(())
    }

    /// Whoever lost nothing works on, until logs are longer than they were; then the others come.
    fn goes_on(&mut self) -> Result<(), String> {
        if self.rng.percent(40) {
            return Ok(());
        }
        let all = 0..self.players.len();
        let lost: Vec<bool> =
            all.clone().map(|player| Ok(self.lost_by(player)?.is_some())).collect::<Result<_, String>>()?;
        for player in all.clone().filter(|player| !lost[*player]).take(2) {
            for _ in 0..NEW_RECORDS {
                self.create(player)?;
            }
            self.sync(player, Line::Good)?;
        }
        for player in all.filter(|player| lost[*player]) {
            self.sync(player, Line::Good)?;
        }
        Ok(())
    }

    fn set_back(&mut self, file: &std::path::Path) {
        self.note(format!("the store is set back to {}", file.display()));
        self.world.pass(1_000);
        self.world.restore_told(file, false);
        if self.backups.is_multiple_of(2) {
            // As where marks are too old: phones have receipts and digests alone.
            self.world.change_behind("DELETE FROM marks");
        }
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

    /// A phone's sums never differ from the server's, but where the store was set back. It heals then only if the server has
    /// all that it ever confirmed to this phone.
    pub(super) fn heals_rightly(&mut self, player: usize, report: &SyncReport) -> Result<(), String> {
        if report.healed == 0 {
            return Ok(());
        }
        if self.tally.set_back == 0 {
            return Err("a phone's digest differed from the server's".into());
        }
        self.tally.healed += 1;
        match self.lost_by(player)? {
            None => Ok(()),
            Some((n, record)) => Err(format!(
                "{player} let go of its own edit {n} of {record}, which was confirmed and is not here"
            )),
        }
    }

    /// An edit of a player's that was confirmed, and is not in the store.
    fn lost_by(&mut self, player: usize) -> Result<Option<(u64, RecordId)>, String> {
        let Player { phone, feed, .. } = &mut self.players[player];
        let store = &self.world.service.store;
        for edit in phone.engine().receipts(usize::MAX >> 1).map_err(text)? {
            let OwnEdit { n, record, state, .. } = edit;
            let is_confirmed = matches!(state, SentState::Sent | SentState::InLedger);
            if is_confirmed && store.entry_hash(*feed, n).map_err(text)?.is_none() {
                return Ok(Some((n, record)));
            }
        }
        Ok(None)
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
