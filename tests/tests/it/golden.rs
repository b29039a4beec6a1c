//! The bytes of every message of every protocol version, as they were when it was written down: today's code writes the same
//! and reads them back. `GRIDLEDGER_BLESS=1` writes the fixtures anew; do that only with a new protocol version.

use std::path::PathBuf;

use ed25519_dalek::SigningKey;
use gridledger_core::wire::envelope::{Envelope, Head, seal_as};
use gridledger_core::wire::squeeze::Packing;
use gridledger_core::wire::{NoNames, frames, sheet};
use gridledger_core::{canonical, receipt, recovery};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, DeviceNo, EntryHash, FeedId, RecordId, ServerEpoch, hex};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{
    AreaCursor, AreaInfo, Ask, Delta, Enrol, EntrySeen, Frame, Grant, GrantSet, Lease, LogEntry, Missing,
    News, OLDEST_PROTOCOL, PROTOCOL, Read, Receipt, RecordNews, Recovery, RecoveryPhase, Request, Restored,
    Ruling, Segment, Times, Want, Welcome,
};
use serde_json::{Map, Value, json};

const FEED: FeedId = FeedId([0x11; 16]);
const OTHER: FeedId = FeedId([0x22; 16]);
const SUITE: Suite = Suite::Ed25519Sha256;
const AT: i64 = 1_767_571_200_000;

/// Whether a fixture's bytes read back as what was written.
type ReadsBack = Box<dyn Fn(&[u8]) -> bool>;

/// A message, its bytes, and whether bytes read back as it.
struct Case {
    name: String,
    what: &'static str,
    value: Value,
    bytes: Vec<u8>,
    reads_back: ReadsBack,
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn ops() -> Vec<Op> {
    let text = |text: &str| text.to_owned();
    vec![
        Op::Put { value: json!({ "road": "人民路", "n": [1, -2, 0.5, 1e300, true, null] }) },
        Op::Raise { value: AT },
        Op::Increment { by: -3 },
        Op::Splice { pos: 2, delete: 1, insert: text("好") },
        Op::Add { item: text("gas") },
        Op::Remove { item: text("gas") },
        Op::Append { value: json!("见到户主") },
        Op::SetChild { child: text("form"), value: object(json!({ "item": "表", "done": false })) },
        Op::RemoveChild { child: text("form") },
        Op::Event { verb: text("escalate"), args: object(json!({ "to": 2, "reason": "超出权限" })) },
    ]
}

fn entry(n: u64, target: Target, intents: Vec<Intent>) -> Entry {
    Entry { n, at: AT + n as i64, cursor: 40 + n, role: "grid_worker".into(), target, intents }
}

fn intent(facet: u8, field: &str, op: Op) -> Intent {
    let field = field.to_owned();
    Intent { facet, field, op }
}

fn creating() -> Target {
    Target::Create { record_type: "household".into(), area: AreaNo(4) }
}

/// A creating entry, one with every operation, and one on a record from elsewhere.
fn entries() -> Vec<Entry> {
    let record = RecordId::created_by(FEED, 1);
    let all = ops().into_iter().enumerate().map(|(i, op)| intent((i % 2) as u8, &format!("field_{i}"), op));
    vec![
        entry(1, creating(), vec![intent(0, "label", Op::Put { value: json!("3楼北") })]),
        entry(2, Target::Edit { record }, all.collect()),
        entry(3, Target::Edit { record: RecordId([0x33; 16]) }, Vec::new()),
    ]
}

fn segment() -> Segment {
    let hash = |hash, entry: &Entry| canonical::hash(SUITE, hash, &canonical::encode(entry));
    let last = entries().iter().fold(EntryHash::ZERO, hash);
    Segment {
        feed: FEED,
        suite: SUITE,
        before: [0; 8],
        entries: entries(),
        signature: canonical::sign_segment(SUITE, &key(), FEED, 3, last),
    }
}

fn of_entries() -> Vec<Case> {
    let single = ops().into_iter().map(|op| {
        let name = format!("entry-{}", op.name().replace('_', "-"));
        (name, entry(9, Target::Edit { record: RecordId([0x33; 16]) }, vec![intent(1, "field", op)]))
    });
    let create = ("entry-create".to_owned(), entries().remove(0));
    let case = |(name, entry): (String, Entry)| Case {
        name,
        what: "an entry in canonical form, as it is hashed and stored",
        value: json!(entry),
        bytes: canonical::encode(&entry),
        reads_back: Box::new(move |bytes| canonical::decode(bytes).is_ok_and(|read| read == entry)),
    };
    single.chain([create]).map(case).collect()
}

fn requests(version: u8) -> Vec<(&'static str, Request)> {
    let idle = Request {
        server_epoch: Some(ServerEpoch(0x00ab_cdef_0123_4567)),
        cursors: vec![
            AreaCursor { area: AreaNo(4), floor: 120, reached: 120 },
            AreaCursor { area: AreaNo(5), floor: 0, reached: 64 },
        ],
        own: vec![(0, 3)],
        grants: [1, 2, 3, 4],
        ..Request::default()
    };
    let pushing = Request { segments: vec![segment()], budget: 65_536, ..idle.clone() };
    let enrolling = Request {
        want: Want::Only(vec!["G1".into(), "G2".into()]),
        enrol: Some(Enrol {
            code: "7KQM2F4D9XTA".into(),
            public_key: key().verifying_key().to_bytes(),
            label: "手机".into(),
        }),
        ..Request::default()
    };
    let telling = Request {
        reads: vec![Read {
            n: 7,
            at: AT,
            record: RecordId([0x33; 16]),
            fields: vec!["name".into(), "phones".into()],
            reason: "入户走访".into(),
        }],
        asks: vec![Ask { feed: FEED, n: 2, note: "住户当面确认过".into() }],
        lease: true,
        ..idle.clone()
    };
    let recovering = Request {
        segments: vec![segment()],
        recovery: Some(Recovery {
            receipts: vec![(ServerEpoch(1), signed_receipt(version))],
            seen: vec![EntrySeen { feed: FEED, n: 2, clock: vec![(0, OTHER, 5)] }],
            emptied: vec![(FEED, 1, EntryHash([0x55; 32]))],
            left: 12,
            missing: vec![Missing {
                record: RecordId([0x33; 16]),
                area: AreaNo(4),
                facet: 1,
                feed: OTHER,
                count: 7,
            }],
        }),
        ..idle.clone()
    };
    let marked = Request { marks: vec![0xa1b2, 0], ..pushing.clone() };
    let mut requests = vec![
        ("request-notes", telling),
        ("request-idle", idle),
        ("request-segment", pushing),
        ("request-enrol", enrolling),
        ("request-recovery", recovering),
    ];
    if version > OLDEST_PROTOCOL {
        requests.push(("request-marks", marked));
    }
    requests
}

fn read_request(version: u8, payload: &[u8]) -> Option<Request> {
    let frames::ReadRequest { mut request, segments } = frames::read_request(payload).ok()?;
    if let Some(sheet) = segments {
        request.segments = sheet::read_segments(version, sheet, &NoNames).ok()?;
    }
    Some(request)
}

fn of_requests(version: u8) -> Vec<Case> {
    let case = |(name, request): (&str, Request)| Case {
        name: name.to_owned(),
        what: "the payload of a request",
        value: json!(format!("{request:?}")),
        bytes: frames::write_request_as(version, &request, &NoNames),
        reads_back: Box::new(move |bytes| read_request(version, bytes).as_ref() == Some(&request)),
    };
    let mut cases: Vec<Case> = requests(version).into_iter().map(case).collect();
    let payload = cases[1].bytes.clone();
    let head = Head {
        version,
        suite: SUITE,
        device: DeviceNo(3),
        counter: AT as u64,
        packing: Packing::Plain,
        schema: [5; 8],
    };
    cases.push(Case {
        name: "envelope".into(),
        what: "request-idle in its envelope, packed as it is, sealed by the key of 32 bytes 07",
        value: json!({ "device": 3, "counter": AT, "schema": "0505050505050505" }),
        bytes: seal_as(&key(), &head, &payload),
        reads_back: Box::new(move |bytes| {
            let opened = Envelope::open(bytes);
            opened.is_ok_and(|e| {
                e.device == DeviceNo(3) && e.payload == payload && e.verify(&key().verifying_key())
            })
        }),
    });
    cases
}

fn delta() -> Delta {
    let log = |seq, feed, n, seen, entry: Entry, own| LogEntry {
        seq,
        feed,
        author: if feed == FEED { "w1".into() } else { "w2".into() },
        seen,
        entry: Entry { n, cursor: 0, role: String::new(), ..entry },
        own,
    };
    let [create, all, _]: [Entry; 3] = entries().try_into().expect("three entries");
    let record = create.record(OTHER);
    let edit = Entry { target: Target::Edit { record }, ..all };
    let seen = Some(vec![(0, OTHER, 1), (1, FEED, 5)]);
    let told = RecordNews {
        record,
        created: 121,
        last: 123,
        record_type: "household".into(),
        epoch: 0,
        news: News::Entries(vec![
            log(121, OTHER, 1, None, create, false),
            log(123, FEED, 8, seen, edit, false),
        ]),
    };
    let whole = RecordNews {
        record: RecordId([0x44; 16]),
        created: 7,
        last: 124,
        record_type: "patrol".into(),
        epoch: 1,
        news: News::Snapshot(vec![(0, b"a document".to_vec()), (1, b"another".to_vec())]),
    };
    let gone = |last, news| RecordNews { last, record_type: String::new(), news, ..whole.clone() };
    let (left, erased) = (gone(125, News::Left(Some(AreaNo(5)))), gone(126, News::Erased));
    Delta {
        from: AreaCursor { area: AreaNo(4), floor: 120, reached: 120 },
        to: AreaCursor { area: AreaNo(4), floor: 124, reached: 124 },
        records: vec![told, whole, left, erased],
        digests: vec![(0, [0xaa; 16]), (1, [0xbb; 16])],
        mark: 0,
    }
}

/// The suite that messages of a version name; `None` in the first.
fn named(version: u8) -> Option<Suite> {
    (version > OLDEST_PROTOCOL).then_some(SUITE)
}

fn signed_receipt(version: u8) -> Receipt {
    let mut signed = Receipt {
        suite: named(version),
        feed: FEED,
        first: 1,
        n: 3,
        hash: EntryHash([0x55; 32]),
        refused: vec![(2, Refusal::of_field(Code::FieldForbidden, "review", "grid_worker may not write it"))],
        stopped: Some(Refusal::new(Code::FeedGap, "entry 4 comes first")),
        signature: [0; 64],
    };
    receipt::sign(&key(), ServerEpoch(1), &mut signed);
    signed
}

fn signed_notice(version: u8) -> Restored {
    let mut signed = Restored {
        suite: named(version),
        former: ServerEpoch(1),
        epoch: ServerEpoch(2),
        at: AT,
        known: vec![(FEED, 3)],
        signature: [0; 64],
    };
    recovery::sign(&key(), &mut signed);
    signed
}

fn of_frames(version: u8) -> Vec<Case> {
    let area = AreaInfo {
        no: AreaNo(4),
        parent: Some(AreaNo(3)),
        code: "G1".into(),
        kind: "basic_grid".into(),
        name: "第一网格".into(),
        edges: Vec::new(),
    };
    let grant = |to| Grant { role: "grid_worker".into(), area: AreaNo(4), from: 0, to };
    let welcome = Welcome {
        suite: named(version),
        device: DeviceNo(3),
        server_epoch: ServerEpoch(1),
        server_key: key().verifying_key().to_bytes(),
        user: "w1".into(),
        name: "王某".into(),
    };
    let ruling = Ruling { feed: FEED, n: 2, admitted: true, by: "s1".into(), at: AT, note: "属实".into() };
    let marked = Delta { mark: 0x21b2, ..delta() };
    let mut frames = vec![
        ("frame-end", Frame::End { more: true }),
        ("frame-time", Frame::Time { at: AT, epoch: ServerEpoch(1) }),
        ("frame-receipt", Frame::Receipt(signed_receipt(version))),
        ("frame-delta", Frame::Delta(delta())),
        ("frame-granted", Frame::Granted(area)),
        ("frame-withdrawn", Frame::Withdrawn(AreaNo(4))),
        (
            "frame-grants",
            Frame::Grants(GrantSet { grants: vec![grant(None), grant(Some(AT))], territory: 7 }),
        ),
        ("frame-schema", Frame::Schema("{}".into())),
        ("frame-welcome", Frame::Welcome(welcome)),
        ("frame-lease", Frame::Lease(Lease { until: AT, secret: [0x66; 32] })),
        ("frame-reads-kept", Frame::ReadsKept(7)),
        ("frame-ruling", Frame::Ruling(ruling)),
        ("frame-restored", Frame::Restored(signed_notice(version))),
        ("frame-recovery", Frame::Recovery(RecoveryPhase::Settling)),
    ];
    let case = |(name, frame): (&str, Frame)| Case {
        name: name.to_owned(),
        what: "a frame of an answer",
        value: json!(format!("{frame:?}")),
        bytes: frames::write_frame(&frame),
        reads_back: Box::new(move |bytes| {
            let mut arrived = bytes.to_vec();
            frames::take_frame(&mut arrived, &NoNames) == Ok(Some(frame.clone())) && arrived.is_empty()
        }),
    };
    if version > OLDEST_PROTOCOL {
        frames.push(("frame-delta-marked", Frame::Delta(marked)));
        let times = Times { feed: FEED, n: 9, at: vec![AT, AT + 60_000] };
        frames.push(("frame-times", Frame::Times(times)));
    }
    frames.into_iter().map(case).collect()
}

fn fixture(version: u8, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/wire/{version}")).join(name)
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// Hex in lines of 32 bytes.
fn lines_of(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|line| hex(line) + "\n").collect()
}

#[test]
fn every_message_has_the_bytes_it_always_had() {
    (OLDEST_PROTOCOL..=PROTOCOL).for_each(compare);
}

fn compare(version: u8) {
    let cases: Vec<Case> =
        of_entries().into_iter().chain(of_requests(version)).chain(of_frames(version)).collect();
    let bless = std::env::var_os("GRIDLEDGER_BLESS").is_some();
    for case in &cases {
        let (bytes, text) = (
            fixture(version, &format!("{}.hex", case.name)),
            fixture(version, &format!("{}.json", case.name)),
        );
        let described = json!({ "what": case.what, "bytes": case.bytes.len(), "value": case.value });
        let described = serde_json::to_string_pretty(&described).expect("JSON") + "\n";
        if bless {
            std::fs::create_dir_all(fixture(version, "")).expect("the folder of fixtures");
            std::fs::write(&bytes, lines_of(&case.bytes)).expect("a fixture");
            std::fs::write(&text, &described).expect("a description");
        }
        let read = |path: &PathBuf| {
            std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        };
        let golden = bytes_of(&read(&bytes));
        assert_eq!(hex(&case.bytes), hex(&golden), "{} is written otherwise", case.name);
        assert_eq!(described, read(&text), "{} is described otherwise", case.name);
        assert!((case.reads_back)(&golden), "{} reads back as something else", case.name);
    }
    let there = std::fs::read_dir(fixture(version, "")).expect("fixtures").count();
    assert_eq!(there, cases.len() * 2, "fixtures that no case names");
}
