//! This file holds record types and their fields, as valid record files declare them.

use super::Kind;
use std::collections::BTreeMap;

/// A name in both languages. Neither is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// One record type (`records/NAME.json`).
#[derive(Clone, Debug, PartialEq)]
pub struct RecordType {
    /// The file's name without `.json`.
    pub name: String,
    /// The type's name for people.
    pub label: Label,
    /// Codes of the roles that may create a record of the type (`x-create`).
    pub create: Vec<String>,
    /// The field shown as the title (`x-title`).
    pub title: Option<String>,
    /// The workflow its events field follows (`x-workflow`).
    pub workflow: Option<String>,
    /// How long phones hold its records (`x-device`); `None` is for ever.
    pub device: Option<Device>,
    /// The moment from which the days of keeping count, unless a field names another (`x-retain-from`).
    pub retain_from: RetainFrom,
    /// Fields by name.
    pub fields: BTreeMap<String, Field>,
    pub(super) order: Vec<String>,
}

impl RecordType {
    /// Finds a field by name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(name)
    }

    /// Names of the fields in the order the file declares them.
    pub fn order(&self) -> &[String] {
        &self.order
    }

    /// The moment from which the days of keeping a field count.
    pub fn retain_from<'a>(&'a self, field: &'a Field) -> &'a RetainFrom {
        field.privacy.retain_from.as_ref().unwrap_or(&self.retain_from)
    }

    /// The field that holds the purposes consented to, if there is one.
    pub fn consents_field(&self) -> Option<&Field> {
        self.field(CONSENTS).filter(|field| field.merge == Merge::SetRemoveWins)
    }

    /// The field that holds the ticket events, if the type follows a workflow.
    pub fn events_field(&self) -> Option<&Field> {
        self.fields.values().find(|field| field.merge == Merge::Events)
    }
}

/// The name of the field that holds the purposes consented to. In this set a withdrawal beats a concurrent
/// consent.
pub const CONSENTS: &str = "consents";

/// One field of a record type.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The field's name.
    pub name: String,
    /// The field's name for people.
    pub label: Label,
    /// The kind of one written value: for a set, log or events field one *element*, for a map one *child*,
    /// for a counter one *increment*, for every other field the value itself.
    pub kind: Kind,
    /// How concurrent writes merge (`x-merge`).
    pub merge: Merge,
    /// Codes of the roles that may write it (`x-write`), groups already resolved.
    pub write: Vec<String>,
    /// Only the record's creator may write it, under one of the roles of `write` (`x-own`).
    pub own: bool,
    /// Number of the read class (`x-read`), an index into [`super::SchemaSet::read_classes`].
    pub facet: u8,
    /// The demands of the law (`x-privacy`).
    pub privacy: Privacy,
    /// The ledger's column for it (`x-ledger`); `None` where it has none.
    pub ledger: Option<LedgerColumn>,
    /// A shorter stay on phones than that of the record (`x-device`).
    pub device: Option<Device>,
    /// The creating entry must write it (`required`).
    pub required: bool,
    /// The most elements of a set, log or events field, or children of a map.
    pub max_items: Option<u32>,
}

/// How concurrent writes of a field merge (`x-merge`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Merge {
    /// Set once; a second, different value is refused.
    Once,
    /// One value is shown; the others are kept as conflicts.
    Register,
    /// All concurrent values are shown until somebody who saw them settles the conflict.
    Multi,
    /// The largest value ever written.
    Max,
    /// The sum of all increments.
    Counter,
    /// Text edited by splices.
    Text,
    /// A set in which an addition beats a concurrent removal.
    SetAddWins,
    /// A set in which a removal beats a concurrent addition.
    SetRemoveWins,
    /// A grow-only log, keyed by entry.
    Log,
    /// Children keyed by id; the kind is the object of a child's fields.
    Map,
    /// The events of a workflow.
    Events,
}

impl Merge {
    /// Every merge kind, with its word in files.
    pub const ALL: [(&'static str, Merge); 11] = [
        ("once", Merge::Once),
        ("register", Merge::Register),
        ("multi", Merge::Multi),
        ("max", Merge::Max),
        ("counter", Merge::Counter),
        ("text", Merge::Text),
        ("set-add-wins", Merge::SetAddWins),
        ("set-remove-wins", Merge::SetRemoveWins),
        ("log", Merge::Log),
        ("map", Merge::Map),
        ("events", Merge::Events),
    ];

    /// The word of `x-merge`.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].0
    }

    /// Reads the word of `x-merge`.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(name, _)| *name == word).map(|(_, merge)| *merge)
    }

    /// Whether a written value is one element of many (the file says `type: array`).
    pub fn is_collection(self) -> bool {
        matches!(self, Self::SetAddWins | Self::SetRemoveWins | Self::Log | Self::Events)
    }
}

/// A ledger column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerColumn {
    /// The column has an index.
    pub indexed: bool,
}

/// How long, under which condition and for which roles a record or field stays on phones (`x-device`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The condition.
    pub keep: Keep,
    /// Days after the last change (for [`Keep::Open`]: after the closing); `None` is for ever.
    pub days: Option<u32>,
    /// Codes of the roles that keep it; empty for every role that reads it.
    pub roles: Vec<String>,
}

/// The condition under which a record stays on phones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Always (subject to `days`).
    Always,
    /// While its workflow state is open, and `days` after.
    Open,
    /// Never: fetched on request.
    Never,
}

/// The demands of the law on a field (`x-privacy`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    /// The class of personal data.
    pub class: PrivacyClass,
    /// The mask that shows it where nobody gave a reason to see it. Without a mask, codes, booleans and
    /// references are shown as they are, and every other personal value is hidden.
    pub mask: Option<Mask>,
    /// Days it is kept, counted from `retain_from`; then it is erased.
    pub retain_days: Option<u32>,
    /// The moment that `retain_days` counts from, where it differs from the record type's.
    pub retain_from: Option<RetainFrom>,
    /// The purpose that needs consent. Withdrawing the consent erases the field.
    pub consent: Option<String>,
    /// The purpose of keeping it; always present on personal and sensitive fields.
    pub purpose: Option<String>,
}

/// The moment from which the days of keeping a field count (`retain_from`, or the record type's `x-retain-from`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RetainFrom {
    /// The last write of the field; for an item or child, the last write of that.
    #[default]
    Written,
    /// The last change of any field of the record in the same facet.
    Changed,
    /// The end of the record's workflow. The days do not run while it is open.
    Closed,
    /// The time in this field. The days do not run while it is empty.
    Field(String),
}

/// Classes of personal data. `Sensitive` is that of the Personal Information Protection Law (PIPL), article
/// 28.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrivacyClass {
    /// Not personal.
    #[default]
    None,
    /// Personal.
    Personal,
    /// Sensitive.
    Sensitive,
}

/// Ways to mask a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// The family name, then 某某.
    Name,
    /// First three and last four digits.
    Phone,
    /// Not shown at all.
    Hidden,
    /// An address down to the building.
    Building,
    /// A band of ten years.
    AgeBand,
    /// Free text, scrubbed of long digit runs.
    Text,
    /// Shown as it is. The schema states that every reader of the record may see the field's values.
    Shown,
}

impl Mask {
    /// Every mask, with its word in files.
    pub const ALL: [(&'static str, Mask); 7] = [
        ("name", Mask::Name),
        ("phone", Mask::Phone),
        ("hidden", Mask::Hidden),
        ("building", Mask::Building),
        ("age-band", Mask::AgeBand),
        ("text", Mask::Text),
        ("shown", Mask::Shown),
    ];
}
