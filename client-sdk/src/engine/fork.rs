//! A forked feed: this phone came back from a backup, or was cloned, and its feed went on elsewhere. It starts the next
//! feed of its key and appends there what the server has not decided.

use std::collections::HashMap;

use gridledger_core::canonical;
use gridledger_core::derive::Seen;
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use rusqlite::{Connection, TransactionBehavior};
use serde_json::Value;

use super::overlay::{self, Row};
use super::time::Made;
use super::{Engine, db, settings};
use crate::error::{ClientError, lease_ended};
use crate::faults;

/// An undecided entry of the old feed.
struct Left {
    entry: Entry,
    record: RecordId,
    seen: Vec<u8>,
    made: Made,
}

impl Engine {
    /// Starts the key's next feed; undecided entries move there, with what their author had seen.
    pub(super) fn start_new_feed(&mut self) -> Result<(), ClientError> {
        if self.seal.is_dark() {
            return Err(lease_ended().into());
        }
        let old = self.me.feed;
        let key = self.public_key();
        let tx = self
            .db
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        if db::number(&tx, "feed_ordinal")? != i64::from(self.me.ordinal) {
            // Another process on this file has done it.
            drop(tx);
            self.me = settings::identity(&self.db)?;
            return Ok(());
        }
        let left = undecided(&tx, old)?;
        let (ordinal, new) = next_feed(&tx, &key, self.me.ordinal, left.len() as u64)?;
        let mut renamed = HashMap::new();
        let mut touched = Vec::new();
        let mut before = EntryHash::ZERO;
        tx.execute("DELETE FROM entries WHERE feed = ?1 AND state = 0", [old.0])?;
        for (n, one) in (1..).zip(left) {
            let Left {
                entry,
                record,
                seen,
                made,
            } = one;
            let row = overlay::row(&tx, record)?;
            let entry = moved(entry, n, &renamed);
            let moved_to = entry.record(new);
            if moved_to != record {
                renamed.insert(record, moved_to);
                if !overlay::is_confirmed(&tx, record)? {
                    forget(&tx, record)?;
                } else if let Some(row) = row.clone() {
                    // What the other copy made under that number stays.
                    touched.push(row);
                }
            }
            let seen = [seen, own_part(&tx, &entry, moved_to, old, &self.me.user)?].concat();
            let body = canonical::encode(&entry);
            before = canonical::hash(self.me.suite, before, &body);
            overlay::put_entry(&tx, new, &entry, moved_to, (&body, before, &seen), made)?;
            if touched.iter().all(|t: &Row| t.record != moved_to) {
                touched.extend(row_of(row, &entry).map(|row| Row {
                    record: moved_to,
                    ..row
                }));
            }
        }
        for row in touched {
            let confirmed = overlay::documents(&tx, row.record, false)?;
            overlay::rebuild(&tx, &self.schema, &row, confirmed, &self.me.user)?;
        }
        db::set_number(&tx, "feed_ordinal", i64::from(ordinal))?;
        db::set_number(&tx, "decided", 0)?;
        faults::reach("phone.before_fork");
        tx.commit().map_err(ClientError::of_store)?;
        faults::reach("phone.after_fork");
        self.me = settings::identity(&self.db)?;
        Ok(())
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
            taken |= overlay::row(c, RecordId::created_by(feed, n))?.is_some();
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
pub(super) fn moved(mut entry: Entry, n: u64, renamed: &HashMap<RecordId, RecordId>) -> Entry {
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
    let mut facets = overlay::documents(c, record, false)?;
    for open in overlay::open_entries(c, record)?
        .iter()
        .filter(|open| open.feed == old)
    {
        overlay::derive(&mut facets, open.feed, author, &open.entry, |_, _| Seen::All)?;
    }
    Ok(overlay::pack_seen(&facets, entry, |feed| feed == old))
}

fn forget(c: &Connection, record: RecordId) -> Result<(), ClientError> {
    c.execute("DELETE FROM records WHERE record = ?1", [record.0])?;
    c.execute("DELETE FROM documents WHERE record = ?1", [record.0])?;
    Ok(())
}

/// The row under which a moved entry is shown. None is there for an edit whose ground was refused: nothing is shown of it.
fn row_of(row: Option<Row>, entry: &Entry) -> Option<Row> {
    match &entry.target {
        Target::Create { record_type, area } => Some(Row {
            changed_at: entry.at,
            ..Row::new(RecordId([0; 16]), record_type, *area)
        }),
        Target::Edit { .. } => row,
    }
}
