//! Several server processes on one Postgres database, behind a balancer: whoever comes, comes to whichever node.

mod deaths;
mod desks;
mod failover;
mod failures;
mod hops;
mod ledgers;
mod plans;
mod rights;
mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gridledger_client::{Client, ClientError, Intents, Options, Query, RecordId, SyncReport};
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::Grant;
use gridledger_server::auth::{Auth, codes, passwords};
use gridledger_server::ingest;
use gridledger_server::service::Service;
use gridledger_server::store::Store;
use gridledger_server::store::rows::people::{NewArea, NewUser};
use gridledger_tests::at_rest;
use gridledger_tests::cluster::Cluster;
use gridledger_tests::desk::{Answer, Door};
use gridledger_tests::forms;
use gridledger_tests::proxy::Proxy;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::kills::Node;

pub(crate) const PASSWORD: &str = "not a real one";
/// How long a phone may try.
const PATIENCE: Duration = Duration::from_mins(1);
/// Nobody waits for a rate here.
const SETTINGS: [&str; 4] = ["user_burst=1000000", "device_burst=1000000", "peer_burst=1000000", "workers=2"];

/// Three nodes, the balancer before them, and a hand on the same database.
pub(crate) struct Farm {
    /// The database.
    pub(crate) url: String,
    /// The balancer.
    pub(crate) proxy: Proxy,
    /// The service that an administrator uses, at a process of its own.
    pub(crate) office: Service,
    nodes: Vec<Option<Node>>,
    dir: TempDir,
}

impl Farm {
    /// Three nodes on a fresh database with a small town: district `D`, community `C`, grids `G1` and `G2`.
    pub(crate) fn open() -> Self {
        Self::dying(&[None, None, None])
    }

    /// … each of which dies at its point.
    pub(crate) fn dying(points: &[Option<&str>]) -> Self {
        Self::on(Cluster::shared().database(), points)
    }

    /// … on a given database.
    pub(crate) fn on(url: String, points: &[Option<&str>]) -> Self {
        let store = Store::open_postgres(&url, ingest::decider(SchemaSet::builtin())).expect("a store");
        let office = Service::new(Arc::new(store), SchemaSet::builtin()).expect("a service");
        small_town(&office);
        // The first node of a store makes these keys. They are made here, so that a node's planted death does not hit that.
        Auth::open(&office.store, "gridledger", office.now()).expect("keys");
        let node = |die_at: Option<&str>| Node::serving(&url, &SETTINGS, die_at);
        let nodes: Vec<Node> = points.iter().copied().map(node).collect();
        let proxy = Proxy::before(nodes.iter().map(addr).collect());
        Self {
            url,
            proxy,
            office,
            nodes: nodes.into_iter().map(Some).collect(),
            dir: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A node's own door.
    pub(crate) fn door(&self, node: usize) -> Door {
        Door(addr(self.nodes[node].as_ref().expect("a node that runs")))
    }

    /// The balancer's.
    pub(crate) fn front(&self) -> Door {
        Door(self.proxy.addr())
    }

    /// Takes a node out, to end it.
    pub(crate) fn take(&mut self, node: usize) -> Node {
        self.nodes[node].take().expect("a node that runs")
    }

    /// Starts a node anew at a place.
    pub(crate) fn start(&mut self, node: usize) {
        let started = Node::serving(&self.url, &SETTINGS, None);
        self.proxy.put(node, addr(&started));
        self.nodes[node] = Some(started);
    }

    /// Makes a person with a role at an area.
    pub(crate) fn person(&self, login: &str, role: &str, area: &str) {
        let tree = self.office.territory().expect("the territory").0;
        let grant =
            Grant { role: role.into(), area: tree.by_code(area).expect("an area").no, from: 0, to: None };
        let user = NewUser {
            login: login.into(),
            name: format!("{login}某"),
            password: Some(passwords::make(PASSWORD).expect("long enough")),
            grants: vec![grant],
        };
        let now = self.office.now();
        self.office.store.put_users(&[user], now).expect("a user");
    }

    /// A phone of a person, that knows the balancer.
    pub(crate) fn phone(&self, login: &str, budget: u32) -> Client {
        let user = self.office.store.user_by_login(login).expect("users");
        let code = codes::make().expect("random bytes");
        let hash = codes::hash(&code).expect("a code is well formed");
        let user = user.expect("a person").no;
        self.office.store.put_code(hash, user, i64::MAX).expect("a code");
        let options = Options { budget, ..Options::default() };
        let file = self.dir.path().join(format!("{login}-{code}.db"));
        let client = Client::open(file, &at_rest::lock(), options).expect("a phone");
        client.enrol(&self.proxy.url(), &code).expect("enrolment is noted");
        client
    }

    /// The records of an area, with how many entries each has.
    pub(crate) fn records(&self, area: &str) -> BTreeMap<RecordId, u64> {
        let tree = self.office.tree();
        let area = tree.by_code(area).expect("an area").no;
        let rows = self.office.store.records_of(area).expect("records");
        rows.into_iter().map(|row| (row.record, row.entries)).collect()
    }

    /// The log of an area has every position once, and `verify` finds nothing.
    pub(crate) fn is_sound(&self) {
        let report = gridledger_server::operate::verify::verify(&self.office).expect("it can be read");
        assert!(report.is_whole(), "{report:?}");
    }
}

fn addr(node: &Node) -> SocketAddr {
    let address = node.address.trim_start_matches("http://");
    address.parse().expect("an address")
}

fn small_town(service: &Service) {
    let area = |code: &str, parent: Option<&str>, kind: &str| NewArea {
        code: code.into(),
        parent: parent.map(Into::into),
        kind: kind.into(),
        name: format!("{code}区域"),
        from: None,
        to: None,
    };
    let areas = [
        area("D", None, "district"),
        area("S", Some("D"), "street"),
        area("C", Some("S"), "community"),
        area("G1", Some("C"), "basic_grid"),
        area("G2", Some("C"), "basic_grid"),
    ];
    service.store.put_areas(&areas).expect("areas");
}

/// Runs what a phone does on the network. The rest of a test is outside of any runtime: the store's calls block.
pub(super) fn on_network<T>(work: impl Future<Output = T>) -> T {
    static NETWORK: OnceLock<Runtime> = OnceLock::new();
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
    };
    NETWORK.get_or_init(runtime).block_on(work)
}

/// A patrol's intents.
pub(super) fn patrol(note: &str) -> Intents {
    forms::patrol(note).increment("posters_removed", 1)
}

/// Syncs until it gets through; what was cut goes on.
pub(super) fn sync(client: &Client) -> SyncReport {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        match on_network(client.sync()) {
            Ok(report) => return report,
            Err(ClientError::Network(_)) => {}
            Err(ClientError::Server { code, .. }) if code.retry_can_help() => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it never gets through");
}

/// Whether work beside a test goes on: until that is done, or has failed.
pub(crate) fn goes_on(done: &AtomicBool, begun: Instant) -> bool {
    !done.load(Ordering::Acquire) && begun.elapsed() < PATIENCE * 3
}

/// The patrols on a phone.
pub(super) fn held(client: &Client) -> BTreeSet<RecordId> {
    let records = client.list(&Query::of_type("patrol")).expect("a list");
    records.into_iter().map(|record| record.id).collect()
}

/// POST as somebody.
pub(crate) fn post(door: Door, token: &str, path: &str, body: &Value) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    door.ask_with("POST", path, &headers, body.to_string().as_bytes())
}

/// An entry that makes a patrol.
pub(crate) fn made(area: &str, note: &str) -> Value {
    json!({
        "create": { "type": "patrol", "area": area },
        "intents": [
            { "op": "put", "field": "started", "value": 1_767_571_200_000_i64 },
            { "op": "put", "field": "coverage_note", "value": note },
        ],
    })
}
