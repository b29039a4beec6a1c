//! Rows of the read log: one chain of hashes, no values.

use gridledger_schema::ids::{AreaNo, DeviceNo, RecordId};

/// The ways in which values are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReadKind {
    /// One record, or its history, at a desk.
    View,
    /// A page of a ledger.
    Ledger,
    /// A page of a ledger under an approved export.
    Export,
    /// A pull of a share by its recipient.
    Share,
    /// One record, on a phone.
    Offline,
    /// Rows that a device numbered and did not bring.
    Missing,
    /// Records beyond those that one person may see alone in a day: seen on a phone, where nobody could refuse it.
    Over,
}

impl ReadKind {
    /// Every kind, with its word.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::View, "view"),
        (Self::Ledger, "ledger"),
        (Self::Export, "export"),
        (Self::Share, "share"),
        (Self::Offline, "offline"),
        (Self::Missing, "missing"),
        (Self::Over, "over"),
    ];

    /// Whether no second person agreed. Such a read counts towards what one person may see alone.
    pub fn is_alone(self) -> bool {
        matches!(self, Self::View | Self::Ledger | Self::Offline)
    }

    /// The kind's word, in the store and in answers.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// The kind of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == word).map(|(kind, _)| *kind)
    }
}

/// A row to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRead {
    /// When the values were seen, ms since 1970. For a phone: by its clock, corrected by the server's.
    pub at: i64,
    /// When the server learnt of it, ms since 1970.
    pub received_at: i64,
    /// The login of the person who saw them.
    pub user: String,
    /// The phone they were seen on.
    pub device: Option<DeviceNo>,
    /// The row's number on that phone.
    pub device_n: Option<u64>,
    /// The way they were seen.
    pub kind: ReadKind,
    /// The subject: a record type, with what narrowed a ledger (never a value that was asked for), or a share.
    pub subject: String,
    /// The smallest area that holds all of the records, where it is known.
    pub area: Option<AreaNo>,
    /// The fields.
    pub fields: Vec<String>,
    /// The reason given.
    pub reason: String,
    /// The records.
    pub records: Vec<RecordId>,
    /// The share that was pulled.
    pub share: Option<u64>,
}

/// A row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadRow {
    /// Its place in the log, from 1, without gaps.
    pub no: u64,
    /// Its content.
    pub read: NewRead,
    /// SHA-256 over the hash before and the row.
    pub hash: [u8; 32],
}

/// A query for rows. All conditions must hold; rows come in the order of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadQuery {
    /// Rows that name this record.
    pub record: Option<RecordId>,
    /// Rows of this person (login).
    pub user: Option<String>,
    /// Rows of this share.
    pub share: Option<u64>,
    /// Rows of this kind.
    pub kind: Option<ReadKind>,
    /// Learnt of at or after, ms since 1970.
    pub from: Option<i64>,
    /// Learnt of before, ms since 1970.
    pub to: Option<i64>,
    /// Rows after this one.
    pub after: u64,
    /// The largest number of rows.
    pub limit: usize,
}
