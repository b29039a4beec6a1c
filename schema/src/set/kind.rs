//! This file holds the kinds of value a field can hold, and checks a value against its kind.

use super::Label;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use thiserror::Error;

/// The kind of values that a field takes. Kinds nest at most [`super::bounds::NESTING_MAX`] deep.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Text of at most `max_chars` Unicode scalar values.
    Text {
        /// The most characters.
        max_chars: u32,
    },
    /// A whole number within bounds, both included. `1.0` is not a whole number.
    Integer {
        /// The least value.
        min: i64,
        /// The largest value.
        max: i64,
    },
    /// A finite number within bounds, both included.
    Number {
        /// The least value.
        min: f64,
        /// The largest value.
        max: f64,
    },
    /// True or false.
    Boolean,
    /// Milliseconds since 1970-01-01T00:00:00Z: a whole number from [`TIME_MIN_MS`] to [`TIME_MAX_MS`].
    Time,
    /// One of these codes, as text, in declared order.
    Enum(Vec<Choice>),
    /// The id of a record of this type: a UUID in lower case, with hyphens.
    Ref(String),
    /// At most `max_items` values of one kind, in order.
    List {
        /// The kind of each item.
        item: Box<Kind>,
        /// The most items.
        max_items: u32,
    },
    /// Named values. A name that is not declared is a fault.
    Object {
        /// The kind of each name.
        fields: BTreeMap<String, Kind>,
        /// The names that must be there.
        required: Vec<String>,
    },
}

/// One code of an [`Kind::Enum`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The code, as values hold it.
    pub code: String,
    /// The code's name for people.
    pub label: Label,
}

/// The rule that a value breaks, and the place inside the value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{pointer}` breaks the rule `{rule}`")]
pub struct ValueFault {
    /// JSON Pointer inside the value; empty for the value itself.
    pub pointer: String,
    /// `type`, `range`, `length`, `enum`, `required` or `unknown_key`.
    pub rule: &'static str,
}

/// The earliest time a value may have, ms since 1970: the year 1880. Nobody alive was born earlier.
pub const TIME_MIN_MS: i64 = -2_840_140_800_000;
/// The last millisecond of the year 9999.
pub const TIME_MAX_MS: i64 = 253_402_300_799_999;

impl Kind {
    /// Checks type, range, length and nesting of one JSON value. `null` fits no kind.
    ///
    /// The recursion is as deep as the kind, whatever the value.
    pub fn check(&self, value: &Value) -> Result<(), ValueFault> {
        match self {
            Self::Text { max_chars } => check_text(value, *max_chars),
            Self::Integer { min, max } => check_integer(value, *min, *max),
            Self::Number { min, max } => check_number(value, *min, *max),
            Self::Boolean => require(value.is_boolean(), "type"),
            Self::Time => check_integer(value, TIME_MIN_MS, TIME_MAX_MS),
            Self::Enum(choices) => {
                let code = value.as_str().ok_or_else(|| fault("type"))?;
                require(choices.iter().any(|choice| choice.code == code), "enum")
            }
            Self::Ref(_) => require(value.as_str().is_some_and(is_record_id), "type"),
            Self::List { item, max_items } => check_list(value, item, *max_items),
            Self::Object { fields, required } => {
                let object = value.as_object().ok_or_else(|| fault("type"))?;
                check_object(object, fields, required)
            }
        }
    }

    /// Checks some of an object's values, as an edit of a child writes them. No key is required, and `null`
    /// clears a key.
    pub fn check_part(&self, part: &Map<String, Value>) -> Result<(), ValueFault> {
        let Self::Object { fields, .. } = self else {
            return Err(fault("type"));
        };
        for (name, one) in part {
            let kind = fields.get(name).ok_or_else(|| fault("unknown_key").under(name))?;
            if !one.is_null() {
                kind.check(one).map_err(|fault| fault.under(name))?;
            }
        }
        Ok(())
    }

    /// The word for this kind in messages and documents.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Integer { .. } => "integer",
            Self::Number { .. } => "number",
            Self::Boolean => "boolean",
            Self::Time => "time",
            Self::Enum(_) => "enum",
            Self::Ref(_) => "reference",
            Self::List { .. } => "list",
            Self::Object { .. } => "object",
        }
    }
}

fn fault(rule: &'static str) -> ValueFault {
    ValueFault { pointer: String::new(), rule }
}

fn require(holds: bool, name: &'static str) -> Result<(), ValueFault> {
    if holds { Ok(()) } else { Err(fault(name)) }
}

fn check_text(value: &Value, max_chars: u32) -> Result<(), ValueFault> {
    let text = value.as_str().ok_or_else(|| fault("type"))?;
    let fits = text.len() <= max_chars as usize || text.chars().count() <= max_chars as usize;
    require(fits, "length")
}

fn check_integer(value: &Value, min: i64, max: i64) -> Result<(), ValueFault> {
    if value.is_u64() && !value.is_i64() {
        return Err(fault("range"));
    }
    let number = value.as_i64().ok_or_else(|| fault("type"))?;
    require((min..=max).contains(&number), "range")
}

fn check_number(value: &Value, min: f64, max: f64) -> Result<(), ValueFault> {
    let number = value.as_f64().ok_or_else(|| fault("type"))?;
    require((min..=max).contains(&number), "range")
}

fn check_list(value: &Value, item: &Kind, max_items: u32) -> Result<(), ValueFault> {
    let items = value.as_array().ok_or_else(|| fault("type"))?;
    require(items.len() <= max_items as usize, "length")?;
    for (index, one) in items.iter().enumerate() {
        item.check(one).map_err(|fault| fault.under(&index.to_string()))?;
    }
    Ok(())
}

/// Checks named values: every name is in `fields`, and every `required` name is there.
pub(super) fn check_object(
    object: &Map<String, Value>,
    fields: &BTreeMap<String, Kind>,
    required: &[String],
) -> Result<(), ValueFault> {
    for (name, one) in object {
        let kind = fields.get(name).ok_or_else(|| fault("unknown_key").under(name))?;
        kind.check(one).map_err(|fault| fault.under(name))?;
    }
    match required.iter().find(|name| !object.contains_key(*name)) {
        Some(missing) => Err(fault("required").under(missing)),
        None => Ok(()),
    }
}

impl ValueFault {
    fn under(self, step: &str) -> Self {
        let step = step.replace('~', "~0").replace('/', "~1");
        Self { pointer: format!("/{step}{}", self.pointer), rule: self.rule }
    }
}

/// Checks for `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, hexadecimal in lower case.
fn is_record_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}
