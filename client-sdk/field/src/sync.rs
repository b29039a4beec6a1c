//! The network: enrolling and syncing.

use std::io::Read as _;
use std::path::Path;

use gridledger_client::{Invite, SyncReport};
use serde_json::{Value, json};

use crate::app::{Answer, App};
use crate::args::Enrol;
use crate::failure::{Failure, explain};
use crate::text::{bytes, one_line};

/// The most bytes of an invite; a real one has a few thousand.
const INVITE_BYTES: u64 = 4 << 20;

pub async fn enrol(app: &App, given: &Enrol) -> Result<Answer, Failure> {
    let lang = app.lang;
    if let Some(file) = &given.invite {
        let invite = read_invite(app, file)?;
        check_server(app, &invite.server)?;
        app.client.accept(&invite)?;
        let (name, user, areas) = (one_line(&invite.name), one_line(&invite.user), invite.areas.len());
        let text = say!(
            lang,
            "欢迎，{name}（{user}）：{areas} 个区域，没有信号也可以开始工作；有信号后运行 gridledger-field sync 完成注册",
            "Welcome, {name} ({user}), areas: {areas}. Work can begin with no signal; gridledger-field sync enrols this device"
        );
        return Ok(Answer::new(
            json!({ "server": invite.server, "user": invite.user, "enrolled": false }),
            text,
        ));
    }
    let server = given.server.as_deref().unwrap_or_default().trim();
    check_server(app, server)?;
    app.client.enrol(server, given.code.as_deref().unwrap_or_default().trim())?;
    if given.later {
        let text = lang.pick("已记下；下次同步时注册", "remembered; the next sync enrols").to_owned();
        return Ok(Answer::new(json!({ "server": server, "user": null, "enrolled": false }), text));
    }
    enrol_now(app, server).await
}

async fn enrol_now(app: &App, server: &str) -> Result<Answer, Failure> {
    let report = run(app).await?;
    let status = app.client.status()?;
    let user = status.user.as_deref().map(one_line).unwrap_or_default();
    let name = status.name.as_deref().map(one_line).unwrap_or_default();
    let done = say!(app.lang, "已注册：{name}（{user}）\n", "enrolled: {name} ({user})\n");
    let json = json!({ "server": server, "user": status.user, "enrolled": status.enrolled, "sync": report });
    Ok(Answer::new(json, done + &describe_report(app, &report)?))
}

fn read_invite(app: &App, file: &Path) -> Result<Invite, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(INVITE_BYTES).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|f| f.take(INVITE_BYTES).read_to_string(&mut text))
    };
    let shown = file.display();
    read.map_err(|error| {
        Failure::other(
            "invite",
            say!(app.lang, "读不了邀请文件 {shown}：{error}", "The invite {shown} cannot be read: {error}"),
        )
    })?;
    serde_json::from_str(&text).map_err(|error| {
        Failure::other(
            "invite",
            say!(app.lang, "{shown} 不是邀请文件：{error}", "{shown} is not an invite: {error}"),
        )
    })
}

fn check_server(app: &App, server: &str) -> Result<(), Failure> {
    let host = server.strip_prefix("https://").or_else(|| server.strip_prefix("http://"));
    let fits = host.is_some_and(|host| {
        !host.is_empty() && !host.starts_with('/') && !host.contains(char::is_whitespace)
    });
    let shown = crate::text::clip(server, 60);
    let wrong = || {
        say!(
            app.lang,
            "服务器地址“{shown}”不对：请写成 https://主机 或 https://主机:端口。",
            "\"{shown}\" is not a server's address: write https://HOST or https://HOST:PORT."
        )
    };
    if fits { Ok(()) } else { Err(Failure::Usage(wrong())) }
}

/// Syncs once. A failure that can pass says how many edits are safe here.
pub async fn run(app: &App) -> Result<SyncReport, Failure> {
    match app.client.sync().await {
        Ok(report) => Ok(report),
        Err(error) if error.is_retryable() => Err(Failure::Offline(error, app.client.status()?.unsent)),
        Err(error) => Err(error.into()),
    }
}

pub async fn sync(app: &App) -> Result<Answer, Failure> {
    let report = run(app).await?;
    let status = app.client.status()?;
    let mut json = json!(report);
    json["unsent"] = json!(status.unsent);
    json["attention"] = json!(status.attention);
    json["conflicts"] = json!(status.conflicts);
    json["trouble"] = status.trouble.as_ref().map_or(Value::Null, |trouble| json!(trouble));
    Ok(Answer::new(json, describe_report(app, &report)?))
}

/// Describes a sync: edits sent, records received, bytes used, areas proven.
pub fn describe_report(app: &App, report: &SyncReport) -> Result<String, Failure> {
    let (lang, status) = (app.lang, app.client.status()?);
    let (decided, changed, trips) = (report.decided, report.changed, report.round_trips);
    let (up, down) = (bytes(report.bytes_up), bytes(report.bytes_down));
    let accepted = decided.saturating_sub(report.refused);
    let mut lines = vec![
        say!(lang, "上行  {accepted} 笔已送达", "sent       edits accepted: {accepted}"),
        say!(lang, "下行  {changed} 条档案有更新", "received   records changed: {changed}"),
        say!(
            lang,
            "用量  {trips} 次往返，上行 {up}，下行 {down}",
            "cost       round trips: {trips}, up {up}, down {down}"
        ),
    ];
    let areas = status.areas.len();
    // An area is proven anew by each request of a sync.
    let proven = (report.proven as usize).min(areas);
    if proven > 0 {
        lines.push(say!(
            lang,
            "核对  {proven}/{areas} 个区域与总账一致",
            "proven     {proven} of {areas} areas equal to the ledger"
        ));
    }
    if report.healed > 0 {
        let healed = report.healed;
        lines.push(say!(
            lang,
            "修复  {healed} 个区域与总账不符，下次同步重新取回",
            "healing    areas that differ from the ledger: {healed}; the next sync fetches them afresh"
        ));
    }
    if report.corrected > 0 {
        let corrected = report.corrected;
        lines.push(say!(
            lang,
            "校时  {corrected} 笔的时间已按服务器时钟校正",
            "clock      edits whose times were corrected: {corrected}"
        ));
    }
    if report.refused > 0 {
        let refused = report.refused;
        lines.push(say!(
            lang,
            "被拒  {refused} 笔 → gridledger-field attention",
            "refused    edits: {refused} → gridledger-field attention"
        ));
    }
    if status.unsent > 0 {
        let unsent = status.unsent;
        lines.push(say!(lang, "待发  {unsent} 笔", "waiting    edits: {unsent}"));
    }
    if let Some(trouble) = &status.trouble {
        let (why, code) = (one_line(&explain(trouble, None, lang)), trouble.code);
        lines.push(say!(lang, "受阻  {why} [{code}]", "trouble    {why} [{code}]"));
    }
    Ok(lines.join("\n"))
}
