//! Checks that no compiler makes: each function looks at the whole source tree and returns the findings.
//!
//! The checks are pure functions of a [`Tree`], so that a test can show each of them a tree that is out of order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

pub mod imports;
mod knots;
mod manifest;
mod paths;
pub mod rooms;
mod words;

pub use manifest::dependencies_point_one_way;
pub use paths::architecture_names_what_exists;
pub use rooms::rooms_keep_to_the_map;
pub use words::{comments_name_their_subject, glossary_has_each_word_once};

/// A `.rs` file may have this many lines, all counted. Longer ones are cut along their sections.
pub const MAX_LINES: usize = 600;

/// Folders that hold no sources: build output, version control, other people's packages.
const SKIPPED_FOLDERS: [&str; 3] = ["target", ".git", "node_modules"];

/// The headings of a decision record, in this order.
const ADR_HEADINGS: [&str; 6] =
    ["## Status", "## Context", "## Decision", "## Consequences", "## Rejected", "## Enforced by"];

/// Something out of order: where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path from the root of the workspace, with `/`.
    pub path: String,
    /// Counted from 1; 0 means the whole file.
    pub line: usize,
    pub what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Every file of the workspace with its text, by its path from the root. What is not UTF-8 has an empty text.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// The sources of this workspace.
    pub fn of_workspace() -> io::Result<Self> {
        Self::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
    }

    /// Reads a folder and what lies below it.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        let mut folders: Vec<(String, PathBuf)> = vec![(String::new(), root.to_owned())];
        while let Some((prefix, folder)) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let kind = entry.file_type()?;
                let path = format!("{prefix}{name}");
                if kind.is_dir() && is_source_folder(&name, &entry.path()) {
                    folders.push((path + "/", entry.path()));
                } else if kind.is_file() {
                    files.insert(path, String::from_utf8(fs::read(entry.path())?).unwrap_or_default());
                }
            }
        }
        Ok(Self { files })
    }

    /// A tree made up for a test, from (path, text).
    pub fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self { files: files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect() }
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every path with its text, in order of path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    fn rust_files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| has_extension(path, "rs"))
    }
}

/// Cargo marks its build output with a `CACHEDIR.TAG`, whatever the folder is called.
fn is_source_folder(name: &str, folder: &Path) -> bool {
    !SKIPPED_FOLDERS.contains(&name) && !folder.join("CACHEDIR.TAG").exists()
}

fn has_extension(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

/// The first line of every `.rs` file is a `//!` sentence.
pub fn files_say_what_they_are_for(tree: &Tree) -> Vec<Finding> {
    tree.rust_files()
        .filter(|(_, text)| {
            let sentence = text.lines().next().and_then(|line| line.strip_prefix("//! "));
            sentence.is_none_or(|sentence| sentence.trim().is_empty())
        })
        .map(|(path, _)| Finding::new(path, 1, "begin with a `//! ` line that says what the file is for"))
        .collect()
}

/// No `.rs` file has more than [`MAX_LINES`] lines.
pub fn files_are_short(tree: &Tree) -> Vec<Finding> {
    tree.rust_files()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|&(_, lines)| lines > MAX_LINES)
        .map(|(path, lines)| Finding::new(path, lines, format!("cut the file: at most {MAX_LINES} lines")))
        .collect()
}

/// Nothing is left for later and no test is switched off.
pub fn nothing_is_unfinished(tree: &Tree) -> Vec<Finding> {
    // In two parts, so that this file does not find itself.
    let words =
        [("todo", "!("), ("unimplemented", "!("), ("#[ign", "ore"), ("FIX", "ME"), ("dbg", "!(")].map(joined);
    tree.rust_files()
        .flat_map(|(path, text)| naming(path, text, &words, "finish it or take it out"))
        .collect()
}

/// Whether a file is a test, or helps tests; a measurement is none.
fn is_of_tests(path: &str) -> bool {
    !path.starts_with("tests/bench/") && (path.starts_with("tests/") || path.contains("/tests/"))
}

/// No test waits for time: a sleep is either too short or too long. What measures (`tests/bench/`) is no test.
pub fn tests_do_not_sleep(tree: &Tree) -> Vec<Finding> {
    let words = [("thread::", "sleep"), ("time::", "sleep"), ("sleep_", "until")].map(joined);
    tree.rust_files()
        .filter(|(path, _)| is_of_tests(path))
        .flat_map(|(path, text)| naming(path, text, &words, "wait for the thing itself, not for time"))
        .collect()
}

/// A value that is shown whole leaves a row in the read log. Only checks that replicas are equal look past that.
pub fn only_checks_look_past_the_read_log(tree: &Tree) -> Vec<Finding> {
    const CHECKS: &[&str] = &[
        "client-sdk/field/src/exec.rs",
        "client-sdk/src/engine/reading/check.rs",
        "gridledger/src/demo/gather.rs",
        "tests/",
    ];
    let words = [(".for_", "check()")].map(joined);
    tree.rust_files()
        .filter(|(path, _)| !CHECKS.iter().any(|known| path.starts_with(known)))
        .flat_map(|(path, text)| naming(path, text, &words, "open the record for a purpose"))
        .collect()
}

fn joined((first, second): (&str, &str)) -> String {
    format!("{first}{second}")
}

fn naming(path: &str, text: &str, words: &[String], advice: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for word in words.iter().filter(|word| line.contains(word.as_str())) {
            findings.push(Finding::new(path, index + 1, format!("`{word}`: {advice}")));
        }
    }
    findings
}

/// Every error code of `schema/src/code.rs` stands in backticks in `docs/protocol.md`. The codes are the literals
/// of its match arms, `=> "snake_case",`. Both files are there, or neither is.
pub fn codes_are_documented(tree: &Tree) -> Vec<Finding> {
    const CODES: &str = "schema/src/code.rs";
    const PAGE: &str = "docs/protocol.md";
    let (source, page) = match (tree.text(CODES), tree.text(PAGE)) {
        (None, None) => return Vec::new(),
        (Some(_), None) => {
            return vec![Finding::new(PAGE, 0, format!("missing: name the codes of {CODES}"))];
        }
        (None, Some(_)) => return vec![Finding::new(CODES, 0, format!("missing, while {PAGE} is there"))],
        (Some(source), Some(page)) => (source, page),
    };
    let codes: Vec<(usize, &str)> = source
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, code_of_arm(line)?)))
        .collect();
    if codes.is_empty() {
        return vec![Finding::new(CODES, 0, "no arm of the form `=> \"snake_case\",` found")];
    }
    codes
        .into_iter()
        .filter(|(_, code)| !page.contains(&format!("`{code}`")))
        .map(|(line, code)| Finding::new(CODES, line, format!("describe `{code}` in {PAGE}")))
        .collect()
}

fn code_of_arm(line: &str) -> Option<&str> {
    let (_, literal) = line.split_once("=> \"")?;
    let (code, _) = literal.split_once('"')?;
    let is_code =
        !code.is_empty() && code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_code.then_some(code)
}

/// `docs/adr/README.md` links every record and no other; numbers are given once; every record has its headings.
pub fn decisions_are_indexed(tree: &Tree) -> Vec<Finding> {
    const FOLDER: &str = "docs/adr/";
    const INDEX: &str = "docs/adr/README.md";
    let Some(index) = tree.text(INDEX) else {
        return vec![Finding::new(INDEX, 0, "missing: the index of the decisions")];
    };
    let mut findings = Vec::new();
    let mut numbers = BTreeSet::new();
    for (path, text) in tree.files() {
        let Some(name) = path.strip_prefix(FOLDER).filter(|_| path != INDEX) else {
            continue;
        };
        let Some(number) = adr_number(name) else {
            findings.push(Finding::new(path, 0, "name it NNNN-what-was-decided.md"));
            continue;
        };
        if !index.contains(&format!("]({name})")) {
            findings.push(Finding::new(INDEX, 0, format!("link `{name}`")));
        }
        if !numbers.insert(number) {
            findings.push(Finding::new(path, 0, format!("number {number} is taken")));
        }
        let headings: Vec<&str> = text.lines().filter(|line| line.starts_with("## ")).collect();
        if headings != ADR_HEADINGS {
            findings.push(Finding::new(path, 0, format!("give it the headings {}", ADR_HEADINGS.join(", "))));
        }
    }
    for (line, target) in links(index) {
        if adr_number(target).is_some() && tree.text(&format!("{FOLDER}{target}")).is_none() {
            findings.push(Finding::new(INDEX, line, format!("`{target}` is not there")));
        }
    }
    findings
}

/// The four digits before the first `-` of a record's file name.
fn adr_number(name: &str) -> Option<&str> {
    let (number, rest) = name.split_once('-')?;
    (number.len() == 4 && number.chars().all(|c| c.is_ascii_digit()) && has_extension(rest, "md"))
        .then_some(number)
}

/// The targets of a page's `](…)` links, with their lines.
fn links(page: &str) -> impl Iterator<Item = (usize, &str)> {
    page.lines().enumerate().flat_map(|(index, line)| {
        line.split("](").skip(1).filter_map(move |rest| Some((index + 1, rest.split_once(')')?.0)))
    })
}

/// The two crates without I/O ban the same things; clippy cannot share one list between them.
pub fn rule_crates_share_one_ban_list(tree: &Tree) -> Vec<Finding> {
    const SCHEMA: &str = "schema/clippy.toml";
    const CORE: &str = "sync-core/clippy.toml";
    match (tree.text(SCHEMA), tree.text(CORE)) {
        (Some(schema), Some(core)) if schema == core => Vec::new(),
        _ => vec![Finding::new(CORE, 0, format!("must be there and equal {SCHEMA}"))],
    }
}
