//! The world of the demo: a made-up town in a new store, its staff, its register, and a server that listens.

use gridledger_core::calendar::DAY_MS;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use gridledger_schema::ids::AreaNo;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Grant;
use gridledger_server::auth::{codes, passwords};
use gridledger_server::config::{Settings, StoreAddress};
use gridledger_server::http::{self, Running};
use gridledger_server::office::import::staff::{Role, StaffRow};
use gridledger_server::office::import::{Date, Fault, areas, register, staff};
use gridledger_server::office::reconcile::import_register;
use gridledger_server::office::town;
use gridledger_server::office::town::{Town, TownCounts, TownSize};
use gridledger_server::operate::cli::open_store;
use gridledger_server::service::Service;
use gridledger_server::service::clock::Clocks;
use gridledger_server::store::rows::people::{NewArea, NewUser, User};

use super::clock::DayClock;
use super::error::DemoError;
use super::rng::Rng;

/// How large a town, and how many phones in it.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Phones.
    pub phones: usize,
    /// Grids; never fewer than phones.
    pub grids: u32,
    /// Households of each grid.
    pub households: u32,
}

/// A person who carries a phone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The login.
    pub login: String,
    /// The name.
    pub name: String,
    /// The role's code.
    pub role: String,
    /// Codes of the areas the role is held at; of a worker's two, the second is the one he or she stands in for.
    pub areas: Vec<String>,
}

/// The characters of the codes of playing phones.
const DIGITS: [char; 8] = ['2', '3', '4', '5', '6', '7', '8', '9'];
/// The login of who brings in the register.
const REGISTRAR: &str = "office";

/// A running server over a town, and who plays.
pub struct World {
    /// The service behind the server, to hold the phones against.
    pub service: Arc<Service>,
    /// The server.
    pub running: Running,
    /// The town's numbers.
    pub counts: TownCounts,
    /// Records the register became.
    pub registered: usize,
    /// The people who carry the phones.
    pub cast: Vec<Part>,
    /// Login and password of a supervisor of the district.
    pub supervisor: (String, String),
    /// The time of the day.
    pub clock: DayClock,
}

/// A fault of a made-up sheet is a fault of the program.
fn sound<T>(
    parsed: Result<gridledger_server::office::import::Parsed<T>, Vec<Fault>>,
) -> Result<T, DemoError> {
    parsed.map(|parsed| parsed.rows).map_err(|faults| {
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        DemoError::Town(first)
    })
}

impl World {
    /// Makes the town in `dir` and starts the server.
    pub fn make(dir: &Path, size: Size, rng: &mut Rng, clock: DayClock) -> Result<Self, DemoError> {
        let settings = Settings {
            listen: "127.0.0.1:0".into(),
            store: StoreAddress::Sqlite(dir.join("server.db")),
            // A day is played as fast as it goes.
            device_rate: 1_000_000,
            device_burst: 1_000_000,
            // No connection ends because a phone was quiet for long.
            idle_seconds: 3_600,
            ..Settings::default()
        };
        let service = open(&settings, rng, &clock)?;
        let town_size = TownSize { grids: size.grids, households_per_grid: size.households };
        let town = town::make(town_size, rng.next())?;
        put_areas(&service, &town)?;
        let rows = staff_rows(&service, &town)?;
        let cast = cast(&rows, size.phones);
        put_staff(&service, &rows, &cast)?;
        let supervisor = put_supervisor(&service, &rows)?;
        let registered = put_register(&service, &town)?;
        let running = http::start(service.clone(), &settings)?;
        Ok(Self { service, running, counts: town.counts, registered, cast, supervisor, clock })
    }

    /// The server's address.
    pub fn addr(&self) -> SocketAddr {
        self.running.addr()
    }

    /// A one-time code with which a phone of `login` enrols.
    pub fn code(&self, login: &str) -> Result<String, DemoError> {
        let code = codes::make().map_err(|error| DemoError::Town(error.to_string()))?;
        self.put_code(login, code)
    }

    /// The code of a phone that plays: of the seed, like everything else of the day.
    pub fn played_code(&self, login: &str, rng: &mut Rng) -> Result<String, DemoError> {
        let digits: String = (0..12).map(|_| DIGITS[rng.below(DIGITS.len())]).collect();
        self.put_code(login, digits)
    }

    fn put_code(&self, login: &str, code: String) -> Result<String, DemoError> {
        let hash = codes::hash(&code).ok_or_else(|| DemoError::Town("no code".into()))?;
        let expires = self.service.now() + i64::from(codes::DAYS) * DAY_MS;
        self.service.store.put_code(hash, user(&self.service, login)?.no, expires)?;
        Ok(code)
    }
}

/// The service over a new store whose generation and keys are of the seed, so that what phones send and get is, too.
fn open(settings: &Settings, rng: &mut Rng, clock: &DayClock) -> Result<Arc<Service>, DemoError> {
    let schema = SchemaSet::builtin();
    let store = open_store(&settings.store, &schema, settings.commit_group)?;
    store.set_setting("server_epoch", &rng.bytes::<7>())?;
    for key in ["receipt_seed", "desk_seed", "lease_seed"] {
        store.set_setting(key, &rng.bytes::<32>())?;
    }
    let time = clock.clone();
    let steady = clock.clone();
    let clocks = Clocks { wall: Arc::new(move || time.now()), steady: Arc::new(move || steady.now()) };
    let mut service = Service::with_clocks(store, schema, clocks)?;
    service.run = [0; 16];
    service.lease_days = settings.lease_days;
    service.least_free = settings.least_free_mib << 20;
    Ok(Arc::new(service))
}

fn user(service: &Service, login: &str) -> Result<User, DemoError> {
    let found = service.store.user_by_login(login)?;
    found.ok_or_else(|| DemoError::Town(format!("no user {login}")))
}

fn area_no(service: &Service, code: &str) -> Result<AreaNo, DemoError> {
    let found = service.tree().by_code(code).map(|area| area.no);
    found.ok_or_else(|| DemoError::Town(format!("no area {code}")))
}

fn put_areas(service: &Service, town: &Town) -> Result<(), DemoError> {
    let rows = sound(areas::parse(&town.areas, &|_| false))?;
    let areas = rows.into_iter().map(|row| NewArea {
        code: row.code,
        parent: row.parent,
        kind: row.kind.to_owned(),
        name: row.name,
        from: None,
        to: None,
    });
    service.store.put_areas(&areas.collect::<Vec<_>>())?;
    Ok(service.reload_tree()?)
}

fn staff_rows(service: &Service, town: &Town) -> Result<Vec<StaffRow>, DemoError> {
    let accounts = service.schema.roles.iter().filter(|role| role.account);
    let roles: Vec<Role<'_>> =
        accounts.map(|role| (role.code.as_str(), role.label.zh.as_str(), role.label.en.as_str())).collect();
    let tree = service.tree();
    sound(staff::parse(&town.staff, &roles, &|code| tree.by_code(code).is_some()))
}

/// The cast: the heads of the first grids and as many of their workers as there are phones for, a general grid head
/// and the dispatchers of community and street, and more desks for phones left over. Each worker also stands in for
/// the next one.
fn cast(rows: &[StaffRow], phones: usize) -> Vec<Part> {
    let of_role =
        |role: &'static str| rows.iter().filter(move |row| row.assignments.iter().any(|a| a.role == role));
    let desk = ["general_grid_head", "dispatcher_community", "dispatcher_street"];
    let mut cast: Vec<Part> = desk.iter().filter_map(|role| of_role(role).next()).map(part).collect();
    let heads: Vec<Part> = of_role("grid_head").map(part).collect();
    let all: Vec<Part> = of_role("grid_worker").map(part).collect();
    let heads_of = |workers: &[Part]| -> Vec<Part> {
        let leads = |head: &&Part| workers.iter().any(|worker| head.areas.contains(&worker.areas[0]));
        heads.iter().filter(leads).cloned().collect()
    };
    let room = phones.saturating_sub(cast.len());
    let count = (1..=room.min(all.len())).rev().find(|&count| count + heads_of(&all[..count]).len() <= room);
    let mut workers = all[..count.unwrap_or(0)].to_vec();
    cast.extend(heads_of(&workers));
    let grids: Vec<String> = workers.iter().map(|worker| worker.areas[0].clone()).collect();
    for (at, worker) in workers.iter_mut().enumerate() {
        worker.areas.push(grids[(at + 1) % grids.len()].clone());
    }
    cast.extend(workers);
    let spare = ["dispatcher_district", "general_grid_head", "dispatcher_community", "dispatcher_street"];
    for other in spare.iter().flat_map(|role| of_role(role)).map(part) {
        if cast.len() < phones && cast.iter().all(|held| held.login != other.login) {
            cast.push(other);
        }
    }
    cast
}

fn part(row: &StaffRow) -> Part {
    Part {
        login: row.login.clone(),
        name: row.name.clone(),
        role: row.assignments.first().map(|a| a.role.clone()).unwrap_or_default(),
        areas: row.assignments.iter().map(|a| a.area.clone()).collect(),
    }
}

fn put_staff(service: &Service, rows: &[StaffRow], cast: &[Part]) -> Result<(), DemoError> {
    let mut users = rows.iter().map(|row| new_user(service, &part(row))).collect::<Result<Vec<_>, _>>()?;
    // The areas that a worker of the cast holds as a stand-in come on top.
    users.extend(cast.iter().map(|part| new_user(service, part)).collect::<Result<Vec<_>, _>>()?);
    let root = rows.first().map(part).map(|first| first.areas).unwrap_or_default();
    let office =
        Part {
            login: REGISTRAR.into(), name: "数据管理员".into(), role: "data_steward".into(), areas: root
        };
    users.push(new_user(service, &office)?);
    service.store.put_users(&users, service.now())?;
    Ok(())
}

fn new_user(service: &Service, part: &Part) -> Result<NewUser, DemoError> {
    let grant = |code: &String| {
        Ok(Grant { role: part.role.clone(), area: area_no(service, code)?, from: 0, to: None })
    };
    Ok(NewUser {
        login: part.login.clone(),
        name: part.name.clone(),
        password: None,
        grants: part.areas.iter().map(grant).collect::<Result<_, DemoError>>()?,
    })
}

fn put_supervisor(service: &Service, rows: &[StaffRow]) -> Result<(String, String), DemoError> {
    let supervises = |row: &&StaffRow| row.assignments.iter().any(|a| a.role == "supervisor");
    let row = rows.iter().find(supervises).ok_or_else(|| DemoError::Town("no supervisor".into()))?;
    let password = codes::make().map_err(|error| DemoError::Town(error.to_string()))?;
    let phc = passwords::make(&password).map_err(|error| DemoError::Town(error.to_string()))?;
    let supervisor = NewUser { password: Some(phc), ..new_user(service, &part(row))? };
    service.store.put_users(&[supervisor], service.now())?;
    Ok((row.login.clone(), password))
}

fn put_register(service: &Service, town: &Town) -> Result<usize, DemoError> {
    let tree = service.tree();
    // The town is drawn in 2026: nobody in it is younger.
    let today = Date::new(2026, 12, 31).ok_or_else(|| DemoError::Town("no date".into()))?;
    let register = sound(register::parse(&town.register, today, &|code| tree.by_code(code).is_some()))?;
    let report = import_register(service, &user(service, REGISTRAR)?, &register, &mut |_, _| {})?;
    match report.refused.first() {
        Some((line, refusal)) => Err(DemoError::Town(format!("line {line} of the register: {refusal}"))),
        None => Ok(report.created.values().sum()),
    }
}
