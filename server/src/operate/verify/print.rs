//! `gridledger admin verify`: the report for a person or a program.

use std::io::{self, Write};

use super::{VerifyReport, verify};
use crate::lang::Lang;
use crate::service::Service;

/// Verifies and prints. The exit code: 0 if all is as it should be, 1 if not or if the store cannot be read.
pub fn cli_verify(service: &Service, json: bool, lang: Lang, out: &mut dyn Write) -> io::Result<u8> {
    let report = match verify(service) {
        Ok(report) => report,
        Err(error) => {
            writeln!(out, "{}{error}", lang.pick("无法检查：", "cannot verify: "))?;
            return Ok(1);
        }
    };
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        print(&report, lang, out)?;
    }
    Ok(u8::from(!report.is_whole()))
}

fn print(report: &VerifyReport, lang: Lang, out: &mut dyn Write) -> io::Result<()> {
    let VerifyReport {
        areas,
        records,
        lines,
        feeds,
        entries,
        halted,
        reads,
        reads_head,
        differences,
        listed,
    } = report;
    match lang {
        Lang::Zh => writeln!(
            out,
            "已检查：区域 {areas} 个，档案 {records} 份，日志 {lines} 行，记录链 {feeds} 条，操作 {entries} 条。"
        )?,
        Lang::En => writeln!(
            out,
            "Checked: {areas} areas, {records} records, {lines} log lines, {feeds} feeds, {entries} entries."
        )?,
    }
    match lang {
        Lang::Zh => writeln!(out, "查阅日志 {reads} 行，末行摘要 {reads_head}")?,
        Lang::En => writeln!(out, "Read log: {reads} rows, head {reads_head}")?,
    }
    if *halted > 0 {
        match lang {
            Lang::Zh => writeln!(out, "{halted} 条记录链只处理到中途，作者签名随其余内容补到。")?,
            Lang::En => writeln!(
                out,
                "{halted} feeds halted in the middle of a push; their authors' signatures come with the rest."
            )?,
        }
    }
    for difference in listed {
        let (zh, en) = difference.kind.label();
        writeln!(out, "{}: {}: {}", lang.pick(zh, en), difference.of, difference.what)?;
    }
    match (lang, *differences) {
        (Lang::Zh, 0) => writeln!(out, "没有发现差异。"),
        (Lang::En, 0) => writeln!(out, "Everything is as it should be."),
        (Lang::Zh, n) => writeln!(out, "共 {n} 处差异，列出 {} 处。", listed.len()),
        (Lang::En, n) => writeln!(out, "{n} differences, {} of them listed.", listed.len()),
    }
}
