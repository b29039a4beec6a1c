//! What people at desks do in a [`World`](crate::world::World), without HTTP: pull a ledger, write an entry.

use std::collections::BTreeMap;

use gridledger_schema::code::Code;
use gridledger_schema::ids::RecordId;
use gridledger_schema::wire::Grant;
use gridledger_server::desk::disclosure::unmask::Unmask;
use gridledger_server::desk::ledger;
use gridledger_server::desk::ledger::question::Question;
use gridledger_server::desk::writing::{DeskEntry, DeskTarget, DeskVerdict, submit};
use gridledger_server::rights::reader::{ReadError, Reader};
use gridledger_server::service::Service;
use gridledger_server::store::rows::people::User;
use serde_json::{Value, json};

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
    pub fn new(service: &'a Service, login: &str) -> Self {
        let user = service.store.user_by_login(login).expect("users");
        let user = user.expect("a user of the world");
        let grants = service.store.grants(user.no).expect("grants");
        Self { service, user, grants }
    }

    /// The person as a reader.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(self.service, &self.user.login, &self.grants)
    }

    /// One page of a ledger.
    pub fn page(&self, of: &str, query: &[(&str, &str)]) -> Result<Pulled, ReadError> {
        let pairs: Vec<_> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let question = Question::read(&self.service.schema, of, &pairs)?;
        let page = ledger::page(&self.reader(), &question)?;
        Ok(Pulled {
            rows: page.rows.into_iter().map(Value::Object).collect(),
            left: page.left,
            cursor: page.cursor,
            more: page.more,
        })
    }

    /// The code with which a pull is refused.
    pub fn refused_page(&self, of: &str, query: &[(&str, &str)]) -> Code {
        self.page(of, query).expect_err("a refusal").code()
    }

    /// Every row from `since` on, page after page of `limit` rows: what was shown last of each record. Ends where there
    /// is no more.
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
            let page = self.page(of, &query).expect("a page");
            for row in page.rows {
                rows.insert(row["id"].as_str().expect("an id").to_owned(), row);
            }
            cursor = page.cursor;
            if !page.more {
                return (rows, cursor);
            }
        }
    }

    /// Creates a record.
    pub fn create(&self, of: &str, area: &str, intents: Value) -> DeskVerdict {
        self.submit(vec![creating(of, area, intents)]).remove(0)
    }

    /// Creates a record that is stored.
    pub fn made(&self, of: &str, area: &str, intents: Value) -> RecordId {
        let verdict = self.create(of, area, intents);
        verdict.record.unwrap_or_else(|| panic!("{verdict:?}"))
    }

    /// Edits a record as it is now.
    pub fn edit(&self, record: RecordId, intents: Value) -> DeskVerdict {
        let seen = self.last(record);
        self.submit(vec![editing(record, Some(seen), intents)]).remove(0)
    }

    /// A ticket's event, by somebody who has read what is there now.
    pub fn event(&self, record: RecordId, verb: &str, args: Value) -> DeskVerdict {
        self.edit(record, event(verb, args))
    }

    /// Submits entries.
    pub fn submit(&self, entries: Vec<DeskEntry>) -> Vec<DeskVerdict> {
        submit(self.service, &self.user, entries).expect("the store works")
    }

    /// A record's last log position.
    pub fn last(&self, record: RecordId) -> u64 {
        let found = self.service.store.record(record).expect("records");
        found.map_or(0, |(row, _)| row.last)
    }
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
