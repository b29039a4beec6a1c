//! A zone turns times (ms since 1970-01-01 UTC) into dates and times of day as an office writes them, and back.
//!
//! The rules of all zones are part of the program (the IANA time zone database, by the crate `jiff`). Nothing of
//! the machine is needed, and every replica finds the same date. Years run from −9999 to 9999; a time outside
//! counts as the nearest one inside.
//!
//! No entry is older than the year 2000 ([`limits::TIME_RANGE_MS`]). An earlier time is a date that somebody wrote
//! down, such as the day a resident moved in. It is written at the zone's offset on 2000-01-01, so that a date stays
//! a date whatever summer time was in force. China had summer time in 1986 to 1991, and local mean time before 1901.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use gridledger_schema::limits;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

pub use gridledger_schema::limits::DAY_MS;
pub use jiff::civil::{Date, DateTime};

/// The zone of an office that names none.
pub const DEFAULT_ZONE: &str = "Asia/Shanghai";

/// A time zone of the IANA database. Before the year 2000 its offset is that of 2000-01-01.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// The error for a text that names no zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone {0:?}")]
pub struct ZoneError(pub String);

impl Default for Zone {
    fn default() -> Self {
        static ZONE: OnceLock<Zone> = OnceLock::new();
        ZONE.get_or_init(|| DEFAULT_ZONE.parse().expect("BUG: the default zone is in the database")).clone()
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(name: &str) -> Result<Self, ZoneError> {
        let found = TimeZoneDatabase::bundled().get(name);
        found.map(Self).map_err(|_| ZoneError(name.chars().take(64).collect()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

impl Zone {
    /// The zone without an offset, in which days are counted from 1970-01-01.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The date in the zone at a time.
    pub fn date_at(&self, ms: i64) -> Date {
        self.local(ms).date()
    }

    /// The first moment of a day, ms since 1970. Where summer time skips midnight, it is the end of the gap.
    pub fn day_start(&self, date: Date) -> i64 {
        self.to_ms(date.at(0, 0, 0, 0))
    }

    /// The first moment of the month that holds a time, ms since 1970.
    pub fn month_start(&self, ms: i64) -> i64 {
        self.day_start(self.date_at(ms).first_of_month())
    }

    /// The time of a date and time of day, ms since 1970. A time that comes twice counts as the earlier one. A time
    /// that summer time skips counts as the same stretch after the gap.
    pub fn to_ms(&self, local: DateTime) -> i64 {
        let first = timestamp(*limits::TIME_RANGE_MS.start());
        let offset = self.0.to_offset(first);
        let found = if local < offset.to_datetime(first) {
            offset.to_timestamp(local)
        } else {
            self.0.to_timestamp(local)
        };
        let nearest = if local.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
        found.unwrap_or(nearest).as_millisecond()
    }

    /// Writes a time as `2026-01-05 09:30`.
    pub fn write_minute(&self, ms: i64) -> String {
        self.local(ms).strftime("%Y-%m-%d %H:%M").to_string()
    }

    /// Writes a time as `2026-01-05 09:30:05`.
    pub fn write_second(&self, ms: i64) -> String {
        self.local(ms).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Writes a time as `2026-01-05T09:30:05+08:00` (RFC 3339).
    pub fn write_iso(&self, ms: i64) -> String {
        let local = self.local(ms).strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let minutes = self.offset(ms).seconds() / 60;
        let sign = if minutes < 0 { '-' } else { '+' };
        format!("{local}{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }

    fn offset(&self, ms: i64) -> Offset {
        self.0.to_offset(timestamp(ms.max(*limits::TIME_RANGE_MS.start())))
    }

    fn local(&self, ms: i64) -> DateTime {
        self.offset(ms).to_datetime(timestamp(ms))
    }
}

fn timestamp(ms: i64) -> Timestamp {
    let nearest = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(ms).unwrap_or(nearest)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn zone(name: &str) -> Zone {
        name.parse().expect("a zone")
    }

    #[test]
    fn minutes_are_those_of_the_wall_clock() {
        let table = [
            (0, "1970-01-01 08:00"),
            (951_782_399_000, "2000-02-29 07:59"),
            (1_767_576_600_123, "2026-01-05 09:30"),
            (-1, "1970-01-01 07:59"),
        ];
        for (ms, text) in table {
            assert_eq!(Zone::default().write_minute(ms), text);
            assert_eq!(Zone::default().write_second(ms)[..16], *text);
        }
    }

    #[test]
    fn every_time_has_a_text() {
        for zone in [zone("Asia/Shanghai"), zone("UTC"), zone("America/St_Johns"), zone("Pacific/Kiritimati")]
        {
            for ms in [i64::MIN, i64::MAX, 0] {
                assert!(!zone.write_minute(ms).is_empty() && !zone.write_iso(ms).is_empty());
                assert!(zone.month_start(ms) <= zone.day_start(zone.date_at(ms)));
            }
        }
    }

    #[test]
    fn iso_times_read_back_as_the_same_moment() {
        let table = [
            (0, "1970-01-01T08:00:00+08:00"),
            (951_782_399_000, "2000-02-29T07:59:59+08:00"),
            (1_767_576_600_123, "2026-01-05T09:30:00+08:00"),
            (-1, "1970-01-01T07:59:59+08:00"),
            (4_107_456_000_000, "2100-02-28T08:00:00+08:00"),
            (4_107_542_400_000, "2100-03-01T08:00:00+08:00"),
        ];
        for (ms, text) in table {
            assert_eq!(Zone::default().write_iso(ms), text);
        }
        for name in ["Asia/Shanghai", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu"] {
            for ms in [-2_840_140_800_000, 583_000_000_000, 1_767_576_600_000, 1_783_000_000_000] {
                let text = zone(name).write_iso(ms);
                assert_eq!(text.parse::<Timestamp>().map(Timestamp::as_millisecond).ok(), Some(ms), "{text}");
            }
        }
    }

    #[test]
    fn a_date_of_the_last_century_is_a_date_whatever_summer_time_china_had() {
        let zone = Zone::default();
        for (year, month, day) in [(1880, 1, 1), (1900, 12, 31), (1941, 6, 1), (1988, 7, 1), (1999, 12, 31)] {
            let start = zone.day_start(date(year, month, day));
            assert_eq!((start + 8 * 3_600_000).rem_euclid(DAY_MS), 0, "{year}: days are at +08:00");
            assert_eq!(
                (zone.date_at(start), zone.date_at(start - 1) < zone.date_at(start)),
                (date(year, month, day), true)
            );
            assert_eq!(zone.write_iso(start), format!("{year}-{month:02}-{day:02}T00:00:00+08:00"));
        }
        // The database has +09:00 for the summer of 1988. A zone that followed it would write 01:00 here.
        let summer = Timestamp::from_millisecond(583_000_000_000).expect("a time");
        assert_eq!(zone.0.to_offset(summer).seconds(), 9 * 3_600);
        // Since then every day is at +08:00, so that days of retention, of 24 hours, are days of the calendar.
        for year in 2000..2200 {
            for month in [1, 4, 7, 10] {
                let start = zone.day_start(date(year, month, 1));
                assert_eq!((start + 8 * 3_600_000).rem_euclid(DAY_MS), 0, "{year}-{month}");
            }
        }
    }

    #[test]
    fn every_day_has_its_date() {
        // Day after day for 500 years: the next date is the day after, by an independent count of days in months.
        let zone = zone("UTC");
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 1..182_621 {
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let length = match month {
                2 => 28 + i8::from(leap),
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
            assert_eq!(zone.date_at(days * DAY_MS), date(year, month, day));
            assert_eq!(zone.day_start(date(year, month, day)), days * DAY_MS);
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_china() {
        let zone = Zone::default();
        let start = zone.day_start(date(2026, 1, 5));
        assert_eq!(zone.write_iso(start), "2026-01-05T00:00:00+08:00");
        assert_eq!((zone.date_at(start), zone.date_at(start - 1)), (date(2026, 1, 5), date(2026, 1, 4)));
    }

    #[test]
    fn a_month_begins_at_midnight_of_its_first_day() {
        let zone = Zone::default();
        for now in [1_767_571_200_000, 951_782_399_000, 951_782_400_000, -1] {
            let (began, now) = (zone.write_iso(zone.month_start(now)), zone.write_iso(now));
            assert!(began.ends_with("-01T00:00:00+08:00") && began[..7] == now[..7], "{began}");
        }
    }

    #[test]
    fn a_day_may_begin_after_a_gap_and_may_have_25_hours() {
        let zone = zone("America/Asuncion");
        let start = zone.day_start(date(2023, 10, 1));
        assert_eq!(zone.write_iso(start), "2023-10-01T01:00:00-03:00");
        assert_eq!(zone.date_at(start - 1), date(2023, 9, 30));
        let zone = "Europe/Berlin".parse::<Zone>().expect("a zone");
        let (day, next) = (zone.day_start(date(2026, 10, 25)), zone.day_start(date(2026, 10, 26)));
        assert_eq!(next - day, 25 * 3_600_000);
    }

    #[test]
    fn a_zone_has_its_name_and_an_unknown_one_is_refused() {
        assert_eq!(Zone::default().to_string(), "Asia/Shanghai");
        assert_eq!(zone("asia/urumqi").to_string(), "Asia/Urumqi");
        for name in ["", "Mars/Olympus", "+08:00", "Beijing", "../../etc/passwd"] {
            assert_eq!(name.parse::<Zone>(), Err(ZoneError(name.into())));
        }
    }
}
