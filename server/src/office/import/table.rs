//! Splits a file into rows of cells, each with its line: a CSV file, or the first sheet of a workbook that has the headings.

use super::text::line_ends;
use std::borrow::Cow;
use std::io::Cursor;

use calamine::{Data, ExcelDateTime, Reader as _, open_workbook_auto_from_rs};
use csv::{ReaderBuilder, StringRecord};

use super::decode::decode;
use super::fault::{Fault, Wrong};
use super::text::trim;

/// Bytes of a workbook: it is packed, and unpacks to ten times as much.
pub const WORKBOOK_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Lines looked at for the delimiter: a title may stand above the headings.
const DELIMITER_LINES: usize = 20;
/// Numbers beyond this are not whole in a workbook: it keeps 15 digits.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// The filled rows of a file.
#[derive(Debug, Default)]
pub struct Table {
    /// Each with the line it begins on, from 1.
    pub rows: Vec<(u64, StringRecord)>,
    /// The line of a quote that is never closed.
    pub unclosed: Option<u64>,
}

impl Table {
    /// Reads a file. Of a workbook, the first sheet in which `has_headings` finds a row; else the first that holds anything.
    pub fn read(
        bytes: &[u8],
        most: usize,
        has_headings: &dyn Fn(&StringRecord) -> bool,
    ) -> Result<Self, Vec<Fault>> {
        if is_workbook(bytes) {
            return workbook(bytes, most, has_headings);
        }
        let text = decode(bytes)?;
        let named = separator(&text);
        // The line that names the separator is one of the file's.
        let before = u64::from(named.is_some());
        let (delimiter, text) = named.unwrap_or_else(|| (delimiter(&text), &text));
        let tidy = without_space_before_quotes(text, delimiter);
        let mut records = Records::new(&tidy, delimiter);
        let mut table = Self::default();
        while let Some((line, record)) = records.next_filled() {
            table.rows.push((line + before, record));
            if table.rows.len() > most {
                break;
            }
        }
        table.unclosed = records.unclosed_quote().map(|line| line + before);
        Ok(table)
    }
}

fn is_workbook(bytes: &[u8]) -> bool {
    matches!(bytes, [b'P', b'K', 3, 4, ..] | [0xD0, 0xCF, 0x11, 0xE0, ..])
}

fn workbook(
    bytes: &[u8],
    most: usize,
    has_headings: &dyn Fn(&StringRecord) -> bool,
) -> Result<Table, Vec<Fault>> {
    if bytes.len() > WORKBOOK_BYTES_MAX {
        return Err(vec![too_large(bytes.len()).at(0, None)]);
    }
    let unreadable = |_| vec![unreadable().at(0, None)];
    let mut book = open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(unreadable)?;
    let mut first = None;
    for name in book.sheet_names() {
        let Ok(range) = book.worksheet_range(&name) else {
            continue;
        };
        let top = u64::from(range.start().map_or(0, |(row, _)| row)) + 1;
        let mut table = Table::default();
        for (line, row) in (top..).zip(range.rows()) {
            let record: StringRecord = row.iter().map(text).collect();
            if record.iter().any(|cell| !trim(cell).is_empty()) {
                table.rows.push((line, record));
            }
            if table.rows.len() > most {
                break;
            }
        }
        if table.rows.iter().take(DELIMITER_LINES).any(|(_, row)| has_headings(row)) {
            return Ok(table);
        }
        if first.is_none() && !table.rows.is_empty() {
            first = Some(table);
        }
    }
    Ok(first.unwrap_or_default())
}

/// A workbook's cell as it would stand in a CSV file.
fn text(cell: &Data) -> String {
    match cell {
        Data::Int(number) => number.to_string(),
        Data::Float(number) => float(*number),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => text.clone(),
        Data::Bool(is) => is.to_string(),
        Data::DateTime(moment) => day(moment),
        Data::Error(_) | Data::Empty => String::new(),
    }
}

fn float(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < WHOLE_MAX {
        format!("{number:.0}")
    } else if number.fract() == 0.0 {
        // More digits than a workbook keeps: the last ones are lost.
        format!("{number:E}").replace('E', "E+")
    } else {
        number.to_string()
    }
}

fn day(moment: &ExcelDateTime) -> String {
    if moment.is_duration() {
        return moment.as_f64().to_string();
    }
    let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
    if (hour, minute, second) == (0, 0, 0) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

/// The delimiter that a first line `sep=,` names, and the text behind that line.
fn separator(text: &str) -> Option<(u8, &str)> {
    let rest = text.trim_start_matches('"');
    let rest = rest.get(..4).filter(|word| word.eq_ignore_ascii_case("sep=")).map(|_| &rest[4..])?;
    let delimiter = *rest.as_bytes().first()?;
    let end = rest.find('\n').map_or(rest.len(), |at| at + 1);
    (rest[1..end].trim().trim_matches('"').is_empty() && delimiter.is_ascii())
        .then(|| (delimiter, &rest[end..]))
}

/// The text with each quote right behind its delimiter: some programs write a space between.
fn without_space_before_quotes(text: &str, delimiter: u8) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out: Option<Vec<u8>> = None;
    let (mut at, mut quoted, mut fresh) = (0, false, true);
    while at < bytes.len() {
        let byte = bytes[at];
        if fresh && byte == b' ' {
            let spaces = bytes[at..].iter().take_while(|byte| **byte == b' ').count();
            if bytes.get(at + spaces) == Some(&b'"') {
                out.get_or_insert_with(|| bytes[..at].to_vec());
                at += spaces;
                continue;
            }
        }
        match byte {
            b'"' if quoted => quoted = false,
            b'"' if fresh || bytes.get(at.wrapping_sub(1)) == Some(&b'"') => quoted = true,
            _ => {}
        }
        fresh = !quoted && (byte == delimiter || matches!(byte, b'\n' | b'\r'));
        if let Some(out) = &mut out {
            out.push(byte);
        }
        at += 1;
    }
    out.map_or(Cow::Borrowed(text), |out| {
        Cow::Owned(String::from_utf8(out).expect("BUG: only spaces were left out"))
    })
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
    fn new(text: &'a str, delimiter: u8) -> Records<'a> {
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes());
        Records { text: text.as_bytes(), delimiter, reader, counted: 0, line: 1, last: 0 }
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
        let blank = self.text[at..].iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
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
                _ => (open, !open && (byte == self.delimiter || byte == b'\n' || byte == b'\r')),
            };
        }
        open.then_some(self.line)
    }
}

/// The delimiter that one of the first lines uses most, outside of quotes; a comma if none.
fn delimiter(text: &str) -> u8 {
    let filled = text.lines().filter(|line| !line.trim().is_empty());
    let counted = filled.take(DELIMITER_LINES).map(counts);
    // The first line that has most: behind the headings stand remarks with delimiters of their own.
    let most = counted.reduce(|best, next| {
        let of = |counts: [(u8, usize); 3]| counts.into_iter().map(|(_, count)| count).max();
        if of(next) > of(best) { next } else { best }
    });
    most.unwrap_or_default()
        .into_iter()
        .rev()
        .max_by_key(|(_, count)| *count)
        .filter(|(_, count)| *count > 0)
        .map_or(b',', |(delimiter, _)| delimiter)
}

fn counts(line: &str) -> [(u8, usize); 3] {
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
}

fn too_large(bytes: usize) -> Wrong {
    let (mib, max) = (bytes.div_ceil(1024 * 1024), WORKBOOK_BYTES_MAX / 1024 / 1024);
    Wrong::new(
        "file_too_large",
        format!("工作簿有 {mib} MiB，最多 {max} MiB，请分成几个文件或另存为 CSV"),
        format!("the workbook has {mib} MiB, {max} MiB at most; split it, or save the sheet as CSV"),
    )
}

fn unreadable() -> Wrong {
    Wrong::new(
        "bad_workbook",
        "无法读取这个工作簿（可能已加密或损坏），请另存为 XLSX 或 CSV",
        "this workbook cannot be read (encrypted, or damaged); save it as XLSX or CSV",
    )
}
