//! Answers that are made piece by piece, with something else between the pieces: histories end, rights end, a device or its
//! holder is revoked, areas change, others send.

use gridledger_schema::code::Code;
use gridledger_schema::ids::DeviceNo;
use gridledger_server::sync::error::SyncError;

use super::{PEOPLE, Simulation, territory, text};
use crate::receiving::Pulling;
use crate::world::{Line, SyncFailure};

/// Bytes asked for, so that an answer has several pieces.
const BUDGET: u32 = 4 << 10;

impl Simulation<'_> {
    /// A phone syncs, and between the frames of its answer something else happens.
    pub(super) fn between_frames(&mut self, player: usize) -> Result<(), String> {
        self.note(format!("{player} syncs, frame by frame"));
        self.players[player].answer = None;
        let mut pulling = match self.players[player].phone.begin_pull(&self.world, BUDGET) {
            Err(error) if self.must_enrol(player, error.of_server()) => return self.enrol_again(player),
            Err(error) if error.is_behind() => {
                self.told_behind(player, None)?;
                return Ok(());
            }
            pulling => pulling.map_err(|error| format!("a request: {error}"))?,
        };
        loop {
            let ended = self.next_piece(player, &mut pulling)?;
            if ended {
                self.tally.refused += pulling.report().refused as usize;
                return Ok(());
            }
            self.tally.between += 1;
            if self.rng.percent(10) {
                return self.revoked_between(player, pulling);
            }
            self.something_between(player)?;
        }
    }

    /// Has the next piece made, and takes it; whether it was the last.
    fn next_piece(&mut self, player: usize, pulling: &mut Pulling) -> Result<bool, String> {
        let ended = self.players[player].phone.pull(&self.world, pulling);
        let ended = ended.map_err(|error| format!("an answer in pieces: {error}"))?;
        self.note(format!("  … a piece: {:?}", pulling.report()));
        self.took(player, pulling.report())?;
        Ok(ended.is_some())
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

    /// The device, or its holder, is revoked while its answer is made: it gets no record more, and its next request is
    /// refused. Then it was a mistake.
    fn revoked_between(&mut self, player: usize, mut pulling: Pulling) -> Result<(), String> {
        let of_device = self.rng.percent(50);
        self.note(format!("{player} is revoked meanwhile, its device alone: {of_device}"));
        self.tally.revoked += 1;
        self.set_revoked(player, of_device, true)?;
        let before = pulling.report().changed;
        while !self.next_piece(player, &mut pulling)? {}
        let after = pulling.report().changed;
        if after > before {
            return Err(format!("a revoked phone got {} changes", pulling.report().changed - before));
        }
        self.tally.refused += pulling.report().refused as usize;
        let expected = if of_device { Code::DeviceRevoked } else { Code::UserRevoked };
        match self.players[player].phone.sync(&self.world) {
            Err(SyncFailure::Server(SyncError::Refused(code))) if code == expected => {}
            other => return Err(format!("a revoked phone was answered {other:?}")),
        }
        self.set_revoked(player, of_device, false)
    }

    fn set_revoked(&mut self, player: usize, of_device: bool, is: bool) -> Result<(), String> {
        let store = &self.world.service.store;
        if !of_device {
            let login = PEOPLE[self.players[player].who].0;
            let user = store.user_by_login(login).map_err(text)?.ok_or("no such user")?;
            return store.set_user_revoked(user.no, is).map_err(text);
        }
        let device = self.device_of(player)?;
        self.world.service.store.set_device_revoked(device, is).map_err(text)
    }

    /// The number under which the server knows a player's phone.
    fn device_of(&mut self, player: usize) -> Result<DeviceNo, String> {
        let key = self.players[player].phone.engine().public_key();
        let devices = self.world.service.store.devices().map_err(text)?;
        let device = devices.into_iter().find(|device| device.public_key == key);
        device.map(|device| device.no).ok_or_else(|| format!("the server does not know {player}"))
    }
}
