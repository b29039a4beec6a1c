//! Saving without seeing. After the lease a phone goes on writing records that hold residents' values: an edit is kept as
//! an entry, with what this phone had of the record, and is derived and shown when there is a lease again. A new record
//! shows what is nobody's at once.

use gridledger_core::canonical;
use gridledger_core::derive::Seen;
use gridledger_core::project::{View, project};
use gridledger_core::validate::{Subject, validate, validate_unread, withheld};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{EntryHash, RecordId};
use gridledger_schema::set::{Merge, RecordType};
use rusqlite::Connection;
use serde_json::Value;

use crate::engine::edits::plain::plain;
use crate::engine::file::seal;
use crate::engine::phone::engine::Engine;
use crate::engine::records::documents::Facets;
use crate::engine::records::entries;
use crate::engine::records::rebuild;
use crate::engine::records::rows::{self, Row};
use crate::engine::records::seen;
use crate::engine::records::views;
use crate::error::ClientError;
use crate::model::Saved;

/// A record that can be read only in part now.
pub(crate) struct Unread {
    row: Row,
    record_type: RecordType,
    /// The fields that can be read; of a record that is being created there are none.
    view: View,
    /// A ticket's state.
    state: Option<String>,
}

impl Engine {
    /// What can be read of the record an edit is about, if that is not all of it.
    pub(crate) fn unread(&self, target: &Target) -> Result<Option<Unread>, ClientError> {
        if !self.seal.is_dark() {
            return Ok(None);
        }
        let row = match target {
            Target::Create { record_type, area } => {
                let record = RecordId::created_by(self.me.feed, self.me.head.0 + 1);
                Some(Row::new(record, record_type, *area))
            }
            Target::Edit { record } => rows::row(&self.db, *record)?,
        };
        let Some(row) = row.filter(|row| self.seal.is_blind(&row.record_type)) else {
            return Ok(None);
        };
        let record_type = self.schema.record_type(&row.record_type);
        let Some(record_type) = record_type.cloned() else {
            return Err(Refusal::new(Code::TypeUnknown, "no such record type").into());
        };
        let (view, state) = readable(&self.db, row.record)?;
        Ok(Some(Unread { row, record_type, view, state }))
    }

    /// Saves an edit of a record that cannot be read, inside the store's lock.
    pub(crate) fn save_unread(
        &self,
        c: &Connection,
        target: Target,
        mut unread: Unread,
        intents: Vec<Intent>,
    ) -> Result<(Saved, EntryHash), ClientError> {
        let is_new = matches!(target, Target::Create { .. });
        let read = |intent: Intent| {
            if !is_new {
                needs_no_reading(&intent, &unread.record_type)?;
            }
            plain(intent, &unread.record_type, &unread.view)
        };
        let intents = intents.into_iter().map(read).collect::<Result<_, _>>()?;
        let (n, made) = (self.me.head.0 + 1, self.made()?);
        let at = made.at;
        let entry =
            Entry { n, at, cursor: self.cursor_of(&unread.row)?, role: String::new(), target, intents };
        let entry = self.allowed(entry, &unread)?;
        unread.row.changed_at = at.max(unread.row.changed_at);
        let (feed, record) = (self.me.feed, unread.row.record);
        let seen = seen::pack_unread(c, &entry, record, feed)?;
        let body = canonical::encode(&entry);
        let hash = canonical::hash(self.me.suite, self.me.head.1, &body);
        entries::put_entry(c, feed, &entry, record, (&body, hash, &seen), made)?;
        if is_new {
            let view = self.first_view(&unread.record_type, &entry)?;
            views::write_view(c, &self.schema, &unread.row, &view, 1)?;
        } else {
            c.prepare_cached("UPDATE records SET changed_at = ?2 WHERE record = ?1")?
                .execute((record.0, unread.row.changed_at))?;
            rebuild::mark_stale(c, record)?;
        }
        Ok((Saved { record, n }, hash))
    }

    fn first_view(&self, record_type: &RecordType, entry: &Entry) -> Result<View, ClientError> {
        let mut facets = Facets::new();
        seen::derive(&mut facets, self.me.feed, &self.me.user, entry, |_, _| Seen::All)?;
        Ok(project(record_type, facets.values()))
    }

    /// The entry under the first of the author's roles that may do it, as far as it can be told.
    fn allowed(&self, entry: Entry, unread: &Unread) -> Result<Entry, ClientError> {
        let subject = Subject {
            record_type: &unread.record_type,
            area: unread.row.area,
            seen: &unread.view,
            now: &unread.view,
            entries: 0,
        };
        self.under_some_role(entry, unread.row.record, &subject, |standing, entry| {
            if matches!(entry.target, Target::Create { .. }) {
                return validate(standing, &self.me.user, entry, &subject);
            }
            validate_unread(standing, entry, &subject, unread.state.as_deref(), seal::is_personal)
        })
    }
}

/// The fields of a record that stand open, and a ticket's state.
fn readable(c: &Connection, record: RecordId) -> Result<(View, Option<String>), ClientError> {
    use rusqlite::OptionalExtension as _;
    let mut select = c.prepare_cached("SELECT view FROM records WHERE record = ?1")?;
    let view: Option<String> = select.query_row([record.0], |row| row.get(0)).optional()?;
    let view: Value = serde_json::from_str(&view.unwrap_or_default()).unwrap_or_default();
    let state = view["_ticket"]["state"].as_str().map(str::to_owned);
    let fields = view.as_object().cloned().unwrap_or_default();
    let view = View { fields, ..View::default() };
    Ok((view, state))
}

/// A plain `put` on a text or a counter becomes what is missing between old and new: without the old there is none.
fn needs_no_reading(intent: &Intent, record_type: &RecordType) -> Result<(), Refusal> {
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
