//! Text to rows: the delimiter, quoted cells, and for each row the line of the file it begins on.

use csv::{ReaderBuilder, StringRecord};

use super::cell::{holds_identity_number, is_hostile, trim};
use super::columns::{Column, Layout};
use super::decode::decode;
use super::fault::{Fault, Report, Wrong, quoted};

/// Rows of one file, the heading not counted.
pub const ROWS_MAX: usize = 2_000_000;
/// Characters of one cell.
pub const CELL_CHARS_MAX: usize = 2_000;
/// Cells of one row.
pub const CELLS_MAX: usize = 1_000;

/// A file read into rows, its cells legible and within the limits, their meaning not yet looked at.
#[derive(Debug)]
pub struct Sheet {
    layout: Layout,
    rows: Vec<(u64, StringRecord)>,
    heading_line: u64,
}

impl Sheet {
    /// Reads a file. `report` takes what is wrong with single rows and headings; an error is what leaves nothing to
    /// go on with: bytes that are no text, no heading, a required column missing.
    pub fn read(bytes: &[u8], columns: &'static [Column], report: &mut Report) -> Result<Sheet, Vec<Fault>> {
        let text = decode(bytes)?;
        let mut records = Records::new(&text);
        let Some((heading_line, heading)) = records.next_filled() else {
            return Err(vec![empty().at(0, None)]);
        };
        let headings = heading.iter().map(|cell| trim(cell).to_owned()).collect();
        let layout = Layout::match_headings(columns, headings, heading_line, report);
        if report.fault_count() > 0 {
            return Err(std::mem::take(report).into_faults());
        }
        let mut sheet = Sheet {
            layout,
            rows: Vec::new(),
            heading_line,
        };
        sheet.read_rows(records, report);
        Ok(sheet)
    }

    fn read_rows(&mut self, mut records: Records<'_>, report: &mut Report) {
        while let Some((line, record)) = records.next_filled() {
            if self.rows.len() == ROWS_MAX {
                report.fault(line, None, too_many_rows());
                return;
            }
            self.check(line, &record, report);
            self.rows.push((line, record));
        }
        if let Some(line) = records.unclosed_quote() {
            report.fault(line, None, unclosed());
        }
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
        self.layout
            .find(name)
            .map_or(name, |at| &self.layout.headings[at])
    }

    pub fn heading_line(&self) -> u64 {
        self.heading_line
    }

    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, record)| Row {
            line: *line,
            record,
            layout: &self.layout,
        })
    }
}

/// One row of a sheet.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    pub line: u64,
    record: &'a StringRecord,
    layout: &'a Layout,
}

impl<'a> Row<'a> {
    /// The trimmed cell; empty where the file has no such column or the row ends before it.
    pub fn cell(&self, name: &str) -> &'a str {
        self.layout
            .find(name)
            .and_then(|at| self.record.get(at))
            .map_or("", trim)
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
        let heading = self
            .layout
            .find(name)
            .map_or(name, |at| &self.layout.headings[at]);
        report.fault(self.line, Some(heading), wrong);
    }

    pub fn warn(&self, report: &mut Report, name: &str, wrong: Wrong) {
        let heading = self
            .layout
            .find(name)
            .map_or(name, |at| &self.layout.headings[at]);
        report.warn(self.line, Some(heading), wrong);
    }
}

/// The records of a text with the lines they begin on.
struct Records<'a> {
    text: &'a [u8],
    delimiter: u8,
    reader: csv::Reader<&'a [u8]>,
    /// Up to where the line ends are counted, and the line there.
    counted: usize,
    line: u64,
    last: usize,
}

impl<'a> Records<'a> {
    fn new(text: &'a str) -> Records<'a> {
        let delimiter = delimiter(text);
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        Records {
            text: text.as_bytes(),
            delimiter,
            reader,
            counted: 0,
            line: 1,
            last: 0,
        }
    }

    /// The next record that has anything in it.
    fn next_filled(&mut self) -> Option<(u64, StringRecord)> {
        let mut record = StringRecord::new();
        while self
            .reader
            .read_record(&mut record)
            .expect("BUG: text in memory is UTF-8 and never fails to read")
        {
            let line = self.begin(&record);
            if record.iter().any(|cell| !trim(cell).is_empty()) {
                return Some((line, record));
            }
        }
        None
    }

    /// The line of a record: the reader's position is before the blank lines that it skipped, ours is behind them.
    fn begin(&mut self, record: &StringRecord) -> u64 {
        let at = record.position().map_or(0, |position| position.byte() as usize);
        let blank = self.text[at..]
            .iter()
            .take_while(|byte| matches!(byte, b'\n' | b'\r'))
            .count();
        self.last = at + blank;
        self.line += line_ends(&self.text[self.counted..self.last]);
        self.counted = self.last;
        self.line
    }

    /// The line of the last record, if a quote opened in it is never closed: it swallowed the rest of the file.
    fn unclosed_quote(&self) -> Option<u64> {
        let (mut open, mut fresh) = (false, true);
        for &byte in &self.text[self.last..] {
            (open, fresh) = match byte {
                // Behind a closing quote another quote means a quote: it opens the cell again.
                b'"' if open => (false, true),
                b'"' if fresh => (true, false),
                _ => (
                    open,
                    !open && (byte == self.delimiter || byte == b'\n' || byte == b'\r'),
                ),
            };
        }
        open.then_some(self.line)
    }
}

/// How many lines end in these bytes, by `\n`, `\r\n` or a lone `\r`.
pub fn line_ends(bytes: &[u8]) -> u64 {
    let ends = |at: usize| match bytes[at] {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    (0..bytes.len()).filter(|at| ends(*at)).count() as u64
}

/// The delimiter that the first filled line uses most, outside of quotes; a comma if none.
fn delimiter(text: &str) -> u8 {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let mut quoted = false;
    let mut counts = [(b',', 0), (b'\t', 0), (b';', 0)];
    for byte in line.bytes() {
        if byte == b'"' {
            quoted = !quoted;
        }
        for (delimiter, count) in &mut counts {
            *count += usize::from(!quoted && byte == *delimiter);
        }
    }
    counts
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .map_or(b',', |(delimiter, _)| delimiter)
}

fn required() -> Wrong {
    Wrong::new("required", "不能为空", "may not be empty")
}

/// A value of more characters than its limit.
pub fn too_long(max: usize) -> Wrong {
    Wrong::new(
        "too_long",
        format!("超过 {max} 个字符"),
        format!("more than {max} characters"),
    )
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
    Wrong::new(
        "too_many_cells",
        format!("超过 {CELLS_MAX} 列"),
        format!("more than {CELLS_MAX} cells"),
    )
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

/// A value that is not one of those a column knows.
pub fn unknown_value(value: &str, known: &str) -> Wrong {
    let value = quoted(value);
    Wrong::new(
        "unknown_value",
        format!("无法识别 {value}，可用：{known}"),
        format!("{value} is unknown; use one of: {known}"),
    )
}
