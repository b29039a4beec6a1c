//! The page at the end, for a person: what was recorded, what it took, what was kept, what was refused, what was checked.

use std::fmt::Write as _;

use super::report::Report;
use super::spread::{Needed, Spread};

/// Conflicts and differences listed; the rest is only counted.
const LISTED: usize = 8;

/// Text in one of two languages.
struct Page {
    zh: bool,
    text: String,
}

impl Page {
    fn head(&mut self, zh: &str, en: &str) {
        let _ = writeln!(self.text, "\n{}", if self.zh { zh } else { en });
    }

    fn line(&mut self, zh: impl AsRef<str>, en: impl AsRef<str>) {
        let _ = writeln!(self.text, "  {}", if self.zh { zh.as_ref() } else { en.as_ref() });
    }
}

/// The page.
pub fn page(report: &Report, zh: bool) -> String {
    let mut page = Page { zh, text: String::new() };
    recorded(&mut page, report);
    took(&mut page, report);
    conflicts(&mut page, report);
    refused(&mut page, report);
    checked(&mut page, report);
    page.text
}

fn recorded(page: &mut Page, report: &Report) {
    page.head("记录了什么", "What was recorded");
    for (name, of_type) in &report.recorded {
        let label =
            report.type_labels.get(name).map_or(name.as_str(), |label| label.pick(page.zh)).to_owned();
        page.line(
            format!("{label}：新建 {}，修改 {}", of_type.created, of_type.edits),
            format!("{label}: {} new, {} edits", of_type.created, of_type.edits),
        );
    }
    let states: Vec<String> = report
        .tickets
        .iter()
        .map(|(state, count)| {
            let label = report.state_labels.get(state).map_or(state.as_str(), |label| label.pick(page.zh));
            format!("{label} {count}")
        })
        .collect();
    page.line(format!("工单现状：{}", states.join("，")), format!("Tickets now: {}", states.join(", ")));
    let (saves, phones) = (report.saves, report.phones);
    let late = report.refused_by_server.len();
    page.line(
        format!("{phones} 部手机共保存 {saves} 次：{} 次已入台账，{late} 次被服务器拒绝", saves - late),
        format!(
            "{saves} saves on {phones} phones: {} are in the ledger, the server refused {late}",
            saves - late
        ),
    );
}

fn kilobytes(bytes: u64) -> String {
    format!("{}.{}", bytes / 1000, bytes % 1000 / 100)
}

fn spread(spread: Spread, show: impl Fn(u64) -> String) -> String {
    format!("{} / {} / {}", show(spread.min), show(spread.median), show(spread.max))
}

fn took(page: &mut Page, report: &Report) {
    page.head(
        "每部手机用了多少（最少 / 中位 / 最多，含 HTTP 头与中断的请求）",
        "What a phone needed (least / median / most; HTTP heads and broken requests included)",
    );
    let plain = |spread_of: Spread| spread(spread_of, |n| n.to_string());
    let (records, saves) = (plain(report.first_records), plain(report.phone_saves));
    let line = |needed: &Needed| (spread(needed.bytes, kilobytes), plain(needed.requests));
    let (bytes, requests) = line(&report.first_sync);
    page.line(
        format!("首次同步：{bytes} kB，请求 {requests} 次，得到档案 {records} 条"),
        format!("First sync: {bytes} kB in {requests} requests, for {records} records"),
    );
    let (bytes, requests) = line(&report.day_push);
    let up = spread(report.day_push.bytes_up, kilobytes);
    page.line(
        format!("中午和傍晚送出全天工作：{bytes} kB（其中上传 {up}），请求 {requests} 次，当天保存 {saves} 次"),
        format!("The day's work sent, noon and evening: {bytes} kB (up {up}) in {requests} requests; saves of the day {saves}"),
    );
    let (bytes, requests) = line(&report.idle_sync);
    page.line(
        format!("没有新内容的一次同步：{bytes} kB，请求 {requests} 次"),
        format!("A sync with nothing new: {bytes} kB in {requests} requests"),
    );
    let broken = report.broken;
    page.line(
        format!("共中断 {broken} 次（含无信号时的尝试），之后的同步接着补齐"),
        format!(
            "{broken} syncs broke off (those tried with no signal included); later ones made up for them"
        ),
    );
}

fn conflicts(page: &mut Page, report: &Report) {
    let count = report.conflicts.len();
    page.head(
        &format!("多人同时修改、都已保留的字段：{count} 个"),
        &format!("Fields written by several at once, every value kept: {count}"),
    );
    for conflict in report.conflicts.iter().take(LISTED) {
        let (zh, record_type) = (page.zh, conflict.type_label.pick(page.zh).to_owned());
        let field = conflict.field_label.pick(zh).to_owned();
        let (first, others) =
            conflict.values.split_first().map_or((String::new(), String::new()), |(first, others)| {
                (first.clone(), others.join(if zh { "；" } else { "; " }))
            });
        let label = &conflict.label;
        page.line(
            format!("{record_type}（{label}）· {field}：显示“{first}”，另有 {others}"),
            format!("{record_type} ({label}), {field}: shows “{first}”; also {others}"),
        );
    }
    rest(page, count);
}

fn rest(page: &mut Page, count: usize) {
    if count > LISTED {
        let left = count - LISTED;
        page.line(format!("……另有 {left} 个"), format!("… and {left} more"));
    }
}

fn refused(page: &mut Page, report: &Report) {
    page.head("被拒绝的操作", "What was refused");
    for edit in &report.refused_on_phone {
        page.line(
            format!("手机 {} 当场拒绝：{}：{}[{}]", edit.phone, edit.tried.zh, edit.message.zh, edit.code),
            format!(
                "by the phone of {}, at once: {}: {} [{}]",
                edit.phone, edit.tried.en, edit.message.en, edit.code
            ),
        );
    }
    for edit in &report.refused_by_server {
        let n = edit.n.unwrap_or(0);
        page.line(
            format!(
                "服务器拒绝 {} 的第 {n} 次保存（{}）：{}[{}]",
                edit.phone, edit.tried.zh, edit.message.zh, edit.code
            ),
            format!(
                "by the server, save {n} of {} ({}): {} [{}]",
                edit.phone, edit.tried.en, edit.message.en, edit.code
            ),
        );
        page.line(
            format!("  它现在在 {} 手机的“需要处理”中，附原因", edit.phone),
            format!("  it is now under “needs attention” on the phone of {}, with the reason", edit.phone),
        );
    }
}

fn checked(page: &mut Page, report: &Report) {
    page.head("自查", "Checked");
    let check = &report.check;
    let (views, edits, phones) = (check.views, check.edits, report.phones);
    page.line(
        format!("{phones} 部手机与台账逐条对照 {views} 个视图；同步中按摘要证明一致 {} 次", report.proven),
        format!(
            "{views} views of {phones} phones held against the ledger; equality proven by digest {} times",
            report.proven
        ),
    );
    page.line(
        format!(
            "{edits} 次保存在历史中各查一次；计数 {} 个，记录与集合项 {} 个，并存值 {} 个",
            check.sums, check.items, check.values
        ),
        format!(
            "{edits} saves looked up in the history; {} counters, {} notes and items, {} contested values",
            check.sums, check.items, check.values
        ),
    );
    if check.differences.is_empty() {
        page.line(
            "✓ 所有手机与台账一致，每次保存恰好一次，一条不少",
            "✓ every phone and the ledger show the same; every save is there exactly once",
        );
    } else {
        let count = check.differences.len();
        page.line(format!("✗ 有 {count} 处不符："), format!("✗ {count} differences:"));
        for difference in check.differences.iter().take(LISTED) {
            let text = format!("  [{}] {}", difference.code(), difference.say(page.zh));
            page.line(&text, &text);
        }
        rest(page, count);
    }
    let seconds = format!("{}.{}", report.ms / 1000, report.ms % 1000 / 100);
    page.line(
        format!("用时 {seconds} 秒（种子 {}）", report.seed),
        format!("It took {seconds} s (seed {})", report.seed),
    );
}

/// How to go on while the server stays up.
pub fn farewell(
    zh: bool,
    url: &str,
    (login, password): &(String, String),
    folder: &str,
    code: &str,
) -> String {
    let mut page = Page { zh, text: String::new() };
    page.head(&format!("服务器仍在运行：{url}"), &format!("The server stays up: {url}"));
    page.line(
        format!("督导账号 {login}，密码 {password}；登录并取台账："),
        format!("Supervisor {login}, password {password}. Sign in and pull a ledger:"),
    );
    let login = format!(
        "TOKEN=$(curl -s {url}/v1/login -H 'content-type: application/json' \\\n      -d '{{\"login\":\"{login}\",\"password\":\"{password}\"}}' | sed 's/.*\"access\":\"\\([^\"]*\\)\".*/\\1/')"
    );
    let pull = format!("curl -s -H \"authorization: Bearer $TOKEN\" '{url}/v1/ledgers/ticket?limit=5'");
    let table = format!(
        "curl -s -H \"authorization: Bearer $TOKEN\" '{url}/v1/ledgers/household?format=csv&lang={}'",
        if zh { "zh" } else { "en" }
    );
    for command in [&login, &pull, &table] {
        page.line(format!("  {command}"), format!("  {command}"));
    }
    let field = format!("  gridledger-field --store my-phone.db enrol --server {url} {code}");
    page.line("用一部新手机（命令行）加入：", "Join with a phone of your own (command line):");
    page.line(&field, &field);
    page.line(format!("数据保留在 {folder}"), format!("Everything is kept in {folder}"));
    page.line("按 Ctrl-C 结束", "Ctrl-C ends it");
    page.text
}
