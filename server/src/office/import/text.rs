//! Cleans text of spreadsheets: widths, spaces, hostile characters; finds identity numbers.

pub use gridledger_core::validate::is_invisible;

/// Characters no cell may hold: controls other than tab and line end, marks that turn the direction of writing,
/// and, inside of a value, invisible ones: two names that look alike must be alike.
pub fn is_hostile(c: char) -> bool {
    let control = c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    // A variation selector behind a rare character says which of its forms a name has.
    let selects_a_form = matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}');
    control || (is_invisible(c) && !selects_a_form)
}

/// Without white space and invisible characters at both ends.
pub fn trim(cell: &str) -> &str {
    let turns =
        |c: char| matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    cell.trim_matches(|c: char| c.is_whitespace() || (is_invisible(c) && !turns(c)))
}

/// One character, full-width forms made half-width.
fn fold_char(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '！'..='～' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        _ => c,
    }
}

/// A text with full-width forms made half-width.
pub fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

pub fn is_han(c: char) -> bool {
    matches!(c, '〇' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// Spaces out of a Chinese text (two-character names are often padded), single spaces between words of letters.
pub fn squeeze(text: &str) -> String {
    let is_word = |c: char| c.is_alphabetic() && !is_han(c);
    let mut out = String::with_capacity(text.len());
    let mut pending = false;
    for c in text.chars() {
        if c.is_whitespace() {
            pending = true;
            continue;
        }
        if pending && is_word(c) && out.chars().next_back().is_some_and(is_word) {
            out.push(' ');
        }
        pending = false;
        out.push(c);
    }
    out
}

/// Whether a text holds an identity number: 17 digits and a check character with a day of birth inside, as GB 11643
/// has it. Numbers of 18 digits that fail the check are something else.
pub fn holds_identity_number(text: &str) -> bool {
    if text.len() < 18 {
        return false;
    }
    let mut run = Vec::new();
    for c in text.chars().map(fold_char).chain([' ']) {
        match c.to_digit(10) {
            Some(digit) => run.push(digit),
            None if run.is_empty() => {}
            None => {
                if run.len() == 17 && matches!(c, 'x' | 'X') {
                    run.push(10);
                }
                if is_identity_number(&run) {
                    return true;
                }
                run.clear();
            }
        }
    }
    false
}

/// GB 11643: the check is ISO 7064 MOD 11-2, so the digits weighted with 2^(17-i) mod 11 sum to 1.
fn is_identity_number(digits: &[u32]) -> bool {
    if digits.len() != 18 {
        return false;
    }
    let (month, day) = (digits[10] * 10 + digits[11], digits[12] * 10 + digits[13]);
    let sum = digits.iter().fold(0, |sum, digit| (sum * 2 + digit) % 11);
    (1..=12).contains(&month) && (1..=31).contains(&day) && sum == 1
}

/// A word as it is compared: half-width, lower case, without spaces, underscores, hyphens, colons, the asterisk of a
/// required column, or a remark in brackets.
pub fn fold_heading(text: &str) -> String {
    let folded = fold(text);
    let bare = match folded.find(['(', '[', '【']) {
        Some(0) | None => folded.as_str(),
        Some(remark) => &folded[..remark],
    };
    bare.chars()
        .filter(|c| !c.is_whitespace() && !is_hostile(*c) && !matches!(c, '_' | '-' | '*' | ':'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Counts the lines that end in these bytes, by `\n`, `\r\n` or a lone `\r`.
pub fn line_ends(bytes: &[u8]) -> u64 {
    let ends = |at: usize| match bytes[at] {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    (0..bytes.len()).filter(|at| ends(*at)).count() as u64
}
