//! This file judges work done out of signal by the rights that its device could have known, within a grace.
//!
//! A present grant always counts in the author's favour. A grant that was cut short or taken away still
//! counts for a device that had not been informed, until the grace is over. Setting a clock back gains
//! nothing: an entry is never older than the changes its author had seen.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::limits;
use gridledger_schema::wire::Grant;

use crate::calendar::Zone;
use crate::rights::Rights;

/// A grant as it was before the office cut it short or took it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// The grant.
    pub grant: Grant,
    /// The time of the change, by the server's clock, ms since 1970.
    pub at: i64,
    /// Whether the author's device had been informed before the entry was made.
    pub told: bool,
}

/// The time at which an entry was made, as far as it can be believed, and the time of judgement. Both are ms
/// since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The time at which it was made.
    pub made: i64,
    /// The judging side's clock.
    pub now: i64,
}

impl Moment {
    /// The moment of an entry dated `at`, whose author had seen changes written at `seen` (by the server's
    /// clock). The entry was not made after it arrived, nor before the changes it had seen.
    pub fn estimate(at: i64, seen: Option<i64>, now: i64) -> Self {
        let made = at.min(now).max(seen.unwrap_or(i64::MIN));
        Self { made, now }
    }

    /// The moment of an entry that is being made.
    pub fn now(now: i64) -> Self {
        Self { made: now, now }
    }
}

/// A person's rights, for the judgement of one entry.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    /// The present rights.
    pub rights: Rights<'a>,
    /// The grants that were replaced. A phone knows of none.
    pub replaced: &'a [Replaced],
    /// The time of the entry, and of the judgement.
    pub moment: Moment,
    /// The office's zone, for the times that a refusal names.
    pub zone: &'a Zone,
}

/// The verdict of one grant on an entry.
enum Verdict {
    Yes,
    /// The grant ended then, and the entry arrived after the grace.
    TooLate(i64),
    /// The grant had ended then, before the entry was made.
    Ended(i64),
    Nothing,
}

impl<'a> Standing<'a> {
    /// The rights of somebody who acts now and knows them: on a phone, at a desk.
    pub fn acting(rights: Rights<'a>, now: i64, zone: &'a Zone) -> Self {
        Self { rights, replaced: &[], moment: Moment::now(now), zone }
    }

    /// Refuses the entry unless the role counts at `area`.
    pub fn check(&self, role: &str, area: AreaNo) -> Result<(), Refusal> {
        let (mut late, mut ended) = (None, None);
        for verdict in self.judge_grants(role, area) {
            match verdict {
                Verdict::Yes => return Ok(()),
                Verdict::TooLate(to) => late = late.max(Some(to)),
                Verdict::Ended(to) => ended = ended.max(Some(to)),
                Verdict::Nothing => {}
            }
        }
        Err(match (late, ended) {
            (Some(to), _) => {
                let days = limits::RIGHTS_GRACE_DAYS;
                let sentence = format!(
                    "{role} in area {area} ended {}; what was done before had {days} days to arrive",
                    self.zone.write_minute(to)
                );
                Refusal::new(Code::GraceOver, sentence)
            }
            (None, Some(to)) => Refusal::new(
                Code::GrantEnded,
                format!("{role} in area {area} ended {}", self.zone.write_minute(to)),
            ),
            (None, None) => Refusal::new(
                Code::RoleNotHeld,
                format!("{} in area {area} at that time", crate::validate::shorten(role)),
            ),
        })
    }

    fn judge_grants(&self, role: &str, area: AreaNo) -> impl Iterator<Item = Verdict> {
        let tree = self.rights.tree;
        let is_role = self.rights.schema.role(role).is_some();
        let made = self.moment.made;
        let concerns =
            move |grant: &Grant| is_role && grant.role == role && tree.is_within(area, grant.area, made);
        let now = self.rights.grants.iter().filter(move |grant| concerns(grant));
        let before = self.replaced.iter().filter(move |old| concerns(&old.grant));
        now.map(|grant| self.judge_grant(grant)).chain(before.map(|old| self.judge_replaced(old)))
    }

    fn judge_grant(&self, grant: &Grant) -> Verdict {
        let Moment { made, now } = self.moment;
        match grant.to {
            _ if made < grant.from => Verdict::Nothing,
            Some(to) if made >= to => Verdict::Ended(to),
            Some(to) if is_over(to, now) => Verdict::TooLate(to),
            _ => Verdict::Yes,
        }
    }

    /// A replaced grant counts only for a device that had not been informed, and only within the grace.
    fn judge_replaced(&self, old: &Replaced) -> Verdict {
        match self.judge_grant(&old.grant) {
            Verdict::Yes if old.told => Verdict::Nothing,
            Verdict::Yes if is_over(old.at, self.moment.now) => Verdict::TooLate(old.at),
            verdict => verdict,
        }
    }
}

/// Whether the grace after `end` is over.
fn is_over(end: i64, now: i64) -> bool {
    now.saturating_sub(end) >= limits::RIGHTS_GRACE_MS
}

#[cfg(test)]
mod tests;
