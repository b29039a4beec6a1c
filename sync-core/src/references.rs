//! References are the records and people that an entry or a view names. Each must exist, and be what the
//! schema says.

use std::collections::BTreeMap;

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Op};
use gridledger_schema::ids::RecordId;
use gridledger_schema::set::{Kind, Merge, RecordType, SchemaSet, VerbRule, Workflow};
use serde_json::{Map, Value};

use crate::project::View;

/// The fields of tickets that name people by their logins. Other sets of people may name people without an
/// account.
const LOGIN_FIELDS: [(&str, &str); 2] = [("ticket", "co_handlers"), ("ticket", "followers")];
/// The argument of a workflow's events that names a person by login.
const LOGIN_ARGUMENT: &str = "who";

/// A reference: a field, and the record or person it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The field.
    pub field: String,
    /// The record or person.
    pub to: Named,
}

/// A named record or person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A record, with the type that it must have.
    Record(RecordId, String),
    /// A person, by login.
    Person(String),
}

impl Reference {
    /// Refuses a named record of another type. `found` is its type, if the record exists.
    pub fn check_type(&self, found: Option<&str>) -> Result<(), Refusal> {
        let Named::Record(_, wanted) = &self.to else {
            return Ok(());
        };
        match found {
            None => Err(Refusal::of_field(
                Code::RecordUnknown,
                &self.field,
                format!("must name a {wanted} that is there"),
            )),
            Some(found) if found != wanted => {
                Err(Refusal::of_field(Code::ValueInvalid, &self.field, format!("must name a {wanted}")))
            }
            Some(_) => Ok(()),
        }
    }

    /// The refusal for a login that nobody has.
    pub fn no_such_person(&self) -> Refusal {
        Refusal::of_field(Code::ValueInvalid, &self.field, "must be somebody's login")
    }
}

/// The references that an entry adds. Removals add none.
pub fn list_in_entry(schema: &SchemaSet, record_type: &RecordType, entry: &Entry) -> Vec<Reference> {
    let mut found = Found::new(schema, record_type);
    for intent in &entry.intents {
        match &intent.op {
            Op::Put { value } | Op::Append { value } => found.in_field(&intent.field, value),
            Op::Add { item } => found.in_field(&intent.field, &Value::from(item.as_str())),
            Op::SetChild { value, .. } => found.in_child(&intent.field, value),
            Op::Event { verb, args } => found.in_event(&intent.field, verb, args),
            Op::Raise { .. }
            | Op::Increment { .. }
            | Op::Splice { .. }
            | Op::Remove { .. }
            | Op::RemoveChild { .. } => {}
        }
    }
    found.all
}

/// The references of a record in its present state.
pub fn list_in_view(schema: &SchemaSet, record_type: &RecordType, view: &View) -> Vec<Reference> {
    let mut found = Found::new(schema, record_type);
    for (name, value) in &view.fields {
        let merge = record_type.field(name).map(|field| field.merge);
        match (merge, value) {
            (Some(Merge::SetAddWins | Merge::SetRemoveWins | Merge::Log), Value::Array(items)) => {
                for item in items {
                    found.in_field(name, item);
                }
            }
            (Some(Merge::Map), Value::Object(children)) => {
                let children = children.values().filter_map(Value::as_object);
                for child in children {
                    found.in_child(name, child);
                }
            }
            _ => found.in_field(name, value),
        }
    }
    if let Some(field) = record_type.events_field() {
        for event in &view.events {
            found.in_event(&field.name, event.verb.as_str(), &event.args);
        }
    }
    found.all
}

struct Found<'a> {
    record_type: &'a RecordType,
    workflow: Option<&'a Workflow>,
    all: Vec<Reference>,
}

impl<'a> Found<'a> {
    fn new(schema: &'a SchemaSet, record_type: &'a RecordType) -> Self {
        let workflow = record_type.workflow.as_ref();
        Self { record_type, workflow: workflow.and_then(|name| schema.workflow(name)), all: Vec::new() }
    }

    fn add(&mut self, field: &str, to: Named) {
        let field = field.to_owned();
        self.all.push(Reference { field, to });
    }

    /// Adds the references in a field's value, or in one item of a set, list or log.
    fn in_field(&mut self, name: &str, value: &Value) {
        let Some(field) = self.record_type.field(name) else {
            return;
        };
        if LOGIN_FIELDS.contains(&(self.record_type.name.as_str(), name)) {
            if let Some(login) = value.as_str() {
                self.add(name, Named::Person(login.to_owned()));
            }
            return;
        }
        self.in_kind(name, &field.kind, value);
    }

    fn in_child(&mut self, name: &str, child: &Map<String, Value>) {
        if let Some(Kind::Object { fields, .. }) = self.record_type.field(name).map(|field| &field.kind) {
            self.in_parts(name, fields, child);
        }
    }

    fn in_event(&mut self, name: &str, verb: &str, args: &Map<String, Value>) {
        let Some(VerbRule { args: kinds, .. }) = self.workflow.and_then(|workflow| workflow.verb(verb))
        else {
            return;
        };
        self.in_parts(name, kinds, args);
        if let Some(login) = args.get(LOGIN_ARGUMENT).and_then(Value::as_str) {
            self.add(name, Named::Person(login.to_owned()));
        }
    }

    fn in_parts(&mut self, name: &str, kinds: &BTreeMap<String, Kind>, parts: &Map<String, Value>) {
        for (key, value) in parts {
            if let Some(kind) = kinds.get(key) {
                self.in_kind(name, kind, value);
            }
        }
    }

    fn in_kind(&mut self, name: &str, kind: &Kind, value: &Value) {
        match (kind, value) {
            (Kind::Ref(of), Value::String(text)) => {
                if let Ok(record) = text.parse() {
                    self.add(name, Named::Record(record, of.clone()));
                }
            }
            (Kind::List { item, .. }, Value::Array(items)) => {
                for value in items {
                    self.in_kind(name, item, value);
                }
            }
            (Kind::Object { fields, .. }, Value::Object(parts)) => self.in_parts(name, fields, parts),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use gridledger_schema::entry::{Intent, Target};
    use serde_json::json;

    use super::*;

    const ID: &str = "07070707-0707-0707-0707-070707070707";

    fn named(of: &str, intents: Value) -> Vec<(String, String)> {
        let schema = SchemaSet::builtin();
        let intents: Vec<Intent> = serde_json::from_value(intents).expect("intents");
        let record = RecordId([7; 16]);
        let entry =
            Entry { n: 1, at: 0, cursor: 0, role: String::new(), target: Target::Edit { record }, intents };
        let record_type = schema.record_type(of).expect("a type");
        let references = list_in_entry(&schema, record_type, &entry).into_iter();
        let text = |to| match to {
            Named::Record(_, of) => of,
            Named::Person(login) => format!("@{login}"),
        };
        references.map(|one| (one.field, text(one.to))).collect()
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(field, to): &(&str, &str)| ((*field).to_owned(), (*to).to_owned());
        all.iter().map(owned).collect()
    }

    #[test]
    fn references_are_found_in_every_operation() {
        let said = json!([
            { "field": "place_ref", "facet": 0, "op": "put", "value": ID },
            { "field": "linked_visits", "facet": 0, "op": "add", "item": ID },
            { "field": "linked_patrols", "facet": 0, "op": "remove", "item": ID },
            { "field": "followers", "facet": 0, "op": "add", "item": "w1" },
            { "field": "events", "facet": 0, "op": "event", "verb": "assign", "args": { "who": "w2" } },
            { "field": "events", "facet": 0, "op": "event", "verb": "merge", "args": { "into": ID } },
            { "field": "title", "facet": 0, "op": "put", "value": ID },
        ]);
        let expected = [
            ("place_ref", "place"),
            ("linked_visits", "visit"),
            ("followers", "@w1"),
            ("events", "@w2"),
            ("events", "ticket"),
        ];
        assert_eq!(named("ticket", said), pairs(&expected));
        let said = json!([
            { "field": "checkins", "facet": 0, "op": "append", "value": { "point_id": ID } },
            { "field": "findings", "facet": 0, "op": "append", "value": ID },
            { "field": "companions", "facet": 0, "op": "add", "item": "派出所小李" },
        ]);
        assert_eq!(named("patrol", said), pairs(&[("checkins", "place"), ("findings", "ticket")]));
    }

    #[test]
    fn a_reference_is_to_a_record_that_is_there_and_of_its_type() {
        let to = Named::Record(RecordId([7; 16]), "place".into());
        let field = "place_ref".to_owned();
        let reference = Reference { field, to };
        assert!(reference.check_type(Some("place")).is_ok());
        let code = |found| reference.check_type(found).map_err(|refusal| refusal.code);
        assert_eq!(code(None), Err(Code::RecordUnknown));
        assert_eq!(code(Some("person")), Err(Code::ValueInvalid));
    }
}
