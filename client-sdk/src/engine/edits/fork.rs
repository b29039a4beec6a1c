//! A forked feed. This phone came back from a backup or was cloned, and its feed went on elsewhere. The phone starts the next
//! feed of its key and appends there what the server has not decided.

use std::collections::HashMap;

use gridledger_core::canonical;
use gridledger_core::derive::Seen;
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use rusqlite::Connection;
use serde_json::Value;

use crate::engine::file::settings::{self, FEED_ORDINAL};
use crate::engine::phone::engine::Engine;
use crate::engine::phone::write_lock::Points;
use crate::engine::records::entries::chain::{self, UnsentEntry};
use crate::engine::records::entries::{self, NewEntry};
use crate::engine::records::remove::{Reach, remove_record};
use crate::engine::records::rows::{self, Row};
use crate::engine::records::{documents, rebuild, seen};
use crate::error::{ClientError, lease_ended};

/// The points around the move to a new feed.
const FORK: Points = Points::around("phone.before_fork", "phone.after_fork");

impl Engine {
    /// Starts the key's next feed, if `old` is still the one written. Undecided entries move there, with what their author
    /// had seen.
    pub(crate) fn start_new_feed(&mut self, old: FeedId) -> Result<(), ClientError> {
        if self.seal.is_dark() {
            return Err(lease_ended().into());
        }
        self.write(FORK, |engine, c| {
            // Another process on this file may have done it.
            if engine.me.feed == old {
                engine.move_unsent(c)?;
            }
            Ok(())
        })?;
        self.reload()
    }

    fn move_unsent(&self, c: &Connection) -> Result<(), ClientError> {
        let (old, user) = (self.me.feed, &self.me.user);
        let unsent = chain::take_unsent(c, old)?;
        let (ordinal, new) = find_next_feed(c, &self.public_key(), self.me.ordinal, unsent.len() as u64)?;
        let mut renamed = HashMap::new();
        let mut touched = Vec::new();
        let mut before = EntryHash::ZERO;
        for (n, UnsentEntry { entry, record, seen, made }) in (1..).zip(unsent) {
            let row = rows::find(c, record)?;
            let entry = move_entry(entry, n, &renamed);
            let moved_to = entry.record(new);
            if moved_to != record {
                renamed.insert(record, moved_to);
                if !documents::is_confirmed(c, record)? {
                    remove_record(c, record, Reach::Within)?;
                } else if let Some(row) = row.clone() {
                    // The record that the other copy created under that number stays.
                    touched.push(row);
                }
            }
            let seen = [seen, pack_own_seen(c, &entry, moved_to, old, user)?].concat();
            let body = canonical::encode(&entry);
            before = canonical::hash(self.me.suite, before, &body);
            let (entry, body, seen) = (&entry, &body[..], &seen[..]);
            let moved = NewEntry { feed: new, entry, record: moved_to, body, hash: before, seen, made };
            entries::insert(c, &moved)?;
            if touched.iter().all(|t: &Row| t.record != moved_to) {
                touched.extend(row_to_show(row, entry).map(|row| Row { record: moved_to, ..row }));
            }
        }
        for row in touched {
            let confirmed = documents::read_confirmed(c, row.record)?;
            rebuild::rebuild(c, &self.schema, &row, confirmed, user)?;
        }
        settings::set_decided(c, ordinal, 0)?;
        FEED_ORDINAL.set(c, &ordinal)
    }
}

/// Finds the key's next feed. A feed whose first `count + 1` numbers name a record that is here is left out: another copy of
/// this phone writes it.
fn find_next_feed(
    c: &Connection,
    key: &[u8; 32],
    last: u32,
    count: u64,
) -> Result<(u32, FeedId), ClientError> {
    let mut ordinal = last + 1;
    loop {
        let feed = FeedId::of_key(key, ordinal);
        let mut taken = false;
        for n in 1..=count + 1 {
            taken |= rows::find(c, RecordId::created_by(feed, n))?.is_some();
        }
        if !taken {
            return Ok((ordinal, feed));
        }
        ordinal += 1;
    }
}

/// Gives an entry a new number, and records that changed their names their new ones.
pub(crate) fn move_entry(mut entry: Entry, n: u64, renamed: &HashMap<RecordId, RecordId>) -> Entry {
    entry.n = n;
    if let Target::Edit { record } = &mut entry.target
        && let Some(new) = renamed.get(record)
    {
        *record = *new;
    }
    for intent in &mut entry.intents {
        match &mut intent.op {
            Op::Put { value } | Op::Append { value } => rename_in(value, renamed),
            Op::Add { item } | Op::Remove { item } => rename_text(item, renamed),
            Op::SetChild { value, .. } | Op::Event { args: value, .. } => {
                value.values_mut().for_each(|v| rename_in(v, renamed));
            }
            Op::Raise { .. } | Op::Increment { .. } | Op::Splice { .. } | Op::RemoveChild { .. } => {}
        }
    }
    entry
}

fn rename_in(value: &mut Value, renamed: &HashMap<RecordId, RecordId>) {
    match value {
        Value::String(text) => rename_text(text, renamed),
        Value::Array(items) => items.iter_mut().for_each(|v| rename_in(v, renamed)),
        Value::Object(map) => map.values_mut().for_each(|v| rename_in(v, renamed)),
        _ => {}
    }
}

fn rename_text(text: &mut String, renamed: &HashMap<RecordId, RecordId>) {
    if let Some(new) = text.parse().ok().and_then(|id: RecordId| renamed.get(&id)) {
        *text = new.to_string();
    }
}

/// Packs what an entry's author had seen of the old feed. Its entries that stand are another feed's from now on.
fn pack_own_seen(
    c: &Connection,
    entry: &Entry,
    record: RecordId,
    old: FeedId,
    author: &str,
) -> Result<Vec<u8>, ClientError> {
    let mut facets = documents::read_confirmed(c, record)?;
    for open in entries::read_open(c, record)?.iter().filter(|open| open.feed == old) {
        seen::derive(&mut facets, open.feed, author, &open.entry, |_, _| Seen::All)?;
    }
    Ok(seen::pack_seen(&facets, entry, |feed| feed == old))
}

/// The row that a moved entry is shown under; its record's id is filled in by the caller. An edit whose ground was refused has
/// none and is not shown.
fn row_to_show(row: Option<Row>, entry: &Entry) -> Option<Row> {
    match &entry.target {
        Target::Create { record_type, area } => {
            Some(Row { changed_at: entry.at, ..Row::new(RecordId([0; 16]), record_type, *area) })
        }
        Target::Edit { .. } => row,
    }
}
