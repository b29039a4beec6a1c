//! The position beside the store: how far the store had come, in a small file of its own. A store's file that is put back by
//! hand is behind it.
//!
//! `STORE.position` holds three numbers in a line: the generation, entries decided of all feeds together, the longest log. It is
//! written now and then and at a stop, never ahead of the store. Losing it loses nothing.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use gridledger_schema::ids::ServerEpoch;

use crate::store::rows::restores::Position;

/// The file beside a store.
pub fn beside(store: &Path) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(".position");
    name.into()
}

/// The position that was written last; `None` where there is none that can be read.
pub fn read(store: &Path) -> Option<Position> {
    let text = std::fs::read_to_string(beside(store)).ok()?;
    let mut numbers = text.split_whitespace().map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    Some(Position { epoch: ServerEpoch(next()?), entries: next()?, longest: next()? })
}

/// Writes a position in one step: a reader finds the old one or the new one.
pub fn write(store: &Path, position: Position) -> std::io::Result<()> {
    let (path, mut new) = (beside(store), beside(store).into_os_string());
    new.push(".new");
    let Position { epoch, entries, longest } = position;
    let mut file = std::fs::File::create(&new)?;
    writeln!(file, "{} {entries} {longest}", epoch.0)?;
    drop(file);
    std::fs::rename(new, path)
}
