//! This file has a newtype for every id, number and position. Each is parsed once, at the edge.

use std::fmt;
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// The error for a text that is not an id of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a {what}: {text:?}")]
pub struct IdError {
    /// The kind of id expected.
    pub what: &'static str,
    /// The text given, cut to 64 characters.
    pub text: String,
}

impl IdError {
    fn new(what: &'static str, text: &str) -> Self {
        Self { what, text: text.chars().take(64).collect() }
    }
}

/// The id of one installation's log: 16 bytes. It is the Automerge actor of every change derived from that
/// log.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedId(pub [u8; 16]);

impl FeedId {
    /// The id of feed number `ordinal` of a device key: the key's first feed is 0, each fork starts the next.
    /// It is the first 16 bytes of SHA-256 over `gridledger/feed/v1`, the key and the ordinal (big-endian).
    pub fn of_key(public_key: &[u8; 32], ordinal: u32) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"gridledger/feed/v1");
        hash.update(public_key);
        hash.update(ordinal.to_be_bytes());
        Self(first_16(&hash.finalize()))
    }
}

/// The permanent id of a record: 16 bytes, derived from the entry that created it. It is shown as a UUID of
/// version 8 (RFC 9562, section 5.8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub [u8; 16]);

impl RecordId {
    /// The id of the record that entry `n` of `feed` creates. It is the first 16 bytes of SHA-256 over
    /// `gridledger/record/v1`, the feed and `n` (big-endian), with the UUID's version and variant bits set.
    pub fn created_by(feed: FeedId, n: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"gridledger/record/v1");
        hash.update(feed.0);
        hash.update(n.to_be_bytes());
        let mut id = first_16(&hash.finalize());
        id[6] = (id[6] & 0x0f) | 0x80;
        id[8] = (id[8] & 0x3f) | 0x80;
        Self(id)
    }
}

/// An area's short number. The server gives it when the area is made and never uses it again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AreaNo(pub u32);

/// A device's short number. The server gives it at enrolment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeviceNo(pub u32);

/// The generation of a server's store. A restored backup gets a new one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerEpoch(pub u64);

/// The hash of an entry, chained to the hash before it (`sync-core`'s `canonical::hash`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryHash(pub [u8; 32]);

impl EntryHash {
    /// The hash before a feed's first entry.
    pub const ZERO: Self = Self([0; 32]);
}

fn first_16(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(&bytes[..16]);
    out
}

/// Writes `bytes` as lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Reads a hex text of exactly `N` bytes; `None` for anything else.
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?.try_into().ok()
}

impl fmt::Display for FeedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for FeedId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        unhex(text).map(Self).ok_or_else(|| IdError::new("feed id", text))
    }
}

impl fmt::Display for EntryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let h = hex(&self.0);
        write!(f, "{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
    }
}

impl FromStr for RecordId {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let dashes = [8, 13, 18, 23];
        let well_formed = text.len() == 36 && dashes.iter().all(|&i| text.as_bytes()[i] == b'-');
        let digits: String = text.chars().filter(|&c| c != '-').collect();
        match unhex(&digits) {
            Some(id) if well_formed => Ok(Self(id)),
            _ => Err(IdError::new("record id", text)),
        }
    }
}

impl fmt::Display for AreaNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for DeviceNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! text_id {
    ($($id:ty),*) => {$(
        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
    )*};
}
text_id!(FeedId, RecordId, EntryHash);

impl<'de> Deserialize<'de> for RecordId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for FeedId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_id_reads_back_and_is_a_uuid_of_version_8() {
        let id = RecordId::created_by(FeedId([7; 16]), 3);
        let text = id.to_string();
        assert_eq!(text.parse::<RecordId>(), Ok(id));
        assert_eq!(&text[14..15], "8");
        assert!("89ab".contains(&text[19..20]));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for text in ["", "x", "0123456789abcdef0123456789abcdef0123", "你好你好你好你好你好你好"]
        {
            assert!(text.parse::<RecordId>().is_err(), "{text}");
            assert!(text.parse::<FeedId>().is_err(), "{text}");
        }
    }
}
