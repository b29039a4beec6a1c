//! A feed: its numbers, its chain of hashes, its signatures.

use ed25519_dalek::VerifyingKey;
use gridledger_core::canonical;
use gridledger_schema::ids::{EntryHash, FeedId};
use gridledger_schema::suite::Suite;

use super::{Kind, VerifyReport};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::audit::{FeedHead, KeptEntry};

/// Entries read at once.
const BATCH: usize = 5_000;

pub(crate) fn check(service: &Service, head: &FeedHead, report: &mut VerifyReport) -> Result<(), StoreError> {
    let feed = head.row.feed;
    report.feeds += 1;
    if FeedId::of_key(&head.row.public_key, head.row.ordinal) != feed {
        report.note(Kind::Signature, feed, "the key is not this feed's");
    }
    let signatures = service.store.signatures(feed);
    let mut signatures = report.take(feed, signatures)?.unwrap_or_default().into_iter().peekable();
    let key = VerifyingKey::from_bytes(&head.row.public_key).ok();
    let key = key.as_ref().map(|key| (head.row.suite, key));
    let (mut n, mut hash, mut signed) = (0, EntryHash::ZERO, 0);
    loop {
        let batch = service.store.kept_entries(feed, n, BATCH);
        let Some(batch) = report.take(feed, batch)? else {
            return Ok(());
        };
        let count = batch.len();
        for entry in batch {
            hash = if entry.body.is_empty() {
                follow_erased(service, head, &entry, report)?
            } else {
                follow(head, n, hash, &entry, report)
            };
            n = entry.n;
            report.entries += 1;
            while let Some((at, signature)) = signatures.next_if(|(at, _)| *at <= n) {
                let good = at == n && is_signed(key, feed, n, hash, &signature);
                if good {
                    signed = n;
                } else {
                    report.note(
                        Kind::Signature,
                        format!("{feed}.{at}"),
                        "not the author's signature over the chain up to here",
                    );
                }
            }
        }
        if count < BATCH {
            break;
        }
    }
    for (at, _) in signatures {
        report.note(Kind::Signature, format!("{feed}.{at}"), "a signature behind the last entry");
    }
    if (n, hash) != (head.n, head.hash) {
        let what = format!("the chain ends at {n}, the feed says {}", head.n);
        report.note(Kind::Chain, feed, what);
    }
    let halted = service.store.halted(feed);
    if signed < n && report.take(feed, halted)?.flatten() == Some(n) {
        report.halted += 1;
    } else if signed < n {
        report.note(Kind::Signature, feed, format!("no signature covers entries {} to {n}", signed + 1));
    }
    Ok(())
}

/// Checks one entry against the one before it; the hash it should have.
fn follow(
    head: &FeedHead,
    before: u64,
    hash: EntryHash,
    kept: &KeptEntry,
    report: &mut VerifyReport,
) -> EntryHash {
    let feed = head.row.feed;
    let of = format!("{feed}.{}", kept.n);
    if kept.n != before + 1 {
        report.note(Kind::Chain, &of, format!("entry {} is missing", before + 1));
    }
    let hash = canonical::hash(head.row.suite, hash, &kept.body);
    if hash.0[..] != kept.hash[..] {
        report.note(Kind::Chain, &of, "the hash is not that of the entry and the one before");
    }
    match canonical::decode(&kept.body) {
        Err(_) => report.note(Kind::Unreadable, &of, "not an entry in canonical form"),
        Ok(entry) if entry.n != kept.n || entry.record(feed) != kept.record => {
            report.note(Kind::Chain, &of, "kept under another number or record");
        }
        Ok(_) => {}
    }
    hash
}

/// An entry whose bytes are gone: its hash is believed, and signed for by a later signature; something must say that it
/// held what was erased.
fn follow_erased(
    service: &Service,
    head: &FeedHead,
    kept: &KeptEntry,
    report: &mut VerifyReport,
) -> Result<EntryHash, StoreError> {
    let of = format!("{}.{}", head.row.feed, kept.n);
    // A phone brought it back without what was erased since the backup.
    let brought_back = kept.refused && service.restore().is_some();
    let gone = kept.refused && (kept.ended || kept.unkept);
    let erasures = service.store.erasures(Some(kept.record));
    if report.take(&of, erasures)?.is_some_and(|rows| rows.is_empty()) && !brought_back && !gone {
        report.note(Kind::Erased, &of, "its bytes are gone, and nothing was erased");
    }
    let hash = kept.hash.clone().try_into();
    Ok(hash.map_or(EntryHash::ZERO, EntryHash))
}

fn is_signed(
    key: Option<(Suite, &VerifyingKey)>,
    feed: FeedId,
    n: u64,
    hash: EntryHash,
    signature: &[u8],
) -> bool {
    let Ok(signature) = <[u8; 64]>::try_from(signature) else {
        return false;
    };
    key.is_some_and(|(suite, key)| canonical::verify_segment(suite, key, feed, n, hash, &signature))
}
