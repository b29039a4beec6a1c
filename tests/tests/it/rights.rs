//! Rights that change while phones are out: what was done before anybody was told is taken, nothing after; a phone stops
//! by itself when its user's right ends.

use gridledger_client::{ClientError, Intents, Query};
use gridledger_core::receipt;
use gridledger_schema::code::Code;
use gridledger_schema::entry::Entry;
use gridledger_schema::limits::RIGHTS_GRACE_MS;
use gridledger_schema::wire::{AreaCursor, Frame, GrantSet, Request};
use gridledger_tests::attacker::{Attacker, Outcome};
use gridledger_tests::world::{Line, MORNING, Phone, World};
use serde_json::json;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn world() -> World {
    let world = World::new(2);
    for (login, role, area) in
        [("w1", "grid_worker", "G1"), ("w2", "grid_worker", "G1"), ("h1", "grid_head", "G1")]
    {
        world.user(login, role, area);
    }
    world
}

fn phone(world: &World, login: &str) -> Phone {
    let mut phone = world.phone(login, 0);
    phone.sync(world).unwrap();
    phone
}

fn patrol(phone: &mut Phone) -> Result<gridledger_client::Saved, ClientError> {
    let started = Intents::new().put("started", MORNING);
    phone.engine().create("patrol", "G1", started)
}

fn code(result: Result<gridledger_client::Saved, ClientError>) -> Option<Code> {
    result.err().and_then(|error| error.code())
}

#[test]
fn a_day_without_signal_counts_whatever_was_decided_meanwhile() {
    let world = world();
    let mut a = phone(&world, "w1");
    patrol(&mut a).unwrap();
    assert!(world.take("w1", "grid_worker", "G1"));
    world.pass(HOUR);
    // It has not been told: what it does after the end counts too.
    patrol(&mut a).unwrap();
    let report = a.sync(&world).unwrap();
    assert_eq!((report.decided, report.refused), (2, 0));
    // Now it has: the phone itself says no.
    assert_eq!(code(patrol(&mut a)), Some(Code::GrantEnded));
    assert_eq!(a.engine().for_check().list(&Query::default()).unwrap(), [], "its area was withdrawn");
}

#[test]
fn a_change_reaches_phones_as_an_event_of_the_log_and_costs_them_nothing() {
    let world = world();
    let mut other = phone(&world, "w2");
    world.take("w1", "grid_worker", "G1");
    let report = other.sync(&world).unwrap();
    assert_eq!((report.changed, report.proven, report.healed), (0, 1, 0));
    assert!(report.bytes_down < 200, "{}", report.bytes_down);
    let head = world.service.store.head(world.area("G1")).unwrap();
    assert_eq!(head.seq, 1);
    let report = gridledger_server::operate::verify::verify(&world.service).unwrap();
    assert_eq!(report.differences, 0, "{:?}", report.listed);
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
        let user = world.service.store.user_by_login("w1").unwrap().unwrap();
        let grants = world.service.store.grants(user.no).unwrap();
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
    // Who has seen the event in the log was told, and made the entry after it.
    let told = [Code::GrantEnded];
    for at in [MORNING, MORNING + HOUR, MORNING + 2 * HOUR] {
        assert_eq!(liar.push(&world, |e| (e.at, e.cursor) = (at, 1)), told);
    }
    // What it sends together with the word that it knows was made before; from then on it knows.
    assert!(matches!(liar.say(&world, 1), Outcome::Frames(_)));
    assert_eq!(liar.push(&world, |e| e.at = MORNING + 2 * HOUR), told);
    // Of work done before the end nobody takes the right away, until the grace is over.
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
    let mut a = phone(&world, "w1");
    patrol(&mut a).unwrap();
    let user = world.service.store.user_by_login("w1").unwrap().unwrap();
    world.service.store.set_user_revoked(user.no, true).unwrap();
    let failure = a.sync(&world).unwrap_err().to_string();
    assert!(failure.contains("user_revoked"), "{failure}");
    assert_eq!(a.engine().status().unwrap().unsent, 1, "it stays on the phone");
}

#[test]
fn a_grant_ends_on_its_date_on_a_phone_that_is_offline() {
    let world = World::new(1);
    let end = MORNING + 10 * DAY;
    world.user_until("surge", "surge_staff", "C", Some(end));
    let mut a = phone(&world, "surge");
    let ticket = |phone: &mut Phone| {
        let new = Intents::new()
            .put("kind", "incident")
            .put("title", "积水")
            .put("address_text", "滨河路1号")
            .event("report", serde_json::Map::new());
        phone.engine().create("ticket", "G1", new)
    };
    assert_eq!(a.engine().status().unwrap().endings, []);
    world.pass(7 * DAY);
    let endings = a.engine().status().unwrap().endings;
    assert_eq!((endings.len(), endings[0].ended), (1, false));
    assert_eq!(
        (endings[0].zh.as_str(), endings[0].en.as_str()),
        (
            "“下派干部”岗位（C C区域）将于 2026-01-15 08:00 结束。",
            "The role Seconded official (C C区域) ends on 2026-01-15 08:00."
        )
    );
    world.pass(3 * DAY - 1);
    ticket(&mut a).unwrap();
    world.pass(1);
    let refused = ticket(&mut a).unwrap_err();
    assert_eq!(refused.code(), Some(Code::GrantEnded));
    assert_eq!(refused.to_string(), "grant_ended: surge_staff 下派干部, C C区域, 2026-01-15 08:00");
    // Not by a clock set back, not by opening it again, not by a clock that stood right in between.
    for skew in [-DAY, -400 * DAY, 0, -1] {
        a.set_skew(skew);
        a.close();
        assert_eq!(code(ticket(&mut a)), Some(Code::GrantEnded), "{skew}");
    }
    let ended = a.engine().status().unwrap().endings;
    assert!(ended[0].ended && ended[0].zh.contains("已于 2026-01-15 08:00 结束"), "{ended:?}");
    // What was done before goes up whenever there is signal again.
    a.set_skew(0);
    world.pass(5 * DAY);
    let report = a.sync(&world).unwrap();
    assert_eq!((report.decided, report.refused), (1, 0));
}

#[test]
fn a_read_class_lost_goes_from_the_phone_and_one_gained_comes() {
    let world = world();
    world.user("w3", "grid_worker", "G1");
    let mut head = phone(&world, "h1");
    let dwelling = world.dwelling("G1");
    let household = Intents::new().put("dwelling_id", dwelling).put("care_plan", "每周探望");
    let household = head.engine().create("household", "G1", household).unwrap().record;
    head.sync(&world).unwrap();
    let plan = |phone: &mut Phone| {
        let found = phone.engine().for_check().get(household).unwrap();
        found.map(|record| record.view["care_plan"].clone())
    };
    let mut a = phone(&world, "w3");
    assert_eq!(plan(&mut a), Some(json!(null)));
    world.pass(1);
    world.give("w3", "grid_head", "G1");
    let report = a.sync(&world).unwrap();
    assert_eq!((plan(&mut a), report.healed), (Some(json!("每周探望")), 0));
    // An undecided edit of the class stays when the class goes; what others wrote there does not.
    world.pass(1);
    world.take("w3", "grid_head", "G1");
    let mine = Intents::new().put("care_plan", "已联系子女");
    a.engine().edit(household, mine).unwrap();
    a.sync_over(&world, Line::RequestLost).unwrap();
    let report = a.sync(&world).unwrap();
    assert_eq!((report.decided, report.refused, report.healed), (1, 0, 0));
    assert!(plan(&mut a) != Some(json!("每周探望")));
    head.sync(&world).unwrap();
    assert_eq!(plan(&mut head), Some(json!("已联系子女")));
    assert_eq!(a.sync(&world).unwrap().proven, 1);
}

#[test]
fn what_belongs_to_the_creator_is_refused_before_it_is_saved() {
    let world = world();
    let (mut a, mut b) = (phone(&world, "w1"), phone(&world, "w2"));
    let record = patrol(&mut a).unwrap().record;
    a.sync(&world).unwrap();
    b.sync(&world).unwrap();
    let note = || Intents::new().put("coverage_note", "东侧");
    assert_eq!(code(b.engine().edit(record, note())), Some(Code::FieldForbidden));
    a.engine().edit(record, note()).unwrap();
    // Its creator's other phone may.
    let mut second = phone(&world, "w1");
    second.engine().edit(record, note()).unwrap();
    assert_eq!(second.sync(&world).unwrap().refused, 0);
}

#[test]
fn two_processes_on_one_phone_do_not_overtake_each_other() {
    let world = world();
    let mut a = phone(&world, "w1");
    let first = patrol(&mut a).unwrap();
    // A second handle on the same file, as of a share sheet or a widget.
    let mut twin = a.twin();
    assert_eq!(patrol(&mut twin).unwrap().n, first.n + 1);
    let bump = || Intents::new().increment("posters_removed", 2);
    twin.engine().edit(first.record, bump()).unwrap();
    a.engine().edit(first.record, bump()).unwrap();
    assert_eq!(twin.engine().edit(first.record, bump()).unwrap().n, first.n + 4);
    let report = a.sync(&world).unwrap();
    assert_eq!((report.decided, report.refused, report.healed), (5, 0, 0));
    let view = a.engine().for_check().get(first.record).unwrap().unwrap().view;
    assert_eq!(view["posters_removed"], 6);
    // And what the other learned counts here at once.
    world.take("w1", "grid_worker", "G1");
    a.sync(&world).unwrap();
    assert_eq!(code(patrol(&mut twin)), Some(Code::GrantEnded));
}

#[test]
fn nobody_is_given_a_log_beyond_a_change_of_rights_that_was_not_told() {
    let world = world();
    let mut writer = phone(&world, "w2");
    for _ in 0..3 {
        patrol(&mut writer).unwrap();
    }
    writer.sync(&world).unwrap();
    let mut late = phone(&world, "w1");
    patrol(&mut writer).unwrap();
    writer.sync(&world).unwrap();
    // The right ends after the answer has begun and before its news are read.
    let request = late.engine().request(0).unwrap();
    let mut answer = gridledger_server::sync::request::open(&world.service, &request.body).unwrap();
    world.take("w1", "grid_worker", "G1");
    let (bytes, last) = answer.next(&world.service).unwrap();
    assert!(last);
    let mut report = gridledger_client::SyncReport::default();
    let more = late.receive(&bytes, &mut report).unwrap();
    assert_eq!((more, report.changed), (true, 0), "it is to ask again");
    patrol(&mut late).unwrap();
    assert_eq!(late.sync(&world).unwrap().refused, 0);
    assert_eq!(code(patrol(&mut late)), Some(Code::GrantEnded));
    let frames = gridledger_tests::attacker::deliver(&world, &late.engine().request(0).unwrap().body);
    let Outcome::Frames(frames) = frames else { panic!("{frames:?}") };
    assert!(frames.iter().all(|frame| !matches!(frame, Frame::Delta(_))));
}

#[test]
fn an_answer_that_is_still_being_sent_ends_with_the_role_it_was_begun_under() {
    let world = world();
    let end = world.service.now() + HOUR;
    world.user_until("w3", "grid_worker", "G1", Some(end));
    let mut late = phone(&world, "w3");
    let mut writer = phone(&world, "w2");
    patrol(&mut writer).unwrap();
    writer.sync(&world).unwrap();
    let request = late.engine().request(0).unwrap();
    let mut answer = gridledger_server::sync::request::open(&world.service, &request.body).unwrap();
    world.pass(HOUR);
    let (bytes, last) = answer.next(&world.service).unwrap();
    assert!(last);
    let mut report = gridledger_client::SyncReport::default();
    let more = late.receive(&bytes, &mut report).unwrap();
    assert_eq!((more, report.changed), (true, 0), "it is to ask again");
}
