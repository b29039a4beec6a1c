//! Clocks that jump far, both ways: the server's, while it runs and while it is off, and phones'. Nothing is erased, nobody is
//! blamed, and when the clock is right everything goes on.

use gridledger_client::SyncReport;
use gridledger_schema::code::Code;
use gridledger_server::epochs::retain;
use gridledger_server::store::StoreError;

use super::{DAY, Simulation, text};
use crate::world::Line;

/// Days by which a server's clock is wrong.
const JUMPS: [i64; 8] = [-2_200, -40, -11, -5, 5, 40, 400, 2_200];
/// Days by which a phone's clock is wrong, as after an empty battery or a wrong year.
const FAR: [i64; 8] = [-7_000, -800, -60, -14, 14, 60, 800, 7_000];
/// Milliseconds of an hour.
const HOUR: i64 = 3_600_000;

impl Simulation<'_> {
    /// The server's clock jumps, or a phone's.
    pub(super) fn clock_jumps(&mut self, player: usize) -> Result<(), String> {
        if self.rng.percent(50) {
            return self.server_clock_jumps();
        }
        let days = *self.rng.pick(&FAR);
        self.note(format!("{player}'s clock is now {days} days off"));
        self.players[player].phone.set_skew(days * DAY);
        self.players[player].was_far = true;
        self.tally.far += 1;
        for _ in 0..self.rng.range(1, 3) {
            self.edit(player)?;
        }
        let line = self.line();
        self.sync(player, line)
    }

    /// The server's clock is wrong for a while; people work and sync, and the daily run comes.
    fn server_clock_jumps(&mut self) -> Result<(), String> {
        let days = *self.rng.pick(&JUMPS);
        let is_off = self.rng.percent(50);
        self.note(format!("the server's clock is {days} days off, after a stop: {is_off}"));
        let told_before = self.erased_so_far()?;
        if is_off {
            self.world.off_for(HOUR, days * DAY);
            self.starts += 1;
        } else {
            self.world.set_server_skew(days * DAY);
        }
        self.clock_is_wrong = true;
        self.tally.jumps += 1;
        for _ in 0..self.rng.range(1, 3) {
            let player = self.rng.below(self.players.len());
            self.edit(player)?;
            self.sync(player, Line::Good)?;
        }
        match retain(&self.world.service, false) {
            Ok(_) | Err(StoreError::ClockUnsure) => {}
            Err(error) => return Err(format!("the daily run: {error}")),
        }
        self.world.set_server_skew(0);
        self.clock_is_wrong = false;
        let told_after = self.erased_so_far()?;
        if told_before != told_after {
            return Err(format!(
                "a clock that was {days} days off erased: {told_before} before, {told_after} after"
            ));
        }
        Ok(())
    }

    /// The server is not sure of its clock. The phone keeps what it has, and comes again.
    pub(super) fn told_unsure(&mut self, player: usize) -> Result<SyncReport, String> {
        // A store that was copied before a long pause knows an old time only: a right clock seems to have jumped.
        if !self.clock_is_wrong && !self.was_replaced() {
            return Err("the server doubts its clock, and it is right".into());
        }
        self.note(format!("  … {player} is told that the server's clock is in doubt"));
        self.tally.told_unsure += 1;
        Ok(SyncReport::default())
    }

    /// Entries that lost what they said.
    fn erased_so_far(&self) -> Result<usize, String> {
        let service = &self.world.service;
        let mut erased = 0;
        for area in service.tree().iter() {
            for row in service.store.records_of(area.no).map_err(text)? {
                let history = service.store.history(row.record).map_err(text)?;
                erased += history.iter().filter(|row| row.body.is_empty()).count();
                erased += usize::from(row.erased);
            }
        }
        Ok(erased)
    }
}

/// Whether an entry was refused because of what a clock said.
pub(super) fn is_of_clocks(code: Code) -> bool {
    code == Code::TimeOutOfRange
}
