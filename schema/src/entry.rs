//! An entry holds one user action on one record, as operations on the record's fields.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::{AreaNo, FeedId, RecordId};

/// One user action on one record: its place in a feed, how much its author had seen, and the intents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Position in the feed, from 1.
    pub n: u64,
    /// The time of the action: the device's corrected clock, ms since 1970-01-01 UTC.
    pub at: i64,
    /// The author had seen the log of the record's area up to this position, and the author's own earlier
    /// entries.
    pub cursor: u64,
    /// The role the author acted under.
    pub role: String,
    /// The record created or edited.
    pub target: Target,
    /// The operations, in order.
    pub intents: Vec<Intent>,
}

impl Entry {
    /// The record that this entry of `feed` creates or edits.
    pub fn record(&self, feed: FeedId) -> RecordId {
        match &self.target {
            Target::Create { .. } => RecordId::created_by(feed, self.n),
            Target::Edit { record } => *record,
        }
    }

    /// The facets that the intents touch, as a bit set. A creating entry always touches facet 0.
    pub fn facets(&self) -> u64 {
        let creates = u64::from(matches!(self.target, Target::Create { .. }));
        self.intents.iter().fold(creates, |bits, intent| bits | 1 << (intent.facet & 63))
    }

    /// The characters that all splices insert, and those that they delete.
    pub fn spliced(&self) -> (u64, u64) {
        let spliced = self.intents.iter().map(|intent| match &intent.op {
            Op::Splice { delete, insert, .. } => (insert.chars().count() as u64, u64::from(*delete)),
            _ => (0, 0),
        });
        spliced.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }
}

/// The record that an entry creates or edits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A new record; its id follows from the feed and the entry's number.
    Create {
        /// The record type's name.
        record_type: String,
        /// The area it belongs to.
        area: AreaNo,
    },
    /// A record that exists.
    Edit {
        /// The record's id.
        record: RecordId,
    },
}

/// One operation on one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The facet (read class) the field belongs to; 0 is the ordinary one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub facet: u8,
    /// The field's name.
    pub field: String,
    /// The operation.
    #[serde(flatten)]
    pub op: Op,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(facet: &u8) -> bool {
    *facet == 0
}

/// The operations. Each names its own merge, so that deriving needs no schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Op {
    /// Set a field to a value (a list or an object is one value).
    Put {
        /// The value; null clears the field.
        value: Value,
    },
    /// Raise a `max` field to at least this value.
    Raise {
        /// The value reached.
        value: i64,
    },
    /// Add to a counter.
    Increment {
        /// The amount; it may be negative.
        by: i64,
    },
    /// Replace a stretch of a shared text.
    Splice {
        /// The position, in Unicode scalar values of the text as the author saw it.
        pos: u32,
        /// The number of scalar values that are deleted.
        delete: u32,
        /// The text that is inserted.
        insert: String,
    },
    /// Put an item into a set.
    Add {
        /// The item.
        item: String,
    },
    /// Take an item out of a set.
    Remove {
        /// The item.
        item: String,
    },
    /// Append to a grow-only log.
    Append {
        /// The item.
        value: Value,
    },
    /// Create a child, or set some of its fields.
    SetChild {
        /// The child's id.
        child: String,
        /// Field to value.
        value: Map<String, Value>,
    },
    /// Remove a child. A concurrent edit of the child keeps it.
    RemoveChild {
        /// The child's id.
        child: String,
    },
    /// A workflow event.
    Event {
        /// The verb: `accept`, `escalate` …
        verb: String,
        /// Its arguments.
        #[serde(default)]
        args: Map<String, Value>,
    },
}

impl Op {
    /// The operation's name, as in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Put { .. } => "put",
            Self::Raise { .. } => "raise",
            Self::Increment { .. } => "increment",
            Self::Splice { .. } => "splice",
            Self::Add { .. } => "add",
            Self::Remove { .. } => "remove",
            Self::Append { .. } => "append",
            Self::SetChild { .. } => "set_child",
            Self::RemoveChild { .. } => "remove_child",
            Self::Event { .. } => "event",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_reads_as_an_app_developer_would_write_it() {
        let text = r#"{"op":"splice","field":"remark","pos":2,"delete":1,"insert":"好"}"#;
        let intent: Intent = serde_json::from_str(text).unwrap();
        assert_eq!(intent.op, Op::Splice { pos: 2, delete: 1, insert: "好".into() });
        assert_eq!(serde_json::to_value(&intent).unwrap(), serde_json::from_str::<Value>(text).unwrap());
    }
}
