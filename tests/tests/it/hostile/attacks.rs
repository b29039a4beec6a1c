//! What somebody tries who holds a good device key and writes the bytes by hand.

use gridledger_core::document::Document;
use gridledger_core::receipt;
use gridledger_core::wire::{NoNames, frames};
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{EntryHash, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::{AreaCursor, Ask, GrantSet, Read, Request, Segment};
use gridledger_server::refused::{self, Question};
use gridledger_tests::attacker::{Outcome, deliver, intent, put};
use gridledger_tests::office::Clerk;
use gridledger_tests::world::MORNING;
use serde_json::{Value, json};

use super::ring::{Attack, CANARY, Town};

const DAY: i64 = 24 * 3_600_000;

fn plain(_: &mut Town) {}

fn attack(name: &'static str, gets: &'static [Code], run: fn(&mut Town) -> Vec<Code>) -> Attack {
    let before = plain;
    Attack {
        name,
        gets,
        before,
        run,
    }
}

fn after(
    before: fn(&mut Town),
    name: &'static str,
    gets: &'static [Code],
    run: fn(&mut Town) -> Vec<Code>,
) -> Attack {
    Attack {
        name,
        gets,
        before,
        run,
    }
}

/// All of them.
pub(super) fn all() -> Vec<Attack> {
    let mut all = feeds();
    all.extend(rights());
    all.extend(ended());
    all.extend(tickets());
    all.extend(seen_and_clocks());
    all.extend(limits_by_one());
    all.extend(values());
    all.extend(bytes());
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
            t.send(&Request {
                segments: vec![segment],
                ..Request::default()
            })
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
            t.send(&Request {
                segments: vec![segment.clone(), segment],
                ..Request::default()
            })
        }),
        after(
            with_history,
            "another entry under a number used",
            &[FeedForked],
            |t| {
                let mut entry = t.marked();
                entry.n = 1;
                let segment = t.evil.segment(EntryHash::ZERO, vec![entry]);
                t.send(&Request {
                    segments: vec![segment],
                    ..Request::default()
                })
            },
        ),
        after(
            with_history,
            "a whole request again, byte for byte",
            &[CounterBehind],
            |t| {
                let request = frames::write_request(&Request::default(), &NoNames);
                let body = t.evil.seal(&t.world, &request);
                assert_eq!(deliver(&t.world, &body).codes(), []);
                deliver(&t.world, &body).codes()
            },
        ),
    ]
}

fn rights() -> Vec<Attack> {
    use Code::{CreateForbidden, FieldForbidden, FieldUnknown, RecordUnknown, RoleNotHeld, ValueInvalid};
    vec![
        attack("a record in another grid", &[RoleNotHeld], |t| {
            let mut entry = t.marked();
            entry.target = Target::Create {
                record_type: "patrol".into(),
                area: t.world.area("G2"),
            };
            t.push(entry)
        }),
        attack("an edit of a record of another grid", &[RoleNotHeld], |t| {
            let mut entry = t.edit(t.elsewhere, vec![put("use", json!("vacant"))]);
            entry.cursor = 0;
            t.push(entry)
        }),
        attack("a role it does not hold", &[RoleNotHeld], |t| {
            let mut entry = t.marked();
            entry.role = "grid_head".into();
            t.push(entry)
        }),
        attack("a role that is none", &[RoleNotHeld], |t| {
            let mut entry = t.marked();
            entry.role = "emperor' OR 1=1 --".into();
            t.push(entry)
        }),
        attack("a type its role may not create", &[CreateForbidden], |t| {
            let mut entry = t.marked();
            entry.target = Target::Create {
                record_type: "place".into(),
                area: t.world.area("G1"),
            };
            t.push(entry)
        }),
        attack("a field its role may not write", &[FieldForbidden], |t| {
            let entry = t.edit(t.mine, vec![put("review", json!(CANARY))]);
            t.push(entry)
        }),
        attack(
            "a field that belongs to the record's creator",
            &[FieldForbidden],
            |t| {
                let entry = t.edit(t.theirs, vec![put("coverage_note", json!(CANARY))]);
                t.push(entry)
            },
        ),
        attack(
            "a field of a read class it may not read",
            &[FieldForbidden],
            |t| {
                let mut entry = t.patrol();
                entry.target = Target::Create {
                    record_type: "person".into(),
                    area: t.world.area("G1"),
                };
                let mut tags = intent(
                    "care_tags",
                    Op::Add {
                        item: "chronic_illness".into(),
                    },
                );
                tags.facet = 1;
                entry.intents = vec![put("name", json!(CANARY)), tags];
                t.push(entry)
            },
        ),
        attack(
            "an ordinary field smuggled into another facet",
            &[ValueInvalid],
            |t| {
                let mut note = put("coverage_note", json!(CANARY));
                note.facet = 1;
                let entry = t.edit(t.mine, vec![note]);
                t.push(entry)
            },
        ),
        attack("a facet past all", &[ValueInvalid], |t| {
            let mut note = put("coverage_note", json!(CANARY));
            note.facet = 63;
            let entry = t.edit(t.mine, vec![note]);
            t.push(entry)
        }),
        attack("the inner key of a field", &[FieldUnknown], |t| {
            let entry = t.edit(t.mine, vec![put("media/0", json!(CANARY))]);
            t.push(entry)
        }),
        attack("a record nobody made", &[RecordUnknown], |t| {
            let entry = t.edit(RecordId([7; 16]), vec![put("coverage_note", json!(CANARY))]);
            t.push(entry)
        }),
        attack(
            "a record that a colleague's feed will make",
            &[RecordUnknown],
            |t| {
                let feed = FeedId::of_key(&t.honest.engine().public_key(), 0);
                let entry = t.edit(
                    RecordId::created_by(feed, 9_999),
                    vec![put("coverage_note", json!(CANARY))],
                );
                t.push(entry)
            },
        ),
    ]
}

/// The attacker's role has ended, and the device has said that it knows.
fn ended_and_told(town: &mut Town) {
    town.world.pass(1);
    town.world.give("ex", "grid_worker", "G1");
    town.as_user("ex", 150 + (town.head() % 50) as u8);
    town.fetch();
    town.world.pass(DAY);
    assert!(town.world.take("ex", "grid_worker", "G1"));
    let user = town.world.service.store.user_by_login("ex").unwrap().unwrap();
    let grants = town.world.service.store.grants(user.no).unwrap();
    let territory = town.world.service.territory().1;
    let request = Request {
        grants: receipt::grants_fingerprint(&GrantSet { grants, territory }),
        ..Request::default()
    };
    assert_eq!(town.send(&request), []);
}

/// … and the grace is over.
fn long_ended(town: &mut Town) {
    ended_and_told(town);
    town.world.pass(limits::RIGHTS_GRACE_MS);
}

fn revoked(town: &mut Town) {
    town.world
        .service
        .store
        .set_device_revoked(town.evil.device, true)
        .unwrap();
}

fn ended() -> Vec<Attack> {
    use Code::{DeviceRevoked, GraceOver, GrantEnded, SignatureInvalid, UserRevoked};
    vec![
        after(ended_and_told, "a role that has ended", &[GrantEnded], |t| {
            let entry = t.marked();
            t.push(entry)
        }),
        after(
            ended_and_told,
            "a clock set ahead over a role's end",
            &[GrantEnded],
            |t| {
                let mut entry = t.marked();
                entry.at += 9 * DAY;
                t.push(entry)
            },
        ),
        after(
            ended_and_told,
            "an old cursor, after it was told of the end",
            &[GrantEnded],
            |t| {
                let mut entry = t.marked();
                entry.cursor = 0;
                t.push(entry)
            },
        ),
        after(
            long_ended,
            "a clock set back over a role's end, when the grace is over",
            &[GraceOver],
            |t| {
                let mut entry = t.marked();
                entry.at -= limits::RIGHTS_GRACE_MS + DAY;
                t.push(entry)
            },
        ),
        after(revoked, "a revoked device", &[DeviceRevoked], |t| {
            let entry = t.marked();
            t.push(entry)
        }),
        attack("a colleague's device number", &[SignatureInvalid], |t| {
            t.evil.device.0 = 1;
            let entry = t.marked();
            t.push(entry)
        }),
        after(
            |t| {
                let world = &t.world;
                world.user("gone", "grid_worker", "G1");
                t.as_user("gone", 149);
                let gone = t.world.service.store.user_by_login("gone").unwrap().unwrap();
                t.world.service.store.set_user_revoked(gone.no, true).unwrap();
            },
            "a revoked account",
            &[UserRevoked],
            |t| {
                let entry = t.marked();
                t.push(entry)
            },
        ),
    ]
}

/// A ticket that the attacker took down and handled, waiting to be checked.
fn handled(town: &mut Town) {
    let mut ticket = town.patrol();
    ticket.target = Target::Create {
        record_type: "ticket".into(),
        area: town.world.area("G1"),
    };
    let report = intent(
        "events",
        Op::Event {
            verb: "report".into(),
            args: serde_json::Map::new(),
        },
    );
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
    assert_eq!(
        town.step("feedback", json!({ "level_seen": 1, "note": "好了" })),
        []
    );
}

/// … whose check then failed, so that it was given to a colleague, who handled it again.
fn handed_on(town: &mut Town) {
    handled(town);
    town.head_step("verify_fail", json!({ "reason": "没有好" }));
    town.head_step("assign", json!({ "who": "good" }));
}

fn tickets() -> Vec<Attack> {
    use Code::{EventForbidden, EventIllegal, OwnWorkCheck, ValueInvalid};
    vec![
        after(handled, "closing one's own work", &[OwnWorkCheck], |t| {
            t.step("close", json!({}))
        }),
        after(
            handled,
            "closing one's own work, with a cursor from before it",
            &[OwnWorkCheck],
            |t| {
                t.fetch();
                let close = Op::Event {
                    verb: "close".into(),
                    args: serde_json::Map::new(),
                };
                let mut entry = t.edit(t.ticket, vec![intent("events", close)]);
                entry.cursor = 0;
                t.push(entry)
            },
        ),
        after(
            handled,
            "failing the check and doing it over, to close it",
            &[OwnWorkCheck],
            |t| t.step("verify_fail", json!({ "reason": CANARY })),
        ),
        after(
            handled,
            "giving the work away in the entry that closes it",
            &[EventForbidden],
            |t| {
                t.fetch();
                let event = |verb: &str, args: Value| {
                    let args = args.as_object().cloned().unwrap_or_default();
                    intent(
                        "events",
                        Op::Event {
                            verb: verb.into(),
                            args,
                        },
                    )
                };
                let both = vec![
                    event("assign", json!({ "who": "good" })),
                    event("close", json!({})),
                ];
                let entry = t.edit(t.ticket, both);
                t.push(entry)
            },
        ),
        after(
            handed_on,
            "closing before the new handler is done",
            &[EventIllegal],
            |t| t.step("close", json!({})),
        ),
        after(
            handed_on,
            "reporting back on work that is another's now",
            &[EventForbidden],
            |t| t.step("feedback", json!({ "level_seen": 1, "note": CANARY })),
        ),
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

fn seen_and_clocks() -> Vec<Attack> {
    use Code::{SeenImpossible, TimeOutOfRange};
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
        after(
            behind,
            "having seen what its device was never given",
            &[SeenImpossible],
            |t| {
                let mut entry = t.marked();
                entry.cursor = t.head();
                t.push(entry)
            },
        ),
        attack("a clock more than ten days ahead", &[TimeOutOfRange], |t| {
            let mut entry = t.marked();
            entry.at += limits::CLOCK_AHEAD_MS + 1;
            t.push(entry)
        }),
        attack(
            "the year 1999, the year 2201, before all time",
            &[TimeOutOfRange; 3],
            |t| {
                let range = limits::TIME_RANGE_MS;
                let times = [range.start() - 1, range.end() + 1, i64::MIN];
                let at = |(i, at): (usize, i64)| Entry {
                    at,
                    n: t.evil.head.0 + 1 + i as u64,
                    ..t.marked()
                };
                let entries = times.into_iter().enumerate().map(at).collect();
                t.push_all(entries)
            },
        ),
        attack(
            "cursors of the future, of foreign and of unknown areas",
            &[],
            |t| {
                let at = |area, reached| AreaCursor {
                    area,
                    floor: 0,
                    reached,
                };
                let areas = [
                    t.world.area("G1"),
                    t.world.area("G2"),
                    gridledger_schema::ids::AreaNo(u32::MAX),
                ];
                let cursors = areas.map(|area| at(area, u64::MAX >> 1)).to_vec();
                t.send(&Request {
                    cursors,
                    ..Request::default()
                })
            },
        ),
    ]
}

fn limits_by_one() -> Vec<Attack> {
    use Code::{BodyTooLarge, FieldUnknown, LimitExceeded, ValueInvalid};
    vec![
        attack("201 intents", &[BodyTooLarge], |t| {
            let entry = t.edit(
                t.mine,
                vec![put("coverage_note", json!(CANARY)); limits::ENTRY_INTENTS + 1],
            );
            t.push(entry)
        }),
        attack("1,001 entries", &[BodyTooLarge], |t| {
            let first = t.evil.head.0 + 1;
            let entries = (first..=first + limits::PUSH_ENTRIES as u64).map(|n| Entry { n, ..t.marked() });
            let request = t.evil.push(entries.collect());
            t.send(&request)
        }),
        attack("65 segments", &[BodyTooLarge], |t| {
            let mut request = t.evil.push(vec![t.marked()]);
            request.segments = vec![request.segments[0].clone(); limits::PUSH_SEGMENTS + 1];
            t.send(&request)
        }),
        attack("a feed past the 64th of a key", &[Code::FeedUnknown], |t| {
            let feed = FeedId::of_key(&t.evil.key.verifying_key().to_bytes(), limits::DEVICE_FEEDS);
            let request = changed(t, |s| s.feed = feed);
            t.send(&request)
        }),
        attack("a text one character too long", &[ValueInvalid], |t| {
            let entry = t.edit(t.mine, vec![put("coverage_note", json!("雀".repeat(501)))]);
            t.push(entry)
        }),
        attack("a set's item one character too long", &[ValueInvalid], |t| {
            let item = "雀".repeat(65);
            let entry = t.edit(t.mine, vec![intent("companions", Op::Add { item })]);
            t.push(entry)
        }),
        attack("an item past every field's bound", &[LimitExceeded], |t| {
            let item = "雀".repeat(limits::ITEM_CHARS + 1);
            let entry = t.edit(t.mine, vec![intent("companions", Op::Add { item })]);
            t.push(entry)
        }),
        after(
            handled,
            "a child's id one character too long",
            &[LimitExceeded],
            |t| {
                let (child, value) = ("c".repeat(limits::ITEM_CHARS + 1), serde_json::Map::new());
                let entry = t.edit(t.ticket, vec![intent("checklist", Op::SetChild { child, value })]);
                t.push(entry)
            },
        ),
        after(
            handled,
            "a shared text one character too long",
            &[ValueInvalid],
            |t| {
                let insert = "雀".repeat(4_001);
                let entry = t.edit(
                    t.ticket,
                    vec![intent(
                        "description",
                        Op::Splice {
                            pos: 0,
                            delete: 0,
                            insert,
                        },
                    )],
                );
                t.push(entry)
            },
        ),
        after(handled, "a place beyond a text's end", &[ValueInvalid], |t| {
            let splice = Op::Splice {
                pos: u32::MAX,
                delete: u32::MAX,
                insert: CANARY.into(),
            };
            let entry = t.edit(t.ticket, vec![intent("description", splice)]);
            t.push(entry)
        }),
        attack("a value nested nine deep", &[BodyTooLarge], |t| {
            let deep = (0..=limits::VALUE_DEPTH).fold(json!(CANARY), |value, _| json!([value]));
            let entry = t.edit(t.mine, vec![put("coverage_note", deep)]);
            t.push(entry)
        }),
        attack("an entry of more than 256 KiB", &[LimitExceeded], |t| {
            let entry = t.edit(
                t.mine,
                vec![put("coverage_note", json!("x".repeat(limits::ENTRY_BYTES)))],
            );
            t.push(entry)
        }),
        attack("a field's name of 41 characters", &[FieldUnknown], |t| {
            let name = "f".repeat(limits::FIELD_NAME_CHARS + 1);
            let entry = t.edit(t.mine, vec![put(&name, json!(CANARY))]);
            t.push(entry)
        }),
        attack("5,001 areas", &[BodyTooLarge], |t| {
            let cursor = AreaCursor {
                area: gridledger_schema::ids::AreaNo(9),
                floor: 0,
                reached: 0,
            };
            t.send(&Request {
                cursors: vec![cursor; limits::REQUEST_AREAS + 1],
                ..Request::default()
            })
        }),
        attack("2,001 questions", &[BodyTooLarge], |t| {
            let ask = Ask {
                feed: t.evil.feed,
                n: 1,
                note: String::new(),
            };
            t.send(&Request {
                asks: vec![ask; limits::REQUEST_NOTES + 1],
                ..Request::default()
            })
        }),
        attack("2,001 reads", &[BodyTooLarge], |t| {
            let read = Read {
                n: 1,
                at: MORNING,
                record: t.mine,
                fields: vec![],
                reason: CANARY.into(),
            };
            t.send(&Request {
                reads: vec![read; limits::REQUEST_NOTES + 1],
                ..Request::default()
            })
        }),
    ]
}

fn values() -> Vec<Attack> {
    use Code::{AlreadySet, OperationMismatch, ValueInvalid};
    vec![
        attack("a number where a text belongs", &[ValueInvalid], |t| {
            let entry = t.edit(t.mine, vec![put("coverage_note", json!(7))]);
            t.push(entry)
        }),
        attack("an increment past all numbers", &[ValueInvalid], |t| {
            let entry = t.edit(
                t.mine,
                vec![intent("posters_removed", Op::Increment { by: i64::MIN })],
            );
            t.push(entry)
        }),
        attack("a number past every JSON reader", &[ValueInvalid], |t| {
            let mut entry = t.patrol();
            entry.target = Target::Create {
                record_type: "dwelling".into(),
                area: t.world.area("G1"),
            };
            entry.intents = vec![
                put("address", json!({ "number": CANARY })),
                put("floor_area", json!(1e308)),
            ];
            t.push(entry)
        }),
        attack("a put on a counter", &[OperationMismatch], |t| {
            let entry = t.edit(t.mine, vec![put("posters_removed", json!(1))]);
            t.push(entry)
        }),
        attack("another value for what is set once", &[AlreadySet], |t| {
            let entry = t.edit(t.mine, vec![put("started", json!(MORNING + 1))]);
            t.push(entry)
        }),
        attack("a text with a NUL in it", &[ValueInvalid], |t| {
            let entry = t.edit(t.mine, vec![put("coverage_note", json!(format!("{CANARY}\0")))]);
            t.push(entry)
        }),
        attack(
            "an object where a text belongs, with keys of the merge machine",
            &[ValueInvalid],
            |t| {
                let value = json!({ "_conflicts": CANARY, "__proto__": { "x": 1 } });
                let entry = t.edit(t.mine, vec![put("coverage_note", value)]);
                t.push(entry)
            },
        ),
        attack(
            "the bytes of an Automerge document as a value",
            &[ValueInvalid],
            |t| {
                let entry = t.edit(t.mine, vec![put("coverage_note", json!(Document::new().save()))]);
                t.push(entry)
            },
        ),
    ]
}

/// A good push, its payload changed at the first place where `from` stands.
fn patched(town: &mut Town, intents: Vec<Intent>, from: &[u8], to: &[u8]) -> Vec<Code> {
    let entry = town.edit(town.mine, intents);
    let mut payload = frames::write_request(&town.evil.push(vec![entry]), &NoNames);
    let at = payload.windows(from.len()).position(|window| window == from);
    let at = at.expect("what is to be changed is there");
    payload[at..at + to.len()].copy_from_slice(to);
    town.evil.send_payload(&town.world, &payload).codes()
}

fn bytes() -> Vec<Attack> {
    use Code::{BadRequest, SignatureInvalid};
    vec![
        attack(
            "the bytes of an Automerge document as a request",
            &[BadRequest],
            |t| {
                let payload = Document::new().save();
                t.evil.send_payload(&t.world, &payload).codes()
            },
        ),
        attack(
            "the bytes of an Automerge document as a body",
            &[BadRequest],
            |t| deliver(&t.world, &Document::new().save()).codes(),
        ),
        attack("an operation that is none", &[BadRequest], |t| {
            let note = vec![put("coverage_note", json!(CANARY))];
            patched(t, note, b"0Acoverage_note", b"xAcoverage_note")
        }),
        attack("a facet that is none", &[BadRequest], |t| {
            let note = vec![put("coverage_note", json!(CANARY))];
            patched(t, note, b"0Acoverage_note", b"0\x01coverage_note")
        }),
        attack("a text that is not UTF-8", &[BadRequest], |t| {
            let note = vec![put("coverage_note", json!(CANARY))];
            patched(t, note, CANARY.as_bytes(), &[0xff, 0xfe, 0xfd])
        }),
        attack("one key twice", &[BadRequest], |t| {
            let value = json!({ "keya": 1, "keyb": 2 });
            patched(t, vec![put("coverage_note", value)], b"keyb", b"keya")
        }),
        attack("a number that is none", &[BadRequest], |t| {
            let odd = 1.234_567_890_123_456_7e200_f64;
            let nan = f64::NAN.to_be_bytes();
            patched(
                t,
                vec![put("coverage_note", json!(odd))],
                &odd.to_be_bytes(),
                &nan,
            )
        }),
        attack(
            "another text under the same signature",
            &[SignatureInvalid],
            |t| {
                let note = vec![put("coverage_note", json!("abcdefghij"))];
                patched(t, note, b"abcdefghij", b"ABCDEFGHIJ")
            },
        ),
        attack("a request cut in the middle", &[BadRequest], |t| {
            let payload = frames::write_request(&t.evil.push(vec![t.marked()]), &NoNames);
            t.evil
                .send_payload(&t.world, &payload[..payload.len() / 2])
                .codes()
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
        after(
            refused_of_another,
            "asking about somebody else's refused entry",
            &[],
            |t| {
                let ask = Ask {
                    feed: t.theirs_refused,
                    n: 1,
                    note: CANARY.into(),
                };
                t.send(&Request {
                    asks: vec![ask],
                    ..Request::default()
                })
            },
        ),
        attack(
            "ruling on its own refused entry",
            &[Code::FieldUnknown, Code::NotFound],
            |t| {
                let mut entry = t.marked();
                entry.intents.push(put("nothing", json!(1)));
                let mut got = t.push(entry);
                let clerk = Clerk::new(&t.world.service, "evil");
                let ruled =
                    refused::admit_one(&clerk.reader(), &clerk.user, (t.evil.feed, t.evil.head.0), "");
                got.push(ruled.expect_err("no ruling").code());
                got
            },
        ),
        attack("listing what was refused to others", &[Code::Forbidden], |t| {
            let clerk = Clerk::new(&t.world.service, "evil");
            let listed = refused::list(&clerk.reader(), &Question::default());
            vec![listed.expect_err("no list").code()]
        }),
        attack("saying that it knows rights it does not have", &[], |t| {
            let request = Request {
                grants: [7; 4],
                ..Request::default()
            };
            t.send(&request)
        }),
        attack("claiming to hold entries of its feed that nobody has", &[], |t| {
            t.send(&Request {
                own: vec![(0, u64::MAX), (63, u64::MAX)],
                ..Request::default()
            })
        }),
        attack("areas by codes that are SQL", &[], |t| {
            let codes = vec!["G2".into(), "'; DROP TABLE areas; --".into(), String::new()];
            let want = gridledger_schema::wire::Want::Only(codes);
            let outcome = t.evil.send(
                &t.world,
                &Request {
                    want,
                    ..Request::default()
                },
            );
            assert!(matches!(outcome, Outcome::Frames(_)));
            outcome.codes()
        }),
    ]
}
