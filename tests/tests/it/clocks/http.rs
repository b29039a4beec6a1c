//! A clock in doubt: the answers over HTTP, and a node whose clock differs from the database's.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use gridledger_schema::set::SchemaSet;
use gridledger_server::config::Settings;
use gridledger_server::http;
use gridledger_server::service::Service;
use gridledger_server::service::clock::now;
use gridledger_server::service::clock::{ClockWatch, Clocks, Doubt};
use gridledger_tests::desk::Door;
use gridledger_tests::engines;
use gridledger_tests::json::text;
use serde_json::json;

use super::{DAY, HOUR, YEAR, team};

#[test]
fn a_server_in_doubt_is_not_ready_and_says_what_to_do() {
    let (world, _phones) = team(1);
    let mut settings = Settings::default();
    settings.take("listen", "127.0.0.1:0", "test").expect("a setting");
    let running = http::start(world.service.clone(), &settings).expect("a server");
    let door = Door(running.addr());
    assert_eq!(door.ask("GET", "/readyz", "").status, 200);
    for skew in [6 * YEAR, -11 * DAY] {
        world.set_server_skew(skew);
        let ready = door.ask("GET", "/readyz", "");
        let said = ready.json();
        assert_eq!((ready.status, &said["code"]), (503, &json!("clock_unsure")));
        let detail = text(&said["detail"]);
        assert!(detail.contains("gridledger admin clock confirm"), "{detail}");
        assert!(said["message"]["zh"].as_str().is_some_and(|zh| zh.contains("时钟")));
        assert_eq!(door.ask("GET", "/healthz", "").status, 200);
        let body = json!({ "login": "w1", "password": "long enough" }).to_string();
        let asked = [
            door.ask("POST", "/v1/login", &body),
            door.ask("POST", "/v1/refresh", &json!({ "refresh": "x" }).to_string()),
            door.get_as("x", "/v1/me"),
        ];
        for answer in asked {
            assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("clock_unsure")));
            assert_eq!(answer.header("retry-after"), Some("60"));
        }
    }
    world.set_server_skew(0);
    assert_eq!(door.ask("GET", "/readyz", "").status, 200);
    running.stop().expect("a good end");
}

#[test]
fn a_node_whose_clock_the_database_does_not_share_stops_alone() {
    let engine = engines::postgres();
    let (off, began) = (Arc::new(AtomicI64::new(0)), now());
    let steady: Arc<dyn Fn() -> i64 + Send + Sync> = Arc::new(move || now() - began);
    let wall = off.clone();
    let clocks = Clocks { wall: Arc::new(move || now() + wall.load(Ordering::Relaxed)), steady };
    let schema = SchemaSet::builtin();
    let watch = ClockWatch::new(clocks, true);
    let node = Service::with_watch(engine.store.clone(), schema.clone(), watch).expect("a node");
    let other = Service::new(engine.store.clone(), schema).expect("another");
    assert!(node.trusted_now().is_ok() && other.trusted_now().is_ok());
    for skew in [2 * DAY, -HOUR] {
        off.store(skew, Ordering::Relaxed);
        let doubt = node.clock_doubt().expect("the store");
        assert!(matches!(doubt, Some(Doubt::Apart { .. })), "{doubt:?}");
        assert!(node.confirm_clock().is_err(), "nobody can vouch for both");
        assert_eq!(other.clock_doubt().expect("the store"), None);
    }
    off.store(0, Ordering::Relaxed);
    assert!(node.trusted_now().is_ok());
}
