//! The rule that says which record of a split area goes where. It reads the record's own fields, as an office would.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The part of a split that goes to one area. A record goes to the first part that names it, its building, or the
/// beginning of its address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The code of the area.
    pub area: String,
    /// Ids of buildings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buildings: Vec<String>,
    /// Beginnings of addresses: road, number, building, unit, as they are read aloud.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// Dwellings, by id or by standard code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dwellings: Vec<String>,
    /// Whether it takes what no part names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rest: bool,
}

impl Part {
    /// A part that takes everything.
    pub fn rest(area: &str) -> Self {
        Self { area: area.to_owned(), rest: true, ..Self::default() }
    }

    /// Whether it names this record: its id, and what its view says of where it is.
    fn names(&self, id: &str, view: &Map<String, Value>) -> bool {
        let text = |name: &str| view.get(name).and_then(Value::as_str);
        let listed = |list: &[String], wanted: Option<&str>| {
            wanted.is_some_and(|wanted| list.iter().any(|one| one == wanted))
        };
        let code = view.get("address").and_then(|address| address["standard_code"].as_str());
        if listed(&self.dwellings, Some(id)) || listed(&self.dwellings, code) {
            return true;
        }
        let mut places = ["building_id", "compound_id", "place_ref", "parent_id"].into_iter();
        if listed(&self.buildings, Some(id)) || places.any(|field| listed(&self.buildings, text(field))) {
            return true;
        }
        let Some(address) = join_address(view) else {
            return false;
        };
        self.addresses.iter().any(|beginning| begins(&address, &plain(beginning)))
    }
}

/// The part that names a record; of none, `None`.
pub fn named<'p>(parts: &'p [Part], id: &str, view: &Map<String, Value>) -> Option<&'p Part> {
    parts.iter().find(|part| part.names(id, view))
}

/// Ends a part of an address, so that a number there does not run into the next one.
const BREAK: &str = "\u{1f}";

/// A record's address in one line: of its parts, or as somebody wrote it.
fn join_address(view: &Map<String, Value>) -> Option<String> {
    let parts = ["road", "number", "building", "unit", "floor", "room"];
    let of_parts = view.get("address").and_then(Value::as_object).map(|address| {
        let texts = parts.iter().filter_map(|part| address.get(*part)?.as_str());
        texts.collect::<Vec<_>>().join(BREAK)
    });
    let written = view.get("address_text").or_else(|| view.get("address"));
    let line = of_parts.or_else(|| written.and_then(Value::as_str).map(str::to_owned))?;
    Some(plain(&line)).filter(|line| !line.is_empty())
}

/// Without white space, and with full-width letters and digits as plain ones.
fn plain(text: &str) -> String {
    let halved = |c: char| match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    };
    let kept = |c: &char| !c.is_whitespace() || BREAK.contains(*c);
    text.chars().filter(kept).map(halved).collect()
}

/// Whether an address begins so; a number in it is taken whole: `1` is not the beginning of `12`.
fn begins(address: &str, beginning: &str) -> bool {
    let mut left = address.chars().peekable();
    for wanted in beginning.chars() {
        while left.next_if(|&c| BREAK.contains(c)).is_some() {}
        if left.next() != Some(wanted) {
            return false;
        }
    }
    let cut_short =
        beginning.ends_with(|c: char| c.is_ascii_digit()) && left.peek().is_some_and(char::is_ascii_digit);
    !beginning.is_empty() && !cut_short
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn view(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    fn part(area: &str, addresses: &[&str]) -> Part {
        Part {
            area: area.into(),
            addresses: addresses.iter().map(|&a| a.to_owned()).collect(),
            ..Part::default()
        }
    }

    #[test]
    fn an_address_goes_by_its_beginning_and_numbers_are_whole() {
        let parts = [part("A", &["滨河路1", "人民路 １２号"]), part("B", &["滨河路"])];
        for (address, area) in [
            (json!({ "address": { "road": "滨河路", "number": "1", "room": "401" } }), Some("A")),
            (json!({ "address": { "road": "滨河路", "number": "1号", "room": "401" } }), Some("A")),
            (json!({ "address": { "road": "滨河路", "number": "12号" } }), Some("B")),
            (json!({ "address_text": " 滨河路 １号 2栋" }), Some("A")),
            (json!({ "address": "人民路12号3栋" }), Some("A")),
            (json!({ "address_text": "人民路120号" }), None),
            (json!({}), None),
        ] {
            let found = named(&parts, "id", &view(&address)).map(|part| part.area.as_str());
            assert_eq!(found, area, "{address}");
        }
    }

    #[test]
    fn a_dwelling_goes_by_its_id_its_code_or_its_building() {
        let parts = [Part {
            area: "A".into(),
            buildings: vec!["b1".into()],
            dwellings: vec!["d1".into(), "330203-0007".into()],
            ..Part::default()
        }];
        let goes = |id: &str, of: Value| named(&parts, id, &view(&of)).is_some();
        assert!(goes("d1", json!({})));
        assert!(goes("x", json!({ "address": { "standard_code": "330203-0007" } })));
        assert!(goes("x", json!({ "building_id": "b1" })) && goes("b1", json!({})));
        assert!(!goes("x", json!({ "building_id": "b2", "address": { "road": "d1" } })));
    }
}
