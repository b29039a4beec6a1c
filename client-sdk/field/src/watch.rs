//! `watch`: syncs again and again, and prints a line for each record that changed, until ctrl-c.

use std::collections::BTreeMap;
use std::time::Duration;

use gridledger_client::{Query, Record, RecordId};
use serde_json::{Map, Value, json};

use crate::app::{Answer, App};
use crate::failure::Failure;
use crate::output::{print_line, reader_is_gone};
use crate::text::one_line;
use crate::words::{self, headline, label_or};
use crate::{show, sync, time};

/// The records that this phone showed last.
type Shown = BTreeMap<RecordId, Record>;

fn read_all(app: &App) -> Result<Shown, Failure> {
    let records = app.client.list(&Query::default())?;
    Ok(records.into_iter().map(|record| (record.id, record)).collect())
}

/// Runs until ctrl-c. A sync that fails in a way that can pass is reported and tried again.
pub async fn run(app: &App, json: bool, every: u64) -> Result<Answer, Failure> {
    let mut seen = read_all(app)?;
    let (mut backoff, mut pause) = (app.client.backoff()?, Duration::ZERO);
    let mut failing = None;
    loop {
        // A sync that is cut off here keeps what it has applied.
        let outcome = tokio::select! {
            outcome = async { tokio::time::sleep(pause).await; sync::run(app).await } => outcome,
            _ = tokio::signal::ctrl_c() => return Ok(ended(app)),
        };
        seen = report_changes(app, json, &seen)?;
        if reader_is_gone() {
            return Ok(ended(app));
        }
        pause = Duration::from_secs(every);
        failing = match outcome {
            Ok(_) => {
                backoff.done();
                None
            }
            Err(failure @ Failure::Offline(..)) => {
                if let Failure::Offline(error, _) = &failure {
                    pause = backoff.after(error).unwrap_or(pause);
                }
                let code = failure.code();
                if failing != Some(code) {
                    let line = format!("{}  ✗ {} [{code}]", clock(), one_line(&failure.message(app.lang)));
                    print_either(json, &failure.to_json(app.lang), &line);
                }
                Some(code)
            }
            Err(failure) => return Err(failure),
        };
    }
}

fn ended(app: &App) -> Answer {
    Answer::new(json!({ "ended": true }), app.lang.pick("已停止", "stopped"))
}

fn print_either(json: bool, value: &Value, line: &str) {
    if json {
        print_line(&value.to_string());
    } else {
        print_line(line);
    }
}

/// Shows the time of day.
fn clock() -> String {
    time::local(time::now()).split_off(11)
}

/// Prints the changes since `before`; gives the records that are there now.
fn report_changes(app: &App, json: bool, before: &Shown) -> Result<Shown, Failure> {
    let now = read_all(app)?;
    for (id, record) in &now {
        match before.get(id) {
            None => print_change(app, json, "new", '+', record, &Map::new()),
            Some(old) if old.view != record.view || old.changed_at != record.changed_at => {
                print_change(app, json, "changed", '~', record, &list_differences(old, record));
            }
            Some(old) if old.pending != record.pending => {
                print_change(app, json, "confirmed", '✓', record, &Map::new());
            }
            Some(_) => {}
        }
    }
    for record in before.iter().filter(|(id, _)| !now.contains_key(id)).map(|(_, record)| record) {
        print_change(app, json, "gone", '-', record, &Map::new());
    }
    Ok(now)
}

/// Lists the fields whose values differ, each with the value before and after.
fn list_differences(old: &Record, new: &Record) -> Map<String, Value> {
    let fields = |record: &Record| record.view.as_object().cloned().unwrap_or_default();
    let (old, new) = (fields(old), fields(new));
    let names = old.keys().chain(new.keys().filter(|name| !old.contains_key(*name)));
    let differ = names.filter(|name| old.get(*name) != new.get(*name));
    differ.map(|name| (name.clone(), json!({ "before": old.get(name), "after": new.get(name) }))).collect()
}

fn print_change(
    app: &App,
    json: bool,
    change: &str,
    mark: char,
    record: &Record,
    fields: &Map<String, Value>,
) {
    let value = json!({
        "at": time::now(), "change": change, "record": record.id, "record_type": record.record_type, "area": record.area,
        "pending": record.pending, "fields": fields,
    });
    let record_type = app.schema.record_type(&record.record_type);
    let one = |(name, change): (&String, &Value)| {
        let field = record_type.and_then(|t| t.field(name));
        let label = label_or(app, field.map(|f| &f.label), name);
        let value = |side: &str| match &change[side] {
            Value::Null => app.lang.pick("（空）", "(nothing)").to_owned(),
            value => one_line(&show::line(app, field, value)),
        };
        format!("{}: {} → {}", one_line(label), value("before"), value("after"))
    };
    let mut shown = Vec::new();
    if let Some(change) = fields.get("_ticket") {
        let state = |side: &str| {
            let ticket = Record { view: json!({ "_ticket": change[side] }), ..record.clone() };
            words::state_of(app, &ticket).unwrap_or_default()
        };
        let (before, after) = (state("before"), state("after"));
        if before != after {
            shown.push(format!("{before} → {after}"));
        }
    }
    shown.extend(fields.iter().filter(|(name, _)| !name.starts_with('_')).map(one));
    let mut line = format!("{}  {mark} {}", clock(), headline(app, record));
    if fields.contains_key("_conflicts") {
        line.push_str(app.lang.pick("  ! 冲突有变化", "  ! conflicts changed"));
    }
    if !shown.is_empty() {
        line.push_str("  ");
        line.push_str(&shown.join("; "));
    }
    print_either(json, &value, &line);
}
