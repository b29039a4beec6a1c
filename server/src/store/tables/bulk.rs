//! Rows by the million, for the benchmark: records that the server has written, again and again under other ids, spread over grids
//! that come round in turn.
//!
//! Entry number `i` (from 0) is in grid `i % areas`, at position `i / areas + 1` of its log, of record number `i % records`, and in one
//! of three feeds of the grid. So each grid has as many records and entries as every other, whatever the size.

use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use sha2::{Digest as _, Sha256};

use crate::store::StoreError;
use crate::store::sql::{Connection, Spelling};

/// The number of the first grid.
pub const FIRST_AREA: u32 = 1_000_000;
/// The number of feeds that write in a grid.
pub const FEEDS: u64 = 3;
/// The tables that are filled; their indexes are made afterwards.
pub const FILLED: &[&str] = &["records", "documents", "ledger", "entries", "log"];

/// The amounts to make; `records` is a multiple of `areas`.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub areas: u64,
    pub records: u64,
    pub entries: u64,
}

impl Size {
    /// Positions of each grid's log, at least.
    pub fn head(self) -> u64 {
        self.entries / self.areas
    }

    /// How far the first feed of the first grid is.
    pub fn feed_head(self) -> u64 {
        self.entries.div_ceil(self.areas).div_ceil(FEEDS)
    }
}

/// The feed of a worker of the first grid.
pub fn feed(worker: u64) -> FeedId {
    FeedId(id(&format!("f{worker}")))
}

/// A record of the first grid, by its place there.
pub fn record(size: Size, place: u64) -> RecordId {
    RecordId(id(&format!("r{}", place * size.areas)))
}

/// The first grid.
pub const fn first_area() -> AreaNo {
    AreaNo(FIRST_AREA)
}

/// The key all feeds are said to have, and the hash all entries are.
pub const FILLER: [u8; 32] = [7; 32];

fn id(text: &str) -> [u8; 16] {
    let hash = Sha256::digest(text);
    hash[..16].try_into().expect("BUG: 16 of 32 bytes")
}

/// Makes the rows. `patterns` are records written by the server, whose log lines, entries, documents and ledger rows are repeated; a `#`
/// in a ledger row becomes the record's number. `user` writes all of them; `above` is the area the grids lie in.
pub fn fill(
    c: &Connection<'_>,
    size: Size,
    patterns: &[RecordId],
    (user, above): (u32, AreaNo),
) -> Result<(), StoreError> {
    let rebuild = drop_indexes(c)?;
    c.execute_batch(
        "CREATE TEMP TABLE pattern (no BIGINT, k BIGINT, record BYTEA, type TEXT, body BYTEA, facets BIGINT)",
    )?;
    for (no, record) in patterns.iter().enumerate() {
        c.execute(
            "INSERT INTO pattern SELECT CAST(?1 AS BIGINT), row_number() OVER (ORDER BY l.seq) - 1, r.record, r.type, e.body, l.facets
             FROM log l JOIN entries e ON e.feed = l.feed AND e.n = l.n JOIN records r ON r.record = l.record
             WHERE l.record = ?2",
            (no as i64, record.0),
        )?;
    }
    for sql in statements(c.spelling(), size, patterns.len(), (user, above)) {
        c.execute_batch(&sql)?;
    }
    rebuild.iter().try_for_each(|sql| c.execute_batch(sql))?;
    c.execute_batch("ANALYZE")?;
    Ok(())
}

fn statements(spelling: Spelling, size: Size, patterns: usize, (user, above): (u32, AreaNo)) -> Vec<String> {
    let Size { areas, records, entries } = size;
    let id = |text: &str| match spelling {
        Spelling::Postgres => format!("substr(sha256(convert_to({text}, 'UTF8')), 1, 16)"),
        Spelling::Sqlite => format!("sha256_16({text})"),
    };
    let series = |count: u64| match spelling {
        Spelling::Postgres => format!("generate_series(CAST(0 AS BIGINT), {}) AS s (i)", count - 1),
        Spelling::Sqlite => format!(
            "(WITH RECURSIVE s (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM s WHERE i < {}) SELECT i FROM s) AS s",
            count - 1
        ),
    };
    let filler = match spelling {
        Spelling::Postgres => "decode(repeat('07', 32), 'hex')",
        Spelling::Sqlite => "x'0707070707070707070707070707070707070707070707070707070707070707'",
    };
    let user_column = if spelling == Spelling::Postgres { "\"user\"" } else { "user" };
    let first = FIRST_AREA;
    let at = format!("({} + i)", 1_767_571_200_000u64);
    let feed_of_entry = id(&format!("'f' || (i % {areas} * {FEEDS} + i / {areas} % {FEEDS})"));
    let record_of = |i: &str| id(&format!("'r' || ({i})"));
    // The place of a record's last entry among all.
    let last = format!("(i + ({entries} - 1 - i) / {records} * {records})");
    let pattern = format!("p.no = i / {areas} % {patterns}");
    vec![
        format!(
            "INSERT INTO areas (area, code, parent, kind, name, head)
             SELECT {first} + i, 'b' || i, {}, 'basic_grid', 'b' || i, {entries} / {areas} + CASE WHEN i < {entries} % {areas} THEN 1 ELSE 0 END
             FROM {}",
            above.0,
            series(areas)
        ),
        format!(
            "INSERT INTO feeds (feed, device, {user_column}, author, public_key, ordinal, n, hash)
             SELECT {}, NULL, {user}, 'w1', {filler}, 0,
               ({entries} / {areas} + CASE WHEN i / {FEEDS} < {entries} % {areas} THEN 1 ELSE 0 END - i % {FEEDS} + {FEEDS} - 1) / {FEEDS}, {filler}
             FROM {}",
            id("'f' || i"),
            series(areas * FEEDS)
        ),
        format!(
            "INSERT INTO records (record, area, type, epoch, created, last, entries, entry_bytes, created_by, created_at, changed_by,
               changed_at)
             SELECT {}, {first} + i % {areas}, p.type, 0, i / {areas} + 1, {last} / {areas} + 1,
               ({entries} - 1 - i) / {records} + 1, 100 * (({entries} - 1 - i) / {records} + 1), 'w1', {at}, 'w1', {at}
             FROM {} JOIN pattern p ON {pattern} AND p.k = 0",
            record_of("i"),
            series(records)
        ),
        format!(
            "INSERT INTO documents SELECT {}, d.facet, d.bytes, d.term
             FROM {} JOIN pattern p ON {pattern} AND p.k = 0 JOIN documents d ON d.record = p.record",
            record_of("i"),
            series(records)
        ),
        format!(
            "INSERT INTO ledger SELECT {}, l.facet, replace(l.view, '#', CAST(i AS TEXT)), replace(l.shown, '#', CAST(i AS TEXT))
             FROM {} JOIN pattern p ON {pattern} AND p.k = 0 JOIN ledger l ON l.record = p.record",
            record_of("i"),
            series(records)
        ),
        format!(
            "INSERT INTO entries SELECT {feed_of_entry}, i / {areas} / {FEEDS} + 1, {}, p.body, {filler}, NULL, NULL, {at}
             FROM {} JOIN pattern p ON p.no = i % {records} / {areas} % {patterns} AND p.k = i / {records}",
            record_of(&format!("i % {records}")),
            series(entries)
        ),
        format!(
            "INSERT INTO log SELECT {first} + i % {areas}, i / {areas} + 1, {}, {feed_of_entry}, i / {areas} / {FEEDS} + 1, p.facets, NULL
             FROM {} JOIN pattern p ON p.no = i % {records} / {areas} % {patterns} AND p.k = i / {records}",
            record_of(&format!("i % {records}")),
            series(entries)
        ),
    ]
}

/// Takes the indexes off the large tables; returns what makes them again. SQLite's tables are their keys, and keep them.
fn drop_indexes(c: &Connection<'_>) -> Result<Vec<String>, StoreError> {
    if c.spelling() == Spelling::Sqlite {
        return Ok(Vec::new());
    }
    let tables: Vec<String> = FILLED.iter().map(|table| format!("'{table}'")).collect();
    let tables = tables.join(", ");
    let both = [
        format!(
            "SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || conname,
                    'ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid)
             FROM pg_constraint WHERE contype = 'p' AND conrelid::regclass::text IN ({tables})"
        ),
        format!(
            "SELECT 'DROP INDEX ' || indexname, indexdef FROM pg_indexes
             WHERE schemaname = current_schema() AND tablename IN ({tables})"
        ),
    ];
    let mut rebuild = Vec::new();
    for find in both {
        let mut select = c.prepare_cached(&find)?;
        let found = select.query_map((), |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
        for pair in found {
            let (drop, make) = pair?;
            c.execute_batch(&drop)?;
            rebuild.push(make);
        }
    }
    Ok(rebuild)
}
