//! Roles that read some of an area's records: what a phone held and may not hold any more leaves it, what it was not sent it
//! does not overrule, and what was never in its reach it does not hear of.

use gridledger_client::{Intents, Query};
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::RecordId;
use gridledger_schema::wire::{AreaCursor, EntrySeen, Frame, News, Recovery, RecoveryPhase, Request};
use gridledger_tests::attacker::{Attacker, Outcome, put};
use gridledger_tests::office::Clerk;
use gridledger_tests::world::{Phone, World};
use serde_json::{Value, json};

fn world() -> World {
    let world = World::new(2);
    for (login, role) in [
        ("w1", "grid_worker"),
        ("head", "grid_head"),
        ("h1", "dept_handler"),
        ("h2", "dept_handler"),
        ("h3", "dept_handler"),
    ] {
        world.user(login, role, "G1");
    }
    world
}

/// A ticket of grid `G1`, assigned to `h1`.
fn assigned(world: &World) -> RecordId {
    let ticket = world.clerk("w1").reports("G1", "路灯不亮");
    head(world).steps(ticket, "accept", json!({}));
    assign(world, ticket, "h1");
    ticket
}

fn head(world: &World) -> Clerk<'_> {
    world.clerk("head")
}

fn assign(world: &World, ticket: RecordId, who: &str) {
    head(world).steps(ticket, "assign", json!({"who": who}));
}

fn retitle(world: &World, ticket: RecordId, login: &str, title: &str) {
    let intents = json!([{"op": "put", "field": "title", "value": title}]);
    world.clerk(login).writes(ticket, intents);
}

fn titled(phone: &mut Phone, ticket: RecordId, title: &str) {
    let title = Intents::new().put("title", title);
    phone.edits(ticket, title); // an edit of a ticket that is here
}

fn holds(phone: &mut Phone) -> Vec<RecordId> {
    let tickets = phone.masked_records(&Query::of_type("ticket"));
    tickets.into_iter().map(|ticket| ticket.id).collect()
}

/// Every title that stands, the newest first.
fn titles(world: &World, ticket: RecordId) -> Vec<Value> {
    let view = world.ledger_view(ticket);
    let others = view["_conflicts"]["title"].as_array().cloned().unwrap_or_default();
    let mut titles = vec![view["title"].clone()];
    titles.extend(others.iter().map(|other| other["value"].clone()));
    titles.sort_by_key(Value::to_string);
    titles.dedup();
    titles
}

#[test]
fn a_ticket_that_goes_to_another_handler_leaves_the_phone_with_the_next_sync() {
    let world = world();
    let ticket = assigned(&world);
    let (mut h1, mut h2, mut h3) =
        (world.enrolled_phone("h1"), world.enrolled_phone("h2"), world.enrolled_phone("h3"));
    assert_eq!((holds(&mut h1), holds(&mut h2)), (vec![ticket], vec![]));
    assign(&world, ticket, "h2");
    let told = h3.syncs(&world);
    assert_eq!(told.changed, 0, "it was never within reach of h3");
    h1.syncs(&world);
    h2.syncs(&world);
    assert_eq!((holds(&mut h1), holds(&mut h2)), (vec![], vec![ticket]));
    // It comes back whole.
    retitle(&world, ticket, "h2", "路灯不亮，两盏");
    assign(&world, ticket, "h1");
    h1.syncs(&world);
    let back = h1.record(ticket); // it is here again
    assert_eq!(back.view["title"], "路灯不亮，两盏");
    // A change outside the phone's reach is no news.
    h2.syncs(&world);
    retitle(&world, ticket, "h1", "路灯不亮，三盏");
    assert_eq!(h2.syncs(&world).changed, 0);
}

#[test]
fn an_edit_made_before_the_ticket_went_overrules_nothing_made_since() {
    let world = world();
    let ticket = assigned(&world);
    let mut h1 = world.enrolled_phone("h1");
    // Something else happens in the area: the phone's floor goes on, the ticket stays as it was.
    assigned(&world);
    h1.syncs(&world);
    titled(&mut h1, ticket, "一号灯杆不亮");
    assign(&world, ticket, "h2");
    retitle(&world, ticket, "h2", "二号灯杆不亮");
    let report = h1.syncs(&world);
    assert_eq!((report.decided, report.refused), (1, 0));
    assert_eq!(titles(&world, ticket), [json!("一号灯杆不亮"), json!("二号灯杆不亮")]);
    assert_eq!(holds(&mut h1).len(), 1, "the ticket left with the verdict");
}

#[test]
fn an_edit_that_claims_more_than_was_sent_is_judged_as_having_seen_less() {
    for restarts in [false, true] {
        let mut world = world();
        let ticket = assigned(&world);
        let mut liar = Attacker::enrol(&world, "h1", 7);
        let Outcome::Frames(_) = liar.send(&world, &Request::default()) else {
            panic!("a first sync");
        };
        assign(&world, ticket, "h2");
        retitle(&world, ticket, "h2", "二号灯杆不亮");
        // It syncs on, and keeps the ticket.
        let area = world.area("G1");
        let reached = world.store().head(area).seq;
        liar.send(&world, &Request::default());
        if restarts {
            world.restart();
            let cursors = vec![AreaCursor { area, floor: reached, reached }];
            liar.send(&world, &Request { cursors, ..Request::default() });
        }
        let edit = Entry {
            cursor: reached,
            role: "dept_handler".into(),
            ..liar.entry(Target::Edit { record: ticket }, vec![put("title", json!("一号灯杆不亮"))])
        };
        assert_eq!(liar.try_entries(&world, vec![edit]).codes(), []);
        assert_eq!(titles(&world, ticket), [json!("一号灯杆不亮"), json!("二号灯杆不亮")], "{restarts}");
        // More than there is, is impossible as ever.
        let edit = Entry {
            cursor: reached + 100,
            role: "dept_handler".into(),
            ..liar.entry(Target::Edit { record: ticket }, vec![put("title", json!("三号"))])
        };
        assert_eq!(liar.try_entries(&world, vec![edit]).codes(), [Code::SeenImpossible]);
    }
}

#[test]
fn an_edit_of_a_ticket_that_was_sent_replaces_what_its_author_saw() {
    let mut world = world();
    let ticket = assigned(&world);
    let mut h1 = world.enrolled_phone("h1");
    retitle(&world, ticket, "h1", "一号灯杆不亮");
    h1.syncs(&world);
    for title in ["二号", "三号"] {
        titled(&mut h1, ticket, title);
    }
    h1.syncs(&world);
    assert_eq!(titles(&world, ticket), [json!("三号")]);
    world.restart();
    titled(&mut h1, ticket, "四号");
    h1.syncs(&world);
    assert_eq!(titles(&world, ticket), [json!("四号")]);
}

#[test]
fn an_erased_ticket_is_named_to_those_alone_who_could_hold_it() {
    let world = world();
    let ticket = assigned(&world);
    let (mut h1, mut h2, mut h3) =
        (world.enrolled_phone("h1"), world.enrolled_phone("h2"), world.enrolled_phone("h3"));
    assign(&world, ticket, "h2");
    world.erases(ticket, &[], "head");
    // Its handlers of before and of now may hold it; to the third it was never sent.
    assert_eq!(h1.syncs(&world).changed, 1);
    assert_eq!(h2.syncs(&world).changed, 0, "h2 was never told of it");
    assert_eq!(h3.syncs(&world).changed, 0);
    assert_eq!(holds(&mut h1), []);
}

#[test]
fn a_phone_that_begins_hears_of_what_is_in_reach_alone() {
    let world = world();
    let ticket = assigned(&world);
    assign(&world, ticket, "h2");
    let kept = assigned(&world);
    let mut h1 = Attacker::enrol(&world, "h1", 9);
    let Outcome::Frames(frames) = h1.send(&world, &Request::default()) else {
        panic!("a first sync");
    };
    let news = frames.iter().filter_map(|frame| match frame {
        Frame::Delta(delta) => Some(&delta.records),
        _ => None,
    });
    let told: Vec<_> =
        news.flatten().map(|news| (news.record, matches!(news.news, News::Snapshot(_)))).collect();
    assert_eq!(told, [(kept, true)]);
}

/// After a restore a phone may say by a clock what it had seen. A clock that names everything there is overrules nothing in a
/// record that was never within reach of its author.
#[test]
fn a_clock_claims_nothing_of_what_was_never_in_reach() {
    let mut world = world();
    let ticket = assigned(&world);
    let mut liar = Attacker::enrol(&world, "h3", 7);
    liar.send(&world, &Request::default());
    let backup = world.backup("backup.db");
    world.pass(1_000);
    world.restore(&backup);
    let server_epoch = Some(world.service.identity.epoch);
    let here = Request { server_epoch, ..Request::default() };
    assert!(matches!(liar.send(&world, &here), Outcome::Frames(_)));
    let phase = world.recovery_phase();
    assert_eq!(phase, RecoveryPhase::Over, "nobody else is waited for");
    retitle(&world, ticket, "h1", "二号灯杆不亮");

    let history = world.store().history(ticket);
    let everything = history.iter().flat_map(|row| (0..3).map(|facet| (facet, row.feed, 1_000_000)));
    let entry = Entry {
        cursor: 1,
        role: "dept_handler".into(),
        ..liar.entry(Target::Edit { record: ticket }, vec![put("title", json!("一号灯杆不亮"))])
    };
    let seen = EntrySeen { feed: liar.feed, n: entry.n, clock: everything.collect() };
    let request = Request {
        recovery: Some(Recovery { seen: vec![seen], ..Recovery::default() }),
        server_epoch,
        ..liar.push(vec![entry])
    };
    assert_eq!(liar.send(&world, &request).codes(), []);
    assert_eq!(titles(&world, ticket), [json!("一号灯杆不亮"), json!("二号灯杆不亮")]);
}
