//! Needs attention: own edits that were refused, with their contents, the reason, and the present values.

use gridledger_client::{Attention, EntryId, Record, Why};
use gridledger_schema::entry::{Intent, Op};
use gridledger_schema::set::{Field, Kind};
use serde_json::{Value, json};

use crate::app::{Answer, App};
use crate::args::Refused;
use crate::failure::{Failure, explain};
use crate::text::{one_line, plain, short, table};
use crate::words::{self, headline, label_or};
use crate::{show, time};

pub fn run(app: &App, what: Option<&Refused>) -> Result<Answer, Failure> {
    match what {
        None => list(app),
        Some(Refused::Again { edit }) => app.answer_saved(app.client.apply_again(find(app, edit)?)?),
        Some(Refused::Ask { edit, note }) => {
            let id = find(app, edit)?;
            let n = id.n;
            app.client.ask(id, note)?;
            Ok(Answer::new(
                json!({ "asked": id }),
                say!(
                    app.lang,
                    "第 {n} 笔将在下次同步时请示上级",
                    "edit {n} goes to a supervisor with the next sync"
                ),
            ))
        }
        Some(Refused::Copy { edit }) => {
            let copied = app.client.copy(find(app, edit)?)?;
            let text = app.lang.pick(&copied.zh, &copied.en).to_owned();
            Ok(Answer::new(copied.json, text))
        }
        Some(Refused::Dismiss { edit }) => {
            let id = find(app, edit)?;
            let n = id.n;
            app.client.dismiss(id)?;
            Ok(Answer::new(
                json!({ "dismissed": n }),
                say!(app.lang, "第 {n} 笔已移出列表", "edit {n} is off the list"),
            ))
        }
    }
}

/// Finds a refused edit by its number, or by the beginning of its feed and its number.
fn find(app: &App, edit: &str) -> Result<EntryId, Failure> {
    let (feed, n) = edit.rsplit_once('.').unwrap_or(("", edit));
    let refused = app.client.attention()?;
    let fits = |id: &EntryId| n.parse() == Ok(id.n) && id.feed.to_string().starts_with(feed);
    let found: Vec<EntryId> = refused.iter().map(|one| one.id).filter(fits).collect();
    match found.as_slice() {
        [id] => Ok(*id),
        [] => Err(Failure::other(
            "missing",
            say!(
                app.lang,
                "待处理列表里没有第 {edit} 笔。",
                "Edit {edit} is not on the list of refused ones."
            ),
        )),
        several => {
            let names: Vec<String> = several.iter().map(ToString::to_string).collect();
            let names = names.join(" ");
            Err(Failure::Usage(say!(
                app.lang,
                "有几笔都是这个序号，请写全：{names}",
                "several edits have this number; write one of: {names}"
            )))
        }
    }
}

fn list(app: &App) -> Result<Answer, Failure> {
    let refused = app.client.attention()?;
    let mut out = String::new();
    for one in &refused {
        out.push_str(&describe(app, one)?);
    }
    match refused.len() {
        0 => out.push_str(app.lang.pick("没有需要处理的内容", "nothing needs attention")),
        _ => out.push_str(app.lang.pick(
            "再试一次：gridledger-field attention again 序号；请示上级：attention ask 序号 说明；不再处理：attention dismiss 序号",
            "try one again: gridledger-field attention again NUMBER; ask: attention ask NUMBER NOTE; let go: attention dismiss NUMBER",
        )),
    }
    let lost = app.client.lost()?.len();
    if lost > 0 {
        out.push_str(&say!(
            app.lang,
            "\n服务器恢复后遗失的档案：{lost} 条，见 gridledger-field lost",
            "\nrecords lost with a restore of the server: {lost}, see gridledger-field lost"
        ));
    }
    Ok(Answer::new(json!(refused), out))
}

fn describe(app: &App, one: &Attention) -> Result<String, Failure> {
    let (n, at, lang) = (one.id.n, time::local(one.at), app.lang);
    let record = app.client.get(one.record)?;
    let gone = || {
        let id = short(one.record);
        say!(lang, "{id}（未建立或已不在本机）", "{id} (never created, or no longer on this phone)")
    };
    let what = record.as_ref().map_or_else(gone, |record| headline(app, record));
    let mut out = format!("{n}.  {what}  {at}\n");
    let why = explain(&one.refusal, None, lang);
    let code = one.refusal.code;
    out.push_str(&say!(lang, "    被拒绝：{why} [{code}]\n", "    refused: {why} [{code}]\n"));
    if one.why != Why::Refused || one.ruling.is_some() {
        out.extend(["    ", &one_line(lang.pick(&one.zh, &one.en)), "\n"]);
    } else if one.asked.is_some() {
        let asked = lang.pick("已请示上级，等待答复", "a supervisor was asked");
        out.extend(["    ", asked, "\n"]);
    }
    let rows: Vec<Vec<String>> =
        one.intents.iter().map(|intent| make_row(app, record.as_ref(), intent)).collect();
    out.push_str(&table(&rows, "    "));
    Ok(out)
}

/// Makes a row of an intent: the field, the operation, the present value.
fn make_row(app: &App, record: Option<&Record>, intent: &Intent) -> Vec<String> {
    let field =
        record.and_then(|r| app.schema.record_type(&r.record_type)).and_then(|t| t.field(&intent.field));
    let label = label_or(app, field.map(|field| &field.label), &intent.field);
    let now = record.and_then(|r| r.view.get(&intent.field)).map(|value| show::line(app, field, value));
    let now = now.map(|now| say!(app.lang, "现在：{now}", "now: {now}")).unwrap_or_default();
    vec![one_line(label), describe_operation(app, field, &intent.op), now]
}

/// Describes an operation in a few words.
pub fn describe_operation(app: &App, field: Option<&Field>, op: &Op) -> String {
    let value = |kind: Option<&Kind>, value: &Value| {
        kind.map_or_else(|| plain(value), |kind| words::shown(app, kind, value))
    };
    let kind = field.map(|field| &field.kind);
    match op {
        Op::Put { value: Value::Null } => app.lang.pick("清空", "cleared").to_owned(),
        Op::Put { value: to } => format!("= {}", value(kind, to)),
        Op::Raise { value: to } => format!("≥ {}", value(kind, &json!(to))),
        Op::Increment { by } => format!("{by:+}"),
        Op::Splice { pos, delete, insert } => {
            let insert = one_line(insert);
            say!(
                app.lang,
                "第 {pos} 字后删 {delete} 字，写入“{insert}”",
                "after character {pos}: {delete} deleted, \"{insert}\" written"
            )
        }
        Op::Add { item } => format!("+ {}", value(kind, &json!(item))),
        Op::Remove { item } => format!("- {}", value(kind, &json!(item))),
        Op::Append { value: item } => format!("+ {}", value(kind, item)),
        Op::SetChild { child, value: parts } => {
            format!("{}: {}", one_line(child), value(kind, &json!(parts)))
        }
        Op::RemoveChild { child } => format!("- {}", one_line(child)),
        Op::Event { verb, args } => {
            let rule = app.schema.workflows.values().find_map(|workflow| workflow.verb(verb));
            let verb = label_or(app, rule.map(|rule| &rule.label), verb);
            if args.is_empty() {
                one_line(verb)
            } else {
                format!("{} {}", one_line(verb), plain(&json!(args)))
            }
        }
    }
}
