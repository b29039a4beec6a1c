//! The commands for backups, restores and the recovery after a restore.

use std::path::Path;

use gridledger_schema::ids::FeedId;
use gridledger_schema::wire::RecoveryPhase;
use serde::Deserialize;
use serde_json::{Value, json};

use super::args::{RecoveryArgs, RestoreArgs};
use super::open::{open_service, schema};
use super::say::{CliError, Speaker};
use crate::config::{Settings, StoreAddress};
use crate::desk::lost;
use crate::epochs::{Reason, Wanted, WantedEntry, erase, erase_refused};
use crate::ingest;
use crate::rights::reader::ReadError;
use crate::service::Service;
use crate::service::clock::now;
use crate::store::copies;
use crate::store::rows::restores::{NewGeneration, RestoreRow};

const HOUR_MS: i64 = 3_600_000;

/// `admin backup FILE`
pub fn backup(settings: &Settings, to: &Path, speaker: Speaker) -> Result<(), CliError> {
    let StoreAddress::Sqlite(store) = &settings.store else {
        return Err(CliError::named(
            "Postgres 存储请用 pg_dump 或 WAL 归档备份（见 docs/operations.md）",
            "a store in Postgres is backed up with pg_dump or archived WAL (docs/operations.md)",
        ));
    };
    let bytes = copies::backup(store, to)?;
    let (file, at) = (to.display().to_string(), now());
    let told = json!({ "backup": file, "bytes": bytes, "at": at });
    let (zh, en) = (
        format!("已备份到 {file}（{bytes} 字节）。其中有居民信息，请加密保存。"),
        format!("backed up to {file} ({bytes} bytes); it holds residents' values: keep it encrypted"),
    );
    speaker.done(&told, &zh, &en);
    Ok(())
}

/// `admin restore BACKUP --store NEW`, or `admin restore --in-place`
pub fn restore(settings: &Settings, args: &RestoreArgs, speaker: Speaker) -> Result<(), CliError> {
    let at = now();
    let new = NewGeneration {
        at,
        until: at + settings.restore_window_hours as i64 * HOUR_MS,
        active_ms: settings.restore_device_days as i64 * 24 * HOUR_MS,
    };
    let erasures = args.erasures.as_deref().map(read_erasures).transpose()?;
    let row = match (&args.backup, &settings.store) {
        (Some(backup), StoreAddress::Sqlite(to)) => copies::restore(
            backup,
            to,
            ingest::decider_in_zone(schema(settings)?, settings.timezone.clone()),
            new,
        )?,
        (None, _) => {
            let service = open_service(settings)?;
            let row = service.store.begin_generation(new);
            service.store.close();
            row?
        }
        (Some(_), StoreAddress::Postgres(_)) => {
            return Err(CliError::named(
                "请先用 pg_restore 恢复到新数据库，再运行 admin restore --in-place（见 docs/operations.md）",
                "restore into a new database with pg_restore, then run admin restore --in-place (docs/operations.md)",
            ));
        }
    };
    let service = open_service(settings)?;
    service.store.put_position_beside(service.store.position()?);
    let told = erasures.map_or(Ok(0), |erasures| erase_again(&service, &erasures));
    let said = told.and_then(|erased| print_next_steps(&service, &row, erased, speaker));
    service.store.close();
    said
}

/// Prints what the operator must restore by hand, because no phone sends it again.
fn print_next_steps(
    service: &Service,
    row: &RestoreRow,
    erased: usize,
    speaker: Speaker,
) -> Result<(), CliError> {
    let store = &service.store;
    let (records, entries, _) = store.counts()?;
    let (users, devices) = (store.users()?.len(), store.devices()?.len());
    let (areas, erasures) = (store.areas()?.len(), store.erasures(None)?.len());
    let awaited = store.awaited()?.to_offer.len();
    let told = json!({
        "epoch": row.epoch.0, "former": row.former.0, "at": row.at, "until": row.until, "records": records,
        "entries": entries, "users": users, "devices": devices, "areas": areas, "erasures": erasures,
        "erased_again": erased, "devices_awaited": awaited,
    });
    let hours = hours(row.until - row.at);
    let zh = format!(
        "已恢复：{records} 条档案，{entries} 笔操作，{users} 人，{devices} 台设备，{areas} 个区域；按清单重新清除 {erased} 项。\n\
         服务启动后，等待 {awaited} 台设备补传备份之后的内容，服务累计运行最多 {hours} 小时。\n\
         备份之后的下列变更不在其中，请在启动服务前逐项重做：\n\
         - 人员、岗位授权的新增与停用；\n\
         - 设备的停用（丢失的手机请立即停用）；之后注册的设备须用新注册码重新注册；\n\
         - 区域与区域调整方案；\n\
         - 个人信息的清除（admin restore --erasures 可按清单重做）；\n\
         - 数据共享与导出审批的撤销。\n\
         所有登录会话已注销，未使用的注册码已作废。",
    );
    let en = format!(
        "restored: {records} records, {entries} entries, {users} people, {devices} devices, {areas} areas; {erased} erasures done again\n\
         once it serves, {awaited} devices are waited for, to bring what came after the backup, for {hours} hours of serving at most\n\
         these changes since the backup are not in it; do them again before it serves:\n\
         - people and roles given, ended, revoked\n\
         - devices revoked (revoke lost phones now); devices enrolled since enrol again with a new code\n\
         - areas, and plans that change the territory\n\
         - erasures (admin restore --erasures does a list of them)\n\
         - shares and exports revoked\n\
         every session has ended, codes that were not used are void",
    );
    speaker.done(&told, &zh, &en);
    Ok(())
}

/// Whole hours, rounded up.
fn hours(ms: i64) -> i64 {
    ms.max(0).unsigned_abs().div_ceil(HOUR_MS.unsigned_abs()) as i64
}

/// An erasure as `admin erasures --json` lists it.
#[derive(Deserialize)]
struct Listed {
    record: String,
    fields: Vec<String>,
    reason: String,
    by: String,
    asked_at: i64,
    /// FEED.N of a refused entry that was erased alone.
    #[serde(default)]
    entry: Option<String>,
}

impl Listed {
    fn entry(&self) -> Option<(FeedId, u64)> {
        let (feed, n) = self.entry.as_ref()?.split_once('.')?;
        feed.parse().ok().zip(n.parse().ok())
    }
}

fn read_erasures(file: &Path) -> Result<Vec<Listed>, CliError> {
    let text =
        std::fs::read_to_string(file).map_err(|error| CliError::File { path: file.to_owned(), error })?;
    serde_json::from_str(&text).map_err(|error| {
        CliError::named(
            format!("{} 不是清除清单：{error}", file.display()),
            format!("{} is no list of erasures: {error}", file.display()),
        )
    })
}

/// Does listed erasures again that the store does not have; how many. What is not there any more needs none.
fn erase_again(service: &Service, listed: &[Listed]) -> Result<usize, CliError> {
    let done = service.store.erasures(None)?;
    let mut erased = 0;
    for one in listed {
        let unfit =
            || CliError::named("清除清单中有一行无法识别", "a line of the list of erasures is not readable");
        let record = one.record.parse().map_err(|_| unfit())?;
        let reason = Reason::parse(&one.reason).ok_or_else(unfit)?;
        let known = |row: &crate::store::rows::records::ErasureRow| {
            (row.record, row.asked_at, row.entry) == (record, one.asked_at, one.entry())
                && row.fields == one.fields
        };
        if done.iter().any(known) {
            continue;
        }
        let wanted =
            Wanted { record, fields: one.fields.clone(), reason, by: one.by.clone(), asked_at: one.asked_at };
        let done = match one.entry() {
            None => erase(service, &wanted).map(|_| ()),
            Some(entry) => erase_refused(
                service,
                &WantedEntry { entry, reason, by: one.by.clone(), asked_at: one.asked_at },
            ),
        };
        match done {
            Ok(()) => erased += 1,
            Err(ReadError::Refused(_)) => {}
            Err(ReadError::Store(error)) => return Err(error.into()),
        }
    }
    Ok(erased)
}

/// `admin recovery`, `admin recovery --end`
pub fn recovery(service: &Service, args: &RecoveryArgs, speaker: Speaker) -> Result<(), CliError> {
    let Some(restore) = service.store.restored()? else {
        return Err(CliError::named("这个存储没有从备份恢复过", "this store was never restored"));
    };
    if args.end {
        service.store.end_recovery(service.now())?;
    }
    let awaited = service.store.awaited()?;
    let phase = if args.end { RecoveryPhase::Over } else { service.recovery_phase()? };
    let (word, zh) = match phase {
        RecoveryPhase::Gathering => ("gathering", "正在收回"),
        RecoveryPhase::Settling => ("settling", "正在归位"),
        RecoveryPhase::Over => ("over", "已结束"),
    };
    let told = json!({
        "phase": word, "at": restore.at, "until": restore.until, "served": restore.served, "to_offer": awaited.to_offer,
        "to_settle": awaited.to_settle,
    });
    let numbers = |devices: &[gridledger_schema::ids::DeviceNo]| {
        let numbers: Vec<String> = devices.iter().map(ToString::to_string).collect();
        numbers.join(", ")
    };
    if phase == RecoveryPhase::Over {
        let over = "the recovery after the restore is over: admin lost says what nobody brought back";
        speaker.done(&told, "恢复已结束；没有人补回的内容见 admin lost", over);
        return Ok(());
    }
    let (offer, settle) = (numbers(&awaited.to_offer), numbers(&awaited.to_settle));
    let left = hours(restore.until - restore.at - restore.served);
    speaker.done(
        &told,
        &format!("恢复状态：{zh}；服务最多再运行 {left} 小时即结束。尚未补传的设备：{offer}；尚有内容未入库的设备：{settle}"),
        &format!("recovery: {word}, for {left} more hours of serving at most; devices that have not offered: {offer}; with something undecided: {settle}"),
    );
    Ok(())
}

/// `admin lost`
pub fn lost(service: &Service, speaker: Speaker) -> Result<(), CliError> {
    let items: Vec<Value> = lost::missing(service, |_| true)?;
    speaker.list(&items, &["area", "record", "here", "facet", "author", "feed", "changes", "told_by", "at"]);
    Ok(())
}
