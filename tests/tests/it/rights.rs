//! Rights that change while phones are out: what was done before anybody was told is taken, nothing after; a phone stops
//! by itself when its user's right ends.

use gridledger_client::{Intents, Saved};
use gridledger_core::receipt;
use gridledger_schema::code::Code;
use gridledger_schema::entry::Entry;
use gridledger_schema::limits::RIGHTS_GRACE_MS;
use gridledger_schema::wire::{AreaCursor, Frame, GrantSet, Request};
use gridledger_server::sync::request as sync;
use gridledger_tests::attacker::{Attacker, Outcome};
use gridledger_tests::forms::{self, put};
use gridledger_tests::world::{Line, MORNING, Phone, World};
use serde_json::Value;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn world() -> World {
    World::staffed(2, &[("w1", "grid_worker", "G1"), ("w2", "grid_worker", "G1"), ("h1", "grid_head", "G1")])
}

#[track_caller]
fn patrols(phone: &mut Phone) -> Saved {
    phone.creates_entry("patrol", "G1", put("started", MORNING))
}

/// The phone itself refuses a patrol, because the right has ended.
#[track_caller]
fn patrols_no_more(phone: &mut Phone) {
    phone.cannot_create("patrol", "G1", put("started", MORNING), Code::GrantEnded);
}

/// A phone begins to sync and something happens before the answer is made: it is to ask again, and was given nothing.
#[track_caller]
fn is_to_ask_again(world: &World, phone: &mut Phone, meanwhile: impl FnOnce()) {
    let request = phone.makes_request();
    let mut answer = sync::open(&world.service, &request).expect("the server takes the request");
    meanwhile();
    let (bytes, last) = answer.next(&world.service).expect("the answer goes on");
    assert!(last);
    let (more, report) = phone.takes(&bytes);
    assert_eq!((more, report.changed), (true, 0));
}

#[test]
fn a_day_without_signal_counts_whatever_was_decided_meanwhile() {
    let world = world();
    let mut a = world.enrolled_phone("w1");
    patrols(&mut a);
    assert!(world.take("w1", "grid_worker", "G1"));
    world.pass(HOUR);
    // It has not been told: what it does after the end counts too.
    patrols(&mut a);
    let report = a.syncs(&world);
    assert_eq!((report.decided, report.refused), (2, 0));
    patrols_no_more(&mut a);
    assert_eq!(a.all_records(), [], "its area was withdrawn");
}

#[test]
fn a_change_reaches_phones_as_an_event_of_the_log_and_costs_them_nothing() {
    let world = world();
    let mut other = world.enrolled_phone("w2");
    world.take("w1", "grid_worker", "G1");
    let report = other.syncs(&world);
    assert_eq!((report.changed, report.proven, report.healed), (0, 1, 0));
    assert!(report.bytes_down < 200, "{}", report.bytes_down);
    assert_eq!(world.position("G1"), 1);
    world.is_whole();
}

/// A device that works with the bytes itself, and has been told of its user's rights as they are.
struct Liar {
    attacker: Attacker,
}

impl Liar {
    fn enrol(world: &World) -> Self {
        let mut attacker = Attacker::enrol(world, "w1", 7);
        assert_eq!(attacker.send(world, &Request::default()).codes(), []);
        Self { attacker }
    }

    /// Says which rights it knows, and where it stands.
    fn say(&mut self, world: &World, cursor: u64) -> Outcome {
        let grants = world.store().grants(world.account("w1").no);
        let area = world.area("G1");
        let request = Request {
            grants: receipt::grants_fingerprint(&GrantSet {
                grants,
                territory: world.service.territory().expect("territory").1,
            }),
            cursors: vec![AreaCursor { area, floor: cursor, reached: cursor }],
            ..Request::default()
        };
        self.attacker.send(world, &request)
    }

    fn push(&mut self, world: &World, change: impl FnOnce(&mut Entry)) -> Vec<Code> {
        let mut entry = self.attacker.patrol(world);
        change(&mut entry);
        self.attacker.try_entries(world, vec![entry]).codes()
    }
}

#[test]
fn setting_a_clock_back_brings_no_right_back() {
    let world = world();
    // Another role stays, so that the area's log goes on coming.
    world.give("w1", "patrol_member", "G1");
    let mut liar = Liar::enrol(&world);
    world.pass(HOUR);
    world.take("w1", "grid_worker", "G1");
    world.pass(HOUR);
    // Not told yet: whatever time it claims, as long as it claims to have seen nothing.
    assert_eq!(liar.push(&world, |e| e.at = MORNING), []);
    assert_eq!(liar.push(&world, |e| e.at = MORNING + 2 * HOUR), []);
    // It fetches, and does not say that it has.
    assert_eq!(liar.attacker.send(&world, &Request::default()).codes(), []);
    assert_eq!(liar.push(&world, |e| e.at = MORNING + 2 * HOUR), []);
    // An entry that claims to have seen the event in the log was made after the phone was told.
    let told = [Code::GrantEnded];
    for at in [MORNING, MORNING + HOUR, MORNING + 2 * HOUR] {
        assert_eq!(liar.push(&world, |e| (e.at, e.cursor) = (at, 1)), told);
    }
    // Entries that come with the first word of the new rights were made before it. Later ones were made after it.
    assert!(matches!(liar.say(&world, 1), Outcome::Frames(_)));
    assert_eq!(liar.push(&world, |e| e.at = MORNING + 2 * HOUR), told);
    // Work done before the end counts until the grace is over.
    assert_eq!(liar.push(&world, |e| e.at = MORNING), []);
    world.pass(RIGHTS_GRACE_MS);
    assert_eq!(liar.push(&world, |e| e.at = MORNING), [Code::GraceOver]);
}

#[test]
fn what_a_device_denies_having_heard_counts_no_longer_than_the_grace() {
    let world = world();
    let mut liar = Liar::enrol(&world);
    world.pass(HOUR);
    world.take("w1", "grid_worker", "G1");
    for days in [0, 1, 28] {
        world.pass(days * DAY);
        assert_eq!(liar.push(&world, |e| e.at = MORNING), [], "after {days} more days");
    }
    world.pass(DAY);
    for at in [MORNING, MORNING + 30 * DAY] {
        assert_eq!(liar.push(&world, |e| e.at = at), [Code::GraceOver]);
    }
}

#[test]
fn a_revoked_account_has_no_grace() {
    let world = world();
    let mut a = world.enrolled_phone("w1");
    patrols(&mut a);
    world.revoke_user("w1", true);
    a.is_refused_sync(&world, Code::UserRevoked);
    assert_eq!(a.unsent(), 1, "it stays on the phone");
}

#[test]
fn a_grant_ends_on_its_date_on_a_phone_that_is_offline() {
    let world = World::new(1);
    let end = MORNING + 10 * DAY;
    world.user_until("surge", "surge_staff", "C", Some(end));
    let mut a = world.enrolled_phone("surge");
    let ticket = || forms::ticket("积水", "滨河路1号");
    assert_eq!(a.status().endings, []);
    world.pass(7 * DAY);
    let endings = a.status().endings;
    assert_eq!((endings.len(), endings[0].ended), (1, false));
    assert_eq!(
        (endings[0].zh.as_str(), endings[0].en.as_str()),
        (
            "“下派干部”岗位（C C区域）将于 2026-01-15 08:00 结束。",
            "The role Seconded official (C C区域) ends on 2026-01-15 08:00."
        )
    );
    world.pass(3 * DAY - 1);
    a.creates("ticket", "G1", ticket());
    world.pass(1);
    let refused = a.cannot_create("ticket", "G1", ticket(), Code::GrantEnded);
    assert_eq!(refused.to_string(), "grant_ended: surge_staff 下派干部, C C区域, 2026-01-15 08:00");
    // Not by a clock set back, not by opening it again, not by a clock that stood right in between.
    for skew in [-DAY, -400 * DAY, 0, -1] {
        a.set_skew(skew);
        a.close();
        a.cannot_create("ticket", "G1", ticket(), Code::GrantEnded);
    }
    let ended = a.status().endings;
    assert!(ended[0].ended && ended[0].zh.contains("已于 2026-01-15 08:00 结束"), "{ended:?}");
    // Work done before the end goes up when there is signal again.
    a.set_skew(0);
    world.pass(5 * DAY);
    let report = a.syncs(&world);
    assert_eq!((report.decided, report.refused), (1, 0));
}

#[test]
fn a_read_class_lost_goes_from_the_phone_and_one_gained_comes() {
    let world = world();
    world.user("w3", "grid_worker", "G1");
    let mut head = world.enrolled_phone("h1");
    let dwelling = world.dwelling("G1");
    let household = put("dwelling_id", dwelling.to_string()).put("care_plan", "每周探望");
    let household = head.creates("household", "G1", household);
    head.syncs(&world);
    let mut a = world.enrolled_phone("w3");
    a.shows(household, "care_plan", Value::Null);
    world.pass(1);
    world.give("w3", "grid_head", "G1");
    let report = a.syncs(&world);
    assert_eq!(report.healed, 0);
    a.shows(household, "care_plan", "每周探望");
    // An undecided edit of the class stays when the class goes; what others wrote there does not.
    world.pass(1);
    world.take("w3", "grid_head", "G1");
    a.puts(household, "care_plan", "已联系子女");
    a.syncs_over(&world, Line::RequestLost);
    let report = a.syncs(&world);
    assert_eq!((report.decided, report.refused, report.healed), (1, 0, 0));
    assert_ne!(a.view(household)["care_plan"], "每周探望");
    head.syncs(&world);
    head.shows(household, "care_plan", "已联系子女");
    assert_eq!(a.syncs(&world).proven, 1);
}

#[test]
fn what_belongs_to_the_creator_is_refused_before_it_is_saved() {
    let world = world();
    let (mut a, mut b) = (world.enrolled_phone("w1"), world.enrolled_phone("w2"));
    let record = patrols(&mut a).record;
    a.syncs(&world);
    b.syncs(&world);
    b.cannot_edit(record, put("coverage_note", "东侧"), Code::FieldForbidden);
    a.puts(record, "coverage_note", "东侧");
    // Its creator's other phone may.
    let mut second = world.enrolled_phone("w1");
    second.puts(record, "coverage_note", "东侧");
    assert_eq!(second.syncs(&world).refused, 0);
}

#[test]
fn two_processes_on_one_phone_do_not_overtake_each_other() {
    let world = world();
    let mut a = world.enrolled_phone("w1");
    let first = patrols(&mut a);
    // A second handle on the same file, as of a share sheet or a widget.
    let mut twin = a.twin();
    assert_eq!(patrols(&mut twin).n, first.n + 1);
    let bump = || Intents::new().increment("posters_removed", 2);
    twin.edits(first.record, bump());
    a.edits(first.record, bump());
    assert_eq!(twin.edits(first.record, bump()).n, first.n + 4);
    let report = a.syncs(&world);
    assert_eq!((report.decided, report.refused, report.healed), (5, 0, 0));
    a.shows(first.record, "posters_removed", 6);
    // And what the other learned counts here at once.
    world.take("w1", "grid_worker", "G1");
    a.syncs(&world);
    patrols_no_more(&mut twin);
}

#[test]
fn nobody_is_given_a_log_beyond_a_change_of_rights_that_was_not_told() {
    let world = world();
    let mut writer = world.enrolled_phone("w2");
    for _ in 0..3 {
        patrols(&mut writer);
    }
    writer.syncs(&world);
    let mut late = world.enrolled_phone("w1");
    patrols(&mut writer);
    writer.syncs(&world);
    // The right ends after the answer has begun and before its news are read.
    is_to_ask_again(&world, &mut late, || assert!(world.take("w1", "grid_worker", "G1")));
    patrols(&mut late);
    assert_eq!(late.syncs(&world).refused, 0);
    patrols_no_more(&mut late);
    let frames = gridledger_tests::attacker::deliver(&world, &late.makes_request());
    let Outcome::Frames(frames) = frames else { panic!("{frames:?}") };
    assert!(frames.iter().all(|frame| !matches!(frame, Frame::Delta(_))));
}

#[test]
fn an_answer_that_is_still_being_sent_ends_with_the_role_it_was_begun_under() {
    let world = world();
    let end = world.service.now() + HOUR;
    world.user_until("w3", "grid_worker", "G1", Some(end));
    let mut late = world.enrolled_phone("w3");
    let mut writer = world.enrolled_phone("w2");
    patrols(&mut writer);
    writer.syncs(&world);
    is_to_ask_again(&world, &mut late, || world.pass(HOUR));
}
