//! The file of rows that were set aside: as they were, with the reason, to be corrected and imported again.

use super::columns::REASON;
use super::fault::{Aside, Fault};

/// Writes the rows as CSV that a spreadsheet program opens: UTF-8 with a mark. The reasons are in Chinese or English.
pub fn write(aside: &Aside, faults: &[Fault], chinese: bool) -> Result<Vec<u8>, csv::Error> {
    let mut bytes = "\u{FEFF}".as_bytes().to_vec();
    let mut sheet = csv::WriterBuilder::new().flexible(true).from_writer(&mut bytes);
    let of_row = |line: u64| faults.iter().filter(move |fault| fault.line == line);
    // A heading that says the reason of an import before goes: there is a new one.
    let keep: Vec<usize> = (0..aside.headings.len()).filter(|at| aside.headings[*at] != REASON).collect();
    let headings = keep.iter().map(|at| aside.headings[*at].as_str());
    sheet.write_record(headings.chain([REASON]))?;
    for (line, cells) in &aside.rows {
        let reasons: Vec<String> = of_row(*line).map(|fault| reason(fault, chinese)).collect();
        let reason = if reasons.is_empty() {
            if chinese { "错误过多，未逐一列出" } else { "too many faults to list each" }.to_owned()
        } else {
            reasons.join(if chinese { "；" } else { "; " })
        };
        let cells = keep.iter().map(|at| guarded(cells.get(*at).map_or("", String::as_str)));
        sheet.write_record(cells.chain([reason]))?;
    }
    sheet.flush()?;
    drop(sheet);
    Ok(bytes)
}

/// Writes a cell as text: a spreadsheet program would compute a cell that begins like a formula.
fn guarded(cell: &str) -> String {
    if cell.starts_with(['=', '@']) { format!("'{cell}") } else { cell.to_owned() }
}

fn reason(fault: &Fault, chinese: bool) -> String {
    let text = if chinese { &fault.zh } else { &fault.en };
    match &fault.column {
        Some(column) => format!("{column}: {text}"),
        None => text.clone(),
    }
}
