//! These tests check the rules: passes, refusals, and the words of refusals. They share one desk with a small
//! territory.

mod fields;
mod hostile;
mod places;
mod records;
mod rights;
mod shape;
mod tickets;
mod tickets_closed;

use gridledger_schema::entry::{Entry, Intent, Target};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::set::{RecordType, SchemaSet};
use gridledger_schema::wire::{AreaInfo, Grant};
use serde_json::{Value, json};

use super::{Subject, check_shape, validate};
use crate::calendar::Zone;
use crate::derive::{Authored, Seen};
use crate::document::Document;
use crate::known::Standing;
use crate::project::{View, project};
use crate::rights::{AreaTree, Rights};

const DISTRICT: AreaNo = AreaNo(1);
const STREET: AreaNo = AreaNo(2);
const COMMUNITY: AreaNo = AreaNo(3);
const GRID: AreaNo = AreaNo(4);
const OTHER_GRID: AreaNo = AreaNo(5);
/// 2026-03-02, 09:00 in Beijing.
const NOW: i64 = 1_772_413_200_000;

fn area(no: AreaNo, parent: Option<AreaNo>) -> AreaInfo {
    AreaInfo {
        no,
        parent,
        code: format!("a{no}"),
        kind: "basic_grid".into(),
        name: format!("area {no}"),
        edges: Vec::new(),
    }
}

/// A district, a street, a community, two grids.
fn territory() -> AreaTree {
    let below = [(STREET, DISTRICT), (COMMUNITY, STREET), (GRID, COMMUNITY), (OTHER_GRID, COMMUNITY)];
    let below = below.map(|(no, parent)| area(no, Some(parent)));
    AreaTree::new(below.into_iter().chain([area(DISTRICT, None)]))
}

fn grant(role: &str, area: AreaNo) -> Grant {
    Grant { role: role.into(), area, from: 0, to: None }
}

/// The built-in set with a type that has a field of every merge kind. No role may write its field `sealed`.
fn schema() -> SchemaSet {
    let mut schema = with(&[("records/sample.json", include_str!("sample.json").to_owned())]);
    let sample = schema.types.get_mut("sample").unwrap();
    sample.fields.get_mut("sealed").unwrap().write.clear();
    schema
}

/// The built-in set with these files.
fn with(files: &[(&str, String)]) -> SchemaSet {
    let files: Vec<_> = files.iter().map(|(path, text)| ((*path).to_owned(), text.clone())).collect();
    SchemaSet::from_files(&files).unwrap()
}

fn intents(list: &Value) -> Vec<Intent> {
    serde_json::from_value(list.clone()).unwrap_or_else(|error| panic!("{error}: {list}"))
}

fn create(record_type: &str) -> Target {
    Target::Create { record_type: record_type.into(), area: GRID }
}

fn edit() -> Target {
    Target::Edit { record: RecordId([7; 16]) }
}

fn entry(role: &str, target: Target, list: &Value) -> Entry {
    Entry { n: 1, at: NOW, cursor: 0, role: role.into(), target, intents: intents(list) }
}

/// The rules' answer to one entry, whose author holds its role in the community.
fn judge(
    schema: &SchemaSet,
    author: &str,
    entry: &Entry,
    record_type: &RecordType,
    seen: &View,
    now: &View,
) -> String {
    let (tree, grants) = (territory(), [grant(&entry.role, COMMUNITY)]);
    let rights = Rights { schema, tree: &tree, grants: &grants };
    let subject = Subject { record_type, area: GRID, seen, now, entries: 0 };
    let verdict = check_shape(entry).and_then(|()| {
        validate(&Standing::acting(rights, entry.at, &Zone::default()), author, entry, &subject)
    });
    verdict.map_or_else(|refusal| refusal.to_string(), |()| "ok".to_owned())
}

fn view(fields: Value) -> View {
    let Value::Object(fields) = fields else { panic!("fields are an object") };
    View { fields, ..View::default() }
}

/// A record that people act on in turn, through the real merging.
struct Story {
    schema: SchemaSet,
    record_type: String,
    document: Document,
    acts: u64,
}

impl Story {
    fn new(schema: SchemaSet, record_type: &str) -> Self {
        Self { schema, record_type: record_type.into(), document: Document::new(), acts: 0 }
    }

    fn view(&self) -> View {
        project(&self.schema.types[&self.record_type], [&self.document])
    }

    /// Judges one entry, and merges it unless it is refused.
    fn act(&mut self, author: &str, role: &str, list: &Value) -> String {
        let target = if self.acts == 0 { create(&self.record_type) } else { edit() };
        let mut entry = entry(role, target, list);
        entry.n = self.acts + 1;
        entry.at = NOW + i64::try_from(self.acts).unwrap() * 60_000;
        let view = self.view();
        let verdict =
            judge(&self.schema, author, &entry, &self.schema.types[&self.record_type], &view, &view);
        if verdict == "ok" {
            let authored = Authored { feed: FeedId([1; 16]), author, entry: &entry };
            self.document.derive(authored, 0, &Seen::All).unwrap();
            self.acts += 1;
        }
        verdict
    }

    /// One event and nothing else.
    fn event(&mut self, author: &str, role: &str, verb: &str, args: &Value) -> String {
        self.act(author, role, &json!([event(verb, args)]))
    }

    fn passes(&mut self, author: &str, role: &str, verb: &str, args: &Value) {
        assert_eq!(self.event(author, role, verb, args), "ok", "{verb} by {author}");
    }

    fn state(&self) -> String {
        let ticket = self.view().ticket.expect("a ticket that folds");
        ticket.state.map_or_else(String::new, |state| format!("{state} {}", ticket.level))
    }
}

fn event(verb: &str, args: &Value) -> Value {
    json!({ "op": "event", "field": "events", "verb": verb, "args": args })
}
