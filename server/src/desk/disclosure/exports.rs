//! Exports: a person asks for the values of more records than one person may see alone, and a second person approves.

use gridledger_core::reason;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::limits;
use gridledger_schema::set::Unmasks;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::desk::disclosure::unmask::second_person;
use crate::rights::reader::{ReadError, Reader};
use crate::store::rows::shares::{Export, NewExport};

/// The time for which an approval is valid, and within which it can be given.
const LASTS_MS: i64 = limits::EXPORT_HOURS * 3_600_000;

/// An export as it is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    #[serde(rename = "type")]
    record_type: String,
    area: String,
    reason: Option<String>,
}

fn sees_all(reader: &Reader<'_>, area: AreaNo) -> bool {
    reader.reach(area).unmasks == Some(Unmasks::Area)
}

/// Stores a request for an export and gives its number.
pub fn ask(reader: &Reader<'_>, asked: Asked) -> Result<u64, ReadError> {
    if reader.service.schema.record_type(&asked.record_type).is_none() {
        return Err(ReadError::refused(Code::TypeUnknown, "no such record type"));
    }
    let area = reader.tree().by_code(&asked.area).map(|info| info.no);
    let Some(area) = area.filter(|area| sees_all(reader, *area)) else {
        let rule = "an export needs a role that sees unmasked values in the area";
        return Err(Refusal::of_field(Code::Forbidden, "area", rule).into());
    };
    Ok(reader.service.store.put_export(NewExport {
        asked_by: reader.login.to_owned(),
        record_type: asked.record_type,
        area,
        reason: reason::checked(asked.reason.as_deref())?,
        asked_at: reader.now,
    })?)
}

/// The second person says yes. Nobody approves what he or she asked for.
pub fn approve(reader: &Reader<'_>, no: u64) -> Result<(), ReadError> {
    let unknown = || ReadError::refused(Code::NotFound, "no such export, or one of yesterday");
    let fits = |export: &Export| {
        sees_all(reader, export.asked.area) && reader.now < export.asked.asked_at.saturating_add(LASTS_MS)
    };
    let export = reader.service.store.export(no)?.filter(fits).ok_or_else(unknown)?;
    if export.asked.asked_by == reader.login {
        return Err(second_person("somebody else than who asked"));
    }
    reader.service.store.approve_export(no, reader.login, reader.now)?;
    Ok(())
}

/// The exports of the last day that the reader asked for or may approve, the newest first.
pub fn list(reader: &Reader<'_>) -> Result<Vec<Value>, ReadError> {
    let since = reader.now.saturating_sub(2 * LASTS_MS);
    let exports = reader.service.store.exports(since)?;
    let shown = exports
        .iter()
        .filter(|export| export.asked.asked_by == reader.login || sees_all(reader, export.asked.area));
    Ok(shown.map(|export| to_json(reader, export)).collect())
}

fn to_json(reader: &Reader<'_>, export: &Export) -> Value {
    let (asked, approved) = (&export.asked, export.approved.as_ref());
    json!({
        "id": export.no,
        "type": asked.record_type,
        "area": reader.tree().get(asked.area).map(|area| &area.code),
        "reason": asked.reason,
        "asked_by": asked.asked_by,
        "asked_at": asked.asked_at,
        "approved_by": approved.map(|(by, _)| by),
        "approved_at": approved.map(|(_, at)| at),
        "until": approved.map(|(_, at)| at + LASTS_MS),
    })
}
