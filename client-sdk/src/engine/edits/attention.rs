//! Needs attention: own edits that were refused, with what was meant, why not, and what is there now. Nothing is dropped
//! from here but by its author, who may save it again, ask a supervisor, copy it, or let it go.

use std::collections::HashMap;

use gridledger_core::canonical;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::Ruling;
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::{Map, Value, json};

use crate::engine::edits::fork;
use crate::engine::file::seal;
use crate::engine::phone::engine::Engine;
use crate::engine::records::entries::read_refusal;
use crate::engine::records::rows;
use crate::error::{ClientError, lease_ended};
use crate::intents::Intents;
use crate::model::{Attention, Copied, EntryId, Saved, SentState, Why};

/// A body that is sealed is null in the dark.
const COLUMNS: &str =
    "SELECT feed, n, record, opened(body, record, 65), refusal, asked, ruling, facets IS NOT NULL, at
                       FROM entries";

/// A refused entry as it is kept.
struct Refused {
    id: EntryId,
    record: RecordId,
    entry: Entry,
    refusal: Refusal,
    asked: Option<String>,
    ruling: Option<Ruling>,
    /// What it said was erased.
    emptied: bool,
    /// What it said cannot be read now.
    withheld: bool,
}

impl Engine {
    /// What needs attention, the oldest first.
    pub fn attention(&self) -> Result<Vec<Attention>, ClientError> {
        self.look()?;
        let mut select =
            self.db.prepare_cached(&[COLUMNS, " WHERE state = 3 ORDER BY feed <> ?1, n"].concat())?;
        let rows = select.query_map([self.me.feed.0], read)?;
        rows.map(|row| self.described(decoded(row?)?)).collect()
    }

    fn described(&self, refused: Refused) -> Result<Attention, ClientError> {
        let Refused { id, record, entry, refusal, asked, ruling, .. } = refused;
        let why = match stood_on(&self.db, id, record, &refusal)? {
            Some(after) => Why::GroundGone { after },
            None => Why::Refused,
        };
        let dark = self.seal.is_dark();
        let intents = if dark { self.readable(record, entry.intents)? } else { entry.intents };
        let view = self.get(record)?.map(|record| record.view);
        let mut now = Map::new();
        for intent in &intents {
            let there = view.as_ref().and_then(|view| view.get(&intent.field)).cloned();
            now.insert(intent.field.clone(), there.unwrap_or(Value::Null));
        }
        let (zh, en) = said(&refusal, why, ruling.as_ref());
        Ok(Attention {
            id,
            record,
            at: entry.at,
            intents,
            refusal,
            withheld: dark,
            why,
            now,
            here: view.is_some(),
            asked,
            ruling,
            zh,
            en,
        })
    }

    /// Of some intents those on fields that hold nothing about a resident.
    pub(crate) fn readable(
        &self,
        record: RecordId,
        intents: Vec<Intent>,
    ) -> Result<Vec<Intent>, ClientError> {
        let row = rows::row(&self.db, record)?;
        let record_type = row.and_then(|row| self.schema.record_type(&row.record_type));
        let open = |intent: &Intent| {
            let field = record_type.and_then(|t| t.field(&intent.field));
            field.is_some_and(|field| !seal::is_personal(field))
        };
        Ok(intents.into_iter().filter(open).collect())
    }

    /// Saves the same intents again, as a new edit on what is there now, and takes the refused one off the list: both or
    /// neither. Refused like any other edit if it may still not be done, or if its ground is gone.
    pub fn apply_again(&mut self, id: EntryId) -> Result<Saved, ClientError> {
        let refused = self.refused(id)?;
        if refused.emptied {
            return Err(Refusal::new(Code::Erased, "what it said was erased").into());
        }
        if refused.withheld {
            return Err(lease_ended().into());
        }
        let Refused { record, entry, .. } = refused;
        let renamed = made_again(&self.db)?;
        let entry = fork::moved(entry, id.n, &renamed);
        if let Target::Edit { record } = entry.target
            && self.get(record)?.is_none()
        {
            let rule = "the record is not on this phone: it was never created, or has gone";
            return Err(Refusal::new(Code::RecordUnknown, rule).into());
        }
        let intents = Intents::from_vec(entry.intents);
        self.save_and(entry.target, intents.into_vec(), |c, saved| {
            let again = (saved.record != record).then_some(saved.record.0);
            let sql = "UPDATE entries SET state = ?3, again = ?4 WHERE feed = ?1 AND n = ?2 AND state = 3";
            let done = c.prepare_cached(sql)?.execute((
                id.feed.0,
                id.n as i64,
                SentState::Dismissed.number(),
                again,
            ))?;
            // Another process dealt with it since it was read.
            if done == 0 { Err(missing(id)) } else { Ok(()) }
        })
    }

    /// Asks a supervisor about a refused edit; the question goes with every sync until a ruling has come.
    pub fn ask(&mut self, id: EntryId, note: &str) -> Result<(), ClientError> {
        if note.chars().count() > limits::REASON_CHARS {
            let rule = format!("a note of at most {} characters", limits::REASON_CHARS);
            return Err(Refusal::new(Code::LimitExceeded, rule).into());
        }
        let sql = "UPDATE entries SET asked = ?3, asked_told = 0 WHERE feed = ?1 AND n = ?2 AND state = 3 AND ruling IS NULL";
        self.change(id, sql, note)
    }

    /// What was typed, as text and as JSON, to be pasted elsewhere.
    pub fn copy(&self, id: EntryId) -> Result<Copied, ClientError> {
        let refused = self.refused(id)?;
        if self.seal.is_dark() {
            return Err(lease_ended().into());
        }
        let Refused { record, entry, .. } = refused;
        let of = match &entry.target {
            Target::Create { record_type, .. } => Some(record_type.clone()),
            Target::Edit { .. } => self.get(record)?.map(|record| record.record_type),
        };
        let record_type = of.as_deref().and_then(|of| self.schema.record_type(of));
        let (mut zh, mut en) = (String::new(), String::new());
        for intent in &entry.intents {
            let label = record_type.and_then(|of| of.field(&intent.field)).map(|f| &f.label);
            let typed = typed(&intent.op);
            let name = intent.field.as_str();
            zh += label.map_or(name, |label| &label.zh);
            en += label.map_or(name, |label| &label.en);
            zh.extend(["：", &typed, "\n"]);
            en.extend([": ", &typed, "\n"]);
        }
        let json = json!({ "record": record, "type": of, "at": entry.at, "intents": entry.intents });
        Ok(Copied { zh, en, json })
    }

    /// Takes a refused edit off the list; it stays in the store.
    pub fn dismiss(&mut self, id: EntryId) -> Result<(), ClientError> {
        let sql = "UPDATE entries SET state = ?3 WHERE feed = ?1 AND n = ?2 AND state = 3";
        self.change(id, sql, SentState::Dismissed.number())
    }

    pub(crate) fn change(
        &self,
        id: EntryId,
        sql: &str,
        value: impl rusqlite::ToSql,
    ) -> Result<(), ClientError> {
        let key = (id.feed.0, id.n as i64, value);
        match self.db.execute(sql, key).map_err(ClientError::of_store)? {
            0 => Err(missing(id)),
            _ => Ok(()),
        }
    }

    fn refused(&self, id: EntryId) -> Result<Refused, ClientError> {
        self.look()?;
        let mut select =
            self.db.prepare_cached(&[COLUMNS, " WHERE feed = ?1 AND n = ?2 AND state = 3"].concat())?;
        let found = select.query_row((id.feed.0, id.n as i64), read).optional()?;
        decoded(found.ok_or_else(|| missing(id))?)
    }
}

fn missing(id: EntryId) -> ClientError {
    ClientError::Missing(format!("refused edit {id}"))
}

type Found = (EntryId, RecordId, Option<Vec<u8>>, String, Option<String>, Option<String>, bool, Option<i64>);

fn read(row: &Row<'_>) -> rusqlite::Result<Found> {
    let id = EntryId { feed: FeedId(row.get(0)?), n: row.get::<_, i64>(1)? as u64 };
    Ok((
        id,
        RecordId(row.get(2)?),
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
        row.get(8)?,
    ))
}

fn decoded((id, record, body, refusal, asked, ruling, emptied, at): Found) -> Result<Refused, ClientError> {
    let damaged = || ClientError::NotAStore("a refused entry is damaged".into());
    let ruling = ruling.map(|text| {
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Ruling {
            feed: id.feed,
            n: id.n,
            admitted: value["admitted"].as_bool().unwrap_or_default(),
            by: text("by"),
            at: value["at"].as_i64().unwrap_or_default(),
            note: text("note"),
        }
    });
    let withheld = body.is_none();
    let entry = match body {
        Some(body) => canonical::decode(&body).map_err(|_| damaged())?,
        None => Entry {
            n: id.n,
            at: at.unwrap_or_default(),
            cursor: 0,
            role: String::new(),
            target: Target::Edit { record },
            intents: Vec::new(),
        },
    };
    Ok(Refused {
        id,
        record,
        entry,
        refusal: read_refusal(&refusal).ok_or_else(damaged)?,
        asked,
        ruling,
        emptied,
        withheld,
    })
}

/// The refused edit of the same record that this one was made on, while it still seemed to stand, if it could fall for
/// that: what the phone had allowed on top of it has no ground without it.
fn stood_on(
    c: &Connection,
    id: EntryId,
    record: RecordId,
    refusal: &Refusal,
) -> Result<Option<EntryId>, ClientError> {
    let could = matches!(
        refusal.code,
        Code::RecordUnknown
            | Code::ValueInvalid
            | Code::FieldRequired
            | Code::EventIllegal
            | Code::EventForbidden
            | Code::OwnWorkCheck
    );
    if !could {
        return Ok(None);
    }
    let mut select = c.prepare_cached(
        "SELECT n FROM entries WHERE feed = ?1 AND record = ?3 AND n < ?2 AND stood_until >= ?2 AND state IN (3, 4)
         ORDER BY n DESC LIMIT 1",
    )?;
    let found =
        select.query_row((id.feed.0, id.n as i64, record.0), |row| row.get::<_, i64>(0)).optional()?;
    Ok(found.map(|n| EntryId { feed: id.feed, n: n as u64 }))
}

/// Records whose refused creation was saved again: the id that never came to be, and the new one.
fn made_again(c: &Connection) -> Result<HashMap<RecordId, RecordId>, ClientError> {
    let mut select = c.prepare_cached("SELECT record, again FROM entries WHERE again IS NOT NULL")?;
    let rows = select.query_map([], |row| Ok((RecordId(row.get(0)?), RecordId(row.get(1)?))))?;
    let mut again: HashMap<RecordId, RecordId> = rows.collect::<Result<_, _>>()?;
    // It may have been refused and saved more than once.
    let ends: Vec<_> = again.keys().copied().collect();
    for from in ends {
        let mut to = again[&from];
        for _ in 0..again.len() {
            match again.get(&to) {
                Some(next) => to = *next,
                None => break,
            }
        }
        again.insert(from, to);
    }
    Ok(again)
}

/// Why it was refused and what came of it, in sentences.
fn said(refusal: &Refusal, why: Why, ruling: Option<&Ruling>) -> (String, String) {
    let (mut zh, mut en) = (refusal.code.zh().to_owned(), refusal.code.en().to_owned());
    if let Why::GroundGone { after } = why {
        zh = format!("这次操作以第 {} 笔为基础，而那一笔未被接受。{zh}", after.n);
        en = format!("This built on edit {}, which was refused. {en}", after.n);
    }
    if let Some(Ruling { admitted, by, note, .. }) = ruling {
        let (did_zh, did_en) = if *admitted {
            ("已由上级代为录入", "Admitted by")
        } else {
            ("上级未予采纳", "Declined by")
        };
        let (note_zh, note_en) = if note.is_empty() {
            ("。".to_owned(), ".".to_owned())
        } else {
            (format!("：{note}"), format!(": {note}"))
        };
        zh = format!("{zh}{did_zh}（{by}）{note_zh}");
        en = format!("{en} {did_en} {by}{note_en}");
    }
    (zh, en)
}

/// What a person had typed, without the operation around it.
fn typed(op: &Op) -> String {
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match op {
        Op::Put { value } | Op::Append { value } => plain(value),
        Op::Raise { value } => value.to_string(),
        Op::Increment { by } => format!("{by:+}"),
        Op::Splice { insert, .. } => insert.clone(),
        Op::Add { item } => format!("+{item}"),
        Op::Remove { item } => format!("-{item}"),
        Op::SetChild { child, value } => format!("{child} {}", json!(value)),
        Op::RemoveChild { child } => format!("-{child}"),
        Op::Event { verb, args } if args.is_empty() => verb.clone(),
        Op::Event { verb, args } => format!("{verb} {}", json!(args)),
    }
}
