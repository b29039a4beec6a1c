//! Edits of records that cannot be read. After the lease a phone goes on writing records with residents' values: it keeps an
//! edit as an entry, with what it had of the record, and derives and shows it when there is a lease again. A new record shows
//! its open values at once.

use gridledger_core::derive::Seen;
use gridledger_core::project::{View, project};
use gridledger_core::validate::{Subject, validate, validate_unread, withheld};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::{Merge, RecordType};
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::Value;

use crate::engine::edits::edit::Written;
use crate::engine::edits::plain::fit_intent;
use crate::engine::file::seal;
use crate::engine::phone::engine::Engine;
use crate::engine::records::documents::Facets;
use crate::engine::records::rows::{self, Row};
use crate::engine::records::{rebuild, seen, views};
use crate::error::ClientError;

/// A record that can be read only in part now.
pub(crate) struct Unread {
    row: Row,
    record_type: RecordType,
    /// The fields that can be read; none for a record that is being created.
    view: View,
    /// A ticket's state.
    state: Option<String>,
}

impl Engine {
    /// Reads the record that an edit is about, if it can be read only in part now.
    pub(crate) fn find_unread(&self, target: &Target) -> Result<Option<Unread>, ClientError> {
        if !self.seal.is_dark() {
            return Ok(None);
        }
        let row = match target {
            Target::Create { record_type, area } => {
                let record = RecordId::created_by(self.me.feed, self.me.head.n + 1);
                Some(Row::new(record, record_type, *area))
            }
            Target::Edit { record } => rows::find(&self.db, *record)?,
        };
        let Some(row) = row.filter(|row| self.seal.is_blind(&row.record_type)) else {
            return Ok(None);
        };
        let record_type = self.schema.record_type(&row.record_type);
        let Some(record_type) = record_type.cloned() else {
            return Err(Refusal::new(Code::TypeUnknown, "no such record type").into());
        };
        let (view, state) = read_open_part(&self.db, row.record)?;
        Ok(Some(Unread { row, record_type, view, state }))
    }

    /// Saves an edit of such a record, inside the write lock.
    pub(crate) fn save_unread(
        &self,
        c: &Connection,
        target: Target,
        mut unread: Unread,
        intents: Vec<Intent>,
    ) -> Result<Written, ClientError> {
        let is_new = matches!(target, Target::Create { .. });
        let fit = |intent: Intent| {
            if !is_new {
                check_needs_no_reading(&intent, &unread.record_type)?;
            }
            fit_intent(intent, &unread.record_type, &unread.view)
        };
        let intents = intents.into_iter().map(fit).collect::<Result<_, _>>()?;
        let (n, made) = (self.me.head.n + 1, self.read_clock()?);
        let cursor = self.cursor_of(&unread.row)?;
        let entry = Entry { n, at: made.at, cursor, role: String::new(), target, intents };
        let entry = self.put_unread_under_role(entry, &unread)?;
        unread.row.changed_at = made.at.max(unread.row.changed_at);
        let record = unread.row.record;
        let seen = seen::pack_seen_unread(c, &entry, record, self.me.feed)?;
        let written = self.append_entry(c, &entry, record, &seen, made)?;
        if is_new {
            let view = self.project_new(&unread.record_type, &entry)?;
            views::write(c, &self.schema, &unread.row, &view, 1)?;
        } else {
            rows::set_changed_at(c, &unread.row)?;
            rebuild::mark_stale(c, record)?;
        }
        Ok(written)
    }

    /// Projects the view of a record that an entry creates.
    fn project_new(&self, record_type: &RecordType, entry: &Entry) -> Result<View, ClientError> {
        let mut facets = Facets::new();
        seen::derive(&mut facets, self.me.feed, &self.me.user, entry, |_, _| Seen::All)?;
        Ok(project(record_type, facets.values()))
    }

    /// Puts an entry under the first of the author's roles that may make it, as far as the readable part shows.
    fn put_unread_under_role(&self, entry: Entry, unread: &Unread) -> Result<Entry, ClientError> {
        let subject = Subject {
            record_type: &unread.record_type,
            area: unread.row.area,
            seen: &unread.view,
            now: &unread.view,
            entries: 0,
        };
        self.put_under_role_by(entry, unread.row.record, &subject, |standing, entry| {
            if matches!(entry.target, Target::Create { .. }) {
                return validate(standing, &self.me.user, entry, &subject);
            }
            validate_unread(standing, entry, &subject, unread.state.as_deref(), seal::is_personal)
        })
    }
}

/// Reads the open part of a record's view, and a ticket's state.
fn read_open_part(c: &Connection, record: RecordId) -> Result<(View, Option<String>), ClientError> {
    let mut select = c.prepare_cached("SELECT view FROM records WHERE record = ?1")?;
    let view: Option<String> = select.query_row([record.0], |row| row.get(0)).optional()?;
    let view: Value = serde_json::from_str(&view.unwrap_or_default()).unwrap_or_default();
    let state = view["_ticket"]["state"].as_str().map(str::to_owned);
    let fields = view.as_object().cloned().unwrap_or_default();
    let view = View { fields, ..View::default() };
    Ok((view, state))
}

/// Refuses an intent that needs the value it replaces: a plain `put` on a text or a counter becomes the difference between
/// old and new.
fn check_needs_no_reading(intent: &Intent, record_type: &RecordType) -> Result<(), Refusal> {
    match record_type.field(&intent.field) {
        Some(field)
            if matches!(field.merge, Merge::Text | Merge::Counter)
                && seal::is_personal(field)
                && matches!(intent.op, Op::Put { .. }) =>
        {
            Err(withheld(field))
        }
        _ => Ok(()),
    }
}
