//! The words that offices use, as a table. A deployment adds words of its own and removes none.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use serde::Deserialize;

use super::text::fold_heading;

/// Bytes of a deployment's table of words: a table that a person writes is smaller.
pub const WORDS_BYTES_MAX: usize = 1024 * 1024;

/// The name of the table in a deployment's schema folder.
pub const WORDS_FILE: &str = "words.json";

/// The table as a file has it: words stand between spaces.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Table {
    lists: BTreeMap<String, BTreeMap<String, String>>,
    nothing: String,
    totals: String,
    footers: String,
    headings: BTreeMap<String, String>,
}

/// The meanings of words.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// By list and folded word, the code.
    codes: HashMap<(String, String), String>,
    /// By list, for each code a word to show.
    shown: HashMap<String, Vec<String>>,
    nothing: Vec<String>,
    totals: Vec<String>,
    footers: Vec<String>,
    /// By folded heading, the column.
    headings: HashMap<String, String>,
}

static BUILTIN: LazyLock<Arc<Words>> = LazyLock::new(|| {
    let words = Words::default().and(include_str!("words.json"));
    Arc::new(words.expect("BUG: the built-in words"))
});

impl Words {
    /// The words that every deployment knows.
    pub fn builtin() -> Arc<Self> {
        BUILTIN.clone()
    }

    /// These words and those of a table; a word that both have means what the table says.
    pub fn and(mut self, text: &str) -> Result<Self, String> {
        if text.len() > WORDS_BYTES_MAX {
            return Err(format!("more than {WORDS_BYTES_MAX} bytes"));
        }
        let table: Table = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for (list, codes) in table.lists {
            for (code, words) in codes {
                self.codes.insert((list.clone(), fold_heading(&code)), code.clone());
                for word in words.split_whitespace() {
                    self.codes.insert((list.clone(), fold_heading(word)), code.clone());
                }
                let word = words.split_whitespace().find(|word| word.parse::<u32>().is_err());
                self.shown.entry(list.clone()).or_default().push(word.unwrap_or(&code).to_owned());
            }
        }
        for (words, into) in [
            (&table.nothing, &mut self.nothing),
            (&table.totals, &mut self.totals),
            (&table.footers, &mut self.footers),
        ] {
            into.extend(words.split_whitespace().map(str::to_lowercase));
        }
        for (column, words) in table.headings {
            for word in words.split_whitespace() {
                self.headings.insert(fold_heading(word), column.clone());
            }
        }
        Ok(self)
    }

    /// The code that a word means.
    pub fn code(&self, list: &str, word: &str) -> Option<&str> {
        let key = (list.to_owned(), fold_heading(word));
        self.codes.get(&key).map(String::as_str)
    }

    /// A word for each code, as a message shows them.
    pub fn shown(&self, list: &str) -> String {
        self.shown.get(list).map_or_else(String::new, |words| words.join("、"))
    }

    /// Whether a cell says that there is nothing to say.
    pub fn is_nothing(&self, cell: &str) -> bool {
        let cell = super::text::fold(cell).to_lowercase();
        self.nothing.contains(&cell)
    }

    /// Whether a row that begins with this cell sums others up.
    pub fn is_total(&self, cell: &str) -> bool {
        let cell = fold_heading(cell);
        self.totals.contains(&cell)
    }

    /// Whether a row that begins with this cell is about the spreadsheet, not about a person.
    pub fn is_footer(&self, cell: &str) -> bool {
        let cell: String = super::text::fold(cell).chars().filter(|c| !c.is_whitespace()).collect();
        let cell = cell.to_lowercase();
        self.footers.iter().any(|word| cell.starts_with(word.as_str()))
    }

    /// The column that a deployment's heading means.
    pub fn column(&self, folded: &str) -> Option<&str> {
        self.headings.get(folded).map(String::as_str)
    }
}
