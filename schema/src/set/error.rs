//! This file holds the one error of a schema set: which file, where in it, and why.

use thiserror::Error;

/// The reason why a schema set was refused. It is shown as `records/foo.json#/properties/x/x-merge: unknown
/// merge kind `foo``.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{file}#{pointer}: {reason}")]
pub struct SchemaError {
    /// Path inside the set, with `/` between its parts (`records/foo.json`).
    pub file: String,
    /// JSON Pointer (RFC 6901) to the offending value; empty for the whole file.
    pub pointer: String,
    /// A sentence without its full stop.
    pub reason: String,
}

impl SchemaError {
    /// Makes an error about a file as a whole.
    pub(super) fn in_file(file: &str, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), pointer: String::new(), reason: reason.into() }
    }
}
