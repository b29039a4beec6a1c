//! The opaque cursor of a ledger pull: the position up to which each area's log was read.
//!
//! It holds positions, never times, so a pull never skips a change. It belongs to one generation of the store: a restored
//! store has other rows at earlier positions.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use gridledger_schema::ids::{AreaNo, ServerEpoch};
use sha2::{Digest as _, Sha256};

/// The form's version, its first byte.
const VERSION: u8 = 2;
/// Bytes of the generation.
const EPOCH: usize = 8;
/// Bytes of the hash of the question.
const BINDING: usize = 8;
/// Characters of a cursor: about ten a grid.
const CURSOR_CHARS: usize = 1 << 20;

/// A text that is no cursor of this question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// It is not of our making.
    #[error("not a cursor of this server")]
    Malformed,
    /// It belongs to a pull with another type, area or filter.
    #[error("a cursor of another question: type, area and filters must stay the same")]
    OtherQuestion,
    /// It is of before the store was restored.
    #[error("the server was restored: pull from the beginning, in the place of what you have")]
    OtherGeneration,
}

/// The position up to which each area was read. An absent area was not read at all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// Area to log position.
    pub positions: BTreeMap<AreaNo, u64>,
}

/// Hashes the parts of a question; a cursor is bound to the hash.
pub fn binding<'a>(parts: impl IntoIterator<Item = &'a str>) -> [u8; BINDING] {
    let mut hash = Sha256::new();
    hash.update(b"gridledger/ledger-cursor/v1");
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut out = [0; BINDING];
    out.copy_from_slice(&hash.finalize()[..BINDING]);
    out
}

impl Cursor {
    /// The cursor as a text, bound to a question and to a generation of the store.
    pub fn encode(&self, epoch: ServerEpoch, binding: [u8; BINDING]) -> String {
        let mut out = vec![VERSION];
        out.extend(epoch.0.to_be_bytes());
        out.extend(binding);
        let mut before = 0;
        for (area, position) in self.positions.iter().filter(|(_, position)| **position > 0) {
            write_varint(&mut out, u64::from(area.0) - before);
            write_varint(&mut out, *position);
            before = u64::from(area.0);
        }
        BASE64URL_NOPAD.encode(&out)
    }

    /// Reads a cursor of the same question and generation.
    pub fn decode(text: &str, epoch: ServerEpoch, binding: [u8; BINDING]) -> Result<Self, CursorError> {
        if text.len() > CURSOR_CHARS {
            return Err(CursorError::Malformed);
        }
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| CursorError::Malformed)?;
        let (head, mut rest) = bytes.split_at_checked(1 + EPOCH + BINDING).ok_or(CursorError::Malformed)?;
        if head[0] != VERSION {
            return Err(CursorError::Malformed);
        }
        if head[1 + EPOCH..] != binding {
            return Err(CursorError::OtherQuestion);
        }
        if head[1..=EPOCH] != epoch.0.to_be_bytes() {
            return Err(CursorError::OtherGeneration);
        }
        let (mut positions, mut area) = (BTreeMap::new(), 0u64);
        while !rest.is_empty() {
            let delta = read_varint(&mut rest).ok_or(CursorError::Malformed)?;
            let position = read_varint(&mut rest).ok_or(CursorError::Malformed)?;
            area = area.checked_add(delta).ok_or(CursorError::Malformed)?;
            let no = AreaNo(u32::try_from(area).map_err(|_| CursorError::Malformed)?);
            if position > i64::MAX as u64 || positions.insert(no, position).is_some() {
                return Err(CursorError::Malformed);
            }
        }
        Ok(Self { positions })
    }
}

/// Seven bits a byte, the lowest first.
fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: ServerEpoch = ServerEpoch(7);

    #[test]
    fn a_cursor_reads_back() {
        let bound = binding(["ticket", "G1"]);
        for positions in [
            vec![],
            vec![(0, 1)],
            vec![(1, 1), (2, 127), (3, 128), (70_000, u64::from(u32::MAX))],
            vec![(u32::MAX, i64::MAX as u64)],
        ] {
            let positions = positions.into_iter().map(|(a, p)| (AreaNo(a), p)).collect();
            let cursor = Cursor { positions };
            assert_eq!(Cursor::decode(&cursor.encode(NOW, bound), NOW, bound), Ok(cursor));
        }
    }

    #[test]
    fn a_cursor_of_another_question_or_generation_is_refused() {
        let bound = binding(["ticket", "G1"]);
        let cursor = Cursor::default().encode(NOW, bound);
        assert_eq!(Cursor::decode(&cursor, NOW, binding(["ticketG", "1"])), Err(CursorError::OtherQuestion));
        let restored = Cursor::decode(&cursor, ServerEpoch(8), bound);
        assert_eq!(restored, Err(CursorError::OtherGeneration));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let bound = binding([]);
        let of = |tail: &[u8]| {
            let epoch = NOW.0.to_be_bytes();
            BASE64URL_NOPAD.encode(&[&[VERSION][..], &epoch, &bound, tail].concat())
        };
        for text in [
            String::new(),
            "!".into(),
            "AAAA".into(),
            of(&[1]),
            of(&[0x80]),
            of(&[1, 1, 0, 2]),
            of(&[0xff; 20]),
            "A".repeat(CURSOR_CHARS + 1),
        ] {
            assert_eq!(Cursor::decode(&text, NOW, bound), Err(CursorError::Malformed), "{text:.20}");
        }
    }
}
