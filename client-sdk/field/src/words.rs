//! Names and values in the reader's language: labels for codes, titles for references, a ticket's state.

use gridledger_client::Record;
use gridledger_schema::set::{Choice, Kind, Label, Workflow};
use serde_json::{Map, Value};

use crate::app::App;
use crate::text::{clip, cut, one_line, plain, short};
use crate::time;

/// The most columns of a title in a list.
const TITLE_COLUMNS: usize = 48;

/// The parts of an address from the large to the small, as in China. Other keys follow by name.
const ORDER: [&str; 6] = ["road", "number", "building", "unit", "floor", "room"];

/// Lists an object's parts in the order that a person reads them.
pub fn parts_in_order(parts: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    let mut all: Vec<(&String, &Value)> = parts.iter().collect();
    all.sort_by(|(a, _), (b, _)| (place(a), a).cmp(&(place(b), b)));
    all.into_iter()
}

/// Shows a value to a person: labels for codes, local times, titles for references.
pub fn shown(app: &App, kind: &Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Enum(choices), Value::String(code)) => choice_label(app, choices, code),
        (Kind::Time, Value::Number(n)) => n.as_i64().map_or_else(|| n.to_string(), time::local),
        (Kind::Boolean, Value::Bool(yes)) => match yes {
            true => app.lang.pick("是", "yes").to_owned(),
            false => app.lang.pick("否", "no").to_owned(),
        },
        (Kind::Ref(_), Value::String(id)) => reference(app, id),
        (Kind::List { item, .. }, Value::Array(items)) => all_shown(app, item, items),
        (Kind::Object { fields, .. }, Value::Object(parts)) => parts_in_order(parts)
            .map(|(name, part)| {
                let value = fields.get(name).map_or_else(|| plain(part), |kind| shown(app, kind, part));
                format!("{}={value}", one_line(name))
            })
            .collect::<Vec<_>>()
            .join(" "),
        (_, value) => plain(value),
    }
}

/// Shows several values on one line.
pub fn all_shown(app: &App, kind: &Kind, items: &[Value]) -> String {
    items.iter().map(|item| shown(app, kind, item)).collect::<Vec<_>>().join(app.lang.comma())
}

fn choice_label(app: &App, choices: &[Choice], code: &str) -> String {
    let found = choices.iter().find(|choice| choice.code == code);
    found.map_or_else(|| one_line(code), |choice| app.lang.label(&choice.label).to_owned())
}

fn reference(app: &App, id: &str) -> String {
    let here = id.parse().ok().and_then(|id| app.client.get(id).ok().flatten());
    match here {
        Some(record) => format!("{} {}", short(record.id), title(app, &record)).trim_end().to_owned(),
        None => clip(id, 8),
    }
}

/// The label of a record type; its name if the schema does not have it.
pub fn type_label(app: &App, name: &str) -> String {
    let known = app.schema.record_type(name);
    known.map_or_else(|| one_line(name), |t| app.lang.label(&t.label).to_owned())
}

/// A record's title: the value of its type's title field, or nothing.
pub fn title(app: &App, record: &Record) -> String {
    let field = app.schema.record_type(&record.record_type).and_then(|t| t.field(t.title.as_deref()?));
    let value = field.and_then(|field| Some((field, record.view.get(&field.name)?)));
    let title = value.map(|(field, value)| match value {
        Value::Object(parts) => parts_in_order(parts).map(|(_, v)| plain(v)).collect::<Vec<_>>().join(" "),
        value => shown(app, &field.kind, value),
    });
    cut(&title.unwrap_or_default(), TITLE_COLUMNS)
}

/// A record's headline: type, short id, title, state.
pub fn headline(app: &App, record: &Record) -> String {
    let (label, id, title) = (type_label(app, &record.record_type), short(record.id), title(app, record));
    let state = state_of(app, record).map(|state| format!(" [{state}]")).unwrap_or_default();
    format!("{label} {id} {title}{state}").trim_end().replace("  ", " ")
}

/// The text of a label in the language in use; `code` if there is no label.
pub fn label_or<'a>(app: &'a App, label: Option<&'a Label>, code: &'a str) -> &'a str {
    label.map_or(code, |label| app.lang.label(label))
}

fn workflow<'a>(app: &'a App, record: &Record) -> Option<&'a Workflow> {
    app.schema.workflow(app.schema.record_type(&record.record_type)?.workflow.as_ref()?)
}

/// Names a ticket's state and level.
pub fn state_of(app: &App, record: &Record) -> Option<String> {
    let workflow = workflow(app, record)?;
    let ticket = record.view.get("_ticket")?;
    let Some(code) = ticket["state"].as_str() else {
        return Some(app.lang.pick("草稿", "Draft").to_owned());
    };
    let state = label_or(app, workflow.state(code).map(|state| &state.label), code);
    let level = ticket["level"].as_u64().and_then(|level| workflow.levels.get(level as usize));
    Some(match level {
        Some(level) => format!("{state} · {}", app.lang.label(level)),
        None => state.to_owned(),
    })
}
