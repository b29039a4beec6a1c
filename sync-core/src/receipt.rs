//! Receipts: the server's signed word on how far a feed is decided, and what a phone checks of it.

use ed25519_dalek::{Signature, VerifyingKey};
use gridledger_schema::ids::ServerEpoch;
use gridledger_schema::wire::{GrantSet, Receipt};
use sha2::{Digest as _, Sha256};

/// What a receipt's signature is over: generation, feed, first, number, hash, and the numbers and codes of what was refused.
pub fn message(epoch: ServerEpoch, receipt: &Receipt) -> Vec<u8> {
    let mut out = b"gridledger/receipt/v1".to_vec();
    out.extend(epoch.0.to_be_bytes());
    out.extend(receipt.feed.0);
    out.extend(receipt.first.to_be_bytes());
    out.extend(receipt.n.to_be_bytes());
    out.extend(receipt.hash.0);
    for (n, refusal) in &receipt.refused {
        out.extend(n.to_be_bytes());
        out.extend(refusal.code.as_str().as_bytes());
        out.push(0);
    }
    out
}

/// Whether the receipt is the server's.
pub fn verify(key: &VerifyingKey, epoch: ServerEpoch, receipt: &Receipt) -> bool {
    key.verify_strict(
        &message(epoch, receipt),
        &Signature::from_bytes(&receipt.signature),
    )
    .is_ok()
}

/// First 4 bytes of the SHA-256 of a user's rights: rights travel only when the phone's are others.
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
