//! Single cells: dates, phones, codes, lists, names.

use gridledger_core::calendar::{DAY_MS, Zone};

use crate::calendar::date::Date;
use crate::office::import::cell::{PHONES_MAX, code, items, name, phone, phones};
use crate::office::import::date::{parse_date, parse_year};
use crate::office::import::text::holds_identity_number;
use crate::office::import::words::Words;

fn date(year: u16, month: u8, day: u8) -> Date {
    Date::new(year, month, day).expect("a date")
}

#[test]
fn dates_are_read_as_they_are_written() {
    for cell in [
        "2026-01-05",
        "2026-1-5",
        "2026/1/5",
        "2026.01.05",
        "20260105",
        "46027",
        "46027.5",
        "2026/1/5 0:00",
        "2026-01-05 00:00:00",
        "2026-01-05T08:30:00.000+08:00",
        "2026年1月5日",
        "２０２６年１月５日",
        "2026 年 1 月 5 日",
    ] {
        assert_eq!(parse_date(cell), Ok(date(2026, 1, 5)), "{cell}");
    }
    let bad = [
        "2026",
        "2026-02-29",
        "2026-13-01",
        "2026-1/5",
        "5/1/2026",
        "1/5/26",
        "4602",
        "2026年1月",
        "0000-00-00",
        "2026-1-5-",
        "2026-+1-5",
        "1700-01-01",
        "明天",
        "年月日",
    ];
    for cell in bad {
        assert_eq!(parse_date(cell).expect_err(cell).code, "bad_date");
    }
    assert!(parse_date("2024-02-29").is_ok());
    assert_eq!(date(2026, 1, 5).to_string(), "2026-01-05");
}

#[test]
fn days_count_from_the_epoch() {
    assert_eq!(date(1970, 1, 1).start(&Zone::utc()), 0);
    assert_eq!(date(1969, 12, 31).start(&Zone::utc()), -DAY_MS);
    assert_eq!(date(2000, 3, 1).start(&Zone::utc()), 11_017 * DAY_MS);
    assert_eq!(date(2026, 1, 5).start(&Zone::utc()), 20_458 * DAY_MS);
}

#[test]
fn years_of_birth_are_read_from_years_months_and_days() {
    for cell in ["1980", "1980年", "1980-05", "1980年5月", "198005", "19800503", "1980/5/3"] {
        assert_eq!(parse_year(cell), Ok(1980), "{cell}");
    }
    for cell in ["80", "198", "1980-13", "1700", "2922"] {
        assert_eq!(parse_year(cell).expect_err(cell).code, "bad_date");
    }
}

#[test]
fn phones_become_digits() {
    let cases = [
        ("12000001234", "12000001234"),
        ("120 0000 1234", "12000001234"),
        ("+86 120-0000-1234", "12000001234"),
        ("１２０００００１２３４", "12000001234"),
        ("(023)6000-1234", "02360001234"),
        ("60001234", "60001234"),
        ("023-60001234转801", "02360001234-801"),
        ("12345", "12345"),
    ];
    for (cell, expected) in cases {
        assert_eq!(phone(cell).as_deref(), Ok(expected));
    }
    for cell in ["1200000123", "120000012345", "无", "1234", "6000123x", "023-60001234转"] {
        assert_eq!(phone(cell).expect_err(cell).code, "bad_phone");
    }
    assert_eq!(phone("1.2E+10").expect_err("rounded").code, "rounded_number");
    assert_eq!(
        phones(&Words::builtin())("12000001234、120 0000 1234/60001234"),
        Ok(vec!["12000001234".to_owned(), "60001234".to_owned()])
    );
    let many: Vec<String> = (0..=PHONES_MAX).map(|n| format!("600012{n:02}")).collect();
    assert_eq!(phones(&Words::builtin())(&many.join(";")).expect_err("many").code, "too_many_items");
}

#[test]
fn codes_keep_to_letters_and_digits() {
    assert_eq!(code("QH-01_2.Ａ"), Ok("QH-01_2.A".to_owned()));
    for cell in ["-1", "G 1", "网格1", "G/1", "5.0E+11", "G1;"] {
        assert_eq!(code(cell).expect_err(cell).code, "bad_code");
    }
    assert_eq!(code(&"1".repeat(41)).expect_err("long").code, "too_long");
}

#[test]
fn lists_have_many_separators() {
    assert_eq!(items("a、b;c；d/e, f\ng、、"), Ok(vec!["a", "b", "c", "d", "e", "f", "g"]));
    assert_eq!(items(&"a;".repeat(101)).expect_err("many").code, "too_many_items");
}

#[test]
fn names_lose_their_padding() {
    assert_eq!(name(60)("陈　梅"), Ok("陈梅".to_owned()));
    assert_eq!(name(60)("Anna  Li"), Ok("Anna Li".to_owned()));
    assert_eq!(name(2)("陈晓梅").expect_err("long").code, "too_long");
}

#[test]
fn identity_numbers_are_known_by_their_check() {
    // The worked example of the standard itself, and changes to it.
    assert!(holds_identity_number("11010519491231002X"));
    assert!(holds_identity_number("号码：11010519491231002x，"));
    assert!(!holds_identity_number("110105194912310021"));
    assert!(!holds_identity_number("11010519491331002X"));
    assert!(!holds_identity_number("911010519491231002X"));
    assert!(!holds_identity_number("1101051949123100"));
}

#[test]
fn phones_are_taken_as_offices_write_them() {
    let words = Words::builtin();
    let read = |cell: &str| phones(&words)(cell).map_err(|wrong| wrong.code);
    let list = |numbers: &[&str]| Ok(numbers.iter().map(|number| (*number).to_owned()).collect::<Vec<_>>());
    for nothing in ["无", "/", "-", "暂无", "不详", "无/无"] {
        assert_eq!(read(nothing), list(&[]), "{nothing}");
    }
    for one in ["8612000001234", "+86-12000001234", "12000001234（儿子）", "12000001234(女儿)"] {
        assert_eq!(read(one), list(&["12000001234"]), "{one}");
    }
    assert_eq!(read("12000001234 12000001235"), list(&["12000001234", "12000001235"]));
    assert_eq!(read("(010)60001234"), list(&["01060001234"]));
    assert_eq!(read("1.2E+10"), Err("rounded_number"));
    assert_eq!(read("电话坏了"), Err("bad_phone"));
}

#[test]
fn codes_of_the_standards_and_everyday_words_mean_the_same() {
    let words = Words::builtin();
    for (list, word, code) in [
        ("relation", "之子", "child"),
        ("relation", "02", "head"),
        ("relation", "10", "spouse"),
        ("relation", "岳父母", "other_relative"),
        ("gender", "2", "female"),
        ("residency_kind", "空挂户", "registered"),
        ("use", "自建房", "self"),
    ] {
        assert_eq!(words.code(list, word), Some(code), "{word}");
    }
    let more = Words::clone(&words).and(r#"{"lists": {"relation": {"head": "当家的"}}}"#).expect("a table");
    assert_eq!(
        (more.code("relation", "当家的"), more.code("relation", "之子")),
        (Some("head"), Some("child"))
    );
    assert!(Words::clone(&words).and(r#"{"list": {}}"#).is_err());
}
