//! A form save, built field by field.

use gridledger_schema::entry::{Intent, Op};
use serde_json::{Map, Value};

/// The operations of one save, in order. An app names fields; the SDK fills in the facet from the schema.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intents(pub(crate) Vec<Intent>);

impl Intents {
    /// Begins without operations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes intents as they are.
    pub fn from_vec(intents: Vec<Intent>) -> Self {
        Self(intents)
    }

    /// Gives the intents as they were built; the facet is not filled in.
    pub fn into_vec(self) -> Vec<Intent> {
        self.0
    }

    fn with(mut self, field: &str, op: Op) -> Self {
        self.0.push(Intent { facet: 0, field: field.to_owned(), op });
        self
    }

    /// Sets a field; null clears it. A shared text gets the shortest splice, a `max` field is raised, and a counter gets the
    /// difference. Sets, logs and maps have calls of their own.
    #[must_use]
    pub fn put(self, field: &str, value: impl Into<Value>) -> Self {
        self.with(field, Op::Put { value: value.into() })
    }

    /// Adds to a counter.
    #[must_use]
    pub fn increment(self, field: &str, by: i64) -> Self {
        self.with(field, Op::Increment { by })
    }

    /// Replaces a stretch of a shared text; positions are Unicode scalar values.
    #[must_use]
    pub fn splice(self, field: &str, pos: u32, delete: u32, insert: &str) -> Self {
        self.with(field, Op::Splice { pos, delete, insert: insert.to_owned() })
    }

    /// Puts an item into a set.
    #[must_use]
    pub fn add(self, field: &str, item: &str) -> Self {
        self.with(field, Op::Add { item: item.to_owned() })
    }

    /// Takes an item out of a set.
    #[must_use]
    pub fn remove(self, field: &str, item: &str) -> Self {
        self.with(field, Op::Remove { item: item.to_owned() })
    }

    /// Appends to a log.
    #[must_use]
    pub fn append(self, field: &str, value: impl Into<Value>) -> Self {
        self.with(field, Op::Append { value: value.into() })
    }

    /// Creates a child of a map field, or sets some of its fields.
    #[must_use]
    pub fn set_child(self, field: &str, child: &str, value: Map<String, Value>) -> Self {
        self.with(field, Op::SetChild { child: child.to_owned(), value })
    }

    /// Takes a child away.
    #[must_use]
    pub fn remove_child(self, field: &str, child: &str) -> Self {
        self.with(field, Op::RemoveChild { child: child.to_owned() })
    }

    /// Adds a workflow event, such as `accept` or `escalate`. The first event of a ticket is `report`.
    #[must_use]
    pub fn event(self, verb: &str, args: Map<String, Value>) -> Self {
        self.with("events", Op::Event { verb: verb.to_owned(), args })
    }
}
