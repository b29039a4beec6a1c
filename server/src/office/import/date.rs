//! Reads dates as spreadsheets write them.

use gridledger_core::calendar::{DAY_MS, Zone};

use super::fault::{Wrong, quoted};
use super::text::fold;
use crate::calendar::date::Date;

/// `2026-01-05`, `2026/1/5`, `2026.1.5`, `20260105` or `2026年1月5日`.
pub fn parse_date(cell: &str) -> Result<Date, Wrong> {
    let found = numbers(cell).and_then(|numbers| match numbers[..] {
        [year, month, day] => Date::new(year, month.try_into().ok()?, day.try_into().ok()?),
        _ => None,
    });
    found.ok_or_else(|| bad_date(cell))
}

/// The year of a date, of a month (`1980年5月`, `1980-05`, `198005`) or of a bare year (`1980`, `1980年`).
pub fn parse_year(cell: &str) -> Result<u16, Wrong> {
    let found = numbers(cell).and_then(|numbers| match numbers[..] {
        [year] => Date::new(year, 1, 1),
        [year, month] => Date::new(year, month.try_into().ok()?, 1),
        [year, month, day] => Date::new(year, month.try_into().ok()?, day.try_into().ok()?),
        _ => None,
    });
    found.map(Date::year).ok_or_else(|| bad_date(cell))
}

/// Days since 1899-12-30 that a spreadsheet writes for a date which it does not know to be one: 1927 to 2118.
const SERIALS: std::ops::RangeInclusive<i64> = 10_000..=79_999;
/// 1970-01-01 as such a number.
const EPOCH_SERIAL: i64 = 25_569;

/// The day of a spreadsheet's number.
fn serial(cell: &str) -> Option<Date> {
    let whole = cell.split_once('.').map_or(cell, |(whole, _)| whole);
    let days: i64 = whole.parse().ok().filter(|days| SERIALS.contains(days))?;
    Date::of(Zone::utc().date_at((days - EPOCH_SERIAL) * DAY_MS))
}

/// A date without the time of day that databases and spreadsheet programs write behind it.
fn without_time(cell: &str) -> &str {
    let cell = cell.trim();
    let Some(at) = cell.find(|c: char| c.is_whitespace() || c == 'T') else {
        return cell;
    };
    let time = cell[at..].trim_start_matches(|c: char| c.is_whitespace() || c == 'T');
    let is_time = time.contains(':')
        && time.chars().all(|c| {
            c.is_ascii_digit() || matches!(c, ':' | '.' | '+' | '-' | 'Z' | ' ') || "APMapm上下午".contains(c)
        });
    if is_time { &cell[..at] } else { cell }
}

/// The one to three numbers of a date, the year first.
fn numbers(cell: &str) -> Option<Vec<u16>> {
    let folded = fold(cell);
    let folded: String = without_time(&folded).chars().filter(|c| !c.is_whitespace()).collect();
    if let Some(date) = serial(&folded) {
        return Some(vec![date.year(), date.month().into(), date.day().into()]);
    }
    if !folded.is_ascii() {
        return chinese(&folded);
    }
    if folded.bytes().all(|byte| byte.is_ascii_digit()) {
        if folded.len() == 4 {
            return Some(vec![number(&folded)?]);
        }
        let cuts: &[_] = match folded.len() {
            6 => &[0..4, 4..6],
            8 => &[0..4, 4..6, 6..8],
            _ => return None,
        };
        return cuts.iter().map(|cut| number(&folded[cut.clone()])).collect();
    }
    let separator = folded.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '-' | '/' | '.'))?;
    folded.split(separator).map(number).collect()
}

fn chinese(folded: &str) -> Option<Vec<u16>> {
    let (year, rest) = folded.split_once('年')?;
    let mut numbers = vec![number(year)?];
    if rest.is_empty() {
        return Some(numbers);
    }
    let (month, rest) = rest.split_once('月')?;
    numbers.push(number(month)?);
    if !rest.is_empty() {
        numbers.push(number(rest.strip_suffix(['日', '号']).unwrap_or(rest))?);
    }
    Some(numbers)
}

fn number(digits: &str) -> Option<u16> {
    let is_number = (1..=4).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

fn bad_date(cell: &str) -> Wrong {
    let shown = quoted(cell);
    Wrong::new(
        "bad_date",
        format!("{shown} 不是日期，例如 2026-01-05"),
        format!("{shown} is no date such as 2026-01-05"),
    )
}

/// The fault of a time that ends before it begins.
pub fn not_before(from: Date, to: Date) -> Wrong {
    Wrong::new(
        "dates_reversed",
        format!("终止日期 {to} 不晚于起始日期 {from}"),
        format!("the end {to} is not after the beginning {from}"),
    )
}
