//! A receipt is the server's signed statement how far a feed is decided. This file signs it, checks it, and
//! finds what it proves.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use ed25519_dalek::{SigningKey, VerifyingKey};
use gridledger_schema::ids::ServerEpoch;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{GrantSet, Receipt};
use sha2::{Digest as _, Sha256};

use crate::suite::{self, Kind};

/// The suite and the kind under which a receipt is signed.
fn signature_form(receipt: &Receipt) -> (Suite, Kind) {
    receipt.suite.map_or((Suite::Ed25519Sha256, Kind::Receipt), |suite| (suite, Kind::Verdicts))
}

/// The bytes that are signed: u64 generation, feed, u64 first, u64 n, hash, then for each refusal u64 number
/// and code, ended by a zero byte. The number of refusals (u32) stands before them, except in the form of
/// protocol 1.
fn signed_bytes(epoch: ServerEpoch, receipt: &Receipt) -> Vec<u8> {
    let mut out = epoch.0.to_be_bytes().to_vec();
    out.extend(receipt.feed.0);
    out.extend(receipt.first.to_be_bytes());
    out.extend(receipt.n.to_be_bytes());
    out.extend(receipt.hash.0);
    if receipt.suite.is_some() {
        out.extend((receipt.refused.len() as u32).to_be_bytes());
    }
    for (n, refusal) in &receipt.refused {
        out.extend(n.to_be_bytes());
        out.extend(refusal.code.as_str().as_bytes());
        out.push(0);
    }
    out
}

/// Signs a receipt in the form that its suite names.
pub fn sign(key: &SigningKey, epoch: ServerEpoch, receipt: &mut Receipt) {
    let (suite, kind) = signature_form(receipt);
    receipt.signature = suite::sign(suite, key, kind, &[&signed_bytes(epoch, receipt)]);
}

/// Whether the server signed the receipt.
pub fn verify(key: &VerifyingKey, epoch: ServerEpoch, receipt: &Receipt) -> bool {
    let (suite, kind) = signature_form(receipt);
    suite::verify(suite, key, kind, &[&signed_bytes(epoch, receipt)], &receipt.signature)
}

/// The entries whose verdict a receipt proves, once its signature holds and its hash is that of entry `n` in
/// the chain at hand. `emptied` are the erased entries of that chain, whose hashes are only claimed. The
/// receipt's hash does not bind the entries up to the last of them. A receipt in the form of protocol 1
/// proves its last entry alone.
pub fn proven(receipt: &Receipt, emptied: &BTreeSet<u64>) -> RangeInclusive<u64> {
    let first = match receipt.suite {
        Some(_) => receipt.first,
        None => receipt.n,
    };
    let gap = emptied.range(..=receipt.n).next_back();
    let first = gap.map_or(first, |gap| first.max(gap + 1));
    first.max(1)..=receipt.n
}

/// The fingerprint of a user's rights: the first 4 bytes of their SHA-256. Rights travel only when the
/// phone's fingerprint differs.
pub fn grants_fingerprint(set: &GrantSet) -> [u8; 4] {
    let mut hash = Sha256::new();
    for grant in &set.grants {
        hash.update(grant.role.as_bytes());
        hash.update([0]);
        hash.update(grant.area.0.to_be_bytes());
        hash.update(grant.from.to_be_bytes());
        hash.update(grant.to.unwrap_or(i64::MAX).to_be_bytes());
    }
    hash.update(set.territory.to_be_bytes());
    let bytes = hash.finalize();
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}

#[cfg(test)]
mod tests {
    use gridledger_schema::code::{Code, Refusal};
    use gridledger_schema::ids::{EntryHash, FeedId};

    use super::*;

    fn receipt(suite: Option<Suite>) -> Receipt {
        Receipt {
            suite,
            feed: FeedId([1; 16]),
            first: 2,
            n: 9,
            hash: EntryHash([3; 32]),
            refused: vec![(4, Refusal::new(Code::RoleNotHeld, "a rule"))],
            stopped: None,
            signature: [0; 64],
        }
    }

    fn numbers(suite: Option<Suite>, emptied: &[u64]) -> Vec<u64> {
        proven(&receipt(suite), &emptied.iter().copied().collect()).collect()
    }

    #[test]
    fn a_receipt_proves_what_follows_the_last_emptied_entry() {
        let suite = Some(Suite::Ed25519Sha256);
        assert_eq!(numbers(suite, &[]), [2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(numbers(suite, &[1, 5, 12]), [6, 7, 8, 9]);
        assert_eq!(numbers(suite, &[9]), [0; 0]);
        assert_eq!(numbers(None, &[]), [9]);
        assert_eq!(numbers(None, &[9]), [0; 0]);
    }

    #[test]
    fn a_receipt_of_one_form_is_none_of_the_other_and_hides_no_refusal() {
        let key = SigningKey::from_bytes(&[7; 32]);
        for suite in [None, Some(Suite::Ed25519Sha256)] {
            let mut good = receipt(suite);
            sign(&key, ServerEpoch(5), &mut good);
            let holds = |receipt: &Receipt| verify(&key.verifying_key(), ServerEpoch(5), receipt);
            assert!(holds(&good));
            let other = if suite.is_none() { Some(Suite::Ed25519Sha256) } else { None };
            assert!(!holds(&Receipt { suite: other, ..good.clone() }));
            assert!(!holds(&Receipt { refused: Vec::new(), ..good.clone() }));
            assert!(!holds(&Receipt { first: 1, ..good.clone() }));
            assert!(!verify(&key.verifying_key(), ServerEpoch(6), &good));
        }
    }
}
