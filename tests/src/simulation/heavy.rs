//! Records with long texts: no answer to a phone on a bad line has a piece that is large against what the phone asked for.

use gridledger_client::Intents;

use super::{Simulation, edits, text};
use crate::world::Line;

/// Items of a log in one edit, each of 500 characters.
const ITEMS: usize = 24;
/// Bytes that a phone asks for.
const BUDGET: u32 = 64 << 10;
/// Bytes of a piece that the server makes of it.
const PIECE: usize = 16 << 10;
/// Records made heavy in one go.
const RECORDS: usize = 4;
/// Phones that fetch them.
const FETCHES: usize = 2;

impl Simulation<'_> {
    /// Somebody makes records heavy, or a phone fetches them.
    pub(super) fn heavy(&mut self, player: usize) -> Result<(), String> {
        if self.tally.heaviest == 0 {
            self.make_heavy(player)?;
        }
        if self.tally.fetched >= FETCHES {
            return self.edit(player);
        }
        self.tally.fetched += 1;
        let late = self.players.len();
        let who = self.players[player].who;
        self.join(who);
        self.small_pieces(late)
    }

    fn make_heavy(&mut self, player: usize) -> Result<(), String> {
        let areas = self.players[player].phone.engine().status().map_err(text)?.areas;
        let Some(area) = areas.first().map(|area| area.code.clone()) else {
            return Ok(());
        };
        let mut tickets = Vec::new();
        for _ in 0..RECORDS {
            let mark = self.mark();
            let intents = edits::ticket(&mut self.rng, &mark);
            let made = self.made(player, "ticket", &area, |_| intents)?;
            let Some(ticket) = made else { continue };
            let found = self.players[player].phone.engine().for_check().get(ticket);
            let Some(found) = found.map_err(text)? else {
                continue;
            };
            let mut intents = Intents::new();
            for item in 0..ITEMS {
                intents = intents.append("comments", self.at_length(&format!("{mark}.{item}")));
            }
            let saw = (!found.withheld).then_some(found.view);
            self.save(player, ticket, intents, saw)?;
            tickets.push(ticket);
        }
        self.sync(player, Line::Good)?;
        self.put_right();
        for ticket in tickets {
            if self.world.service.store.type_of(ticket).map_err(text)?.is_some() {
                self.begin_anew(ticket)?;
            }
        }
        self.tally.heaviest = self.heaviest()?;
        Ok(())
    }

    fn at_length(&mut self, mark: &str) -> String {
        let rest = 500 - mark.chars().count() - 1;
        let more: String = (0..rest)
            .map(|_| char::from_u32(0x4e00 + self.rng.below(5_000) as u32).unwrap_or('好'))
            .collect();
        format!("{mark} {more}")
    }

    fn heaviest(&self) -> Result<usize, String> {
        let service = &self.world.service;
        let mut heaviest = 0;
        for area in service.tree().iter() {
            for row in service.store.records_of(area.no).map_err(text)? {
                let found = service.store.record(row.record).map_err(text)?;
                let bytes = found.map_or(0, |(_, documents)| documents.iter().map(|d| d.bytes.len()).sum());
                heaviest = heaviest.max(bytes);
            }
        }
        Ok(heaviest)
    }

    /// A phone fetches all there is with a budget; no piece is more than a record beyond what was asked for.
    fn small_pieces(&mut self, player: usize) -> Result<(), String> {
        let most = 2 * (PIECE + self.heaviest()?);
        loop {
            let phone = &mut self.players[player].phone;
            let mut receiving =
                phone.send(&self.world, BUDGET).map_err(|error| format!("a heavy request: {error}"))?;
            let largest = receiving.largest_frame();
            self.note(format!("{player} is sent a frame of {largest} bytes; {most} would do"));
            if largest > most {
                return Err(format!("a frame of {largest} bytes for a budget of {BUDGET}"));
            }
            let phone = &mut self.players[player].phone;
            let more =
                phone.take(&mut receiving, usize::MAX).map_err(|error| format!("a heavy answer: {error}"))?;
            self.took(player, &receiving.report)?;
            if more != Some(true) {
                return Ok(());
            }
        }
    }
}
