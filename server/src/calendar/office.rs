//! The calendar of an office in China: eight hours ahead of UTC, the year round.

pub use gridledger_core::calendar::date;
use gridledger_core::calendar::{DAY_MS, OFFSET_MS};

use crate::calendar::date::Date;

/// The beginning of a day, ms since 1970.
pub fn midnight(date: Date) -> i64 {
    date.days_since_epoch() * DAY_MS - OFFSET_MS
}

/// The day it is in China at a time (ms since 1970); the last one an office writes if it is later than that.
pub fn today(now: i64) -> Date {
    let (year, month, day) = date(now.saturating_add(OFFSET_MS).div_euclid(DAY_MS));
    let found = u16::try_from(year).ok().and_then(|year| Date::new(year, month as u8, day as u8));
    found.unwrap_or_else(|| Date::new(2199, 12, 31).expect("BUG: a day"))
}

/// The first moment of the month a time is in, ms since 1970.
pub fn month_began(now: i64) -> i64 {
    let day = now.saturating_add(OFFSET_MS).div_euclid(DAY_MS);
    let (_, _, of_month) = date(day);
    (day - of_month + 1) * DAY_MS - OFFSET_MS
}

/// ms since 1970 as `2026-01-05T09:30:00+08:00`.
pub fn iso(ms: i64) -> String {
    let local = ms.saturating_add(OFFSET_MS);
    let (days, rest) = (local.div_euclid(DAY_MS), local.rem_euclid(DAY_MS) / 1000);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+08:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_midnight_of_its_first_day() {
        for now in [1_767_571_200_000, 951_782_399_000, 951_782_400_000, -1] {
            let began = iso(month_began(now));
            assert!(began.ends_with("-01T00:00:00+08:00") && began[..7] == iso(now)[..7], "{began}");
        }
    }

    #[test]
    fn every_day_has_its_date() {
        for (ms, text) in [
            (0, "1970-01-01T08:00:00+08:00"),
            (951_782_399_000, "2000-02-29T07:59:59+08:00"),
            (1_767_576_600_123, "2026-01-05T09:30:00+08:00"),
            (-1, "1970-01-01T07:59:59+08:00"),
            (4_107_456_000_000, "2100-02-28T08:00:00+08:00"),
            (4_107_542_400_000, "2100-03-01T08:00:00+08:00"),
        ] {
            assert_eq!(iso(ms), text);
        }
        // Day after day for 500 years: the next date is the day after, by an independent count of days in months.
        let (mut year, mut month, mut day) = date(0);
        for days in 1..182_621 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + i64::from(leap),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (day, month) = (1, month + 1);
            }
            if month > 12 {
                (month, year) = (1, year + 1);
            }
            assert_eq!(date(days), (year, month, day));
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_china() {
        let date = Date::new(2026, 1, 5).unwrap();
        let start = midnight(date);
        assert_eq!(iso(start), "2026-01-05T00:00:00+08:00");
        assert_eq!((today(start), today(start - 1)), (date, Date::new(2026, 1, 4).unwrap()));
        assert_eq!(today(i64::MAX), Date::new(2199, 12, 31).unwrap());
    }
}
