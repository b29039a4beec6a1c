//! Saving: one form save is one entry is one transaction, durable when the call returns.

use gridledger_core::canonical;
use gridledger_core::derive::Seen;
use gridledger_core::known::Standing;
use gridledger_core::project::View;
use gridledger_core::references::{self, Named};
use gridledger_core::validate::{Subject, check_shape, validate};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, EntryHash, RecordId};
use gridledger_schema::set::{Field, Merge, RecordType};
use rusqlite::Connection;
use serde_json::Value;

use super::overlay::{self, Facets, Row};
use super::time::Made;
use super::{Engine, epochs, reach, shadows};
use crate::error::ClientError;
use crate::faults;
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

    fn save(&mut self, target: Target, intents: Vec<Intent>) -> Result<Saved, ClientError> {
        self.save_and(target, intents, |_, _| Ok(()))
    }

    /// Saves, and does something more in the same transaction.
    pub(super) fn save_and(
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
        if matches!(target, Target::Create { .. }) && overlay::row(&self.db, next)?.is_some() {
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

    /// What an entry is made on: the record's row and its documents, undecided edits included.
    fn ground(&self, target: &Target, n: u64) -> Result<(Row, Facets), ClientError> {
        match target {
            Target::Create { record_type, area } => {
                let record = RecordId::created_by(self.me.feed, n);
                Ok((Row::new(record, record_type, *area), Facets::new()))
            }
            Target::Edit { record } => {
                let row = overlay::row(&self.db, *record)?
                    .ok_or_else(|| ClientError::Missing(format!("record {record}")))?;
                Ok((row, overlay::documents(&self.db, *record, true)?))
            }
        }
    }

    /// The log position up to which this phone has the record.
    pub(super) fn cursor_of(&self, row: &Row) -> Result<u64, ClientError> {
        // What is shown from before a restore was held up to a position of then.
        if let Some(held) = shadows::held_position(&self.db, row.record)? {
            return Ok(held);
        }
        let (floor, whole) = self.area_held(row.area)?;
        // Where this phone holds some of an area's records, the area's log says nothing of one of them.
        let seen = match row.held {
            held @ 1.. if !whole && !faults::is_planted("02") => held,
            held => floor.max(held),
        };
        // Of a record that left, nothing was seen from there on.
        Ok(row.leaving.map_or(seen, |left| seen.min(left.saturating_sub(1))))
    }

    /// The floor of an area, and whether its records are held all or only some.
    fn area_held(&self, area: AreaNo) -> Result<(u64, bool), ClientError> {
        use rusqlite::OptionalExtension as _;
        let mut select = self.db.prepare_cached("SELECT floor, scope FROM areas WHERE area = ?1")?;
        let held = select
            .query_row([area.0], |row| {
                let scope: Option<i64> = row.get(1)?;
                Ok((row.get::<_, i64>(0)? as u64, scope.is_none_or(|scope| scope == reach::WHOLE)))
            })
            .optional()?;
        Ok(held.unwrap_or((0, true)))
    }

    /// The entry under the first of the author's roles that may do it; else the first role's refusal.
    fn under_a_role(
        &self,
        entry: Entry,
        record_type: &RecordType,
        row: &Row,
        view: &View,
    ) -> Result<Entry, ClientError> {
        let subject = Subject { record_type, area: row.area, seen: view, now: view, entries: 0 };
        self.under_some_role(entry, row.record, &subject, |standing, entry| {
            validate(standing, &self.me.user, entry, &subject)
        })
    }

    /// The same, with any check of what a role may do.
    pub(super) fn under_some_role(
        &self,
        mut entry: Entry,
        record: RecordId,
        subject: &Subject<'_>,
        check: impl Fn(&Standing<'_>, &Entry) -> Result<(), Refusal>,
    ) -> Result<Entry, ClientError> {
        let standing = Standing::acting(self.rights(), self.rights_time(entry.at)?);
        let mut refusal = None;
        for role in standing.rights.roles_at(subject.area, standing.moment.now) {
            role.clone_into(&mut entry.role);
            check_shape(&entry)?;
            match check(&standing, &entry) {
                Ok(()) => {
                    self.check_creator(&entry, subject.record_type, record)?;
                    self.check_references(&entry, subject.record_type)?;
                    return Ok(entry);
                }
                Err(no) => refusal = refusal.or(Some(no)),
            }
        }
        Err(refusal.unwrap_or_else(|| self.no_role(subject.area, standing.moment.now)).into())
    }

    /// A record that is here must be what the field that names it says. Of one that is not here the server judges, as of
    /// people.
    fn check_references(&self, entry: &Entry, record_type: &RecordType) -> Result<(), ClientError> {
        for reference in references::of_entry(&self.schema, record_type, entry) {
            if let Named::Record(record, _) = &reference.to
                && let Some(row) = overlay::row(&self.db, *record)?
            {
                reference.check_type(Some(&row.record_type))?;
            }
        }
        Ok(())
    }

    fn write(
        &self,
        c: &Connection,
        row: &Row,
        mut facets: Facets,
        (entry, made): (&Entry, Made),
    ) -> Result<(Saved, EntryHash), ClientError> {
        let feed = self.me.feed;
        let seen = overlay::pack_seen(&facets, entry, |of| of != feed);
        overlay::derive(&mut facets, feed, &self.me.user, entry, |_, _| Seen::All)?;
        let view = overlay::view(&self.schema, &row.record_type, &facets);
        facets.retain(|facet, _| entry.facets() & (1 << facet) != 0);
        let body = canonical::encode(entry);
        let hash = canonical::hash(self.me.suite, self.me.head.1, &body);
        overlay::put_entry(c, feed, entry, row.record, (&body, hash, &seen), made)?;
        overlay::put_overlay(c, row, &facets)?;
        let open = c
            .prepare_cached("SELECT count(*) FROM entries WHERE record = ?1 AND state < 2")?
            .query_row([row.record.0], |r| r.get::<_, i64>(0))?;
        overlay::write_view(c, &self.schema, row, &view, open as usize)?;
        epochs::saved(c, &self.schema, row, &facets)?;
        let (record, n) = (row.record, entry.n);
        Ok((Saved { record, n }, hash))
    }
}

/// Fills in the facet, and turns a plain `put` into what the field's merge kind takes.
pub(super) fn plain(mut intent: Intent, record_type: &RecordType, view: &View) -> Result<Intent, Refusal> {
    let Some(field) = record_type.field(&intent.field) else {
        return Err(Refusal::of_field(
            Code::FieldUnknown,
            &intent.field,
            "the record type has no such field",
        ));
    };
    intent.facet = field.facet;
    if let Op::Put { value } = &intent.op {
        intent.op = match (field.merge, value) {
            (Merge::Text, Value::String(text)) => {
                let old = view.fields.get(&intent.field).and_then(Value::as_str).unwrap_or_default();
                shortest_splice(old, text)
            }
            (Merge::Max, value) if value.is_i64() => Op::Raise { value: value.as_i64().unwrap_or(0) },
            (Merge::Counter, value) if value.is_i64() => {
                let now = view.fields.get(&intent.field).and_then(Value::as_i64).unwrap_or(0);
                Op::Increment { by: value.as_i64().unwrap_or(0).saturating_sub(now) }
            }
            // Said of the value: that the field takes another operation is no business of who wrote `put`.
            (Merge::Text, _) => return Err(misfit(field, "must be a text")),
            (Merge::Max | Merge::Counter, _) => return Err(misfit(field, "must be a whole number")),
            _ => return Ok(intent),
        };
    }
    Ok(intent)
}

fn misfit(field: &Field, rule: &str) -> Refusal {
    Refusal::of_field(Code::ValueInvalid, &field.name, rule)
}

/// The splice that turns `old` into `new`: what lies between their common start and end. Positions in scalar values.
fn shortest_splice(old: &str, new: &str) -> Op {
    let (old, new): (Vec<char>, Vec<char>) = (old.chars().collect(), new.chars().collect());
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    let insert = new[start..new.len() - end].iter().collect();
    Op::Splice { pos: start as u32, delete: (old.len() - end - start) as u32, insert }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_put_becomes_the_shortest_splice() {
        let splice = |pos, delete, insert: &str| Op::Splice { pos, delete, insert: insert.into() };
        assert_eq!(shortest_splice("", "新"), splice(0, 0, "新"));
        assert_eq!(shortest_splice("楼道堆物", "楼道无堆物"), splice(2, 0, "无"));
        assert_eq!(shortest_splice("aaa", "aa"), splice(2, 1, ""));
        assert_eq!(shortest_splice("same", "same"), splice(4, 0, ""));
    }
}
