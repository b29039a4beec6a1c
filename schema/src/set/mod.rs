//! The schema set holds every record type, role, category, kind of area and workflow of a deployment.

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

/// A valid schema set. Two sets with equal fingerprints are equal.
#[derive(Clone, Debug)]
pub struct SchemaSet {
    /// Record types by name.
    pub types: BTreeMap<String, RecordType>,
    /// Roles, in declared order.
    pub roles: Vec<Role>,
    /// Named groups of roles (`@worker`), resolved to role codes.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Read classes. The index is the facet's number; 0 is `ordinary`.
    pub read_classes: Vec<ReadClass>,
    /// Ticket categories, in declared order.
    pub categories: Vec<Category>,
    /// Lines of work (条线) that records are tagged with.
    pub lines: Vec<Choice>,
    /// Kinds of area, in declared order.
    pub area_kinds: Vec<AreaKind>,
    /// Workflows by name.
    pub workflows: BTreeMap<String, Workflow>,
    bundle: String,
    fingerprint: [u8; 8],
    dictionary: Vec<u8>,
}

impl SchemaSet {
    /// Finds a record type by name.
    pub fn record_type(&self, name: &str) -> Option<&RecordType> {
        self.types.get(name)
    }

    /// Finds a role by code.
    pub fn role(&self, code: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.code == code)
    }

    /// Finds a ticket category by code.
    pub fn category(&self, code: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.code == code)
    }

    /// Finds a workflow by name.
    pub fn workflow(&self, name: &str) -> Option<&Workflow> {
        self.workflows.get(name)
    }

    /// The facet number of a read class.
    pub fn facet(&self, read_class: &str) -> Option<u8> {
        self.read_classes.iter().position(|class| class.name == read_class).map(|at| at as u8)
    }

    /// The whole set as one text: a JSON object from path to content, in the order of paths, without white
    /// space. The server sends it to phones.
    pub fn bundle(&self) -> &str {
        &self.bundle
    }

    /// The first 8 bytes of the SHA-256 of the bundle.
    pub fn fingerprint(&self) -> [u8; 8] {
        self.fingerprint
    }

    /// A raw-content dictionary for zstd, at most [`bounds::DICTIONARY_BYTES_MAX`] bytes. It depends on the
    /// set alone: equal sets have equal dictionaries.
    pub fn dictionary(&self) -> &[u8] {
        &self.dictionary
    }
}
