//! The parts that requests and frames are made of, in CBOR.

use std::convert::Infallible;

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::{EntryHash, FeedId};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::Receipt;
use minicbor::{Decoder, Encoder};

use super::{WireError, find_suite};

pub(super) type Out<'a> = Encoder<&'a mut Vec<u8>>;

pub(super) type Written = Result<(), minicbor::encode::Error<Infallible>>;

pub(super) fn read_length(count: Option<u64>) -> Result<usize, WireError> {
    count.map(|c| c as usize).ok_or(WireError::Malformed("length"))
}

pub(super) fn read_texts(d: &mut Decoder<'_>, most: usize) -> Result<Vec<String>, WireError> {
    let count = read_length(d.array()?)?;
    if count > most {
        return Err(WireError::TooLarge("list"));
    }
    (0..count).map(|_| Ok(d.str()?.to_owned())).collect()
}

pub(super) fn read_optional<'b, T>(
    d: &mut Decoder<'b>,
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, WireError>,
) -> Result<Option<T>, WireError> {
    if d.datatype()? == minicbor::data::Type::Null {
        d.null()?;
        return Ok(None);
    }
    read(d).map(Some)
}

pub(super) fn to_array<const N: usize>(bytes: &[u8]) -> Result<[u8; N], WireError> {
    bytes.try_into().map_err(|_| WireError::Malformed("length"))
}

/// Writes the fields of a receipt: seven, and its suite before them if it has one.
pub(super) fn write_receipt(e: &mut Out<'_>, receipt: &Receipt) -> Written {
    if let Some(suite) = receipt.suite {
        e.u8(suite.number())?;
    }
    e.bytes(&receipt.feed.0)?
        .u64(receipt.first)?
        .u64(receipt.n)?
        .bytes(&receipt.hash.0)?
        .bytes(&receipt.signature)?;
    e.array(receipt.refused.len() as u64 * 2)?;
    for (n, refusal) in &receipt.refused {
        e.u64(*n)?;
        write_refusal(e, refusal)?;
    }
    match &receipt.stopped {
        None => _ = e.null()?,
        Some(refusal) => write_refusal(e, refusal)?,
    }
    Ok(())
}

pub(super) fn write_refusal(e: &mut Out<'_>, refusal: &Refusal) -> Written {
    e.array(3)?
        .str(refusal.code.as_str())?
        .str(&refusal.rule)?
        .str(refusal.field.as_deref().unwrap_or(""))?;
    Ok(())
}

/// Reads the suite, if one stands next.
pub(super) fn read_suite_if(d: &mut Decoder<'_>, stands: bool) -> Result<Option<Suite>, WireError> {
    if stands { find_suite(d.u64()?).map(Some) } else { Ok(None) }
}

pub(super) fn read_receipt(d: &mut Decoder<'_>, with_suite: bool) -> Result<Receipt, WireError> {
    let suite = read_suite_if(d, with_suite)?;
    let (feed, first) = (FeedId(to_array(d.bytes()?)?), d.u64()?);
    let (n, hash, signature) = (d.u64()?, EntryHash(to_array(d.bytes()?)?), to_array(d.bytes()?)?);
    let count = read_length(d.array()?)? / 2;
    let refused = (0..count).map(|_| Ok((d.u64()?, read_refusal(d)?))).collect::<Result<_, WireError>>()?;
    let stopped = read_optional(d, read_refusal)?;
    Ok(Receipt { suite, feed, first, n, hash, refused, stopped, signature })
}

pub(super) fn read_refusal(d: &mut Decoder<'_>) -> Result<Refusal, WireError> {
    d.array()?;
    let (code, rule, field) = (d.str()?, d.str()?.to_owned(), d.str()?);
    // A newer server may send an unknown code. It counts as a plain refusal, and its rule stays readable.
    let code = Code::parse(code).unwrap_or(Code::BadRequest);
    Ok(Refusal { code, rule, field: (!field.is_empty()).then(|| field.to_owned()) })
}
