//! This file compresses with zstd and the schema's dictionary, and bounds what it inflates.

use std::io::{Read as _, Write as _};

use super::WireError;

/// The packing of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Not compressed.
    Plain,
    /// zstd.
    Zstd,
    /// zstd with the schema's dictionary.
    Dictionary,
}

impl Packing {
    /// The packing's number on the wire.
    pub fn number(self) -> u8 {
        match self {
            Self::Plain => 0,
            Self::Zstd => 1,
            Self::Dictionary => 2,
        }
    }

    /// The packing of a number.
    pub fn from_number(number: u8) -> Result<Self, WireError> {
        match number {
            0 => Ok(Self::Plain),
            1 => Ok(Self::Zstd),
            2 => Ok(Self::Dictionary),
            _ => Err(WireError::Malformed("packing")),
        }
    }
}

/// Largest window a compressed stream may ask for, as a power of two: 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;
/// A payload of up to this many bytes is compressed with the slowest level.
const SMALL_BYTES: usize = 1 << 20;

/// The zstd level that is worth its time for so many bytes.
pub fn level_for(bytes: usize) -> i32 {
    if bytes <= SMALL_BYTES { 19 } else { 9 }
}

/// Packs a whole payload in the shortest way. `dictionary` is given if both sides hold it.
pub fn pack(payload: &[u8], dictionary: Option<&[u8]>) -> (Packing, Vec<u8>) {
    let packing = if dictionary.is_some() { Packing::Dictionary } else { Packing::Zstd };
    let mut stream = Packer::new(packing, dictionary.unwrap_or_default(), level_for(payload.len()));
    stream.expect(payload.len());
    let mut packed = stream.push(payload);
    packed.extend(stream.finish());
    if packed.len() < payload.len() { (packing, packed) } else { (Packing::Plain, payload.to_vec()) }
}

/// Unpacks a whole payload of at most `limit` bytes.
pub fn unpack(
    packing: Packing,
    packed: &[u8],
    dictionary: &[u8],
    limit: usize,
) -> Result<Vec<u8>, WireError> {
    let mut decoder = match packing {
        Packing::Plain if packed.len() > limit => return Err(WireError::TooLarge("inflated bytes")),
        Packing::Plain => return Ok(packed.to_vec()),
        Packing::Zstd => zstd::stream::read::Decoder::with_buffer(packed),
        Packing::Dictionary => zstd::stream::read::Decoder::with_dictionary(packed, dictionary),
    }
    .map_err(|_| WireError::Malformed("zstd"))?;
    decoder.window_log_max(WINDOW_LOG_MAX).map_err(|_| WireError::Malformed("zstd"))?;
    let mut out = Vec::new();
    decoder.take(limit as u64 + 1).read_to_end(&mut out).map_err(|_| WireError::Malformed("zstd"))?;
    if out.len() > limit { Err(WireError::TooLarge("inflated bytes")) } else { Ok(out) }
}

/// Packs a stream piece by piece; each piece can be unpacked as soon as it has arrived.
pub struct Packer {
    zstd: Option<zstd::stream::write::Encoder<'static, Vec<u8>>>,
}

impl Packer {
    /// Begins a stream of this packing.
    pub fn new(packing: Packing, dictionary: &[u8], level: i32) -> Self {
        let zstd = match packing {
            Packing::Plain => None,
            Packing::Zstd => Some(zstd::stream::write::Encoder::new(Vec::new(), level)),
            Packing::Dictionary => {
                Some(zstd::stream::write::Encoder::with_dictionary(Vec::new(), level, dictionary))
            }
        };
        let mut zstd = zstd.map(|made| made.expect("BUG: zstd takes any dictionary and level"));
        if let Some(encoder) = &mut zstd {
            encoder
                .include_contentsize(false)
                .and_then(|()| encoder.include_dictid(false))
                .expect("BUG: zstd options");
        }
        Self { zstd }
    }

    /// Announces the number of bytes before the first piece. zstd then takes only the memory that they need:
    /// for a small payload one MiB instead of ninety.
    fn expect(&mut self, bytes: usize) {
        if let Some(encoder) = &mut self.zstd {
            let pledged = encoder.set_pledged_src_size(Some(bytes as u64));
            pledged.expect("BUG: nothing was written yet");
        }
    }

    /// Packs a piece and returns the bytes to send.
    pub fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        let Some(encoder) = &mut self.zstd else {
            return piece.to_vec();
        };
        encoder.write_all(piece).expect("BUG: writing to a Vec cannot fail");
        std::mem::take(encoder.get_mut())
    }

    /// Ends a piece. Everything pushed so far can be unpacked from the bytes returned until now.
    pub fn flush(&mut self) -> Vec<u8> {
        let Some(encoder) = &mut self.zstd else {
            return Vec::new();
        };
        encoder.flush().expect("BUG: writing to a Vec cannot fail");
        std::mem::take(encoder.get_mut())
    }

    /// Returns the stream's last bytes.
    pub fn finish(self) -> Vec<u8> {
        self.zstd.map(|e| e.finish().expect("BUG: writing to a Vec cannot fail")).unwrap_or_default()
    }
}

/// Unpacks a stream as it arrives.
pub struct Unpacker {
    zstd: Option<zstd::stream::write::Decoder<'static, Vec<u8>>>,
}

/// Bytes fed to the decoder at a time. Its output is checked before it can grow far.
const STEP: usize = 1 << 10;

impl Unpacker {
    /// Begins a stream of this packing.
    pub fn new(packing: Packing, dictionary: &[u8]) -> Result<Self, WireError> {
        let zstd = match packing {
            Packing::Plain => return Ok(Self { zstd: None }),
            Packing::Zstd => zstd::stream::write::Decoder::new(Vec::new()),
            Packing::Dictionary => zstd::stream::write::Decoder::with_dictionary(Vec::new(), dictionary),
        };
        let mut zstd = zstd.map_err(|_| WireError::Malformed("zstd"))?;
        zstd.window_log_max(WINDOW_LOG_MAX).map_err(|_| WireError::Malformed("zstd"))?;
        Ok(Self { zstd: Some(zstd) })
    }

    /// Unpacks the arrived bytes onto `out`, which never grows far beyond `limit`.
    pub fn push(&mut self, arrived: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<(), WireError> {
        let Some(decoder) = &mut self.zstd else {
            out.extend_from_slice(arrived);
            return if out.len() > limit { Err(WireError::TooLarge("frame bytes")) } else { Ok(()) };
        };
        for step in arrived.chunks(STEP) {
            decoder
                .write_all(step)
                .and_then(|()| decoder.flush())
                .map_err(|_| WireError::Malformed("zstd"))?;
            out.append(decoder.get_mut());
            if out.len() > limit {
                return Err(WireError::TooLarge("frame bytes"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_can_be_read_as_they_arrive() {
        let dictionary = b"household phone address".repeat(10);
        let mut packer = Packer::new(Packing::Dictionary, &dictionary, 9);
        let mut unpacker = Unpacker::new(Packing::Dictionary, &dictionary).unwrap();
        let mut out = Vec::new();
        for piece in [&b"household"[..], b"phone phone", b"address"] {
            let mut sent = packer.push(piece);
            sent.extend(packer.flush());
            let before = out.len();
            unpacker.push(&sent, &mut out, 1000).unwrap();
            assert_eq!(&out[before..], piece);
        }
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let (packing, bomb) = pack(&vec![0; 50 << 20], None);
        assert!(bomb.len() < 10_000);
        assert_eq!(unpack(packing, &bomb, &[], 1 << 20), Err(WireError::TooLarge("inflated bytes")));
    }
}
