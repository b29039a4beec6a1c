//! Natural keys: what makes two rows the same thing, in this file and in the next one.
//!
//! A key is its parts with `|` between them. How something was spaced, cased or widened is not part of it, nor are zeros
//! before a number: a corrected heading or another spreadsheet program must not double a town.

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization as _;

use super::address::Address;
use crate::office::import::text::{fold, is_invisible};

/// A text as it is compared with another: compatibility forms made one (NFKC), without spaces and invisible characters, in
/// lower case, numbers without zeros before them.
pub fn canonical(text: &str) -> String {
    let normal: String = text.nfkc().filter(|c| !is_invisible(*c)).collect();
    let mut key = String::new();
    push(&mut key, &normal);
    key
}

/// An address as it is compared with another: its six parts.
pub fn of_address(address: &Address) -> String {
    address.parts().map(canonical).collect()
}

/// A stored address as it is compared with another.
pub fn of_parts(parts: &Map<String, Value>) -> String {
    let names = ["road", "number", "building", "unit", "floor", "room"];
    let text = |name: &str| parts.get(name).and_then(Value::as_str).unwrap_or_default();
    names.into_iter().map(|name| canonical(text(name))).collect()
}

/// The key of a dwelling: area, road, number, building, unit, floor, room.
pub fn dwelling(area: &str, address: &Address) -> String {
    let mut key = area.to_owned();
    for part in address.parts() {
        push(&mut key, part);
    }
    key
}

/// The key of a household: the dwelling's and the label.
pub fn household(dwelling: &str, label: &str) -> String {
    with(dwelling, label)
}

/// The mark that tells namesakes of one household apart: the first of these that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark<'a> {
    BirthYear(u16),
    Phone(&'a str),
    /// From 1, among the namesakes of the household in the order of the file.
    Ordinal(usize),
}

/// The key of a person: the household's, the name, the mark.
pub fn person(household: &str, name: &str, mark: Mark<'_>) -> String {
    let named = with(household, name);
    match mark {
        Mark::BirthYear(year) => format!("{named}|b{year}"),
        Mark::Phone(phone) => format!("{named}|p{phone}"),
        Mark::Ordinal(n) => format!("{named}|n{n}"),
    }
}

/// The key of a residency. A person's key begins with the household's, so it holds both.
pub fn residency(person: &str) -> String {
    format!("{person}|residency")
}

fn with(key: &str, part: &str) -> String {
    let mut key = key.to_owned();
    push(&mut key, part);
    key
}

fn push(key: &mut String, part: &str) {
    key.push('|');
    let mut number = false;
    let folded = fold(part);
    let mut rest = folded.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).peekable();
    while let Some(c) = rest.next() {
        let idle_zero = c == '0' && !number && rest.peek().is_some_and(char::is_ascii_digit);
        number = c.is_ascii_digit() && !idle_zero;
        match c {
            _ if idle_zero => {}
            '|' => key.push_str("%7c"),
            '%' => key.push_str("%25"),
            _ => key.push(c),
        }
    }
}
