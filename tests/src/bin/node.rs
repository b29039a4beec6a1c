//! A server for tests that kill it or read its log: `node STORE [KEY=VALUE …]` serves a store on a free port, prints the
//! address, and stops when its input ends. With settings it logs to its standard error, as they say.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use gridledger_schema::set::SchemaSet;
use gridledger_server::config::Settings;
use gridledger_server::http;
use gridledger_server::operate::cli;
use gridledger_server::service::Service;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let mut settings = Settings::default();
    settings.take("store", &args.next().ok_or("which store?")?, "test")?;
    let schema = SchemaSet::builtin();
    let store = cli::open_store(&settings.store, &schema, settings.commit_group)?;
    let mut service = Service::new(store, schema)?;
    settings.take("listen", "127.0.0.1:0", "test")?;
    settings.take("workers", "1", "test")?;
    let mut logs = false;
    for arg in args {
        let (key, value) = arg.split_once('=').ok_or("KEY=VALUE")?;
        settings.take(key, value, "test")?;
        logs = true;
    }
    if logs {
        cli::log::start(&settings)?;
    }
    service.least_free = settings.least_free_mib << 20;
    let running = http::start(Arc::new(service), &settings)?;
    println!("{}", running.addr());
    std::io::stdout().flush()?;
    // The test holds the other end; when it goes, so does this.
    let _ = std::io::stdin().read(&mut [0])?;
    running.stop()?;
    Ok(())
}
