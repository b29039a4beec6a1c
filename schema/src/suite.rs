//! This file numbers the algorithm suites. The number names the signature, hash, cipher and key wrap of some
//! bytes.
//!
//! The number travels in envelopes, segments, receipts, notices and the welcome. It is kept with devices,
//! feeds, receipts and the phone's key file. Bytes of one suite mean nothing in another: the number is part
//! of the bytes that are hashed and signed.

/// A suite of algorithms. A number is never used again for another suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[repr(u8)]
pub enum Suite {
    /// Number 1. Signatures: Ed25519 (RFC 8032, verified strictly). Hashes: SHA-256 (FIPS 180-4). Ciphers of values:
    /// ChaCha20-Poly1305 (RFC 8439). Key wrap: ChaCha20-Poly1305 under HKDF-SHA-256 (RFC 5869) or Argon2id (RFC 9106).
    #[default]
    Ed25519Sha256 = 1,
}

impl Suite {
    /// Every suite that this version runs.
    pub const ALL: &'static [Self] = &[Self::Ed25519Sha256];

    /// Finds the suite of a number; `None` for a suite that this version does not run.
    pub fn of_number(number: u64) -> Option<Self> {
        Self::ALL.iter().copied().find(|suite| u64::from(suite.number()) == number)
    }

    /// The suite's number, from 1.
    pub fn number(self) -> u8 {
        self as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_reads_back_and_an_unknown_number_is_none() {
        for suite in Suite::ALL {
            assert_eq!(Suite::of_number(suite.number().into()), Some(*suite));
        }
        for number in [0, 2, 255, 257, u64::MAX] {
            assert_eq!(Suite::of_number(number), None, "{number}");
        }
    }
}
