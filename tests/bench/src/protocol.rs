//! The server program of the benchmark's line protocol: a store with a few areas and a stack of invites.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::BenchError;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Grant;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use gridledger_server::auth::codes;
use gridledger_server::config::Settings;
use gridledger_server::service::Service;
use gridledger_server::store::Store;
use gridledger_server::store::rows::people::{NewArea, NewUser};
use gridledger_server::{http, ingest};

/// The benchmark's command line.
#[derive(Clone, Debug, clap::Args)]
pub struct BenchServer {
    /// Port on 127.0.0.1.
    #[arg(long)]
    port: u16,
    /// Folder of the store.
    #[arg(long)]
    dir: PathBuf,
    /// Folder shared with the devices.
    #[arg(long)]
    shared: PathBuf,
}

/// Grids made: the largest scale has ten.
const GRIDS: usize = 10;
/// Invites made: more than any run has phones.
const INVITES: usize = 400;

/// Serves until SIGTERM.
pub fn run(args: &BenchServer, schema: Option<&Path>) -> Result<(), BenchError> {
    std::fs::create_dir_all(&args.dir)?;
    let schema = match schema {
        Some(dir) => Arc::new(SchemaSet::load_dir(dir)?),
        None => SchemaSet::builtin(),
    };
    let store = Store::open_sqlite(&args.dir.join("server.db"), ingest::decider(schema.clone()))?;
    let service = Arc::new(Service::new(Arc::new(store), schema)?);
    // It may have been filled long ago; nothing in it is anybody's.
    service.confirm_clock()?;
    if service.tree().by_code("bench").is_none() {
        settle(&service, &args.shared)?;
    }
    let settings = Settings {
        listen: format!("127.0.0.1:{}", args.port),
        // A load that is measured comes as fast as it can.
        device_rate: 1_000_000,
        device_burst: 1_000_000,
        ..Settings::default()
    };
    let running = http::start(service, &settings)?;
    gridledger_server::put_line!("READY");
    running.serve_until_signal()?;
    Ok(())
}

/// Makes the areas, one user an invite, and the invites.
fn settle(service: &Service, shared: &Path) -> Result<(), BenchError> {
    let area = |code: &str, parent: Option<&str>, kind: &str| NewArea {
        code: code.to_owned(),
        parent: parent.map(str::to_owned),
        kind: kind.to_owned(),
        name: code.to_owned(),
        from: None,
        to: None,
    };
    let mut areas = vec![area("bench", None, "community")];
    areas.extend((1..=GRIDS).map(|i| area(&format!("g{i:02}"), Some("bench"), "basic_grid")));
    service.store.put_areas(&areas)?;
    service.reload_tree()?;
    let tree = service.tree();
    let root = tree.by_code("bench").map(|a| a.no).ok_or("the root area is missing")?;
    let grant = Grant { role: "grid_worker".into(), area: root, from: 0, to: None };
    let login = |i: usize| format!("u{i:03}");
    let users: Vec<NewUser> = (0..INVITES)
        .map(|i| NewUser { login: login(i), name: login(i), password: None, grants: vec![grant.clone()] })
        .collect();
    service.store.put_users(&users, service.now())?;
    let folder = shared.join("invites");
    std::fs::create_dir_all(&folder)?;
    let areas: Vec<_> = tree.iter().cloned().collect();
    for user in service.store.users()? {
        let code = hex_code(&user.login, &service.identity.desk_seed);
        let hash = codes::hash(&code).ok_or("a made code is well formed")?;
        service.store.put_code(hash, user.no, i64::MAX)?;
        let invite = json!({
            "server": "", "code": code, "user": user.login, "name": user.name, "grants": [grant], "areas": areas,
        });
        std::fs::write(folder.join(format!("{}.json", user.login)), invite.to_string())?;
    }
    Ok(())
}

fn hex_code(login: &str, seed: &[u8; 32]) -> String {
    let mut hash = Sha256::new();
    hash.update(seed);
    hash.update(login.as_bytes());
    gridledger_schema::ids::hex(&hash.finalize()[..6])
}
