//! Saving: one form save is one entry is one transaction, durable when the call returns.

use gridledger_core::canonical;
use gridledger_core::derive::Seen;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Intent, Target};
use gridledger_schema::ids::{EntryHash, RecordId};
use rusqlite::Connection;
use serde_json::Value;

use crate::engine::edits::plain::plain;
use crate::engine::phone::engine::Engine;
use crate::engine::records::documents::{self, Facets};
use crate::engine::records::due;
use crate::engine::records::entries::{self, Made};
use crate::engine::records::rows::{self, Row};
use crate::engine::records::seen;
use crate::engine::records::views;
use crate::error::ClientError;
use crate::intents::Intents;
use crate::model::Saved;

/// The points around a save's commit.
const SAVE: (&str, &str) = ("phone.before_save", "phone.after_save");

impl Engine {
    /// Creates a record of a type in an area (code).
    pub fn create(&mut self, record_type: &str, area: &str, intents: Intents) -> Result<Saved, ClientError> {
        let no = self.tree.by_code(area).map(|a| a.no);
        let no = no.ok_or_else(|| Refusal::new(Code::AreaUnknown, format!("no area {area} here")))?;
        let target = Target::Create { record_type: record_type.to_owned(), area: no };
        self.save(target, intents.0)
    }

    /// Edits a record.
    pub fn edit(&mut self, record: RecordId, intents: Intents) -> Result<Saved, ClientError> {
        self.save(Target::Edit { record }, intents.0)
    }

    pub(crate) fn save(&mut self, target: Target, intents: Vec<Intent>) -> Result<Saved, ClientError> {
        self.save_and(target, intents, |_, _| Ok(()))
    }

    /// Saves, and does something more in the same transaction.
    pub(crate) fn save_and(
        &mut self,
        target: Target,
        intents: Vec<Intent>,
        also: impl Fn(&Connection, Saved) -> Result<(), ClientError>,
    ) -> Result<Saved, ClientError> {
        self.look()?;
        let saved = match self.save_once(target.clone(), intents.clone(), &also) {
            Err(error) if error.code() == Some(Code::FeedForked) => {
                self.start_new_feed(self.me.feed)?;
                self.save_once(target, intents, &also)
            }
            saved => saved,
        };
        if let Err(error) = &saved {
            self.note_refusal(error)?;
        }
        saved
    }

    fn save_once(
        &mut self,
        target: Target,
        intents: Vec<Intent>,
        also: impl Fn(&Connection, Saved) -> Result<(), ClientError>,
    ) -> Result<Saved, ClientError> {
        let (saved, hash) = self.locked(SAVE, |engine, c| {
            engine.not_used_elsewhere(&target)?;
            let (saved, hash) = engine.save_in(c, target, intents)?;
            also(c, saved)?;
            Ok((saved, hash))
        })?;
        self.me.head = (saved.n, hash);
        Ok(saved)
    }

    /// A creation takes its record's id from the next number. If that record is here already, another copy of this phone
    /// has used the number.
    fn not_used_elsewhere(&self, target: &Target) -> Result<(), ClientError> {
        let next = RecordId::created_by(self.me.feed, self.me.head.0 + 1);
        if matches!(target, Target::Create { .. }) && rows::row(&self.db, next)?.is_some() {
            return Err(Refusal::new(Code::FeedForked, "the feed went on elsewhere").into());
        }
        Ok(())
    }

    /// Makes the entry of a save and writes it, inside the store's lock.
    fn save_in(
        &self,
        c: &Connection,
        target: Target,
        intents: Vec<Intent>,
    ) -> Result<(Saved, EntryHash), ClientError> {
        if let Some(unread) = self.unread(&target)? {
            return self.save_unread(c, target, unread, intents);
        }
        let (n, made) = (self.me.head.0 + 1, self.made()?);
        let at = made.at;
        let (mut row, facets) = self.ground(&target, n)?;
        let record_type = self.schema.record_type(&row.record_type);
        let record_type =
            record_type.ok_or_else(|| Refusal::new(Code::TypeUnknown, "no such record type"))?;
        let view = gridledger_core::project::project(record_type, facets.values());
        let intents = intents.into_iter().map(|i| plain(i, record_type, &view)).collect::<Result<_, _>>()?;
        let cursor = self.cursor_of(&row)?;
        let entry = Entry { n, at, cursor, role: String::new(), target, intents };
        let entry = self.under_a_role(entry, record_type, &row, &view)?;
        row.changed_at = at.max(row.changed_at);
        self.write(c, &row, facets, (&entry, made))
    }

    pub(crate) fn write(
        &self,
        c: &Connection,
        row: &Row,
        mut facets: Facets,
        (entry, made): (&Entry, Made),
    ) -> Result<(Saved, EntryHash), ClientError> {
        let feed = self.me.feed;
        let seen = seen::pack_seen(&facets, entry, |of| of != feed);
        seen::derive(&mut facets, feed, &self.me.user, entry, |_, _| Seen::All)?;
        let view = views::view(&self.schema, &row.record_type, &facets);
        facets.retain(|facet, _| entry.facets() & (1 << facet) != 0);
        let body = canonical::encode(entry);
        let hash = canonical::hash(self.me.suite, self.me.head.1, &body);
        entries::put_entry(c, feed, entry, row.record, (&body, hash, &seen), made)?;
        documents::put_overlay(c, row, &facets)?;
        let open = c
            .prepare_cached("SELECT count(*) FROM entries WHERE record = ?1 AND state < 2")?
            .query_row([row.record.0], |r| r.get::<_, i64>(0))?;
        views::write_view(c, &self.schema, row, &view, open as usize)?;
        due::saved(c, &self.schema, row, &facets)?;
        let (record, n) = (row.record, entry.n);
        Ok((Saved { record, n }, hash))
    }

    /// Settles a conflict: this value, by someone who has seen the others.
    pub fn settle(&mut self, record: RecordId, field: &str, value: Value) -> Result<Saved, ClientError> {
        let child = field.split('/').collect::<Vec<_>>();
        let intents = match child.as_slice() {
            [field, child, key] => {
                let value = serde_json::Map::from_iter([((*key).to_owned(), value)]);
                Intents::new().set_child(field, child, value)
            }
            _ => Intents::new().put(field, value),
        };
        self.edit(record, intents)
    }
}
