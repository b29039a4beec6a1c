//! Files of stories; one that cannot be read or written panics at the line of the story.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::outcome::done;

/// A folder that goes when the story ends.
#[track_caller]
pub fn folder() -> TempDir {
    done("making a folder", tempfile::tempdir())
}

/// The bytes of a file.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> Vec<u8> {
    done("reading the file", fs::read(path))
}

/// Writes a file anew.
#[track_caller]
pub fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    done("writing the file", fs::write(path, bytes));
}

/// Removes a file.
#[track_caller]
pub fn remove(path: impl AsRef<Path>) {
    done("removing the file", fs::remove_file(path));
}

/// Copies a file.
#[track_caller]
pub fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    done("copying the file", fs::copy(from, to));
}
