//! Phones that come to another node with each request, also in the middle of a first sync.

use gridledger_client::{Intents, SentState};
use gridledger_schema::ids::hex;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Farm, held, patrol, sync};

#[test]
fn a_first_sync_goes_on_at_another_node() {
    let farm = Farm::open();
    farm.person("w1", "grid_worker", "G1");
    farm.person("h1", "grid_head", "G1");
    let worker = farm.phone("w1", 0);
    sync(&worker);
    for at in 0..240_u8 {
        // Text that no compressor shortens, so that the first sync has many pieces.
        let noise = (0..6).map(|part| hex(&Sha256::digest([at, part])));
        let note = noise.collect::<String>();
        worker.create("patrol", "G1", patrol(&note)).expect("a patrol");
    }
    sync(&worker);
    let before = farm.proxy.served();
    // Answers are cut further and further in; what was applied stays.
    for cut in [300, 900, 2_500, 5_000, 400, 7_000] {
        farm.proxy.cut_after(cut);
    }
    let head = farm.phone("h1", 4 << 10);
    let report = sync(&head);
    assert_eq!(report.healed, 0, "{report:?}");
    assert_eq!(held(&head), held(&worker));
    assert_eq!(held(&head).len(), 240);
    let served = farm.proxy.served();
    let all = served.iter().zip(before).all(|(now, before)| *now > before + 3);
    assert!(all, "each node had a part in it: {served:?}");
    farm.is_sound();
}

#[test]
fn what_one_node_gave_counts_at_another() {
    let farm = Farm::open();
    farm.person("w1", "grid_worker", "G1");
    farm.person("w2", "grid_worker", "G1");
    let (one, two) = (farm.phone("w1", 0), farm.phone("w2", 0));
    sync(&one);
    sync(&two);
    for round in 0..6 {
        // This phone is at the next node each time, and has seen what another node gave it.
        let home = Intents::new().put("address", json!({ "road": format!("滨河路{round}号") }));
        let shared = two.create("dwelling", "G1", home).expect("a dwelling");
        sync(&two);
        for node in [round % 3, (round + 1) % 3] {
            farm.proxy.only(node);
            sync(&one);
            one.edit(shared, Intents::new().put("floor_area", 40.5 + node as f64)).expect("an edit");
        }
        farm.proxy.only((round + 2) % 3);
        let report = sync(&one);
        assert_eq!(report.refused, 0, "{report:?}");
        farm.proxy.in_turn();
    }
    assert_eq!(one.attention().expect("a list"), Vec::new());
    let receipts = one.receipts(100).expect("receipts");
    assert!(receipts.iter().all(|edit| edit.state == SentState::InLedger));
    farm.is_sound();
}

#[test]
fn a_request_is_taken_once_whichever_node_it_comes_to() {
    let farm = Farm::open();
    farm.person("w1", "grid_worker", "G1");
    let phone = farm.phone("w1", 0);
    sync(&phone);
    phone.create("patrol", "G1", patrol("一次")).expect("a patrol");
    let body = phone.engine().request(0).expect("a request").body;
    let at = |node: usize| farm.door(node).ask_with("POST", "/v1/sync", &[], &body);
    assert_eq!(at(0).status, 200);
    for node in [1, 2, 0] {
        let again = at(node);
        assert_eq!((again.status, &again.json()["code"]), (409, &"counter_behind".into()));
    }
    sync(&phone);
    assert!(farm.records("G1").values().eq(&[1]), "once");
}
