//! Recovery after a restore: the restore notice to phones of a former generation, the entries they may bring back, and
//! the end of it.
//!
//! Phones hold receipts for entries that a restored store has no more, and offer those again. While it *gathers*, the
//! server takes what a receipt proves and nothing new. Once every device in use has offered, it *settles*: the server
//! takes new entries; an entry made on something that is not here waits for it.

use std::collections::{BTreeMap, BTreeSet};

use gridledger_core::{receipt, recovery};
use gridledger_schema::code::Refusal;
use gridledger_schema::ids::{AreaNo, EntryHash, FeedId};
use gridledger_schema::limits;
use gridledger_schema::wire::{Receipt, Recovery, RecoveryPhase, Request, Restored};

use crate::faults;
use crate::rights::reader::Reader;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::people::Device;
use crate::store::rows::records::{Again, SignedEntry};

/// Signs a restore notice for a phone of another generation; `None` if this store was never restored.
pub fn sign_restore_notice(
    service: &Service,
    version: u8,
    request: &Request,
    own: &[(FeedId, u64)],
) -> Result<Option<Restored>, StoreError> {
    let (Some(restore), Some(former)) = (service.restore(), request.server_epoch) else {
        return Ok(None);
    };
    let known = own.iter().map(|(feed, held)| {
        let (n, _) = service.store.feed_head(*feed)?;
        Ok((*feed, n.min(*held)))
    });
    let mut notice = Restored {
        suite: service.suite_of(version),
        former,
        epoch: service.identity.epoch,
        at: restore.at,
        known: known.collect::<Result<_, StoreError>>()?,
        signature: [0; 64],
    };
    recovery::sign(&service.receipt_key, &mut notice);
    Ok(Some(notice))
}

/// Gathers the facts about a segment's entries from before the restore. `emptied` are those whose hash its author
/// claims.
pub fn again(
    service: &Service,
    phase: RecoveryPhase,
    brought: &Recovery,
    (feed, emptied): (FeedId, &BTreeSet<u64>),
    entries: &[SignedEntry],
) -> Result<Again, StoreError> {
    let mut again = Again {
        phase,
        stored: BTreeSet::new(),
        refused: BTreeMap::new(),
        emptied: emptied.clone(),
        bound: BTreeSet::new(),
        seen: BTreeMap::new(),
    };
    let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
        return Ok(again);
    };
    let (first, last) = (first.entry.n, last.entry.n);
    let key = service.receipt_key.verifying_key();
    let unbound = if faults::is_planted("07") { &BTreeSet::new() } else { emptied };
    let of_feed = brought.receipts.iter().filter(|(_, receipt)| receipt.feed == feed);
    for (epoch, told) in of_feed.filter(|(_, told)| told.n >= first && told.n <= last) {
        let chained = entries[(told.n - first) as usize].hash == told.hash;
        if chained && receipt::verify(&key, *epoch, told) {
            let proven = receipt::proven(told, unbound);
            let refusals = refusals(told).filter(|(n, _)| proven.contains(n));
            let refused: BTreeMap<_, _> = refusals.collect();
            let covered = (*proven.start()).max(first)..=told.n;
            again.stored.extend(covered.filter(|n| !refused.contains_key(n)));
            again.refused.extend(refused);
            again.bound.insert(told.n);
        }
    }
    // If two receipts contradict each other, the refusal stands.
    again.stored.retain(|n| !again.refused.contains_key(n));
    let former = service.restore().map_or(0, |restore| restore.first);
    let mut longest = None;
    for seen in brought.seen.iter().filter(|seen| seen.feed == feed) {
        let Some(signed) = seen.n.checked_sub(first).and_then(|at| entries.get(at as usize)) else {
            continue;
        };
        if signed.entry.cursor >= former {
            let longest = match longest {
                Some(longest) => longest,
                None => *longest.insert(longest_log(service)?),
            };
            // A lost generation that began under a clock ahead had positions above all that are here.
            if signed.entry.cursor <= longest {
                continue;
            }
        }
        again.seen.insert(seen.n, seen.clock.clone());
    }
    Ok(again)
}

/// The last position of the longest log.
fn longest_log(service: &Service) -> Result<u64, StoreError> {
    let areas: Vec<AreaNo> = service.tree().iter().map(|area| area.no).collect();
    Ok(service.store.heads(&areas)?.into_values().max().unwrap_or(0))
}

/// A receipt's refusals. Only number and code are signed, so a text longer than a reason is dropped.
fn refusals(told: &Receipt) -> impl Iterator<Item = (u64, Refusal)> + '_ {
    told.refused.iter().map(|(n, refusal)| {
        let mut refusal = refusal.clone();
        if refusal.rule.chars().count() > limits::REASON_CHARS {
            refusal.rule.clear();
        }
        refusal.field = refusal.field.filter(|field| field.chars().count() <= limits::FIELD_NAME_CHARS);
        (*n, refusal)
    })
}

/// The entries of a feed whose content was erased, with their hashes.
pub fn emptied(brought: &Recovery, feed: FeedId) -> impl Iterator<Item = (u64, EntryHash)> + '_ {
    let of_feed = brought.emptied.iter().filter(move |(of, ..)| *of == feed);
    of_feed.map(|(_, n, hash)| (*n, *hash))
}

/// Notes a request's facts about the recovery, and returns the phase after it.
pub fn note(
    service: &Service,
    (reader, device): (&Reader<'_>, &Device),
    request: &Request,
    receipts: &[Receipt],
    own: &[(FeedId, u64)],
) -> Result<RecoveryPhase, StoreError> {
    let brought = request.recovery.as_ref();
    let mut phase = service.recovery_phase()?;
    if phase != RecoveryPhase::Over && brought.is_none_or(|brought| brought.left == 0) {
        let mut settled = receipts.iter().all(|receipt| receipt.stopped.is_none());
        for (feed, held) in own {
            settled = settled && service.store.feed_head(*feed)?.0 >= *held;
        }
        if service.store.note_offered(device.no, settled)? {
            service.forget_recovery_phase();
            phase = service.recovery_phase()?;
        }
    }
    let missing = brought.map_or(&[][..], |brought| &brought.missing);
    let told: Vec<_> =
        missing.iter().filter(|one| reader.reach(one.area).reads(one.facet)).copied().collect();
    if !told.is_empty() && service.restore().is_some() {
        service.store.note_missing(device.no, &told, service.now())?;
    }
    Ok(phase)
}
