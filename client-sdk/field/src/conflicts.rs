//! Conflicts: values that people wrote without seeing each other's, and their settling.

use std::fmt::Write as _;

use gridledger_client::{Conflict, Purpose, Record};
use gridledger_schema::set::{Field, Kind};
use serde_json::{Value, json};

use crate::app::{Answer, App};
use crate::args;
use crate::failure::Failure;
use crate::text::{clip, one_line, plain};
use crate::words::{self, headline};
use crate::{time, values};

/// The digits of a feed that tell writers apart.
const FEED_DIGITS: usize = 6;

/// Splits the path of a conflict into its field and the key of a child: `contacts/ID/phone`.
fn split_path(path: &str) -> (&str, Option<&str>) {
    match path.split_once('/') {
        Some((field, inside)) => (field, inside.rsplit_once('/').map(|(_, key)| key)),
        None => (path, None),
    }
}

fn kind_of<'a>(field: &'a Field, key: Option<&str>) -> Option<&'a Kind> {
    match (key, &field.kind) {
        (None, kind) => Some(kind),
        (Some(key), Kind::Object { fields, .. }) => fields.get(key),
        (Some(_), _) => None,
    }
}

fn field_of<'a>(app: &'a App, record_type: &str, path: &str) -> Option<&'a Field> {
    app.schema.record_type(record_type)?.field(split_path(path).0)
}

/// Describes a candidate: its value, its writer, its time.
fn describe_candidate(app: &App, kind: Option<&Kind>, candidate: &Value) -> String {
    let value = match &candidate["value"] {
        Value::Null => app.lang.pick("（空）", "(nothing)").to_owned(),
        value => kind.map_or_else(|| plain(value), |kind| words::shown(app, kind, value)),
    };
    let feed = candidate["feed"].as_str().unwrap_or_default();
    let feed: String = one_line(feed).chars().take(FEED_DIGITS).collect();
    let at = candidate["at"].as_i64().map(time::local).unwrap_or_default();
    say!(app.lang, "{value}（{at}，手机 {feed}）", "{value}  ({at}, phone {feed})")
}

/// Lists the values that a field has beside the shown one, for `show`.
pub fn list_others(app: &App, record: &Record, name: &str) -> Vec<String> {
    let field = field_of(app, &record.record_type, name);
    let all = record.view.get("_conflicts").and_then(Value::as_object).into_iter().flatten();
    let here = all.filter(|(path, _)| split_path(path).0 == name);
    here.flat_map(|(path, values)| {
        let kind = field.and_then(|field| kind_of(field, split_path(path).1));
        let place = if path == name { String::new() } else { format!("{} ", one_line(path)) };
        let others = values.as_array().into_iter().flatten().skip(1);
        others.map(move |value| {
            let value = describe_candidate(app, kind, value);
            say!(app.lang, "! {place}另有：{value}", "! {place}also: {value}")
        })
    })
    .collect()
}

pub fn list(app: &App, record: Option<&str>) -> Result<Answer, Failure> {
    let record = record.map(|given| app.record(given)).transpose()?;
    let conflicts = app.client.conflicts(record.map(|record| record.id))?;
    let mut out = String::new();
    for conflict in &conflicts {
        out.push_str(&describe(app, conflict)?);
    }
    match conflicts.len() {
        0 => out.push_str(app.lang.pick("没有冲突", "no conflicts")),
        _ => out.push_str(app.lang.pick(
            "定夺：gridledger-field settle 编号 字段 --choose 序号（或直接写一个值）",
            "settle one: gridledger-field settle RECORD FIELD --choose NUMBER (or a value of your own)",
        )),
    }
    Ok(Answer::new(json!(conflicts), out))
}

fn describe(app: &App, conflict: &Conflict) -> Result<String, Failure> {
    let record = app.client.get(conflict.record)?;
    let record = record.map_or_else(|| conflict.record.to_string(), |record| headline(app, &record));
    let field = field_of(app, &conflict.record_type, &conflict.field);
    let kind = field.and_then(|field| kind_of(field, split_path(&conflict.field).1));
    let label = field.map_or("", |field| app.lang.label(&field.label));
    let mut out = format!("{record}\n  {} {label}\n", one_line(&conflict.field));
    for (at, value) in conflict.values.iter().enumerate() {
        let shown = if at == 0 { app.lang.pick("  ← 当前显示", "  ← shown now") } else { "" };
        _ = writeln!(out, "    {}. {}{shown}", at + 1, describe_candidate(app, kind, value));
    }
    Ok(out)
}

pub fn settle(app: &App, given: &args::Settle) -> Result<Answer, Failure> {
    let mut record = app.record(&given.record)?;
    if given.choose.is_some() && !record.conflicts().is_empty() {
        // The chosen value is written, so it must be whole.
        record = app.open_whole(record, &Purpose::Settle)?;
    }
    let conflicts = record.conflicts();
    let Some(conflict) =
        conflicts.iter().find(|c| c.field == given.field || c.field.replace('/', ".") == given.field)
    else {
        let (field, named): (_, Vec<String>) =
            (clip(&given.field, 40), conflicts.into_iter().map(|c| c.field).collect());
        let named = if named.is_empty() {
            app.lang.pick("没有", "none").to_owned()
        } else {
            named.join(app.lang.comma())
        };
        return Err(Failure::other(
            "no_conflict",
            say!(
                app.lang,
                "这条档案的 {field} 没有冲突。有冲突的字段：{named}",
                "{field} of this record has no conflict. Fields that have: {named}"
            ),
        ));
    };
    let value = match (&given.value, given.choose) {
        (_, Some(number)) => find_chosen(app, conflict, number)?,
        (Some(text), None) => {
            let field = field_of(app, &record.record_type, &conflict.field);
            let kind = field.and_then(|field| kind_of(field, split_path(&conflict.field).1));
            kind.map_or_else(|| values::json(app, text), |kind| values::read(app, kind, text))?
        }
        (None, None) => {
            return Err(Failure::Usage(app.lang.pick("请给出一个值。", "Give a value.").to_owned()));
        }
    };
    let saved = app.client.settle(record.id, &conflict.field, value);
    app.answer_saved(saved.map_err(|e| app.explain_refusal(&record.record_type, e))?)
}

fn find_chosen(app: &App, conflict: &Conflict, number: usize) -> Result<Value, Failure> {
    let there = number.checked_sub(1).and_then(|at| conflict.values.get(at));
    let most = conflict.values.len();
    let missing =
        || Failure::Usage(say!(app.lang, "序号从 1 到 {most}。", "The numbers go from 1 to {most}."));
    there.map(|candidate| candidate["value"].clone()).ok_or_else(missing)
}
