//! This file bounds the size of a schema set. A set is trusted more than a phone is, but it may hold typing
//! errors.

use crate::limits;

/// Record types in a set. The server makes a facet's row and a ledger's view for each.
pub const TYPES_MAX: usize = 200;
/// Fields of a record type. A ledger row has a column for each field that asks for one.
pub const FIELDS_MAX: usize = 200;
/// Codes of one enumeration. A longer list belongs in a record type of its own.
pub const CHOICES_MAX: usize = 500;
/// Levels of lists and objects in one value. The value itself is the first.
pub const NESTING_MAX: usize = limits::VALUE_DEPTH;
/// Read classes. Each is one more document for a record.
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
