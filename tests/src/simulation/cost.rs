//! A bound on what deciding a push costs: it grows with what the push holds and touches, and no faster.

use gridledger_client::{Intents, RecordId};
use gridledger_schema::limits;

use super::{Simulation, edits, text};
use crate::world::Line;

/// Questions to the store that any push may ask, and for each of its entries.
const READS: (u64, u64) = (400, 40);
/// How often the changes of everything there is may be copied in one push.
const COPIES: u64 = 2;
/// Edits of one text without a sync between them.
const SPLICES: usize = 96;

impl Simulation<'_> {
    /// One of two who share a grid edits a text many times on what the other has changed meanwhile.
    pub(super) fn many_splices(&mut self) -> Result<(), String> {
        let (author, other) = (0, 1);
        let areas = self.players[author].phone.engine().status().map_err(text)?.areas;
        let Some(area) = areas.first().map(|area| area.code.clone()) else {
            return Ok(());
        };
        let mark = self.mark();
        let intents = edits::ticket(&mut self.rng, &mark);
        let Some(ticket) = self.made(author, "ticket", &area, |_| intents)? else {
            return Ok(());
        };
        self.write_before(author, ticket)?;
        for player in [author, other] {
            self.sync(player, Line::Good)?;
        }
        self.write_before(other, ticket)?;
        self.sync(other, Line::Good)?;
        for _ in 0..SPLICES {
            self.write_before(author, ticket)?;
        }
        self.tally.splices += SPLICES;
        self.sync(author, Line::Good)
    }

    /// Writes before a ticket's text, if it is here.
    fn write_before(&mut self, player: usize, ticket: RecordId) -> Result<(), String> {
        let engine = self.players[player].phone.engine();
        let Some(ticket) = engine.for_check().get(ticket).map_err(text)? else {
            return Ok(());
        };
        let mark = self.mark();
        let words = Intents::new().splice("description", 0, 0, &mark);
        let saw = (!ticket.withheld).then_some(ticket.view);
        self.save(player, ticket.id, words, saw)
    }

    /// Checks the cost of the pushes since the last check.
    pub(super) fn pushes_are_cheap(&mut self) -> Result<(), String> {
        let entries = self.counts()?.1;
        for cost in self.world.take_costs() {
            let reads = READS.0 + READS.1 * cost.entries;
            let copies = COPIES * (entries + cost.entries);
            self.note(format!("  … {cost:?}"));
            self.tally.dearest = self.tally.dearest.max(cost.work as usize);
            if cost.reads > reads || cost.copied > copies || cost.work > limits::PUSH_WORK * 2 {
                return Err(format!(
                    "a push of {} entries asked {} questions and copied {} changes of {entries} entries: {cost:?}",
                    cost.entries, cost.reads, cost.copied
                ));
            }
        }
        Ok(())
    }
}
