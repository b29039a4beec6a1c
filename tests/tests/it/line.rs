//! The straight line: a worker's offline day reaches the server, and every phone shows the same.

use gridledger_client::{Intents, Query};
use gridledger_schema::code::Code;
use gridledger_schema::limits::RIGHTS_GRACE_MS;
use gridledger_tests::forms::{self, put};
use gridledger_tests::json::{items, text};
use gridledger_tests::world::{Line, MORNING, World};

const HOUR: i64 = 3_600_000;

/// One grid and two workers.
fn two_workers() -> World {
    World::staffed(1, &[("w1", "grid_worker", "G1"), ("w2", "grid_worker", "G1")])
}

#[test]
fn an_offline_day_reaches_the_ledger_and_the_other_phone() {
    let world = two_workers();
    // The second phone's clock is an hour ahead.
    let (mut a, mut b) = (world.enrolled_phone("w1"), world.phone("w2", HOUR));
    b.syncs(&world);

    let dwelling = a.creates("dwelling", "G1", forms::dwelling("人民路", "944"));
    let household = a.creates("household", "G1", forms::household(dwelling, "3楼北"));
    let report = a.syncs(&world);
    assert_eq!((report.round_trips, report.decided, report.refused), (1, 2, 0));
    assert_eq!(report.proven, 1, "the phone and the server agree on the area's digest");
    b.syncs(&world);
    b.shows(household, "label", "3楼北");

    // Both edit the same household with no signal.
    a.edits(household, put("label", "三楼北").put("status", "active"));
    b.puts(household, "label", "3楼北侧");
    for phone in [&mut a, &mut b] {
        phone.edits(household, Intents::new().append("notes", "见到户主"));
    }
    a.syncs(&world);
    b.syncs(&world);
    a.syncs(&world);
    let shown = a.record(household);
    assert_eq!(shown, b.record(household));
    assert_eq!(shown.pending, 0);
    assert_eq!(items(&shown.view["notes"]).len(), 2);
    assert_eq!(items(&shown.view["_conflicts"]["label"]).len(), 2);

    let settled = a.settles(household, "label", "3楼北");
    assert_eq!(settled.record, household);
    a.syncs(&world);
    b.syncs(&world);
    assert!(b.conflicts(None).is_empty());
    assert_eq!(b.records(&Query::default().text("楼北")).len(), 1);
}

#[test]
fn what_the_server_refuses_comes_back_with_its_reason_and_nothing_else_is_lost() {
    let world = two_workers();
    let mut a = world.enrolled_phone("w1");
    let kept = a.creates("patrol", "G1", put("started", MORNING));
    a.syncs(&world);
    // The right ends while the phone is out of signal. The phone cannot know, and stays out for longer than the grace.
    world.pass(HOUR);
    assert!(world.take("w1", "grid_worker", "G1"));
    let refused = a.creates("patrol", "G1", put("started", MORNING));
    a.puts(refused, "coverage_note", "东侧");
    world.pass(RIGHTS_GRACE_MS);
    let report = a.syncs(&world);
    assert_eq!((report.decided, report.refused), (2, 2));
    let attention = a.attention();
    assert_eq!(attention.len(), 2, "each refused edit is kept with its reason");
    assert_eq!(attention[0].refusal.code, Code::GraceOver);
    assert!(world.holds(kept));
    assert!(!world.holds(refused));
    a.lacks(refused);
}

#[test]
fn a_first_sync_that_breaks_goes_on_from_the_last_frame() {
    const PATROLS: u64 = 800;
    let world = two_workers();
    let mut a = world.enrolled_phone("w1");
    for number in 0..PATROLS as u32 {
        let scattered = |k: u32| char::from_u32(0x4e00 + (number * 7919 + k * k * 31) % 5000);
        let note: String = (0..120).filter_map(scattered).collect();
        a.creates("patrol", "G1", put("started", MORNING + i64::from(number)).put("coverage_note", note));
    }
    a.syncs(&world);
    let mut b = world.phone("w2", 0);
    let mut held = vec![0];
    for _ in 0..40 {
        let report = b.syncs_over(&world, Line::CutAfter(7_000));
        b.close();
        held.push(b.status().records);
        if report.proven > 0 {
            break;
        }
    }
    b.syncs(&world);
    held.push(b.status().records);
    assert!(held.is_sorted(), "{held:?}");
    assert!(held.iter().any(|n| *n > 0 && *n < PATROLS), "some cut left a part: {held:?}");
    assert_eq!(held.last(), Some(&PATROLS));
}

#[test]
fn a_phone_restored_from_a_backup_starts_a_new_feed_and_loses_nothing() {
    let world = two_workers();
    let mut a = world.enrolled_phone("w1");
    let old = a.creates("dwelling", "G1", forms::dwelling("人民路", "1"));
    a.syncs(&world);
    let backup = a.back_up();

    a.puts(old, "use", "rented");
    a.puts(old, "floor_area", 80);
    a.syncs(&world);
    a.come_back(&backup);

    // The restored phone knows nothing of those two edits. It makes a dwelling and a household in it.
    let dwelling = a.creates("dwelling", "G1", forms::dwelling("人民路", "1"));
    a.creates("household", "G1", forms::household(dwelling, "东户"));
    a.puts(old, "use", "vacant");
    a.syncs(&world);

    assert_eq!(a.unsent(), 0);
    assert!(a.attention().is_empty());
    let (households, dwellings) = (a.records_of("household"), a.records_of("dwelling"));
    assert_eq!((households.len(), dwellings.len()), (1, 2));
    let home = text(&households[0].view["dwelling_id"]);
    assert!(dwellings.iter().any(|d| d.id.to_string() == home), "the household still names its dwelling");
    // The edit that the lost copy had sent is here again.
    a.shows(old, "floor_area", 80);
    let mut other = world.enrolled_phone("w1");
    assert_eq!(other.all_records().len(), 3);
    assert_eq!(other.view(old), a.view(old));
}

#[test]
fn a_courier_reports_but_does_not_read_what_others_wrote() {
    let world = World::staffed(1, &[("w1", "grid_worker", "G1"), ("rider", "new_group_worker", "G1")]);
    let (mut worker, mut courier) = (world.enrolled_phone("w1"), world.enrolled_phone("rider"));
    let hers = worker.reports("G1", "井盖松动");
    let his = courier.reports("G1", "通道堵塞");
    worker.syncs(&world);
    courier.syncs(&world);
    worker.syncs(&world);
    assert_eq!(worker.all_records().len(), 2);
    courier.lacks(hers);
    assert_eq!(courier.record(his).pending, 0, "his own came back: it is in the ledger");
    worker.edits(his, Intents::new().append("comments", "已到现场"));
    worker.syncs(&world);
    courier.syncs(&world);
    assert!(courier.view(his)["comments"].to_string().contains("已到现场"));
    let status = courier.status();
    assert_eq!((status.unsent, status.sent, status.records), (0, 0, 1));
}
