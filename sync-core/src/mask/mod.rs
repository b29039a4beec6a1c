//! Masks show personal values to readers who gave no reason to see them, alike on phones and at desks.
//! Over-masking is a nuisance, under-masking a leak: in doubt, hide.
//!
//! [`view`] masks a whole record, [`intents`] the operations of an entry, [`event_args`] the arguments of a
//! ticket's event. All of them follow [`rule`].

mod whole;

use gridledger_schema::set::{Field, Kind, Mask, PrivacyClass};
use serde_json::{Map, Value};

pub use whole::{event_args, intents, view};

/// The text in the place of a removed value.
const GONE: &str = "***";
/// Digits in a row from which free text is scrubbed; single spaces and hyphens between them do not count.
const SCRUBBED_DIGITS: usize = 11;
/// Family names of two characters; any other is one character.
const LONG_SURNAMES: &[&str] = &[
    "欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "司空", "夏侯",
    "轩辕", "宇文", "长孙", "端木", "南宫", "独孤", "百里", "呼延", "钟离", "闻人", "濮阳", "淳于", "单于",
    "太史", "申屠", "公冶", "澹台", "赫连", "鲜于", "闾丘", "拓跋", "西门", "第五", "左丘", "梁丘", "完颜",
];
/// The parts of an address that stay visible: down to the building.
const TO_BUILDING: &[&str] = &["road", "number", "building"];
/// Words that end a building in an address of one line, longer ones first.
const BUILDING_WORDS: &[&str] = &["号楼", "栋", "幢", "座"];

/// The mask for a field's values; `None` for values that are shown as they are.
pub fn rule(field: &Field) -> Option<Mask> {
    match field.privacy.class {
        PrivacyClass::Sensitive => Some(field.privacy.mask.filter(is_rule).unwrap_or(Mask::Hidden)),
        PrivacyClass::Personal if field.privacy.mask.is_none() => {
            (!is_closed(&field.kind)).then_some(Mask::Hidden)
        }
        PrivacyClass::Personal | PrivacyClass::None => field.privacy.mask.filter(is_rule),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "a filter hands over references")]
fn is_rule(mask: &Mask) -> bool {
    *mask != Mask::Shown
}

/// Whether every value of the kind comes from a list, or is an id: such a value names nobody.
fn is_closed(kind: &Kind) -> bool {
    match kind {
        Kind::Enum(_) | Kind::Boolean | Kind::Ref(_) => true,
        Kind::List { item, .. } => is_closed(item),
        Kind::Object { fields, .. } => fields.values().all(is_closed),
        Kind::Text { .. } | Kind::Integer { .. } | Kind::Number { .. } | Kind::Time => false,
    }
}

/// Masks a field's value; `None` if nothing of it may be shown.
pub fn mask_value(field: &Field, value: &Value) -> Option<Value> {
    match rule(field) {
        None => Some(value.clone()),
        // The id of a home reveals as much as its address.
        Some(Mask::Building) if matches!(field.kind, Kind::Ref(_)) => None,
        Some(mask) => apply(mask, value),
    }
}

/// Applies a mask to a value; `None` if nothing of it may be shown.
pub fn apply(mask: Mask, value: &Value) -> Option<Value> {
    match mask {
        Mask::Hidden => None,
        Mask::Shown => Some(value.clone()),
        Mask::Name => Some(change_texts(value, &name)),
        Mask::Phone => Some(mask_phones(value)),
        Mask::Text => Some(change_texts(value, &scrub)),
        Mask::AgeBand => mask_age_band(value),
        Mask::Building => mask_building(value),
    }
}

/// Changes every text within a value. Numbers of [`SCRUBBED_DIGITS`] digits or more are removed.
fn change_texts(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => change(text).into(),
        Value::Array(items) => items.iter().map(|one| change_texts(one, change)).collect(),
        Value::Object(map) => {
            let changed = map.iter().map(|(key, one)| (key.clone(), change_texts(one, change)));
            Value::Object(changed.collect())
        }
        Value::Number(number) if number.to_string().len() >= SCRUBBED_DIGITS => GONE.into(),
        other => other.clone(),
    }
}

/// Masks phone numbers as [`phone`] does, and a contact's `name` as a name.
fn mask_phones(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let masked = map.iter().map(|(key, one)| match (key.as_str(), one) {
                ("name", Value::String(text)) => (key.clone(), name(text).into()),
                _ => (key.clone(), mask_phones(one)),
            });
            Value::Object(masked.collect())
        }
        Value::Array(items) => items.iter().map(mask_phones).collect(),
        other => change_texts(other, &phone),
    }
}

/// Masks a name: 陆某某. A name in letters keeps its first letter.
pub fn name(name: &str) -> String {
    let name = name.trim();
    let Some(first) = name.chars().next() else {
        return String::new();
    };
    if first.is_ascii() || first.is_alphabetic() && !is_han(first) {
        return format!("{first}{GONE}");
    }
    let count = name.chars().count();
    let long = LONG_SURNAMES.iter().find(|surname| count > 2 && name.starts_with(**surname));
    long.map_or_else(|| format!("{first}某某"), |surname| format!("{surname}某某"))
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Masks a phone number: 138****1234. A shorter number shows less, and a text without a number shows nothing.
pub fn phone(text: &str) -> String {
    let digits: Vec<char> = text.chars().filter_map(digit).collect();
    let head = |count: usize| digits.iter().take(count).collect::<String>();
    match digits.len() {
        0 if text.trim().is_empty() => String::new(),
        0..=4 => GONE.to_owned(),
        5..=6 => "****".to_owned(),
        7..=10 => format!("{}****", head(3)),
        count => format!("{}****{}", head(3), digits[count - 4..].iter().collect::<String>()),
    }
}

/// Removes the numbers of phones and identity cards from a text.
pub fn scrub(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, digits) = find_number_end(&chars, at);
        if digits >= SCRUBBED_DIGITS {
            out.push_str(GONE);
        } else {
            out.extend(&chars[at..end]);
        }
        at = end;
    }
    out
}

/// Finds the end of the number (or of the single other character) at `at`, and how many digits it has.
fn find_number_end(chars: &[char], at: usize) -> (usize, usize) {
    if digit(chars[at]).is_none() {
        return (at + 1, 0);
    }
    let (mut end, mut digits) = (at, 0);
    while end < chars.len() {
        let joins = matches!(chars[end], ' ' | '-' | '\u{3000}' | '－' | '.')
            && chars.get(end + 1).is_some_and(|next| digit(*next).is_some());
        if digit(chars[end]).is_some() {
            digits += 1;
        } else if !joins {
            break;
        }
        end += 1;
    }
    // The check character of an identity number.
    if digits == 17 && chars.get(end).is_some_and(|c| matches!(c, 'x' | 'X' | 'ｘ' | 'Ｘ')) {
        return (end + 1, 18);
    }
    (end, digits)
}

/// Reads an ASCII or full-width digit.
fn digit(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some(c),
        '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10),
        _ => None,
    }
}

/// Writes a year as its decade: 1987 as `1980-1989`.
fn mask_age_band(value: &Value) -> Option<Value> {
    let from = value.as_i64()?.div_euclid(10) * 10;
    Some(format!("{from}-{}", from + 9).into())
}

fn mask_building(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => Some(cut_to_building(text).into()),
        Value::Object(map) => {
            let kept: Map<String, Value> = map
                .iter()
                .filter(|(key, _)| TO_BUILDING.contains(&key.as_str()))
                .map(|(key, one)| (key.clone(), change_texts(one, &scrub)))
                .collect();
            Some(Value::Object(kept))
        }
        _ => None,
    }
}

/// Cuts an address of one line after its building, else after its street number, else before the first
/// number.
fn cut_to_building(text: &str) -> String {
    let end_of = |word: &str| text.find(word).map(|at| at + word.len());
    let building = BUILDING_WORDS.iter().filter_map(|word| end_of(word)).min();
    let kept = if let Some(end) = building.or_else(|| end_of("号")) {
        &text[..end]
    } else {
        let number = |c: char| digit(c).is_some() || "一二三四五六七八九十零〇两".contains(c);
        text.find(number).map_or(text, |at| &text[..at])
    };
    scrub(kept.trim_end())
}

#[cfg(test)]
mod tests;
