//! What counts of a person's rights for work done out of signal: the rights its device could have known, within a grace.
//!
//! What is granted now always counts in the author's favour. A grant that was cut short or taken away still counts for
//! a device that had not been told, until the grace is over. Nobody gains by setting a clock back: an entry was made no
//! earlier than what its author had seen.

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::limits;
use gridledger_schema::wire::Grant;

use crate::calendar::minute;
use crate::rights::Rights;

/// A grant as it was before the office cut it short or took it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// What had been granted.
    pub grant: Grant,
    /// When that was changed, by the server's clock, ms since 1970.
    pub at: i64,
    /// Whether the author's device had been told before the entry was made.
    pub told: bool,
}

/// When an entry was made, as far as it can be believed, and when it is judged. ms since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// When it was made.
    pub made: i64,
    /// The judging side's clock.
    pub now: i64,
}

impl Moment {
    /// An entry that says it was made `at`, by somebody who had seen what was written at `seen` (by the server's clock).
    /// It was not made after it arrived, nor before what it had seen.
    pub fn of(at: i64, seen: Option<i64>, now: i64) -> Self {
        let made = at.min(now).max(seen.unwrap_or(i64::MIN));
        Self { made, now }
    }

    /// An entry that is being made.
    pub fn now(now: i64) -> Self {
        Self { made: now, now }
    }
}

/// A person's rights, as one entry is judged by them.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    /// The rights as they are.
    pub rights: Rights<'a>,
    /// What was replaced of them. A phone knows of nothing replaced.
    pub replaced: &'a [Replaced],
    /// When the entry was made, and when it is judged.
    pub moment: Moment,
}

/// What one grant says of an entry.
enum Says {
    Yes,
    /// It would, had the entry come earlier: it ended then.
    TooLate(i64),
    /// It had ended then when the entry was made.
    Ended(i64),
    Nothing,
}

impl<'a> Standing<'a> {
    /// Of somebody who acts now and knows it: on a phone, at a desk.
    pub fn acting(rights: Rights<'a>, now: i64) -> Self {
        Self { rights, replaced: &[], moment: Moment::now(now) }
    }

    /// Whether the role counts at `area` for this entry.
    pub fn check(&self, role: &str, area: AreaNo) -> Result<(), Refusal> {
        let (mut late, mut ended) = (None, None);
        for said in self.said(role, area) {
            match said {
                Says::Yes => return Ok(()),
                Says::TooLate(to) => late = late.max(Some(to)),
                Says::Ended(to) => ended = ended.max(Some(to)),
                Says::Nothing => {}
            }
        }
        Err(match (late, ended) {
            (Some(to), _) => {
                let days = limits::RIGHTS_GRACE_DAYS;
                let sentence = format!(
                    "{role} in area {area} ended {}; what was done before had {days} days to arrive",
                    minute(to)
                );
                Refusal::new(Code::GraceOver, sentence)
            }
            (None, Some(to)) => {
                Refusal::new(Code::GrantEnded, format!("{role} in area {area} ended {}", minute(to)))
            }
            (None, None) => Refusal::new(
                Code::RoleNotHeld,
                format!("{} in area {area} at that time", crate::validate::shorten(role)),
            ),
        })
    }

    fn said(&self, role: &str, area: AreaNo) -> impl Iterator<Item = Says> {
        let tree = self.rights.tree;
        let is_role = self.rights.schema.role(role).is_some();
        let made = self.moment.made;
        let concerns =
            move |grant: &Grant| is_role && grant.role == role && tree.is_within(area, grant.area, made);
        let now = self.rights.grants.iter().filter(move |grant| concerns(grant));
        let before = self.replaced.iter().filter(move |old| concerns(&old.grant));
        now.map(|grant| self.of_grant(grant)).chain(before.map(|old| self.of_replaced(old)))
    }

    fn of_grant(&self, grant: &Grant) -> Says {
        let Moment { made, now } = self.moment;
        match grant.to {
            _ if made < grant.from => Says::Nothing,
            Some(to) if made >= to => Says::Ended(to),
            Some(to) if is_over(to, now) => Says::TooLate(to),
            _ => Says::Yes,
        }
    }

    /// Of what was replaced only a device that had not been told may speak, and not for ever.
    fn of_replaced(&self, old: &Replaced) -> Says {
        match self.of_grant(&old.grant) {
            Says::Yes if old.told => Says::Nothing,
            Says::Yes if is_over(old.at, self.moment.now) => Says::TooLate(old.at),
            said => said,
        }
    }
}

/// Whether the grace after an end is over.
fn is_over(end: i64, now: i64) -> bool {
    now.saturating_sub(end) >= limits::RIGHTS_GRACE_MS
}

#[cfg(test)]
mod tests;
