//! What an answer means. Each frame is one transaction together with its cursor: a kill at any point leaves the state
//! before it or after it, and the next sync goes on from there.

use gridledger_core::wire::{WireError, frames};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaInfo, Frame, GrantSet, Welcome};
use serde_json::json;

use crate::engine::exchange::asks;
use crate::engine::exchange::kept_receipts;
use crate::engine::file::database;
use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::identity;
use crate::engine::phone::write_lock::UNNAMED;
use crate::engine::records::areas;
use crate::engine::records::names::Names;
use crate::engine::records::remove::{forget_confirmed, forget_withdrawn};
use crate::engine::records::shadows;
use crate::error::ClientError;
use crate::faults;
use crate::model::SyncReport;

impl Engine {
    /// Applies every frame that has arrived whole; leaves the rest in `arrived`. `Some(more)` when the last one was
    /// among them.
    pub fn apply(
        &mut self,
        arrived: &mut Vec<u8>,
        report: &mut SyncReport,
    ) -> Result<Option<bool>, ClientError> {
        while !self.answer_is_void
            && let Some(frame) = self.next_frame(arrived)?
        {
            if is_news(&frame) && !std::mem::replace(&mut self.reach_settled, true) {
                self.ask_again |= self.settle_reach()?;
            }
            let end = if let Frame::End { more } = frame { Some(more || self.ask_again) } else { None };
            self.apply_frame(frame, report)?;
            report.corrected += std::mem::take(&mut self.times.corrected);
            faults::reach("phone.after_frame");
            if let Some(more) = end {
                return Ok(Some(more || self.ask_again || self.answer_is_void));
            }
        }
        if self.answer_is_void {
            arrived.clear();
            return Ok(Some(true));
        }
        Ok(None)
    }

    /// The next whole frame. Another process may have changed what an answer's names stand for: then it is void.
    fn next_frame(&mut self, arrived: &mut Vec<u8>) -> Result<Option<Frame>, ClientError> {
        match frames::take_frame(arrived, &Names(&self.db)) {
            Err(error) => match self.of_answer(UNNAMED, |_, _| Ok(()))? {
                Some(()) => Err(error.into()),
                None => Ok(None),
            },
            frame => Ok(frame?),
        }
    }

    fn apply_frame(&mut self, frame: Frame, report: &mut SyncReport) -> Result<(), ClientError> {
        match frame {
            Frame::Welcome(welcome) => self.welcomed(&welcome),
            Frame::Time { at, epoch } => self.server_time(at, epoch),
            Frame::Grants(set) => self.granted_rights(&set),
            Frame::Schema(bundle) => self.new_schema(&bundle),
            Frame::Receipt(receipt) => self.receipt(&receipt, report),
            Frame::Granted(area) => self.granted(&area),
            Frame::Withdrawn(area) => self.withdrawn(area),
            Frame::Delta(delta) => self.delta(delta, report),
            Frame::Lease(lease) => self.renew(lease),
            Frame::ReadsKept(n) => self.reads_kept(n),
            Frame::Times(times) => {
                self.times.told = Some(times);
                Ok(())
            }
            Frame::Ruling(ruling) => self.ruled(&ruling),
            Frame::Restored(notice) => self.restored(&notice),
            Frame::Recovery(phase) => self.recovery_phase(phase),
            Frame::End { more } => self.ended(more || self.ask_again),
        }
    }

    pub(crate) fn ended(&mut self, more: bool) -> Result<(), ClientError> {
        let now = self.now()?;
        let is_over = std::mem::take(&mut self.recovering.over);
        // Neither a server's clock nor the phone's alone makes a receipt old.
        let oldest = now.min((self.clock)());
        let untold = self.of_answer(UNNAMED, |engine, c| {
            settings::set_number(c, "synced_at", now)?;
            asks::notes_told(c, &engine.asked)?;
            kept_receipts::forget_receipts(c, oldest)?;
            engine.end_doubt(c)?;
            engine.end_recovery(c, is_over && !more)
        })?;
        self.ask_again |= untold.unwrap_or_default();
        self.recovering.shows_receipts = false;
        database::scrub(&self.db)?;
        if std::mem::take(&mut self.lease.misfit) {
            // What was sent is decided all the same; news wait until a lease opens this store.
            return Err(WireError::Malformed("lease").into());
        }
        Ok(())
    }

    fn granted_rights(&mut self, set: &GrantSet) -> Result<(), ClientError> {
        self.of_newest_answer(UNNAMED, |_, c| {
            settings::set(c, "grants", json!(set.grants).to_string().as_bytes())?;
            settings::set_number(c, "territory", i64::from(set.territory))
        })?;
        Ok(())
    }

    fn new_schema(&mut self, bundle: &str) -> Result<(), ClientError> {
        SchemaSet::from_bundle(bundle)?;
        self.of_newest_answer(UNNAMED, |engine, c| {
            settings::set(c, "schema", bundle.as_bytes())?;
            settings::set_number(c, identity::SCHEMA_NO, engine.schema_no + 1)?;
            settings::set_number(c, "no_dictionary", 0)
        })?;
        self.follow_schema()
    }

    fn granted(&mut self, area: &AreaInfo) -> Result<(), ClientError> {
        self.of_newest_answer(UNNAMED, |_, c| areas::put_area(c, area, true))?;
        self.of_answer(UNNAMED, |engine, _| engine.note_reach(area.no))?;
        Ok(())
    }

    /// The area's records go; those with work that the server has not decided go when it has.
    fn withdrawn(&mut self, area: AreaNo) -> Result<(), ClientError> {
        self.of_newest_answer(UNNAMED, |_, c| {
            forget_confirmed(c, area)?;
            c.execute("UPDATE areas SET held = -1, facets = NULL, scope = NULL WHERE area = ?1", [area.0])?;
            shadows::forget_of(c, area)?;
            forget_withdrawn(c)
        })?;
        Ok(())
    }

    fn welcomed(&mut self, welcome: &Welcome) -> Result<(), ClientError> {
        self.of_answer(UNNAMED, |engine, c| {
            settings::set_number(c, "device", i64::from(welcome.device.0))?;
            // A generation that is left for another is left when the server says what it has of this phone's.
            if engine.me.server_epoch.is_none() {
                settings::set_number(c, "server_epoch", welcome.server_epoch.0 as i64)?;
            }
            settings::set(c, "server_key", &welcome.server_key)?;
            let suite = welcome.suite.unwrap_or(Suite::Ed25519Sha256);
            settings::set_number(c, "server_suite", suite.number().into())?;
            settings::set(c, "user", welcome.user.as_bytes())?;
            settings::set(c, "name", welcome.name.as_bytes())?;
            settings::unset(c, "code")
        })?;
        self.look_again()
    }
}

/// Whether a frame comes after those that say what may be read.
fn is_news(frame: &Frame) -> bool {
    matches!(frame, Frame::Granted(_) | Frame::Withdrawn(_) | Frame::Delta(_) | Frame::End { .. })
}
