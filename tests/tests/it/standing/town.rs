//! A town with a person for each role and each way of holding it, and what each of them is asked about.

use std::collections::BTreeMap;

use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::wire::Grant;
use gridledger_server::auth::Auth;
use gridledger_server::config::Settings;
use gridledger_server::desk::disclosure::exports;
use gridledger_server::desk::shares;
use gridledger_server::http::app::{Running, start};
use gridledger_server::store::rows::people::{NewUser, RefreshToken};
use gridledger_server::store::rows::refusals::RefusedQuery;
use gridledger_server::territory;
use gridledger_tests::attacker::Attacker;
use gridledger_tests::desk::{Answer, Door};
use gridledger_tests::office::{put, why};
use gridledger_tests::planning::{self, as_user, grid, plan};
use gridledger_tests::world::World;
use serde_json::{Value, json};

const HOUR_MS: i64 = 3_600_000;
/// Nobody is turned away for asking often.
const SETTINGS: [(&str, &str); 5] = [
    ("listen", "127.0.0.1:0"),
    ("peer_rate", "100000"),
    ("peer_burst", "100000"),
    ("user_rate", "100000"),
    ("user_burst", "100000"),
];

/// Somebody, and what is there to be asked about by him or her alone.
pub struct Persona {
    /// How the table names it: a role held at `C`; `@G2`, held elsewhere; `nobody`, `ended`, `future`, `revoked`.
    pub name: String,
    /// The role to write under.
    pub role: String,
    /// The access token.
    pub token: String,
    /// A phone.
    pub device: Attacker,
    /// A person of `G1` that this one wrote down, while a worker there.
    pub own: RecordId,
    /// A ticket of `G1` that this one helps with.
    pub assigned: RecordId,
    /// Somebody of `G1` who may be erased.
    pub erasable: RecordId,
    /// Refused entries of `G1`: to be admitted, declined, erased.
    pub refused: [(FeedId, u64); 3],
    /// An export that was asked for.
    pub export: u64,
    /// Shares: for this one; to be approved; to be ended.
    pub shares: [u64; 3],
    /// Plans: to be approved; to be applied.
    pub plans: [u32; 2],
}

/// The town while it is asked.
pub struct Town {
    /// Server and clock.
    pub world: World,
    _running: Running,
    door: Door,
    /// Everybody who asks.
    pub personas: Vec<Persona>,
    /// A person of `G1` that is nobody's of those who ask, with a care tag.
    pub other: RecordId,
    /// A record that never came to be, of refused entries in `G1`.
    pub never_made: RecordId,
    /// Plans: one that was drawn up, one that was carried out.
    pub plans: [u32; 2],
}

/// Where and when a persona holds which roles.
struct Standing {
    name: String,
    role: String,
    grants: Vec<(String, &'static str, i64, Option<i64>)>,
    revoked: bool,
}

fn standings(world: &World) -> Vec<Standing> {
    let now = world.service.now();
    let roles: Vec<String> =
        world.service.schema.roles.iter().filter(|role| role.account).map(|role| role.code.clone()).collect();
    let one = |name: String, role: &String, area: &'static str| Standing {
        name,
        role: role.clone(),
        grants: vec![(role.clone(), area, 0, None)],
        revoked: false,
    };
    let all = |name: &str, area: &'static str, from: i64, to: Option<i64>, revoked: bool| Standing {
        name: name.into(),
        role: "grid_worker".into(),
        grants: roles.iter().map(|role| (role.clone(), area, from, to)).collect(),
        revoked,
    };
    let mut standings = vec![
        Standing { name: "nobody".into(), role: "grid_worker".into(), grants: Vec::new(), revoked: false },
        all("ended", "D", 0, Some(now + HOUR_MS), false),
        all("future", "D", now + 1_000 * HOUR_MS, None, false),
        all("revoked", "D", 0, None, true),
    ];
    standings.extend(roles.iter().map(|role| one(role.clone(), role, "C")));
    standings.extend(roles.iter().map(|role| one(format!("{role}@G2"), role, "G2")));
    standings
}

impl Town {
    /// Makes it.
    pub fn open() -> Self {
        let world = World::new(3);
        planning::stewards(&world);
        for (login, role, area) in [
            ("w1", "grid_worker", "C"),
            ("h1", "grid_head", "C"),
            ("dc", "dispatcher_community", "C"),
            ("po", "privacy_officer", "D"),
            ("au", "auditor", "D"),
            ("dept", "connector", "D"),
        ] {
            world.user(login, role, area);
        }
        let mut settings = Settings::default();
        for (key, value) in SETTINGS {
            settings.take(key, value, "test").expect("a good setting");
        }
        let running = start(world.service.clone(), &settings).expect("a server");
        let door = Door(running.addr());
        let other = person(&world, "w1", "无关");
        let tag = json!([{ "op": "add", "field": "care_tags", "item": "lone_elder" }]);
        world.clerk("h1").edit(other, tag);
        world.clerk("po").sees(other, Some(&why())); // a row in the log
        let refused = refused(&world);
        let never_made = RecordId::created_by(refused.0, refused.1);
        let drawn = draw_up(&world, "P1");
        let carried_out = planning::carry_out(&world, &split("P2"));
        let mut town = Self {
            door,
            _running: running,
            personas: Vec::new(),
            other,
            never_made,
            plans: [drawn, carried_out],
            world,
        };
        let standings = standings(&town.world);
        for (at, standing) in standings.iter().enumerate() {
            let persona = town.settle(standing, at);
            town.personas.push(persona);
        }
        town.world.pass(2 * HOUR_MS);
        let auth = Auth::open(&town.world.service.store, "gridledger", town.world.service.now());
        let auth = auth.expect("keys");
        for (at, standing) in standings.iter().enumerate() {
            town.personas[at].token = sign_in(&town.world, &auth, at);
            if standing.revoked {
                let user = town.world.store().user_by_login(&login(at));
                let user = user.expect("the persona").no;
                town.world.store().set_user_revoked(user, true);
            }
        }
        town
    }

    /// Makes a person, and what he or she is asked about. As a worker that has ended since, the person wrote something.
    fn settle(&self, standing: &Standing, at: usize) -> Persona {
        let (world, login) = (&self.world, login(at));
        let now = world.service.now();
        world.user_until(&login, "grid_worker", "G1", Some(now + HOUR_MS));
        let own = person(world, &login, "自己登记");
        let assigned = world.clerk("w1").reports("G1", "协办");
        let helps = json!([{ "op": "add", "field": "co_handlers", "item": login }]);
        let helped = world.clerk("dc").edit(assigned, helps);
        assert_eq!(helped.refused, None);
        let grants = standing.grants.iter().map(|(role, area, from, to)| Grant {
            role: role.clone(),
            area: world.area(area),
            from: *from,
            to: *to,
        });
        let user = NewUser {
            login: login.clone(),
            name: format!("{login}某"),
            password: None,
            grants: grants.collect(),
        };
        world.store().put_users(&[user], now);
        let asked = json!({ "type": "person", "area": "G1", "reason": "年度核对名册" });
        let asked = serde_json::from_value(asked).expect("an export");
        let export = exports::ask(&world.clerk("po").reader(), asked).expect("an export");
        let mine = share(world, &login);
        shares::approve(&world.clerk("au").reader(), mine).expect("an approval");
        let approve = draw_up(world, &format!("A{at}"));
        as_user(world, "s1", |reader| territory::simulate(reader, approve)).expect("a simulation");
        Persona {
            name: standing.name.clone(),
            role: standing.role.clone(),
            token: String::new(),
            device: Attacker::enrol(world, &login, u8::try_from(at).expect("few personas") + 1),
            own,
            assigned,
            erasable: person(world, "w1", "可清除"),
            refused: [refused(world), refused(world), refused(world)],
            export,
            shares: [mine, share(world, "dept"), share(world, "dept")],
            plans: [approve, planning::approved(world, &split(&format!("B{at}")))],
        }
    }

    /// Asks over HTTP.
    pub fn ask(&self, at: usize, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {}", self.personas[at].token);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.door.ask_with(method, path, &headers, body.as_bytes())
    }

    /// The areas of the town, by code.
    pub fn areas(&self) -> BTreeMap<String, gridledger_schema::ids::AreaNo> {
        let areas = ["D", "S", "C", "G1", "G2", "G3"];
        areas.map(|code| (code.to_owned(), self.world.area(code))).into_iter().collect()
    }
}

/// The login of a persona.
pub fn login(at: usize) -> String {
    format!("x{at:02}")
}

fn sign_in(world: &World, auth: &Auth, at: usize) -> String {
    let user = world.store().user_by_login(&login(at));
    let (user, now) = (user.expect("the persona").no, world.service.now());
    let family = [u8::try_from(at).expect("few personas"); 16];
    let session = RefreshToken { hash: [family[0]; 32], family, user, expires: i64::MAX };
    world.store().put_refresh(&session); // a session
    auth.keys.sign(user, family, now).expect("a token")
}

fn person(world: &World, login: &str, name: &str) -> RecordId {
    world.clerk(login).made("person", "G1", put("name", json!(name)))
}

/// A refused entry, kept as evidence.
fn refused(world: &World) -> (FeedId, u64) {
    let clerk = world.clerk("w1");
    let bad = json!([
        { "op": "put", "field": "name", "value": "陆小明" },
        { "op": "put", "field": "gender", "value": "castle" },
    ]);
    let verdict = clerk.create("person", "G1", bad);
    assert!(verdict.refused.is_some(), "{verdict:?}");
    let query = RefusedQuery { areas: vec![world.area("G1")], asked: false, before: None, limit: 1_000 };
    let rows = world.service.store.refused(&query).expect("refused entries");
    let row = rows.iter().max_by_key(|row| row.n).expect("one at least");
    (row.feed, row.n)
}

fn share(world: &World, to: &str) -> u64 {
    let terms = json!({
        "to": to, "type": "person", "fields": ["name"], "area": "G1", "purpose": "走访慰问名册",
        "until": world.service.now() + 100 * HOUR_MS,
    });
    let terms = serde_json::from_value(terms).expect("terms");
    shares::make(&world.clerk("po").reader(), terms).expect("a share")
}

/// An empty grid is split, so that a simulation has little to look at.
pub fn split(new: &str) -> Value {
    json!({
        "new_areas": [grid(new)],
        "splits": [{ "area": "G3", "into": [{ "area": new, "addresses": ["人民路"] }, { "area": "G3", "rest": true }] }],
        "staff": [{ "login": "w1", "role": "grid_worker", "area": new }],
    })
}

fn draw_up(world: &World, new: &str) -> u32 {
    let draft = plan(world.service.now(), &split(new));
    let draft = serde_json::from_value(draft).expect("a plan");
    let drawn = as_user(world, "s1", |reader| territory::draw_up(reader, draft));
    drawn.expect("a plan").number()
}
