//! The staff list: who works where, in which role. Several rows of one login are one person.

use std::collections::{HashMap, HashSet};

use super::areas::dates;
use super::cell::{code, items, name, phones};
use super::columns::Column;
use super::fault::unknown_value;
use super::fault::{Aside, Fault, Parsed, Report, Taken, Wrong, quoted};
use super::places::Places;
use super::text::fold;
use super::text::fold_heading;
use super::words::Words;
use super::workbook::{Row, Workbook};
use crate::calendar::date::Date;

/// Characters of a person's name.
pub const PERSON_NAME_CHARS_MAX: usize = 60;

/// Labels that a message about an unknown role names.
const ROLES_SHOWN: usize = 8;

pub const COLUMNS: &[Column] = &[
    Column::required("login", "登录名 账号 帐号 用户名 登录账号 工号 account user_name username"),
    Column::required("name", "姓名 名字 full_name"),
    Column::required("role", "角色 岗位 职务 角色编码 roles position").multiline(),
    Column::required(
        "area",
        "网格编码 区域编码 网格 区域 所属网格 所属区域 负责网格 areas area_code grid grids",
    )
    .multiline(),
    Column::optional("phone", "电话 手机 手机号 手机号码 联系电话 联系方式 电话号码 mobile telephone tel"),
    Column::optional("from", "起始日期 任职日期 生效日期 开始日期 valid_from start"),
    Column::optional("to", "终止日期 离任日期 失效日期 结束日期 截止日期 valid_to end until"),
];

/// A role as the schema has it: code, Chinese label, English label.
pub type Role<'a> = (&'a str, &'a str, &'a str);

/// One person of the staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffRow {
    /// The first of the person's rows.
    pub line: u64,
    /// Lower case.
    pub login: String,
    pub name: String,
    pub phone: Option<String>,
    /// In the order of the file, none twice.
    pub assignments: Vec<Assignment>,
}

/// A role in an area, for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    pub line: u64,
    pub role: String,
    pub area: String,
    pub from: Option<Date>,
    /// The first day on which it no longer holds.
    pub to: Option<Date>,
}

/// The people and roles of a staff list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Staff {
    /// The people in the order of their first rows.
    pub people: Vec<StaffRow>,
    /// Every login that can be read, also of rows that were set aside.
    pub logins: HashSet<String>,
}

/// The people of a file in which nothing is wrong, in the order of their first rows. `known` tells the codes of areas.
pub fn parse(
    bytes: &[u8],
    roles: &[Role<'_>],
    known: &dyn Fn(&str) -> bool,
) -> Result<Parsed<Vec<StaffRow>>, Vec<Fault>> {
    let taken = take(bytes, roles, &Places::of_codes(known), &Words::builtin())?.all()?;
    Ok(Parsed { rows: taken.rows.people, warnings: taken.warnings })
}

/// The people whose rows can be taken; other rows are set aside.
///
/// A row may list several roles or several areas, not both: which role would hold where is a question of rights, and
/// is not guessed.
pub fn take(
    bytes: &[u8],
    roles: &[Role<'_>],
    places: &Places<'_>,
    words: &Words,
) -> Result<Taken<Staff>, Vec<Fault>> {
    let mut report = Report::default();
    let sheet = Workbook::read(bytes, COLUMNS, words, &mut report)?;
    let mut staff = Staff::default();
    let mut index: HashMap<String, usize> = HashMap::new();
    let mut aside = Aside { headings: sheet.headings().to_vec(), rows: Vec::new() };
    for row in sheet.rows() {
        staff.logins.extend(login(row.cell("login")));
        let clean = !report.is_faulty(row.line);
        let person = read(&row, roles, (places, words), &mut report).filter(|_| clean);
        if let Some(person) = person {
            if let Some(at) = index.get(&person.login) {
                merge(&row, &mut staff.people[*at], person, &mut report);
            } else {
                index.insert(person.login.clone(), staff.people.len());
                staff.people.push(person);
            }
        }
        if report.is_faulty(row.line) {
            aside.rows.push((row.line, row.cells()));
        }
    }
    let aside = Some(aside).filter(|aside| !aside.rows.is_empty());
    Ok(report.take(staff, aside))
}

fn read(
    row: &Row<'_>,
    roles: &[Role<'_>],
    (places, words): (&Places<'_>, &Words),
    report: &mut Report,
) -> Option<StaffRow> {
    let before = report.fault_count();
    let login = row.need(report, "login", login);
    let name = row.need(report, "name", name(PERSON_NAME_CHARS_MAX));
    let phone = row.take(report, "phone", phones(words));
    let phone = phone.and_then(|phones| phones.into_iter().next());
    let (from, to) = dates(row, report);
    let held = each(row, "role", report, |item| role(item, roles));
    let areas = each(row, "area", report, |item| places.find(item));
    if held.len() > 1 && areas.len() > 1 {
        row.fault(report, "role", ambiguous());
    }
    if report.fault_count() > before {
        return None;
    }
    let mut person = StaffRow { line: row.line, login: login?, name: name?, phone, assignments: Vec::new() };
    for role in &held {
        for area in &areas {
            let (role, area) = (role.clone(), area.clone());
            add(row, &mut person, Assignment { line: row.line, role, area, from, to }, report);
        }
    }
    Some(person)
}

/// The values of a cell that lists several; each bad one is reported.
fn each<T>(
    row: &Row<'_>,
    column: &'static str,
    report: &mut Report,
    parse: impl Fn(&str) -> Result<T, Wrong>,
) -> Vec<T> {
    let Some(listed) = row.need(report, column, |cell| {
        let listed: Vec<String> = items(cell)?.into_iter().map(str::to_owned).collect();
        Ok(listed)
    }) else {
        return Vec::new();
    };
    if listed.is_empty() {
        row.fault(report, column, unknown_value(row.cell(column), column));
    }
    let mut values = Vec::new();
    for item in listed {
        match parse(&item) {
            Ok(value) => values.push(value),
            Err(wrong) => row.fault(report, column, wrong),
        }
    }
    values
}

fn login(cell: &str) -> Result<String, Wrong> {
    code(cell).map(|login| login.to_ascii_lowercase())
}

/// A role by code, else by a label that only one role has.
fn role(item: &str, roles: &[Role<'_>]) -> Result<String, Wrong> {
    let exact = fold(item);
    if let Some((code, ..)) = roles.iter().find(|(code, ..)| *code == exact) {
        return Ok((*code).to_owned());
    }
    let folded = fold_heading(item);
    let fits = |word: &str| fold_heading(word) == folded;
    let found: Vec<&str> = roles
        .iter()
        .filter(|(code, zh, en)| fits(code) || fits(zh) || fits(en))
        .map(|(code, ..)| *code)
        .collect();
    match found[..] {
        [code] => Ok(code.to_owned()),
        [] => {
            let labels: Vec<&str> = roles.iter().take(ROLES_SHOWN).map(|(_, zh, _)| *zh).collect();
            Err(unknown_value(item, &labels.join("、")))
        }
        _ => Err(several_roles(item, &found)),
    }
}

/// A further row of a person: the assignments join, everything else must agree.
fn merge(row: &Row<'_>, person: &mut StaffRow, further: StaffRow, report: &mut Report) {
    let before = report.fault_count();
    if further.name != person.name {
        row.fault(report, "name", differs(&person.name, person.line));
    }
    match (&person.phone, further.phone) {
        (Some(first), Some(second)) if *first != second => {
            row.fault(report, "phone", differs(first, person.line));
        }
        (None, Some(second)) => person.phone = Some(second),
        _ => {}
    }
    if report.fault_count() > before {
        return;
    }
    for assignment in further.assignments {
        add(row, person, assignment, report);
    }
}

fn add(row: &Row<'_>, person: &mut StaffRow, new: Assignment, report: &mut Report) {
    let same = |old: &&Assignment| {
        (&old.role, &old.area, old.from, old.to) == (&new.role, &new.area, new.from, new.to)
    };
    match person.assignments.iter().find(same) {
        Some(old) => row.warn(report, "role", repeated(old)),
        None => person.assignments.push(new),
    }
}

fn ambiguous() -> Wrong {
    Wrong::new(
        "ambiguous_assignment",
        "同一行既有多个角色又有多个网格，请每个角色单独一行",
        "several roles and several areas in one row; give each role its own row",
    )
}

fn several_roles(item: &str, found: &[&str]) -> Wrong {
    let (item, codes) = (quoted(item), found.join("、"));
    Wrong::new(
        "ambiguous_role",
        format!("{item} 可指多个角色，请写编码：{codes}"),
        format!("{item} means several roles; write a code: {codes}"),
    )
}

fn differs(first: &str, line: u64) -> Wrong {
    let first = quoted(first);
    Wrong::new(
        "login_differs",
        format!("同一登录名在第 {line} 行为 {first}"),
        format!("the same login has {first} on line {line}"),
    )
}

fn repeated(old: &Assignment) -> Wrong {
    let (role, area, line) = (&old.role, &old.area, old.line);
    Wrong::new(
        "repeated_assignment",
        format!("第 {line} 行已有 {role} @ {area}，重复项已忽略"),
        format!("{role} @ {area} is already on line {line} and counts once"),
    )
}
