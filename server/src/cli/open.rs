//! Opens the store that the settings name, with the schema set it is served under.

use std::sync::Arc;

use gridledger_schema::set::SchemaSet;

use super::say::CliError;
use crate::config::Settings;
use crate::ingest;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::sqlite::SqliteStore;

/// The service over the store and the schema set of the settings. Makes the store if it is not there.
pub fn open_service(settings: &Settings) -> Result<Arc<Service>, CliError> {
    let schema = schema(settings)?;
    let path = settings.sqlite_path()?;
    let store = SqliteStore::open(&path, ingest::decider(schema.clone())).map_err(explain)?;
    let mut service = Service::new(Arc::new(store), schema)?;
    service.lease_days = settings.lease_days;
    Ok(Arc::new(service))
}

/// The schema set of the settings.
pub fn schema(settings: &Settings) -> Result<Arc<SchemaSet>, CliError> {
    match &settings.schema {
        Some(dir) => Ok(Arc::new(SchemaSet::load_dir(dir)?)),
        None => Ok(SchemaSet::builtin()),
    }
}

/// A store that is held open is the one failure an administrator can end.
fn explain(error: StoreError) -> CliError {
    match error {
        StoreError::Held(lock) => CliError::named(
            format!(
                "存储已被另一个进程打开（{lock}）。管理命令直接打开存储文件：请先停止服务，执行命令后再启动服务。"
            ),
            format!(
                "another process has the store open ({lock}); commands open the store's file themselves: \
                 stop the server, run the command, start the server again"
            ),
        ),
        other => other.into(),
    }
}
