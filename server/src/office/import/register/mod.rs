//! The register: dwellings, the households in them, and the people of each. A row is a person, or a household without
//! people.
//!
//! Reading order:
//! - [`address`]: splits a written address into its parts;
//! - [`key`]: makes the key by which two rows are the same thing, in this file and in the next one;
//! - `merged`: completes rows from merged cells above them;
//! - [`read`]: reads the values of a row;
//! - [`plan`]: collects values into dwellings, households, people and residencies.

pub mod address;
pub mod key;
mod merged;
pub mod plan;
pub mod read;

use std::sync::Arc;

use super::columns::missing;
use super::fault::{Aside, Fault, Parsed, Report, Taken};
use super::places::Places;
use super::words::Words;
use super::workbook::Workbook;
use crate::calendar::date::Date;

pub use address::Address;
pub use read::COLUMNS;

/// The things that a file names, each once, in the order of the file.
///
/// The keys join the rows of one file. They are made of what the office wrote and hold names and numbers of phones: keep a hash
/// of them, not the text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Register {
    pub dwellings: Vec<DwellingRow>,
    pub households: Vec<HouseholdRow>,
    pub people: Vec<PersonRow>,
    pub residencies: Vec<ResidencyRow>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DwellingRow {
    pub line: u64,
    /// Area and whole address.
    pub key: String,
    /// The office's own number.
    pub number: Option<String>,
    /// The code of the grid.
    pub area: String,
    pub address: Address,
    /// The field `use`: `self`, `rented`, `vacant`, `shop` or `public`.
    pub usage: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HouseholdRow {
    pub line: u64,
    /// The dwelling's key and the label.
    pub key: String,
    /// The office's own number.
    pub number: Option<String>,
    pub area: String,
    /// The key of the dwelling.
    pub dwelling: String,
    /// The household's label in the dwelling; [`read::LABEL_DEFAULT`] if the file has none.
    pub label: String,
    /// Each once.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    pub line: u64,
    /// The household's key, the name, and the year of birth, else the first phone, else a number among namesakes.
    pub key: String,
    /// The office's own number.
    pub number: Option<String>,
    pub area: String,
    /// The key of the household.
    pub household: String,
    pub name: String,
    /// `male`, `female` or `unknown`.
    pub gender: Option<&'static str>,
    pub birth_year: Option<u16>,
    pub phones: Vec<String>,
    /// A code of [`read::RELATIONS`].
    pub relation_to_head: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResidencyRow {
    pub line: u64,
    /// The keys of person and household.
    pub key: String,
    pub area: String,
    /// The key of the person.
    pub person: String,
    /// The key of the household.
    pub household: String,
    /// `registered`, `resident`, `floating` or `other`, if the file says.
    pub kind: Option<&'static str>,
    pub from: Option<Date>,
}

/// The context in which an office's spreadsheet is read.
pub struct Office<'a> {
    /// Today: no date of birth may be later.
    pub today: Date,
    /// The areas.
    pub places: Places<'a>,
    /// The words.
    pub words: Arc<Words>,
}

/// The register of a file in which nothing is wrong. `known` tells the codes of areas; `today` is the day after which nobody is
/// born.
pub fn parse(
    bytes: &[u8],
    today: Date,
    known: &dyn Fn(&str) -> bool,
) -> Result<Parsed<Register>, Vec<Fault>> {
    let office = Office { today, places: Places::of_codes(known), words: Words::builtin() };
    take(bytes, &office)?.all()
}

/// The rows of a file that can be taken; the others are set aside. An error is what leaves nothing to go on with.
pub fn take(bytes: &[u8], office: &Office<'_>) -> Result<Taken<Register>, Vec<Fault>> {
    let mut report = Report::default();
    let sheet = Workbook::read(bytes, COLUMNS, &office.words, &mut report)?;
    if !read::ADDRESS_COLUMNS.iter().any(|name| sheet.has(name)) {
        let column = COLUMNS.iter().find(|column| column.name == "address").expect("BUG: no address column");
        report.fault(sheet.heading_line(), Some("address"), missing(column, &[]));
        return Err(report.into_faults());
    }
    let mut reader = read::Reader::new(office.today, &office.places, &office.words);
    let (mut plan, mut merged) = (plan::Plan::default(), merged::Merged::default());
    let mut aside = Aside { headings: sheet.headings().to_vec(), rows: Vec::new() };
    for row in sheet.rows() {
        let row = merged.join(row, &reader, &mut report);
        if !report.is_faulty(row.line)
            && let Some(values) = reader.read(&row, &mut report)
        {
            plan.add(&row, values, &mut report);
        }
        if report.is_faulty(row.line) {
            aside.rows.push((row.line, row.cells()));
        }
        merged.see(row, report.is_faulty(row.line));
    }
    merged.warn_of_joined(&mut report);
    let aside = Some(aside).filter(|aside| !aside.rows.is_empty());
    Ok(report.take(plan.into_register(), aside))
}
