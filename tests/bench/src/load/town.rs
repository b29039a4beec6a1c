//! Grids, a worker for each phone, and the codes they enrol with, in an empty store.

use gridledger_schema::wire::Grant;
use gridledger_server::auth::codes;
use gridledger_server::config::Settings;
use gridledger_server::operate::cli::open_service;
use gridledger_server::store::StoreError;
use gridledger_server::store::rows::people::{NewArea, NewUser};

use super::error::LoadError;

/// A worker: the grid's code, and the code to enrol with.
pub struct Worker {
    /// The grid.
    pub grid: String,
    /// The one-time code.
    pub code: String,
}

/// The settings of the store at an address.
pub fn settings(store: &str) -> Result<Settings, LoadError> {
    let mut settings = Settings::default();
    settings.take("store", store, "--store")?;
    Ok(settings)
}

/// Makes as many workers as there are phones, `share` to a grid.
pub fn make(store: &str, phones: usize, share: usize) -> Result<Vec<Worker>, LoadError> {
    let service = open_service(&settings(store)?)?;
    let area = |code: String, parent: Option<&str>, kind: &str| NewArea {
        name: code.clone(),
        code,
        parent: parent.map(str::to_owned),
        kind: kind.to_owned(),
        from: None,
        to: None,
    };
    let grids = phones.div_ceil(share.max(1));
    let mut areas = vec![area("D".into(), None, "district"), area("S".into(), Some("D"), "street")];
    for community in 0..grids.div_ceil(7) {
        let code = format!("C{community:03}");
        let below = (community * 7..grids.min(community * 7 + 7)).map(grid_code);
        areas.extend(below.map(|grid| area(grid, Some(&code), "basic_grid")));
        areas.push(area(code, Some("S"), "community"));
    }
    service.store.put_areas(&areas)?;
    service.reload_tree()?;
    let tree = service.tree();
    let users: Vec<NewUser> = (0..phones)
        .map(|phone| {
            let grid = tree.by_code(&grid_code(phone / share.max(1)));
            let grid = grid.ok_or_else(|| StoreError::Missing("grid".into()))?;
            Ok(NewUser {
                login: format!("w{phone:05}"),
                name: format!("网格员{phone:05}"),
                password: None,
                grants: vec![Grant { role: "grid_worker".into(), area: grid.no, from: 0, to: None }],
            })
        })
        .collect::<Result<_, StoreError>>()?;
    service.store.put_users(&users, service.now())?;
    // In the order of their logins, as the phones are.
    let workers = service.store.users()?.into_iter().enumerate().map(|(phone, user)| {
        let code = codes::make().map_err(|_| StoreError::Busy)?;
        let hash = codes::hash(&code).ok_or(StoreError::Damaged("a new code"))?;
        service.store.put_code(hash, user.no, i64::MAX)?;
        let grid = grid_code(phone / share.max(1));
        Ok(Worker { grid, code })
    });
    let workers = workers.collect::<Result<_, LoadError>>();
    service.store.close();
    workers
}

fn grid_code(grid: usize) -> String {
    format!("G{grid:04}")
}
