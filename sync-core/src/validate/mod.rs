//! Validation: may this author do these intents to this record. One implementation, asked by the phone before it
//! saves and by the server before it stores, with the same codes.
//!
//! A refusal names the code, the rule with its bound, and the field. The first rule broken decides, in this order:
//! the record has room; the target is this record's; the role counts at the record's area ([`crate::known`])
//! and may create; each intent's field, facet, writer, operation, value; what a new record must have; the events.
//!
//! What an author did is judged by what he or she had seen (`seen`). Only what must hold of the record as a whole
//! looks at it as it is (`now`): a field that is set once, and how much it holds.

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

/// The record an entry is about, as far as this side knows it.
pub struct Subject<'a> {
    /// Its type; of a creating entry the type it names.
    pub record_type: &'a RecordType,
    /// The area it belongs to; of a creating entry the area it names.
    pub area: AreaNo,
    /// The record as its author had seen it: an empty view for a creating entry.
    pub seen: &'a View,
    /// The record as it is here: on a phone the same as `seen`.
    pub now: &'a View,
    /// Entries the record has.
    pub entries: u64,
}

/// What [`validate`] looks at to judge an entry's fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// The record as its author had seen it.
    pub seen: bool,
    /// The record as it is here.
    pub now: bool,
}

/// What [`validate`] looks at. What it does not look at may be an empty view.
pub fn looks_at(entry: &Entry, record_type: &RecordType) -> Looks {
    let mut looks = Looks::default();
    for intent in &entry.intents {
        let field = record_type.field(&intent.field);
        let once = field.is_some_and(|field| field.merge == Merge::Once);
        let consent = field.is_some_and(|field| field.privacy.consent.is_some());
        let (seen, now) = match &intent.op {
            Op::Put { .. } | Op::Raise { .. } => (once || consent, once),
            Op::Splice { .. } => (true, false),
            _ => (true, true),
        };
        looks.seen |= seen;
        looks.now |= now;
    }
    looks
}

/// Whether `author` may do what `entry` says to the record. Expects [`check_shape`] to have passed; without it the
/// answer is still a refusal or a pass, never a panic.
///
/// Left to the caller: fields that only the record's creator may write ([`check_own`], a view does not tell who
/// created it), how far a clock may be ahead, and whether `seen` is possible.
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
    target(standing, entry, subject)?;
    let mut staged = staged::Staged::new(subject);
    for intent in &entry.intents {
        let field = field_of(entry, intent, subject.record_type)?;
        field::check_op(field, &intent.op, &mut staged)?;
    }
    splices_little(entry)?;
    consent::check(entry, subject)?;
    if matches!(entry.target, Target::Create { .. }) {
        complete(entry, subject.record_type)?;
    }
    says_something(entry)?;
    events::check(standing.rights, author, entry, subject, &staged)
}

/// Whether `author` may write the fields of `entry` that belong to the record's creator alone (`x-own`). A creating
/// entry may always. The server asks it of every entry; a phone where it knows who created the record.
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

/// An entry without intents touches no facet: no replica would ever be told of it.
fn says_something(entry: &Entry) -> Result<(), Refusal> {
    if entry.intents.is_empty() {
        return Err(Refusal::of_field(Code::BadRequest, "intents", "at least one"));
    }
    Ok(())
}

/// An entry that was stored once is not asked: it was decided when there was no such limit.
fn splices_little(entry: &Entry) -> Result<(), Refusal> {
    let (inserted, deleted) = entry.spliced();
    if inserted + deleted > limits::ENTRY_SPLICED_CHARS as u64 {
        let rule =
            format!("at most {} characters put in and taken out an entry", limits::ENTRY_SPLICED_CHARS);
        return Err(Refusal::new(Code::LimitExceeded, rule));
    }
    Ok(())
}

fn target(standing: &Standing<'_>, entry: &Entry, subject: &Subject<'_>) -> Result<(), Refusal> {
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

/// The field an intent is about, if the role may write it. A field nobody may write is the server's own. Of events
/// the workflow says who may.
fn field_of<'a>(entry: &Entry, intent: &Intent, record_type: &'a RecordType) -> Result<&'a Field, Refusal> {
    let field = of_type(intent, record_type)?;
    if field.merge != Merge::Events && !includes(&field.write, &entry.role) {
        let rule = format!("{} may not write it", entry.role);
        return Err(Refusal::of_field(Code::FieldForbidden, &field.name, rule));
    }
    Ok(field)
}

/// The field an intent is about, in the facet that the intent names.
fn of_type<'a>(intent: &Intent, record_type: &'a RecordType) -> Result<&'a Field, Refusal> {
    let Some(field) = record_type.field(&intent.field) else {
        let rule = format!("not a field of {}", record_type.name);
        return Err(Refusal::of_field(Code::FieldUnknown, &shorten(&intent.field), rule));
    };
    if intent.facet != field.facet {
        return Err(explain::invalid(&field.name, &format!("facet: must be {}", field.facet)));
    }
    Ok(field)
}

/// A new record has its required fields, and a new ticket its report.
fn complete(entry: &Entry, record_type: &RecordType) -> Result<(), Refusal> {
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
