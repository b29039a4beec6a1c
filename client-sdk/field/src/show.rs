//! Reading: one record with its labels, lists and search.

use gridledger_client::{Purpose, Query, Record};
use gridledger_core::fold::{Flag, State};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::set::{Field, Merge, RecordType};
use serde_json::{Value, json};

use crate::app::{Answer, App, unknown_area};
use crate::args::List;
use crate::failure::Failure;
use crate::text::{self, clip, one_line, plain, short, table};
use crate::values;
use crate::words::{all_shown, headline, shown, state_of, title, type_label};
use crate::{conflicts, fields, time};

pub fn show(app: &App, given: &str, reason: Option<&str>) -> Result<Answer, Failure> {
    let mut record = app.record(given)?;
    // The heading stays masked. A value that was opened for a reason stands in its field alone.
    let mut out = headline(app, &record) + "\n";
    if let Some(reason) = reason {
        record = app.open_whole(record, &Purpose::Other(reason.to_owned()))?;
    }
    out.push_str(&table(&list_facts(app, &record), "  "));
    out.push('\n');
    out.push_str(&table(&list_fields(app, &record), "  "));
    Ok(Answer::new(json!(record), out))
}

/// Lists a record's area, its ticket's state, and its pending edits.
fn list_facts(app: &App, record: &Record) -> Vec<Vec<String>> {
    let lang = app.lang;
    let mut rows = vec![
        vec![lang.pick("区域", "area").to_owned(), name_area(app, &record.area)],
        vec![lang.pick("更新", "changed").to_owned(), time::local(record.changed_at)],
    ];
    let mut row = |label: &str, value: String| rows.push(vec![label.to_owned(), value]);
    if let Some(ticket) =
        record.view.get("_ticket").filter(|_| app.schema.record_type(&record.record_type).is_some())
    {
        for (zh, en, key) in [("办理人", "assigned", "assignees"), ("协办", "co-handlers", "co_handlers")]
        {
            let names = texts(&ticket[key]);
            if !names.is_empty() {
                row(lang.pick(zh, en), names.join(lang.comma()));
            }
        }
        if let Some(cycle) = ticket["cycle"].as_u64().filter(|cycle| *cycle > 1) {
            let times = cycle - 1;
            row(lang.pick("重开", "reopened"), say!(lang, "{times} 次", "{times}×"));
        }
        for flag in texts(&ticket["flags"]) {
            row(lang.pick("注意", "note"), explain_flag(app, &flag));
        }
    }
    if record.withheld {
        row(
            lang.pick("注意", "note"),
            lang.pick(
                "读取期限已过，居民信息暂不显示；同步一次即可恢复",
                "the lease has ended: residents' values are withheld until the next sync",
            )
            .to_owned(),
        );
    }
    match record.pending {
        0 => {}
        n => row(
            lang.pick("待入账", "pending"),
            say!(
                lang,
                "本机 {n} 笔修改还没有进入总账",
                "{n} of this device's edits are not in the ledger yet"
            ),
        ),
    }
    rows
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(plain).collect()
}

/// Names an area by its code and name.
pub fn name_area(app: &App, code: &str) -> String {
    let name = app.client.areas().into_iter().find(|area| area.code == code).map(|area| one_line(&area.name));
    format!("{} {}", one_line(code), name.unwrap_or_default()).trim_end().to_owned()
}

/// Lists field, label and value; the other values of a conflict stand beneath.
fn list_fields(app: &App, record: &Record) -> Vec<Vec<String>> {
    let record_type = app.schema.record_type(&record.record_type);
    let declared = record_type.map(RecordType::order).unwrap_or_default();
    let Some(view) = record.view.as_object() else {
        return Vec::new();
    };
    let unknown = view.keys().filter(|name| !name.starts_with('_') && !declared.contains(name));
    let mut rows = Vec::new();
    for name in declared.iter().chain(unknown) {
        let Some(value) = view.get(name).filter(|value| !is_nothing(value)) else {
            continue;
        };
        let field = record_type.and_then(|t| t.field(name));
        let label = field.map_or("", |field| app.lang.label(&field.label));
        let mut lines = lines(app, field, value).into_iter();
        rows.push(vec![one_line(name), label.to_owned(), lines.next().unwrap_or_default()]);
        rows.extend(lines.map(|line| vec![String::new(), String::new(), line]));
        for conflict in conflicts::list_others(app, record, name) {
            rows.push(vec![String::new(), String::new(), conflict]);
        }
    }
    rows
}

/// Whether a value need not be shown: an empty list, a counter at 0.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(parts) => parts.is_empty(),
        Value::Number(n) => n.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        other => other.is_null(),
    }
}

/// Shows a field's value in lines: one for each item of a log and each child of a map, one for any other value.
pub fn lines(app: &App, field: Option<&Field>, value: &Value) -> Vec<String> {
    match (field, value) {
        (Some(field), Value::Array(items)) if field.merge == Merge::Log => {
            items.iter().map(|item| format!("- {}", shown(app, &field.kind, item))).collect()
        }
        (Some(field), Value::Array(items)) if field.merge.is_collection() => {
            vec![all_shown(app, &field.kind, items)]
        }
        (Some(field), Value::Object(children)) if field.merge == Merge::Map => children
            .iter()
            .map(|(id, child)| format!("{}: {}", one_line(id), shown(app, &field.kind, child)))
            .collect(),
        (Some(field), Value::String(value)) if field.merge == Merge::Text => {
            text::clean(value).lines().map(str::to_owned).collect()
        }
        (Some(field), value) => vec![shown(app, &field.kind, value)],
        (None, value) => vec![plain(value)],
    }
}

/// Shows a field's value on one line.
pub fn line(app: &App, field: Option<&Field>, value: &Value) -> String {
    lines(app, field, value).join(app.lang.pick("；", "; "))
}

/// Explains a flag.
pub fn explain_flag(app: &App, flag: &str) -> String {
    let found = Flag::ALL.into_iter().find(|known| known.as_str() == flag);
    let (zh, en) = match found {
        Some(Flag::ChecksDisagree) => (
            "一人销号的同时另一人核查未通过，继续办理",
            "one closed it while another's check failed: the work goes on",
        ),
        Some(Flag::ClosedWhileEscalated) => (
            "办结的同时被上报上级，由上级核查",
            "finished while someone escalated it: the upper level checks",
        ),
        Some(Flag::ClosureHadNotSeenEverything) => (
            "销号时没有看到全部诉求，只作为建议保留",
            "a closing had not seen everything asked and counts as a proposal",
        ),
        Some(Flag::OpeningKept) => {
            ("同时提出的诉求仍然有效", "something asked at the same time still counts")
        }
        Some(Flag::QuestionKept) => ("退回的问题仍待回答", "the question it was returned with is still open"),
        Some(Flag::VoidOverruled) => (
            "作废时他人已在办理，改作不同意见保留",
            "it was voided while others worked on it: kept as a note of dissent",
        ),
        None => (flag, flag),
    };
    one_line(app.lang.pick(zh, en))
}

pub fn find(app: &App, text: &str, limit: usize) -> Result<Answer, Failure> {
    answer(app, Query::default().text(text), limit, true)
}

pub fn list(app: &App, given: &List) -> Result<Answer, Failure> {
    let mut query = Query::default();
    let record_type = given.record_type.as_deref().map(|name| app.record_type(name)).transpose()?;
    query.record_type = record_type.map(|t| t.name.clone());
    if let Some(code) = &given.area {
        if app.client.areas().iter().all(|area| area.code != *code) {
            return Err(unknown_area(code));
        }
        query.area = Some(code.clone());
    }
    for one in &given.wheres {
        let (name, text) = fields::split_pair(app, one)?;
        let (name, value) = read_condition(app, record_type, name, text)?;
        query.fields.push((name, value));
    }
    answer(app, query, given.limit, record_type.is_none())
}

/// Reads a condition of `--where`: a field or a part of one, or `state`.
fn read_condition(
    app: &App,
    record_type: Option<&RecordType>,
    name: &str,
    text: &str,
) -> Result<(String, Value), Failure> {
    let field = record_type.and_then(|t| t.field(name));
    if let Some(field) = field {
        return Ok((name.to_owned(), values::read(app, &field.kind, text)?));
    }
    if name == "state" && record_type.is_none_or(|t| t.workflow.is_some()) {
        return Ok(("_ticket.state".to_owned(), find_state(app, text).into()));
    }
    let outer = name.split('.').next().unwrap_or_default();
    let known = match record_type {
        Some(record_type) => name.contains('.') && record_type.field(outer).is_some(),
        None => app.schema.types.values().any(|t| t.field(outer).is_some()),
    };
    if !known || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')) {
        return Err(Refusal::of_field(Code::FieldUnknown, &clip(name, 40), "no such field to look at").into());
    }
    Ok((name.to_owned(), values::json(app, text)?))
}

/// Finds a state's code by the code in any case, or by its label.
fn find_state(app: &App, text: &str) -> String {
    let mut states = app.schema.workflows.values().flat_map(|w| &w.states);
    let labelled = states.find(|s| s.label.zh == text || s.label.en.eq_ignore_ascii_case(text));
    let code = labelled.map_or(text, |state| &state.code).to_ascii_uppercase();
    code.parse().map_or(code, |state: State| state.as_str().to_owned())
}

fn answer(app: &App, mut query: Query, limit: usize, mixed: bool) -> Result<Answer, Failure> {
    query.limit = if limit == 0 { 0 } else { limit.saturating_add(1).min(i64::MAX as usize) };
    let mut records = app.client.list(&query)?;
    let more = limit != 0 && records.len() > limit;
    if more {
        records.truncate(limit);
    }
    let rows: Vec<Vec<String>> = records.iter().map(|record| row(app, record, mixed)).collect();
    let (count, lang) = (records.len(), app.lang);
    let end = match (count, more) {
        (0, _) => lang.pick("没有符合的档案", "no records").to_owned(),
        (_, true) => say!(lang, "前 {count} 条；用 --limit 看更多", "the first {count}; --limit shows more"),
        (1, _) => lang.pick("1 条", "1 record").to_owned(),
        _ => say!(lang, "{count} 条", "{count} records"),
    };
    Ok(Answer::new(json!(records), table(&rows, "") + &end))
}

fn row(app: &App, record: &Record, mixed: bool) -> Vec<String> {
    let mut cells = vec![short(record.id)];
    if mixed {
        cells.push(type_label(app, &record.record_type));
    }
    let minute: String = time::local(record.changed_at).chars().take(16).collect();
    cells.extend([one_line(&record.area), minute, state_of(app, record).unwrap_or_default()]);
    cells.push(format!("{}{}", title(app, record), make_marks(app, record)));
    cells
}

/// Makes the marks beside a title in a list: pending edits, conflicts.
fn make_marks(app: &App, record: &Record) -> String {
    let mut marks = String::new();
    if record.pending > 0 {
        let n = record.pending;
        marks.push_str(&say!(app.lang, "  ↑{n} 待入账", "  ↑{n} pending"));
    }
    let conflicts = record.view.get("_conflicts").and_then(Value::as_object).map_or(0, serde_json::Map::len);
    if conflicts > 0 {
        marks.push_str(app.lang.pick("  ! 有冲突", "  ! conflict"));
    }
    marks
}
