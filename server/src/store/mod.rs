//! The store: one method, one transaction, over SQLite for one node or Postgres for many.
//!
//! Nothing here decides anything: [`Store::push`] asks `ingest` under its locks, everything else reads or writes rows.
//! Reading order: [`rows`] are what methods take and give; [`tables`] holds the methods, one file a resource, in SQL;
//! [`Store`] runs them in an engine, [`sqlite`] or [`postgres`], both of which speak through [`sql`]. [`shared`] holds
//! the tables' versions and the queue before a writer; wake-ups in `sql` wake waiting requests; [`copies`] are backups.

pub mod copies;
mod engine;
pub mod postgres;
pub mod rows;
pub mod shared;
pub mod sql;
pub mod sqlite;
pub mod tables;

pub use crate::store::sql::error::StoreError;
pub use engine::Store;
pub use rows::identity::Identity;
