//! Bounds of one request and of one day that a hostile device cannot pass.

use gridledger_core::calendar::DAY_MS as DAY;
use gridledger_core::wire::NoNames;
use gridledger_core::wire::envelope::{read_answer_head, seal};
use gridledger_core::wire::frames;
use gridledger_core::wire::squeeze::{Packing, Unpacker, pack};
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::{AreaNo, DeviceNo, EntryHash, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{
    AreaCursor, Ask, EntrySeen, Frame, Missing, Read, Receipt, Recovery, Request, Want,
};
use gridledger_server::sync::request as sync;
use gridledger_tests::attacker::{Attacker, Outcome, put};
use gridledger_tests::forms;
use gridledger_tests::json::items;
use gridledger_tests::world::{Phone, World};
use serde_json::json;

fn world() -> World {
    World::staffed(1, &[("w1", "grid_worker", "G1"), ("w2", "grid_worker", "G1")])
}

fn patrol(phone: &mut Phone, note: &str) -> RecordId {
    let patrol = forms::patrol(note);
    phone.creates("patrol", "G1", patrol)
}

/// Every list of a request, with one thing in it twice.
fn with_doubles(area: AreaNo, feed: FeedId) -> Vec<Request> {
    let cursor = AreaCursor { area, floor: 0, reached: 0 };
    let ask = |note: &str| Ask { feed, n: 1, note: note.into() };
    let receipt = |n| {
        let receipt = Receipt {
            feed,
            first: 1,
            n,
            hash: EntryHash::ZERO,
            refused: Vec::new(),
            stopped: None,
            signature: [0; 64],
            suite: None,
        };
        (gridledger_schema::ids::ServerEpoch(1), receipt)
    };
    let seen = || EntrySeen { feed, n: 1, clock: Vec::new() };
    let missing = |count| Missing { record: RecordId([1; 16]), area, facet: 0, feed, count };
    let recovery = |recovery| Request { recovery: Some(recovery), ..Request::default() };
    vec![
        Request { cursors: vec![cursor, AreaCursor { reached: 1, ..cursor }], ..Request::default() },
        Request { want: Want::Only(vec!["G1".into(), "G1".into()]), ..Request::default() },
        Request { own: vec![(0, 1), (0, 2)], ..Request::default() },
        Request { asks: vec![ask("一"), ask("二")], ..Request::default() },
        recovery(Recovery { receipts: vec![receipt(1), receipt(1)], ..Recovery::default() }),
        recovery(Recovery { seen: vec![seen(), seen()], ..Recovery::default() }),
        recovery(Recovery {
            emptied: vec![(feed, 1, EntryHash::ZERO), (feed, 1, EntryHash([1; 32]))],
            ..Recovery::default()
        }),
        recovery(Recovery { missing: vec![missing(1), missing(2)], ..Recovery::default() }),
    ]
}

#[test]
fn a_request_that_names_one_thing_twice_is_refused_as_a_whole() {
    let world = world();
    let mut evil = Attacker::enrol(&world, "w1", 1);
    for (no, request) in with_doubles(world.area("G1"), evil.feed).into_iter().enumerate() {
        assert_eq!(evil.send(&world, &request), Outcome::Code(Code::BadRequest), "{no}");
    }
}

/// A sync answer in pieces, of a device with a budget: its request's bytes and what is left of it.
struct Pieces {
    answer: gridledger_server::sync::answer::Answer,
    unpacker: Option<Unpacker>,
    frames: Vec<Frame>,
    ended: bool,
}

impl Pieces {
    fn open(world: &World, evil: &mut Attacker) -> Self {
        let request = Request { budget: 16 << 10, ..Request::default() };
        let body = evil.seal(world, &frames::write_request(&request, &NoNames));
        Self {
            answer: sync::open(&world.service, &body).expect("a good request"),
            unpacker: None,
            frames: Vec::new(),
            ended: false,
        }
    }

    /// Takes the next piece; how many records it told of.
    fn next(&mut self, world: &World) -> usize {
        let (mut piece, last) = self.answer.next(&world.service).expect("a piece");
        self.ended = last;
        if self.unpacker.is_none() {
            let packing = read_answer_head([piece[0], piece[1]]).expect("a head");
            self.unpacker =
                Some(Unpacker::new(packing, world.service.schema.dictionary()).expect("an unpacker"));
            piece.drain(..2);
        }
        let mut bytes = Vec::new();
        let unpacker = self.unpacker.as_mut().expect("it was made");
        unpacker.push(&piece, &mut bytes, limits::FRAME_BYTES).expect("frames");
        let mut told = 0;
        while let Some(frame) = frames::take_frame(&mut bytes, &NoNames).expect("a frame") {
            if let Frame::Delta(delta) = &frame {
                told += delta.records.len();
            }
            self.frames.push(frame);
        }
        told
    }

    /// Takes pieces until the first records came.
    fn begun(world: &World, evil: &mut Attacker) -> Self {
        let mut pieces = Self::open(world, evil);
        while pieces.next(world) == 0 {}
        assert!(!pieces.ended, "there is more");
        pieces
    }

    /// Whether it ends at once, without another record, and says that there is more.
    fn ends(mut self, world: &World) -> bool {
        self.next(world) == 0 && self.ended && self.frames.last() == Some(&Frame::End { more: true })
    }
}

/// A world whose first sync takes many pieces.
fn full() -> World {
    let world = world();
    let mut phone = world.enrolled_phone("w2");
    for _ in 0..100 {
        patrol(&mut phone, &"东侧楼道".repeat(40));
    }
    phone.syncs(&world);
    world
}

#[test]
fn a_device_has_one_answer_at_a_time() {
    let world = full();
    let mut evil = Attacker::enrol(&world, "w1", 2);
    let first = Pieces::begun(&world, &mut evil);
    let mut second = Pieces::begun(&world, &mut evil);
    assert!(first.ends(&world), "the older answer ends with the newer request");
    assert!(second.next(&world) > 0, "the newer goes on");
}

#[test]
fn an_open_answer_of_a_revoked_device_or_user_ends_at_the_next_frame() {
    let world = full();
    for (seed, of_user) in [(3, false), (4, true)] {
        let mut evil = Attacker::enrol(&world, "w1", seed);
        let open = Pieces::begun(&world, &mut evil);
        if of_user {
            let user = world.account("w1");
            world.store().set_user_revoked(user.no, true);
        } else {
            world.store().set_device_revoked(evil.device, true);
        }
        assert!(open.ends(&world), "{of_user}");
    }
}

#[test]
fn what_a_stranger_sends_is_unpacked_to_a_small_bound_alone() {
    let world = world();
    let evil = Attacker::enrol(&world, "w1", 5);
    for (bytes, code) in [
        (limits::STRANGER_INFLATED_BYTES, Code::BadRequest),
        (limits::STRANGER_INFLATED_BYTES + 1, Code::BodyTooLarge),
        (limits::SYNC_INFLATED_BYTES, Code::BodyTooLarge),
    ] {
        let (packing, bomb) = pack(&vec![0; bytes], None);
        assert_eq!(packing, Packing::Zstd);
        assert!(bomb.len() < 4_096, "{}", bomb.len());
        let schema = world.service.schema.fingerprint();
        let body = seal(Suite::default(), &evil.key, DeviceNo(0), 1, packing, schema, &bomb);
        let refused = sync::open(&world.service, &body).err().expect("it is no request");
        assert_eq!(refused.code(), code, "{bytes}");
    }
}

#[test]
fn a_phone_with_more_work_than_a_stranger_may_bring_enrols_first() {
    let world = world();
    let mut phone = world.enrolled_phone("w1");
    let sent = patrol(&mut phone, "一");
    phone.syncs(&world);
    // Days without signal; then the office gives it a new code.
    for no in 0..900 {
        patrol(&mut phone, &format!("{no}{}", "东侧楼道堆物".repeat(20)));
    }
    let code = world.code("w1");
    phone.enrols_with(&code);
    let report = phone.syncs(&world);
    assert_eq!((report.decided, report.refused), (900, 0));
    assert!(world.holds(sent));
    assert!(!phone.engine().has_unsent());
    // A fresh phone needs one round trip, as ever.
    let report = world.phone("w2", 0).syncs(&world);
    assert_eq!(report.round_trips, 1);
}

/// An entry that is refused, with so much in it.
fn refused(evil: &Attacker, bytes: usize) -> Entry {
    let target = Target::Edit { record: RecordId([7; 16]) };
    evil.entry(target, vec![put("coverage_note", json!("x".repeat(bytes)))])
}

/// Bytes that the store keeps of a device's entries.
fn kept(world: &World, evil: &Attacker) -> usize {
    let kept = world.store().kept_entries(evil.feed, 0, 10_000);
    kept.iter().map(|entry| entry.body.len()).sum()
}

#[test]
fn the_words_of_refused_entries_are_kept_up_to_a_quota_a_day() {
    let world = world();
    let mut evil = Attacker::enrol(&world, "w1", 6);
    let one = limits::ENTRY_BYTES - 1_000;
    let most = limits::REFUSED_DAY_BYTES as usize;
    for day in 1..=2 {
        for _ in 0..12 {
            let entry = refused(&evil, one);
            assert_eq!(evil.try_entries(&world, vec![entry]).codes(), [Code::RecordUnknown]);
        }
        let kept = kept(&world, &evil);
        assert!(kept <= most * day && kept > most * day - one * 2, "{kept} on day {day}");
        world.pass(DAY);
    }
    // Each has its verdict, kept or not; a good entry is stored as ever.
    assert_eq!(evil.head.0, 24);
    let entry = evil.patrol(&world);
    assert_eq!(evil.try_entries(&world, vec![entry]).codes(), []);
    world.is_whole();
}

#[test]
fn a_device_that_brought_its_day_is_told_to_come_tomorrow_and_loses_nothing() {
    let world = world();
    let mut phone = world.enrolled_phone("w1");
    patrol(&mut phone, "一");
    phone.syncs(&world);
    let devices = world.store().devices();
    let feed = FeedId::of_key(&devices[0].public_key, 0);
    world.set_feed_column(feed, "day_entries", limits::DEVICE_DAY_ENTRIES as i64 - 1);
    for note in ["二", "三"] {
        patrol(&mut phone, note);
    }
    let report = phone.syncs(&world);
    assert_eq!((report.decided, report.refused), (1, 0));
    assert!(phone.engine().has_unsent());
    world.pass(DAY);
    let report = phone.syncs(&world);
    assert_eq!((report.decided, report.refused), (1, 0));
    world.set_feed_column(feed, "day_bytes", limits::DEVICE_DAY_BYTES as i64);
    patrol(&mut phone, "四");
    assert_eq!(phone.syncs(&world).decided, 0);
    world.pass(DAY);
    assert_eq!(phone.syncs(&world).decided, 1);
}

#[test]
fn a_device_brings_so_many_reads_a_day_and_keeps_the_rest() {
    let world = world();
    let mut evil = Attacker::enrol(&world, "w1", 7);
    let most = limits::DEVICE_DAY_READS;
    let (device, now) = (evil.device, world.service.now());
    let before = world.service.reads_brought.take(device, most - 2, most, now);
    assert_eq!(before, most - 2);
    let read = |n: u64| Read {
        n,
        at: world.service.now(),
        record: RecordId([n as u8; 16]),
        fields: vec!["phone".into()],
        reason: "核对电话".into(),
    };
    let kept = |outcome: Outcome| match outcome {
        Outcome::Frames(frames) => frames.into_iter().find_map(|frame| match frame {
            Frame::ReadsKept(n) => Some(n),
            _ => None,
        }),
        other => panic!("{other:?}"),
    };
    let mut brings = |reads: Vec<Read>| {
        let request = Request { reads, ..Request::default() };
        kept(evil.send(&world, &request))
    };
    assert_eq!(brings((1..=5).map(read).collect()), Some(2));
    assert_eq!(brings((3..=5).map(read).collect()), None);
    world.pass(DAY);
    assert_eq!(brings((3..=5).map(read).collect()), Some(5));
}

#[test]
fn of_areas_that_are_not_there_or_out_of_reach_nothing_is_remembered() {
    let world = world();
    let mut evil = Attacker::enrol(&world, "w1", 8);
    evil.send(&world, &Request::default());
    let before = world.service.given.positions();
    let cursors = (0..limits::REQUEST_AREAS as u32).map(|no| AreaCursor {
        area: AreaNo(1_000 + no),
        floor: 0,
        reached: 0,
    });
    let mut request = evil.push(vec![evil.patrol(&world)]);
    request.cursors = cursors.collect();
    assert_eq!(evil.send(&world, &request).codes(), []);
    assert_eq!(world.service.given.positions(), before);
}

#[test]
fn a_phone_goes_on_after_more_forks_than_a_request_names() {
    let world = world();
    let mut phone = world.enrolled_phone("w1");
    let mut made = Vec::new();
    for _ in 0..limits::DEVICE_FEEDS + 3 {
        let backup = phone.back_up();
        made.push(patrol(&mut phone, "甲"));
        phone.syncs(&world);
        phone.come_back(&backup);
        made.push(patrol(&mut phone, "乙"));
        phone.syncs(&world);
        assert!(!phone.engine().has_unsent());
    }
    let held = phone.masked_records(&gridledger_client::Query::of_type("patrol"));
    assert_eq!(held.len(), 2 * (limits::DEVICE_FEEDS as usize + 3));
    let records = world.store().records_of(world.area("G1"));
    assert_eq!(records.len(), held.len());
    world.is_whole();
}

/// A device may bring thousands of refused entries about one record: its history lists the latest.
#[test]
fn a_history_lists_the_latest_refused_entries() {
    let world = world();
    let mut evil = Attacker::enrol(&world, "w1", 7);
    let patrol = evil.patrol(&world);
    let record = patrol.record(evil.feed);
    assert_eq!(evil.try_entries(&world, vec![patrol]).codes(), []);
    let brought = limits::HISTORY_REFUSED as u64 + 20;
    let first = evil.head.0 + 1;
    let review =
        |n: u64| Entry { n, ..evil.entry(Target::Edit { record }, vec![put("started", json!("early"))]) };
    let reviews: Vec<Entry> = (first..first + brought).map(review).collect();
    let refused = evil.try_entries(&world, reviews).codes();
    assert_eq!(refused, vec![Code::ValueInvalid; brought as usize]);
    let shown = world.clerk("w1").history(record, None);
    let entries = items(&shown["entries"]);
    assert_eq!(entries.len(), 1 + limits::HISTORY_REFUSED);
    assert_eq!(shown["refused_cut"], true);
    assert_eq!(entries[limits::HISTORY_REFUSED]["n"], evil.head.0);
}
