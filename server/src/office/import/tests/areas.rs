//! The tree of areas.

use super::{nothing_known, places};
use crate::office::import::Date;
use crate::office::import::areas::{AreaRow, parse};
use crate::office::import::fault::Fault;

fn good(text: &str) -> Vec<AreaRow> {
    let parsed = parse(text.as_bytes(), &nothing_known).expect("a good file");
    assert_eq!(places(&parsed.warnings), []);
    parsed.rows
}

fn faults(text: &str) -> Vec<Fault> {
    parse(text.as_bytes(), &nothing_known).expect_err("a bad file")
}

#[test]
fn a_town_is_read_parents_first() {
    let rows = good(
        "网格编码,上级编码,网格类型,名称,生效日期,失效日期\n\
         G1,C1,基础网格,云岭第1网格,2026/1/5,2027年1月5日\n\
         C1,S1,社区,云岭社区,,\n\
         S1,D,街道,松塘街道,,\n\
         D,,区,青禾区,,\n",
    );
    let codes: Vec<&str> = rows.iter().map(|row| row.code.as_str()).collect();
    assert_eq!(codes, ["D", "S1", "C1", "G1"]);
    assert_eq!(
        rows[3],
        AreaRow {
            line: 2,
            code: "G1".to_owned(),
            parent: Some("C1".to_owned()),
            kind: "basic_grid",
            name: "云岭第1网格".to_owned(),
            from: Date::new(2026, 1, 5),
            to: Date::new(2027, 1, 5),
        }
    );
    assert_eq!(rows[0].parent, None);
}

#[test]
fn kinds_have_many_names() {
    let kinds = [
        ("区", "district"),
        ("County", "district"),
        ("镇", "street"),
        ("街道/镇", "street"),
        ("村", "community"),
        ("片区", "sector"),
        ("社区总网格", "general_grid"),
        ("网格", "basic_grid"),
        ("basic grid", "basic_grid"),
        ("Basic_Grid", "basic_grid"),
        ("微网格", "micro_grid"),
        ("专属网格", "exclusive_grid"),
        ("居民小组", "residents_group"),
    ];
    for (word, kind) in kinds {
        let parsed = parse(format!("code,parent,kind,name\nX,K,{word},x\n").as_bytes(), &|code| code == "K");
        assert_eq!(parsed.expect(word).rows[0].kind, kind, "{word}");
    }
}

#[test]
fn each_bad_row_is_reported_with_its_line() {
    let found = faults(
        "编码,上级编码,类型,名称,起始日期,终止日期\n\
         D,,区,青禾区,,\n\
         ,D,街道,a,,\n\
         S 1,D,街道,a,,\n\
         S2,D,城邦,a,,\n\
         S3,D,街道,,,\n\
         S4,X,街道,a,,\n\
         S5,D,街道,a,昨天,\n\
         S6,D,街道,a,2026-01-05,2026-01-05\n\
         D,,区,青禾区,,\n\
         d,,区,青禾区,,\n\
         G1,,基础网格,a,,\n\
         S7,,街道,a,,\n\
         C1,S2,社区,a,,\n\
         C2,s4,社区,a,,\n",
    );
    assert_eq!(
        places(&found),
        [
            (3, "编码", "required"),
            (4, "编码", "bad_code"),
            (5, "类型", "unknown_value"),
            (6, "名称", "required"),
            (7, "上级编码", "unknown_area"),
            (8, "起始日期", "bad_date"),
            (9, "终止日期", "dates_reversed"),
            (10, "编码", "duplicate_code"),
            (11, "编码", "duplicate_code"),
            (12, "上级编码", "no_parent"),
            (13, "上级编码", "no_parent"),
            (15, "上级编码", "unknown_area"),
        ],
    );
    assert_eq!(found[7].en, "the code “D” is already on line 2");
}

#[test]
fn several_faults_of_one_row_are_all_reported() {
    let found = faults("编码,类型,名称,起始日期\n?,?,,?\n");
    let codes: Vec<&str> = found.iter().map(|fault| fault.code).collect();
    assert_eq!(codes, ["bad_code", "unknown_value", "required", "bad_date"]);
}

#[test]
fn circles_are_reported_once_each() {
    let found = faults(
        "编码,上级编码,类型,名称\n\
         D,,区,a\n\
         A,B,片区,a\n\
         B,C,片区,a\n\
         C,A,片区,a\n\
         E,E,片区,a\n\
         F,A,片区,a\n",
    );
    assert_eq!(places(&found), [(3, "上级编码", "circle"), (6, "上级编码", "circle")]);
    assert_eq!(found[0].en, "the parents form a circle: A → B → C → A");
    assert_eq!(found[1].en, "the parents form a circle: E → E");
}

#[test]
fn a_long_chain_is_no_danger() {
    let below: Vec<String> = (1..20_000).map(|n| format!("X{n},X{},片区,a", n - 1)).collect();
    let text = format!("编码,上级编码,类型,名称\nX0,,社区,a\n{}\n", below.join("\n"));
    assert_eq!(good(&text).len(), 20_000);
}

#[test]
fn parents_may_be_in_the_ledger() {
    let text = "编码,上级编码,类型,名称\nG9,C1,基础网格,a\n";
    let parsed = parse(text.as_bytes(), &|code| code == "C1").expect("a good file");
    assert_eq!(parsed.rows.len(), 1);
    assert_eq!(places(&faults(text)), [(2, "上级编码", "unknown_area")]);
}

#[test]
fn a_town_may_begin_at_a_community() {
    assert_eq!(good("编码,类型,名称\nC1,社区,a\nC2,村,b\n").len(), 2);
}

#[test]
fn a_grid_above_a_street_is_worth_a_warning() {
    let parsed = parse("编码,上级,类型,名称\nC,,社区,a\nG,C,网格,a\nS,G,街道,a\n".as_bytes(), &nothing_known);
    assert_eq!(places(&parsed.expect("a good file").warnings), [(4, "上级", "kinds_reversed")]);
}
