//! Files as offices write them, and as nobody should.

mod address;
mod areas;
mod register;
mod schema;
mod staff;
mod values;
mod workbook;

use super::fault::Fault;

/// Line, heading and code of each fault.
fn places(faults: &[Fault]) -> Vec<(u64, &str, &str)> {
    faults.iter().map(|fault| (fault.line, fault.column.as_deref().unwrap_or(""), fault.code)).collect()
}

fn nothing_known(_: &str) -> bool {
    false
}
