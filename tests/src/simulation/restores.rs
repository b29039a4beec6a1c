//! A server that is restored from an older backup while people work, as its operator does it: rights that changed since are
//! put right again, and phones that were enrolled since enrol again.
//!
//! A backup from before a change of the territory or an erasure is not used: those an operator has to do again by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use gridledger_client::{Query, RecordId};
use gridledger_schema::code::Code;
use serde_json::Value;

use super::check::is_out_of_reach;
use super::{PEOPLE, Simulation, text};

/// A backup, and what had been changed by then that no phone brings back.
pub(super) struct Backup {
    file: PathBuf,
    by_hand: usize,
}

impl Simulation<'_> {
    /// Makes a backup, or puts the last one back.
    pub(super) fn back_up_or_restore(&mut self) {
        self.put_right();
        let by_hand = self.tally.plans + self.tally.erased;
        match &self.backup {
            Some(backup) if backup.by_hand == by_hand && self.rng.percent(60) => self.restore(),
            _ => {
                self.backups += 1;
                let file = self.world.backup(&format!("backup-{}.db", self.backups));
                self.note(format!("backup {}", self.backups));
                self.backup = Some(Backup { file, by_hand });
            }
        }
    }

    fn restore(&mut self) {
        let Some(backup) = &self.backup else { return };
        let file = backup.file.clone();
        self.restore_from(&file);
    }

    pub(super) fn restore_from(&mut self, file: &Path) {
        self.note(format!("the server is restored from {}", file.display()));
        // A generation begins at a second of its own.
        self.world.pass(1_000);
        let told = self.planted != Some(Planted::EpochKept);
        self.world.restore_told(file, told);
        self.starts += 1;
        self.tally.restored += 1;
        self.is_set_back = false;
        self.rights_again();
    }

    /// How often the store became one that was copied earlier.
    pub(super) fn replacements(&self) -> usize {
        self.tally.restored + self.tally.set_back
    }

    /// Whether the server does not know a phone any more, since it was enrolled after a copy of the store was made; or does
    /// not know its code, since that was given after one was made.
    pub(super) fn must_enrol(&self, player: usize, said: Option<Code>) -> bool {
        match said {
            Some(Code::DeviceUnknown) => true,
            Some(Code::CodeInvalid) => self.players[player].coded < self.replacements(),
            // Its number was given again, and nobody has said that the store is another.
            Some(Code::SignatureInvalid) => self.is_set_back,
            _ => false,
        }
    }

    /// Whoever the server does not know any more enrols again.
    pub(super) fn enrol_again(&mut self, player: usize) -> Result<(), String> {
        let login = PEOPLE[self.players[player].who].0;
        self.note(format!("{player} enrols again"));
        let code = self.world.code(login);
        self.players[player].coded = self.replacements();
        let engine = self.players[player].phone.engine();
        engine.enrol("http://nowhere", &code).map_err(text)
    }
}

impl Simulation<'_> {
    /// The store is, or was since, one that was copied earlier.
    pub(super) fn was_replaced(&self) -> bool {
        self.replacements() > 0
    }
}

/// The screen of a phone: for each record the items of its logs, which nothing takes away again.
pub(super) type Screen = BTreeMap<RecordId, BTreeSet<String>>;

impl Simulation<'_> {
    /// The screen of a phone while a restore is being made good; `None` where something else may take items away.
    pub(super) fn screen(&mut self, player: usize) -> Result<Option<Screen>, String> {
        let tally = self.tally;
        if !self.was_replaced() || tally.plans + tally.erased + tally.waited_out + self.ends.len() > 0 {
            return Ok(None);
        }
        let shown = self.players[player].phone.engine().for_check().list(&Query::default());
        let shown = shown.map_err(text)?;
        let items = |view: &Value| -> BTreeSet<String> {
            let logs = LOGS.iter().filter_map(|field| view[*field].as_array());
            logs.flatten().map(ToString::to_string).collect()
        };
        Ok(Some(shown.iter().map(|record| (record.id, items(&record.view))).collect()))
    }

    /// Nothing that was on the screen is gone, but what its author was told was refused, and what its holder is told is lost.
    pub(super) fn nothing_disappeared(
        &mut self,
        player: usize,
        before: Option<Screen>,
    ) -> Result<(), String> {
        let (Some(before), Some(after)) = (before, self.screen(player)?) else {
            return Ok(());
        };
        let attention = self.players[player].phone.engine().attention().map_err(text)?;
        let lost = self.players[player].phone.engine().lost().map_err(text)?;
        for (record, items) in before {
            let there = after.get(&record);
            let all = there.is_some_and(|there| items.is_subset(there));
            let is_told = attention.iter().any(|item| item.record == record)
                || lost.iter().any(|lost| lost.record == record);
            // A record that its holder no longer handles leaves the screen.
            let is_others = there.is_none() && is_out_of_reach(self, player, record)?;
            if !all && !is_told && !is_others {
                return Err(format!("{player} showed {record} with {items:?}, and now {there:?}"));
            }
        }
        Ok(())
    }
}

/// Fields to which items are only added.
const LOGS: [&str; 7] = ["notes", "comments", "needs", "costs", "media", "findings", "checkins"];

/// A fault that is planted to see that it is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// The restored server does not know that it was restored.
    EpochKept,
}
