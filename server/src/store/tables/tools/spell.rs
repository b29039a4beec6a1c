//! The views, spelled for an engine. Names, columns and meaning are the same on every engine; types are the engine's
//! own.
//!
//! The values for tools stand masked in `shown`, and the views read nothing else that a person wrote. So a reader of
//! one view learns nothing of another by a trick with the order in which conditions are evaluated.

use std::fmt::Write as _;

use gridledger_schema::set::Label;

use crate::store::rows::tools::{ToolColumn, ToolKind, ToolLedger};
use crate::store::sql::Spelling;

/// A view: its name, its columns, and the query it stands for.
pub struct View {
    pub name: String,
    pub columns: Vec<(String, ToolKind)>,
    pub select: String,
}

impl View {
    fn new(name: &str, columns: &[(&str, ToolKind)], select: String) -> Self {
        Self {
            name: name.to_owned(),
            columns: columns.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect(),
            select,
        }
    }

    /// The statement that makes it.
    pub fn create(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        format!("CREATE VIEW \"{}\" ({}) AS {}", self.name, names.join(", "), self.select)
    }
}

/// Every view.
pub fn views(spelling: Spelling, ledgers: &[ToolLedger], codes: &[[String; 5]]) -> Vec<View> {
    let mut views = vec![areas(spelling), gone(spelling), names_of_columns(ledgers)];
    if !codes.is_empty() {
        views.push(names_of_codes(codes));
    }
    views.extend(ledgers.iter().map(|of| ledger(spelling, of)));
    views
}

/// The first columns of every ledger; [`crate::shown::tool_columns::OF_RECORD`] has the same names.
const OF_RECORD: &[(&str, ToolKind)] = &[
    ("id", ToolKind::Text),
    ("type", ToolKind::Text),
    ("area", ToolKind::Text),
    ("area_name", ToolKind::Text),
    ("created_at", ToolKind::Time),
    ("created_by", ToolKind::Text),
    ("changed_at", ToolKind::Time),
    ("changed_by", ToolKind::Text),
    ("changed_position", ToolKind::Whole),
];

fn ledger(spelling: Spelling, of: &ToolLedger) -> View {
    let mut select = format!(
        "SELECT {}, r.type, a.code, a.name, {}, r.created_by, {}, r.changed_by, r.last",
        id(spelling, "r.record"),
        time(spelling, "r.created_at"),
        time(spelling, "r.changed_at"),
    );
    for column in &of.columns {
        let _ = write!(select, ",\n  {}", value(spelling, column));
    }
    let _ = write!(
        select,
        "\nFROM records r JOIN areas a ON a.area = r.area LEFT JOIN ledger l ON l.record = r.record AND l.facet = 0{}
         WHERE r.type = {} AND r.erased = 0",
        members(spelling, &of.columns),
        text(&of.record_type),
    );
    let mut view = View::new(&format!("ledger_{}", of.record_type), OF_RECORD, select);
    view.columns.extend(of.columns.iter().map(|column| (column.name.clone(), column.kind)));
    view
}

/// The areas, and how far the log of each has come.
fn areas(spelling: Spelling) -> View {
    let columns = [
        ("area", ToolKind::Text),
        ("area_name", ToolKind::Text),
        ("kind", ToolKind::Text),
        ("above", ToolKind::Text),
        ("closed_at", ToolKind::Time),
        ("changed_position", ToolKind::Whole),
    ];
    let closed = time(spelling, "a.closed");
    let select = format!(
        "SELECT a.code, a.name, a.kind, b.code, {closed}, a.head FROM areas a LEFT JOIN areas b ON b.area = a.parent"
    );
    View::new("ledgers_areas", &columns, select)
}

/// Records that are in no ledger of an area any more.
fn gone(spelling: Spelling) -> View {
    let columns = ["id", "type", "area", "changed_position", "why", "now_in"].map(|name| {
        let is_position = name == "changed_position";
        (name, if is_position { ToolKind::Whole } else { ToolKind::Text })
    });
    let id = id(spelling, "r.record");
    let select = format!(
        "SELECT {id}, r.type, a.code, r.last, 'erased', CAST(NULL AS TEXT)
         FROM records r JOIN areas a ON a.area = r.area WHERE r.erased = 1
         UNION ALL SELECT {id}, r.type, a.code, d.seq, 'moved', b.code
         FROM departures d JOIN records r ON r.record = d.record JOIN areas a ON a.area = d.area
         JOIN areas b ON b.area = d.to_area"
    );
    View::new("ledgers_gone", &columns, select)
}

fn names_of_columns(ledgers: &[ToolLedger]) -> View {
    let columns = ["type", "name", "kind", "masked", "zh", "en"].map(|name| {
        let is_masked = name == "masked";
        (name, if is_masked { ToolKind::YesNo } else { ToolKind::Text })
    });
    let row = |of: &ToolLedger, column: &ToolColumn| {
        let Label { zh, en } = &column.label;
        let masked = if column.masked { "TRUE" } else { "FALSE" };
        let [of, name, kind] = [&of.record_type, &*column.name, column.kind.as_str()].map(text);
        format!("({of}, {name}, {kind}, {masked}, {}, {})", text(zh), text(en))
    };
    let rows = ledgers.iter().flat_map(|of| of.columns.iter().map(move |column| row(of, column)));
    View::new("ledgers_columns", &columns, rows_of(rows))
}

fn names_of_codes(codes: &[[String; 5]]) -> View {
    let columns = ["type", "name", "code", "zh", "en"].map(|name| (name, ToolKind::Text));
    let row = |parts: &[String; 5]| format!("({})", parts.each_ref().map(|part| text(part)).join(", "));
    View::new("ledgers_codes", &columns, rows_of(codes.iter().map(row)))
}

fn rows_of(rows: impl Iterator<Item = String>) -> String {
    let rows: Vec<String> = rows.collect();
    format!("SELECT * FROM (VALUES {}) AS rows", rows.join(",\n"))
}

/// Writes the SQL that gives the members of `shown` their names.
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
    format!("\nLEFT JOIN LATERAL json_to_record(CAST(l.shown AS json)) AS s({}) ON true", members.join(", "))
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
