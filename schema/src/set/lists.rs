//! This file holds the lists of a set beside its record types: roles, read classes, categories, kinds of
//! area.

use super::Label;

/// A role a person may hold (`roles.json`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of the role's own in `roles.json`")]
pub struct Role {
    /// The role's code.
    pub code: String,
    /// The role's name.
    pub label: Label,
    /// The lowest level the role works at: 0 outside the levels, 1 grid … 4 district.
    pub level: u8,
    /// The highest level the role works at; for most roles equal to `level`.
    pub max_level: u8,
    /// Names of the read classes that the role reads beside `ordinary`.
    pub reads: Vec<String>,
    /// The holder may pull ledgers of the granted areas.
    pub supervises: bool,
    /// The holder may have records and fields erased in the granted areas.
    pub erases: bool,
    /// The holder may change the territory of the granted areas: draw up, approve and apply plans.
    pub plans: bool,
    /// The part of an area's records that reaches the holder.
    pub scope: Scope,
    /// The records whose values the holder may see unmasked, for a reason and with a row in the read log;
    /// `None` for no record.
    pub unmasks: Option<Unmasks>,
    /// The holder may read the read log of the granted areas.
    pub audits: bool,
    /// The holder may share fields of the granted areas with departments.
    pub shares: bool,
    /// A person signs in under this role. Residents have none: others act for them.
    pub account: bool,
}

/// The part of an area's records that a role receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All of the granted areas.
    #[default]
    Area,
    /// Only the records that its holder is assigned to or created.
    Assigned,
    /// Only the records its holder created.
    Own,
}

/// The records whose values a role may see unmasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unmasks {
    /// Records that are assigned to its holder, or that its holder created.
    Handled,
    /// All records that it reads.
    Area,
}

/// A read class: a group of fields with the same readers. Its index is the facet's number; 0 is `ordinary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadClass {
    /// The class's code.
    pub name: String,
    /// The class's name.
    pub label: Label,
}

/// A ticket's category (`categories.json`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// The category's code.
    pub code: String,
    /// The category's name.
    pub label: Label,
    /// The evidence that a feedback must carry.
    pub evidence: Evidence,
    /// The ticket closes after feedback without a second person.
    pub auto_check: bool,
    /// Words of residents that belong to this category, for search and tests.
    pub examples: Vec<String>,
}

/// The kinds of evidence that a category can ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    /// A photo.
    Photo,
    /// A photo or a note.
    #[default]
    Note,
    /// Nothing.
    None,
}

/// A kind of area (`areas.json`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AreaKind {
    /// The kind's code.
    pub code: String,
    /// The kind's name.
    pub label: Label,
    /// The level: 1 grid and below, 2 community, 3 street, 4 district.
    pub level: u8,
    /// Codes of the kinds that an area of this kind may lie in directly; empty for the root.
    pub parents: Vec<String>,
}
