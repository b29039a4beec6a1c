//! Ledgers for tools: a typed SQL view of each record type, which a BI tool reads in the database itself.
//!
//! A tool holds no role and gives no reason. So it sees the masked values that a role without a read class of its own
//! sees, and no more. The server stores these values with each ledger row ([`shown`]), by the rules that answer a pull.
//! The views only give them SQL types ([`columns`]). [`renew`] makes the views again whenever the schema set changes
//! them.

use crate::shown::tool_columns as columns;
use crate::shown::tool_row as shown;
use crate::store::rows::tools::FACET;
pub mod export;

use std::collections::BTreeMap;

use gridledger_core::document::Document;
use gridledger_core::project::project;
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::SchemaSet;
use sha2::{Digest as _, Sha256};

use crate::service::Service;
use crate::store::rows::tools::{Shown, ToolLedger};
use crate::store::{Store, StoreError};

/// The version of columns and masks. It grows when the same schema set shows other values.
const VERSION: u8 = 1;
/// The setting that names the schema set under which all rows were last written.
const WRITTEN: &str = "tools_written";
/// Records written again in one transaction.
const BATCH: usize = 500;
/// Attempts to replace views that a tool is reading; each attempt waits for the tool.
const ATTEMPTS: u32 = 3;

/// The ledgers of a schema set, one a record type.
pub fn ledgers(schema: &SchemaSet) -> Vec<ToolLedger> {
    let of = |record_type| ToolLedger {
        record_type: String::clone(record_type),
        columns: columns::columns(&schema.types[record_type]),
    };
    schema.types.keys().map(of).collect()
}

/// The names of the codes in a schema set's columns: (record type, column, code, zh, en).
pub fn codes(schema: &SchemaSet) -> Vec<[String; 5]> {
    let types = schema.types.values();
    types.flat_map(|record_type| columns::codes(schema, record_type)).collect()
}

/// Makes the views of the schema set where they are missing or differ, and gives whether it made any. Nodes may serve and
/// tools may read meanwhile; a view that a tool is reading is waited for a little.
pub fn renew(store: &Store, schema: &SchemaSet) -> Result<bool, StoreError> {
    let (ledgers, codes) = (ledgers(schema), codes(schema));
    for _ in 1..ATTEMPTS {
        match store.put_tool_views(&ledgers, &codes) {
            Err(StoreError::ToolsRead) => {}
            outcome => return outcome,
        }
    }
    store.put_tool_views(&ledgers, &codes)
}

/// Writes down anew what tools may see of every record, if the schema set says something new about that. Until a record's turn comes,
/// columns that changed show nothing of it. Returns how many were written.
pub fn rewrite(service: &Service) -> Result<usize, StoreError> {
    if is_written(service)? {
        return Ok(0);
    }
    let (mut written, mut after) = (0, None);
    loop {
        let records = service.store.records_after(after, BATCH)?;
        let Some(last) = records.last() else { break };
        after = Some(*last);
        let rows = records.iter().map(|record| shown_of(service, *record));
        let rows: Vec<Shown> = rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        written += rows.len();
        service.store.put_shown(rows)?;
    }
    service.store.set_setting(WRITTEN, &mark(&service.schema))?;
    Ok(written)
}

/// Whether every row says what this schema set shows.
pub fn is_written(service: &Service) -> Result<bool, StoreError> {
    Ok(service.store.setting(WRITTEN)? == Some(mark(&service.schema)))
}

fn shown_of(service: &Service, record: RecordId) -> Result<Option<Shown>, StoreError> {
    let Some((row, documents)) = service.store.record(record)? else {
        return Ok(None);
    };
    let record_type = service.schema.record_type(&row.record_type);
    let document = documents.iter().find(|document| document.facet == FACET);
    let (Some(record_type), Some(document)) = (record_type, document) else {
        return Ok(None);
    };
    let document = Document::load(&document.bytes).map_err(|_| StoreError::Damaged("documents"))?;
    let shown = shown::shown(record_type, &project(record_type, [&document]));
    let last = row.last;
    Ok(Some(Shown { record, last, shown }))
}

/// Hashes the parts of a schema set on which the rows for tools depend.
fn mark(schema: &SchemaSet) -> Vec<u8> {
    let mut hash = Sha256::new_with_prefix([VERSION]);
    let keys: BTreeMap<&String, Vec<String>> = schema
        .types
        .iter()
        .map(|(name, record_type)| {
            let columns = columns::columns(record_type);
            (name, columns.into_iter().map(|column| column.key).collect())
        })
        .collect();
    hash.update(format!("{keys:?}"));
    hash.finalize().to_vec()
}
