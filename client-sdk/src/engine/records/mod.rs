//! Records in the file: rows, documents, own entries, views, and their removal. All are functions over a connection.

pub(crate) mod areas;
pub(crate) mod creators;
pub(crate) mod documents;
pub(crate) mod due;
pub(crate) mod entries;
pub(crate) mod erased;
pub(crate) mod held;
pub(crate) mod names;
pub(crate) mod rebuild;
pub(crate) mod remove;
pub(crate) mod rows;
pub(crate) mod seen;
pub(crate) mod shadows;
pub(crate) mod views;
