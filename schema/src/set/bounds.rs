//! How large a schema set may be. A set is trusted more than a phone, but typing errors are not.

use crate::limits;

/// Record types in a set: a facet's row and a ledger's view are made for each.
pub const TYPES_MAX: usize = 200;
/// Fields of a record type: a ledger row has a column for each that asks for one.
pub const FIELDS_MAX: usize = 200;
/// Codes of one enumeration: more belong in a record type of their own.
pub const CHOICES_MAX: usize = 500;
/// Levels of lists and objects in one value, the value itself being the first.
pub const NESTING_MAX: usize = limits::VALUE_DEPTH;
/// Read classes: each is one more document a record.
pub const READ_CLASSES_MAX: usize = 16;
/// Roles in a set.
pub const ROLES_MAX: usize = 200;
/// Verbs or states of one workflow.
pub const WORKFLOW_MAX: usize = 100;
/// Bytes of one file.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Unicode scalar values of one text field.
pub const TEXT_CHARS_MAX: i64 = limits::TEXT_CHARS as i64;
/// Items of one list, set, log or map.
pub const ITEMS_MAX: i64 = 5_000;
/// Characters of a name: `^[a-z][a-z0-9_]{0,39}$`.
pub const NAME_CHARS_MAX: usize = limits::FIELD_NAME_CHARS;
/// Bytes of the compression dictionary.
pub const DICTIONARY_BYTES_MAX: usize = 16 << 10;
/// Whole numbers every JSON reader keeps exactly: ±(2^53 - 1).
pub const INTEGER_MAX: i64 = (1 << 53) - 1;
