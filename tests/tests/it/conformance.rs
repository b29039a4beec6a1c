//! Entries, logs, records and ledgers: what every engine of the store promises. (People are in `store_people`.)

use std::collections::BTreeSet;

use gridledger_core::canonical;
use gridledger_core::document::Document;
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, EntryHash, FeedId, RecordId};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaCursor, Grant};
use gridledger_server::store::rows::people::{FeedRow, NewUser};
use gridledger_server::store::rows::records::{
    CheckedSegment, Heard, LedgerQuery, Push, SegmentVerdict, SignedEntry,
};
use gridledger_tests::engines::on_every_engine;
use gridledger_tests::kept::Kept;
use serde_json::{Value, json};

const NOW: i64 = 1_767_571_200_000;

/// Two grids, and who works in the first.
fn town(store: Kept<'_>) -> (AreaNo, AreaNo) {
    store.add_grids(["G1", "G2"]).into()
}

/// A feed and how far it is written.
#[derive(Clone)]
struct Author {
    row: FeedRow,
    n: u64,
    hash: EntryHash,
    area: AreaNo,
}

impl Author {
    fn new(store: Kept<'_>, login: &str, number: u8, area: AreaNo) -> Self {
        let grant = Grant { role: "grid_worker".into(), area, from: 0, to: None };
        let user = NewUser { login: login.into(), name: login.into(), password: None, grants: vec![grant] };
        store.put_users(&[user], 0);
        let user = store.account(login).no;
        let row = FeedRow {
            feed: FeedId([number; 16]),
            device: None,
            user,
            author: login.into(),
            public_key: [number; 32],
            suite: Suite::default(),
            ordinal: 0,
        };
        store.put_feed(&row);
        Self { row, n: 0, hash: EntryHash::ZERO, area }
    }

    fn sign(&mut self, mut entry: Entry) -> SignedEntry {
        entry.n = self.n + 1;
        let body = canonical::encode(&entry);
        (self.n, self.hash) = (entry.n, canonical::hash(Suite::default(), self.hash, &body));
        SignedEntry { entry, body, hash: self.hash }
    }

    fn create(&mut self, note: &str) -> SignedEntry {
        let target = Target::Create { record_type: "patrol".into(), area: self.area };
        self.sign(entry(target, 0, vec![put("started", json!(NOW)), put("coverage_note", json!(note))]))
    }

    fn edit(&mut self, record: RecordId, cursor: u64, note: &str) -> SignedEntry {
        self.sign(entry(Target::Edit { record }, cursor, vec![put("coverage_note", json!(note))]))
    }

    fn segment(&self, entries: Vec<SignedEntry>) -> CheckedSegment {
        CheckedSegment {
            heard: Heard::everything(),
            again: None,
            feed: self.row.clone(),
            entries,
            signature: [0; 64],
        }
    }

    fn push(&self, store: Kept<'_>, entries: Vec<SignedEntry>) -> SegmentVerdict {
        let push = Push { carrier: None, segments: vec![self.segment(entries)], now: NOW };
        store.push(push).remove(0)
    }
}

fn entry(target: Target, cursor: u64, intents: Vec<Intent>) -> Entry {
    Entry { n: 0, at: NOW, cursor, role: "grid_worker".into(), target, intents }
}

fn put(field: &str, value: Value) -> Intent {
    let field = field.to_owned();
    Intent { facet: 0, field, op: Op::Put { value } }
}

/// How many changes a stored document holds.
#[track_caller]
fn change_count(document: &[u8]) -> usize {
    match Document::load_checked(document) {
        Ok(document) => document.change_count(),
        Err(error) => panic!("the document cannot be read: {error}"),
    }
}

fn codes(verdict: &SegmentVerdict) -> (Vec<(u64, Code)>, Option<Code>) {
    let refused = verdict.refused.iter().map(|(n, refusal)| (*n, refusal.code)).collect();
    (refused, verdict.stopped.as_ref().map(|refusal| refusal.code))
}

#[test]
fn a_push_is_stored_once_however_often_it_comes() {
    on_every_engine(|store| {
        let (area, _) = town(store);
        let mut author = Author::new(store, "w1", 1, area);
        let entries = vec![author.create("一"), author.create("二")];
        let first = author.push(store, entries.clone());
        assert_eq!((first.n, first.hash, codes(&first)), (2, author.hash, (vec![], None)));
        assert_eq!(author.push(store, entries.clone()), first);
        // A resend that has grown is decided from where it is new.
        let grown = [entries, vec![author.create("三")]].concat();
        assert_eq!(author.push(store, grown).n, 3);
        assert_eq!(store.counts(), (3, 3, 0));
        assert_eq!(store.head(area).seq, 3);
        assert_eq!(store.entry_hash(author.row.feed, 0), Some(EntryHash::ZERO));
        assert_eq!(store.entry_hash(author.row.feed, 3), Some(author.hash));
        assert_eq!(store.entry_hash(author.row.feed, 4), None);
    });
}

#[test]
fn a_gap_and_a_fork_stop_a_segment_and_leave_nothing() {
    on_every_engine(|store| {
        let (area, _) = town(store);
        let mut author = Author::new(store, "w1", 1, area);
        let mut other = author.clone();
        let (first, second) = (author.create("一"), author.create("二"));
        let gap = author.push(store, vec![second.clone()]);
        assert_eq!((gap.n, codes(&gap)), (0, (vec![], Some(Code::FeedGap))));
        assert_eq!(author.push(store, vec![first, second]).n, 2);
        let forked = vec![other.create("另"), other.create("外"), other.create("三")];
        let fork = author.push(store, forked);
        assert_eq!(
            (fork.n, fork.hash, codes(&fork)),
            (0, EntryHash::ZERO, (vec![], Some(Code::FeedForked))),
            "nothing of it is held alike"
        );
        assert_eq!(store.counts(), (2, 2, 0));
    });
}

#[test]
fn a_refusal_is_kept_and_said_again() {
    on_every_engine(|store| {
        let (area, elsewhere) = town(store);
        let mut author = Author::new(store, "w1", 1, area);
        let good = author.create("一");
        let record = good.entry.record(author.row.feed);
        author.area = elsewhere;
        let bad = author.create("二");
        let gone = bad.entry.record(author.row.feed);
        let on_bad = author.edit(gone, 0, "三");
        let last = author.edit(record, 0, "四");
        let entries = vec![good, bad, on_bad, last];
        let verdict = author.push(store, entries.clone());
        let refused = vec![(2, Code::RoleNotHeld), (3, Code::RecordUnknown)];
        assert_eq!((verdict.n, codes(&verdict)), (4, (refused, None)));
        assert_eq!(author.push(store, entries), verdict, "the same words again");
        assert_eq!(store.counts(), (1, 4, 2));
        assert!(store.record(gone).is_none());
        let history = store.history(gone);
        assert_eq!(history.len(), 2);
        assert!(history.iter().all(|row| row.log.is_none() && row.refusal.is_some()));
        let kept: Vec<u64> = store.history(record).iter().filter_map(|r| Some(r.log.as_ref()?.n)).collect();
        assert_eq!(kept, [1, 4]);
        assert_eq!((store.head(area).seq, store.head(elsewhere).seq), (2, 0));
    });
}

#[test]
fn one_push_may_carry_many_feeds_and_one_of_them_twice() {
    on_every_engine(|store| {
        let (area, _) = town(store);
        let (mut one, mut two) = (Author::new(store, "w1", 1, area), Author::new(store, "w2", 2, area));
        let (first, second) = (one.create("一"), one.create("二"));
        let segments = vec![
            one.segment(vec![first.clone()]),
            two.segment(vec![two.clone().create("乙")]),
            one.segment(vec![first, second]),
        ];
        two.create("乙");
        let push = Push { carrier: None, segments, now: NOW };
        let verdicts = store.push(push);
        assert_eq!(verdicts.iter().map(|v| v.n).collect::<Vec<_>>(), [1, 1, 2]);
        assert!(verdicts.iter().all(|v| codes(v) == (vec![], None)));
        assert_eq!(store.counts(), (3, 3, 0));
    });
}

#[test]
fn news_come_in_the_order_of_the_last_change_and_go_on_where_they_stopped() {
    on_every_engine(|store| {
        let (area, _) = town(store);
        let mut author = Author::new(store, "w1", 1, area);
        let made: Vec<SignedEntry> = (0..6).map(|i| author.create(&format!("第{i}"))).collect();
        let records: Vec<RecordId> = made.iter().map(|e| e.entry.record(author.row.feed)).collect();
        author.push(store, made);
        let edits = vec![author.edit(records[1], 6, "改"), author.edit(records[0], 6, "改")];
        author.push(store, edits);
        let all = |floor, reached| store.news(AreaCursor { area, floor, reached }, usize::MAX);
        let (head, rows) = all(0, 0);
        let (seq, digests) = (head.seq, head.digests);
        let now = store.head(area);
        assert_eq!((seq, digests), (now.seq, now.digests));
        let order: Vec<RecordId> = rows.iter().map(|row| row.row.record).collect();
        let wanted = [2, 3, 4, 5, 1, 0].map(|i| records[i]);
        assert_eq!(order, wanted);
        let lines = |i: usize, rows: &[gridledger_server::store::rows::records::RecordNewsRow]| -> Vec<u64> {
            rows[i].entries.iter().map(|(line, ..)| line.seq).collect()
        };
        assert_eq!((lines(4, &rows), lines(5, &rows)), (vec![2, 7], vec![1, 8]));
        // From a floor on, only what came after it; from a place reached on, only records changed after it.
        let (_, rows) = all(6, 6);
        assert_eq!((rows.len(), lines(0, &rows), lines(1, &rows)), (2, vec![7], vec![8]));
        let (_, rows) = all(0, 7);
        assert_eq!((rows.len(), lines(0, &rows)), (1, vec![1, 8]));
        assert!(all(8, 8).1.is_empty());
        // Page by page, each record once.
        let (mut reached, mut told) = (0, Vec::new());
        loop {
            let (_, rows) = store.news(AreaCursor { area, floor: 0, reached }, 1);
            let Some(last) = rows.last() else { break };
            reached = last.row.last;
            told.extend(rows.iter().map(|row| row.row.record));
        }
        assert_eq!(told, wanted);
    });
}

#[test]
fn records_names_documents_and_ledger_tell_one_story() {
    on_every_engine(|store| {
        let (area, elsewhere) = town(store);
        let mut author = Author::new(store, "w1", 1, area);
        let made = author.create("一");
        let record = made.entry.record(author.row.feed);
        let edit = author.edit(record, 1, "二");
        author.push(store, vec![made]);
        author.push(store, vec![edit]);
        let (row, documents) = store.record(record).expect("the record");
        assert_eq!(
            (row.area, row.record_type.as_str(), row.created, row.last, row.entries),
            (area, "patrol", 1, 2, 2)
        );
        assert_eq!((row.created_by.as_str(), row.changed_by.as_str(), row.changed_at), ("w1", "w1", NOW));
        assert_eq!(change_count(&documents[0].bytes), 2);
        let digest = store.head(area).digests;
        assert_eq!(digest, [(0, documents[0].term)], "one document is the whole digest");
        assert_eq!(store.record_named(area, 1), Some(record));
        assert_eq!((store.record_named(area, 2), store.record_named(elsewhere, 1)), (None, None));
        let ledger = store.ledger_row(record).expect("a ledger row");
        assert_eq!(ledger.record, row);
        assert_eq!(ledger.views[0].1["coverage_note"], "二");
        assert_eq!(store.records_of(area), [row]);
        assert!(store.records_of(elsewhere).is_empty());
        assert!(store.ledger_row(RecordId([9; 16])).is_none());
    });
}

#[test]
fn ledger_pages_cover_every_area_once() {
    on_every_engine(|store| {
        let (area, elsewhere) = town(store);
        let (mut one, mut two) = (Author::new(store, "w1", 1, area), Author::new(store, "w2", 2, elsewhere));
        let here: Vec<SignedEntry> = (0..5).map(|i| one.create(&format!("甲{i}"))).collect();
        let there: Vec<SignedEntry> = (0..4).map(|i| two.create(&format!("乙{i}"))).collect();
        one.push(store, here);
        two.push(store, there);
        let mut areas = vec![(area, 0), (elsewhere, 0)];
        let mut notes = Vec::new();
        loop {
            let query = LedgerQuery { record_type: "patrol".into(), areas: areas.clone(), limit: 3 };
            let page = store.ledger(&query).rows;
            assert!(page.len() <= 3);
            let Some(_) = page.first() else { break };
            for row in page {
                let place =
                    areas.iter_mut().find(|(no, _)| *no == row.record.area).expect("an area asked for");
                assert!(place.1 < row.record.last);
                place.1 = row.record.last;
                notes.push(row.views[0].1["coverage_note"].as_str().unwrap_or("?").to_owned());
            }
        }
        assert_eq!(notes, ["甲0", "甲1", "甲2", "甲3", "甲4", "乙0", "乙1", "乙2", "乙3"]);
        let none = LedgerQuery { record_type: "ticket".into(), areas: vec![(area, 0)], limit: 9 };
        let page = store.ledger(&none);
        assert_eq!((page.rows, page.read), (vec![], vec![(area, 5)]), "all of it was read");
    });
}

#[test]
fn a_log_written_by_many_has_no_gap_and_shows_none_while_it_grows() {
    const WRITERS: u8 = 8;
    const PUSHES: usize = 12;
    on_every_engine(|store| {
        let (area, _) = town(store);
        let authors: Vec<Author> =
            (1..=WRITERS).map(|i| Author::new(store, &format!("w{i}"), i, area)).collect();
        let whole = u64::from(WRITERS) * PUSHES as u64 * 2;
        std::thread::scope(|scope| {
            for mut author in authors {
                scope.spawn(move || {
                    for i in 0..PUSHES {
                        let made = author.create(&format!("{i}"));
                        let record = made.entry.record(author.row.feed);
                        let edit = author.edit(record, 0, "改");
                        let verdict = author.push(store, vec![made, edit]);
                        assert_eq!(codes(&verdict), (vec![], None));
                    }
                });
            }
            for _ in 0..3 {
                scope.spawn(move || follow(store, area, whole));
            }
        });
        let (records, entries, refused) = store.counts();
        assert_eq!((records, entries, refused), (whole / 2, whole, 0));
        let seqs: BTreeSet<u64> = store
            .records_of(area)
            .iter()
            .flat_map(|row| store.history(row.record))
            .filter_map(|row| Some(row.log?.seq))
            .collect();
        assert!(seqs.into_iter().eq(1..=whole));
    });
}

/// Reads a log as it grows: what came up to a place is all there was up to it, for ever.
fn follow(store: Kept<'_>, area: AreaNo, whole: u64) {
    let (mut at, mut seen) = (0, BTreeSet::new());
    while at < whole {
        let cursor = AreaCursor { area, floor: at, reached: at };
        let (head, rows) = store.news(cursor, usize::MAX);
        for (line, ..) in rows.iter().flat_map(|row| &row.entries) {
            assert!(line.seq > at && line.seq <= head.seq && seen.insert(line.seq));
        }
        assert_eq!(seen.len() as u64, head.seq, "a reader at {at} was told of a log up to {}", head.seq);
        let sum: u128 = store.head(area).digests.iter().fold(0, |sum, (_, d)| sum.wrapping_add(*d));
        assert!(head.seq == 0 || sum != 0);
        at = head.seq;
        std::thread::yield_now();
    }
}

#[test]
fn settings_and_identity_outlive_everything_else() {
    on_every_engine(|store| {
        let identity = store.identity();
        assert_eq!(identity.epoch, store.identity().epoch);
        assert_eq!(store.setting("a"), None);
        store.set_setting("a", b"1");
        store.set_setting("a", b"2");
        assert_eq!(store.setting("a").as_deref(), Some(&b"2"[..]));
        store.ready();
        store.close();
        assert!(store.asked().set_setting("a", b"3").is_err_and(|error| error.is_retryable()));
    });
}
