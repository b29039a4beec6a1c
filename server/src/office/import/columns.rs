//! Finds the column that a heading means: Chinese and English names, whatever their spacing, case and width.

use super::fault::{Report, Wrong, quoted};
use super::text::fold_heading;
use super::words::Words;

/// Headings of columns that hold identity numbers (GB 11643). They are known so that they can be left out.
const IDENTITY: &str = "身份证号 身份证 身份证号码 公民身份号码 公民身份证号码 居民身份证号 居民身份证号码 身份号码 \
    证件号 证件号码 身份证件号码 idcard idnumber idno identitynumber citizenid";

/// The heading of the column that says why a row was set aside.
pub const REASON: &str = "未导入原因";
/// Bytes of a heading: a longer cell is a text.
const HEADING_BYTES: usize = 120;

/// A column that a spreadsheet may have.
#[derive(Debug)]
pub struct Column {
    /// The canonical name; a heading of this name is understood as well.
    pub name: &'static str,
    /// Other headings, between spaces.
    pub aliases: &'static str,
    pub required: bool,
    /// Whether a cell may hold several lines.
    pub multiline: bool,
}

impl Column {
    pub const fn required(name: &'static str, aliases: &'static str) -> Column {
        Column { name, aliases, required: true, multiline: false }
    }

    pub const fn optional(name: &'static str, aliases: &'static str) -> Column {
        Column { name, aliases, required: false, multiline: false }
    }

    #[must_use]
    pub const fn multiline(self) -> Column {
        Column { multiline: true, ..self }
    }

    fn is_called(&self, folded: &str) -> bool {
        is_word(folded, self.name) || is_among(folded, self.aliases)
    }
}

/// Whether a folded word is the known `word`, which is written folded except for underscores.
pub fn is_word(folded: &str, word: &str) -> bool {
    word == folded || word.contains('_') && word.chars().filter(|c| *c != '_').eq(folded.chars())
}

/// Whether a folded word is one of a list of known words between spaces.
pub fn is_among(folded: &str, words: &str) -> bool {
    words.split_whitespace().any(|word| is_word(folded, word))
}

/// Finds the column that a folded heading means.
fn column_of(columns: &[Column], words: &Words, folded: &str) -> Option<usize> {
    let own = columns.iter().position(|column| column.is_called(folded));
    own.or_else(|| {
        let name = words.column(folded)?;
        columns.iter().position(|column| column.name == name)
    })
}

/// The positions of a spreadsheet's columns in one file.
#[derive(Debug)]
pub struct Layout {
    pub columns: &'static [Column],
    /// The headings as the file has them.
    pub headings: Vec<String>,
    /// For each heading, which column it is.
    pub meaning: Vec<Option<usize>>,
    /// For each column, which heading it has.
    pub place: Vec<Option<usize>>,
}

impl Layout {
    /// Rates a row as headings: whether it has every required column, and the number of its columns.
    pub fn fit<'r>(columns: &[Column], words: &Words, row: impl Iterator<Item = &'r str>) -> (bool, usize) {
        let mut found = vec![false; columns.len()];
        for cell in row.filter(|cell| cell.len() <= HEADING_BYTES) {
            if let Some(column) = column_of(columns, words, &fold_heading(cell)) {
                found[column] = true;
            }
        }
        let needed = columns.iter().zip(&found).all(|(column, found)| *found || !column.required);
        (needed, found.into_iter().filter(|found| *found).count())
    }

    /// Whether a column holds what is left out: identity numbers.
    pub fn is_secret(&self, at: usize) -> bool {
        is_among(&fold_heading(&self.headings[at]), IDENTITY)
    }

    /// Matches the headings. Missing, doubled and unknown headings go to the report.
    pub fn match_headings(
        (columns, words): (&'static [Column], &Words),
        headings: Vec<String>,
        line: u64,
        report: &mut Report,
    ) -> Layout {
        let mut meaning: Vec<Option<usize>> = vec![None; headings.len()];
        let mut place: Vec<Option<usize>> = vec![None; columns.len()];
        let mut unknown = Vec::new();
        for (at, heading) in headings.iter().enumerate() {
            let folded = fold_heading(heading);
            if folded.is_empty() {
                continue;
            }
            if is_among(&folded, IDENTITY) {
                report.warn(line, Some(heading), identity_column());
                continue;
            }
            if is_word(&folded, REASON) {
                continue;
            }
            let Some(column) = column_of(columns, words, &folded) else {
                unknown.push(heading.as_str());
                continue;
            };
            if let Some(first) = place[column] {
                report.fault(line, Some(heading), doubled(&headings[first]));
            } else {
                place[column] = Some(at);
                meaning[at] = Some(column);
            }
        }
        for heading in &unknown {
            report.warn(line, Some(heading), unknown_column());
        }
        for (column, _) in columns.iter().zip(&place).filter(|(column, at)| column.required && at.is_none()) {
            report.fault(line, Some(column.name), missing(column, &unknown));
        }
        Layout { columns, headings, meaning, place }
    }

    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The place of a column in the file.
    pub fn find(&self, name: &str) -> Option<usize> {
        let column = self.columns.iter().position(|column| column.name == name)?;
        self.place[column]
    }
}

fn identity_column() -> Wrong {
    Wrong::new(
        "id_number_column",
        "身份证号码不予导入，此列已跳过",
        "identity numbers are not imported; this column is skipped",
    )
}

fn unknown_column() -> Wrong {
    Wrong::new("unknown_column", "无法识别此列，未导入", "this column is unknown and not imported")
}

fn doubled(first: &str) -> Wrong {
    let first = quoted(first);
    Wrong::new(
        "duplicate_column",
        format!("与 {first} 列含义相同"),
        format!("means the same as column {first}"),
    )
}

/// The fault of a missing column. It names the possible headings, and the headings that were not understood.
pub fn missing(column: &Column, unknown: &[&str]) -> Wrong {
    let alias = column.aliases.split_whitespace().next().unwrap_or(column.name);
    let name = column.name;
    let unread: Vec<String> = unknown.iter().take(8).map(|heading| quoted(heading)).collect();
    let (zh, en) = if unread.is_empty() {
        (String::new(), String::new())
    } else {
        let unread = unread.join(" ");
        (format!("；未识别的列：{unread}"), format!("; not understood: {unread}"))
    };
    Wrong::new(
        "missing_column",
        format!("缺少 {alias} 列{zh}"),
        format!("the column {name} ({alias}) is missing{en}"),
    )
}
