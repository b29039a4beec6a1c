//! The lists of a set beside its record types: roles, read classes, categories, kinds of area.

use super::Label;

/// A role a person may hold (`roles.json`).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes or no of the role's own in `roles.json`")]
pub struct Role {
    pub code: String,
    pub label: Label,
    /// The lowest level it works at: 0 outside the levels, 1 grid … 4 district.
    pub level: u8,
    /// The highest level it works at; equal to `level` for most.
    pub max_level: u8,
    /// Names of the read classes it reads beyond `ordinary`.
    pub reads: Vec<String>,
    /// May pull ledgers of the areas it is granted.
    pub supervises: bool,
    /// May have records and fields erased, in the areas it is granted.
    pub erases: bool,
    /// May change the territory of the areas it is granted: draw up, approve and apply plans.
    pub plans: bool,
    /// What of an area's records reaches its holder.
    pub scope: Scope,
    /// Whose values its holder may see unmasked, for a reason and with a row in the read log; `None` for nobody's.
    pub unmasks: Option<Unmasks>,
    /// May read the read log of the areas it is granted.
    pub audits: bool,
    /// May share fields of the areas it is granted with departments.
    pub shares: bool,
    /// Whether a person signs in under it; residents act through others.
    pub account: bool,
}

/// What of an area's records a role receives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All of the granted areas.
    #[default]
    Area,
    /// Only the records its holder is assigned to, and those he or she created.
    Assigned,
    /// Only the records its holder created.
    Own,
}

/// Whose values a role may see unmasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unmasks {
    /// Of records assigned to its holder, and of those he or she created.
    Handled,
    /// Of all records it reads.
    Area,
}

/// Who reads which fields. Its index is the number of the facet; 0 is `ordinary`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadClass {
    pub name: String,
    pub label: Label,
}

/// What a ticket is about (`categories.json`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    pub code: String,
    pub label: Label,
    /// What a feedback must carry.
    pub evidence: Evidence,
    /// Closes by itself after feedback, with no second person.
    pub auto_check: bool,
    /// Words of residents that belong here, for search and tests.
    pub examples: Vec<String>,
}

/// What a feedback must carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    Photo,
    /// A photo or a note.
    #[default]
    Note,
    None,
}

/// A kind of area (`areas.json`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AreaKind {
    pub code: String,
    pub label: Label,
    /// 1 grid and below, 2 community, 3 street, 4 district.
    pub level: u8,
    /// Codes of the kinds it may lie in directly; empty for the root.
    pub parents: Vec<String>,
}
