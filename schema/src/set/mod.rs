//! The schema set: every record type, role, category, kind of area and workflow of a deployment.

mod banned;
pub mod bounds;
mod dictionary;
mod error;
mod folder;
mod json;
mod kind;
mod lists;
mod load;
mod names;
mod read_field;
mod read_keeping;
mod read_kind;
mod read_lists;
mod read_record;
mod read_workflow;
#[cfg(test)]
mod tests;
mod types;
mod workflow;

pub use error::SchemaError;
pub use kind::{Choice, Kind, TIME_MAX_MS, TIME_MIN_MS, ValueFault};
pub use lists::{AreaKind, Category, Evidence, ReadClass, Role, Scope, Unmasks};
pub use types::{
    CONSENTS, Device, Field, Keep, Label, LedgerColumn, Mask, Merge, Privacy, PrivacyClass, RecordType,
    RetainFrom,
};
pub use workflow::{Condition, Party, VerbGrant, VerbRule, Workflow, WorkflowState};

use std::collections::BTreeMap;

/// A valid schema set. Two sets with equal fingerprints say the same.
#[derive(Clone, Debug)]
pub struct SchemaSet {
    pub types: BTreeMap<String, RecordType>,
    pub roles: Vec<Role>,
    /// Named groups of roles (`@worker`), resolved to role codes.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Index = number of the facet; 0 is `ordinary`.
    pub read_classes: Vec<ReadClass>,
    pub categories: Vec<Category>,
    /// Lines of work (条线) that records are tagged with.
    pub lines: Vec<Choice>,
    pub area_kinds: Vec<AreaKind>,
    pub workflows: BTreeMap<String, Workflow>,
    bundle: String,
    fingerprint: [u8; 8],
    dictionary: Vec<u8>,
}

impl SchemaSet {
    pub fn record_type(&self, name: &str) -> Option<&RecordType> {
        self.types.get(name)
    }

    pub fn role(&self, code: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.code == code)
    }

    pub fn category(&self, code: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.code == code)
    }

    pub fn workflow(&self, name: &str) -> Option<&Workflow> {
        self.workflows.get(name)
    }

    /// The number of a read class.
    pub fn facet(&self, read_class: &str) -> Option<u8> {
        self.read_classes.iter().position(|class| class.name == read_class).map(|at| at as u8)
    }

    /// One text that holds every file of the set: a JSON object from path to content, in the order
    /// of paths, without white space. What a phone receives.
    pub fn bundle(&self) -> &str {
        &self.bundle
    }

    /// The first 8 bytes of the SHA-256 of the bundle.
    pub fn fingerprint(&self) -> [u8; 8] {
        self.fingerprint
    }

    /// A raw-content dictionary for zstd, at most [`bounds::DICTIONARY_BYTES_MAX`] bytes, made from
    /// the set alone: equal sets have equal dictionaries.
    pub fn dictionary(&self) -> &[u8] {
        &self.dictionary
    }
}
