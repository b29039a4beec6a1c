//! A server for tests that kill it: serves the store named first on a free port, prints the address, and stops when its
//! input ends.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use gridledger_schema::set::SchemaSet;
use gridledger_server::config::Settings;
use gridledger_server::service::Service;
use gridledger_server::{cli, http};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut settings = Settings::default();
    settings.take("store", &std::env::args().nth(1).ok_or("which store?")?, "test")?;
    let schema = SchemaSet::builtin();
    let store = cli::open_store(&settings.store, &schema)?;
    let service = Arc::new(Service::new(store, schema)?);
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
