//! This file holds the signed envelope of a request, and the head of an answer.

use ed25519_dalek::{SigningKey, VerifyingKey};
use gridledger_schema::ids::DeviceNo;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{OLDEST_PROTOCOL, PROTOCOL};
use minicbor::{Decoder, Encoder};
use sha2::{Digest as _, Sha256};

use super::WireError;
use super::squeeze::Packing;
use crate::suite::{self, Kind};

/// A request as it arrived: the claimed sender, and the packed payload.
#[derive(Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The protocol's version. The answer has the same.
    pub version: u8,
    /// The suite that sealed it.
    pub suite: Suite,
    /// The sending device; 0 while it has no number.
    pub device: DeviceNo,
    /// The device's request counter: higher than any before.
    pub counter: u64,
    /// The packing of the payload.
    pub packing: Packing,
    /// The first 8 bytes of the schema set's SHA-256, which name the dictionary.
    pub schema: [u8; 8],
    /// The packed request.
    pub payload: &'a [u8],
    signed: &'a [u8],
    signature: [u8; 64],
}

/// The device that an envelope names as its sender, read from the envelope's first bytes; `None` if they do
/// not hold it.
pub fn device_of(begins: &[u8]) -> Option<DeviceNo> {
    let mut d = Decoder::new(begins);
    d.array().ok()?;
    if d.u8().ok()? != OLDEST_PROTOCOL {
        d.u64().ok()?;
    }
    d.u8().ok()?;
    d.u32().ok().map(DeviceNo)
}

/// The kind under which an envelope of a version is signed.
fn signature_kind(version: u8) -> Kind {
    if version == OLDEST_PROTOCOL { Kind::Sync } else { Kind::Request }
}

/// The hash of the envelope's bytes that is signed.
fn hash_signed(suite: Suite, version: u8, bytes: &[u8]) -> [u8; 32] {
    if version == OLDEST_PROTOCOL {
        Sha256::digest(bytes).into()
    } else {
        suite::digest(suite, signature_kind(version), &[bytes])
    }
}

/// The head of an envelope: everything beside its payload.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The protocol's version.
    pub version: u8,
    /// The suite of the device's key.
    pub suite: Suite,
    /// The sending device; 0 while it has no number.
    pub device: DeviceNo,
    /// The device's request counter: higher than any before.
    pub counter: u64,
    /// The packing of the payload.
    pub packing: Packing,
    /// The first 8 bytes of the schema set's SHA-256.
    pub schema: [u8; 8],
}

/// Seals a payload. The device's signature covers everything in the envelope.
pub fn seal(
    suite: Suite,
    key: &SigningKey,
    device: DeviceNo,
    counter: u64,
    packing: Packing,
    schema: [u8; 8],
    payload: &[u8],
) -> Vec<u8> {
    let head = Head { version: PROTOCOL, suite, device, counter, packing, schema };
    seal_as(key, &head, payload)
}

/// Seals a payload under a head, of any version.
pub fn seal_as(key: &SigningKey, head: &Head, payload: &[u8]) -> Vec<u8> {
    let Head { version, suite, .. } = *head;
    let mut e = Encoder::new(Vec::with_capacity(payload.len() + 100));
    let begun = if version == OLDEST_PROTOCOL {
        e.array(7).and_then(|e| e.u8(version))
    } else {
        e.array(8).and_then(|e| e.u8(version)?.u8(suite.number()))
    };
    begun
        .and_then(|e| {
            e.u8(head.packing.number())?
                .u32(head.device.0)?
                .u64(head.counter)?
                .bytes(&head.schema)?
                .bytes(payload)
        })
        .expect("BUG: writing to a Vec cannot fail");
    let mut out = e.into_writer();
    let signature = suite::sign(suite, key, signature_kind(version), &[&hash_signed(suite, version, &out)]);
    Encoder::new(&mut out).bytes(&signature).expect("BUG: writing to a Vec cannot fail");
    out
}

impl<'a> Envelope<'a> {
    /// Opens an envelope. Its content is unproven before [`verify`](Self::verify).
    pub fn open(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut d = Decoder::new(bytes);
        let length = d.array()?;
        let version = d.u8()?;
        let suite = match (version, length) {
            (OLDEST_PROTOCOL, Some(7)) => Suite::default(),
            (PROTOCOL, Some(8)) => super::find_suite(d.u64()?)?,
            (OLDEST_PROTOCOL | PROTOCOL, _) => return Err(WireError::Malformed("envelope")),
            _ => return Err(WireError::Version(version)),
        };
        let packing = Packing::from_number(d.u8()?)?;
        let (device, counter) = (DeviceNo(d.u32()?), d.u64()?);
        let schema = d.bytes()?.try_into().map_err(|_| WireError::Malformed("schema fingerprint"))?;
        let payload = d.bytes()?;
        let signed = &bytes[..d.position()];
        let signature = d.bytes()?.try_into().map_err(|_| WireError::Malformed("signature"))?;
        if d.position() != bytes.len() {
            return Err(WireError::Malformed("envelope"));
        }
        Ok(Self { version, suite, device, counter, packing, schema, payload, signed, signature })
    }

    /// Whether the holder of `key` sealed it.
    pub fn verify(&self, key: &VerifyingKey) -> bool {
        let hashed = hash_signed(self.suite, self.version, self.signed);
        suite::verify(self.suite, key, signature_kind(self.version), &[&hashed], &self.signature)
    }
}

/// Makes the first two bytes of an answer: the version of the request, and the packing of the frames.
pub fn answer_head(version: u8, packing: Packing) -> [u8; 2] {
    [version, packing.number()]
}

/// Reads the first two bytes of an answer.
pub fn read_answer_head(head: [u8; 2]) -> Result<Packing, WireError> {
    if (OLDEST_PROTOCOL..=PROTOCOL).contains(&head[0]) {
        Packing::from_number(head[1])
    } else {
        Err(WireError::Version(head[0]))
    }
}
