//! The work of a person at a desk: reading records and ledgers, writing, seeing values, settling refusals.

pub mod disclosure;
pub mod ledger;
pub mod lost;
pub mod record;
pub mod refused;
pub mod shares;
pub mod writing;
