//! This file finds text that nobody can read: only spaces and invisible characters.

use gridledger_schema::code::Refusal;
use gridledger_schema::set::Field;
use serde_json::Value;

use super::explain::refuse_value;

/// Whether a character is invisible and no word needs it: zero-width ones, soft hyphens, fillers, variation
/// selectors, marks of direction, tags.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

/// Whether a text has nothing to read: only spaces, control characters and invisible ones.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
}

/// Refuses a required field whose text is blank.
pub(super) fn check(field: &Field, value: &Value) -> Result<(), Refusal> {
    if field.required && value.as_str().is_some_and(is_blank) {
        return Err(refuse_value(&field.name, "a required text holds more than spaces"));
    }
    Ok(())
}
