//! The views, spelled for an engine. The same names, columns and meaning on all; the types are each one's own.
//!
//! What tools may see stands masked in `shown`; nothing else that a person wrote is read here. So whoever reads one view learns
//! nothing of another by a trick with the order in which conditions are looked at.

use std::fmt::Write as _;

use gridledger_schema::set::Label;

use crate::store::sql::Spelling;
use crate::store::tools::{ToolColumn, ToolKind, ToolLedger};

/// Every view: its name, and the statement that makes it.
pub fn views(spelling: Spelling, ledgers: &[ToolLedger], codes: &[[String; 5]]) -> Vec<(String, String)> {
    let mut views = vec![areas(spelling), gone(spelling), names_of_columns(ledgers)];
    if !codes.is_empty() {
        views.push(names_of_codes(codes));
    }
    views.extend(ledgers.iter().map(|of| ledger(spelling, of)));
    views
}

fn ledger(spelling: Spelling, of: &ToolLedger) -> (String, String) {
    let name = format!("ledger_{}", of.record_type);
    let mut sql = format!(
        "CREATE VIEW \"{name}\" AS SELECT {} AS id, r.type AS type, a.code AS area, a.name AS area_name,
           {} AS created_at, r.created_by AS created_by, {} AS changed_at, r.changed_by AS changed_by,
           r.last AS changed_position",
        id(spelling, "r.record"),
        time(spelling, "r.created_at"),
        time(spelling, "r.changed_at"),
    );
    for column in &of.columns {
        let _ = write!(sql, ",\n  {} AS \"{}\"", value(spelling, column), column.name);
    }
    let _ = write!(
        sql,
        "\nFROM records r JOIN areas a ON a.area = r.area LEFT JOIN ledger l ON l.record = r.record AND l.facet = 0{}
         WHERE r.type = {} AND r.erased = 0",
        members(spelling, &of.columns),
        text(&of.record_type),
    );
    (name, sql)
}

/// The areas, and how far the log of each has come.
fn areas(spelling: Spelling) -> (String, String) {
    let sql = format!(
        "CREATE VIEW ledgers_areas AS SELECT a.code AS area, a.name AS area_name, a.kind AS kind, b.code AS above,
           {} AS closed_at, a.head AS changed_position FROM areas a LEFT JOIN areas b ON b.area = a.parent",
        time(spelling, "a.closed")
    );
    ("ledgers_areas".into(), sql)
}

/// Records that are in no ledger of an area any more.
fn gone(spelling: Spelling) -> (String, String) {
    let id = id(spelling, "r.record");
    let sql = format!(
        "CREATE VIEW ledgers_gone AS
         SELECT {id} AS id, r.type AS type, a.code AS area, r.last AS changed_position, 'erased' AS why,
           CAST(NULL AS TEXT) AS now_in
         FROM records r JOIN areas a ON a.area = r.area WHERE r.erased = 1
         UNION ALL
         SELECT {id}, r.type, a.code, d.seq, 'moved', b.code
         FROM departures d JOIN records r ON r.record = d.record JOIN areas a ON a.area = d.area
         JOIN areas b ON b.area = d.to_area"
    );
    ("ledgers_gone".into(), sql)
}

fn names_of_columns(ledgers: &[ToolLedger]) -> (String, String) {
    let row = |of: &ToolLedger, column: &ToolColumn| {
        let Label { zh, en } = &column.label;
        let masked = if column.masked { "TRUE" } else { "FALSE" };
        let [of, name, kind] = [&of.record_type, &*column.name, column.kind.as_str()].map(text);
        format!("({of}, {name}, {kind}, {masked}, {}, {})", text(zh), text(en))
    };
    let rows: Vec<String> = ledgers
        .iter()
        .flat_map(|of| of.columns.iter().map(move |column| row(of, column)))
        .collect();
    let sql = format!(
        "CREATE VIEW ledgers_columns (type, name, kind, masked, zh, en) AS VALUES {}",
        rows.join(",\n")
    );
    ("ledgers_columns".into(), sql)
}

fn names_of_codes(codes: &[[String; 5]]) -> (String, String) {
    let row = |parts: &[String; 5]| format!("({})", parts.each_ref().map(|part| text(part)).join(", "));
    let rows: Vec<String> = codes.iter().map(row).collect();
    let sql = format!(
        "CREATE VIEW ledgers_codes (type, name, code, zh, en) AS VALUES {}",
        rows.join(",\n")
    );
    ("ledgers_codes".into(), sql)
}

/// What makes the members of `shown` readable by name.
fn members(spelling: Spelling, columns: &[ToolColumn]) -> String {
    if spelling == Spelling::Sqlite {
        return String::new();
    }
    let members = columns.iter().map(|column| {
        let kind = match column.kind {
            ToolKind::Text => "text",
            ToolKind::Whole | ToolKind::Time => "bigint",
            ToolKind::Number => "double precision",
            ToolKind::YesNo => "boolean",
            ToolKind::Json => "jsonb",
        };
        format!("\"{}\" {kind}", column.key)
    });
    let members: Vec<String> = members.collect();
    format!(
        "\nLEFT JOIN LATERAL json_to_record(CAST(l.shown AS json)) AS s({}) ON true",
        members.join(", ")
    )
}

fn value(spelling: Spelling, column: &ToolColumn) -> String {
    let member = match spelling {
        Spelling::Postgres => format!("s.\"{}\"", column.key),
        Spelling::Sqlite => format!("json_extract(l.shown, '$.\"{}\"')", column.key),
    };
    match (spelling, column.kind) {
        (_, ToolKind::Time) => time(spelling, &member),
        (Spelling::Sqlite, ToolKind::Number) => format!("CAST({member} AS REAL)"),
        _ => member,
    }
}

/// A record's id as people and programs write it.
fn id(spelling: Spelling, bytes: &str) -> String {
    match spelling {
        Spelling::Postgres => format!("CAST(CAST(encode({bytes}, 'hex') AS uuid) AS text)"),
        Spelling::Sqlite => {
            let part = |from: u32, count: u32| format!("substr(hex({bytes}), {from}, {count})");
            let parts = [part(1, 8), part(9, 4), part(13, 4), part(17, 4), part(21, 12)];
            format!("lower({})", parts.join(" || '-' || "))
        }
    }
}

/// A time from ms since 1970.
fn time(spelling: Spelling, ms: &str) -> String {
    match spelling {
        Spelling::Postgres => format!("(timestamptz 'epoch' + {ms} * interval '1 millisecond')"),
        Spelling::Sqlite => format!("strftime('%Y-%m-%dT%H:%M:%fZ', {ms} / 1000.0, 'unixepoch')"),
    }
}

fn text(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
