//! Cells merged downwards: a program that writes them to a file leaves the rows below empty.

use super::read::{ADDRESS_COLUMNS, Reader};
use crate::office::import::fault::{Report, Wrong};
use crate::office::import::workbook::Row;

/// The values that a household's rows share.
const SHARED: &[&str] = &[
    "area",
    "address",
    "road",
    "number",
    "building",
    "unit",
    "floor",
    "room",
    "label",
    "dwelling_no",
    "household_no",
];
/// The values that the rows of a grid share.
const AREA: &[&str] = &["area"];

/// The row above, and how many rows took cells from it.
#[derive(Default)]
pub struct Merged<'a> {
    above: Option<(Row<'a>, bool)>,
    joined: u64,
    first: u64,
}

impl<'a> Merged<'a> {
    /// The row with the cells that it shares with the one above: its place, if it has none of its own and is not the head of a
    /// household; its grid, if that alone is empty.
    pub fn join(&mut self, row: Row<'a>, reader: &Reader<'_>, report: &mut Report) -> Row<'a> {
        let Some((above, faulty)) = self.above else {
            return row;
        };
        let has_area = !row.cell("area").is_empty();
        let has_place = ADDRESS_COLUMNS.iter().any(|column| !row.cell(column).is_empty());
        let is_member = !row.cell("name").is_empty() && !reader.is_head(&row);
        let same_area = !has_area || row.cell("area") == above.cell("area");
        let columns = match (has_area, has_place) {
            (_, false) if is_member && same_area => SHARED,
            (false, true) => AREA,
            _ => return row,
        };
        self.joined += 1;
        if self.first == 0 {
            self.first = row.line;
        }
        if faulty && columns == SHARED {
            report.fault(row.line, None, row_above());
        }
        row.below(above, columns)
    }

    /// Remembers a row for those below it.
    pub fn see(&mut self, row: Row<'a>, is_faulty: bool) {
        self.above = Some((row, is_faulty));
    }

    /// Warns once how many rows were completed.
    pub fn warn_of_joined(&self, report: &mut Report) {
        if self.joined > 0 {
            report.warn(self.first, None, joined(self.joined));
        }
    }
}

fn joined(rows: u64) -> Wrong {
    Wrong::new(
        "merged_cells",
        format!("自本行起有 {rows} 行的网格或地址为空，按合并单元格取上一行的值"),
        format!(
            "from here on {rows} rows have no grid or address of their own and take those of the row above, as merged cells do"
        ),
    )
}

fn row_above() -> Wrong {
    Wrong::new(
        "row_above",
        "同户的上一行未导入，请一并更正",
        "the row above, of the same household, was not taken; correct both",
    )
}
