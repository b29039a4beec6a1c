//! An administrator's change at one node counts at the others with the next request.

use gridledger_client::ClientError;
use gridledger_schema::code::Code;
use gridledger_schema::ids::DeviceNo;
use gridledger_server::store::rows::people::NewArea;

use super::{Farm, PASSWORD, held, on_network, patrol, sync};

#[test]
fn a_revoked_device_is_refused_at_once_everywhere() {
    let farm = Farm::open();
    farm.person("w1", "grid_worker", "G1");
    let phone = farm.phone("w1", 0);
    for node in 0..3 {
        farm.proxy.only(node);
        sync(&phone);
    }
    let (token, _) = farm.front().sign_in("w1", PASSWORD);
    farm.office.store.set_device_revoked(DeviceNo(1), true).expect("revoked");
    for node in 0..3 {
        farm.proxy.only(node);
        let refused = on_network(phone.sync()).expect_err("a refusal");
        let code = match refused {
            ClientError::Server { code, .. } => code,
            other => panic!("{other}"),
        };
        assert_eq!(code, Code::DeviceRevoked, "node {node}");
    }
    let user = farm.office.store.user_by_login("w1").expect("users").expect("a user");
    farm.office.store.set_user_revoked(user.no, true).expect("revoked");
    for node in 0..3 {
        let answer = farm.door(node).get_as(&token, "/v1/me");
        assert_eq!((answer.status, &answer.json()["code"]), (401, &"user_revoked".into()));
    }
}

#[test]
fn a_territory_changed_at_one_node_is_known_at_the_next_request() {
    let farm = Farm::open();
    farm.person("dc", "dispatcher_community", "C");
    farm.person("w1", "grid_worker", "C");
    let phone = farm.phone("w1", 0);
    sync(&phone);
    let (token, _) = farm.front().sign_in("dc", PASSWORD);
    for round in 0..5 {
        let code = format!("N{round}");
        let area = NewArea {
            code: code.clone(),
            parent: Some("C".into()),
            kind: "basic_grid".into(),
            name: "新网格".into(),
            from: None,
            to: None,
        };
        farm.office.store.put_areas(&[area]).expect("an area");
        for node in 0..3 {
            let answer = farm.door(node).get_as(&token, &format!("/v1/ledgers/patrol?area={code}"));
            assert_eq!(answer.status, 200, "node {node}: {answer:?}");
        }
        farm.proxy.only(round % 3);
        sync(&phone);
        assert!(phone.areas().iter().any(|area| area.code == code), "{code}");
        phone.create("patrol", &code, patrol("新")).expect("a patrol");
        farm.proxy.in_turn();
        assert_eq!(sync(&phone).refused, 0);
    }
    assert_eq!(held(&phone).len(), 5);
    farm.is_sound();
}
