//! The read log: its chain, what devices bring, and how its rows are found among many.

use gridledger_schema::set::SchemaSet;

use super::*;
use crate::ingest;
use crate::store::Store;
use crate::store::shared::steps::STEPS;
use crate::store::sql::SqliteLink;
use crate::store::sqlite::migrations;

fn read(user: &str, record: u8, at: i64) -> NewRead {
    NewRead {
        at,
        received_at: at,
        user: user.into(),
        device: None,
        device_n: None,
        kind: ReadKind::View,
        subject: "person".into(),
        area: Some(AreaNo(4)),
        fields: vec!["name".into()],
        reason: "核对档案".into(),
        records: vec![RecordId([record; 16])],
        share: None,
    }
}

fn brought(n: u64, record: u8) -> NewRead {
    NewRead {
        device: Some(DeviceNo(3)),
        device_n: Some(n),
        kind: ReadKind::Offline,
        ..read("w1", record, 1_000)
    }
}

struct Opened {
    store: Store,
    dir: tempfile::TempDir,
}

fn open() -> Opened {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("server.db");
    let store = Store::open_sqlite(&path, ingest::decider(SchemaSet::builtin())).unwrap();
    Opened { store, dir }
}

impl Opened {
    fn all(&self) -> Vec<ReadRow> {
        let query = ReadQuery { limit: 1_000, ..ReadQuery::default() };
        self.store.reads(&query).unwrap()
    }

    fn spoil(&self, sql: &str) {
        let c = rusqlite::Connection::open(self.dir.path().join("server.db")).unwrap();
        c.execute_batch(sql).unwrap();
    }
}

#[test]
fn every_change_of_a_row_breaks_the_chain_where_it_is() {
    for (sql, no) in [
        ("UPDATE read_log SET reason = 'another' WHERE no = 2", 2),
        ("UPDATE read_log SET user = 'w2' WHERE no = 1", 1),
        ("UPDATE read_log SET records = zeroblob(16) WHERE no = 3", 3),
        ("UPDATE read_log SET fields = '[]' WHERE no = 2", 2),
        ("UPDATE read_log SET at = at + 1 WHERE no = 2", 2),
        ("UPDATE read_log SET area = NULL WHERE no = 2", 2),
        ("DELETE FROM read_log WHERE no = 2", 2),
        ("UPDATE read_log SET hash = zeroblob(32) WHERE no = 2", 2),
    ] {
        let opened = open();
        opened.store.log_reads((1..=3).map(|n| read("w1", n, i64::from(n))).collect()).unwrap();
        let head = chain::check(&opened.store).unwrap().unwrap();
        assert_eq!((head.no, head.hash), (3, opened.all()[2].hash));
        opened.spoil(sql);
        let broken = chain::check(&opened.store).unwrap().unwrap_err();
        assert_eq!(broken.no, no, "{sql}: {broken:?}");
    }
}

#[test]
fn what_a_device_brings_is_written_once_and_what_it_left_out_is_noted() {
    let opened = open();
    opened.store.log_reads(vec![brought(1, 1), brought(2, 2)]).unwrap();
    // The answer was lost; then a phone whose rows 3 and 4 are gone.
    opened.store.log_reads(vec![brought(1, 1), brought(2, 2), brought(5, 5)]).unwrap();
    // An older copy of the phone goes on with a number that was used.
    opened.store.log_reads(vec![brought(2, 9)]).unwrap();
    opened.store.log_reads(vec![brought(2, 9), brought(5, 5), brought(6, 6)]).unwrap();
    let told: Vec<_> =
        opened.all().into_iter().map(|row| (row.read.kind, row.read.device_n, row.read.subject)).collect();
    let offline = |n| (ReadKind::Offline, Some(n), "person".to_owned());
    assert_eq!(
        told,
        [
            offline(1),
            offline(2),
            (ReadKind::Missing, None, "3-4".to_owned()),
            offline(5),
            offline(2),
            offline(6),
        ]
    );
    assert!(chain::check(&opened.store).unwrap().is_ok());
}

#[test]
fn a_clock_that_was_set_back_does_not_take_the_order_with_it() {
    let opened = open();
    opened.store.log_reads(vec![read("w1", 1, 5_000)]).unwrap();
    opened.store.log_reads(vec![read("w1", 2, 1_000)]).unwrap();
    let from = |from, to| ReadQuery { from: Some(from), to, limit: 10, ..ReadQuery::default() };
    assert_eq!(opened.store.reads(&from(5_000, None)).unwrap().len(), 2);
    assert_eq!(opened.store.reads(&from(0, Some(5_000))).unwrap(), []);
    assert_eq!(opened.all()[1].read.at, 1_000, "when it was seen stands as it was told");
}

#[test]
fn rows_are_found_by_record_by_person_by_share_and_by_time() {
    let opened = open();
    let shared = NewRead { share: Some(7), kind: ReadKind::Share, ..read("dept", 2, 30) };
    opened.store.log_reads(vec![read("w1", 1, 10), read("w2", 1, 20), shared, read("w1", 2, 40)]).unwrap();
    let found = |query: ReadQuery| {
        let rows = opened.store.reads(&ReadQuery { limit: 10, ..query }).unwrap();
        rows.into_iter().map(|row| row.no).collect::<Vec<_>>()
    };
    let all = ReadQuery::default;
    assert_eq!(found(ReadQuery { record: Some(RecordId([1; 16])), ..all() }), [1, 2]);
    assert_eq!(found(ReadQuery { user: Some("w1".into()), ..all() }), [1, 4]);
    assert_eq!(found(ReadQuery { share: Some(7), ..all() }), [3]);
    assert_eq!(found(ReadQuery { from: Some(20), to: Some(40), ..all() }), [2, 3]);
    assert_eq!(found(ReadQuery { record: Some(RecordId([2; 16])), user: Some("w1".into()), ..all() }), [4]);
    assert_eq!(found(ReadQuery { after: 3, ..all() }), [4]);
}

#[test]
fn no_question_walks_through_the_whole_log() {
    let mut c = rusqlite::Connection::open_in_memory().unwrap();
    migrations::migrate(&mut c, STEPS).unwrap();
    let all = ReadQuery { from: Some(1), to: Some(2), limit: 100, ..ReadQuery::default() };
    let cases = [
        (all.clone(), "SEARCH r USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (
            ReadQuery { user: Some("w1".into()), ..all.clone() },
            "SEARCH r USING INDEX read_log_user (user=? AND no>? AND no<?)",
        ),
        (
            ReadQuery { share: Some(1), ..all.clone() },
            "SEARCH r USING INDEX read_log_share (share=? AND no>? AND no<?)",
        ),
        (
            ReadQuery { kind: Some(ReadKind::Over), ..all.clone() },
            "SEARCH r USING INDEX read_log_kind (kind=? AND no>? AND no<?)",
        ),
        (
            ReadQuery { record: Some(RecordId([1; 16])), ..all },
            "SEARCH x USING PRIMARY KEY (record=? AND no>? AND no<?)",
        ),
    ];
    for (query, step) in cases {
        let link = SqliteLink::new(&c);
        let (sql, values) = statement(&Connection::new(&link), &query).unwrap();
        let steps = plan(&c, &sql, values);
        assert_eq!(steps[0], step);
        assert!(steps.iter().all(|step| step.starts_with("SEARCH ")), "{steps:?}");
    }
    let first = plan(&c, FIRST_AT, vec![1i64.cell()]);
    assert_eq!(first, ["SEARCH read_log USING COVERING INDEX read_log_received (received_at>?)"]);
    let alone = plan(&c, SEEN, vec!["w1".cell(), 1i64.cell(), 2i64.cell(), COUNTED.cell()]);
    let step = "SEARCH seen_alone USING COVERING INDEX seen_alone_at (user=? AND at>? AND at<?)";
    assert!(alone.iter().any(|found| found == step), "{alone:?}");
    assert!(alone.iter().all(|found| !found.starts_with("SCAN seen_alone")), "{alone:?}");
}

fn plan(c: &rusqlite::Connection, sql: &str, values: Vec<Cell>) -> Vec<String> {
    let mut explain = c.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = explain.query_map(rusqlite::params_from_iter(values), |row| row.get(3)).unwrap();
    steps.collect::<Result<_, _>>().unwrap()
}
