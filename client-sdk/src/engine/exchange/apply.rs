//! An answer's frames. Each is one transaction together with its cursor: a kill leaves the state before the frame or after it,
//! and the next sync goes on from there.

use gridledger_core::wire::{WireError, frames};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaInfo, Frame, GrantSet, Welcome};

use crate::engine::exchange::answer::{Exchange, Progress};
use crate::engine::exchange::kept_receipts;
use crate::engine::file::database;
use crate::engine::file::settings::{
    CODE, DEVICE, GRANTS, Json, NAME, SCHEMA, SCHEMA_NO, SERVER_DOUBTED, SERVER_EPOCH, SERVER_KEY,
    SERVER_SUITE, SYNCED_AT, TERRITORY, USER, WITHOUT_DICTIONARY,
};
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::Points;
use crate::engine::reading::read_log;
use crate::engine::records::entries::refused;
use crate::engine::records::names::Names;
use crate::engine::records::{areas, remove};
use crate::error::ClientError;
use crate::faults;
use crate::model::SyncReport;

impl Engine {
    /// Applies every frame that has arrived whole, and leaves the rest in `arrived`.
    ///
    /// # Errors
    ///
    /// `Wire` for an answer that the protocol does not allow, and the store's. The exchange is over then; what was applied
    /// stays.
    pub fn apply(
        &mut self,
        mut exchange: Exchange,
        arrived: &mut Vec<u8>,
        report: &mut SyncReport,
    ) -> Result<Progress, ClientError> {
        while !exchange.heard.is_void
            && let Some(frame) = self.take_frame(&mut exchange, arrived, report)?
        {
            if is_news(&frame) && !std::mem::replace(&mut exchange.heard.reach_settled, true) {
                exchange.heard.ask_again |= self.settle_reach(&mut exchange)?;
            }
            let end =
                if let Frame::End { more } = frame { Some(more || exchange.heard.ask_again) } else { None };
            self.apply_frame(&mut exchange, frame, report)?;
            report.corrected += std::mem::take(&mut exchange.heard.corrected);
            faults::reach("phone.after_frame");
            if let Some(more) = end {
                let more = more || exchange.heard.ask_again || exchange.heard.is_void;
                return Ok(Progress::Ended { more });
            }
        }
        if exchange.heard.is_void {
            arrived.clear();
            return Ok(Progress::Ended { more: true });
        }
        Ok(Progress::Waiting(Box::new(exchange)))
    }

    /// Takes the next whole frame. If it does not read, another process may have changed what an answer's names stand for: then
    /// the answer is void. So it is if it names a record that this phone never got.
    fn take_frame(
        &mut self,
        exchange: &mut Exchange,
        arrived: &mut Vec<u8>,
        report: &mut SyncReport,
    ) -> Result<Option<Frame>, ClientError> {
        let error = match frames::take_frame(arrived, &Names(&self.db)) {
            Ok(frame) => return Ok(frame),
            Err(error) => error,
        };
        if self.apply_part(exchange, Points::NONE, |_, _, _| Ok(()))?.is_none() {
            return Ok(None);
        }
        match error {
            WireError::RecordName { area, .. } if self.take_unknown_name(exchange, area, report)? => {
                exchange.heard.is_void = true;
                Ok(None)
            }
            error => Err(error.into()),
        }
    }

    fn apply_frame(
        &mut self,
        exchange: &mut Exchange,
        frame: Frame,
        report: &mut SyncReport,
    ) -> Result<(), ClientError> {
        match frame {
            Frame::Welcome(welcome) => self.apply_welcome(exchange, &welcome),
            Frame::Time { at, epoch } => self.apply_time(exchange, at, epoch),
            Frame::Grants(set) => self.apply_grants(exchange, &set),
            Frame::Schema(bundle) => self.apply_schema(exchange, &bundle),
            Frame::Receipt(receipt) => self.apply_receipt(exchange, &receipt, report),
            Frame::Granted(area) => self.apply_granted(exchange, &area),
            Frame::Withdrawn(area) => self.apply_withdrawn(exchange, area),
            Frame::Delta(delta) => self.apply_delta(exchange, delta, report),
            Frame::Lease(lease) => self.apply_lease(exchange, lease),
            Frame::ReadsKept(n) => {
                self.apply_part(exchange, Points::NONE, |_, _, c| read_log::remove_reads(c, n)).map(drop)
            }
            Frame::Times(times) => {
                exchange.heard.times = Some(times);
                Ok(())
            }
            // The edit stays on the list until its author has seen the ruling and dismisses it.
            Frame::Ruling(ruling) => {
                self.apply_part(exchange, Points::NONE, |_, _, c| refused::keep_ruling(c, &ruling)).map(drop)
            }
            Frame::Restored(notice) => self.apply_restored(exchange, &notice),
            Frame::Recovery(phase) => self.apply_recovery(exchange, phase),
            Frame::End { more } => {
                let more = more || exchange.heard.ask_again;
                self.apply_end(exchange, more)
            }
        }
    }

    fn apply_welcome(&mut self, exchange: &mut Exchange, welcome: &Welcome) -> Result<(), ClientError> {
        self.apply_part(exchange, Points::NONE, |engine, _, c| {
            DEVICE.set(c, &welcome.device.0)?;
            // A phone leaves a generation only when the server has said what it has of this phone's.
            if engine.me.server_epoch.is_none() {
                SERVER_EPOCH.set(c, &welcome.server_epoch)?;
            }
            SERVER_KEY.set(c, &welcome.server_key)?;
            SERVER_SUITE.set(c, &welcome.suite.unwrap_or(Suite::Ed25519Sha256).into())?;
            USER.set(c, &welcome.user)?;
            NAME.set(c, &welcome.name)?;
            CODE.remove(c)
        })?;
        self.reload()
    }

    fn apply_end(&mut self, exchange: &mut Exchange, more: bool) -> Result<(), ClientError> {
        let now = self.now()?;
        let is_over = exchange.heard.recovery_over && !more;
        // A receipt is old only if the server's clock and the phone's both say so.
        let oldest = now.min((self.clock)());
        let untold = self.apply_part(exchange, Points::NONE, |engine, exchange, c| {
            SYNCED_AT.set(c, &now)?;
            refused::mark_notes_told(c, &exchange.sent.asks)?;
            kept_receipts::remove_old(c, oldest)?;
            if exchange.sent.shows_receipts {
                // The server can account for the receipts that it was shown.
                SERVER_DOUBTED.set(c, &false)?;
            }
            engine.end_recovery(c, is_over)
        })?;
        exchange.heard.ask_again |= untold.unwrap_or_default();
        database::scrub_log(&self.db)?;
        if exchange.heard.lease_misfit {
            // The verdicts of this answer hold. News wait until a lease opens this store.
            return Err(WireError::Malformed("lease").into());
        }
        Ok(())
    }

    fn apply_grants(&mut self, exchange: &mut Exchange, set: &GrantSet) -> Result<(), ClientError> {
        self.apply_basis(exchange, |_, c| {
            GRANTS.set(c, &Json(set.grants.clone()))?;
            TERRITORY.set(c, &set.territory)
        })?;
        Ok(())
    }

    fn apply_schema(&mut self, exchange: &mut Exchange, bundle: &str) -> Result<(), ClientError> {
        SchemaSet::from_bundle(bundle)?;
        self.apply_basis(exchange, |engine, c| {
            SCHEMA.set(c, &bundle.to_owned())?;
            SCHEMA_NO.set(c, &(engine.schema_no + 1))?;
            WITHOUT_DICTIONARY.set(c, &false)
        })?;
        self.follow_schema()
    }

    fn apply_granted(&mut self, exchange: &mut Exchange, area: &AreaInfo) -> Result<(), ClientError> {
        self.apply_basis(exchange, |_, c| areas::keep(c, area, true))?;
        self.apply_part(exchange, Points::NONE, |engine, _, _| engine.note_reach(area.no))?;
        Ok(())
    }

    /// Removes the records of an area. Those with work that the server has not decided go when it has.
    fn apply_withdrawn(&mut self, exchange: &mut Exchange, area: AreaNo) -> Result<(), ClientError> {
        self.apply_basis(exchange, |_, c| remove::withdraw_area(c, area))?;
        Ok(())
    }
}

/// Whether a frame comes after those that say what may be read.
fn is_news(frame: &Frame) -> bool {
    matches!(frame, Frame::Granted(_) | Frame::Withdrawn(_) | Frame::Delta(_) | Frame::End { .. })
}
