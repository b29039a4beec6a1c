//! The encrypted file: its key, its tables and settings, and the seal on residents' values. No file here knows the engine.

pub(crate) mod database;
pub(crate) mod key_file;
pub(crate) mod opening;
pub(crate) mod seal;
pub(crate) mod settings;
