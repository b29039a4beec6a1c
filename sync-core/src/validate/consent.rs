//! This file refuses writes to fields whose consent was withdrawn, until it is given again.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Op};
use gridledger_schema::set::CONSENTS;

use super::Subject;

/// Refuses to write a field if its author had seen the consent withdrawn. An entry that gives the consent
/// again may write the field at once. A withdrawal that the author had not seen leads to an erasure later.
pub(super) fn check(entry: &Entry, subject: &Subject<'_>) -> Result<(), Refusal> {
    if subject.seen.withdrawn.is_empty() {
        return Ok(());
    }
    let given = |purpose: &str| {
        let mut intents = entry.intents.iter();
        intents.any(|i| i.field == CONSENTS && matches!(&i.op, Op::Add { item } if item == purpose))
    };
    for intent in &entry.intents {
        let field = subject.record_type.field(&intent.field);
        let Some(purpose) = field.and_then(|field| field.privacy.consent.as_deref()) else {
            continue;
        };
        if subject.seen.withdrawn.contains(purpose) && !given(purpose) {
            let rule = format!("needs consent to {purpose}");
            return Err(Refusal::of_field(Code::ConsentWithdrawn, &intent.field, rule));
        }
    }
    Ok(())
}
