//! What a person does at a desk: read a record, page through a ledger, write, see values, settle refusals.

pub mod disclosure;
pub mod ledger;
pub mod lost;
pub mod record;
pub mod refused;
pub mod shares;
pub mod writing;
