//! Phones out of signal write while a grid is split, merged, or gone.

use gridledger_client::{Intents, SentState};
use gridledger_core::calendar::DAY_MS as DAY;
use gridledger_tests::json::items;
use gridledger_tests::planning::{Home, apply, approved, carry_out, grid, place, stewards};
use gridledger_tests::world::{Phone, World};
use serde_json::{Value, json};

/// `G1` is parted by road: what lies on 滨河路 goes to `N1`, the rest to `N2`.
fn in_two() -> Value {
    json!({
        "new_areas": [grid("N1"), grid("N2")],
        "splits": [{ "area": "G1", "into": [
            { "area": "N1", "addresses": ["滨河路"] }, { "area": "N2", "rest": true },
        ] }],
        "staff": [
            { "login": "w1", "role": "grid_worker", "area": "N1" },
            { "login": "w2", "role": "grid_worker", "area": "N2" },
        ],
    })
}

/// Two workers of `G1`, their phones in step, and a home on each road.
fn street() -> (World, Phone, Phone, Home, Home) {
    let world = World::new(2);
    stewards(&world);
    for login in ["w1", "w2"] {
        world.user(login, "grid_worker", "G1");
    }
    world.user("h1", "grid_head", "G1");
    let (mut a, mut b) = (world.enrolled_phone("w1"), world.enrolled_phone("w2"));
    let river = Home::on(&mut a, "G1", "滨河路", "1号");
    let people = Home::on(&mut a, "G1", "人民路", "2号");
    a.syncs(&world);
    b.syncs(&world);
    (world, a, b, river, people)
}

/// Syncs until nothing is new; nothing may need attention, be fetched afresh, or be left unsent.
#[track_caller]
fn settled(world: &World, phone: &mut Phone) {
    for _ in 0..4 {
        let report = phone.syncs(world);
        assert_eq!((report.refused, report.healed), (0, 0), "{report:?}");
    }
    world.is_whole();
    let status = phone.status();
    assert_eq!((status.unsent, status.attention), (0, 0), "{status:?}");
}

fn shows(phone: &mut Phone, home: &Home) -> usize {
    let mut there = |id: &gridledger_client::RecordId| phone.find(*id).is_some();
    let records = home.records();
    records.iter().filter(|id| there(id)).count()
}

#[test]
fn a_record_and_all_that_refers_to_it_move_together() {
    let (world, mut a, mut b, river, people) = street();
    carry_out(&world, &in_two());
    for record in river.records() {
        assert_eq!(place(&world, record), "N1");
    }
    for record in people.records() {
        assert_eq!(place(&world, record), "N2");
    }
    settled(&world, &mut a);
    settled(&world, &mut b);
    // For the days of the hand-over both see both.
    for phone in [&mut a, &mut b] {
        assert_eq!((shows(phone, &river), shows(phone, &people)), (6, 6));
        let moved = phone.record(river.household);
        assert_eq!((moved.area.as_str(), moved.moving), ("N1", false));
    }
    world.pass(7 * DAY);
    settled(&world, &mut a);
    settled(&world, &mut b);
    assert_eq!((shows(&mut a, &river), shows(&mut a, &people)), (6, 0));
    assert_eq!((shows(&mut b, &river), shows(&mut b, &people)), (0, 6));
}

#[test]
fn edits_made_on_the_old_grid_land_on_the_record_where_it_is() {
    let (world, mut a, mut b, river, _) = street();
    let number = approved(&world, &in_two());
    // Both are out of signal from here on.
    let edit = |phone: &mut Phone, field: &str, value: &str| {
        phone.edits(river.household, Intents::new().put(field, value));
    };
    edit(&mut a, "label", "三楼北");
    apply(&world, number);
    edit(&mut b, "status", "vacant");
    settled(&world, &mut a);
    settled(&world, &mut b);
    settled(&world, &mut a);
    for phone in [&mut a, &mut b] {
        let view = phone.record(river.household).view;
        assert_eq!((&view["label"], &view["status"]), (&json!("三楼北"), &json!("vacant")));
    }
    assert_eq!(place(&world, river.household), "N1");
}

#[test]
fn what_is_taken_down_in_a_grid_that_is_gone_is_put_where_it_belongs() {
    let (world, mut a, mut b, _, _) = street();
    carry_out(&world, &in_two());
    // A whole home, and a ticket with nothing but an address, by somebody who never heard of the split.
    let river = Home::on(&mut b, "G1", "滨河路", "9号");
    let lane = Home::on(&mut b, "G1", "槐树巷", "3号");
    let street = Intents::new()
        .put("kind", "incident")
        .put("title", "路灯")
        .put("address_text", "滨河路 12号门口")
        .put("category", "neighbour_dispute")
        .event("report", serde_json::Map::new());
    let lamp = b.creates("ticket", "G1", street);
    let again = Intents::new().put("title", "路灯不亮");
    b.edits(lamp, again);
    settled(&world, &mut b);
    for record in river.records().into_iter().chain([lamp]) {
        assert_eq!(place(&world, record), "N1");
    }
    for record in lane.records() {
        assert_eq!(place(&world, record), "N2");
    }
    settled(&world, &mut a);
    assert_eq!((shows(&mut a, &river), shows(&mut a, &lane)), (6, 6));
    a.shows(lamp, "title", "路灯不亮");
}

#[test]
fn a_phone_out_for_eight_days_loses_nothing_and_keeps_nothing_it_may_not_read() {
    let (world, mut a, mut b, river, people) = street();
    carry_out(&world, &in_two());
    let note = Intents::new().append("notes", "约好周五再来");
    let edit = b.edits(river.household, note);
    let fresh = Home::on(&mut b, "G1", "滨河路", "7号");
    world.pass(8 * DAY);
    settled(&world, &mut b);
    settled(&world, &mut a);
    assert_eq!(items(&a.view(river.household)["notes"]).len(), 1);
    assert_eq!((shows(&mut a, &river), shows(&mut a, &fresh)), (6, 6));
    assert_eq!((shows(&mut b, &river), shows(&mut b, &fresh), shows(&mut b, &people)), (0, 0, 6));
    let states = b.receipts();
    let decided = |n| states.iter().find(|edit| edit.n == n).map(|edit| edit.state);
    assert!(matches!(decided(edit.n), Some(SentState::Sent | SentState::InLedger)));
}

#[test]
fn a_phone_sheds_nothing_that_is_not_sent() {
    let (world, mut a, mut b, river, _) = street();
    let half = json!({
        "new_areas": [grid("N1")],
        "splits": [{ "area": "G1", "into": [{ "area": "N1", "addresses": ["滨河路"] }, { "area": "G1", "rest": true }] }],
        "staff": [{ "login": "w1", "role": "grid_worker", "area": "N1" }],
    });
    carry_out(&world, &half);
    world.pass(8 * DAY);
    // The answer was asked for before the edit was made, and says that the record left.
    b.syncs_over(&world, gridledger_tests::world::Line::AnswerLost);
    let answer = b.last_answer().to_vec();
    b.puts(river.household, "label", "半路");
    b.takes(&answer);
    let kept = b.record(river.household);
    assert_eq!((kept.view["label"].as_str(), kept.moving, kept.pending), (Some("半路"), true, 1));
    // It can be gone on with, and closed and opened.
    b.puts(river.household, "status", "vacant");
    b.close();
    assert!(b.record(river.household).moving);
    settled(&world, &mut b);
    b.lacks(river.household);
    settled(&world, &mut a);
    let view = a.view(river.household);
    assert_eq!((&view["label"], &view["status"]), (&json!("半路"), &json!("vacant")));
}

#[test]
fn two_grids_become_one() {
    let (world, mut a, _, river, _) = street();
    world.user("w3", "grid_worker", "G2");
    let mut c = world.enrolled_phone("w3");
    let other = Home::on(&mut c, "G2", "人民路", "30号");
    c.syncs(&world);
    carry_out(&world, &json!({ "merges": [{ "areas": ["G1", "G2"], "into": "G2" }] }));
    a.puts(river.household, "label", "老名字");
    let fresh = Home::on(&mut a, "G1", "滨河路", "5号");
    settled(&world, &mut a);
    settled(&world, &mut c);
    for home in [&river, &other, &fresh] {
        assert_eq!(shows(&mut c, home), 6);
        assert!(home.records().iter().all(|record| place(&world, *record) == "G2"));
    }
    c.shows(river.household, "label", "老名字");
}

#[test]
fn somebody_who_knew_means_the_grid_as_it_is_now() {
    let (world, mut a, mut b, river, people) = street();
    let half = json!({
        "new_areas": [grid("N1")],
        "splits": [{ "area": "G1", "into": [{ "area": "N1", "addresses": ["滨河路"] }, { "area": "G1", "rest": true }] }],
    });
    carry_out(&world, &half);
    settled(&world, &mut a);
    assert_eq!((place(&world, river.ticket), place(&world, people.ticket)), ("N1".into(), "G1".into()));
    // a has heard of the split and b has not.
    let (known, unknown) =
        (Home::on(&mut a, "G1", "滨河路", "11号"), Home::on(&mut b, "G1", "滨河路", "13号"));
    settled(&world, &mut a);
    settled(&world, &mut b);
    assert_eq!((place(&world, known.visit), place(&world, unknown.visit)), ("G1".into(), "N1".into()));
}
