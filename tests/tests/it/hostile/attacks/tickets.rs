//! Attacks on what was seen: tickets closed by who handled them, logs nobody was given, clocks.

use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::limits;
use gridledger_schema::wire::{AreaCursor, Request};
use gridledger_tests::attacker::{intent, put};
use serde_json::{Value, json};

use super::{after, attack};
use crate::hostile::ring::{Attack, CANARY, Town};

/// A ticket that the attacker took down and handled, waiting to be checked.
pub(super) fn handled(town: &mut Town) {
    let mut ticket = town.patrol();
    ticket.target = Target::Create { record_type: "ticket".into(), area: town.world.area("G1") };
    let report = intent("events", Op::Event { verb: "report".into(), args: serde_json::Map::new() });
    ticket.intents = vec![
        put("kind", json!("dispute")),
        put("title", json!("邻里")),
        put("address_text", json!("1号")),
        put("category", json!("neighbour_dispute")),
        report,
    ];
    town.ticket = ticket.record(town.evil.feed);
    assert_eq!(town.push(ticket), []);
    town.head_step("accept", json!({}));
    assert_eq!(town.step("start", json!({})), []);
    assert_eq!(town.step("feedback", json!({ "level_seen": 1, "note": "好了" })), []);
}

/// … whose check then failed, so that it was given to a colleague, who handled it again.
fn handed_on(town: &mut Town) {
    handled(town);
    town.head_step("verify_fail", json!({ "reason": "没有好" }));
    town.head_step("assign", json!({ "who": "good" }));
}

pub(super) fn tickets() -> Vec<Attack> {
    use Code::{EventForbidden, EventIllegal, OwnWorkCheck, ValueInvalid};
    vec![
        after(handled, "closing one's own work", &[OwnWorkCheck], |t| t.step("close", json!({}))),
        after(handled, "closing one's own work, with a cursor from before it", &[OwnWorkCheck], |t| {
            t.fetch();
            let close = Op::Event { verb: "close".into(), args: serde_json::Map::new() };
            let mut entry = t.edit(t.ticket, vec![intent("events", close)]);
            entry.cursor = 0;
            t.push(entry)
        }),
        after(handled, "failing the check and doing it over, to close it", &[OwnWorkCheck], |t| {
            t.step("verify_fail", json!({ "reason": CANARY }))
        }),
        after(handled, "giving the work away in the entry that closes it", &[EventForbidden], |t| {
            t.fetch();
            let event = |verb: &str, args: Value| {
                let args = args.as_object().cloned().unwrap_or_default();
                intent("events", Op::Event { verb: verb.into(), args })
            };
            let both = vec![event("assign", json!({ "who": "good" })), event("close", json!({}))];
            let entry = t.edit(t.ticket, both);
            t.push(entry)
        }),
        after(handed_on, "closing before the new handler is done", &[EventIllegal], |t| {
            t.step("close", json!({}))
        }),
        after(handed_on, "reporting back on work that is another's now", &[EventForbidden], |t| {
            t.step("feedback", json!({ "level_seen": 1, "note": CANARY }))
        }),
        after(handled, "a step that is none", &[ValueInvalid], |t| {
            t.step("annihilate", json!({ "why": CANARY }))
        }),
        after(handled, "voiding as a worker", &[EventForbidden], |t| {
            t.step("void", json!({ "reason": CANARY }))
        }),
    ]
}

/// Somebody wrote since the attacker fetched.
fn behind(town: &mut Town) {
    town.fetch();
    town.head_patrols();
}

pub(super) fn seen_and_clocks() -> Vec<Attack> {
    use Code::{SeenImpossible, TimeAhead, TimeOutOfRange};
    vec![
        attack("having seen more than the log has", &[SeenImpossible], |t| {
            let mut entry = t.marked();
            entry.cursor = t.head() + 1;
            t.push(entry)
        }),
        attack("having seen an endless log", &[SeenImpossible], |t| {
            let mut entry = t.marked();
            entry.cursor = u64::MAX;
            t.push(entry)
        }),
        after(behind, "having seen what its device was never given", &[SeenImpossible], |t| {
            let mut entry = t.marked();
            entry.cursor = t.head();
            t.push(entry)
        }),
        attack("a clock more than an hour ahead", &[TimeAhead], |t| {
            let mut entry = t.marked();
            entry.at += limits::CLOCK_AHEAD_MS + 1;
            t.push(entry)
        }),
        attack("the year 1999, the year 2201, before all time", &[TimeOutOfRange; 3], |t| {
            let range = limits::TIME_RANGE_MS;
            let times = [range.start() - 1, range.end() + 1, i64::MIN];
            let at = |(i, at): (usize, i64)| Entry { at, n: t.evil.head.0 + 1 + i as u64, ..t.marked() };
            let entries = times.into_iter().enumerate().map(at).collect();
            t.push_all(entries)
        }),
        attack("cursors of the future, of foreign and of unknown areas", &[Code::ServerBehind], |t| {
            let at = |area, reached| AreaCursor { area, floor: 0, reached };
            let areas = [t.world.area("G1"), t.world.area("G2"), AreaNo(u32::MAX)];
            let cursors = areas.map(|area| at(area, u64::MAX >> 1)).to_vec();
            t.send(&Request { cursors, ..Request::default() })
        }),
    ]
}
