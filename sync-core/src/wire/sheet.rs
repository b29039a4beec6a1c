//! This file writes entries into columns, and reads them.

use std::collections::HashMap;

use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{OLDEST_PROTOCOL, Segment};

use super::columns::{Reader, Writer};
use super::{RecordNames, WireError};
use crate::canonical::op_number;

/// Separates the intents of a shape. Field names never hold it.
const INTENT_SEPARATOR: char = '\u{1e}';

pub(super) mod target {
    pub const CREATE: u64 = 0;
    /// From here on: a record named earlier in this sheet, or the next new one.
    pub const RECORD: u64 = 1;
}

mod name {
    pub const OWN: u64 = 0;
    pub const SHORT: u64 = 1;
    pub const WHOLE: u64 = 2;
}

/// Writes segments in the form of a protocol version. `names` shortens the records that the server named.
pub fn write_segments(version: u8, segments: &[Segment], names: &dyn RecordNames) -> Vec<u8> {
    let mut w = Writer::new();
    w.uint("segments", segments.len() as u64);
    for segment in segments {
        if version > OLDEST_PROTOCOL {
            w.uint("segments", segment.suite.number().into());
        }
        w.raw("feed", &segment.feed.0);
        w.raw("before", &segment.before);
        w.raw("signature", &segment.signature);
        w.uint("entries", segment.entries.len() as u64);
        w.uint("first", segment.entries.first().map_or(0, |e| e.n));
        let mut records = HashMap::new();
        for entry in &segment.entries {
            write_pushed(&mut w, segment.feed, entry, &mut records, names);
        }
    }
    w.finish()
}

fn write_pushed(
    w: &mut Writer,
    feed: FeedId,
    entry: &Entry,
    records: &mut HashMap<RecordId, u64>,
    names: &dyn RecordNames,
) {
    w.step("at", entry.at);
    w.step("cursor", entry.cursor as i64);
    w.text("role", &entry.role);
    match &entry.target {
        Target::Create { record_type, area } => {
            w.uint("target", target::CREATE);
            w.text("type", record_type);
            w.step("area", i64::from(area.0));
            let next = records.len() as u64;
            records.insert(entry.record(feed), next);
        }
        Target::Edit { record } => {
            let next = records.len() as u64;
            let index = *records.entry(*record).or_insert(next);
            w.uint("target", target::RECORD + index);
            if index == next {
                write_name(w, *record, names);
            }
        }
    }
    write_intents(w, entry);
}

fn write_name(w: &mut Writer, record: RecordId, names: &dyn RecordNames) {
    if let Some((area, created)) = names.short(record) {
        w.uint("name", name::SHORT);
        w.step("name area", i64::from(area.0));
        w.step("name created", created as i64);
    } else {
        w.uint("name", name::WHOLE);
        w.raw("name whole", &record.0);
    }
}

/// Reads segments. A record that a segment itself creates is named by its entry; short names are looked up in
/// `names`.
pub fn read_segments(version: u8, bytes: &[u8], names: &dyn RecordNames) -> Result<Vec<Segment>, WireError> {
    let mut r = Reader::new(bytes)?;
    r.bound_texts(limits::PUSH_TEXT_BYTES);
    let count = r.uint("segments")?;
    if count > limits::PUSH_SEGMENTS as u64 {
        return Err(WireError::TooLarge("segments of a push"));
    }
    let mut left = limits::PUSH_ENTRIES as u64;
    (0..count)
        .map(|_| {
            let suite = match version {
                OLDEST_PROTOCOL => Suite::default(),
                _ => super::find_suite(r.uint("segments")?)?,
            };
            read_segment(&mut r, suite, &mut left, names)
        })
        .collect()
}

fn read_segment(
    r: &mut Reader<'_>,
    suite: Suite,
    left: &mut u64,
    names: &dyn RecordNames,
) -> Result<Segment, WireError> {
    let feed = FeedId(to_array(r.raw("feed", 16)?));
    let (before, signature) = (to_array(r.raw("before", 8)?), to_array(r.raw("signature", 64)?));
    let (count, first) = (r.uint("entries")?, r.uint("first")?);
    *left = left.checked_sub(count).ok_or(WireError::TooLarge("entries of a push"))?;
    if first == 0 || first.checked_add(count).is_none() {
        return Err(WireError::Malformed("entry number"));
    }
    let mut records = Vec::new();
    let entries =
        (0..count).map(|i| read_pushed(r, feed, first + i, &mut records, names)).collect::<Result<_, _>>()?;
    Ok(Segment { feed, suite, before, entries, signature })
}

fn read_pushed(
    r: &mut Reader<'_>,
    feed: FeedId,
    n: u64,
    records: &mut Vec<RecordId>,
    names: &dyn RecordNames,
) -> Result<Entry, WireError> {
    let (at, cursor) = (r.step("at")?, r.step("cursor")? as u64);
    let role = r.text("role")?.to_owned();
    let target = match r.uint("target")? {
        target::CREATE => {
            let record_type = r.text("type")?.to_owned();
            let area = u32::try_from(r.step("area")?).map_err(|_| WireError::Malformed("area"))?;
            records.push(RecordId::created_by(feed, n));
            Target::Create { record_type, area: AreaNo(area) }
        }
        index => {
            let index = (index - target::RECORD) as usize;
            if index == records.len() {
                records.push(read_name(r, names)?);
            }
            let record = *records.get(index).ok_or(WireError::Malformed("record"))?;
            Target::Edit { record }
        }
    };
    let intents = read_intents(r, at)?;
    Ok(Entry { n, at, cursor, role, target, intents })
}

fn read_name(r: &mut Reader<'_>, names: &dyn RecordNames) -> Result<RecordId, WireError> {
    match r.uint("name")? {
        name::SHORT => {
            let area = u32::try_from(r.step("name area")?).map_err(|_| WireError::Malformed("area"))?;
            let (area, created) = (AreaNo(area), r.step("name created")? as u64);
            names.record(area, created)?.ok_or(WireError::RecordName { area, created })
        }
        name::WHOLE => Ok(RecordId(to_array(r.raw("name whole", 16)?))),
        name::OWN | 3.. => Err(WireError::Malformed("record name")),
    }
}

pub(super) fn write_intents(w: &mut Writer, entry: &Entry) {
    w.set_time(entry.at);
    let shape = |i: &Intent| {
        format!("{}{}{}", char::from(b'0' + op_number(&i.op)), char::from(b'A' + i.facet), i.field)
    };
    let shapes: Vec<String> = entry.intents.iter().map(shape).collect();
    w.text("shape", &shapes.join(&INTENT_SEPARATOR.to_string()));
    for (intent, shape) in entry.intents.iter().zip(&shapes) {
        // Each operation on a field has a column of its own.
        write_op(w, shape, &intent.op);
    }
}

fn write_op(w: &mut Writer, column: &str, op: &Op) {
    match op {
        Op::Put { value } | Op::Append { value } => w.value(column, value),
        Op::Raise { value } => w.value(column, &(*value).into()),
        Op::Increment { by } => w.value(column, &(*by).into()),
        Op::Splice { pos, delete, insert } => {
            w.uint("splice pos", u64::from(*pos));
            w.uint("splice delete", u64::from(*delete));
            w.text(column, insert);
        }
        Op::Add { item } | Op::Remove { item } => w.text(column, item),
        Op::SetChild { child, value } => {
            w.text("child", child);
            w.map(column, value);
        }
        Op::RemoveChild { child } => w.text("child", child),
        Op::Event { verb, args } => {
            w.text("verb", verb);
            w.map(column, args);
        }
    }
}

pub(super) fn read_intents(r: &mut Reader<'_>, at: i64) -> Result<Vec<Intent>, WireError> {
    r.set_time(at);
    let shapes = r.text("shape")?;
    if shapes.is_empty() {
        return Ok(Vec::new());
    }
    let mut intents = Vec::new();
    for shape in shapes.split(INTENT_SEPARATOR) {
        if intents.len() >= limits::ENTRY_INTENTS {
            return Err(WireError::TooLarge("intents of an entry"));
        }
        intents.push(read_intent(r, shape)?);
    }
    Ok(intents)
}

fn read_intent(r: &mut Reader<'_>, shape: &str) -> Result<Intent, WireError> {
    let mut chars = shape.chars();
    let (op, facet) = (chars.next(), chars.next());
    let facet = facet.and_then(|f| (f as u32).checked_sub('A' as u32)).filter(|&f| f < 64);
    let facet = facet.ok_or(WireError::Malformed("facet"))? as u8;
    let field = chars.as_str().to_owned();
    let op = read_op(r, shape, op.ok_or(WireError::Malformed("operation"))?)?;
    Ok(Intent { facet, field, op })
}

fn read_op(r: &mut Reader<'_>, column: &str, op: char) -> Result<Op, WireError> {
    let small = |v: u64| u32::try_from(v).map_err(|_| WireError::Malformed("position"));
    let int = |v: serde_json::Value| v.as_i64().ok_or(WireError::Malformed("integer"));
    Ok(match op {
        '0' => Op::Put { value: r.value(column)? },
        '1' => Op::Raise { value: int(r.value(column)?)? },
        '2' => Op::Increment { by: int(r.value(column)?)? },
        '3' => {
            let (pos, delete) = (small(r.uint("splice pos")?)?, small(r.uint("splice delete")?)?);
            Op::Splice { pos, delete, insert: r.text(column)?.to_owned() }
        }
        '4' => Op::Add { item: r.text(column)?.to_owned() },
        '5' => Op::Remove { item: r.text(column)?.to_owned() },
        '6' => Op::Append { value: r.value(column)? },
        '7' => Op::SetChild { child: r.text("child")?.to_owned(), value: r.map(column)? },
        '8' => Op::RemoveChild { child: r.text("child")?.to_owned() },
        '9' => Op::Event { verb: r.text("verb")?.to_owned(), args: r.map(column)? },
        _ => return Err(WireError::Malformed("operation")),
    })
}

pub(super) fn to_array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("BUG: the reader took N bytes")
}
