//! A day of the calendar.

use std::fmt;

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

    /// The year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, 1 to 31.
    pub fn day(self) -> u8 {
        self.day
    }

    /// Days since 1970-01-01, negative before.
    pub fn days_since_epoch(self) -> i64 {
        let before = |year: i64| 365 * year + year / 4 - year / 100 + year / 400;
        let year = i64::from(self.year);
        let months: i64 = (1..self.month).map(|month| i64::from(days_in_month(self.year, month))).sum();
        before(year - 1) - before(1969) + months + i64::from(self.day) - 1
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
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
