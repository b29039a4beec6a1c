//! Masks: how personal values are shown where nobody gave a reason to see them, the same on a phone and at a desk.
//! Over-masking is a nuisance, under-masking a leak: in doubt, hide.
//!
//! [`view`] masks a whole record, [`intents`] what was meant in an entry, [`event_args`] what was said with a ticket's
//! event; all of them go by [`rule`].

mod whole;

use gridledger_schema::set::{Field, Kind, Mask, PrivacyClass};
use serde_json::{Map, Value};

pub use whole::{event_args, intents, view};

/// What stands where something was taken out.
const GONE: &str = "***";
/// Digits in a row, single spaces and hyphens between them not counted, from which free text is scrubbed.
const SCRUBBED_DIGITS: usize = 11;
/// Family names of two characters; any other is one character.
const LONG_SURNAMES: &[&str] = &[
    "欧阳", "上官", "司马", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐", "司徒", "司空", "夏侯",
    "轩辕", "宇文", "长孙", "端木", "南宫", "独孤", "百里", "呼延", "钟离", "闻人", "濮阳", "淳于", "单于",
    "太史", "申屠", "公冶", "澹台", "赫连", "鲜于", "闾丘", "拓跋", "西门", "第五", "左丘", "梁丘", "完颜",
];
/// The parts of an address that remain: down to the building.
const TO_BUILDING: &[&str] = &["road", "number", "building"];
/// Words that close a building in an address of one line, longer ones first.
const BUILDING_WORDS: &[&str] = &["号楼", "栋", "幢", "座"];

/// The rule a field's values are masked by; `None` for those that are shown as they are.
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

/// Whether every value of the kind comes out of a list, or is an id that says nothing by itself: it names nobody.
fn is_closed(kind: &Kind) -> bool {
    match kind {
        Kind::Enum(_) | Kind::Boolean | Kind::Ref(_) => true,
        Kind::List { item, .. } => is_closed(item),
        Kind::Object { fields, .. } => fields.values().all(is_closed),
        Kind::Text { .. } | Kind::Integer { .. } | Kind::Number { .. } | Kind::Time => false,
    }
}

/// A field's value as it is shown masked; `None` if nothing of it may be shown.
pub fn masked(field: &Field, value: &Value) -> Option<Value> {
    match rule(field) {
        None => Some(value.clone()),
        // The id of a home says as much as its address.
        Some(Mask::Building) if matches!(field.kind, Kind::Ref(_)) => None,
        Some(mask) => apply(mask, value),
    }
}

/// A value under a mask; `None` if nothing of it may be shown.
pub fn apply(mask: Mask, value: &Value) -> Option<Value> {
    match mask {
        Mask::Hidden => None,
        Mask::Shown => Some(value.clone()),
        Mask::Name => Some(texts(value, &name)),
        Mask::Phone => Some(phones(value)),
        Mask::Text => Some(texts(value, &scrub)),
        Mask::AgeBand => age_band(value),
        Mask::Building => building(value),
    }
}

/// Every text within a value, changed; numbers go, unless they are too short to be anybody's.
fn texts(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => change(text).into(),
        Value::Array(items) => items.iter().map(|one| texts(one, change)).collect(),
        Value::Object(map) => {
            let changed = map.iter().map(|(key, one)| (key.clone(), texts(one, change)));
            Value::Object(changed.collect())
        }
        Value::Number(number) if number.to_string().len() >= SCRUBBED_DIGITS => GONE.into(),
        other => other.clone(),
    }
}

/// Numbers as [`phone`] shows them; a contact's `name` as a name; what is said beside them goes.
fn phones(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let masked = map.iter().map(|(key, one)| match (key.as_str(), one) {
                ("name", Value::String(text)) => (key.clone(), name(text).into()),
                _ => (key.clone(), phones(one)),
            });
            Value::Object(masked.collect())
        }
        Value::Array(items) => items.iter().map(phones).collect(),
        other => texts(other, &phone),
    }
}

/// 陆某某; of a name in letters the first one.
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

/// 138****1234; less of a shorter number, and nothing of a text without one.
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

/// The text without numbers of phones and identity cards.
pub fn scrub(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let (end, digits) = number_at(&chars, at);
        if digits >= SCRUBBED_DIGITS {
            out.push_str(GONE);
        } else {
            out.extend(&chars[at..end]);
        }
        at = end;
    }
    out
}

/// Where the number (or the single other character) at `at` ends, and how many digits it has.
fn number_at(chars: &[char], at: usize) -> (usize, usize) {
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

/// An ASCII or full-width digit.
fn digit(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some(c),
        '０'..='９' => char::from_digit(u32::from(c) - u32::from('０'), 10),
        _ => None,
    }
}

/// Ten years as one: 1987 as `1980-1989`.
fn age_band(value: &Value) -> Option<Value> {
    let from = value.as_i64()?.div_euclid(10) * 10;
    Some(format!("{from}-{}", from + 9).into())
}

fn building(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => Some(to_building(text).into()),
        Value::Object(map) => {
            let kept: Map<String, Value> = map
                .iter()
                .filter(|(key, _)| TO_BUILDING.contains(&key.as_str()))
                .map(|(key, one)| (key.clone(), texts(one, &scrub)))
                .collect();
            Some(Value::Object(kept))
        }
        _ => None,
    }
}

/// An address of one line up to its building; without one up to its street number; without that up to the first number.
fn to_building(text: &str) -> String {
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
