//! The tree of areas: one row an area, its parent named by code.

use std::collections::HashMap;

use super::cell::{choice, code, name};
use super::columns::Column;
use super::fault::{Fault, Parsed, Report, Wrong, quoted};
use super::words::Words;
use super::workbook::{Row, Workbook};
use crate::calendar::date::Date;
use crate::office::import::date::{not_before, parse_date};

/// Characters of the name of an area.
pub const AREA_NAME_CHARS_MAX: usize = 80;

/// Codes that a message about a circle names.
const CIRCLE_SHOWN: usize = 8;

pub const COLUMNS: &[Column] = &[
    Column::required("code", "编码 代码 区域编码 区域代码 网格编码 网格编号 编号 area_code"),
    Column::required("kind", "类型 类别 区域类型 网格类型 层级 级别 type level"),
    Column::required("name", "名称 区域名称 网格名称 area_name"),
    Column::optional("parent", "上级编码 上级 上级代码 上级区域 上级区域编码 所属上级 父级编码 parent_code"),
    Column::optional("from", "起始日期 生效日期 启用日期 开始日期 valid_from start"),
    Column::optional("to", "终止日期 失效日期 停用日期 结束日期 截止日期 valid_to end until"),
];

/// The kinds of area, from the widest to the narrowest.
pub const KINDS: &[&str] = &[
    "district",
    "street",
    "community",
    "sector",
    "general_grid",
    "basic_grid",
    "exclusive_grid",
    "residents_group",
    "micro_grid",
];

/// The rank of a kind; kinds of one rank may hold each other.
fn width(kind: &str) -> u8 {
    match kind {
        "district" => 5,
        "street" => 4,
        "community" => 3,
        "micro_grid" => 1,
        _ => 2,
    }
}

/// One area of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AreaRow {
    pub line: u64,
    pub code: String,
    /// The code of the area above; `None` for a root.
    pub parent: Option<String>,
    /// `district`, `street`, `community`, `sector`, `general_grid`, `basic_grid`, `exclusive_grid`,
    /// `residents_group` or `micro_grid`.
    pub kind: &'static str,
    pub name: String,
    pub from: Option<Date>,
    /// The first day on which the area is no more.
    pub to: Option<Date>,
}

/// The areas of a file, parents before children. `known` tells codes the ledger already has.
///
/// Only `known` is asked about areas outside of the file: whether a new parent closes a circle through areas that are
/// not in the file is for the caller to see.
pub fn parse(bytes: &[u8], known: &dyn Fn(&str) -> bool) -> Result<Parsed<Vec<AreaRow>>, Vec<Fault>> {
    let mut report = Report::default();
    let sheet = Workbook::read(bytes, COLUMNS, &Words::builtin(), &mut report)?;
    let mut areas: Vec<AreaRow> = Vec::new();
    let mut index: HashMap<String, usize> = HashMap::new();
    for row in sheet.rows() {
        let Some(area) = read(&row, &mut report) else {
            continue;
        };
        if let Some(first) = index.get(&area.code.to_ascii_lowercase()) {
            row.fault(&mut report, "code", duplicate(&area.code, areas[*first].line));
            continue;
        }
        index.insert(area.code.to_ascii_lowercase(), areas.len());
        areas.push(area);
    }
    let tree = Tree { areas: &areas, index, heading: sheet.heading("parent") };
    let parents = tree.parents(&unread_codes(&sheet, &tree.index), known, &mut report);
    tree.check_roots(&mut report);
    let order = tree.order(&parents, &mut report);
    let mut slots: Vec<Option<AreaRow>> = areas.into_iter().map(Some).collect();
    let sorted = order.into_iter().filter_map(|at| slots[at].take()).collect();
    report.finish(sorted)
}

fn read(row: &Row<'_>, report: &mut Report) -> Option<AreaRow> {
    let own = row.need(report, "code", code);
    let kind = row.need(report, "kind", choice(&Words::builtin(), "area_kind", KINDS));
    let name = row.need(report, "name", name(AREA_NAME_CHARS_MAX));
    let before = report.fault_count();
    let parent = row.take(report, "parent", code);
    let (from, to) = dates(row, report);
    if report.fault_count() > before {
        return None;
    }
    Some(AreaRow { line: row.line, code: own?, parent, kind: kind?, name: name?, from, to })
}

/// The columns `from` and `to` of a row, the end after the beginning.
pub(crate) fn dates(row: &Row<'_>, report: &mut Report) -> (Option<Date>, Option<Date>) {
    let from = row.take(report, "from", parse_date);
    let to = row.take(report, "to", parse_date);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        row.fault(report, "to", not_before(from, to));
    }
    (from, to)
}

/// Codes of rows that are faulty elsewhere.
fn unread_codes(sheet: &Workbook, index: &HashMap<String, usize>) -> Vec<String> {
    let codes =
        sheet.rows().filter_map(|row| code(row.cell("code")).ok()).map(|code| code.to_ascii_lowercase());
    let mut unread: Vec<String> = codes.filter(|code| !index.contains_key(code)).collect();
    unread.sort_unstable();
    unread
}

/// The areas of a file on their way to a tree.
struct Tree<'a> {
    areas: &'a [AreaRow],
    /// By code in lower case.
    index: HashMap<String, usize>,
    /// The file's heading of the column of parents.
    heading: &'a str,
}

impl Tree<'_> {
    fn fault(&self, at: usize, report: &mut Report, wrong: Wrong) {
        report.fault(self.areas[at].line, Some(self.heading), wrong);
    }

    /// For each area its parent in the file, if it is there; parents that are nowhere are reported. A parent whose own
    /// row is faulty (`unread`) is not: that would make orphans of all below it.
    fn parents(
        &self,
        unread: &[String],
        known: &dyn Fn(&str) -> bool,
        report: &mut Report,
    ) -> Vec<Option<usize>> {
        let mut parents = vec![None; self.areas.len()];
        for (at, area) in self.areas.iter().enumerate() {
            let Some(parent) = &area.parent else { continue };
            let folded = parent.to_ascii_lowercase();
            let found = self.index.get(&folded).map(|found| (*found, &self.areas[*found]));
            match found {
                Some((_, above)) if above.code != *parent => {
                    self.fault(at, report, other_case(parent, &above.code));
                }
                Some((found, above)) => {
                    parents[at] = Some(found);
                    if width(above.kind) < width(area.kind) {
                        report.warn(area.line, Some(self.heading), upside_down(area, above));
                    }
                }
                None if unread.binary_search(&folded).is_ok() || known(parent) => {}
                None => self.fault(at, report, unknown_area(parent)),
            }
        }
        parents
    }

    /// A row without parent is a root only as a district, street or community, and all roots are of one kind:
    /// anything else has forgotten its parent.
    fn check_roots(&self, report: &mut Report) {
        let roots = || self.areas.iter().enumerate().filter(|(_, area)| area.parent.is_none());
        let widest = roots().map(|(_, area)| width(area.kind)).max().unwrap_or(0).max(width("community"));
        for (at, _) in roots().filter(|(_, area)| width(area.kind) < widest) {
            self.fault(at, report, no_parent());
        }
    }

    /// The areas by depth, in the order of the file within a depth. Circles are reported, each once.
    fn order(&self, parents: &[Option<usize>], report: &mut Report) -> Vec<usize> {
        let mut depth: Vec<Option<usize>> = vec![None; parents.len()];
        let mut on_path = vec![false; parents.len()];
        for start in 0..parents.len() {
            let mut path = Vec::new();
            let mut next = Some(start);
            while let Some(at) = next.filter(|at| depth[*at].is_none() && !on_path[*at]) {
                on_path[at] = true;
                path.push(at);
                next = parents[at];
            }
            if let Some(at) = next.filter(|at| on_path[*at]) {
                let circle = &path[path.iter().position(|member| *member == at).unwrap_or(0)..];
                self.fault(circle[0], report, in_circle(self.areas, circle));
            }
            let first = next.and_then(|at| depth[at]).map_or(0, |depth| depth + 1);
            for (at, own) in path.into_iter().rev().zip(first..) {
                on_path[at] = false;
                depth[at] = Some(own);
            }
        }
        let mut order: Vec<usize> = (0..parents.len()).collect();
        order.sort_by_key(|at| depth[*at]);
        order
    }
}

fn duplicate(code: &str, line: u64) -> Wrong {
    let code = quoted(code);
    Wrong::new(
        "duplicate_code",
        format!("编码 {code} 已在第 {line} 行出现"),
        format!("the code {code} is already on line {line}"),
    )
}

/// The fault of a code that neither the file nor the ledger has.
pub(crate) fn unknown_area(code: &str) -> Wrong {
    let code = quoted(code);
    Wrong::new("unknown_area", format!("没有编码为 {code} 的区域"), format!("there is no area {code}"))
}

fn other_case(parent: &str, code: &str) -> Wrong {
    let (parent, code) = (quoted(parent), quoted(code));
    Wrong::new("unknown_area", format!("{parent} 应写作 {code}"), format!("{parent} is written {code}"))
}

fn upside_down(area: &AreaRow, parent: &AreaRow) -> Wrong {
    let (own, above) = (area.kind, parent.kind);
    Wrong::new(
        "kinds_reversed",
        format!("上级的类型 {above} 小于本级 {own}"),
        format!("a {above} holds this {own}; it is usually the other way round"),
    )
}

fn no_parent() -> Wrong {
    Wrong::new("no_parent", "缺少上级编码", "has no parent")
}

fn in_circle(areas: &[AreaRow], circle: &[usize]) -> Wrong {
    let mut codes: Vec<&str> = circle.iter().take(CIRCLE_SHOWN).map(|at| areas[*at].code.as_str()).collect();
    codes.push(if circle.len() > CIRCLE_SHOWN { "…" } else { codes[0] });
    let codes = codes.join(" → ");
    Wrong::new("circle", format!("上级关系成环：{codes}"), format!("the parents form a circle: {codes}"))
}
