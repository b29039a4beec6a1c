//! Losses of a restored server, with the values that this phone had shown.

use gridledger_client::{Lost, RecordId};
use serde_json::{Value, json};

use crate::app::{Answer, App};
use crate::args::LostRecord;
use crate::failure::Failure;
use crate::show;
use crate::text::{one_line, short, table};
use crate::words::label_or;

pub fn run(app: &App, what: Option<&LostRecord>) -> Result<Answer, Failure> {
    match what {
        None => list(app),
        Some(LostRecord::Again { record }) => app.answer_saved(app.client.save_lost(find(app, record)?)?),
        Some(LostRecord::Dismiss { record }) => {
            let id = find(app, record)?;
            app.client.dismiss_lost(id)?;
            let name = short(id);
            Ok(Answer::new(
                json!({ "dismissed": id }),
                say!(app.lang, "{name} 已移出列表", "{name} is off the list"),
            ))
        }
    }
}

/// Finds the lost record whose id begins with this text.
fn find(app: &App, text: &str) -> Result<RecordId, Failure> {
    let lost = app.client.lost()?;
    let mut found = lost.iter().map(|one| one.record).filter(|id| id.to_string().starts_with(text));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        _ => Err(Failure::other(
            "missing",
            say!(
                app.lang,
                "遗失列表里没有唯一的 {text}。",
                "There is no single {text} on the list of what was lost."
            ),
        )),
    }
}

fn list(app: &App) -> Result<Answer, Failure> {
    let lost = app.client.lost()?;
    let mut out: String = lost.iter().map(|one| describe(app, one)).collect();
    out.push_str(if lost.is_empty() {
        app.lang.pick("没有遗失的内容", "nothing was lost")
    } else {
        app.lang.pick(
            "用自己的名义重新填写：gridledger-field lost again 编号；放弃：lost dismiss 编号",
            "save it again as yours: gridledger-field lost again ID; let go: lost dismiss ID",
        )
    });
    Ok(Answer::new(json!(lost), out))
}

fn describe(app: &App, one: &Lost) -> String {
    let record_type = app.schema.record_type(&one.record_type);
    let label = label_or(app, record_type.map(|of| &of.label), &one.record_type);
    let (id, changes) = (short(one.record), one.changes);
    let mut out =
        say!(app.lang, "{id}  {label}  缺 {changes} 笔\n", "{id}  {label}  {changes} changes missing\n");
    let rows = one.values.iter().map(|value| {
        let field = record_type.and_then(|of| of.field(&value.field));
        let name = label_or(app, field.map(|field| &field.label), &value.field);
        let (was, now) = (show::line(app, field, &value.was), show::line(app, field, &value.now));
        let now = match value.now {
            Value::Null => String::new(),
            _ => say!(app.lang, "现在：{now}", "now: {now}"),
        };
        vec![one_line(name), was, now]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    out.push_str(&table(&rows, "    "));
    out
}
