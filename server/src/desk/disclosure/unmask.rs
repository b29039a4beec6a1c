//! Unmasked values: only with the right, for a reason, and with a row in the read log before they leave.

use gridledger_core::{mask, reason};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::limits;
use gridledger_schema::set::RecordType;

use crate::desk::disclosure::read_log;
use crate::desk::disclosure::readable::Readable;
use crate::rights::reader::{ReadError, Reader};
use crate::store::rows::read_log::{NewRead, ReadKind};
use crate::store::rows::shares::Export;

const HOUR_MS: i64 = 3_600_000;
/// The time for which an approval, and the count of records that one person saw alone, lasts.
const EXPORT_MS: i64 = limits::EXPORT_HOURS * HOUR_MS;

/// A request for unmasked values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmask {
    /// The reason, as it is stored.
    pub reason: String,
    /// The approved export it belongs to.
    pub export: Option<u64>,
}

impl Unmask {
    /// Reads `unmask`, `reason` and `export` of a query; `None` if masked values will do.
    pub fn read(pairs: &[(String, String)]) -> Result<Option<Self>, Refusal> {
        let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let wrong = |name, rule: &str| Err(Refusal::of_field(Code::BadRequest, name, rule));
        match value("unmask") {
            None | Some("0" | "false" | "") => return Ok(None),
            Some("1" | "true") => {}
            Some(_) => return wrong("unmask", "1 or 0"),
        }
        let export = match value("export") {
            None => None,
            Some(text) => match text.parse::<u32>() {
                Ok(no) => Some(u64::from(no)),
                Err(_) => return wrong("export", "the number of an export"),
            },
        };
        Ok(Some(Self { reason: reason::checked(value("reason"))?, export }))
    }
}

/// Lists the fields of a type whose values are masked by default.
pub fn masked_fields(record_type: &RecordType) -> impl Iterator<Item = &str> {
    let fields = record_type.order().iter().filter_map(|name| record_type.field(name));
    fields.filter(|field| mask::rule(field).is_some()).map(|field| &*field.name)
}

/// Notes in the read log that a permitted reader is about to see a record's values.
pub fn record(reader: &Reader<'_>, readable: &Readable<'_>, unmask: &Unmask) -> Result<(), ReadError> {
    if !readable.may_unmask(reader.login) {
        let rule = "unmasked values need a role that sees them: in the area, or as who handles the record";
        return Err(Refusal::of_field(Code::Forbidden, "unmask", rule).into());
    }
    let row = &readable.row;
    let fields = masked_fields(readable.record_type)
        .filter(|name| {
            readable.record_type.field(name).is_some_and(|field| readable.reach.reads(field.facet))
        })
        .map(str::to_owned)
        .collect();
    let kind = match unmask.export {
        None => ReadKind::View,
        Some(no) => {
            approved(reader, (no, &row.record_type), &[row.area])?;
            ReadKind::Export
        }
    };
    let of = (kind, row.record_type.clone());
    let read = read_log::note(reader, of, fields, &unmask.reason, &[(row.record, row.area)]);
    note(reader, read)
}

/// Writes down that values are about to be seen: the one way by which they leave. What no second person agreed to is
/// counted, in whatever way it is seen, and ends at what one person may see alone in a day.
pub fn note(reader: &Reader<'_>, read: NewRead) -> Result<(), ReadError> {
    let store = &reader.service.store;
    if !read.kind.is_alone() {
        return Ok(store.log_reads(vec![read])?);
    }
    let since = reader.now.saturating_sub(EXPORT_MS);
    if store.log_within(read, limits::BULK_RECORDS, since)? {
        return Ok(());
    }
    let rule = format!(
        "at most {} records in {} hours alone, however they are seen",
        limits::BULK_RECORDS,
        limits::EXPORT_HOURS
    );
    Err(second_person(&rule))
}

/// An approved export of the reader for a type and areas, if it is not older than a day.
pub(crate) fn approved(
    reader: &Reader<'_>,
    (no, record_type): (u64, &str),
    areas: &[AreaNo],
) -> Result<Export, ReadError> {
    let within = |area: &AreaNo, above: AreaNo| reader.tree().is_within(*area, above, reader.now);
    let fits = |export: &Export| {
        let asked = &export.asked;
        let in_time = |(_, at): &(String, i64)| (*at..*at + EXPORT_MS).contains(&reader.now);
        asked.asked_by == reader.login
            && asked.record_type == record_type
            && areas.iter().all(|area| within(area, asked.area))
            && export.approved.as_ref().is_some_and(in_time)
    };
    let export = reader.service.store.export(no)?.filter(fits);
    export.ok_or_else(|| {
        second_person("no approved export of yours for this type and area, not older than a day")
    })
}

/// A second person has to say yes.
pub fn second_person(rule: &str) -> ReadError {
    Refusal::of_field(Code::SecondPersonRequired, "export", rule).into()
}
