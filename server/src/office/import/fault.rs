//! The report about a file: every fault with its line, in Chinese and English.

use std::collections::HashSet;
use std::fmt;

use serde::Serialize;

use super::text::{holds_identity_number, is_hostile};

/// Faults (and, apart, warnings) kept of one file; the rest is only counted. An office cannot read more,
/// and a hostile file cannot fill the memory with them.
pub const FAULTS_MAX: usize = 10_000;

/// Characters of a cell that a message quotes.
const QUOTED_CHARS: usize = 40;

/// A fault or a warning about a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The physical line in the file on which the row begins, from 1; 0 for the file as a whole.
    pub line: u64,
    /// The heading as the file has it, where the fault is in one column.
    pub column: Option<String>,
    /// Stable, in snake_case.
    pub code: &'static str,
    pub zh: String,
    pub en: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        if let Some(column) = &self.column {
            write!(f, "{}: ", quoted(column))?;
        }
        write!(f, "{} / {} [{}]", self.zh, self.en, self.code)
    }
}

/// The rows of a file without faults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed<T> {
    pub rows: T,
    pub warnings: Vec<Fault>,
}

/// The rows of a file that can be imported, and the rows that were set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken<T> {
    pub rows: T,
    pub warnings: Vec<Fault>,
    /// The faults of the rows that were set aside.
    pub faults: Vec<Fault>,
    /// These rows; `None` if there are none.
    pub aside: Option<Aside>,
}

impl<T> Taken<T> {
    /// The rows, if all can be taken.
    pub fn all(self) -> Result<Parsed<T>, Vec<Fault>> {
        if self.faults.is_empty() {
            Ok(Parsed { rows: self.rows, warnings: self.warnings })
        } else {
            Err(self.faults)
        }
    }
}

/// Rows that were set aside, as cells, with their lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aside {
    pub headings: Vec<String>,
    pub rows: Vec<(u64, Vec<String>)>,
}

/// A fault that does not know its place yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub code: &'static str,
    pub zh: String,
    pub en: String,
}

impl Wrong {
    pub fn new(code: &'static str, zh: impl Into<String>, en: impl Into<String>) -> Wrong {
        Wrong { code, zh: zh.into(), en: en.into() }
    }

    /// The same, with its place.
    pub fn at(self, line: u64, column: Option<&str>) -> Fault {
        Fault { line, column: column.map(str::to_owned), code: self.code, zh: self.zh, en: self.en }
    }
}

/// Everything found so far in one file.
#[derive(Debug, Default)]
pub struct Report {
    faults: Bounded,
    warnings: Bounded,
    lines: HashSet<u64>,
}

impl Report {
    pub fn fault(&mut self, line: u64, column: Option<&str>, wrong: Wrong) {
        self.lines.insert(line);
        self.faults.push(line, column, wrong);
    }

    pub fn warn(&mut self, line: u64, column: Option<&str>, wrong: Wrong) {
        self.warnings.push(line, column, wrong);
    }

    /// Counts the faults, those that are not listed included.
    pub fn fault_count(&self) -> u64 {
        self.faults.kept.len() as u64 + self.faults.unlisted
    }

    /// Whether a line has a fault.
    pub fn is_faulty(&self, line: u64) -> bool {
        self.lines.contains(&line)
    }

    /// Gives the rows that can be imported, and the faults of the others in the order of their lines.
    pub fn take<T>(self, rows: T, aside: Option<Aside>) -> Taken<T> {
        Taken { rows, warnings: self.warnings.into_list(), faults: self.faults.into_list(), aside }
    }

    pub fn into_faults(self) -> Vec<Fault> {
        self.faults.into_list()
    }

    /// The rows if there is no fault at all; else all faults in the order of their lines.
    pub fn finish<T>(self, rows: T) -> Result<Parsed<T>, Vec<Fault>> {
        if self.faults.kept.is_empty() {
            Ok(Parsed { rows, warnings: self.warnings.into_list() })
        } else {
            Err(self.into_faults())
        }
    }
}

#[derive(Debug, Default)]
struct Bounded {
    kept: Vec<Fault>,
    unlisted: u64,
}

impl Bounded {
    fn push(&mut self, line: u64, column: Option<&str>, wrong: Wrong) {
        if self.kept.len() < FAULTS_MAX {
            self.kept.push(wrong.at(line, column));
        } else {
            self.unlisted += 1;
        }
    }

    fn into_list(mut self) -> Vec<Fault> {
        self.kept.sort_by_key(|fault| fault.line);
        if self.unlisted > 0 {
            let n = self.unlisted;
            let more = Wrong::new(
                "and_more",
                format!("另有 {n} 处未逐一列出"),
                format!("{n} more are not listed one by one"),
            );
            self.kept.push(more.at(0, None));
        }
        self.kept
    }
}

/// A cell as a message may show it: shortened, with nothing in it that moves a terminal's cursor, and never an identity
/// number.
pub fn quoted(value: &str) -> String {
    if holds_identity_number(value) {
        return "“***”".to_owned();
    }
    let legible = |c: char| {
        if is_hostile(c) || c.is_control() { '\u{fffd}' } else { c }
    };
    let mut shown: String = value.chars().take(QUOTED_CHARS).map(legible).collect();
    if value.chars().nth(QUOTED_CHARS).is_some() {
        shown.push('…');
    }
    format!("“{shown}”")
}

/// A value of more characters than its limit.
pub fn too_long(max: usize) -> Wrong {
    Wrong::new("too_long", format!("超过 {max} 个字符"), format!("more than {max} characters"))
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
