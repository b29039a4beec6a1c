//! Times as people write them, in the office's time zone.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use gridledger_core::calendar::{Date, Zone};

/// The zone of this run.
static ZONE: OnceLock<Zone> = OnceLock::new();

/// Sets the zone of this run; Asia/Shanghai if it is never set.
pub fn set_zone(zone: Zone) {
    // A second call cannot come: one command is one run.
    let _ = ZONE.set(zone);
}

fn zone() -> Zone {
    ZONE.get().cloned().unwrap_or_default()
}

/// Shows ms since 1970 as `2025-06-01 08:30:05`.
pub fn local(ms: i64) -> String {
    zone().write_second(ms)
}

/// Reads this computer's clock, ms since 1970.
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
    let date = Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok()?;
    if hour >= 24 || minute >= 60 || second >= 60 {
        return None;
    }
    let part = |number: i16| i8::try_from(number).ok();
    let local = date.at(part(hour)?, part(minute)?, part(second)?, 0);
    Some(zone().to_ms(local))
}

fn numbers(text: &str, between: char) -> Option<Vec<i16>> {
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
    fn other_text_is_no_time() {
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
