//! Values read from text that was typed.

use gridledger_schema::set::{Choice, Kind};
use serde_json::{Map, Value};

use crate::app::App;
use crate::failure::Failure;
use crate::text::clip;
use crate::time;

/// Reads a value of a kind. Text that does not fit is passed on as it is: the rules refuse it with their reason.
pub fn read(app: &App, kind: &Kind, text: &str) -> Result<Value, Failure> {
    match kind {
        Kind::Text { .. } => Ok(text.into()),
        Kind::Enum(choices) => Ok(find_code(choices, text).into()),
        Kind::Ref(_) => Ok(app.reference(text)?.into()),
        Kind::Time => read_time(app, text),
        Kind::Boolean => Ok(match text.trim().to_lowercase().as_str() {
            "true" | "yes" | "是" => true.into(),
            "false" | "no" | "否" => false.into(),
            _ => text.into(),
        }),
        _ => json(app, text).and_then(|value| complete_references(app, kind, value)),
    }
}

/// Finds the code of a choice by the code, or by its label in either language.
fn find_code<'a>(choices: &'a [Choice], text: &'a str) -> &'a str {
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

/// Reads JSON; other text is a text itself. Text that begins as an object or a list must be one.
pub fn json(app: &App, text: &str) -> Result<Value, Failure> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(error) if text.trim_start().starts_with(['{', '[']) => Err(bad_json(app, text, &error)),
        Err(_) => Ok(text.into()),
    }
}

/// Makes the failure of text that should be JSON.
pub fn bad_json(app: &App, text: &str, error: &serde_json::Error) -> Failure {
    let shown = clip(text, 60);
    Failure::Usage(say!(
        app.lang,
        "不是正确的 JSON：{shown}（{error}）",
        "This is not JSON: {shown} ({error})"
    ))
}

/// Completes the references inside a value, and turns labels into codes.
fn complete_references(app: &App, kind: &Kind, value: Value) -> Result<Value, Failure> {
    match (kind, value) {
        (Kind::Ref(_) | Kind::Enum(_), Value::String(text)) => read(app, kind, &text),
        (Kind::List { item, .. }, Value::Array(items)) => {
            let items = items.into_iter().map(|value| complete_references(app, item, value));
            items.collect::<Result<Vec<_>, _>>().map(Value::Array)
        }
        (Kind::Object { fields, .. }, Value::Object(parts)) => {
            let parts = parts.into_iter().map(|(name, part)| match fields.get(&name) {
                Some(kind) => complete_references(app, kind, part).map(|part| (name, part)),
                None => Ok((name, part)),
            });
            parts.collect::<Result<Map<_, _>, _>>().map(Value::Object)
        }
        (_, value) => Ok(value),
    }
}
