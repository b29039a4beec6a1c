//! The read log: every unmasked view, ledger, export, share and offline read, written before a value leaves.
//!
//! [`note`] makes the row of a view at a desk; [`page`] shows pages of the log. The store links the rows to a chain;
//! `sync` takes the rows that phones bring.

pub mod page;

use std::collections::BTreeSet;

use gridledger_core::rights::AreaTree;
use gridledger_schema::ids::{AreaNo, RecordId};

use crate::rights::reader::Reader;
use crate::store::rows::read_log::{NewRead, ReadKind};

/// Makes a row about values that a desk sees now.
pub fn note(
    reader: &Reader<'_>,
    (kind, subject): (ReadKind, String),
    fields: Vec<String>,
    reason: &str,
    seen: &[(RecordId, AreaNo)],
) -> NewRead {
    NewRead {
        at: reader.now,
        received_at: reader.now,
        user: reader.login.to_owned(),
        device: None,
        device_n: None,
        kind,
        subject,
        area: around(reader.tree(), seen.iter().map(|(_, area)| *area), reader.now),
        fields,
        reason: reason.to_owned(),
        records: seen.iter().map(|(record, _)| *record).collect(),
        share: None,
    }
}

/// The smallest area that these lie in at a time; `None` for none, or if they have nothing in common.
pub fn around(tree: &AreaTree, areas: impl IntoIterator<Item = AreaNo>, at: i64) -> Option<AreaNo> {
    let areas: BTreeSet<AreaNo> = areas.into_iter().collect();
    let mut above = *areas.first()?;
    // As many steps as there are areas end at the root, or have gone round a cycle.
    for _ in 0..=tree.iter().count() {
        if areas.iter().all(|area| tree.is_within(*area, above, at)) {
            return Some(above);
        }
        above = tree.get(above)?.parent?;
    }
    None
}
