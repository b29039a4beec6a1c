//! This file checks the reason that a person gives to see values unmasked: required, short, and without
//! numbers of people.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::limits;

use crate::mask;

/// Checks a reason and returns the text to keep: trimmed, control characters as spaces, numbers of phones and
/// identity cards removed. The read log keeps the reason, not the values.
pub fn checked(given: Option<&str>) -> Result<String, Refusal> {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = given.unwrap_or_default().trim().chars().map(plain).collect();
    let (least, most) = (limits::REASON_LEAST_CHARS, limits::REASON_CHARS);
    if !(least..=most).contains(&text.chars().count()) {
        let rule = format!("from {least} to {most} characters");
        return Err(Refusal::of_field(Code::ReasonRequired, "reason", rule));
    }
    Ok(mask::scrub(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_four_to_two_hundred_characters_and_no_number() {
        let long = "由".repeat(201);
        for refused in [None, Some(""), Some("   \n  "), Some(" 核对 "), Some(&*long)] {
            let refusal = checked(refused).unwrap_err();
            assert_eq!(
                (refusal.code, refusal.field.as_deref()),
                (Code::ReasonRequired, Some("reason")),
                "{refused:?}"
            );
        }
        assert_eq!(checked(Some(" 核对重复 ")).unwrap(), "核对重复");
        assert_eq!(checked(Some("回拨\n13800001234")).unwrap(), "回拨 ***");
        assert!(checked(Some(&"由".repeat(200))).is_ok());
    }
}
