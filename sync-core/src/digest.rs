//! The area digest is an order-free sum over an area's documents. It is kept up to date by difference.

use gridledger_schema::ids::RecordId;
use sha2::{Digest as _, Sha256};

/// A sum modulo 2^128 over (record, facet, epoch, heads). Two stores with the same sum hold the same
/// documents. It guards against faults, not against somebody who invents heads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AreaDigest(pub u128);

impl AreaDigest {
    /// Adds a document with these (sorted) heads.
    pub fn add(&mut self, record: RecordId, facet: u8, epoch: u32, heads: &[[u8; 32]]) {
        self.0 = self.0.wrapping_add(term(record, facet, epoch, heads));
    }

    /// Removes a document with these heads.
    pub fn remove(&mut self, record: RecordId, facet: u8, epoch: u32, heads: &[[u8; 32]]) {
        self.0 = self.0.wrapping_sub(term(record, facet, epoch, heads));
    }

    /// The digest's 16 bytes, big-endian.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// Makes a digest from its bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

/// The term that one document adds to its area's digest: the first 16 bytes (big-endian) of SHA-256 over the
/// domain text `gridledger/digest/v1`, record, facet, epoch and sorted heads; 0 for an empty document. It is
/// stored beside the document, so that it can be subtracted again.
pub fn term(record: RecordId, facet: u8, epoch: u32, heads: &[[u8; 32]]) -> u128 {
    if heads.is_empty() {
        return 0;
    }
    let mut hash = Sha256::new();
    hash.update(b"gridledger/digest/v1");
    hash.update(record.0);
    hash.update([facet]);
    hash.update(epoch.to_be_bytes());
    for head in heads {
        hash.update(head);
    }
    let bytes = hash.finalize();
    u128::from_be_bytes(bytes[..16].try_into().expect("BUG: SHA-256 has 32 bytes"))
}
