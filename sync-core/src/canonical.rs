//! This file holds an entry's canonical bytes (deterministic CBOR, RFC 8949 section 4.2), its hash, and a
//! segment's signature.

use ed25519_dalek::{SigningKey, VerifyingKey};
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, EntryHash, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::suite::Suite;
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Number, Value};

use crate::suite::{self, Kind};

/// The error for bytes that are no entry in canonical form.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// The bytes are not CBOR of the expected shape.
    #[error("not an entry: {0}")]
    Shape(#[from] minicbor::decode::Error),
    /// A value nested deeper than [`limits::VALUE_DEPTH`], or a number that JSON cannot hold.
    #[error("a value that no entry holds")]
    Value,
    /// An operation or target this version does not know.
    #[error("unknown {0}")]
    Unknown(&'static str),
}

type Out = Encoder<Vec<u8>>;
type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

/// Writes the canonical bytes of `entry`.
pub fn encode(entry: &Entry) -> Vec<u8> {
    let mut out = Encoder::new(Vec::with_capacity(256));
    write_entry(&mut out, entry).expect("BUG: writing to a Vec cannot fail");
    out.into_writer()
}

/// Reads an entry from its canonical bytes.
pub fn decode(bytes: &[u8]) -> Result<Entry, CanonicalError> {
    let mut d = Decoder::new(bytes);
    d.array()?;
    let (n, at, cursor, role) = (d.u64()?, d.i64()?, d.u64()?, d.str()?.to_owned());
    let target = read_target(&mut d)?;
    let count = d.array()?.unwrap_or(0);
    let intents = (0..count).map(|_| read_intent(&mut d)).collect::<Result<_, _>>()?;
    Ok(Entry { n, at, cursor, role, target, intents })
}

/// Hashes an entry's canonical bytes, chained to the hash before it (32 bytes; zeros before a feed's first
/// entry).
pub fn hash(suite: Suite, before: EntryHash, canonical: &[u8]) -> EntryHash {
    EntryHash(suite::digest(suite, Kind::Entry, &[&before.0, canonical]))
}

/// Signs a feed up to entry `n`, whose hash is `last`.
pub fn sign_segment(suite: Suite, key: &SigningKey, feed: FeedId, n: u64, last: EntryHash) -> [u8; 64] {
    suite::sign(suite, key, Kind::Segment, &[&feed.0, &n.to_be_bytes(), &last.0])
}

/// Whether `signature` is the author's signature over the feed up to `n`.
pub fn verify_segment(
    suite: Suite,
    key: &VerifyingKey,
    feed: FeedId,
    n: u64,
    last: EntryHash,
    signature: &[u8; 64],
) -> bool {
    let parts: [&[u8]; 3] = [&feed.0, &n.to_be_bytes(), &last.0];
    suite::verify(suite, key, Kind::Segment, &parts, signature)
}

fn write_entry(e: &mut Out, entry: &Entry) -> Written {
    e.array(6)?.u64(entry.n)?.i64(entry.at)?.u64(entry.cursor)?.str(&entry.role)?;
    match &entry.target {
        Target::Create { record_type, area } => e.array(3)?.u8(0)?.str(record_type)?.u32(area.0)?,
        Target::Edit { record } => e.array(2)?.u8(1)?.bytes(&record.0)?,
    };
    e.array(entry.intents.len() as u64)?;
    entry.intents.iter().try_for_each(|intent| write_intent(e, intent))
}

fn write_intent(e: &mut Out, intent: &Intent) -> Written {
    e.array(2 + op_arity(&intent.op))?.u8(intent.facet)?.str(&intent.field)?.u8(op_number(&intent.op))?;
    match &intent.op {
        Op::Put { value } | Op::Append { value } => write_value(e, value)?,
        Op::Raise { value } => _ = e.i64(*value)?,
        Op::Increment { by } => _ = e.i64(*by)?,
        Op::Splice { pos, delete, insert } => _ = e.u32(*pos)?.u32(*delete)?.str(insert)?,
        Op::Add { item } | Op::Remove { item } => _ = e.str(item)?,
        Op::SetChild { child, value } => write_map(e.str(child)?, value)?,
        Op::RemoveChild { child } => _ = e.str(child)?,
        Op::Event { verb, args } => write_map(e.str(verb)?, args)?,
    }
    Ok(())
}

fn op_arity(op: &Op) -> u64 {
    match op {
        Op::Splice { .. } => 4,
        Op::SetChild { .. } | Op::Event { .. } => 3,
        _ => 2,
    }
}

/// The operation's number, in canonical form and on the wire.
pub(crate) fn op_number(op: &Op) -> u8 {
    match op {
        Op::Put { .. } => 0,
        Op::Raise { .. } => 1,
        Op::Increment { .. } => 2,
        Op::Splice { .. } => 3,
        Op::Add { .. } => 4,
        Op::Remove { .. } => 5,
        Op::Append { .. } => 6,
        Op::SetChild { .. } => 7,
        Op::RemoveChild { .. } => 8,
        Op::Event { .. } => 9,
    }
}

fn write_map(e: &mut Out, map: &Map<String, Value>) -> Written {
    e.map(map.len() as u64)?;
    let mut keys: Vec<&String> = map.keys().collect();
    keys.sort_unstable();
    keys.into_iter().try_for_each(|key| write_value(e.str(key)?, &map[key]))
}

/// Writes a JSON value. The caller has bounded its depth.
pub(crate) fn write_value(e: &mut Out, value: &Value) -> Written {
    match value {
        Value::Null => _ = e.null()?,
        Value::Bool(b) => _ = e.bool(*b)?,
        Value::Number(n) => write_number(e, n)?,
        Value::String(s) => _ = e.str(s)?,
        Value::Array(items) => {
            e.array(items.len() as u64)?;
            items.iter().try_for_each(|item| write_value(e, item))?;
        }
        Value::Object(map) => write_map(e, map)?,
    }
    Ok(())
}

fn write_number(e: &mut Out, n: &Number) -> Written {
    match (n.as_i64(), n.as_u64(), n.as_f64()) {
        (Some(i), _, _) => e.i64(i)?,
        (_, Some(u), _) => e.u64(u)?,
        (_, _, f) => e.f64(f.unwrap_or(0.0))?,
    };
    Ok(())
}

fn read_target(d: &mut Decoder<'_>) -> Result<Target, CanonicalError> {
    d.array()?;
    match d.u8()? {
        0 => Ok(Target::Create { record_type: d.str()?.to_owned(), area: AreaNo(d.u32()?) }),
        1 => {
            let bytes = d.bytes()?;
            let id = bytes.try_into().map_err(|_| CanonicalError::Value)?;
            Ok(Target::Edit { record: RecordId(id) })
        }
        _ => Err(CanonicalError::Unknown("target")),
    }
}

fn read_intent(d: &mut Decoder<'_>) -> Result<Intent, CanonicalError> {
    d.array()?;
    let (facet, field) = (d.u8()?, d.str()?.to_owned());
    let op = match d.u8()? {
        0 => Op::Put { value: read_value(d, 0)? },
        1 => Op::Raise { value: d.i64()? },
        2 => Op::Increment { by: d.i64()? },
        3 => Op::Splice { pos: d.u32()?, delete: d.u32()?, insert: d.str()?.to_owned() },
        4 => Op::Add { item: d.str()?.to_owned() },
        5 => Op::Remove { item: d.str()?.to_owned() },
        6 => Op::Append { value: read_value(d, 0)? },
        7 => Op::SetChild { child: d.str()?.to_owned(), value: read_map(d, 0)? },
        8 => Op::RemoveChild { child: d.str()?.to_owned() },
        9 => Op::Event { verb: d.str()?.to_owned(), args: read_map(d, 0)? },
        _ => return Err(CanonicalError::Unknown("operation")),
    };
    Ok(Intent { facet, field, op })
}

fn read_map(d: &mut Decoder<'_>, depth: usize) -> Result<Map<String, Value>, CanonicalError> {
    let count = d.map()?.unwrap_or(0);
    (0..count).map(|_| Ok((d.str()?.to_owned(), read_value(d, depth + 1)?))).collect()
}

/// Reads a value written by [`write_value`]. A value nested deeper than [`limits::VALUE_DEPTH`] is refused.
pub(crate) fn read_value(d: &mut Decoder<'_>, depth: usize) -> Result<Value, CanonicalError> {
    use minicbor::data::Type;
    if depth > limits::VALUE_DEPTH {
        return Err(CanonicalError::Value);
    }
    Ok(match d.datatype()? {
        Type::Null => {
            d.null()?;
            Value::Null
        }
        Type::Bool => Value::Bool(d.bool()?),
        Type::F16 | Type::F32 | Type::F64 => {
            Number::from_f64(d.f64()?).map(Value::Number).ok_or(CanonicalError::Value)?
        }
        Type::String => Value::String(d.str()?.to_owned()),
        Type::Array => {
            let count = d.array()?.unwrap_or(0);
            Value::Array((0..count).map(|_| read_value(d, depth + 1)).collect::<Result<_, _>>()?)
        }
        Type::Map => Value::Object(read_map(d, depth)?),
        Type::U64 => d.u64()?.into(),
        _ => d.i64()?.into(),
    })
}

/// The nesting of a value; a scalar has 0. Counting stops one past [`limits::VALUE_DEPTH`].
pub fn depth(value: &Value) -> usize {
    let mut level: Vec<&Value> = vec![value];
    for depth in 0..=limits::VALUE_DEPTH {
        level = level
            .into_iter()
            .flat_map(|v| match v {
                Value::Array(items) => items.iter().collect::<Vec<_>>(),
                Value::Object(map) => map.values().collect(),
                _ => Vec::new(),
            })
            .collect();
        if level.is_empty() {
            return depth;
        }
    }
    limits::VALUE_DEPTH + 1
}
