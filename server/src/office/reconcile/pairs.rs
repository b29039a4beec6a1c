//! The pairs found so far of a spreadsheet's things and the store's records, and the territory that pairing sees.

use std::collections::{HashMap, HashSet};

use gridledger_core::rights::AreaTree;
use gridledger_schema::ids::{AreaNo, RecordId};

use super::things::Thing;
use crate::office::import::fault::Wrong;
use crate::service::Service;

/// The record that each thing of a spreadsheet was paired with.
#[derive(Default)]
pub(crate) struct Pairs<'a> {
    of: HashMap<(&'static str, &'a str), RecordId>,
    pub(crate) claimed: HashSet<RecordId>,
    /// Things that may or may not be an existing record, by type and key.
    pub(crate) doubts: HashMap<(&'static str, &'a str), Wrong>,
    /// Residencies that end because their person lives elsewhere now: the line of the spreadsheet, and the residency.
    pub(crate) moved_out: Vec<(u64, RecordId)>,
}

impl<'a> Pairs<'a> {
    pub(crate) fn get(&self, record_type: &'static str, key: &str) -> Option<RecordId> {
        self.of.get(&(record_type, key)).copied()
    }

    pub(crate) fn join(&mut self, thing: &Thing<'a>, record: RecordId) {
        self.of.insert((thing.record_type, thing.key), record);
        self.claimed.insert(record);
    }

    pub(crate) fn is_paired(&self, thing: &Thing<'a>) -> bool {
        self.of.contains_key(&(thing.record_type, thing.key))
    }

    pub(crate) fn is_free(&self, record: RecordId) -> bool {
        !self.claimed.contains(&record)
    }
}

/// The territory as the pairing sees it.
pub(crate) struct Ground<'a> {
    pub(crate) service: &'a Service,
    pub(crate) tree: &'a AreaTree,
    /// The areas that the spreadsheet names.
    pub(crate) covered: HashSet<AreaNo>,
    /// Whether doubtful things are taken for the record that they may be.
    pub(crate) accepts_doubtful: bool,
}

/// Finds the community of an area; without one, the area above.
pub(crate) fn community(tree: &AreaTree, area: AreaNo) -> Option<AreaNo> {
    let mut at = tree.get(area);
    let above = at.and_then(|info| info.parent);
    while let Some(info) = at {
        if info.kind == "community" {
            return Some(info.no);
        }
        at = info.parent.and_then(|parent| tree.get(parent));
    }
    above
}
