//! Finds a record that a person at a desk may read. A reader without a right to the record gets `not_found`.

use gridledger_core::document::Document;
use gridledger_core::handlers::handlers;
use gridledger_core::project::{View, project};
use gridledger_schema::code::Code;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::RecordType;

use crate::rights::reader::{Reach, ReadError, Reader};
use crate::store::StoreError;
use crate::store::rows::records::RecordRow;

/// A record within a reader's reach: its row, its type, and the view of the facets that may be read.
pub struct Readable<'a> {
    /// The row.
    pub row: RecordRow,
    /// Its type.
    pub record_type: &'a RecordType,
    /// The part of the record that the reader may see.
    pub view: View,
    /// The reader's rights in the record's area.
    pub reach: Reach,
}

impl Readable<'_> {
    /// Whether this reader may see its values unmasked.
    pub fn may_unmask(&self, login: &str) -> bool {
        self.reach.unmasks(login, &self.row, handlers(&self.view.to_json()))
    }
}

/// Finds a record for a reader.
pub fn find<'a>(reader: &'a Reader<'_>, record: RecordId) -> Result<Readable<'a>, ReadError> {
    let unknown = || ReadError::refused(Code::NotFound, "no such record");
    let (row, documents) = reader.service.store.record(record)?.ok_or_else(unknown)?;
    let record_type = reader.service.schema.record_type(&row.record_type);
    let record_type = record_type.ok_or_else(unknown)?;
    let reach = reader.reach(row.area);
    let facets = documents
        .iter()
        .filter(|document| reach.reads(document.facet))
        .map(|document| Document::load(&document.bytes).map_err(|_| StoreError::Damaged("documents")))
        .collect::<Result<Vec<_>, _>>()?;
    let view = project(record_type, &facets);
    if !reach.covers(reader.login, &row, handlers(&view.to_json())) {
        return Err(unknown());
    }
    Ok(Readable { row, record_type, view, reach })
}
