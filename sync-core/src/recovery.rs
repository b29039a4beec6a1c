//! This file holds what phone and server agree on after a restore: the signed notice, and the comparison of
//! clocks.
//!
//! A restored store is another generation. Its logs continue far above every position that the former
//! generation can have given out. A position therefore tells whether it is of this generation.

use crate::calendar::DAY_MS;
use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{SigningKey, VerifyingKey};
use gridledger_schema::ids::{FeedId, RecordId, ServerEpoch};
use gridledger_schema::set::{Merge, RecordType};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::Restored;

use crate::derive::genesis_feed;
use crate::suite::{self, Kind};

/// The bytes of a notice that are signed: both generations (u64), the start (i64), and for each feed its id
/// and last entry (u64).
fn signed_bytes(notice: &Restored) -> Vec<u8> {
    let mut out = notice.former.0.to_be_bytes().to_vec();
    out.extend(notice.epoch.0.to_be_bytes());
    out.extend(notice.at.to_be_bytes());
    for (feed, n) in &notice.known {
        out.extend(feed.0);
        out.extend(n.to_be_bytes());
    }
    out
}

/// The suite and the kind under which a notice is signed.
fn signature_form(notice: &Restored) -> (Suite, Kind) {
    notice.suite.map_or((Suite::Ed25519Sha256, Kind::Restored), |suite| (suite, Kind::Notice))
}

/// Signs a notice in the form that its suite names.
pub fn sign(key: &SigningKey, notice: &mut Restored) {
    let (suite, kind) = signature_form(notice);
    notice.signature = suite::sign(suite, key, kind, &[&signed_bytes(notice)]);
}

/// Whether the server signed the notice.
pub fn verify(key: &VerifyingKey, notice: &Restored) -> bool {
    let (suite, kind) = signature_form(notice);
    suite::verify(suite, key, kind, &[&signed_bytes(notice)], &notice.signature)
}

/// The number of a generation that began at `at` (ms since 1970): the second, shifted by 24 bits, then 24
/// random bits.
pub fn epoch(at: i64, random: [u8; 3]) -> ServerEpoch {
    let [a, b, c] = random;
    let second = u32::try_from(at / 1_000).unwrap_or(0);
    ServerEpoch(u64::from(second) << 24 | u64::from(u32::from_be_bytes([0, a, b, c])))
}

/// The second (since 1970) in which a generation began. `None` for a number without a time between 2026 and a
/// day after `now` (ms): old generations were random numbers.
pub fn began(epoch: ServerEpoch, now: i64) -> Option<i64> {
    let second = i64::try_from(epoch.0 >> 24).ok()?;
    (FIRST_SECOND..=now / 1_000 + DAY_MS / 1_000).contains(&second).then_some(second)
}

/// The first second of 2026.
const FIRST_SECOND: i64 = 1_767_225_600;

/// The first log position of a generation that began at `at` (ms since 1970), where no log was longer than
/// `longest`. It is above every former position, unless a log had grown by 65,536 lines in every second of
/// its life.
pub fn first_position(at: i64, longest: u64) -> u64 {
    let by_time = u64::try_from(at / 1_000).unwrap_or(0) << 16;
    by_time.max(longest + (1 << 16))
}

/// A clock: the number of changes that each feed has made in a document.
pub type Clock = [(FeedId, u64)];

/// Changes of one feed that one side has and the other lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The feed.
    pub feed: FeedId,
    /// The number of its changes that are held.
    pub held: u64,
    /// The number of its changes that are wanted.
    pub wanted: u64,
}

/// Lists the changes that `wanted` names and `held` lacks.
pub fn list_gaps(held: &Clock, wanted: &Clock) -> Vec<Gap> {
    let held: BTreeMap<FeedId, u64> = held.iter().copied().collect();
    let of = |(feed, count): &(FeedId, u64)| {
        let here = held.get(feed).copied().unwrap_or(0);
        (here < *count).then_some(Gap { feed: *feed, held: here, wanted: *count })
    };
    wanted.iter().filter_map(of).collect()
}

/// The part of `wanted` that is held.
pub fn find_held(held: &Clock, wanted: &Clock) -> Vec<(FeedId, u64)> {
    let wanted: BTreeMap<FeedId, u64> = wanted.iter().copied().collect();
    let of = |(feed, here): &(FeedId, u64)| {
        let count = (*here).min(*wanted.get(feed)?);
        (count > 0).then_some((*feed, count))
    };
    held.iter().filter_map(of).collect()
}

/// The feeds in a facet's clock that stand for no author. Counters and texts that several authors need at
/// once begin with a change of such a feed. Every replica can make that change again.
pub fn list_genesis_feeds(record_type: Option<&RecordType>, record: RecordId, facet: u8) -> BTreeSet<FeedId> {
    let fields = record_type.into_iter().flat_map(|of| of.fields.values());
    fields
        .filter(|field| field.facet == facet && matches!(field.merge, Merge::Counter | Merge::Text))
        .map(|field| genesis_feed(record, facet, &field.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: FeedId = FeedId([1; 16]);
    const B: FeedId = FeedId([2; 16]);

    #[test]
    fn clocks_are_compared_feed_by_feed() {
        assert_eq!(list_gaps(&[(A, 2), (B, 5)], &[(A, 2), (B, 4)]), []);
        let gap = |feed, held, wanted| Gap { feed, held, wanted };
        assert_eq!(list_gaps(&[(A, 2)], &[(A, 3), (B, 1)]), [gap(A, 2, 3), gap(B, 0, 1)]);
        assert_eq!(find_held(&[(A, 2)], &[(A, 3), (B, 1)]), [(A, 2)]);
        assert_eq!(find_held(&[(A, 4), (B, 1)], &[(A, 3)]), [(A, 3)]);
    }

    #[test]
    fn a_generation_says_when_it_began() {
        let at = 1_767_571_200_000;
        let begun = epoch(at, [1, 2, 255]);
        assert_eq!(began(begun, at), Some(1_767_571_200));
        assert_eq!(began(begun, at - 2 * DAY_MS), None, "a time to come");
        assert_eq!(began(ServerEpoch(0x00ff_ffff_0123_4567), at), None, "a random number");
        assert_eq!(began(ServerEpoch(5), at), None);
    }

    #[test]
    fn a_generation_begins_above_every_position_of_before() {
        let at = 1_767_571_200_000;
        let first = first_position(at, 1_000);
        assert_eq!(first, 1_767_571_200 << 16);
        assert!(first_position(at + 1_000, first + 65_000) > first + 65_000);
        assert!(first_position(at, first + 7) > first + 7);
        assert_eq!(first_position(-5, 0), 1 << 16);
    }
}
