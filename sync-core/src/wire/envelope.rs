//! The signed envelope of a request, and the head of an answer.

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use gridledger_schema::ids::DeviceNo;
use gridledger_schema::wire::PROTOCOL;
use minicbor::{Decoder, Encoder};
use sha2::{Digest as _, Sha256};

use super::WireError;
use super::squeeze::Packing;

/// A request as it arrived: who says it is from whom, and the packed payload.
#[derive(Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// The device that sends it; 0 while it has no number.
    pub device: DeviceNo,
    /// Higher than any the device used before.
    pub counter: u64,
    /// How the payload is packed.
    pub packing: Packing,
    /// The first 8 bytes of the schema set's SHA-256: which dictionary.
    pub schema: [u8; 8],
    /// The packed request.
    pub payload: &'a [u8],
    signed: &'a [u8],
    signature: [u8; 64],
}

fn message(signed: &[u8]) -> Vec<u8> {
    [&b"gridledger/sync/v1"[..], &Sha256::digest(signed)].concat()
}

/// Seals a payload: everything in the envelope is under the device's signature.
pub fn seal(
    key: &SigningKey,
    device: DeviceNo,
    counter: u64,
    packing: Packing,
    schema: [u8; 8],
    payload: &[u8],
) -> Vec<u8> {
    let mut e = Encoder::new(Vec::with_capacity(payload.len() + 100));
    e.array(7)
        .and_then(|e| {
            e.u8(PROTOCOL)?
                .u8(packing.number())?
                .u32(device.0)?
                .u64(counter)?
                .bytes(&schema)?
                .bytes(payload)
        })
        .expect("BUG: writing to a Vec cannot fail");
    let mut out = e.into_writer();
    let signature = key.sign(&message(&out));
    Encoder::new(&mut out)
        .bytes(&signature.to_bytes())
        .expect("BUG: writing to a Vec cannot fail");
    out
}

impl<'a> Envelope<'a> {
    /// Opens an envelope. Nothing is believed before [`verify`](Self::verify).
    pub fn open(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut d = Decoder::new(bytes);
        if d.array()? != Some(7) {
            return Err(WireError::Malformed("envelope"));
        }
        let version = d.u8()?;
        if version != PROTOCOL {
            return Err(WireError::Version(version));
        }
        let packing = Packing::from_number(d.u8()?)?;
        let (device, counter) = (DeviceNo(d.u32()?), d.u64()?);
        let schema = d
            .bytes()?
            .try_into()
            .map_err(|_| WireError::Malformed("schema fingerprint"))?;
        let payload = d.bytes()?;
        let signed = &bytes[..d.position()];
        let signature = d
            .bytes()?
            .try_into()
            .map_err(|_| WireError::Malformed("signature"))?;
        if d.position() != bytes.len() {
            return Err(WireError::Malformed("envelope"));
        }
        Ok(Self {
            device,
            counter,
            packing,
            schema,
            payload,
            signed,
            signature,
        })
    }

    /// Whether the holder of `key` sealed it.
    pub fn verify(&self, key: &VerifyingKey) -> bool {
        key.verify_strict(&message(self.signed), &Signature::from_bytes(&self.signature))
            .is_ok()
    }
}

/// The first two bytes of an answer: the protocol's version and how the frames are packed.
pub fn answer_head(packing: Packing) -> [u8; 2] {
    [PROTOCOL, packing.number()]
}

/// Reads the first two bytes of an answer.
pub fn read_answer_head(head: [u8; 2]) -> Result<Packing, WireError> {
    if head[0] == PROTOCOL {
        Packing::from_number(head[1])
    } else {
        Err(WireError::Version(head[0]))
    }
}
