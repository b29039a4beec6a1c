//! A forked feed: this phone came back from a backup, or was cloned, and its feed went on elsewhere. It starts the next
//! feed of its key and appends there what the server has not decided.

use std::collections::HashMap;

use gridledger_core::canonical;
use gridledger_core::derive::Seen;
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use rusqlite::Connection;
use serde_json::Value;

use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::phone::identity;
use crate::engine::records::documents;
use crate::engine::records::entries::{self, Made};
use crate::engine::records::rebuild;
use crate::engine::records::remove::forget;
use crate::engine::records::rows::{self, Row};
use crate::engine::records::seen;
use crate::error::{ClientError, lease_ended};

/// An undecided entry of the old feed.
struct Left {
    entry: Entry,
    record: RecordId,
    seen: Vec<u8>,
    made: Made,
}

impl Engine {
    /// Starts the key's next feed, if `old` is still the one written; undecided entries move there, with what their author
    /// had seen.
    pub(crate) fn start_new_feed(&mut self, old: FeedId) -> Result<(), ClientError> {
        if self.seal.is_dark() {
            return Err(lease_ended().into());
        }
        let points = ("phone.before_fork", "phone.after_fork");
        self.locked(points, |engine, c| {
            // Another process on this file may have done it.
            if engine.me.feed == old {
                engine.move_undecided(c)?;
            }
            Ok(())
        })?;
        self.look_again()
    }

    fn move_undecided(&self, c: &Connection) -> Result<(), ClientError> {
        let (old, user) = (self.me.feed, &self.me.user);
        let left = undecided(c, old)?;
        let (ordinal, new) = next_feed(c, &self.public_key(), self.me.ordinal, left.len() as u64)?;
        let mut renamed = HashMap::new();
        let mut touched = Vec::new();
        let mut before = EntryHash::ZERO;
        c.execute("DELETE FROM entries WHERE feed = ?1 AND state = 0", [old.0])?;
        for (n, one) in (1..).zip(left) {
            let Left { entry, record, seen, made } = one;
            let row = rows::row(c, record)?;
            let entry = moved(entry, n, &renamed);
            let moved_to = entry.record(new);
            if moved_to != record {
                renamed.insert(record, moved_to);
                if !documents::is_confirmed(c, record)? {
                    forget(c, record)?;
                } else if let Some(row) = row.clone() {
                    // What the other copy made under that number stays.
                    touched.push(row);
                }
            }
            let seen = [seen, own_part(c, &entry, moved_to, old, user)?].concat();
            let body = canonical::encode(&entry);
            before = canonical::hash(self.me.suite, before, &body);
            entries::put_entry(c, new, &entry, moved_to, (&body, before, &seen), made)?;
            if touched.iter().all(|t: &Row| t.record != moved_to) {
                touched.extend(row_of(row, &entry).map(|row| Row { record: moved_to, ..row }));
            }
        }
        for row in touched {
            let confirmed = documents::documents(c, row.record, false)?;
            rebuild::rebuild(c, &self.schema, &row, confirmed, user)?;
        }
        identity::set_decided(c, ordinal, 0)?;
        settings::set_number(c, "feed_ordinal", i64::from(ordinal))
    }
}

/// The key's next feed, without those that another copy of this phone is known to write: whose first numbers, as many as
/// are needed, name records that are here.
fn next_feed(c: &Connection, key: &[u8; 32], last: u32, left: u64) -> Result<(u32, FeedId), ClientError> {
    let mut ordinal = last + 1;
    loop {
        let feed = FeedId::of_key(key, ordinal);
        let mut taken = false;
        for n in 1..=left + 1 {
            taken |= rows::row(c, RecordId::created_by(feed, n))?.is_some();
        }
        if !taken {
            return Ok((ordinal, feed));
        }
        ordinal += 1;
    }
}

fn undecided(c: &Connection, feed: FeedId) -> Result<Vec<Left>, ClientError> {
    let mut select =
        c.prepare("SELECT body, record, seen, clock, told, doubted FROM entries WHERE feed = ?1 AND state = 0 ORDER BY n")?;
    let mut rows = select.query([feed.0])?;
    let mut left = Vec::new();
    while let Some(row) = rows.next()? {
        let body: Vec<u8> = row.get(0)?;
        let entry = canonical::decode(&body).map_err(|e| ClientError::NotAStore(e.to_string()))?;
        left.push(Left {
            record: RecordId(row.get(1)?),
            seen: row.get(2)?,
            made: Made {
                at: entry.at,
                clock: row.get(3)?,
                told: row.get::<_, Option<i64>>(4)?.unwrap_or(0),
                doubted: row.get(5)?,
            },
            entry,
        });
    }
    Ok(left)
}

/// The entry under its new number; records that changed their names with it are named anew.
pub(crate) fn moved(mut entry: Entry, n: u64, renamed: &HashMap<RecordId, RecordId>) -> Entry {
    entry.n = n;
    if let Target::Edit { record } = &mut entry.target
        && let Some(new) = renamed.get(record)
    {
        *record = *new;
    }
    for intent in &mut entry.intents {
        match &mut intent.op {
            Op::Put { value } | Op::Append { value } => rename(value, renamed),
            Op::Add { item } | Op::Remove { item } => rename_text(item, renamed),
            Op::SetChild { value, .. } | Op::Event { args: value, .. } => {
                value.values_mut().for_each(|v| rename(v, renamed));
            }
            Op::Raise { .. } | Op::Increment { .. } | Op::Splice { .. } | Op::RemoveChild { .. } => {}
        }
    }
    entry
}

fn rename(value: &mut Value, renamed: &HashMap<RecordId, RecordId>) {
    match value {
        Value::String(text) => rename_text(text, renamed),
        Value::Array(items) => items.iter_mut().for_each(|v| rename(v, renamed)),
        Value::Object(map) => map.values_mut().for_each(|v| rename(v, renamed)),
        _ => {}
    }
}

fn rename_text(text: &mut String, renamed: &HashMap<RecordId, RecordId>) {
    if let Some(new) = text.parse().ok().and_then(|id: RecordId| renamed.get(&id)) {
        *text = new.to_string();
    }
}

/// What the author had seen of the old feed: its entries that stand are another feed's now.
fn own_part(
    c: &Connection,
    entry: &Entry,
    record: RecordId,
    old: FeedId,
    author: &str,
) -> Result<Vec<u8>, ClientError> {
    let mut facets = documents::documents(c, record, false)?;
    for open in entries::open_entries(c, record)?.iter().filter(|open| open.feed == old) {
        seen::derive(&mut facets, open.feed, author, &open.entry, |_, _| Seen::All)?;
    }
    Ok(seen::pack_seen(&facets, entry, |feed| feed == old))
}

/// The row under which a moved entry is shown. None is there for an edit whose ground was refused: nothing is shown of it.
fn row_of(row: Option<Row>, entry: &Entry) -> Option<Row> {
    match &entry.target {
        Target::Create { record_type, area } => {
            Some(Row { changed_at: entry.at, ..Row::new(RecordId([0; 16]), record_type, *area) })
        }
        Target::Edit { .. } => row,
    }
}
