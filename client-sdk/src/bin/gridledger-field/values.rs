//! Values, from what was typed and to what is shown.

use gridledger_schema::set::{Choice, Kind};
use serde_json::{Map, Value};

use crate::app::App;
use crate::failure::Failure;
use crate::text::{clip, one_line, plain, short, title};
use crate::time;

/// The parts of an address from the large to the small, as it is said in China; other keys follow by name.
const ORDER: [&str; 6] = ["road", "number", "building", "unit", "floor", "room"];

/// An object's parts in the order a person reads them.
pub fn parts_in_order(parts: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let place = |name: &str| ORDER.iter().position(|known| *known == name).unwrap_or(ORDER.len());
    let mut all: Vec<(&String, &Value)> = parts.iter().collect();
    all.sort_by(|(a, _), (b, _)| (place(a), a).cmp(&(place(b), b)));
    all.into_iter()
}

/// A value as a person reads it: labels for codes, times by the clock on the wall, titles for references.
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

/// Several values in one line.
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

/// The value that was typed for a kind. What does not fit is passed on as text: the rules say why it does not.
pub fn read(app: &App, kind: &Kind, text: &str) -> Result<Value, Failure> {
    match kind {
        Kind::Text { .. } => Ok(text.into()),
        Kind::Enum(choices) => Ok(code_of(choices, text).into()),
        Kind::Ref(_) => Ok(app.reference(text)?.into()),
        Kind::Time => read_time(app, text),
        Kind::Boolean => Ok(match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "是" => true.into(),
            "false" | "no" | "否" => false.into(),
            _ => text.into(),
        }),
        _ => json(app, text).and_then(|value| with_references(app, kind, value)),
    }
}

/// The code of a choice given by code or by its label in either language.
fn code_of<'a>(choices: &'a [Choice], text: &'a str) -> &'a str {
    let labelled = |choice: &&Choice| choice.label.zh == text || choice.label.en.eq_ignore_ascii_case(text);
    let is_code = choices.iter().any(|choice| choice.code == text);
    let found = choices.iter().find(labelled).filter(|_| !is_code);
    found.map_or(text, |choice| &choice.code)
}

fn read_time(app: &App, text: &str) -> Result<Value, Failure> {
    if text.trim() == "now" {
        return Ok(time::now().saturating_add(app.client.status()?.clock_offset_ms).into());
    }
    match time::parse(text) {
        Some(ms) => Ok(ms.into()),
        None => json(app, text),
    }
}

/// JSON where it is JSON, else the text itself. What begins as an object or a list must be one.
pub fn json(app: &App, text: &str) -> Result<Value, Failure> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(error) if text.trim_start().starts_with(['{', '[']) => Err(bad_json(app, text, &error)),
        Err(_) => Ok(text.into()),
    }
}

/// What is not JSON, where it should be.
pub fn bad_json(app: &App, text: &str, error: &serde_json::Error) -> Failure {
    let shown = clip(text, 60);
    Failure::Usage(say!(
        app.lang,
        "不是正确的 JSON：{shown}（{error}）",
        "This is not JSON: {shown} ({error})"
    ))
}

/// Lengthens the references inside a value, and takes labels for codes.
fn with_references(app: &App, kind: &Kind, value: Value) -> Result<Value, Failure> {
    match (kind, value) {
        (Kind::Ref(_) | Kind::Enum(_), Value::String(text)) => read(app, kind, &text),
        (Kind::List { item, .. }, Value::Array(items)) => {
            let items = items.into_iter().map(|value| with_references(app, item, value));
            items.collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        (Kind::Object { fields, .. }, Value::Object(parts)) => {
            let parts = parts.into_iter().map(|(name, part)| match fields.get(&name) {
                Some(kind) => with_references(app, kind, part).map(|part| (name, part)),
                None => Ok((name, part)),
            });
            parts.collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        (_, value) => Ok(value),
    }
}
