//! Tests of the CSV: written cells read back unchanged, and none is a formula.

use gridledger_schema::set::SchemaSet;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::Page;
use super::*;

fn page<'a>(schema: &'a SchemaSet, of: &str, rows: Vec<Value>) -> Page<'a> {
    Page {
        record_type: schema.record_type(of).unwrap(),
        rows: rows.into_iter().map(|row| row.as_object().unwrap().clone()).collect(),
        left: Vec::new(),
        cursor: String::new(),
        more: false,
    }
}

fn write_page(schema: &SchemaSet, page: &Page<'_>, lang: Lang) -> Vec<u8> {
    write(schema, page, Style { lang, zone: &Zone::default() })
}

fn read(bytes: &[u8]) -> Vec<Vec<String>> {
    let bytes = bytes.strip_prefix(BOM).unwrap();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(bytes);
    reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn column(rows: &[Vec<String>], heading: &str) -> Vec<String> {
    let at = rows[0].iter().position(|cell| cell == heading).unwrap();
    rows[1..].iter().map(|row| row[at].clone()).collect()
}

#[test]
fn a_page_has_headings_names_of_codes_and_times_of_china() {
    let schema = SchemaSet::builtin();
    let row = json!({
        "id": "x", "created_at": 0, "state": "CLOSED", "level": 2, "kind": "hazard",
        "line_tags": [], "co_handlers": ["w1", "w2"], "assignees": ["w3"],
    });
    let page = page(&schema, "ticket", vec![row]);
    let zh = read(&write_page(&schema, &page, Lang::Zh));
    assert_eq!(column(&zh, "建立时间"), ["1970-01-01T08:00:00+08:00"]);
    assert_eq!(column(&zh, "状态"), ["已销号"]);
    assert_eq!(column(&zh, "类型").last().unwrap(), "");
    assert_eq!(column(&zh, "协办人员"), ["w1、w2"]);
    let en = read(&write_page(&schema, &page, Lang::En));
    assert_eq!(column(&en, "Kind"), ["Hazard"]);
    assert_eq!(column(&en, "Level"), ["2"]);
    assert_eq!(column(&en, "Co-handlers"), ["w1; w2"]);
}

#[test]
fn an_address_reads_in_the_order_it_is_said() {
    let schema = SchemaSet::builtin();
    let row = json!({"address": {"building": "2", "road": "滨河路", "number": "1号"}, "floor_area": -3.5});
    let rows = read(&write_page(&schema, &page(&schema, "dwelling", vec![row]), Lang::En));
    assert_eq!(column(&rows, "Address"), ["滨河路 1号 2"]);
    assert_eq!(column(&rows, "Floor area (m²)"), ["-3.5"]);
}

#[test]
fn what_looks_like_a_formula_is_text() {
    for evil in [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "|calc",
        "  =1",
        "\u{3000}=1",
        "＝1",
        "\n=1",
        "\u{a0}@x",
        "\u{200b}=1",
        "\u{2003}\u{202e}=1",
        "\0=1",
        "\u{b}-1",
    ] {
        assert_eq!(guarded(evil.into(), false), format!("'{evil}"));
    }
    for fine in ["", "1=1", "路=灯", "'=1", "(-1)", "2026-01-05"] {
        assert_eq!(guarded(fine.into(), false), fine);
    }
    assert_eq!(guarded("-5".into(), true), "-5");
}

/// Any text comes back from the CSV unchanged, but for the apostrophe before what looks like a formula.
#[test]
fn texts_read_back() {
    let schema = SchemaSet::builtin();
    let alphabet: Vec<char> = "ab\"',;\r\n\t=+-@| \u{3000}灯路😀\u{feff}".chars().collect();
    let mut seed = 7u64;
    let mut next = |bound: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as usize % bound
    };
    let texts: Vec<String> =
        (0..2_000).map(|_| (0..next(9)).map(|_| alphabet[next(alphabet.len())]).collect()).collect();
    let rows = texts.iter().map(|text| json!({"led_by": text})).collect();
    let bytes = write_page(&schema, &page(&schema, "ticket", rows), Lang::En);
    let found = column(&read(&bytes), "Leading body");
    let expected: Vec<String> = texts.into_iter().map(|text| guarded(text, false)).collect();
    assert_eq!(found, expected);
}

/// A value of any shape, with what spreadsheet programs take for formulas at its beginning.
fn evil() -> impl Strategy<Value = Value> {
    let start = "[ \u{a0}\u{3000}\u{200b}\u{feff}]{0,2}[=+@|\t\r\n＝＋－＠-]{0,2}";
    let text = (start, "[a-z0-9\"',;\r\n=()!路灯]{0,8}").prop_map(|(start, rest)| start + &rest);
    let one = prop_oneof![
        text.clone().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
    ];
    one.prop_recursive(2, 8, 3, move |inner| {
        let list = prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from);
        let object = prop::collection::btree_map(text.clone(), inner, 0..3);
        prop_oneof![list, object.prop_map(|map| json!(map))]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// No cell of any column begins a formula when it is read back, unless it is a number in a column of numbers.
    #[test]
    fn no_cell_begins_a_formula(
        of in prop::sample::select(vec!["ticket", "dwelling", "person", "patrol", "household"]),
        values in prop::collection::vec(evil(), 1..40),
        zh in any::<bool>(),
    ) {
        let schema = SchemaSet::builtin();
        let empty = page(&schema, of, Vec::new());
        let columns = columns(empty.record_type);
        let row: serde_json::Map<_, _> = columns
            .iter()
            .zip(values.iter().cycle())
            .map(|(column, value)| (column.key.to_owned(), value.clone()))
            .collect();
        let page = page(&schema, of, vec![Value::Object(row.clone())]);
        let rows = read(&write_page(&schema, &page, if zh { Lang::Zh } else { Lang::En }));
        prop_assert_eq!(rows.len(), 2);
        for (column, cell) in columns.iter().zip(&rows[1]) {
            let number = column.is_numeric() && row[column.key].is_number();
            let bare = cell.trim_start_matches(is_blank);
            prop_assert!(
                !bare.starts_with(FORMULA) || number && cell.parse::<f64>().is_ok(),
                "{}: {:?}", column.key, cell
            );
        }
    }
}
