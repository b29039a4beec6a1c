//! Record types and their fields: what a record file says, once it was found valid.

use super::Kind;
use std::collections::BTreeMap;

/// A name in both languages; neither is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    pub zh: String,
    pub en: String,
}

/// One record type (`records/NAME.json`).
#[derive(Clone, Debug, PartialEq)]
pub struct RecordType {
    /// The file's name without `.json`.
    pub name: String,
    pub label: Label,
    /// Codes of the roles that may create one (`x-create`).
    pub create: Vec<String>,
    /// The field shown as the title (`x-title`).
    pub title: Option<String>,
    /// The workflow its events field follows (`x-workflow`).
    pub workflow: Option<String>,
    /// How long phones hold its records (`x-device`); `None` is for ever.
    pub device: Option<Device>,
    /// What its fields' days of keeping count from, unless they say otherwise (`x-retain-from`).
    pub retain_from: RetainFrom,
    pub fields: BTreeMap<String, Field>,
    pub(super) order: Vec<String>,
}

impl RecordType {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(name)
    }

    /// Names of the fields in the order the file declares them.
    pub fn order(&self) -> &[String] {
        &self.order
    }

    /// What the days of keeping a field count from.
    pub fn retain_from<'a>(&'a self, field: &'a Field) -> &'a RetainFrom {
        field.privacy.retain_from.as_ref().unwrap_or(&self.retain_from)
    }

    /// The field that says which purposes are consented to, if there is one.
    pub fn consents_field(&self) -> Option<&Field> {
        self.field(CONSENTS).filter(|field| field.merge == Merge::SetRemoveWins)
    }

    /// The field that holds the ticket events, if the type follows a workflow.
    pub fn events_field(&self) -> Option<&Field> {
        self.fields.values().find(|field| field.merge == Merge::Events)
    }
}

/// The name of the field that holds the purposes consented to: a set in which a withdrawal beats a concurrent consent.
pub const CONSENTS: &str = "consents";

/// One field of a record type.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    pub name: String,
    pub label: Label,
    /// What one written value looks like: of a set, log or events field one *element*, of a map
    /// one *child*, of a counter one *increment*, of every other field the value itself.
    pub kind: Kind,
    pub merge: Merge,
    /// Codes of the roles that may write it (`x-write`), groups already resolved.
    pub write: Vec<String>,
    /// Only the record's creator may write it, under one of the roles of `write` (`x-own`).
    pub own: bool,
    /// Number of the read class (`x-read`), an index into [`super::SchemaSet::read_classes`].
    pub facet: u8,
    pub privacy: Privacy,
    /// Present when the ledger has a column for it (`x-ledger`).
    pub ledger: Option<LedgerColumn>,
    /// A shorter stay on phones than the record's (`x-device`).
    pub device: Option<Device>,
    /// Must be written by the entry that creates the record (`required`).
    pub required: bool,
    /// Most elements of a set, log or events field, or children of a map.
    pub max_items: Option<u32>,
}

/// How concurrent writes of a field merge (`x-merge`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Merge {
    /// Set once; a second, different value is refused.
    Once,
    /// One value shown, the others kept as conflicts.
    Register,
    /// All concurrent values shown until someone who saw them settles it.
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
    /// Every kind, with its word in files.
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
    pub indexed: bool,
}

/// How long, while what holds, and for whom a record or field stays on phones (`x-device`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub keep: Keep,
    /// Days after the last change (for [`Keep::Open`]: after the closing); `None` is for ever.
    pub days: Option<u32>,
    /// Only for these roles; empty is everybody who reads it.
    pub roles: Vec<String>,
}

/// While what holds a record stays on phones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Always (subject to `days`).
    Always,
    /// While its workflow state is open, and `days` after.
    Open,
    /// Never: fetched on request.
    Never,
}

/// What the law asks of a field (`x-privacy`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privacy {
    pub class: PrivacyClass,
    /// How it is shown where nobody gave a reason to see it; without one, codes, yes-or-no and references are shown as
    /// they are, every other personal value is hidden.
    pub mask: Option<Mask>,
    /// Days it is kept, counted from `retain_from`; then it is erased.
    pub retain_days: Option<u32>,
    /// What `retain_days` counts from, where it is not what the record type says.
    pub retain_from: Option<RetainFrom>,
    /// The purpose that must be consented to: withdrawing it erases the field.
    pub consent: Option<String>,
    /// Why it is kept; always present on personal and sensitive fields.
    pub purpose: Option<String>,
}

/// What the days of keeping a field count from (`retain_from`, or the record type's `x-retain-from`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RetainFrom {
    /// The last write of the field; of an item or child, its own.
    #[default]
    Written,
    /// The last change of what the same roles read of the record.
    Changed,
    /// The end of the record's workflow; not while it is open.
    Closed,
    /// The time in this field; not while it is empty.
    Field(String),
}

/// Classes of personal data; `Sensitive` is that of PIPL article 28.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrivacyClass {
    #[default]
    None,
    Personal,
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
    /// As it is: said aloud of a personal field whose values everybody with the record may see.
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
