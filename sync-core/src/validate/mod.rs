//! Validation decides whether an author may apply an entry's intents to a record. The phone asks it before
//! saving and the server before storing, with the same codes.
//!
//! A refusal names the code, the rule with its bound, and the field. The first broken rule decides. The order
//! is: the record has room; the target is this record's; the role counts at the record's area
//! ([`crate::known`]) and may create; each intent's field, facet, writer, operation and value; the needs of a
//! new record; the events.
//!
//! An entry is judged by the state that its author had seen (`seen`). Only rules about the record as a whole
//! use its present state (`now`): a field that is set once, and the number of items.

mod again;
mod blank;
mod collection;
mod conditions;
mod consent;
mod events;
mod explain;
mod field;
mod grants;
mod shape;
mod staged;
#[cfg(test)]
mod tests;
mod unread;

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::limits;
use gridledger_schema::set::{Field, Merge, RecordType};

use crate::fold::Verb;
use crate::known::Standing;
use crate::project::View;

pub use again::check_fit;
pub use blank::{is_blank, is_invisible};
pub(crate) use explain::shorten;
pub use shape::check_shape;
pub use unread::{validate_unread, withheld};

/// The record that an entry is about, as far as this side knows it.
pub struct Subject<'a> {
    /// The record's type; for a creating entry the type that it names.
    pub record_type: &'a RecordType,
    /// The record's area; for a creating entry the area that it names.
    pub area: AreaNo,
    /// The record as its author had seen it; an empty view for a creating entry.
    pub seen: &'a View,
    /// The record's present state on this side; on a phone the same as `seen`.
    pub now: &'a View,
    /// The number of entries that the record has.
    pub entries: u64,
}

/// The states of the record that [`validate`] needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NeededViews {
    /// It needs the record as its author had seen it.
    pub seen: bool,
    /// It needs the record's present state.
    pub now: bool,
}

/// Finds the states that [`validate`] needs for an entry. The other may be an empty view.
pub fn find_needed_views(entry: &Entry, record_type: &RecordType) -> NeededViews {
    let mut needed = NeededViews::default();
    for intent in &entry.intents {
        let field = record_type.field(&intent.field);
        let once = field.is_some_and(|field| field.merge == Merge::Once);
        let consent = field.is_some_and(|field| field.privacy.consent.is_some());
        let (seen, now) = match &intent.op {
            Op::Put { .. } | Op::Raise { .. } => (once || consent, once),
            Op::Splice { .. } => (true, false),
            _ => (true, true),
        };
        needed.seen |= seen;
        needed.now |= now;
    }
    needed
}

/// Refuses `entry` unless `author` may apply it to the record. [`check_shape`] must have passed before;
/// without it the answer is still a refusal or a pass, never a panic.
///
/// The caller checks three more things: fields that only the record's creator may write ([`check_own`]; a
/// view does not name the creator), how far a clock may be ahead, and whether `seen` is possible.
pub fn validate(
    standing: &Standing<'_>,
    author: &str,
    entry: &Entry,
    subject: &Subject<'_>,
) -> Result<(), Refusal> {
    if subject.entries >= limits::RECORD_ENTRIES {
        let rule = format!("at most {} entries a record", limits::RECORD_ENTRIES);
        return Err(Refusal::new(Code::RecordFull, rule));
    }
    check_target(standing, entry, subject)?;
    let mut staged = staged::Staged::new(subject);
    for intent in &entry.intents {
        let field = find_writable_field(entry, intent, subject.record_type)?;
        field::check_op(field, &intent.op, &mut staged)?;
    }
    check_splices(entry)?;
    consent::check(entry, subject)?;
    if matches!(entry.target, Target::Create { .. }) {
        check_complete(entry, subject.record_type)?;
    }
    check_not_empty(entry)?;
    events::check(standing.rights, author, entry, subject, &staged)
}

/// Refuses `entry` if it writes fields that belong to the record's creator alone (`x-own`) and `author` is
/// not the creator. A creating entry always passes. The server checks every entry; a phone checks where it
/// knows the creator.
pub fn check_own(
    record_type: &RecordType,
    entry: &Entry,
    author: &str,
    creator: &str,
) -> Result<(), Refusal> {
    if author == creator || matches!(entry.target, Target::Create { .. }) {
        return Ok(());
    }
    let mut written = entry.intents.iter().filter_map(|intent| record_type.field(&intent.field));
    match written.find(|field| field.own) {
        Some(field) => {
            Err(Refusal::of_field(Code::FieldForbidden, &field.name, "only by who created the record"))
        }
        None => Ok(()),
    }
}

/// Refuses an entry without intents. It touches no facet, so no replica would ever receive it.
fn check_not_empty(entry: &Entry) -> Result<(), Refusal> {
    if entry.intents.is_empty() {
        return Err(Refusal::of_field(Code::BadRequest, "intents", "at least one"));
    }
    Ok(())
}

/// Refuses an entry with too many spliced characters. An entry that comes again after a restore skips this
/// check: it was decided when there was no such limit.
fn check_splices(entry: &Entry) -> Result<(), Refusal> {
    let (inserted, deleted) = entry.spliced();
    if inserted + deleted > limits::ENTRY_SPLICED_CHARS as u64 {
        let rule =
            format!("at most {} characters put in and taken out an entry", limits::ENTRY_SPLICED_CHARS);
        return Err(Refusal::new(Code::LimitExceeded, rule));
    }
    Ok(())
}

fn check_target(standing: &Standing<'_>, entry: &Entry, subject: &Subject<'_>) -> Result<(), Refusal> {
    let role = entry.role.as_str();
    standing.check(role, subject.area)?;
    let Target::Create { record_type, area } = &entry.target else {
        return Ok(());
    };
    if *record_type != subject.record_type.name {
        return Err(Refusal::new(Code::TypeUnknown, format!("not a {}", subject.record_type.name)));
    }
    if *area != subject.area {
        return Err(Refusal::new(Code::AreaUnknown, format!("not in area {}", subject.area)));
    }
    if !includes(&subject.record_type.create, role) {
        let text = format!("{role} may not create a {}", subject.record_type.name);
        return Err(Refusal::new(Code::CreateForbidden, text));
    }
    Ok(())
}

fn includes(roles: &[String], role: &str) -> bool {
    roles.iter().any(|one| one == role)
}

/// Finds the field of an intent, if the role may write it. A field that no role may write belongs to the
/// server. For events the workflow names the roles.
fn find_writable_field<'a>(
    entry: &Entry,
    intent: &Intent,
    record_type: &'a RecordType,
) -> Result<&'a Field, Refusal> {
    let field = find_field(intent, record_type)?;
    if field.merge != Merge::Events && !includes(&field.write, &entry.role) {
        let rule = format!("{} may not write it", entry.role);
        return Err(Refusal::of_field(Code::FieldForbidden, &field.name, rule));
    }
    Ok(field)
}

/// Finds the field of an intent, in the facet that the intent names.
fn find_field<'a>(intent: &Intent, record_type: &'a RecordType) -> Result<&'a Field, Refusal> {
    let Some(field) = record_type.field(&intent.field) else {
        let rule = format!("not a field of {}", record_type.name);
        return Err(Refusal::of_field(Code::FieldUnknown, &shorten(&intent.field), rule));
    };
    if intent.facet != field.facet {
        return Err(explain::refuse_value(&field.name, &format!("facet: must be {}", field.facet)));
    }
    Ok(field)
}

/// Checks that a new record has its required fields, and a new ticket its report.
fn check_complete(entry: &Entry, record_type: &RecordType) -> Result<(), Refusal> {
    let gives = |name: &str| {
        let mut intents = entry.intents.iter().filter(|intent| intent.field == name);
        intents.any(|intent| !matches!(intent.op, Op::Remove { .. } | Op::RemoveChild { .. }))
    };
    let mut required = record_type.order().iter().filter_map(|name| record_type.field(name));
    if let Some(missing) = required.find(|field| field.required && !gives(&field.name)) {
        let rule = format!("a new {} has it", record_type.name);
        return Err(Refusal::of_field(Code::FieldRequired, &missing.name, rule));
    }
    let (Some(_), Some(events)) = (&record_type.workflow, record_type.events_field()) else {
        return Ok(());
    };
    let reports =
        |intent: &Intent| matches!(&intent.op, Op::Event { verb, .. } if verb == Verb::Report.as_str());
    if !entry.intents.iter().any(reports) {
        let rule = format!("a new {} begins with report", record_type.name);
        return Err(Refusal::of_field(Code::FieldRequired, &events.name, rule));
    }
    Ok(())
}
