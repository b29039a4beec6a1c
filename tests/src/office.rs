//! People at desks of a [`World`](crate::world::World), without HTTP: they pull ledgers, open records and write entries.

use std::collections::BTreeMap;

use gridledger_schema::code::Code;
use gridledger_schema::ids::RecordId;
use gridledger_schema::wire::Grant;
use gridledger_server::desk::disclosure::exports;
use gridledger_server::desk::disclosure::read_log::page;
use gridledger_server::desk::disclosure::unmask::Unmask;
use gridledger_server::desk::ledger::question::Question;
use gridledger_server::desk::writing::{DeskEntry, DeskTarget, DeskVerdict, submit};
use gridledger_server::desk::{self, ledger};
use gridledger_server::rights::reader::{ReadError, Reader};
use gridledger_server::service::Service;
use gridledger_server::store::rows::people::User;
use serde_json::{Value, json};

use crate::json::text;
use crate::kept::Kept;
use crate::outcome::{done, failed};

/// A page as a test sees it.
#[derive(Debug)]
pub struct Pulled {
    /// The rows.
    pub rows: Vec<Value>,
    /// Records that left.
    pub left: Vec<RecordId>,
    /// Where the next pull goes on.
    pub cursor: String,
    /// Whether there is more.
    pub more: bool,
}

/// A person at a desk.
pub struct Clerk<'a> {
    /// The service.
    pub service: &'a Service,
    /// The person.
    pub user: User,
    grants: Vec<Grant>,
}

impl<'a> Clerk<'a> {
    /// The person of this login.
    #[track_caller]
    pub fn new(service: &'a Service, login: &str) -> Self {
        let store = Kept(&service.store);
        let user = store.account(login);
        let grants = store.grants(user.no);
        Self { service, user, grants }
    }

    /// The person as a reader.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(self.service, &self.user.login, &self.grants)
    }

    /// One page of a ledger.
    pub fn page(&self, of: &str, query: &[(&str, &str)]) -> Result<Pulled, ReadError> {
        let question = Question::read(&self.service.schema, of, &owned(query))?;
        let page = ledger::page(&self.reader(), &question)?;
        Ok(Pulled {
            rows: page.rows.into_iter().map(Value::Object).collect(),
            left: page.left,
            cursor: page.cursor,
            more: page.more,
        })
    }

    /// One page of a ledger that the person may read.
    #[track_caller]
    pub fn ledger(&self, of: &str, query: &[(&str, &str)]) -> Pulled {
        done("pulling the ledger", self.page(of, query))
    }

    /// The code with which a pull is refused.
    #[track_caller]
    pub fn refused_page(&self, of: &str, query: &[(&str, &str)]) -> Code {
        failed("pulling the ledger", self.page(of, query)).code()
    }

    /// A record as the person sees it at the desk; whole with a reason.
    #[track_caller]
    pub fn sees(&self, record: RecordId, reason: Option<&Unmask>) -> Value {
        done("opening the record", desk::record::record(&self.reader(), record, reason))
    }

    /// Tries to open a record at the desk; the code of the refusal.
    #[track_caller]
    pub fn cannot_see(&self, record: RecordId, reason: Option<&Unmask>) -> Code {
        failed("opening the record", desk::record::record(&self.reader(), record, reason)).code()
    }

    /// Tries to open a history at the desk; the code of the refusal.
    #[track_caller]
    pub fn cannot_see_history(&self, record: RecordId, reason: Option<&Unmask>) -> Code {
        failed("opening the history", desk::record::history(&self.reader(), record, reason)).code()
    }

    /// A page of the read log, or why the person may not read it.
    pub fn try_read_log(&self, query: &[(&str, &str)]) -> Result<page::Page, ReadError> {
        page::page(&self.reader(), &page::question(&owned(query))?)
    }

    /// A page of the read log.
    #[track_caller]
    pub fn read_log(&self, query: &[(&str, &str)]) -> page::Page {
        done("reading the log", self.try_read_log(query))
    }

    /// Tries to read the read log; the code of the refusal.
    #[track_caller]
    pub fn cannot_read_log(&self, query: &[(&str, &str)]) -> Code {
        failed("reading the log", self.try_read_log(query)).code()
    }

    /// Asks for an export of a type in an area; its number.
    pub fn ask_for_export(&self, of: &str, area: &str) -> Result<u64, ReadError> {
        let asked = json!({ "type": of, "area": area, "reason": "年度核对名册" });
        exports::ask(&self.reader(), serde_json::from_value(asked).expect("the question is well formed"))
    }

    /// Asks for an export that the person may ask for; its number.
    #[track_caller]
    pub fn asks_for_export(&self, of: &str, area: &str) -> u64 {
        done("asking for the export", self.ask_for_export(of, area))
    }

    /// Agrees to an export as the second person.
    #[track_caller]
    pub fn approves_export(&self, export: u64) {
        done("approving the export", exports::approve(&self.reader(), export));
    }

    /// Tries to agree to an export; the code of the refusal.
    #[track_caller]
    pub fn cannot_approve_export(&self, export: u64) -> Code {
        failed("approving the export", exports::approve(&self.reader(), export)).code()
    }

    /// The history of a record as the person sees it; whole with a reason.
    #[track_caller]
    pub fn history(&self, record: RecordId, reason: Option<&Unmask>) -> Value {
        done("opening the history", desk::record::history(&self.reader(), record, reason))
    }

    /// Every row from `since` on, page after page of `limit` rows: what was shown last of each record. Ends where there
    /// is no more.
    #[track_caller]
    pub fn pull(
        &self,
        of: &str,
        query: &[(&str, &str)],
        since: &str,
        limit: usize,
    ) -> (BTreeMap<String, Value>, String) {
        let (mut rows, mut cursor) = (BTreeMap::new(), since.to_owned());
        loop {
            let limit = limit.to_string();
            let mut query = query.to_vec();
            query.extend([("since", cursor.as_str()), ("limit", limit.as_str())]);
            let page = self.ledger(of, &query);
            for row in page.rows {
                rows.insert(text(&row["id"]).to_owned(), row);
            }
            cursor = page.cursor;
            if !page.more {
                return (rows, cursor);
            }
        }
    }

    /// Creates a record.
    #[track_caller]
    pub fn create(&self, of: &str, area: &str, intents: Value) -> DeskVerdict {
        self.submit_one(creating(of, area, intents))
    }

    /// Creates a record that is stored.
    #[track_caller]
    pub fn made(&self, of: &str, area: &str, intents: Value) -> RecordId {
        let verdict = self.create(of, area, intents);
        match verdict.record {
            Some(record) if verdict.refused.is_none() => record,
            _ => panic!("the record was not stored: {verdict:?}"),
        }
    }

    /// Reports an incident in an area as a ticket.
    #[track_caller]
    pub fn reports(&self, area: &str, title: &str) -> RecordId {
        self.made("ticket", area, ticket(title, &self.service.schema.categories[0].code))
    }

    /// Edits a record as it is now; the edit is stored.
    #[track_caller]
    pub fn writes(&self, record: RecordId, intents: Value) {
        let verdict = self.edit(record, intents);
        assert!(verdict.refused.is_none(), "the edit was not stored: {verdict:?}");
    }

    /// Puts one value into one field of a record as it is now; the edit is stored.
    #[track_caller]
    pub fn puts(&self, record: RecordId, field: &str, value: impl Into<Value>) {
        self.writes(record, put(field, value.into()));
    }

    /// Takes a step with a ticket as it is now; the event is stored.
    #[track_caller]
    pub fn steps(&self, ticket: RecordId, verb: &str, args: Value) {
        self.writes(ticket, event(verb, args));
    }

    /// Submits one entry; the verdict.
    #[track_caller]
    pub fn submit_one(&self, entry: DeskEntry) -> DeskVerdict {
        self.submit(vec![entry]).remove(0)
    }

    /// Edits a record as it is now.
    #[track_caller]
    pub fn edit(&self, record: RecordId, intents: Value) -> DeskVerdict {
        let seen = self.last(record);
        self.submit_one(editing(record, Some(seen), intents))
    }

    /// A ticket's event, by somebody who has read what is there now.
    #[track_caller]
    pub fn event(&self, record: RecordId, verb: &str, args: Value) -> DeskVerdict {
        self.edit(record, event(verb, args))
    }

    /// Submits entries.
    #[track_caller]
    pub fn submit(&self, entries: Vec<DeskEntry>) -> Vec<DeskVerdict> {
        done("submitting", submit(self.service, &self.user, entries))
    }

    /// A record's last log position.
    #[track_caller]
    pub fn last(&self, record: RecordId) -> u64 {
        Kept(&self.service.store).record(record).map_or(0, |(row, _)| row.last)
    }
}

fn owned(query: &[(&str, &str)]) -> Vec<(String, String)> {
    query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The code of a refusal, if the entry was refused.
pub fn refusal(verdict: &DeskVerdict) -> Option<Code> {
    verdict.refused.as_ref().map(|refusal| refusal.code)
}

/// A reason to see values as they are.
pub fn why() -> Unmask {
    let reason = "核对重复档案".to_owned();
    Unmask { reason, export: None }
}

/// An entry that creates a record.
pub fn creating(of: &str, area: &str, intents: Value) -> DeskEntry {
    let target = DeskTarget::Create { record_type: of.to_owned(), area: area.to_owned() };
    entry(target, None, intents)
}

/// An entry that edits a record.
pub fn editing(record: RecordId, seen: Option<u64>, intents: Value) -> DeskEntry {
    entry(DeskTarget::Edit(record), seen, intents)
}

fn entry(target: DeskTarget, seen: Option<u64>, intents: Value) -> DeskEntry {
    DeskEntry {
        target,
        role: None,
        intents: serde_json::from_value(intents).expect("intents"),
        seen,
        request_id: None,
    }
}

/// One put.
pub fn put(field: &str, value: Value) -> Value {
    json!([{ "op": "put", "field": field, "value": value }])
}

/// One event.
pub fn event(verb: &str, args: Value) -> Value {
    json!([{ "op": "event", "field": "events", "verb": verb, "args": args }])
}

/// A new ticket.
pub fn ticket(title: &str, category: &str) -> Value {
    json!([
        { "op": "put", "field": "kind", "value": "incident" },
        { "op": "put", "field": "title", "value": title },
        { "op": "put", "field": "address_text", "value": "滨河路1号2栋3单元401" },
        { "op": "put", "field": "category", "value": category },
        { "op": "event", "field": "events", "verb": "report", "args": {} },
    ])
}
