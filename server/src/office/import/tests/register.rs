//! The register of dwellings, households and people.

use super::places;
use crate::office::import::Date;
use crate::office::import::fault::{Fault, Parsed};
use crate::office::import::register::{
    Address, DwellingRow, HouseholdRow, PersonRow, Register, ResidencyRow, parse,
};

fn read(text: &str) -> Result<Parsed<Register>, Vec<Fault>> {
    let today = Date::new(2026, 6, 1).expect("a date");
    parse(text.as_bytes(), today, &|code| code.starts_with('G'))
}

fn good(text: &str) -> Register {
    let parsed = read(text).expect("a good file");
    assert_eq!(places(&parsed.warnings), []);
    parsed.rows
}

fn warned(text: &str) -> (Register, Vec<Fault>) {
    let parsed = read(text).expect("a good file");
    (parsed.rows, parsed.warnings)
}

/// All keys of a register.
fn keys(register: &Register) -> Vec<&str> {
    let dwellings = register.dwellings.iter().map(|row| &row.key);
    let households = register.households.iter().map(|row| &row.key);
    let people = register.people.iter().map(|row| &row.key);
    let residencies = register.residencies.iter().map(|row| &row.key);
    dwellings.chain(households).chain(people).chain(residencies).map(String::as_str).collect()
}

const FAMILY: &str = "\
网格编码,地址,房屋用途,户,与户主关系,姓名,性别,出生日期,联系电话,居住类型,入住日期,备注
G1,万寿路944号4单元3楼,出租,3楼北,户主,陈 梅,女,1980-05-03,120 0000 0001/60001234,户籍,2020/1/5,养狗
G1,万寿路944号4单元3楼,,3楼北,儿子,陈明,男,2015,,,,养狗
";

#[test]
fn a_family_is_read_whole() {
    let register = good(FAMILY);
    let (dwelling, household) = ("G1|万寿路|944||4|3|", "G1|万寿路|944||4|3||3楼北");
    let (mother, son) = (format!("{household}|陈梅|b1980"), format!("{household}|陈明|b2015"));
    let text = str::to_owned;
    let address = Address {
        road: text("万寿路"),
        number: text("944"),
        unit: text("4"),
        floor: text("3"),
        ..Address::default()
    };
    let person = |line, key: &String, name, gender, year, phones: &[&str], relation| PersonRow {
        line,
        key: key.clone(),
        number: None,
        area: text("G1"),
        household: text(household),
        name: text(name),
        gender: Some(gender),
        birth_year: Some(year),
        phones: phones.iter().map(|phone| text(phone)).collect(),
        relation_to_head: Some(relation),
    };
    let residency = |line, person: &String, kind, from| ResidencyRow {
        line,
        key: format!("{person}|residency"),
        area: text("G1"),
        person: person.clone(),
        household: text(household),
        kind,
        from,
    };
    let expected = Register {
        dwellings: vec![DwellingRow {
            line: 2,
            key: text(dwelling),
            number: None,
            area: text("G1"),
            address,
            usage: Some("rented"),
        }],
        households: vec![HouseholdRow {
            line: 2,
            key: text(household),
            number: None,
            area: text("G1"),
            dwelling: text(dwelling),
            label: text("3楼北"),
            notes: vec![text("养狗")],
        }],
        people: vec![
            person(2, &mother, "陈梅", "female", 1980, &["12000000001", "60001234"], "head"),
            person(3, &son, "陈明", "male", 2015, &[], "child"),
        ],
        residencies: vec![
            residency(2, &mother, Some("registered"), Date::new(2020, 1, 5)),
            residency(3, &son, None, None),
        ],
    };
    assert_eq!(register, expected);
}

#[test]
fn an_address_may_have_columns_of_its_own() {
    let parts = good("网格,道路,号,单元,楼层,姓名\nG1,万寿路,944号,四单元,3,陈梅\n");
    let written = good("grid,address,name\nG1,万寿路944号4单元3楼,陈梅\n");
    assert_eq!(keys(&parts), keys(&written));
    let both = good("网格,地址,楼层,姓名\nG1,万寿路944号4单元,3楼,陈梅\n");
    assert_eq!(keys(&both), keys(&written));
}

#[test]
fn the_same_town_written_otherwise_has_the_same_keys() {
    let one = good("网格编码,楼栋,单元,室,姓名,手机号\nG1,3栋,2单元,0501室,Anna Li,12000000001\n");
    let other =
        good("姓名\t电话\t房号\t单元\t楼号\t所属网格\nANNA  LI\t+86 120 0000 0001\t５０１\t02\t３\tG1\n");
    assert_eq!(keys(&one), keys(&other));
    assert_eq!(keys(&good(FAMILY)), keys(&good(FAMILY)));
}

#[test]
fn keys_of_different_things_differ() {
    let register = good(
        "网格,道路,号,室,户,姓名,出生年份,电话\n\
         G1,a,1,,,陈梅,1980,\n\
         G1,a,1,,,陈梅,1981,\n\
         G1,a,1,,,陈梅,,12000000001\n\
         G1,a,1,,2,陈梅,1980,\n\
         G1,a,,1,,陈梅,1980,\n\
         G2,a,1,,,陈梅,1980,\n\
         G1,a|1,1,,,陈梅,1980,\n\
         G1,a%7c1,1,,,陈梅,1980,\n\
         G1,a,10,,,陈梅,1980,\n",
    );
    let mut all = keys(&register);
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
    assert_eq!((register.dwellings.len(), register.households.len(), register.people.len()), (6, 7, 9));
}

#[test]
fn rows_without_a_person_are_dwellings_and_households() {
    let register = good(
        "网格,地址,用途,户,备注,姓名\n\
         G1,a路1号,空置,,,\n\
         G1,a路2号,商铺,,,\n\
         G1,a路3号,空置,,漏水,\n\
         G1,a路4号,自住,,,\n\
         G1,a路5号,,,,\n\
         G1,a路6号,出租,东,,\n",
    );
    let households: Vec<(u64, &str)> =
        register.households.iter().map(|row| (row.line, row.label.as_str())).collect();
    assert_eq!(register.dwellings.len(), 6);
    assert_eq!(households, [(4, "1"), (5, "1"), (6, "1"), (7, "东")]);
    assert_eq!((register.people.len(), register.residencies.len()), (0, 0));
}

#[test]
fn each_bad_row_is_reported_with_its_line() {
    let found = read(
        "网格编码,地址,室,房屋用途,户,与户主关系,姓名,性别,出生年份,电话,居住类型,入住日期\n\
         ,a路1号,,,,,甲,,,,,\n\
         X1,a路1号,,,,,甲,,,,,\n\
         G1,,,,,,甲,,,,,\n\
         G1,a路,,,,,甲,,,,,\n\
         G1,a路1栋2栋,,,,,甲,,,,,\n\
         G1,a路1号5室,6,,,,甲,,,,,\n\
         G1,a路2号,,城堡,,,甲,,,,,\n\
         G1,a路2号,,,,邻居,甲,,,,,\n\
         G1,a路2号,,,,,甲,雄,,,,\n\
         G1,a路2号,,,,,甲,,2027,,,\n\
         G1,a路2号,,,,,甲,,去年,,,\n\
         G1,a路2号,,,,,甲,,,1.2E+10,,\n\
         G1,a路2号,,,,,甲,,,,游客,\n\
         G1,a路2号,,,,,甲,,,,,春天\n\
         G1,a路2号,,,,户主,,男,,,,\n\
         G1,a路3号,,自住,,户主,乙,,1980,,,\n\
         G1,a路3号,,出租,,配偶,丙,,1981,,,\n\
         G1,a路3号,,,,子女,乙,,1980,,,\n\
         G1,a路3号,,,,户主,丁,,1990,,,\n\
         G1,a路4号,,,,,110105,,11010519491231002X,,,\n",
    )
    .expect_err("a bad file");
    assert_eq!(
        places(&found),
        [
            (2, "网格编码", "required"),
            (3, "网格编码", "unknown_area"),
            (4, "number", "address_incomplete"),
            (5, "地址", "address_incomplete"),
            (6, "地址", "address_unclear"),
            (7, "室", "address_contradiction"),
            (8, "房屋用途", "unknown_value"),
            (9, "与户主关系", "unknown_value"),
            (10, "性别", "unknown_value"),
            (11, "出生年份", "future_birth"),
            (12, "出生年份", "bad_date"),
            (13, "电话", "rounded_number"),
            (14, "居住类型", "unknown_value"),
            (15, "入住日期", "bad_date"),
            (16, "姓名", "no_name"),
            (18, "房屋用途", "use_differs"),
            (19, "姓名", "duplicate_person"),
            (20, "与户主关系", "second_head"),
            (21, "出生年份", "id_number"),
        ],
    );
    assert!(found.iter().all(|fault| !fault.zh.contains("1949") && !fault.en.contains("1949")));
}

#[test]
fn an_address_is_needed_in_some_column() {
    assert_eq!(
        places(&read("网格,姓名\nG1,a\n").expect_err("no address")),
        [(1, "address", "missing_column")]
    );
}

#[test]
fn identity_numbers_are_skipped_with_a_warning() {
    let (register, warnings) = warned("网格,地址,姓名,身份证号\nG1,a路1号,陈梅,11010519491231002X\n");
    assert_eq!(places(&warnings), [(1, "身份证号", "id_number_column")]);
    assert!(!format!("{register:?}{warnings:?}").contains("1949"));
}

#[test]
fn namesakes_without_a_mark_are_numbered() {
    let (register, warnings) = warned("网格,地址,姓名\nG1,a路1号,陈梅\nG1,a路1号,陈梅\n");
    assert_eq!(places(&warnings), [(3, "姓名", "namesake")]);
    let found: Vec<&str> = register.people.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(found, ["G1|a路|1|||||1|陈梅|n1", "G1|a路|1|||||1|陈梅|n2"]);
}

#[test]
fn a_household_has_a_limit() {
    use std::fmt::Write as _;

    let mut text = "网格,地址,姓名,出生年份\n".to_owned();
    for n in 0..52 {
        writeln!(text, "G1,a路1号,陈梅,{}", 1930 + n).expect("a string takes everything");
    }
    assert_eq!(places(&read(&text).expect_err("many")), [(52, "姓名", "too_many_people")]);
}
