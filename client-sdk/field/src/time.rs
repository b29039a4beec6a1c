//! Times as people write them. China has one time zone, eight hours ahead of UTC, and no summer time.

use std::time::{SystemTime, UNIX_EPOCH};

use gridledger_core::calendar::{DAY_MS, OFFSET_MS as ZONE_MS, date};

/// Days from 0000-03-01 to 1970-01-01; years begin in March, so that the leap day ends one.
const MARCH_0: i64 = 719_468;
/// Days of 400 years.
const ERA: i64 = 146_097;

/// Days since 1970 of a date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - MARCH_0
}

/// `2025-06-01 08:30:05`, for ms since 1970.
pub fn local(ms: i64) -> String {
    let ms = ms.saturating_add(ZONE_MS);
    let (year, month, day) = date(ms.div_euclid(DAY_MS));
    let seconds = ms.rem_euclid(DAY_MS) / 1000;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// This computer's clock, ms since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

/// Reads `2025-06-01`, `2025-06-01 08:30` or `2025-06-01T08:30:05` as ms since 1970.
pub fn parse(text: &str) -> Option<i64> {
    let (on, at) = text.trim().split_once([' ', 'T']).unwrap_or((text.trim(), "00:00"));
    let [year, month, day] = numbers(on, '-')?.try_into().ok()?;
    let clock = numbers(at, ':')?;
    let (hour, minute, second) = match clock.as_slice() {
        [hour, minute] => (*hour, *minute, 0),
        [hour, minute, second] => (*hour, *minute, *second),
        _ => return None,
    };
    let there =
        (0..=9999).contains(&year) && (1..=12).contains(&month) && hour < 24 && minute < 60 && second < 60;
    let days = there.then(|| days(year, month, day))?;
    // A 31 June would be read as 1 July.
    let exists = date(days) == (year, month, day);
    exists.then_some(days * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 - ZONE_MS)
}

fn numbers(text: &str, between: char) -> Option<Vec<i64>> {
    let digits = |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    text.split(between).map(|part| if digits(part) { part.parse().ok() } else { None }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_back() {
        for text in
            ["1970-01-01 08:00:00", "2000-02-29 00:00:00", "2025-06-01 08:30:05", "2100-03-01 23:59:59"]
        {
            assert_eq!(parse(text).map(local).as_deref(), Some(text));
        }
        assert_eq!(parse("1970-01-01 08:00"), Some(0));
        assert_eq!(parse("2024-12-31"), Some(1_735_574_400_000));
        assert_eq!(local(-1), "1970-01-01 07:59:59");
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "now",
            "2025",
            "2025-06-31",
            "2025-13-01",
            "2025-06-01 24:00",
            "2025-06-01 8",
            "-1-1-1",
            "２０２５-06-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn no_number_is_too_far() {
        for ms in [i64::MIN, i64::MAX, 0] {
            assert!(!local(ms).is_empty());
        }
    }
}
