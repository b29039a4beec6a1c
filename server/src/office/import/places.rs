//! Finds the area that a cell means: by its code, or by a name that only one area has.

use std::collections::HashMap;

use super::areas::unknown_area;
use super::cell::code;
use super::fault::{Wrong, quoted};
use super::register::key::canonical;

/// Codes that a message about a name of several areas lists.
const CODES_SHOWN: usize = 8;

/// The areas of a store.
pub struct Places<'a> {
    known: &'a dyn Fn(&str) -> bool,
    /// By name as it is compared; a name of a grid also with that of the area above before it.
    names: HashMap<String, Vec<String>>,
}

impl<'a> Places<'a> {
    /// Areas by code alone.
    pub fn of_codes(known: &'a dyn Fn(&str) -> bool) -> Self {
        Self { known, names: HashMap::new() }
    }

    /// Adds a name of the area of a code.
    pub fn name(&mut self, name: &str, code: &str) {
        let codes = self.names.entry(canonical(name)).or_default();
        if !codes.iter().any(|one| one == code) {
            codes.push(code.to_owned());
        }
    }

    /// The code of the area that a cell means.
    pub fn find(&self, cell: &str) -> Result<String, Wrong> {
        let written = code(cell);
        if let Ok(code) = &written
            && (self.known)(code)
        {
            return Ok(code.clone());
        }
        match self.names.get(&canonical(cell)).map_or(&[][..], Vec::as_slice) {
            [code] => Ok(code.clone()),
            [] => Err(match written {
                Ok(code) => unknown_area(&code),
                Err(wrong) if self.names.is_empty() => wrong,
                Err(_) => unknown_area(cell),
            }),
            several => Err(several_areas(cell, several)),
        }
    }
}

fn several_areas(cell: &str, codes: &[String]) -> Wrong {
    let cell = quoted(cell);
    let codes: Vec<&str> = codes.iter().take(CODES_SHOWN).map(String::as_str).collect();
    let codes = codes.join("、");
    Wrong::new(
        "ambiguous_area",
        format!("有几个区域叫 {cell}，请写编码：{codes}"),
        format!("several areas are called {cell}; write a code: {codes}"),
    )
}
