//! Doubts about a clock, and the sentences that report them.

use gridledger_core::calendar::Zone;
use gridledger_schema::limits;

use crate::faults;

/// Why a clock is not trusted. Times in ms since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The clock is earlier than what the store knows.
    Behind {
        /// The latest time known.
        known: i64,
        /// The clock.
        now: i64,
    },
    /// The clock is much later than the latest time known: it jumped, or the server was off for long.
    Ahead {
        /// The latest time known.
        known: i64,
        /// The clock.
        now: i64,
    },
    /// The clock and the database's clock differ.
    Apart {
        /// The database's clock.
        database: i64,
        /// The clock.
        now: i64,
    },
}

impl Doubt {
    /// The sentences that report the doubt and the remedy, in Chinese and in English.
    pub fn sentences(self, zone: &Zone) -> (String, String) {
        let minute = |ms| zone.write_minute(ms);
        let (zh, en) = match self {
            Self::Behind { known, now } => (
                format!("服务器时钟为 {}，早于数据中已有的时间 {}", minute(now), minute(known)),
                format!(
                    "the server's clock says {}, earlier than {}, which the store has seen",
                    minute(now),
                    minute(known)
                ),
            ),
            Self::Ahead { known, now } => (
                format!("服务器时钟为 {}，比上次可信的时间 {} 晚得多", minute(now), minute(known)),
                format!(
                    "the server's clock says {}, much later than {}, the last time it was sure of",
                    minute(now),
                    minute(known)
                ),
            ),
            Self::Apart { database, now } => {
                return (
                    format!(
                        "服务器时钟为 {}，数据库时钟为 {}。请校准两台机器的时钟；在此之前不收发数据，也不清除任何内容。",
                        minute(now),
                        minute(database)
                    ),
                    format!(
                        "the server's clock says {}, the database's {}; set both clocks right: until then nothing is taken and nothing erased",
                        minute(now),
                        minute(database)
                    ),
                );
            }
        };
        (
            format!(
                "{zh}。请校准时钟；如时钟无误，请停止服务后运行 gridledger admin clock confirm。在此之前不收发数据，也不清除任何内容。"
            ),
            format!(
                "{en}; set the clock right, or, if it is right, run `gridledger admin clock confirm`: until then nothing is taken and nothing erased"
            ),
        )
    }
}

/// Whether two clocks say the same time.
pub(crate) fn agree(a: i64, b: i64) -> bool {
    a.saturating_sub(b).saturating_abs() <= limits::CLOCK_AGREES_MS
}

/// Judges a clock by the latest time known and the database's clock.
pub(crate) fn judge(now: i64, known: Option<i64>, database: Option<i64>) -> Option<Doubt> {
    if let Some(database) = database.filter(|database| !agree(now, *database)) {
        return Some(Doubt::Apart { database, now });
    }
    let known = known?;
    if now < known - limits::CLOCK_AGREES_MS && !faults::is_planted("24") {
        return Some(Doubt::Behind { known, now });
    }
    if now > known + limits::CLOCK_JUMP_MS && !faults::is_planted("23") {
        return Some(Doubt::Ahead { known, now });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    use gridledger_core::calendar::DAY_MS;
    const NOW: i64 = 1_767_571_200_000;

    #[test]
    fn a_clock_is_judged_by_what_is_known() {
        let (agrees, jump) = (limits::CLOCK_AGREES_MS, limits::CLOCK_JUMP_MS);
        assert_eq!(judge(NOW, None, None), None);
        assert_eq!(judge(NOW - agrees, Some(NOW), None), None);
        assert_eq!(judge(NOW + jump, Some(NOW), None), None);
        let (known, behind, ahead) = (NOW, NOW - agrees - 1, NOW + jump + 1);
        assert_eq!(judge(behind, Some(known), None), Some(Doubt::Behind { known, now: behind }));
        assert_eq!(judge(ahead, Some(known), None), Some(Doubt::Ahead { known, now: ahead }));
        // A clock that the database does not share is wrong or right: nobody knows.
        let (now, database) = (NOW, NOW + agrees + 1);
        assert_eq!(judge(now, Some(known), Some(database)), Some(Doubt::Apart { database, now }));
        assert_eq!(judge(now, Some(known), Some(NOW + agrees)), None);
    }

    #[test]
    fn the_sentences_name_both_times_and_the_command() {
        let (zh, en) = Doubt::Behind { known: NOW, now: NOW - DAY_MS }.sentences(&Zone::default());
        for said in [&zh, &en] {
            assert!(said.contains("2026-01-05") && said.contains("2026-01-04"), "{said}");
            assert!(said.contains("gridledger admin clock confirm"), "{said}");
        }
        let (_, en) = Doubt::Apart { database: NOW, now: 0 }.sentences(&Zone::default());
        assert!(!en.contains("confirm"), "the clocks have to agree: {en}");
    }
}
