//! A date that an office may write, and the moment in which it begins.

use std::fmt;

use gridledger_core::calendar::{self, Zone};

/// Years a date may have. A year outside is a slip of the hand.
const YEARS: std::ops::RangeInclusive<i16> = 1880..=2199;

/// A date of the Gregorian calendar, in the years 1880 to 2199. It is shown as `2026-01-05`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(calendar::Date);

impl Date {
    /// The date of these numbers; `None` if there is no such date, or not in the years 1880 to 2199.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let numbers = (year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?);
        Self::of(calendar::Date::new(numbers.0, numbers.1, numbers.2).ok()?)
    }

    /// The same date, if its year is one of 1880 to 2199.
    pub fn of(date: calendar::Date) -> Option<Self> {
        YEARS.contains(&date.year()).then_some(Self(date))
    }

    /// The date in a zone at a time (ms since 1970); the last date, if no office writes that one.
    pub fn at(zone: &Zone, now: i64) -> Self {
        Self::of(zone.date_at(now)).unwrap_or_else(|| Self::new(2199, 12, 31).expect("BUG: a date"))
    }

    /// The first moment of the date in a zone, ms since 1970.
    pub fn start(self, zone: &Zone) -> i64 {
        zone.day_start(self.0)
    }

    /// The year.
    pub fn year(self) -> u16 {
        self.0.year().unsigned_abs()
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.0.month().unsigned_abs()
    }

    /// The day of the month, 1 to 31.
    pub fn day(self) -> u8 {
        self.0.day().unsigned_abs()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn today_is_the_date_in_the_office_and_never_one_that_no_office_writes() {
        let zone = Zone::default();
        let date = Date::new(2026, 1, 5).unwrap();
        let start = date.start(&zone);
        assert_eq!(
            (Date::at(&zone, start), Date::at(&zone, start - 1)),
            (date, Date::new(2026, 1, 4).unwrap())
        );
        assert_eq!(Date::at(&zone, i64::MAX), Date::new(2199, 12, 31).unwrap());
        assert_eq!(date.to_string(), "2026-01-05");
    }
}
