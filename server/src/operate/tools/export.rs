//! `gridledger admin export-ledgers`: a copy for tools, made beside the service.

use std::path::Path;

use gridledger_schema::set::SchemaSet;

use super::{codes, ledgers};
use crate::config::StoreAddress;
use crate::store::tables::tools::export::export;
use crate::store::{StoreError, postgres, sqlite};

/// Copies what tools may see into a new SQLite file that only its owner reads. Returns how many rows.
pub fn to_file(address: &StoreAddress, schema: &SchemaSet, file: &Path) -> Result<usize, StoreError> {
    let unfit = |error: std::io::Error| StoreError::NotAStore(format!("{}: {error}", file.display()));
    make_private(file).map_err(unfit)?;
    let mut copy = rusqlite::Connection::open(file)?;
    let (ledgers, codes) = (ledgers(schema), codes(schema));
    match address {
        StoreAddress::Sqlite(path) => sqlite::look(path, |c| export(c, &ledgers, &codes, &mut copy)),
        StoreAddress::Postgres(url) => {
            postgres::look(url.reveal(), |c| export(c, &ledgers, &codes, &mut copy))
        }
    }
}

/// An empty file that was not there before.
fn make_private(file: &Path) -> std::io::Result<()> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}
