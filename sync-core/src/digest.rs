//! The digest of an area's facet is an order-free sum over its documents. It is kept up to date by difference.
//!
//! A digest is a sum modulo 2^128 over the terms of the facet's documents. Two stores with the same digests hold
//! the same documents. The digest guards against faults, not against somebody who invents heads.

use std::collections::BTreeMap;

use gridledger_schema::ids::RecordId;
use sha2::{Digest as _, Sha256};

/// The digests of an area: (facet, digest), each facet once.
pub type Digests = Vec<(u8, u128)>;

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

/// The change of a digest when a document's term changes. A document that is not there has term 0.
pub fn change(before: u128, after: u128) -> u128 {
    after.wrapping_sub(before)
}

/// Applies a change (or adds a term) to a digest.
pub fn sum(digest: u128, change: u128) -> u128 {
    digest.wrapping_add(change)
}

/// Applies a change (or adds a term) to the digest of a facet. A facet that is not there has digest 0.
pub fn add(digests: &mut Digests, facet: u8, change: u128) {
    match digests.iter_mut().find(|(of, _)| *of == facet) {
        Some((_, digest)) => *digest = sum(*digest, change),
        None => digests.push((facet, change)),
    }
}

/// Lists the facets whose digests differ, in rising order. A facet that is not there has digest 0.
pub fn list_differing(left: &[(u8, u128)], right: &[(u8, u128)]) -> Vec<u8> {
    let mut differences = BTreeMap::new();
    for (facet, digest) in left {
        *differences.entry(*facet).or_default() = *digest;
    }
    for (facet, digest) in right {
        let difference: &mut u128 = differences.entry(*facet).or_default();
        *difference = change(*digest, *difference);
    }
    differences.into_iter().filter(|(_, difference)| *difference != 0).map(|(facet, _)| facet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_sum_of_its_documents_in_any_order() {
        let one = term(RecordId([1; 16]), 0, 0, &[[1; 32]]);
        let two = term(RecordId([2; 16]), 0, 3, &[[1; 32], [2; 32]]);
        assert_eq!(term(RecordId([1; 16]), 0, 0, &[]), 0);
        let (mut digests, mut other) = (Digests::new(), Digests::new());
        for term in [one, two] {
            add(&mut digests, 0, term);
        }
        for term in [two, one] {
            add(&mut other, 0, term);
        }
        assert_eq!(digests, other);
        add(&mut digests, 0, change(two, 0));
        assert_eq!(digests, [(0, one)]);
        add(&mut digests, 2, two);
        assert_eq!(list_differing(&digests, &other), [0, 2]);
        assert_eq!(list_differing(&[(1, 0)], &[]), [0; 0]);
    }
}
