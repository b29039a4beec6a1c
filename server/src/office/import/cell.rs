//! Turns a cell into a value: codes, phone numbers, lists; and refuses identity numbers.

use super::fault::{Wrong, quoted};
use super::fault::{too_long, unknown_value};
use super::text::{fold, squeeze, trim};
use super::words::Words;

/// Characters of a code of an area or of a login.
pub const CODE_CHARS_MAX: usize = 40;
/// Items in one cell that lists several.
pub const ITEMS_MAX: usize = 100;
/// Phone numbers of one person.
pub const PHONES_MAX: usize = 10;

/// A text as it is, of at most so many characters.
pub fn text(max: usize) -> impl Fn(&str) -> Result<String, Wrong> {
    move |cell| {
        if cell.chars().nth(max).is_some() { Err(too_long(max)) } else { Ok(cell.to_owned()) }
    }
}

/// A name of a person or a place, without padding.
pub fn name(max: usize) -> impl Fn(&str) -> Result<String, Wrong> {
    move |cell| text(max)(&squeeze(cell))
}

/// A code: Latin letters, digits, `-`, `_`, `.`; its case is kept.
pub fn code(cell: &str) -> Result<String, Wrong> {
    let code = fold(cell);
    if code.chars().count() > CODE_CHARS_MAX {
        return Err(too_long(CODE_CHARS_MAX));
    }
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if code.starts_with(|c: char| c.is_ascii_alphanumeric()) && code.chars().all(legal) {
        return Ok(code);
    }
    let shown = quoted(cell);
    Err(Wrong::new(
        "bad_code",
        format!("编码 {shown} 只能用字母、数字、- _ .，并以字母或数字开头"),
        format!("the code {shown} may hold Latin letters, digits, - _ . and begins with a letter or digit"),
    ))
}

/// A value of a closed list, by its code or one of its words.
pub fn choice(
    words: &Words,
    list: &'static str,
    codes: &'static [&'static str],
) -> impl Fn(&str) -> Result<&'static str, Wrong> {
    move |cell| {
        let code = words.code(list, cell);
        let known = code.and_then(|code| codes.iter().find(|known| **known == code));
        known.copied().ok_or_else(|| unknown_value(cell, &words.shown(list)))
    }
}

/// The items of a cell that lists several, with `、` `;` `/` `,` or a line end between them.
pub fn items(cell: &str) -> Result<Vec<&str>, Wrong> {
    let separators = ['、', ';', '；', '/', '／', ',', '，', '\n', '\r'];
    let items: Vec<&str> = cell.split(separators).map(trim).filter(|item| !item.is_empty()).collect();
    if items.len() > ITEMS_MAX {
        return Err(too_many_items(ITEMS_MAX));
    }
    Ok(items)
}

fn too_many_items(max: usize) -> Wrong {
    Wrong::new("too_many_items", format!("超过 {max} 项"), format!("more than {max} items"))
}

/// A phone number as digits: a mobile number of 11, or 5 to 12 of a fixed line or a hotline; an extension follows
/// after a hyphen. The country's own prefix is dropped.
pub fn phone(cell: &str) -> Result<String, Wrong> {
    let folded = fold(cell);
    let compact: String = folded.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')')).collect();
    let local = ["+86", "0086"]
        .iter()
        .find_map(|prefix| compact.strip_prefix(prefix))
        .or_else(|| compact.strip_prefix("86").filter(|rest| rest.len() == 11 && rest.starts_with('1')))
        .map_or(compact.as_str(), |local| local.trim_start_matches('-'));
    let (main, extension) = match local.split_once(['转', '#']) {
        Some((main, extension)) => (main, Some(extension)),
        None => (local, None),
    };
    let digits = main.replace('-', "");
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_length = if digits.starts_with('1') {
        matches!(digits.len(), 5 | 11)
    } else {
        (5..=12).contains(&digits.len())
    };
    let has_extension = extension.is_none_or(|text| (1..=6).contains(&text.len()) && is_digits(text));
    if is_digits(&digits) && has_length && has_extension {
        return Ok(extension.map_or(digits.clone(), |extension| format!("{digits}-{extension}")));
    }
    Err(bad_phone(cell, &compact))
}

/// The phone numbers of a cell, each once, at most [`PHONES_MAX`]: none if it says that there is none. What is remarked in
/// brackets behind a number is left out.
pub fn phones(words: &Words) -> impl Fn(&str) -> Result<Vec<String>, Wrong> {
    move |cell| {
        if words.is_nothing(cell) {
            return Ok(Vec::new());
        }
        let mut phones = Vec::new();
        for item in items(cell)? {
            for phone in numbers(words, item)? {
                if !phones.contains(&phone) {
                    phones.push(phone);
                }
            }
        }
        if phones.len() > PHONES_MAX {
            return Err(too_many_items(PHONES_MAX));
        }
        Ok(phones)
    }
}

/// The numbers of an item: one, or several with spaces between.
fn numbers(words: &Words, item: &str) -> Result<Vec<String>, Wrong> {
    if words.is_nothing(item) {
        return Ok(Vec::new());
    }
    let bare = without_remark(item);
    phone(&bare).map(|phone| vec![phone]).or_else(|wrong| {
        let several: Result<Vec<String>, Wrong> = bare.split_whitespace().map(phone).collect();
        several.map_err(|_| wrong)
    })
}

/// A text without what stands in brackets and has a letter in it: `(010)` stays, `(儿子)` goes.
fn without_remark(text: &str) -> String {
    let folded = fold(text);
    let Some((before, rest)) = folded.split_once('(') else {
        return folded;
    };
    match rest.split_once(')') {
        Some((remark, after)) if remark.chars().any(char::is_alphabetic) => format!("{before}{after}"),
        None if rest.chars().any(char::is_alphabetic) => before.to_owned(),
        _ => folded,
    }
}

fn bad_phone(cell: &str, compact: &str) -> Wrong {
    if compact.contains(['E', 'e']) && compact.contains('+') {
        return Wrong::new(
            "rounded_number",
            "号码已被表格软件写成科学计数法，末几位可能丢失；请把该列设为文本后重新填写",
            "the spreadsheet rounded this number; make the column text and enter it again",
        );
    }
    let shown = quoted(cell);
    Wrong::new("bad_phone", format!("{shown} 不是电话号码"), format!("{shown} is no phone number"))
}
