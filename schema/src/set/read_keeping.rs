//! This file checks how long a record file keeps its fields, and on which consent.

use super::json::At;
use super::{CONSENTS, Field, Kind, Merge, RecordType, RetainFrom, SchemaError};

/// Checks every field, and the record type's own `x-retain-from`.
pub(super) fn check_keeping(at: &At, record: &RecordType) -> Result<(), SchemaError> {
    if let Some(from) = at.get("x-retain-from") {
        check_retain_from(&from, record, &record.retain_from, 0)?;
    }
    let properties = at.need("properties")?;
    for field in record.fields.values() {
        let Some(privacy) = properties.get(&field.name).and_then(|field| field.get("x-privacy")) else {
            continue;
        };
        if let (Some(from), Some(at)) = (&field.privacy.retain_from, privacy.get("retain_from")) {
            check_retain_from(&at, record, from, field.facet)?;
        }
        if field.merge == Merge::Events && field.privacy.retain_days.is_some() {
            return privacy.fail("what was done to a ticket is kept: events have no `retain_days`");
        }
        if let Some(purpose) = privacy.get("consent") {
            check_consent(&purpose, record, field)?;
        }
    }
    Ok(())
}

/// Checks that the start of the days exists, and that every replica with the field also holds it.
fn check_retain_from(at: &At, record: &RecordType, from: &RetainFrom, facet: u8) -> Result<(), SchemaError> {
    match from {
        RetainFrom::Written | RetainFrom::Changed => Ok(()),
        RetainFrom::Closed if record.workflow.is_some() => Ok(()),
        RetainFrom::Closed => at.fail("`closed` needs `x-workflow` on the record type"),
        RetainFrom::Field(name) => match record.field(name) {
            None => at.fail(format!("neither `written`, `changed`, `closed` nor a field: `{name}`")),
            Some(field) if field.kind != Kind::Time || field.merge.is_collection() => {
                at.fail(format!("field `{name}` is not one time"))
            }
            Some(field) if field.facet != 0 && field.facet != facet => {
                at.fail(format!("field `{name}` is of another read class"))
            }
            Some(_) => Ok(()),
        },
    }
}

/// Checks that the purpose is one that people can consent to and withdraw.
fn check_consent(at: &At, record: &RecordType, field: &Field) -> Result<(), SchemaError> {
    let purpose = at.text()?;
    let purposes = record.consents_field().map(|consents| &consents.kind);
    let Some(Kind::Enum(purposes)) = purposes else {
        return at.fail(format!("needs a field `{CONSENTS}` of codes, merge kind `set-remove-wins`"));
    };
    if !purposes.iter().any(|choice| choice.code == purpose) {
        return at.fail(format!("unknown purpose `{purpose}`: not a code of `{CONSENTS}`"));
    }
    if field.required || field.merge == Merge::Events || field.name == CONSENTS {
        return at.fail("what a record cannot be without does not depend on consent");
    }
    Ok(())
}
