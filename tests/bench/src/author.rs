//! An author whose entries a measurement hands straight to the store.

use gridledger_core::canonical;
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{EntryHash, FeedId};
use gridledger_schema::suite::Suite;
use serde_json::Value;

use gridledger_server::store::rows::people::{FeedRow, User};
use gridledger_server::store::rows::records::{CheckedSegment, Heard, Push, SignedEntry};
use gridledger_server::store::tables::bulk;

/// A feed, and how far it is written.
pub(crate) struct Author {
    pub(crate) row: FeedRow,
    pub(crate) n: u64,
    pub(crate) hash: EntryHash,
    role: &'static str,
    /// The time that it writes at, ms since 1970.
    at: i64,
}

impl Author {
    /// The author of a feed of its own.
    pub(crate) fn new(user: &User, number: u8, role: &'static str, at: i64) -> Self {
        let row = FeedRow {
            feed: FeedId([number; 16]),
            device: None,
            user: user.no,
            author: user.login.clone(),
            public_key: bulk::FILLER,
            suite: Suite::default(),
            ordinal: 0,
        };
        Self { row, n: 0, hash: EntryHash::ZERO, role, at }
    }

    /// The next entry.
    pub(crate) fn sign(&mut self, target: Target, cursor: u64, intents: Vec<Intent>) -> SignedEntry {
        self.n += 1;
        let entry = Entry { n: self.n, at: self.at, cursor, role: self.role.into(), target, intents };
        let body = canonical::encode(&entry);
        self.hash = canonical::hash(self.row.suite, self.hash, &body);
        SignedEntry { entry, body, hash: self.hash }
    }

    /// A push of entries.
    pub(crate) fn push(&self, entries: Vec<SignedEntry>) -> Push {
        let segment = CheckedSegment {
            feed: self.row.clone(),
            entries,
            signature: [0; 64],
            heard: Heard::everything(),
            again: None,
        };
        Push { carrier: None, segments: vec![segment], now: self.at }
    }
}

/// One operation on a field of the first facet.
pub(crate) fn intent(field: &str, op: Op) -> Intent {
    Intent { facet: 0, field: field.to_owned(), op }
}

/// A value that a field is given.
pub(crate) fn put(field: &str, value: Value) -> Intent {
    intent(field, Op::Put { value })
}
