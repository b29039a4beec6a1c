//! Reads a workbook's rows below its headings: finds the headings, skips rows about the spreadsheet itself, bounds cells.

use super::fault::too_long;
use csv::StringRecord;

use super::columns::{Column, Layout};
use super::fault::{Fault, Report, Wrong, quoted};
use super::table::Table;
use super::text::{holds_identity_number, is_hostile, trim};
use super::words::Words;

/// Rows of one file, the heading not counted.
pub const ROWS_MAX: usize = 2_000_000;
/// Characters of one cell.
pub const CELL_CHARS_MAX: usize = 2_000;
/// Cells of one row.
pub const CELLS_MAX: usize = 1_000;

/// Rows among which the headings are: titles, dates and remarks stand above them.
const HEADING_ROWS: usize = 20;
/// Filled cells from which a row counts as data, even if it begins like a footer.
const FOOTER_CELLS: usize = 4;

/// A file read into rows, its cells legible and within the limits, their meaning not yet looked at.
#[derive(Debug)]
pub struct Workbook {
    layout: Layout,
    rows: Vec<(u64, StringRecord)>,
    heading_line: u64,
}

impl Workbook {
    /// Reads a file. `report` collects the faults of rows and headings. An error means that the file cannot be read at all:
    /// its bytes are no text, it has no heading, or a required column is missing.
    pub fn read(
        bytes: &[u8],
        columns: &'static [Column],
        words: &Words,
        report: &mut Report,
    ) -> Result<Workbook, Vec<Fault>> {
        let fit = |row: &StringRecord| Layout::fit(columns, words, row.iter());
        let most = ROWS_MAX + HEADING_ROWS;
        let table = Table::read(bytes, most, &|row| fit(row).0)?;
        let candidates = table.rows.iter().take(HEADING_ROWS).enumerate();
        // Titles stand above the headings: the row with most of the columns has them. The first of equals does.
        let heading = candidates.rev().max_by_key(|(_, (_, row))| fit(row)).map(|(at, _)| at);
        let Some(heading) = heading else {
            return Err(vec![empty().at(0, None)]);
        };
        let mut rows = table.rows.into_iter().skip(heading);
        let (heading_line, row) = rows.next().expect("BUG: the row of the headings");
        let headings = row.iter().map(|cell| trim(cell).to_owned()).collect();
        let layout = Layout::match_headings((columns, words), headings, heading_line, report);
        if report.fault_count() > 0 {
            return Err(std::mem::take(report).into_faults());
        }
        let mut sheet = Workbook { layout, rows: Vec::new(), heading_line };
        sheet.read_rows(rows, words, report)?;
        if let Some(line) = table.unclosed {
            report.fault(line, None, unclosed());
            return Err(std::mem::take(report).into_faults());
        }
        Ok(sheet)
    }

    fn read_rows(
        &mut self,
        rows: impl Iterator<Item = (u64, StringRecord)>,
        words: &Words,
        report: &mut Report,
    ) -> Result<(), Vec<Fault>> {
        for (line, record) in rows {
            if self.rows.len() == ROWS_MAX {
                report.fault(line, None, too_many_rows());
                return Err(std::mem::take(report).into_faults());
            }
            let mut filled = record.iter().map(trim).filter(|cell| !cell.is_empty());
            let first = filled.next().unwrap_or_default();
            if words.is_total(first) || (words.is_footer(first) && filled.count() < FOOTER_CELLS) {
                report.warn(line, None, said_of_the_sheet(first));
                continue;
            }
            self.check(line, &record, report);
            self.rows.push((line, record));
        }
        Ok(())
    }

    fn check(&self, line: u64, record: &StringRecord, report: &mut Report) {
        if record.len() > CELLS_MAX {
            report.fault(line, None, too_many_cells());
            return;
        }
        for (at, cell) in record.iter().enumerate() {
            let heading = self.layout.headings.get(at).filter(|heading| !heading.is_empty());
            let wrong = match heading {
                None if trim(cell).is_empty() => continue,
                None => Some(beyond_headings(at)),
                Some(_) => self.check_cell(at, cell),
            };
            if let Some(wrong) = wrong {
                report.fault(line, heading.map(String::as_str), wrong);
            }
        }
    }

    fn check_cell(&self, at: usize, cell: &str) -> Option<Wrong> {
        if cell.len() > CELL_CHARS_MAX && cell.chars().nth(CELL_CHARS_MAX).is_some() {
            return Some(too_long(CELL_CHARS_MAX));
        }
        let column = &self.layout.columns[self.layout.meaning[at]?];
        let cell = trim(cell);
        if let Some(c) = cell.chars().find(|c| is_hostile(*c)) {
            return Some(hostile_character(c));
        }
        if !column.multiline && cell.contains(['\n', '\r']) {
            return Some(line_break());
        }
        holds_identity_number(cell).then(identity_number)
    }

    pub fn has(&self, name: &str) -> bool {
        self.layout.has(name)
    }

    /// The heading of a column as the file has it; its canonical name if the file has none.
    pub fn heading<'a>(&'a self, name: &'a str) -> &'a str {
        self.layout.find(name).map_or(name, |at| &self.layout.headings[at])
    }

    pub fn heading_line(&self) -> u64 {
        self.heading_line
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, record)| Row { line: *line, record, above: None, layout: &self.layout })
    }

    /// The headings as the file has them.
    pub fn headings(&self) -> &[String] {
        &self.layout.headings
    }
}

/// The records that hold a row's shared cells, by the file's columns.
#[derive(Debug, Clone, Copy)]
struct Above<'a> {
    /// The nearest row above that has an area of its own, and the nearest that has a place of its own.
    area: &'a StringRecord,
    place: &'a StringRecord,
    columns: &'static [&'static str],
}

/// One row of a spreadsheet.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub line: u64,
    record: &'a StringRecord,
    /// The row whose cells of some columns hold for this one too, and these columns: cells merged downwards.
    above: Option<Above<'a>>,
    layout: &'a Layout,
}

impl<'a> Row<'a> {
    /// The trimmed cell; empty where the file has no such column or the row ends before it.
    pub fn cell(&self, name: &str) -> &'a str {
        let Some(at) = self.layout.find(name) else {
            return "";
        };
        let own = self.record.get(at).map_or("", trim);
        match self.above {
            Some(above) if own.is_empty() && above.columns.contains(&name) => {
                let record = if name == "area" { above.area } else { above.place };
                record.get(at).map_or("", trim)
            }
            _ => own,
        }
    }

    /// The same row, with the cells of these columns as they are in another where its own are empty.
    #[must_use]
    pub fn below(self, above: Row<'a>, columns: &'static [&'static str]) -> Row<'a> {
        let (area, place) = (above.holder("area"), above.holder("address"));
        let above = Above { area, place, columns };
        Row { above: Some(above), ..self }
    }

    /// The record in which the cell of a shared column stands.
    fn holder(&self, name: &str) -> &'a StringRecord {
        match self.above {
            Some(above) if name == "area" && above.columns.contains(&name) && self.own("area").is_empty() => {
                above.area
            }
            Some(above) if name != "area" && above.columns.contains(&name) => above.place,
            _ => self.record,
        }
    }

    fn own(&self, name: &str) -> &'a str {
        let at = self.layout.find(name);
        at.and_then(|at| self.record.get(at)).map_or("", trim)
    }

    /// Its cells in the order of the headings, as it is to be read by itself. Cells that hold identity numbers are empty.
    pub fn cells(&self) -> Vec<String> {
        let meaning = |at: usize| {
            let column = self.layout.meaning.get(at).copied().flatten()?;
            Some(self.layout.columns[column].name)
        };
        let cell = |at: usize| {
            let cell =
                meaning(at).map_or_else(|| self.record.get(at).map_or("", trim), |name| self.cell(name));
            if holds_identity_number(cell) || self.layout.is_secret(at) { "" } else { cell }.to_owned()
        };
        (0..self.layout.headings.len()).map(cell).collect()
    }

    /// The value of a cell that may be empty. `None` also after a fault, which goes to the report.
    pub fn take<T>(
        &self,
        report: &mut Report,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let cell = self.cell(name);
        if cell.is_empty() {
            return None;
        }
        parse(cell).map_err(|wrong| self.fault(report, name, wrong)).ok()
    }

    /// The value of a cell that may not be empty.
    pub fn need<T>(
        &self,
        report: &mut Report,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        if self.cell(name).is_empty() {
            self.fault(report, name, required());
            return None;
        }
        self.take(report, name, parse)
    }

    pub fn fault(&self, report: &mut Report, name: &str, wrong: Wrong) {
        let heading = self.layout.find(name).map_or(name, |at| &self.layout.headings[at]);
        report.fault(self.line, Some(heading), wrong);
    }

    pub fn warn(&self, report: &mut Report, name: &str, wrong: Wrong) {
        let heading = self.layout.find(name).map_or(name, |at| &self.layout.headings[at]);
        report.warn(self.line, Some(heading), wrong);
    }
}

fn required() -> Wrong {
    Wrong::new("required", "不能为空", "may not be empty")
}

fn empty() -> Wrong {
    Wrong::new("empty_file", "文件没有内容", "the file is empty")
}

fn too_many_rows() -> Wrong {
    Wrong::new(
        "too_many_rows",
        format!("超过 {ROWS_MAX} 行，请分成几个文件"),
        format!("more than {ROWS_MAX} rows; split the file"),
    )
}

fn too_many_cells() -> Wrong {
    Wrong::new("too_many_cells", format!("超过 {CELLS_MAX} 列"), format!("more than {CELLS_MAX} cells"))
}

fn beyond_headings(at: usize) -> Wrong {
    let n = at + 1;
    Wrong::new(
        "extra_cell",
        format!("第 {n} 列没有标题却有内容"),
        format!("cell {n} has a value but no heading"),
    )
}

fn hostile_character(c: char) -> Wrong {
    let code = u32::from(c);
    Wrong::new(
        "control_character",
        format!("含有控制字符 U+{code:04X}"),
        format!("holds the control character U+{code:04X}"),
    )
}

fn said_of_the_sheet(first: &str) -> Wrong {
    let first = quoted(first);
    Wrong::new(
        "sum_row",
        format!("{first} 行是合计或说明，已跳过"),
        format!("the row {first} sums up or explains; it is skipped"),
    )
}

fn line_break() -> Wrong {
    Wrong::new(
        "line_break",
        "单元格内有换行，可能是前面的引号没有配对",
        "holds a line break; perhaps a quote is not closed",
    )
}

fn unclosed() -> Wrong {
    Wrong::new(
        "unclosed_quote",
        "引号没有配对，其后内容无法读取",
        "a quote is never closed; the rest is unreadable",
    )
}

fn identity_number() -> Wrong {
    Wrong::new(
        "id_number",
        "含有身份证号码，不予导入，请删除",
        "holds an identity number, which is not imported; remove it",
    )
}
