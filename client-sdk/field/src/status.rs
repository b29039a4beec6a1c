//! The phone's state: its user, its rights, its waiting edits. Also how far each own edit has come.

use gridledger_client::{OwnEdit, SentState, Status};
use gridledger_core::rights::AreaTree;
use gridledger_schema::wire::{AreaInfo, Grant};
use serde_json::json;

use crate::app::{Answer, App};
use crate::failure::{Failure, explain};
use crate::lang::Lang;
use crate::text::{one_line, short, table};
use crate::time;
use crate::words::{headline, label_or};

/// Milliseconds that a clock may be off without a line in the status.
const CLOCK_OFF_MS: i64 = 60_000;

pub fn status(app: &App) -> Result<Answer, Failure> {
    let status = app.client.status()?;
    let rows = rows(app, &status);
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|(label, value)| vec![label.to_owned(), value]).collect();
    Ok(Answer::new(json!(status), table(&rows, "")))
}

fn rows<'a>(app: &App, status: &Status) -> Vec<(&'a str, String)> {
    let lang = app.lang;
    let or_none = |text: &Option<String>| {
        text.as_deref().map_or_else(|| lang.pick("（无）", "(none)").to_owned(), one_line)
    };
    let name = status.name.as_deref().map(|name| format!("  {}", one_line(name))).unwrap_or_default();
    let mut rows = vec![
        (lang.pick("用户", "user"), or_none(&status.user) + &name),
        (lang.pick("服务器", "server"), or_none(&status.server)),
        (lang.pick("设备", "device"), device(lang, status)),
        (lang.pick("上次同步", "last sync"), synced(lang, status)),
        (lang.pick("档案", "records"), status.records.to_string()),
        (lang.pick("待发送", "to be sent"), status.unsent.to_string()),
        (lang.pick("已送达", "sent"), show_sent(lang, status.sent)),
        (lang.pick("冲突", "conflicts"), show_count(status.conflicts, "gridledger-field conflicts")),
        (lang.pick("需处理", "attention"), show_count(status.attention, "gridledger-field attention")),
    ];
    let until = time::local(status.lease_until);
    rows.push((
        lang.pick("读取期限", "readable until"),
        if status.dark {
            say!(
                lang,
                "{until}（已过：居民信息暂不显示，同步一次即可恢复）",
                "{until} (over: residents' values are withheld until the next sync)"
            )
        } else {
            until
        },
    ));
    if status.clock_offset_ms.abs() >= CLOCK_OFF_MS {
        rows.push((lang.pick("时钟", "clock"), clock(lang, status.clock_offset_ms)));
    }
    if let Some(trouble) = &status.trouble {
        rows.push((
            lang.pick("受阻", "trouble"),
            format!("{} [{}]", one_line(&explain(trouble, None, lang)), trouble.code),
        ));
    }
    let areas = app.client.areas();
    for (at, grant) in status.grants.iter().enumerate() {
        rows.push((if at == 0 { lang.pick("岗位", "roles") } else { "" }, granted(app, &areas, grant)));
    }
    let tree = AreaTree::new(areas.iter().cloned());
    let missing = |area: &AreaInfo| {
        let granted = status.grants.iter().any(|grant| tree.is_within(area.no, grant.area, status.synced_at));
        granted && status.areas.iter().all(|held| held.no != area.no)
    };
    for (at, area) in areas.iter().enumerate() {
        let kind = app.schema.area_kinds.iter().find(|kind| kind.code == area.kind).map(|kind| &kind.label);
        let here = if missing(area) { lang.pick("（未同步）", " (not synced)") } else { "" };
        let line = format!(
            "{}  {} {}{here}",
            one_line(&area.code),
            label_or(app, kind, &area.kind),
            one_line(&area.name)
        );
        rows.push((if at == 0 { lang.pick("区域", "areas") } else { "" }, line));
    }
    rows
}

fn device(lang: Lang, status: &Status) -> String {
    match (status.enrolled, &status.server) {
        (true, _) => lang.pick("已注册", "enrolled"),
        (false, Some(_)) => lang.pick("未注册：下次同步时注册", "not enrolled: the next sync enrols"),
        (false, None) => lang.pick("未注册", "not enrolled"),
    }
    .to_owned()
}

fn synced(lang: Lang, status: &Status) -> String {
    match status.synced_at {
        0 => lang.pick("从未", "never").to_owned(),
        at => time::local(at),
    }
}

fn show_sent(lang: Lang, sent: u64) -> String {
    match sent {
        0 => "0".to_owned(),
        n => say!(lang, "{n}（还没有随总账取回）", "{n} (not yet back from the ledger)"),
    }
}

/// Shows a count; if it is not 0, with the command to use.
fn show_count(count: u64, command: &str) -> String {
    if count == 0 { "0".to_owned() } else { format!("{count}  → {command}") }
}

fn clock(lang: Lang, offset_ms: i64) -> String {
    let minutes = offset_ms.unsigned_abs() / 60_000;
    if offset_ms > 0 {
        say!(lang, "本机慢 {minutes} 分钟，已自动校正", "{minutes} min slow; corrected")
    } else {
        say!(lang, "本机快 {minutes} 分钟，已自动校正", "{minutes} min fast; corrected")
    }
}

fn granted(app: &App, areas: &[AreaInfo], grant: &Grant) -> String {
    let role = label_or(app, app.schema.role(&grant.role).map(|role| &role.label), &grant.role).to_owned();
    let area = areas.iter().find(|area| area.no == grant.area);
    let area = area.map_or_else(
        || grant.area.to_string(),
        |area| format!("{} {}", one_line(&area.code), one_line(&area.name)),
    );
    let until = grant.to.map(|to| {
        let to = time::local(to);
        say!(app.lang, "（至 {to}）", " (until {to})")
    });
    format!("{}  {area}{}", one_line(&role), until.unwrap_or_default())
}

pub fn receipts(app: &App, limit: usize) -> Result<Answer, Failure> {
    let limit = if limit == 0 { usize::MAX } else { limit };
    let receipts = app.client.receipts(limit.min(i64::MAX as usize))?;
    let (mut rows, mut list) = (Vec::new(), Vec::new());
    for OwnEdit { n, record, at, state } in receipts {
        let here = app.client.get(record)?;
        let what = here.map_or_else(|| short(record), |record| headline(app, &record));
        rows.push(vec![n.to_string(), time::local(at), state_label(app.lang, state).to_owned(), what]);
        list.push(json!({ "n": n, "record": record, "at": at, "state": state }));
    }
    let text = if rows.is_empty() {
        app.lang.pick("这台手机还没有保存过内容", "nothing has been saved on this phone yet").to_owned()
    } else {
        table(&rows, "")
    };
    Ok(Answer::new(json!(list), text))
}

fn state_label(lang: Lang, state: SentState) -> &'static str {
    match state {
        SentState::Saved => lang.pick("已保存，待发送", "saved, to be sent"),
        SentState::Sent => lang.pick("已送达", "sent"),
        SentState::InLedger => lang.pick("已入账", "in the ledger"),
        SentState::Refused => lang.pick("被拒绝，需处理", "refused, needs attention"),
        SentState::Dismissed => lang.pick("被拒绝，已处理", "refused, dealt with"),
    }
}
