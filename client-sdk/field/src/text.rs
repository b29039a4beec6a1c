//! Text on a terminal: widths, tables, short ids, and no characters that a terminal would obey.

use gridledger_client::RecordId;
use serde_json::Value;

/// The digits of an id that people see.
const SHORT_DIGITS: usize = 8;

/// Shortens an id for people.
pub fn short(id: RecordId) -> String {
    id.to_string().chars().take(SHORT_DIGITS).collect()
}

/// Replaces the characters that a terminal would obey: control characters, and marks that turn the direction of writing. Line
/// ends stay.
pub fn clean(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() && c != '\n' || turns(c) { '·' } else { c }).collect()
}

/// Cleans a text and puts it on one line; line ends become ⏎.
pub fn one_line(text: &str) -> String {
    clean(text).replace('\n', "⏎")
}

/// The columns of a character: two for Chinese, Japanese and Korean ones.
fn columns_of(c: char) -> usize {
    let wide = matches!(c as u32,
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd);
    if wide { 2 } else { 1 }
}

/// The columns of a text.
pub fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// Cuts a text to `most` columns on one line, for quoting.
pub fn clip(text: &str, most: usize) -> String {
    cut(&one_line(text), most)
}

/// Cuts a text to `most` columns.
pub fn cut(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut room = most.saturating_sub(1);
    let kept = text.chars().take_while(|c| {
        let fits = columns_of(*c) <= room;
        room = room.saturating_sub(columns_of(*c));
        fits
    });
    kept.chain(['…']).collect()
}

/// Makes a table: rows under each other, two spaces between columns, none after the last.
pub fn table(rows: &[Vec<String>], indent: &str) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest =
        |at: usize| rows.iter().filter_map(|row| row.get(at)).map(|cell| columns(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(widest).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = indent.to_owned();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            let gap = if *width == 0 { 0 } else { width - columns(cell) + 2 };
            line.push_str(&" ".repeat(gap));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Shows a number of bytes.
pub fn bytes(count: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", count / unit, count % unit * 10 / unit);
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{} kB", tenths(1_000)),
        _ => format!("{} MB", tenths(1_000_000)),
    }
}

/// Shows a value of an unknown kind.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => one_line(text),
        other => one_line(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_in_both_scripts() {
        let rows = [["标题", "路灯"], ["title", "lamp"]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&rows, ""), "标题   路灯\ntitle  lamp\n");
    }

    #[test]
    fn a_terminal_obeys_nothing() {
        assert_eq!(one_line("a\u{1b}[31m\nb\u{202e}c\r\u{9b}"), "a·[31m⏎b·c··");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("路灯不亮了", 7), "路灯不…");
        assert_eq!(cut("路灯不亮", 8), "路灯不亮");
        assert_eq!(cut("", 0), "");
    }
}
