//! A server for tests that kill it: serves the store named first on a free port, prints the address, and stops when its
//! input ends.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use gridledger_schema::set::SchemaSet;
use gridledger_server::config::Settings;
use gridledger_server::service::Service;
use gridledger_server::store::sqlite::SqliteStore;
use gridledger_server::{http, ingest};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let path: PathBuf = std::env::args_os().nth(1).ok_or("which store?")?.into();
    let schema = SchemaSet::builtin();
    let store = SqliteStore::open(&path, ingest::decider(schema.clone()))?;
    let service = Arc::new(Service::new(Arc::new(store), schema)?);
    let mut settings = Settings::default();
    settings.take("listen", "127.0.0.1:0", "test")?;
    settings.take("workers", "1", "test")?;
    let running = http::start(service, &settings)?;
    println!("{}", running.addr());
    std::io::stdout().flush()?;
    // The test holds the other end; when it goes, so does this.
    let _ = std::io::stdin().read(&mut [0])?;
    running.stop()?;
    Ok(())
}
