//! Needs attention: own edits that were refused, with what was meant, the reason, and what is there now. An edit leaves the
//! list only through its author, who may save it again, ask a supervisor, copy it, or dismiss it.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Intent, Op, Target};
use gridledger_schema::ids::RecordId;
use gridledger_schema::limits;
use gridledger_schema::wire::Ruling;
use serde_json::{Map, Value, json};

use crate::engine::edits::fork::move_entry;
use crate::engine::file::seal;
use crate::engine::phone::engine::Engine;
use crate::engine::records::entries::refused::{self, RefusedEntry};
use crate::engine::records::rows;
use crate::error::{ClientError, lease_ended};
use crate::intents::Intents;
use crate::model::{Attention, Copied, EntryId, Saved, Why};

impl Engine {
    /// Lists the edits that need attention, the oldest first.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn attention(&self) -> Result<Vec<Attention>, ClientError> {
        self.check_lease()?;
        let refused = refused::list(&self.db, self.me.feed)?.into_iter();
        refused.map(|refused| self.describe_refused(refused)).collect()
    }

    fn describe_refused(&self, refused: RefusedEntry) -> Result<Attention, ClientError> {
        let RefusedEntry { id, record, entry, refusal, asked, ruling, .. } = refused;
        let ground =
            if falls_with_ground(&refusal) { refused::find_ground(&self.db, id, record)? } else { None };
        let why = ground.map_or(Why::Refused, |after| Why::GroundGone { after });
        let dark = self.seal.is_dark();
        let intents = if dark { self.retain_open_intents(record, entry.intents)? } else { entry.intents };
        let view = self.get(record)?.map(|record| record.view);
        let mut now = Map::new();
        for intent in &intents {
            let there = view.as_ref().and_then(|view| view.get(&intent.field)).cloned();
            now.insert(intent.field.clone(), there.unwrap_or(Value::Null));
        }
        let (zh, en) = explain(&refusal, why, ruling.as_ref());
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

    /// Retains the intents on fields that hold nothing about a resident.
    fn retain_open_intents(
        &self,
        record: RecordId,
        intents: Vec<Intent>,
    ) -> Result<Vec<Intent>, ClientError> {
        let row = rows::find(&self.db, record)?;
        let record_type = row.and_then(|row| self.schema.record_type(&row.record_type));
        let open = |intent: &Intent| {
            let field = record_type.and_then(|t| t.field(&intent.field));
            field.is_some_and(|field| !seal::is_personal(field))
        };
        Ok(intents.into_iter().filter(open).collect())
    }

    /// Saves the same intents again, as a new edit on what is there now, and takes the refused one off the list: both or
    /// neither.
    ///
    /// # Errors
    ///
    /// `Missing` if the edit is not on the list, `erased` or `lease_ended` if its content cannot be read, `record_unknown` if
    /// its record is not here, else as [`edit`](Self::edit).
    pub fn apply_again(&mut self, id: EntryId) -> Result<Saved, ClientError> {
        let refused = self.find_refused(id)?;
        if refused.emptied {
            return Err(Refusal::new(Code::Erased, "what it said was erased").into());
        }
        if refused.withheld {
            return Err(lease_ended().into());
        }
        let RefusedEntry { record, entry, .. } = refused;
        let renamed = refused::read_saved_again(&self.db)?;
        let entry = move_entry(entry, id.n, &renamed);
        if let Target::Edit { record } = entry.target
            && self.get(record)?.is_none()
        {
            let rule = "the record is not on this phone: it was never created, or has gone";
            return Err(Refusal::new(Code::RecordUnknown, rule).into());
        }
        let intents = Intents::from_vec(entry.intents);
        self.save_and(entry.target, intents.into_vec(), |c, saved| {
            let again = Some(saved.record).filter(|saved| *saved != record);
            // Another process may have dealt with it since it was read.
            if refused::dismiss(c, id, again)? { Ok(()) } else { Err(missing(id)) }
        })
    }

    /// Asks a supervisor about a refused edit. The question goes with every sync until a ruling has come.
    ///
    /// # Errors
    ///
    /// `limit_exceeded` for a note that is too long, `Missing` if the edit is not on the list or has a ruling, and the store's.
    pub fn ask(&mut self, id: EntryId, note: &str) -> Result<(), ClientError> {
        if note.chars().count() > limits::REASON_CHARS {
            let rule = format!("a note of at most {} characters", limits::REASON_CHARS);
            return Err(Refusal::new(Code::LimitExceeded, rule).into());
        }
        if refused::ask(&self.db, id, note)? { Ok(()) } else { Err(missing(id)) }
    }

    /// Gives what was typed in a refused edit, as text and as JSON, to be pasted elsewhere.
    ///
    /// # Errors
    ///
    /// `Missing` if the edit is not on the list, `lease_ended` in the dark, and the store's.
    pub fn copy(&self, id: EntryId) -> Result<Copied, ClientError> {
        let refused = self.find_refused(id)?;
        if self.seal.is_dark() {
            return Err(lease_ended().into());
        }
        let RefusedEntry { record, entry, .. } = refused;
        let name = match &entry.target {
            Target::Create { record_type, .. } => Some(record_type.clone()),
            Target::Edit { .. } => self.get(record)?.map(|record| record.record_type),
        };
        let record_type = name.as_deref().and_then(|name| self.schema.record_type(name));
        let (mut zh, mut en) = (String::new(), String::new());
        for intent in &entry.intents {
            let label = record_type.and_then(|of| of.field(&intent.field)).map(|f| &f.label);
            let typed = write_typed(&intent.op);
            let name = intent.field.as_str();
            zh += label.map_or(name, |label| &label.zh);
            en += label.map_or(name, |label| &label.en);
            zh.extend(["：", &typed, "\n"]);
            en.extend([": ", &typed, "\n"]);
        }
        let json = json!({ "record": record, "type": name, "at": entry.at, "intents": entry.intents });
        Ok(Copied { zh, en, json })
    }

    /// Takes a refused edit off the list; it stays in the store.
    ///
    /// # Errors
    ///
    /// `Missing` if the edit is not on the list, and the store's.
    pub fn dismiss(&mut self, id: EntryId) -> Result<(), ClientError> {
        if refused::dismiss(&self.db, id, None)? { Ok(()) } else { Err(missing(id)) }
    }

    fn find_refused(&self, id: EntryId) -> Result<RefusedEntry, ClientError> {
        self.check_lease()?;
        refused::find(&self.db, id)?.ok_or_else(|| missing(id))
    }
}

fn missing(id: EntryId) -> ClientError {
    ClientError::Missing(format!("refused edit {id}"))
}

/// Whether an edit may have been refused only because an earlier edit of the record was. The phone had allowed it on top of
/// that one, and without it the edit has no ground.
fn falls_with_ground(refusal: &Refusal) -> bool {
    matches!(
        refusal.code,
        Code::RecordUnknown
            | Code::ValueInvalid
            | Code::FieldRequired
            | Code::EventIllegal
            | Code::EventForbidden
            | Code::OwnWorkCheck
    )
}

/// Explains a refusal and its ruling in sentences, in Chinese and in English.
fn explain(refusal: &Refusal, why: Why, ruling: Option<&Ruling>) -> (String, String) {
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

/// Writes what a person had typed, without the operation around it.
fn write_typed(op: &Op) -> String {
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
