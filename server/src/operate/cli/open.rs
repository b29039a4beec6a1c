//! Opens the store that the settings name, with the schema set it is served under.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gridledger_schema::set::SchemaSet;

use super::say::CliError;
use crate::config::{Settings, StoreAddress};
use crate::ingest;
use crate::service::Service;
use crate::store::rows::records::Decide;
use crate::store::sqlite::is_older;
use crate::store::{Store, StoreError};

/// Opens the service over the store and schema set of the settings. Makes the store if it does not exist.
pub fn open_service(settings: &Settings) -> Result<Arc<Service>, CliError> {
    let schema = schema(settings)?;
    let decide = ingest::decider_in_zone(schema.clone(), settings.timezone.clone());
    let store = open_store_deciding(&settings.store, decide, settings.commit_group).map_err(explain)?;
    let mut service = Service::new(store, schema)?;
    service.lease_days = settings.lease_days;
    service.least_free = settings.least_free_mib << 20;
    service.set_zone(settings.timezone.clone());
    Ok(Arc::new(service))
}

/// A service that only reads, and the copy it reads, if it needs one.
pub struct ToRead {
    /// The service.
    pub service: Arc<Service>,
    _copy: Option<Copy>,
}

/// Opens a service that only reads. Nothing is written to a SQLite file or beside it. A store of an older version is
/// copied, and the copy is migrated.
pub fn open_to_read(settings: &Settings) -> Result<ToRead, CliError> {
    let StoreAddress::Sqlite(path) = &settings.store else {
        let service = open_service(settings)?;
        return Ok(ToRead { service, _copy: None });
    };
    if !path.exists() {
        let shown = path.display();
        return Err(CliError::named(
            format!("没有存储文件 {shown}：请检查 --store。"),
            format!("there is no store {shown}: check --store"),
        ));
    }
    let schema = schema(settings)?;
    let decide = ingest::decider_in_zone(schema.clone(), settings.timezone.clone());
    let copy = is_older(path).map_err(explain)?.then(|| Copy::make(path)).transpose()?;
    let store = match &copy {
        Some(copy) => Store::open_sqlite(&copy.file(), decide),
        None => Store::open_sqlite_to_read(path, decide),
    };
    let mut service = Service::new(Arc::new(store.map_err(explain)?), schema)?;
    service.set_zone(settings.timezone.clone());
    let service = Arc::new(service);
    Ok(ToRead { service, _copy: copy })
}

/// A copy of a store in a folder of its own; dropping it removes the folder.
struct Copy(PathBuf);

impl Copy {
    fn make(store: &Path) -> Result<Self, CliError> {
        let folder = std::env::temp_dir().join(format!("gridledger-{}", std::process::id()));
        let failed = |error| CliError::File { path: folder.clone(), error };
        let mut maker = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut maker, 0o700);
        maker.create(&folder).map_err(failed)?;
        let copy = Self(folder.clone());
        for ending in ["", "-wal"] {
            let part = |path: &Path| PathBuf::from(format!("{}{ending}", path.display()));
            if part(store).exists() {
                std::fs::copy(part(store), part(&copy.file())).map_err(failed)?;
            }
        }
        Ok(copy)
    }

    fn file(&self) -> PathBuf {
        self.0.join("store.db")
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Opens the store at an address, or makes it. At most `group` writes share a commit.
pub fn open_store(
    address: &StoreAddress,
    schema: &Arc<SchemaSet>,
    group: usize,
) -> Result<Arc<Store>, StoreError> {
    open_store_deciding(address, ingest::decider(schema.clone()), group)
}

/// Opens the store at an address; a function of the caller decides its pushes.
pub fn open_store_deciding(
    address: &StoreAddress,
    decide: Arc<Decide>,
    group: usize,
) -> Result<Arc<Store>, StoreError> {
    Ok(match address {
        StoreAddress::Sqlite(path) => Arc::new(Store::open_sqlite_in_groups(path, decide, group)?),
        StoreAddress::Postgres(url) => Arc::new(Store::open_postgres_in_groups(url.reveal(), decide, group)?),
    })
}

/// Loads the schema set of the settings.
pub fn schema(settings: &Settings) -> Result<Arc<SchemaSet>, CliError> {
    match &settings.schema {
        Some(dir) => Ok(Arc::new(SchemaSet::load_dir(dir)?)),
        None => Ok(SchemaSet::builtin()),
    }
}

/// Explains in both languages a failure that an administrator can mend.
pub fn explain(error: StoreError) -> CliError {
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
        StoreError::Sql(error) if error.is_unreachable() => CliError::named(
            format!("连不上数据库（{error}）。请检查 store 中的地址，以及数据库是否在运行。"),
            format!(
                "the database cannot be reached ({error}): check that it runs, and the address in `store`"
            ),
        ),
        error if error.is_damage() => CliError::named(
            "存储文件已损坏，有一部分读不出来：请用备份恢复（见 docs/operations.md）。".to_owned(),
            error.to_string(),
        ),
        StoreError::ToolsRead => CliError::named(
            "分析工具正在读取台账视图，而视图须随数据模式更新：请结束该查询后重新启动。".to_owned(),
            StoreError::ToolsRead.to_string(),
        ),
        other => other.into(),
    }
}
