//! The register: dwellings, the households in them, the people of each. One row a person, or a household without one.
//!
//! - [`address`]: a written address to its parts;
//! - [`key`]: what makes two rows the same thing, in this file and in the next one;
//! - [`read`]: a row to its values;
//! - [`plan`]: values to the dwellings, households, people and residencies they speak of.

pub mod address;
pub mod key;
pub mod plan;
pub mod read;

use super::columns::missing;
use super::date::Date;
use super::fault::{Fault, Parsed, Report};
use super::sheet::Sheet;

pub use address::Address;
pub use read::COLUMNS;

/// What a file says there is, each thing once, in the order of the file.
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
    /// Which of the dwelling's households; [`read::LABEL_DEFAULT`] if the file does not say.
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

/// The register of a file. `known` tells the codes of areas; `today` is the day after which nobody is born.
pub fn parse(
    bytes: &[u8],
    today: Date,
    known: &dyn Fn(&str) -> bool,
) -> Result<Parsed<Register>, Vec<Fault>> {
    let mut report = Report::default();
    let sheet = Sheet::read(bytes, COLUMNS, &mut report)?;
    if !read::ADDRESS_COLUMNS.iter().any(|name| sheet.has(name)) {
        let column = COLUMNS
            .iter()
            .find(|column| column.name == "address")
            .expect("BUG: no address column");
        report.fault(sheet.heading_line(), Some("address"), missing(column, &[]));
        return Err(report.into_faults());
    }
    let mut reader = read::Reader::new(today, known);
    let mut plan = plan::Plan::default();
    for row in sheet.rows() {
        if let Some(values) = reader.read(&row, &mut report) {
            plan.add(&row, values, &mut report);
        }
    }
    report.finish(plan.into_register())
}
