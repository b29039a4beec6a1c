//! `admin reader` and `admin export-ledgers`: the role that reads the ledgers for tools, and a copy of these ledgers.

use std::path::Path;

use serde_json::json;

use super::open::{explain, schema};
use super::say::{CliError, Speaker};
use crate::config::Settings;
use crate::operate::tools::export::to_file;
use crate::service::Service;
use crate::store::rows::tools::ReaderRole;
use crate::store::tables::tools::READER;

/// Makes the role that reads the views.
pub fn reader(service: &Service, speaker: Speaker) -> Result<(), CliError> {
    match service.store.make_reader()? {
        ReaderRole::Reads => {
            speaker.done(
                &json!({ "role": READER }),
                &format!("角色 {READER} 可读分析用台账视图，别无其他权限。请授予登录名：GRANT {READER} TO 登录名;"),
                &format!("the role {READER} reads the ledgers for tools and nothing else; give it to a login: GRANT {READER} TO login;"),
            );
            Ok(())
        }
        ReaderRole::MayNotMake => Err(CliError::named(
            format!(
                "本服务的数据库账号无权建立角色。请由数据库管理员执行 CREATE ROLE {READER} NOLOGIN; 再运行本命令。"
            ),
            format!(
                "the service's account may not make roles: have the database's administrator run \
                 CREATE ROLE {READER} NOLOGIN; and run this command again"
            ),
        )),
        ReaderRole::NoRoles => Err(CliError::named(
            "SQLite 文件没有角色：请用 admin export-ledgers 为分析工具导出副本。",
            "a SQLite file has no roles: make a copy for tools with admin export-ledgers",
        )),
    }
}

/// Copies what tools may see into a file.
pub fn export(settings: &Settings, file: &Path, speaker: Speaker) -> Result<(), CliError> {
    let schema = schema(settings)?;
    let rows = to_file(&settings.store, &schema, file).map_err(explain)?;
    speaker.done(&json!({ "rows": rows }), &format!("已导出 {rows} 行。"), &format!("{rows} rows copied."));
    Ok(())
}
