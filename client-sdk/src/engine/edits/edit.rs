//! Saving: one form save is one entry is one transaction, durable when the call returns.

use gridledger_core::canonical;
use gridledger_core::derive::Seen;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Intent, Target};
use gridledger_schema::ids::RecordId;
use rusqlite::Connection;
use serde_json::Value;

use crate::engine::edits::plain::fit_intent;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::Points;
use crate::engine::records::documents::{self, Facets};
use crate::engine::records::entries::{self, Head, Made, NewEntry};
use crate::engine::records::rows::{self, Row};
use crate::engine::records::{due, seen, views};
use crate::error::ClientError;
use crate::intents::Intents;
use crate::model::Saved;

/// The points around a save's commit.
const SAVE: Points = Points::around("phone.before_save", "phone.after_save");

/// An entry that was written: what the caller gets, and the feed's new head.
pub(crate) struct Written {
    pub(crate) saved: Saved,
    pub(crate) head: Head,
}

impl Engine {
    /// Creates a record of a type in the area with a code; durable when this returns.
    ///
    /// # Errors
    ///
    /// `Refused` with the server's code if a rule forbids it (nothing was saved then), and the store's.
    pub fn create(&mut self, record_type: &str, area: &str, intents: Intents) -> Result<Saved, ClientError> {
        let no = self.tree.by_code(area).map(|a| a.no);
        let no = no.ok_or_else(|| Refusal::new(Code::AreaUnknown, format!("no area {area} here")))?;
        let target = Target::Create { record_type: record_type.to_owned(), area: no };
        self.save(target, intents.0)
    }

    /// Edits a record; durable when this returns.
    ///
    /// # Errors
    ///
    /// `Missing` if the record is not here, else as [`create`](Self::create).
    pub fn edit(&mut self, record: RecordId, intents: Intents) -> Result<Saved, ClientError> {
        self.save(Target::Edit { record }, intents.0)
    }

    /// Settles a conflict with a value. `field` is the field's name, or `field/child/key` for a part of a map's child.
    ///
    /// # Errors
    ///
    /// Those of [`edit`](Self::edit).
    pub fn settle(&mut self, record: RecordId, field: &str, value: Value) -> Result<Saved, ClientError> {
        let path = field.split('/').collect::<Vec<_>>();
        let intents = match path.as_slice() {
            [field, child, key] => {
                let value = serde_json::Map::from_iter([((*key).to_owned(), value)]);
                Intents::new().set_child(field, child, value)
            }
            _ => Intents::new().put(field, value),
        };
        self.edit(record, intents)
    }

    fn save(&mut self, target: Target, intents: Vec<Intent>) -> Result<Saved, ClientError> {
        self.save_and(target, intents, |_, _| Ok(()))
    }

    /// Saves, and does something more in the same transaction.
    pub(crate) fn save_and(
        &mut self,
        target: Target,
        intents: Vec<Intent>,
        also: impl Fn(&Connection, Saved) -> Result<(), ClientError>,
    ) -> Result<Saved, ClientError> {
        self.check_lease()?;
        let saved = match self.save_once(target.clone(), intents.clone(), &also) {
            Err(error) if error.code() == Some(Code::FeedForked) => {
                self.start_new_feed(self.me.feed)?;
                self.save_once(target, intents, &also)
            }
            saved => saved,
        };
        if let Err(error) = &saved {
            self.note_ended_right(error)?;
        }
        saved
    }

    fn save_once(
        &mut self,
        target: Target,
        intents: Vec<Intent>,
        also: impl Fn(&Connection, Saved) -> Result<(), ClientError>,
    ) -> Result<Saved, ClientError> {
        let Written { saved, head } = self.write(SAVE, |engine, c| {
            engine.check_not_used_elsewhere(&target)?;
            let written = engine.save_in(c, target, intents)?;
            also(c, written.saved)?;
            Ok(written)
        })?;
        self.me.head = head;
        Ok(saved)
    }

    /// Refuses a creation whose record is here already. A creation takes its record's id from the next number, so another
    /// copy of this phone has used the number then.
    fn check_not_used_elsewhere(&self, target: &Target) -> Result<(), ClientError> {
        let next = RecordId::created_by(self.me.feed, self.me.head.n + 1);
        if matches!(target, Target::Create { .. }) && rows::find(&self.db, next)?.is_some() {
            return Err(Refusal::new(Code::FeedForked, "the feed went on elsewhere").into());
        }
        Ok(())
    }

    /// Makes the entry of a save and writes it, inside the write lock.
    fn save_in(&self, c: &Connection, target: Target, intents: Vec<Intent>) -> Result<Written, ClientError> {
        if let Some(unread) = self.find_unread(&target)? {
            return self.save_unread(c, target, unread, intents);
        }
        let (n, made) = (self.me.head.n + 1, self.read_clock()?);
        let at = made.at;
        let (mut row, facets) = self.read_ground(&target, n)?;
        let record_type = self.schema.record_type(&row.record_type);
        let record_type =
            record_type.ok_or_else(|| Refusal::new(Code::TypeUnknown, "no such record type"))?;
        let view = gridledger_core::project::project(record_type, facets.values());
        let fit = |intent| fit_intent(intent, record_type, &view);
        let intents = intents.into_iter().map(fit).collect::<Result<_, _>>()?;
        let cursor = self.cursor_of(&row)?;
        let entry = Entry { n, at, cursor, role: String::new(), target, intents };
        let entry = self.put_under_role(entry, record_type, &row, &view)?;
        row.changed_at = at.max(row.changed_at);
        self.write_entry(c, &row, facets, &entry, made)
    }

    /// Writes an entry, the overlay and the view it leads to. `facets` is what the entry was made on.
    fn write_entry(
        &self,
        c: &Connection,
        row: &Row,
        mut facets: Facets,
        entry: &Entry,
        made: Made,
    ) -> Result<Written, ClientError> {
        let feed = self.me.feed;
        let seen = seen::pack_seen(&facets, entry, |of| of != feed);
        seen::derive(&mut facets, feed, &self.me.user, entry, |_, _| Seen::All)?;
        let view = views::project(&self.schema, &row.record_type, &facets);
        facets.retain(|facet, _| entry.facets() & (1 << facet) != 0);
        let written = self.append_entry(c, entry, row.record, &seen, made)?;
        documents::put_overlay(c, row, &facets)?;
        let open = entries::count_open(c, row.record)?;
        views::write(c, &self.schema, row, &view, open)?;
        due::note_saved(c, &self.schema, row, &facets)?;
        Ok(written)
    }

    /// Appends an entry to the feed.
    pub(crate) fn append_entry(
        &self,
        c: &Connection,
        entry: &Entry,
        record: RecordId,
        seen: &[u8],
        made: Made,
    ) -> Result<Written, ClientError> {
        let body = canonical::encode(entry);
        let hash = canonical::hash(self.me.suite, self.me.head.hash, &body);
        let new = NewEntry { feed: self.me.feed, entry, record, body: &body, hash, seen, made };
        entries::insert(c, &new)?;
        let n = entry.n;
        Ok(Written { saved: Saved { record, n }, head: Head { n, hash } })
    }
}
