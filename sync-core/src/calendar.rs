//! This file writes dates as an office in China does: eight hours ahead of UTC, the year round.

/// Milliseconds that China is ahead of UTC.
pub const OFFSET_MS: i64 = 8 * 3_600_000;
pub use gridledger_schema::limits::DAY_MS;

/// ms since 1970 as `2026-01-05 09:30`.
pub fn minute(ms: i64) -> String {
    let local = ms.saturating_add(OFFSET_MS);
    let (year, month, day) = date(local.div_euclid(DAY_MS));
    let minutes = local.rem_euclid(DAY_MS) / 60_000;
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minutes / 60, minutes % 60)
}

/// The Gregorian date of a day counted from 1970-01-01. Years are counted from March, so that the leap day is the last.
pub fn date(days: i64) -> (i64, i64, i64) {
    // Days since 1 March of the year 0; 146,097 days are 400 years.
    let since = days + 719_468;
    let (era, day) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    (year + era * 400, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_those_of_the_wall_clock() {
        let table = [
            (0, "1970-01-01 08:00"),
            (951_782_399_000, "2000-02-29 07:59"),
            (1_767_576_600_123, "2026-01-05 09:30"),
            (-1, "1970-01-01 07:59"),
        ];
        for (ms, text) in table {
            assert_eq!(minute(ms), text);
        }
        assert!(!minute(i64::MIN).is_empty() && !minute(i64::MAX).is_empty());
    }
}
