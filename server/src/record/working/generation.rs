//! A record's generation: how large it has grown, where it ends, what the next one begins with.

use gridledger_core::derive::DeriveError;
use gridledger_core::digest;
use gridledger_core::document::{Document, RULES_VERSION};
use gridledger_core::epoch::{self, Erasure, Place};
use gridledger_schema::limits;
use gridledger_schema::set::RecordType;

use super::{Finished, Working};
use crate::store::rows::records::{Before, RecordRow, RecordWrite};

impl Working {
    /// Its documents.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (u8, &Document)> {
        self.facets.iter().map(|(facet, held)| (*facet, &held.document))
    }

    /// All erasures of it.
    pub(crate) fn erasures(&self) -> Vec<Erasure> {
        let bases = self.facets.values().filter_map(|f| f.document.base());
        bases.flat_map(|base| base.erased).collect()
    }

    /// Operations of its documents, of both its base and its entries; and those of its entries alone.
    pub(crate) fn operations_since(&self) -> (u64, u64) {
        let all = self.operations();
        if all < limits::EPOCH_OPERATIONS {
            return (all, 0);
        }
        let base = self.documents().map(|(_, document)| document.base_operation_count());
        (all, all.saturating_sub(base.sum()))
    }

    /// Entries, and bytes of entries, since its generation began.
    pub(crate) fn since(&self) -> (u64, u64) {
        let (row, before) = (&self.row, &self.row.before);
        (row.entries.saturating_sub(before.entries), row.entry_bytes.saturating_sub(before.entry_bytes))
    }

    /// The bytes of its generation: its base and the entries since.
    pub(crate) fn bytes(&self) -> u64 {
        self.row.before.base_bytes + self.since().1
    }

    /// Begins a new generation at a position of the log, without what is erased. On an error all is as it was.
    pub(crate) fn begin(
        &mut self,
        record_type: Option<&RecordType>,
        seq: u64,
        erased: &[Erasure],
    ) -> Result<(), DeriveError> {
        let (record, epoch) = (self.row.record, self.row.epoch + 1);
        let facet_of = |field: &str| record_type.and_then(|t| t.field(field)).map(|f| f.facet);
        let mut bases = Vec::new();
        for (facet, document) in self.documents() {
            let of_facet = erased.iter().filter(|e| facet_of(&e.field).is_none_or(|f| f == facet));
            let of_facet: Vec<Erasure> = of_facet.cloned().collect();
            let place = Place { record, facet, epoch };
            bases.push((facet, epoch::begin(document, place, &of_facet)?));
        }
        self.base = Some(bases.iter().map(|(facet, base)| (*facet, base.save())).collect());
        let base_bytes = bases.iter().map(|(_, base)| base.save_fast().len() as u64).sum();
        for (facet, base) in bases {
            if let Some(held) = self.facets.get_mut(&facet) {
                (held.document, held.changed) = (base, true);
            }
        }
        self.start(seq, base_bytes);
        Ok(())
    }

    /// Nothing is left of the record but its row.
    pub(crate) fn erase(&mut self, seq: u64) {
        self.base = Some(Vec::new());
        self.row.erased = true;
        self.start(seq, 0);
    }

    fn start(&mut self, seq: u64, base_bytes: u64) {
        let row = &mut self.row;
        (row.epoch, row.began, row.last) = (row.epoch + 1, seq, seq);
        row.before = Before { entries: row.entries, entry_bytes: row.entry_bytes, base_bytes };
        row.rules = RULES_VERSION;
        self.view = None;
    }

    /// The writes for what is left of an erased record.
    pub(crate) fn finish_erased(self) -> Finished {
        let terms = self.facets.iter();
        let digest_changes = terms.map(|(facet, f)| (*facet, digest::change(f.stored_term, 0))).collect();
        let record = RecordWrite {
            row: RecordRow { due_at: None, ..self.row },
            documents: Vec::new(),
            ledger: Vec::new(),
            base: self.base,
        };
        Finished { record, digest_changes }
    }
}
