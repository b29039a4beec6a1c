//! This file writes and reads a request's unmasked reads and questions to supervisors, and the times of
//! decided entries. Reads and questions are rare: a null stands for none.

use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::{Ask, Read, Times};
use minicbor::Decoder;

use super::parts::{Out, Written, read_length, read_optional, read_texts, to_array};
use super::{WireError, check_each_once};

pub(super) fn write_reads(e: &mut Out<'_>, reads: &[Read]) -> Written {
    let Some(first) = reads.first() else {
        e.null()?;
        return Ok(());
    };
    e.array(reads.len() as u64 + 1)?.u64(first.n)?;
    for read in reads {
        e.array(4)?.i64(read.at)?.bytes(&read.record.0)?;
        e.array(read.fields.len() as u64)?;
        read.fields.iter().try_for_each(|field| e.str(field).map(|_| ()))?;
        e.str(&read.reason)?;
    }
    Ok(())
}

pub(super) fn read_reads(d: &mut Decoder<'_>) -> Result<Vec<Read>, WireError> {
    let reads = read_optional(d, |d| {
        // The array begins with the first read's number.
        let count = read_count(d, 1)?;
        let first = d.u64()?;
        if first == 0 || first.checked_add(count as u64).is_none() {
            return Err(WireError::Malformed("read number"));
        }
        (first..).take(count).map(|n| read_read(d, n)).collect()
    })?;
    Ok(reads.unwrap_or_default())
}

fn read_read(d: &mut Decoder<'_>, n: u64) -> Result<Read, WireError> {
    d.array()?;
    Ok(Read {
        n,
        at: d.i64()?,
        record: RecordId(to_array(d.bytes()?)?),
        fields: read_texts(d, limits::READ_FIELDS)?,
        reason: d.str()?.to_owned(),
    })
}

/// Reads the number of notes in an array that holds `more` other items.
fn read_count(d: &mut Decoder<'_>, more: usize) -> Result<usize, WireError> {
    let count = read_length(d.array()?)?;
    let count = count.checked_sub(more).ok_or(WireError::Malformed("length"))?;
    if count > limits::REQUEST_NOTES {
        return Err(WireError::TooLarge("reads or questions of a request"));
    }
    Ok(count)
}

pub(super) fn write_asks(e: &mut Out<'_>, asks: &[Ask]) -> Written {
    if asks.is_empty() {
        e.null()?;
        return Ok(());
    }
    e.array(asks.len() as u64)?;
    for ask in asks {
        e.array(3)?.bytes(&ask.feed.0)?.u64(ask.n)?.str(&ask.note)?;
    }
    Ok(())
}

pub(super) fn read_asks(d: &mut Decoder<'_>) -> Result<Vec<Ask>, WireError> {
    let asks = read_optional(d, |d| {
        (0..read_count(d, 0)?)
            .map(|_| {
                d.array()?;
                Ok(Ask {
                    feed: FeedId(to_array(d.bytes()?)?),
                    n: d.u64()?,
                    note: d.str()?.chars().take(limits::REASON_CHARS).collect(),
                })
            })
            .collect()
    })?;
    let asks: Vec<Ask> = asks.unwrap_or_default();
    check_each_once(asks.iter().map(|ask| (ask.feed, ask.n)), "a refused entry")?;
    Ok(asks)
}

/// Writes times as differences, because the times of a day are close together.
pub(super) fn write_times(e: &mut Out<'_>, times: &Times) -> Written {
    e.bytes(&times.feed.0)?.u64(times.n)?.array(times.at.len() as u64)?;
    let mut before = 0;
    for at in &times.at {
        e.i64(at.wrapping_sub(before))?;
        before = *at;
    }
    Ok(())
}

pub(super) fn read_times(d: &mut Decoder<'_>) -> Result<Times, WireError> {
    let (feed, n) = (FeedId(to_array(d.bytes()?)?), d.u64()?);
    let count = read_length(d.array()?)?;
    if count > limits::PUSH_ENTRIES {
        return Err(WireError::TooLarge("times"));
    }
    let mut before = 0_i64;
    let at = (0..count)
        .map(|_| {
            before = before.wrapping_add(d.i64()?);
            Ok(before)
        })
        .collect::<Result<_, WireError>>()?;
    Ok(Times { feed, n, at })
}
