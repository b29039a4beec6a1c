//! Attacks by somebody who holds a good device key and writes the bytes by hand.

mod bounds;
mod raw;
mod rights;
mod tickets;

use gridledger_core::calendar::DAY_MS as DAY;
use gridledger_core::wire::{NoNames, frames};
use gridledger_schema::code::Code;
use gridledger_schema::ids::{EntryHash, FeedId};
use gridledger_schema::wire::{Ask, Request, Segment};
use gridledger_server::desk::refused;
use gridledger_server::desk::refused::Question;
use gridledger_tests::attacker::{Outcome, deliver, put};
use gridledger_tests::office::Clerk;
use serde_json::json;

use super::ring::{Attack, CANARY, Town};

fn plain(_: &mut Town) {}

fn attack(name: &'static str, gets: &'static [Code], run: fn(&mut Town) -> Vec<Code>) -> Attack {
    let before = plain;
    Attack { name, gets, before, run }
}

fn after(
    before: fn(&mut Town),
    name: &'static str,
    gets: &'static [Code],
    run: fn(&mut Town) -> Vec<Code>,
) -> Attack {
    Attack { name, gets, before, run }
}

/// All of them.
pub(in crate::hostile) fn all() -> Vec<Attack> {
    let mut all = feeds();
    all.extend(rights::rights());
    all.extend(rights::ended());
    all.extend(tickets::tickets());
    all.extend(tickets::seen_and_clocks());
    all.extend(bounds::limits_by_one());
    all.extend(bounds::values());
    all.extend(raw::bytes());
    all.extend(others());
    all
}

fn changed(town: &Town, change: impl FnOnce(&mut Segment)) -> Request {
    let mut request = town.evil.push(vec![town.marked()]);
    change(&mut request.segments[0]);
    request
}

/// One entry is stored first, so that there is something to repeat and to fork.
fn with_history(town: &mut Town) {
    let patrol = town.patrol();
    assert_eq!(town.push(patrol), []);
}

fn feeds() -> Vec<Attack> {
    use Code::{BadRequest, CounterBehind, FeedForked, FeedGap, FeedUnknown, SignatureInvalid};
    vec![
        attack("entries in the feed of a colleague", &[SignatureInvalid], |t| {
            let feed = FeedId::of_key(&t.honest.engine().public_key(), 0);
            let mut entries = vec![t.marked()];
            entries[0].n = 1;
            let mut segment = t.evil.segment(EntryHash::ZERO, entries);
            segment.feed = feed;
            t.send(&Request { segments: vec![segment], ..Request::default() })
        }),
        attack("entries in a feed that nobody writes", &[FeedUnknown], |t| {
            let request = changed(t, |s| s.feed = FeedId([9; 16]));
            t.send(&request)
        }),
        attack("an entry changed under its signature", &[SignatureInvalid], |t| {
            let request = changed(t, |s| s.entries[0].at += 1);
            t.send(&request)
        }),
        attack("no signature", &[SignatureInvalid], |t| {
            let request = changed(t, |s| s.signature = [0; 64]);
            t.send(&request)
        }),
        attack("a hash chain that does not join", &[FeedForked], |t| {
            let request = changed(t, |s| s.before = [7; 8]);
            t.send(&request)
        }),
        attack("a hole in the feed", &[FeedGap], |t| {
            let mut entry = t.marked();
            entry.n += 5;
            let request = t.evil.push(vec![entry]);
            t.send(&request)
        }),
        attack("the last number there is", &[FeedGap], |t| {
            let mut entry = t.marked();
            entry.n = u64::MAX - 1;
            let request = t.evil.push(vec![entry]);
            t.send(&request)
        }),
        attack("a segment without entries", &[BadRequest], |t| {
            let request = changed(t, |s| s.entries.clear());
            t.send(&request)
        }),
        after(with_history, "the same entries again", &[], |t| {
            let mut entry = t.patrol();
            entry.n = 1;
            let segment = t.evil.segment(EntryHash::ZERO, vec![entry]);
            t.send(&Request { segments: vec![segment], ..Request::default() })
        }),
        after(with_history, "two segments of one feed", &[BadRequest], |t| {
            let mut entry = t.patrol();
            entry.n = 1;
            let segment = t.evil.segment(EntryHash::ZERO, vec![entry]);
            t.send(&Request { segments: vec![segment.clone(), segment], ..Request::default() })
        }),
        after(with_history, "another entry under a number used", &[FeedForked], |t| {
            let mut entry = t.marked();
            entry.n = 1;
            let segment = t.evil.segment(EntryHash::ZERO, vec![entry]);
            t.send(&Request { segments: vec![segment], ..Request::default() })
        }),
        after(with_history, "a whole request again, byte for byte", &[CounterBehind], |t| {
            let request = frames::write_request(&Request::default(), &NoNames);
            let body = t.evil.seal(&t.world, &request);
            assert_eq!(deliver(&t.world, &body).codes(), []);
            deliver(&t.world, &body).codes()
        }),
    ]
}

fn refused_of_another(town: &mut Town) {
    let mut entry = town.patrol();
    entry.intents.push(put("nothing", json!(1)));
    assert_eq!(town.push(entry), [Code::FieldUnknown]);
    town.theirs_refused = town.evil.feed;
    town.as_user("ex", 148);
}

fn others() -> Vec<Attack> {
    vec![
        after(refused_of_another, "asking about somebody else's refused entry", &[], |t| {
            let ask = Ask { feed: t.theirs_refused, n: 1, note: CANARY.into() };
            t.send(&Request { asks: vec![ask], ..Request::default() })
        }),
        attack("ruling on its own refused entry", &[Code::FieldUnknown, Code::NotFound], |t| {
            let mut entry = t.marked();
            entry.intents.push(put("nothing", json!(1)));
            let mut got = t.push(entry);
            let clerk = Clerk::new(&t.world.service, "evil");
            let ruled = refused::admit_one(&clerk.reader(), &clerk.user, (t.evil.feed, t.evil.head.0), "");
            got.push(ruled.expect_err("no ruling").code());
            got
        }),
        attack("listing what was refused to others", &[Code::Forbidden], |t| {
            let clerk = Clerk::new(&t.world.service, "evil");
            let listed = refused::list(&clerk.reader(), &Question::default());
            vec![listed.expect_err("no list").code()]
        }),
        attack("saying that it knows rights it does not have", &[], |t| {
            let request = Request { grants: [7; 4], ..Request::default() };
            t.send(&request)
        }),
        attack("claiming to hold entries of its feed that nobody has", &[], |t| {
            t.send(&Request { own: vec![(0, u64::MAX), (63, u64::MAX)], ..Request::default() })
        }),
        attack("areas by codes that are SQL", &[], |t| {
            let codes = vec!["G2".into(), "'; DROP TABLE areas; --".into(), String::new()];
            let want = gridledger_schema::wire::Want::Only(codes);
            let outcome = t.evil.send(&t.world, &Request { want, ..Request::default() });
            assert!(matches!(outcome, Outcome::Frames(_)));
            outcome.codes()
        }),
    ]
}
