//! Encodings, delimiters, headings, lines and limits.

use encoding_rs::GB18030;

use super::places;
use crate::office::import::columns::Column;
use crate::office::import::fault::{FAULTS_MAX, Fault, Parsed, Report};
use crate::office::import::words::Words;
use crate::office::import::workbook::{CELL_CHARS_MAX, CELLS_MAX, Workbook};

const COLUMNS: &[Column] = &[
    Column::required("code", "编码 网格编码"),
    Column::optional("name", "名称 姓名"),
    Column::optional("notes", "备注").multiline(),
];

type Rows = Vec<(u64, [String; 3])>;

fn read(bytes: impl AsRef<[u8]>) -> Result<Parsed<Rows>, Vec<Fault>> {
    let mut report = Report::default();
    let sheet = Workbook::read(bytes.as_ref(), COLUMNS, &Words::builtin(), &mut report)?;
    let cells =
        |name: &'static str| move |row: &crate::office::import::workbook::Row<'_>| row.cell(name).to_owned();
    let rows = sheet
        .rows()
        .map(|row| (row.line, [cells("code")(&row), cells("name")(&row), cells("notes")(&row)]))
        .collect();
    report.finish(rows)
}

fn good(bytes: impl AsRef<[u8]>) -> Rows {
    let parsed = read(bytes).expect("a good file");
    assert_eq!(places(&parsed.warnings), []);
    parsed.rows
}

fn row(line: u64, code: &str, name: &str, notes: &str) -> (u64, [String; 3]) {
    (line, [code.to_owned(), name.to_owned(), notes.to_owned()])
}

fn faults(bytes: impl AsRef<[u8]>) -> Vec<Fault> {
    read(bytes).expect_err("a bad file")
}

const TEXT: &str = "编码,姓名,备注\r\nG1,陈晓梅,𠮷祥小区\r\n";

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(bytes).collect()
}

#[test]
fn every_encoding_gives_the_same_rows() {
    let expected = vec![row(2, "G1", "陈晓梅", "𠮷祥小区")];
    assert_eq!(good(TEXT), expected, "UTF-8");
    assert_eq!(good(format!("\u{FEFF}{TEXT}")), expected, "UTF-8 with mark");
    assert_eq!(good(utf16(TEXT, u16::to_le_bytes)), expected, "UTF-16LE");
    assert_eq!(good(utf16(TEXT, u16::to_be_bytes)), expected, "UTF-16BE");
    let (gb18030, _, lossy) = GB18030.encode(TEXT);
    assert!(!lossy);
    assert_eq!(good(gb18030), expected, "GB18030");
}

#[test]
fn illegible_bytes_are_reported_with_their_lines() {
    let (gb18030, ..) = GB18030.encode("编码,姓名\nG1,李静\nG2,");
    let mut bytes = gb18030.into_owned();
    bytes.extend(b"\xFF\xFF,\nG3,x\nG4,\xFF\n");
    assert_eq!(places(&faults(bytes)), [(3, "", "illegible"), (5, "", "illegible")]);
}

#[test]
fn damaged_utf8_is_not_taken_for_gb18030() {
    let mut bytes = "code,name\r\nG1,陈晓梅\r\nG2,李静安\r\nG3,王".as_bytes().to_vec();
    bytes.extend(b"\xE9\x99\r\n");
    let found = faults(bytes);
    assert_eq!(places(&found), [(4, "", "illegible")]);
    assert!(found[0].en.contains("UTF-8"), "{}", found[0].en);
}

#[test]
fn a_damaged_workbook_is_named_as_such() {
    assert_eq!(places(&faults(b"PK\x03\x04 and so on")), [(0, "", "bad_workbook")]);
}

#[test]
fn an_empty_file_is_a_fault() {
    for empty in ["", "\u{FEFF}", "\n\r\n", ",,\n , \n"] {
        assert_eq!(places(&faults(empty)), [(0, "", "empty_file")], "{empty:?}");
    }
}

#[test]
fn a_file_may_have_a_heading_only() {
    assert_eq!(good("编码,名称\n"), vec![]);
}

#[test]
fn the_delimiter_is_found() {
    let expected = vec![row(2, "G1", "a,b", "")];
    assert_eq!(good("编码\t名称\nG1\ta,b\n"), expected);
    assert_eq!(good("编码;名称\nG1;a,b\n"), expected);
    assert_eq!(good("编码,名称\nG1,\"a,b\"\n"), expected);
    assert_eq!(good("\"编码\",\"名称（a;b;c）\"\nG1,\"a,b\"\n"), expected);
    assert_eq!(good("编码\nG1\n"), vec![row(2, "G1", "", "")]);
}

#[test]
fn headings_are_understood_however_they_are_written() {
    let headings = [
        "code",
        "CODE",
        " Code ",
        "Ｃｏｄｅ",
        "编 码",
        "编　码",
        "*编码",
        "编码*",
        "编码（必填）",
        "编码：",
        "co_de",
    ];
    for heading in headings {
        assert_eq!(good(format!("{heading},名称\nG1,a\n")), vec![row(2, "G1", "a", "")], "{heading}");
    }
}

#[test]
fn unknown_columns_are_warned_of_and_not_read() {
    let parsed = read("编码,民族,名称\nG1,汉,a\n").expect("a good file");
    assert_eq!(places(&parsed.warnings), [(1, "民族", "unknown_column")]);
    assert_eq!(parsed.rows, vec![row(2, "G1", "a", "")]);
}

#[test]
fn identity_numbers_are_left_out() {
    for heading in ["身份证号", "身份证号码", "公民身份号码", "ID Number", "id_card"] {
        let parsed = read(format!("编码,{heading}\nG1,11010519491231002X\n")).expect("a good file");
        assert_eq!(places(&parsed.warnings), [(1, heading, "id_number_column")]);
        assert_eq!(parsed.rows, vec![row(2, "G1", "", "")]);
    }
}

#[test]
fn an_identity_number_in_another_column_is_a_fault() {
    let found = faults(
        "编码,备注\nG1,证件11010519491231002X。\nG2,１１０１０５１９４９１２３１００２Ｘ\nG3,110105194912310021\n",
    );
    assert_eq!(places(&found), [(2, "备注", "id_number"), (3, "备注", "id_number")]);
    assert!(!found[0].to_string().contains("1949"), "a message repeats no identity number");
}

#[test]
fn missing_and_doubled_columns_are_faults() {
    let found = faults("\n名称,姓名,民族\na,b,c\n");
    assert_eq!(places(&found), [(2, "姓名", "duplicate_column"), (2, "code", "missing_column")]);
    assert!(found[1].zh.contains("编码") && found[1].zh.contains("民族"), "{}", found[1].zh);
}

#[test]
fn rows_know_their_physical_lines() {
    for end in ["\n", "\r\n", "\r"] {
        let lines = [
            "",
            "编码,名称,备注",
            "",
            "G1,a,\"x",
            "",
            "y\"",
            ",,",
            "  ",
            "G2,b,\"said \"\"yes\"\"\"",
            "",
            "G3,c,",
            "",
        ];
        let rows = good(lines.join(end));
        let found: Vec<u64> = rows.iter().map(|(line, _)| *line).collect();
        assert_eq!(found, [4, 9, 11], "{end:?}");
        assert_eq!(rows[0].1[2], format!("x{end}{end}y"));
        assert_eq!(rows[1].1[2], "said \"yes\"");
    }
}

#[test]
fn short_rows_are_filled_and_long_rows_are_faults() {
    assert_eq!(good("编码,名称,备注\nG1\nG2,b,,, \n"), vec![row(2, "G1", "", ""), row(3, "G2", "b", "")]);
    assert_eq!(places(&faults("编码,名称\nG1,a,b\n")), [(2, "", "extra_cell")]);
    assert_eq!(places(&faults("编码,,名称\nG1,a,b\n")), [(2, "", "extra_cell")]);
    let wide = format!("编码\nG1{}\n", ",".repeat(CELLS_MAX));
    assert_eq!(places(&faults(wide)), [(2, "", "too_many_cells")]);
}

#[test]
fn a_quote_that_is_never_closed_is_a_fault() {
    assert_eq!(places(&faults("编码,备注\nG1,\"a\nG2,b\n")), [(2, "", "unclosed_quote")]);
    assert_eq!(places(&faults("编码,备注\nG1,\"a\"\"\nG2,b\n")), [(2, "", "unclosed_quote")]);
    assert_eq!(good("编码,备注\nG1,5\"\"管\"\n"), vec![row(2, "G1", "", "5\"\"管\"")]);
    assert_eq!(good("编码,备注\nG1,\"a\"\"\"\n"), vec![row(2, "G1", "", "a\"")]);
}

#[test]
fn a_quote_closed_too_late_shows_as_a_line_break() {
    let found = faults("编码,名称\nG1,\"a\nG2,b\nG3,\"c\n");
    assert_eq!(places(&found)[0], (2, "名称", "line_break"));
}

#[test]
fn hostile_cells_are_data_or_faults() {
    let formula = "=HYPERLINK(1)";
    assert_eq!(good(format!("编码,名称\nG1,{formula}\nG2,@x\nG3,-1\n"))[0], row(2, "G1", formula, ""));
    let found = faults("编码,名称\nG1,a\0b\nG2,a\u{1b}[2J\nG3,\u{202e}gpj\nG4,陈\u{200b}梅\n");
    let expected: Vec<_> = (2..=5).map(|line| (line, "名称", "control_character")).collect();
    assert_eq!(places(&found), expected);
    let huge = "好".repeat(CELL_CHARS_MAX + 1);
    assert_eq!(places(&faults(format!("编码,名称\nG1,{huge}\n"))), [(2, "名称", "too_long")]);
    assert_eq!(good(format!("编码,名称\nG1,{}\n", &huge[3..])).len(), 1);
}

#[test]
fn values_are_trimmed() {
    assert_eq!(good("编码,名称\n \u{feff}G1 ,　a b\t\n"), vec![row(2, "G1", "a b", "")]);
}

#[test]
fn faults_are_all_listed_up_to_a_limit() {
    let bad = |rows: usize| format!("编码\n{}", "G\u{7}1\n".repeat(rows));
    assert_eq!(faults(bad(FAULTS_MAX)).len(), FAULTS_MAX);
    let found = faults(bad(FAULTS_MAX + 5));
    assert_eq!(found.len(), FAULTS_MAX + 1);
    let last = found.last().expect("the closing fault");
    assert_eq!((last.line, last.code), (0, "and_more"));
    assert!(last.en.starts_with('5'), "{}", last.en);
}

#[test]
fn a_fault_reads_as_one_line() {
    let found = faults("编码,\"名\n称\"\nG1,a\u{1b}\n");
    assert_eq!(
        found[0].to_string(),
        "line 3: “名\u{fffd}称”: 含有控制字符 U+001B / holds the control character U+001B [control_character]"
    );
}
