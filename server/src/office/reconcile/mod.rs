//! Imports the register: compares a spreadsheet with the store and with the last spreadsheet, and writes the difference.
//!
//! A new thing becomes a record. A corrected value becomes an edit that claims to have seen what the last import had
//! seen. A value that another person wrote meanwhile stays. One user writes the import, as entries like any others.
//!
//! Reading order: `things` of a spreadsheet; the records `held` of them; `pair` and `people` find the `pairs`;
//! `compare` finds the differences from the `base`; `survey` collects them in an `outlook`; `write` carries it out.

mod base;
mod compare;
mod held;
mod names;
mod outlook;
mod pair;
mod pairs;
mod people;
mod survey;
mod things;
mod write;

pub use outlook::{Doubt, ImportReport, Item};
pub use survey::Prepared;

use gridledger_schema::wire::Grant;

use crate::office::import::register::Register;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::people::User;

/// The reason why nothing was imported, or why the import stopped.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file names an area that does not exist.
    #[error("line {line}: there is no area {area}")]
    AreaUnknown {
        /// The line in the file.
        line: u64,
        /// The area's code.
        area: String,
    },
    /// The user may not create the records of the file.
    #[error("{login} holds no role in area {area} that may create a {record_type}; such are: {}", .roles.join(", "))]
    NoRole {
        /// The user.
        login: String,
        /// The area's code.
        area: String,
        /// The record type.
        record_type: &'static str,
        /// The roles that may.
        roles: Vec<String>,
    },
    /// Another import began meanwhile. What was written until then stays.
    #[error("another import began meanwhile; run this one again when it is over")]
    Overtaken,
    /// The store failed. What was written until then stays; the same import again goes on from there.
    #[error(transparent)]
    Store(StoreError),
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Taken(_) => Self::Overtaken,
            other => Self::Store(other),
        }
    }
}

/// The options of an import.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImportOptions {
    /// Whether things that may be a record that is there are taken for it.
    pub accept_doubtful: bool,
}

/// Imports `register` as `user`. Calls `progress` with (done, total) after each piece.
pub fn import_register(
    service: &Service,
    user: &User,
    register: &Register,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<ImportReport, ImportError> {
    let grants = service.store.grants(user.no)?;
    let prepared = prepare(service, (&user.login, &grants), register, ImportOptions::default())?;
    write::carry_out(service, user, prepared, progress)
}

/// Compares a register with the store, for a person of this login who holds these grants. Nothing is written.
pub fn prepare<'a>(
    service: &'a Service,
    importer: (&str, &[Grant]),
    register: &'a Register,
    options: ImportOptions,
) -> Result<Prepared<'a>, ImportError> {
    survey::prepare(service, importer, register, options)
}

/// Does what was prepared.
pub fn carry_out(
    service: &Service,
    user: &User,
    prepared: Prepared<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<ImportReport, ImportError> {
    write::carry_out(service, user, prepared, progress)
}
