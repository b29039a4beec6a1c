//! The straight line: a worker's offline day reaches the server, and every phone shows the same.

use gridledger_client::{Intents, Query};
use gridledger_tests::world::{Line, World};
use serde_json::json;

#[test]
fn an_offline_day_reaches_the_ledger_and_the_other_phone() {
    let world = World::new(2);
    world.user("w1", "grid_worker", "G1");
    world.user("w2", "grid_worker", "G1");
    let (mut a, mut b) = (world.phone("w1", 0), world.phone("w2", 3_600_000));
    a.sync(&world).unwrap();
    b.sync(&world).unwrap();

    let address = json!({ "road": "人民路", "number": "944", "room": "302" });
    let dwelling =
        a.engine().create("dwelling", "G1", Intents::new().put("address", address)).unwrap().record;
    let household = Intents::new().put("dwelling_id", dwelling.to_string()).put("label", "3楼北");
    let household = a.engine().create("household", "G1", household).unwrap().record;
    let report = a.sync(&world).unwrap();
    assert_eq!((report.round_trips, report.decided, report.refused), (1, 2, 0));
    assert_eq!(report.proven, 1, "the phone and the server agree on the area's digest");
    b.sync(&world).unwrap();
    assert_eq!(b.engine().for_check().get(household).unwrap().unwrap().view["label"], "3楼北");

    // Both edit the same household with no signal.
    a.engine().edit(household, Intents::new().put("label", "三楼北").put("status", "active")).unwrap();
    b.engine().edit(household, Intents::new().put("label", "3楼北侧")).unwrap();
    for phone in [&mut a, &mut b] {
        phone.engine().edit(household, Intents::new().append("notes", "见到户主")).unwrap();
    }
    a.sync(&world).unwrap();
    b.sync(&world).unwrap();
    a.sync(&world).unwrap();
    let (seen_a, seen_b) = (
        a.engine().for_check().get(household).unwrap().unwrap(),
        b.engine().for_check().get(household).unwrap().unwrap(),
    );
    assert_eq!(seen_a, seen_b);
    assert_eq!(seen_a.view["notes"].as_array().unwrap().len(), 2);
    assert_eq!(seen_a.view["_conflicts"]["label"].as_array().unwrap().len(), 2);
    assert_eq!(seen_a.pending, 0);

    let settled = a.engine().settle(household, "label", json!("3楼北")).unwrap();
    assert_eq!(settled.record, household);
    a.sync(&world).unwrap();
    b.sync(&world).unwrap();
    assert!(b.engine().for_check().conflicts(None).unwrap().is_empty());
    assert_eq!(b.engine().for_check().list(&Query::default().text("楼北")).unwrap().len(), 1);
}

#[test]
fn what_the_server_refuses_comes_back_with_its_reason_and_nothing_else_is_lost() {
    let world = World::new(1);
    world.user("w1", "grid_worker", "G1");
    let mut a = world.phone("w1", 0);
    a.sync(&world).unwrap();
    let started = Intents::new().put("started", gridledger_tests::world::MORNING);
    let kept = a.engine().create("patrol", "G1", started.clone()).unwrap().record;
    a.sync(&world).unwrap();
    // The right ends while the phone is out of signal; it cannot know, and stays out for longer than the grace.
    world.pass(3_600_000);
    assert!(world.take("w1", "grid_worker", "G1"));
    let refused = a.engine().create("patrol", "G1", started).unwrap();
    a.engine().edit(refused.record, Intents::new().put("coverage_note", "东侧")).unwrap();
    world.pass(gridledger_schema::limits::RIGHTS_GRACE_MS);
    let report = a.sync(&world).unwrap();
    assert_eq!((report.decided, report.refused), (2, 2));
    let attention = a.engine().attention().unwrap();
    assert_eq!(attention.len(), 2, "each refused edit is kept with its reason");
    assert_eq!(attention[0].refusal.code.as_str(), "grace_over");
    assert!(world.service.store.record(kept).unwrap().is_some());
    assert!(world.service.store.record(refused.record).unwrap().is_none());
    assert!(a.engine().for_check().get(refused.record).unwrap().is_none());
}

#[test]
fn a_first_sync_that_breaks_goes_on_from_the_last_frame() {
    let world = World::new(1);
    world.user("w1", "grid_worker", "G1");
    world.user("w2", "grid_worker", "G1");
    let mut a = world.phone("w1", 0);
    a.sync(&world).unwrap();
    for i in 0..800 {
        let note: String = (0..120u32)
            .filter_map(|k| char::from_u32(0x4e00 + (i as u32 * 7919 + k * k * 31) % 5000))
            .collect();
        let patrol =
            Intents::new().put("started", gridledger_tests::world::MORNING + i).put("coverage_note", note);
        a.engine().create("patrol", "G1", patrol).unwrap();
    }
    a.sync(&world).unwrap();
    let mut b = world.phone("w2", 0);
    let mut held = vec![0];
    for _ in 0..40 {
        let report = b.sync_over(&world, Line::CutAfter(7_000)).unwrap();
        b.close();
        held.push(b.engine().status().unwrap().records);
        if report.proven > 0 {
            break;
        }
    }
    b.sync(&world).unwrap();
    held.push(b.engine().status().unwrap().records);
    assert!(held.windows(2).all(|w| w[0] <= w[1]), "{held:?}");
    assert!(held.iter().any(|n| *n > 0 && *n < 800), "some cut left a part: {held:?}");
    assert_eq!(*held.last().unwrap(), 800);
}

#[test]
fn a_phone_restored_from_a_backup_starts_a_new_feed_and_loses_nothing() {
    let world = World::new(1);
    world.user("w1", "grid_worker", "G1");
    let mut a = world.phone("w1", 0);
    a.sync(&world).unwrap();
    let address = json!({ "road": "人民路", "number": "1" });
    let old =
        a.engine().create("dwelling", "G1", Intents::new().put("address", address.clone())).unwrap().record;
    a.sync(&world).unwrap();
    a.close();
    let backup = a.file().with_extension("backup");
    std::fs::copy(a.file(), &backup).unwrap();

    a.engine().edit(old, Intents::new().put("use", "rented")).unwrap();
    a.engine().edit(old, Intents::new().put("floor_area", 80)).unwrap();
    a.sync(&world).unwrap();
    a.close();
    std::fs::copy(&backup, a.file()).unwrap();

    // The restored phone knows nothing of those two; it makes a dwelling and a household in it.
    let dwelling =
        a.engine().create("dwelling", "G1", Intents::new().put("address", address)).unwrap().record;
    let household = Intents::new().put("dwelling_id", dwelling.to_string()).put("label", "东户");
    a.engine().create("household", "G1", household).unwrap();
    a.engine().edit(old, Intents::new().put("use", "vacant")).unwrap();
    a.sync(&world).unwrap();

    assert_eq!(a.engine().status().unwrap().unsent, 0);
    assert!(a.engine().attention().unwrap().is_empty());
    let households = a.engine().for_check().list(&Query::of_type("household")).unwrap();
    let dwellings = a.engine().for_check().list(&Query::of_type("dwelling")).unwrap();
    assert_eq!((households.len(), dwellings.len()), (1, 2));
    let home = households[0].view["dwelling_id"].as_str().unwrap();
    assert!(dwellings.iter().any(|d| d.id.to_string() == home), "the household still names its dwelling");
    let kept = a.engine().for_check().get(old).unwrap().unwrap();
    assert_eq!(kept.view["floor_area"], 80, "what the lost copy had sent is here again");
    let mut other = world.phone("w1", 0);
    other.sync(&world).unwrap();
    assert_eq!(other.engine().for_check().list(&Query::default()).unwrap().len(), 3);
    assert_eq!(other.engine().for_check().get(old).unwrap().unwrap().view, kept.view);
}

#[test]
fn a_courier_reports_but_does_not_read_what_others_wrote() {
    let world = World::new(1);
    world.user("w1", "grid_worker", "G1");
    world.user("rider", "new_group_worker", "G1");
    let (mut a, mut b) = (world.phone("w1", 0), world.phone("rider", 0));
    let ticket = |title: &str| {
        let report = serde_json::Map::new();
        Intents::new()
            .put("kind", "hazard")
            .put("title", title)
            .put("address_text", "东门")
            .event("report", report)
    };
    a.sync(&world).unwrap();
    b.sync(&world).unwrap();
    let hers = a.engine().create("ticket", "G1", ticket("井盖松动")).unwrap().record;
    let his = b.engine().create("ticket", "G1", ticket("通道堵塞")).unwrap().record;
    a.sync(&world).unwrap();
    b.sync(&world).unwrap();
    a.sync(&world).unwrap();
    assert_eq!(a.engine().for_check().list(&Query::default()).unwrap().len(), 2);
    assert!(b.engine().for_check().get(hers).unwrap().is_none(), "a courier reads no one else's ticket");
    let mine = b.engine().for_check().get(his).unwrap().unwrap();
    assert_eq!(mine.pending, 0, "his own came back: it is in the ledger");
    a.engine().edit(his, Intents::new().append("comments", "已到现场")).unwrap();
    a.sync(&world).unwrap();
    b.sync(&world).unwrap();
    assert!(
        b.engine().for_check().get(his).unwrap().unwrap().view["comments"].to_string().contains("已到现场")
    );
    let status = b.engine().status().unwrap();
    assert_eq!((status.unsent, status.sent, status.records), (0, 0, 1));
}
