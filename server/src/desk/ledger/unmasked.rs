//! Ledgers with unmasked values: the right to them, and their rows in the read log.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::set::Unmasks;

use super::question::Question;
use crate::desk::disclosure::read_log;
use crate::desk::disclosure::unmask::{Unmask, approved, masked_fields, note};
use crate::rights::reader::{ReadError, Reader};
use crate::store::rows::read_log::ReadKind;
use crate::store::rows::shares::Export;

/// Whether values may be seen in a ledger of these areas; the export that allows more than one person may alone.
pub(super) fn may_unmask(
    reader: &Reader<'_>,
    question: &Question<'_>,
    unmask: &Unmask,
    areas: &[AreaNo],
) -> Result<Option<Export>, ReadError> {
    let sees_all = |area: &AreaNo| reader.reach(*area).unmasks == Some(Unmasks::Area);
    if !areas.iter().all(sees_all) {
        let rule = "unmasked ledgers need a role that sees unmasked values in every area asked for";
        return Err(Refusal::of_field(Code::Forbidden, "unmask", rule).into());
    }
    let Some(no) = unmask.export else {
        return Ok(None);
    };
    approved(reader, (no, &question.record_type.name), areas).map(Some)
}

/// Notes that a page's values are about to be seen: under an export, or within what one person may see alone in a day.
pub(super) fn note_unmasked(
    reader: &Reader<'_>,
    question: &Question<'_>,
    (unmask, export): (&Unmask, Option<&Export>),
    seen: &[(RecordId, AreaNo)],
) -> Result<(), ReadError> {
    let kind = if export.is_some() { ReadKind::Export } else { ReadKind::Ledger };
    let fields = masked_fields(question.record_type).map(str::to_owned).collect();
    let mut read = read_log::note(reader, (kind, question.subject()), fields, &unmask.reason, seen);
    if read.area.is_none() {
        let asked = question.area.as_ref().and_then(|code| reader.tree().by_code(code));
        read.area = asked.map(|area| area.no);
    }
    note(reader, read)
}
