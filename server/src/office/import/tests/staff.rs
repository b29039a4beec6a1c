//! The staff list.

use super::places;
use crate::office::import::Date;
use crate::office::import::fault::{Fault, Parsed};
use crate::office::import::staff::{StaffRow, parse};

const ROLES: &[(&str, &str, &str)] = &[
    ("grid_worker", "网格员", "Grid worker"),
    ("grid_head", "网格长", "Grid head"),
    ("dispatcher_street", "调度员", "Street dispatcher"),
    ("dispatcher_district", "调度员", "District dispatcher"),
];

fn read(text: &str) -> Result<Parsed<Vec<StaffRow>>, Vec<Fault>> {
    parse(text.as_bytes(), ROLES, &|code| code.starts_with('G'))
}

fn held(person: &StaffRow) -> Vec<(&str, &str)> {
    person.assignments.iter().map(|held| (held.role.as_str(), held.area.as_str())).collect()
}

#[test]
fn people_hold_roles_in_areas() {
    let parsed = read(
        "登录名,姓名,手机号,岗位,负责网格,任职日期,离任日期\n\
         W1,陈 梅,120 0000 0001,网格员,G1、G2;G3,2026-01-01,2027-01-01\n\
         w2,李静,,grid_worker/Grid Head,G4,,\n\
         w1,陈梅,,网格长,G9,,\n",
    )
    .expect("a good file");
    assert_eq!(places(&parsed.warnings), []);
    let [first, second] = &parsed.rows[..] else { panic!("two people") };
    assert_eq!((first.line, first.login.as_str(), first.name.as_str()), (2, "w1", "陈梅"));
    assert_eq!(first.phone.as_deref(), Some("12000000001"));
    assert_eq!(
        held(first),
        [("grid_worker", "G1"), ("grid_worker", "G2"), ("grid_worker", "G3"), ("grid_head", "G9")]
    );
    assert_eq!(first.assignments[0].from, Date::new(2026, 1, 1));
    assert_eq!(first.assignments[0].to, Date::new(2027, 1, 1));
    assert_eq!((first.assignments[3].line, first.assignments[3].from), (4, None));
    assert_eq!(held(second), [("grid_worker", "G4"), ("grid_head", "G4")]);
    assert_eq!(second.phone, None);
}

#[test]
fn each_bad_row_is_reported_with_its_line() {
    let found = read(
        "账号,姓名,电话,角色,网格,起始日期,终止日期\n\
         w1,陈梅,12000000001,网格员,G1,,\n\
         王伟,王伟,,网格员,G1,,\n\
         w3,,,网格员,G1,,\n\
         w4,a,120,网格员,G1,,\n\
         w5,a,,巡抚,G1,,\n\
         w6,a,,网格员,X1,,\n\
         w7,a,,,G1,,\n\
         w8,a,,网格员,、,,\n\
         w9,a,,网格员、网格长,G1、G2,,\n\
         w10,a,,调度员,G1,,\n\
         w11,a,,网格员,G1,2026-02-01,2026-01-01\n\
         w1,陈兰,,网格员,G2,,\n\
         w1,陈梅,12000000002,网格员,G2,,\n\
         w12,a,,网格员、巡抚、县令,X1、X2,,\n",
    )
    .expect_err("a bad file");
    assert_eq!(
        places(&found),
        [
            (3, "账号", "bad_code"),
            (4, "姓名", "required"),
            (5, "电话", "bad_phone"),
            (6, "角色", "unknown_value"),
            (7, "网格", "unknown_area"),
            (8, "角色", "required"),
            (9, "网格", "unknown_value"),
            (10, "角色", "ambiguous_assignment"),
            (11, "角色", "ambiguous_role"),
            (12, "终止日期", "dates_reversed"),
            (13, "姓名", "login_differs"),
            (14, "电话", "login_differs"),
            (15, "角色", "unknown_value"),
            (15, "角色", "unknown_value"),
            (15, "网格", "unknown_area"),
            (15, "网格", "unknown_area"),
        ],
    );
}

#[test]
fn a_repeated_assignment_counts_once() {
    let parsed = read("login,name,role,area\nw1,a,网格员,G1\nw1,a,网格员,G1、G2\n").expect("a good file");
    assert_eq!(places(&parsed.warnings), [(3, "role", "repeated_assignment")]);
    assert_eq!(held(&parsed.rows[0]), [("grid_worker", "G1"), ("grid_worker", "G2")]);
}

#[test]
fn one_assignment_may_have_two_times() {
    let parsed = read(
        "login,name,role,area,from,to\nw1,a,网格员,G1,2025-01-01,2025-02-01\nw1,a,网格员,G1,2026-01-01,\n",
    );
    assert_eq!(parsed.expect("a good file").rows[0].assignments.len(), 2);
}
