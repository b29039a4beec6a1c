//! This file writes and reads the parts of a sync that follow a restore: receipts, clocks, the notice of the
//! new generation.

use gridledger_schema::ids::{AreaNo, EntryHash, FeedId, RecordId, ServerEpoch};
use gridledger_schema::limits;
use gridledger_schema::wire::{EntrySeen, Missing, Receipt, Recovery, RecoveryPhase, Restored};
use minicbor::Decoder;

use super::parts::{
    Out, Written, read_length, read_optional, read_receipt, read_suite_if, to_array, write_receipt,
};
use super::{WireError, check_each_once};
use crate::clock;

pub(super) fn write_recovery(e: &mut Out<'_>, recovery: Option<&Recovery>) -> Written {
    let Some(recovery) = recovery else {
        e.null()?;
        return Ok(());
    };
    e.array(5)?.array(recovery.receipts.len() as u64 * 2)?;
    for (epoch, receipt) in &recovery.receipts {
        e.u64(epoch.0)?.array(if receipt.suite.is_some() { 8 } else { 7 })?;
        write_receipt(e, receipt)?;
    }
    e.array(recovery.seen.len() as u64 * 3)?;
    for EntrySeen { feed, n, clock } in &recovery.seen {
        e.bytes(&feed.0)?.u64(*n)?.bytes(&clock::pack(clock))?;
    }
    e.array(recovery.emptied.len() as u64 * 3)?;
    for (feed, n, hash) in &recovery.emptied {
        e.bytes(&feed.0)?.u64(*n)?.bytes(&hash.0)?;
    }
    e.u64(recovery.left)?.array(recovery.missing.len() as u64 * 5)?;
    for missing in &recovery.missing {
        e.bytes(&missing.record.0)?.u32(missing.area.0)?.u8(missing.facet)?;
        e.bytes(&missing.feed.0)?.u64(missing.count)?;
    }
    Ok(())
}

/// Reads the recovery part of a request. Each receipt is an array of its fields: eight, or seven in the form
/// of protocol 1.
pub(super) fn read_recovery(d: &mut Decoder<'_>) -> Result<Option<Recovery>, WireError> {
    read_optional(d, |d| {
        if d.array()? != Some(5) {
            return Err(WireError::Malformed("recovery"));
        }
        let receipts: Vec<(ServerEpoch, Receipt)> = read_many(d, 2, limits::REQUEST_RECEIPTS, |d| {
            let epoch = ServerEpoch(d.u64()?);
            let with_suite = d.array()? == Some(8);
            Ok((epoch, read_receipt(d, with_suite)?))
        })?;
        let seen: Vec<EntrySeen> = read_many(d, 3, limits::PUSH_ENTRIES, |d| {
            Ok(EntrySeen {
                feed: FeedId(to_array(d.bytes()?)?),
                n: d.u64()?,
                clock: clock::unpack(d.bytes()?)?,
            })
        })?;
        let emptied: Vec<(FeedId, u64, EntryHash)> = read_many(d, 3, limits::PUSH_ENTRIES, |d| {
            let feed = FeedId(to_array(d.bytes()?)?);
            Ok((feed, d.u64()?, EntryHash(to_array(d.bytes()?)?)))
        })?;
        let left = d.u64()?;
        let missing: Vec<Missing> = read_many(d, 5, limits::REQUEST_RECEIPTS, |d| {
            Ok(Missing {
                record: RecordId(to_array(d.bytes()?)?),
                area: AreaNo(d.u32()?),
                facet: d.u8()?,
                feed: FeedId(to_array(d.bytes()?)?),
                count: d.u64()?,
            })
        })?;
        let proofs =
            receipts.iter().map(|(epoch, receipt)| (epoch.0, receipt.feed, receipt.first, receipt.n));
        check_each_once(proofs, "a receipt")?;
        check_each_once(seen.iter().map(|seen| (seen.feed, seen.n)), "an entry")?;
        check_each_once(emptied.iter().map(|(feed, n, _)| (*feed, *n)), "an entry")?;
        let lacking = missing.iter().map(|one| (one.record, one.facet, one.feed));
        check_each_once(lacking, "a missing change")?;
        Ok(Recovery { receipts, seen, emptied, left, missing })
    })
}

/// Reads a flat array of things of `each` items; at most `most` things.
fn read_many<T>(
    d: &mut Decoder<'_>,
    each: usize,
    most: usize,
    mut read: impl FnMut(&mut Decoder<'_>) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    let count = read_length(d.array()?)?;
    if !count.is_multiple_of(each) {
        return Err(WireError::Malformed("length"));
    }
    if count / each > most {
        return Err(WireError::TooLarge("recovery of a request"));
    }
    (0..count / each).map(|_| read(d)).collect()
}

pub(super) fn write_restored(e: &mut Out<'_>, notice: &Restored) -> Written {
    if let Some(suite) = notice.suite {
        e.u8(suite.number())?;
    }
    e.u64(notice.former.0)?.u64(notice.epoch.0)?.i64(notice.at)?;
    e.array(notice.known.len() as u64 * 2)?;
    for (feed, n) in &notice.known {
        e.bytes(&feed.0)?.u64(*n)?;
    }
    e.bytes(&notice.signature)?;
    Ok(())
}

pub(super) fn read_restored(d: &mut Decoder<'_>, with_suite: bool) -> Result<Restored, WireError> {
    Ok(Restored {
        suite: read_suite_if(d, with_suite)?,
        former: ServerEpoch(d.u64()?),
        epoch: ServerEpoch(d.u64()?),
        at: d.i64()?,
        known: read_many(d, 2, limits::DEVICE_FEEDS as usize, |d| {
            Ok((FeedId(to_array(d.bytes()?)?), d.u64()?))
        })?,
        signature: to_array(d.bytes()?)?,
    })
}

pub(super) fn write_phase(e: &mut Out<'_>, phase: RecoveryPhase) -> Written {
    e.u8(match phase {
        RecoveryPhase::Gathering => 0,
        RecoveryPhase::Settling => 1,
        RecoveryPhase::Over => 2,
    })?;
    Ok(())
}

pub(super) fn read_phase(d: &mut Decoder<'_>) -> Result<RecoveryPhase, WireError> {
    match d.u8()? {
        0 => Ok(RecoveryPhase::Gathering),
        1 => Ok(RecoveryPhase::Settling),
        2 => Ok(RecoveryPhase::Over),
        _ => Err(WireError::Malformed("recovery phase")),
    }
}
