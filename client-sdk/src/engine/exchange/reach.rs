//! The phone's reach: facets and records that the user may read no longer go, those gained are asked for.

use gridledger_schema::ids::AreaNo;
use gridledger_schema::set::Scope;
use rusqlite::Connection;

use crate::engine::exchange::answer::Exchange;
use crate::engine::file::settings::TOLD_AT;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::Points;
use crate::engine::records::areas::{self, FetchedUnder, WHOLE};
use crate::engine::records::{documents, rebuild, remove, shadows};
use crate::error::ClientError;

/// The facets, as bits, and the scope, as a number, under which the user reads an area.
struct Reads {
    facets: u64,
    scope: i64,
}

impl Engine {
    /// Finds what the user may read of an area at a time.
    fn find_reads(&self, area: AreaNo, now: i64) -> Option<Reads> {
        let rights = self.rights();
        let scope = match rights.scope(area, now)? {
            Scope::Own => 0,
            Scope::Assigned => 1,
            Scope::Area => WHOLE,
        };
        Some(Reads { facets: rights.facets(area, now), scope })
    }

    /// Keeps the facets and the scope that an area is fetched under which is new here.
    pub(crate) fn note_reach(&self, area: AreaNo) -> Result<(), ClientError> {
        if let Some(Reads { facets, scope }) = self.find_reads(area, TOLD_AT.get(&self.db)?) {
            areas::keep_fetched(&self.db, area, facets, scope, true)?;
        }
        Ok(())
    }

    /// Puts the records held in step with the rights: facets and records lost go, gained ones are asked for from the
    /// beginning. Whether anything must be asked for. Expects the answer's rights and time to be applied.
    pub(crate) fn settle_reach(&mut self, exchange: &mut Exchange) -> Result<bool, ClientError> {
        let ask = self.apply_part(exchange, Points::NONE, |engine, _, c| engine.settle_reach_in(c))?;
        Ok(ask.unwrap_or_default())
    }

    fn settle_reach_in(&self, c: &Connection) -> Result<bool, ClientError> {
        let now = TOLD_AT.get(c)?;
        let mut ask = false;
        for FetchedUnder { area, facets: facets_before, scope: scope_before } in areas::list_fetched(c)? {
            // The server withdraws an area that may not be read at all.
            let Some(Reads { facets, scope }) = self.find_reads(area, now) else {
                continue;
            };
            if facets_before == Some(facets) && scope_before == Some(scope) {
                continue;
            }
            if let (Some(facets_before), Some(scope_before)) = (facets_before, scope_before) {
                let gains = facets & !facets_before != 0;
                if scope != scope_before || (gains && scope != WHOLE) {
                    remove::remove_area(c, area)?;
                    ask = true;
                } else if gains {
                    remove::unconfirm_area(c, area)?;
                    ask = true;
                }
                self.remove_facets(c, area, facets_before & !facets)?;
            }
            areas::keep_fetched(c, area, facets, scope, false)?;
        }
        Ok(ask)
    }

    /// Removes the documents of facets that may be read no longer. Own undecided content of these facets stays, without the
    /// rest.
    fn remove_facets(&self, c: &Connection, area: AreaNo, lost: u64) -> Result<(), ClientError> {
        for facet in (0..64u8).filter(|facet| lost & (1 << facet) != 0) {
            shadows::remove_facet(c, area, facet)?;
            let records = documents::remove_facet(c, area, facet)?;
            rebuild::rebuild_each(c, &self.schema, records, &self.me.user)?;
        }
        Ok(())
    }
}
