//! Composes a draft of a desk user's request: finds the record, fills in facets, chooses a role.

use std::collections::HashSet;

use gridledger_core::known::Standing;
use gridledger_core::project::View;
use gridledger_core::validate::{Subject, check_own, check_shape, validate};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::set::RecordType;

use super::entry::{DeskEntry, DeskTarget};
use super::feed::Draft;
use crate::desk::disclosure::readable;
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;
use crate::store::StoreError;

/// A draft, or the refusal of a request before it gets a number.
pub(crate) enum Composed {
    Draft(Draft),
    Refused(Refusal),
}

/// The present state of the record that an entry is about.
struct Ground<'a> {
    target: Target,
    area: AreaNo,
    record_type: &'a RecordType,
    now: View,
    entries: u64,
    created_by: String,
    last: u64,
}

/// Takes the entries that do not wait for one another: no two of one record or of one name.
pub(crate) fn take_round(left: &mut Vec<(usize, DeskEntry)>) -> Vec<(usize, DeskEntry)> {
    let (mut records, mut names) = (HashSet::new(), HashSet::new());
    let waits = left.iter().position(|(_, entry)| {
        let record = match &entry.target {
            DeskTarget::Edit(record) => Some(*record),
            DeskTarget::Create { .. } => None,
        };
        record.is_some_and(|record| !records.insert(record))
            || entry.request_id.as_ref().is_some_and(|name| !names.insert(name.clone()))
    });
    let rest = left.split_off(waits.unwrap_or(left.len()));
    std::mem::replace(left, rest)
}

/// Makes a draft of an entry. Only entries that no rule could decide are refused here; ingest decides the others.
pub(crate) fn compose(reader: &Reader<'_>, entry: DeskEntry) -> Result<Composed, StoreError> {
    match draft(reader, entry) {
        Ok(draft) => Ok(Composed::Draft(draft)),
        Err(ReadError::Refused(refusal)) => Ok(Composed::Refused(refusal)),
        Err(ReadError::Store(error)) => Err(error),
    }
}

fn draft(reader: &Reader<'_>, entry: DeskEntry) -> Result<Draft, ReadError> {
    let ground = ground(reader, &entry.target)?;
    let mut draft = Draft {
        target: ground.target.clone(),
        role: entry.role.clone().unwrap_or_default(),
        cursor: entry.seen.unwrap_or(ground.last),
        intents: with_facets(entry.intents, ground.record_type),
        request: entry.request_id,
        sheet: None,
        ruling: None,
    };
    if matches!(draft.target, Target::Edit { .. }) && entry.seen.is_none() && needs_seen(&draft.intents) {
        let rule = "events and splices say what their author had read: the record's `last`";
        return Err(Refusal::of_field(Code::BadRequest, "seen", rule).into());
    }
    if entry.role.is_none() {
        draft.role = choose_role(reader, &ground, &draft)?;
    }
    check_shape(&draft.entry(1, reader.now))?;
    Ok(draft)
}

fn ground<'a>(reader: &'a Reader<'_>, target: &DeskTarget) -> Result<Ground<'a>, ReadError> {
    match target {
        DeskTarget::Create { record_type, area } => {
            let found = reader.service.schema.record_type(record_type);
            let found = found.ok_or_else(|| Refusal::new(Code::TypeUnknown, "no such record type"))?;
            let area = reader.tree().by_code(area).map(|info| info.no);
            let area = area.ok_or_else(|| Refusal::new(Code::AreaUnknown, "no such area"))?;
            Ok(Ground {
                target: Target::Create { record_type: record_type.clone(), area },
                area,
                record_type: found,
                now: View::default(),
                entries: 0,
                created_by: reader.login.to_owned(),
                last: 0,
            })
        }
        DeskTarget::Edit(record) => {
            let found = readable::find(reader, *record).map_err(unknown_record)?;
            Ok(Ground {
                target: Target::Edit { record: *record },
                area: found.row.area,
                record_type: found.record_type,
                now: found.view,
                entries: found.row.entries,
                created_by: found.row.created_by,
                last: found.row.last,
            })
        }
    }
}

/// An entry is told as a phone's would be.
fn unknown_record(error: ReadError) -> ReadError {
    match error {
        ReadError::Refused(refusal) if refusal.code == Code::NotFound => {
            Refusal { code: Code::RecordUnknown, ..refusal }.into()
        }
        other => other,
    }
}

fn with_facets(mut intents: Vec<Intent>, record_type: &RecordType) -> Vec<Intent> {
    for intent in intents.iter_mut().filter(|intent| intent.facet == 0) {
        intent.facet = record_type.field(&intent.field).map_or(0, |field| field.facet);
    }
    intents
}

fn needs_seen(intents: &[Intent]) -> bool {
    intents.iter().any(|intent| matches!(intent.op, Op::Event { .. } | Op::Splice { .. }))
}

/// The first role held there that may do it; if none may, the first held, so that the refusal says why.
fn choose_role(reader: &Reader<'_>, ground: &Ground<'_>, draft: &Draft) -> Result<String, Refusal> {
    let subject = Subject {
        record_type: ground.record_type,
        area: ground.area,
        seen: &ground.now,
        now: &ground.now,
        entries: ground.entries,
    };
    let rights = reader.rights();
    let standing = Standing::acting(rights, reader.now, reader.service.zone());
    let roles = rights.roles_at(ground.area, reader.now);
    let may = |role: &&&str| {
        let entry = Entry { role: (**role).to_owned(), ..draft.entry(1, reader.now) };
        check_shape(&entry)
            .and_then(|()| validate(&standing, reader.login, &entry, &subject))
            .and_then(|()| check_own(ground.record_type, &entry, reader.login, &ground.created_by))
            .is_ok()
    };
    let role = roles.iter().find(may).or(roles.first());
    role.map(|role| (*role).to_owned()).ok_or_else(|| Refusal::new(Code::RoleNotHeld, "no role in this area"))
}

/// Whether a request means what an earlier one of its name meant. Roles, times and what was seen may differ.
pub(crate) fn is_same(service: &Service, entry: &DeskEntry, first: &Entry) -> bool {
    let same_target = match (&entry.target, &first.target) {
        (DeskTarget::Create { record_type, area }, Target::Create { record_type: of, area: at }) => {
            record_type == of && service.tree().by_code(area).is_some_and(|info| info.no == *at)
        }
        (DeskTarget::Edit(record), Target::Edit { record: first }) => record == first,
        _ => false,
    };
    let plain = |intents: &[Intent]| -> Vec<(String, Op)> {
        let pairs = intents.iter().map(|intent| (intent.field.clone(), intent.op.clone()));
        pairs.collect()
    };
    same_target && plain(&entry.intents) == plain(&first.intents)
}
