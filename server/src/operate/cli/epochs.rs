//! The commands that end histories: erasure, retention, new rules.

use gridledger_schema::ids::RecordId;
use serde_json::{Value, json};

use super::args::{EraseArgs, RetentionCommand};
use super::say::{CliError, Speaker};
use crate::epochs::{Reason, Wanted, WantedEntry, erase, erase_refused, renew, retain};
use crate::rights::reader::ReadError;
use crate::service::Service;

/// `admin erase`
pub fn erase_one(service: &Service, args: &EraseArgs, speaker: Speaker) -> Result<(), CliError> {
    let words = Reason::ALL.map(Reason::as_str).join(", ");
    let reason = Reason::parse(&args.reason).ok_or_else(|| {
        CliError::named(format!("原因须为：{words}"), format!("a reason is one of {words}"))
    })?;
    let now = service.now();
    let (done, what) = if let Some((feed, n)) = args.record.split_once('.') {
        let entry = feed.parse().ok().zip(n.parse().ok());
        let wanted =
            WantedEntry { entry: entry.ok_or_else(no_id)?, reason, by: args.by.clone(), asked_at: now };
        if !args.field.is_empty() {
            return Err(CliError::named(
                "被拒绝的操作记录只能整条清除",
                "a refused entry can only be erased whole",
            ));
        }
        let told = json!({ "entry": args.record, "asked_at": now });
        (erase_refused(service, &wanted).map(|()| told), args.record.clone())
    } else {
        let record: RecordId = args.record.parse().map_err(|_| no_id())?;
        let wanted =
            Wanted { record, fields: args.field.clone(), reason, by: args.by.clone(), asked_at: now };
        let told = |seq| json!({ "record": record, "seq": seq, "asked_at": now });
        (erase(service, &wanted).map(told), record.to_string())
    };
    let told = done.map_err(|error| match error {
        ReadError::Store(error) => CliError::Store(error),
        ReadError::Refused(refusal) => CliError::named(refusal.code.zh(), refusal.to_string()),
    })?;
    speaker.done(&told, &format!("已清除：{what}"), &format!("erased: {what}"));
    Ok(())
}

fn no_id() -> CliError {
    CliError::named("这不是档案编号", "this is no record's id")
}

/// `admin erasures`
pub fn erasures(service: &Service, speaker: Speaker) -> Result<(), CliError> {
    let rows = service.store.erasures(None)?;
    let items: Vec<Value> = rows
        .into_iter()
        .map(|row| {
            json!({
                "record": row.record, "fields": row.fields, "reason": row.reason, "by": row.by,
                "asked_at": row.asked_at, "done_at": row.done_at,
                "entry": row.entry.map(|(feed, n)| format!("{feed}.{n}")),
            })
        })
        .collect();
    speaker.list(&items, &["record", "fields", "reason", "by", "asked_at", "done_at"]);
    Ok(())
}

/// `admin retention run`
pub fn retention(service: &Service, command: &RetentionCommand, speaker: Speaker) -> Result<(), CliError> {
    let RetentionCommand::Run { dry_run } = command;
    let told = retain(service, *dry_run)?;
    let (looked_at, erased, failed, evidence) = (told.looked_at, told.erased, told.failed, told.evidence);
    let (zh, en) = if *dry_run {
        (
            format!("检查 {looked_at} 条，到期 {erased} 条；未被接受的操作到期 {evidence} 笔（未清除）"),
            format!("{looked_at} looked at, {erased} due; {evidence} refused entries due (nothing erased)"),
        )
    } else {
        (
            format!(
                "检查 {looked_at} 条，清除 {erased} 条，失败 {failed} 条；清除未被接受的操作内容 {evidence} 笔"
            ),
            format!(
                "{looked_at} looked at, {erased} erased, {failed} failed; {evidence} refused entries emptied"
            ),
        )
    };
    speaker.done(&json!(told), &zh, &en);
    Ok(())
}

/// `admin migrate-rules`
pub fn migrate_rules(service: &Service, speaker: Speaker) -> Result<(), CliError> {
    let renewed = renew(service)?;
    let (zh, en) =
        (format!("{renewed} 条档案换用新规则"), format!("{renewed} records go on under these rules"));
    speaker.done(&json!({ "renewed": renewed }), &zh, &en);
    Ok(())
}
