//! A day, as spreadsheets write it.

use std::fmt;

use crate::office::import::cell::fold;
use crate::office::import::fault::{Wrong, quoted};

/// Years a date may have; outside of them it is a slip of the hand.
const YEARS: std::ops::RangeInclusive<u16> = 1880..=2199;

/// A day of the Gregorian calendar. Shown as `2026-01-05`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// `None` if there is no such day, or not in the years 1880 to 2199.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        let exists = YEARS.contains(&year) && day >= 1 && day <= days_in_month(year, month);
        exists.then_some(Date { year, month, day })
    }

    pub fn year(self) -> u16 {
        self.year
    }

    /// Days since 1970-01-01, negative before.
    pub fn days_since_epoch(self) -> i64 {
        let before = |year: i64| 365 * year + year / 4 - year / 100 + year / 400;
        let year = i64::from(self.year);
        let months: i64 = (1..self.month).map(|month| i64::from(days_in_month(self.year, month))).sum();
        before(year - 1) - before(1969) + months + i64::from(self.day) - 1
    }

    /// `2026-01-05`, `2026/1/5`, `2026.1.5`, `20260105` or `2026年1月5日`.
    pub fn parse(cell: &str) -> Result<Date, Wrong> {
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
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Days since 1899-12-30 that a spreadsheet writes for a date which it does not know to be one: 1927 to 2118.
const SERIALS: std::ops::RangeInclusive<i64> = 10_000..=79_999;
/// 1970-01-01 as such a number.
const EPOCH_SERIAL: i64 = 25_569;

/// The day of a spreadsheet's number.
fn serial(cell: &str) -> Option<Date> {
    let whole = cell.split_once('.').map_or(cell, |(whole, _)| whole);
    let days: i64 = whole.parse().ok().filter(|days| SERIALS.contains(days))?;
    let (year, month, day) = gridledger_core::calendar::date(days - EPOCH_SERIAL);
    Date::new(u16::try_from(year).ok()?, month as u8, day as u8)
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
    if let Some(Date { year, month, day }) = serial(&folded) {
        return Some(vec![year, month.into(), day.into()]);
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

fn days_in_month(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
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
