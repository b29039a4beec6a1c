//! A record as the server holds it.

use std::collections::BTreeMap;

use gridledger_core::document::Document;
use gridledger_core::handlers::handlers;
use gridledger_core::project::{View, project};
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::set::{RecordType, Scope};
use gridledger_server::store::rows::records::HistoryRow;

/// A record as the server holds it.
pub(super) struct Held {
    pub(super) id: RecordId,
    pub(super) area: AreaNo,
    /// The position at which its generation began.
    pub(super) began: u64,
    pub(super) record_type: RecordType,
    pub(super) documents: BTreeMap<u8, Document>,
    /// Stored and refused entries, the stored in log order.
    pub(super) history: Vec<(HistoryRow, Entry)>,
}

impl Held {
    pub(super) fn stored(&self) -> impl Iterator<Item = &(HistoryRow, Entry)> {
        self.history.iter().filter(|(row, _)| row.refusal.is_none())
    }

    /// Whether any of its entries lost its bytes: what those said cannot be added up any more.
    pub(super) fn is_emptied(&self) -> bool {
        self.history.iter().any(|(row, _)| row.body.is_empty())
    }

    /// Whether somebody whose role has this scope sees it: as who made it, or handles it.
    pub(super) fn is_within(&self, scope: Option<Scope>, login: &str) -> bool {
        let is_made_by = || {
            let mut made = self.stored().filter(|(row, _)| self.is_made_in(row));
            made.any(|(row, _)| row.author == login)
        };
        let is_handled_by = || handlers(&self.view(1).to_json()).any(|handler| handler == login);
        match scope {
            None => false,
            Some(Scope::Area) => true,
            Some(Scope::Assigned) => is_made_by() || is_handled_by(),
            Some(Scope::Own) => is_made_by(),
        }
    }

    pub(super) fn is_made_in(&self, row: &HistoryRow) -> bool {
        RecordId::created_by(row.feed, row.n) == self.id
    }

    pub(super) fn view(&self, facets: u64) -> View {
        let readable = self.documents.iter().filter(|(f, _)| facets & (1 << **f) != 0);
        project(&self.record_type, readable.map(|(_, d)| d))
    }
}
