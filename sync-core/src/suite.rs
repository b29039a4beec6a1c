//! This file computes the hash and the signature of a suite. No other code computes a hash or a signature
//! that travels.
//!
//! All input begins with the text `gridledger/KIND/vNUMBER`, where NUMBER is the suite's. Bytes of one kind
//! or suite never pass for those of another.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use gridledger_schema::suite::Suite;
use sha2::{Digest as _, Sha256};

/// The kind of bytes that are hashed or signed. Its name is part of the domain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An entry, chained to the one before.
    Entry,
    /// A stretch of a feed.
    Segment,
    /// A request of protocol 1.
    Sync,
    /// A request.
    Request,
    /// A receipt of protocol 1.
    Receipt,
    /// A receipt.
    Verdicts,
    /// A restored server's notice, of protocol 1.
    Restored,
    /// A restored server's notice.
    Notice,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Segment => "segment",
            Self::Sync => "sync",
            Self::Request => "request",
            Self::Receipt => "receipt",
            Self::Verdicts => "verdicts",
            Self::Restored => "restored",
            Self::Notice => "notice",
        }
    }
}

fn domain_text(suite: Suite, kind: Kind) -> String {
    format!("gridledger/{}/v{}", kind.name(), suite.number())
}

/// Hashes parts, one after another: 32 bytes.
pub fn digest(suite: Suite, kind: Kind, parts: &[&[u8]]) -> [u8; 32] {
    match suite {
        Suite::Ed25519Sha256 => {
            let mut hash = Sha256::new();
            hash.update(domain_text(suite, kind));
            for part in parts {
                hash.update(part);
            }
            hash.finalize().into()
        }
    }
}

fn join_message(suite: Suite, kind: Kind, parts: &[&[u8]]) -> Vec<u8> {
    let mut message = domain_text(suite, kind).into_bytes();
    for part in parts {
        message.extend_from_slice(part);
    }
    message
}

/// Signs parts, one after another: 64 bytes.
pub fn sign(suite: Suite, key: &SigningKey, kind: Kind, parts: &[&[u8]]) -> [u8; 64] {
    match suite {
        Suite::Ed25519Sha256 => key.sign(&join_message(suite, kind, parts)).to_bytes(),
    }
}

/// Whether the holder of `key` signed the parts. The check is strict: no malleable signature, no key of small
/// order.
pub fn verify(suite: Suite, key: &VerifyingKey, kind: Kind, parts: &[&[u8]], signature: &[u8; 64]) -> bool {
    match suite {
        Suite::Ed25519Sha256 => {
            key.verify_strict(&join_message(suite, kind, parts), &Signature::from_bytes(signature)).is_ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUITE: Suite = Suite::Ed25519Sha256;

    #[test]
    fn what_is_signed_of_one_kind_is_nothing_of_another() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let kinds = [
            Kind::Entry,
            Kind::Segment,
            Kind::Sync,
            Kind::Request,
            Kind::Receipt,
            Kind::Verdicts,
            Kind::Restored,
            Kind::Notice,
        ];
        for signed in kinds {
            let signature = sign(SUITE, &key, signed, &[b"part"]);
            for read in kinds {
                let good = verify(SUITE, &key.verifying_key(), read, &[b"part"], &signature);
                assert_eq!(good, signed == read, "{signed:?} as {read:?}");
            }
        }
    }

    #[test]
    fn the_first_suite_hashes_as_it_always_did() {
        let mut hash = Sha256::new();
        hash.update(b"gridledger/entry/v1before and body");
        let expected: [u8; 32] = hash.finalize().into();
        assert_eq!(digest(SUITE, Kind::Entry, &[b"before and", b" body"]), expected);
    }
}
