//! Entries and area news, written into columns.

use std::collections::HashMap;

use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{AreaCursor, Delta, LogEntry, News, OLDEST_PROTOCOL, RecordNews, Segment};

use super::columns::{Reader, Writer};
use super::{RecordNames, WireError};
use crate::canonical::op_number;

/// Separates the intents of a shape; fields never hold it.
const INTENT_SEPARATOR: char = '\u{1e}';

mod target {
    pub const CREATE: u64 = 0;
    /// From here on: a record named before in this sheet, or the next new one.
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

/// Reads segments. Own records are named by their entry; short names are looked up in `names`.
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
                _ => super::suite_of(r.uint("segments")?)?,
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
    let feed = FeedId(array(r.raw("feed", 16)?));
    let (before, signature) = (array(r.raw("before", 8)?), array(r.raw("signature", 64)?));
    let (count, first) = (r.uint("entries")?, r.uint("first")?);
    *left = left
        .checked_sub(count)
        .ok_or(WireError::TooLarge("entries of a push"))?;
    if first == 0 || first.checked_add(count).is_none() {
        return Err(WireError::Malformed("entry number"));
    }
    let mut records = Vec::new();
    let entries = (0..count)
        .map(|i| read_pushed(r, feed, first + i, &mut records, names))
        .collect::<Result<_, _>>()?;
    Ok(Segment {
        feed,
        suite,
        before,
        entries,
        signature,
    })
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
            Target::Create {
                record_type,
                area: AreaNo(area),
            }
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
    Ok(Entry {
        n,
        at,
        cursor,
        role,
        target,
        intents,
    })
}

fn read_name(r: &mut Reader<'_>, names: &dyn RecordNames) -> Result<RecordId, WireError> {
    match r.uint("name")? {
        name::SHORT => {
            let area = u32::try_from(r.step("name area")?).map_err(|_| WireError::Malformed("area"))?;
            let (area, created) = (AreaNo(area), r.step("name created")? as u64);
            names
                .record(area, created)
                .ok_or(WireError::RecordName { area, created })
        }
        name::WHOLE => Ok(RecordId(array(r.raw("name whole", 16)?))),
        name::OWN | 3.. => Err(WireError::Malformed("record name")),
    }
}

fn write_intents(w: &mut Writer, entry: &Entry) {
    w.set_time(entry.at);
    let shape = |i: &Intent| {
        format!(
            "{}{}{}",
            char::from(b'0' + op_number(&i.op)),
            char::from(b'A' + i.facet),
            i.field
        )
    };
    let shapes: Vec<String> = entry.intents.iter().map(shape).collect();
    w.text("shape", &shapes.join(&INTENT_SEPARATOR.to_string()));
    for (intent, shape) in entry.intents.iter().zip(&shapes) {
        // Values that set a field and values of other operations are different columns.
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

fn read_intents(r: &mut Reader<'_>, at: i64) -> Result<Vec<Intent>, WireError> {
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
    let facet = facet
        .and_then(|f| (f as u32).checked_sub('A' as u32))
        .filter(|&f| f < 64);
    let facet = facet.ok_or(WireError::Malformed("facet"))? as u8;
    let field = chars.as_str().to_owned();
    let op = read_op(r, shape, op.ok_or(WireError::Malformed("operation"))?)?;
    Ok(Intent { facet, field, op })
}

fn read_op(r: &mut Reader<'_>, column: &str, op: char) -> Result<Op, WireError> {
    let small = |v: u64| u32::try_from(v).map_err(|_| WireError::Malformed("position"));
    let int = |v: serde_json::Value| v.as_i64().ok_or(WireError::Malformed("integer"));
    Ok(match op {
        '0' => Op::Put {
            value: r.value(column)?,
        },
        '1' => Op::Raise {
            value: int(r.value(column)?)?,
        },
        '2' => Op::Increment {
            by: int(r.value(column)?)?,
        },
        '3' => {
            let (pos, delete) = (small(r.uint("splice pos")?)?, small(r.uint("splice delete")?)?);
            Op::Splice {
                pos,
                delete,
                insert: r.text(column)?.to_owned(),
            }
        }
        '4' => Op::Add {
            item: r.text(column)?.to_owned(),
        },
        '5' => Op::Remove {
            item: r.text(column)?.to_owned(),
        },
        '6' => Op::Append {
            value: r.value(column)?,
        },
        '7' => Op::SetChild {
            child: r.text("child")?.to_owned(),
            value: r.map(column)?,
        },
        '8' => Op::RemoveChild {
            child: r.text("child")?.to_owned(),
        },
        '9' => Op::Event {
            verb: r.text("verb")?.to_owned(),
            args: r.map(column)?,
        },
        _ => return Err(WireError::Malformed("operation")),
    })
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().expect("BUG: the reader took N bytes")
}

mod news {
    pub const ENTRIES: u64 = 0;
    pub const SNAPSHOT: u64 = 1;
    pub const LEFT: u64 = 2;
    pub const ERASED: u64 = 3;
}

mod seen {
    pub const ALL: u64 = 0;
    /// From here on: a table of (entries − CLOCK) feeds.
    pub const CLOCK: u64 = 1;
}

/// Writes an area's news.
pub fn write_delta(delta: &Delta) -> Vec<u8> {
    let mut w = Writer::new();
    for v in [
        u64::from(delta.from.area.0),
        delta.from.floor,
        delta.from.reached,
        delta.to.floor,
        delta.to.reached,
    ] {
        w.uint("head", v);
    }
    w.uint("head", delta.digests.len() as u64);
    for (facet, digest) in &delta.digests {
        w.uint("head", u64::from(*facet));
        w.raw("digest", digest);
    }
    w.uint("head", delta.records.len() as u64);
    let mut feeds = HashMap::new();
    for record in &delta.records {
        write_record(&mut w, record, &mut feeds);
    }
    if delta.mark != 0 {
        w.uint("head", u64::from(delta.mark));
    }
    w.finish()
}

fn write_record(w: &mut Writer, record: &RecordNews, feeds: &mut HashMap<FeedId, u64>) {
    w.step("created", record.created as i64);
    w.step("last", record.last as i64);
    w.step("epoch", i64::from(record.epoch));
    match &record.news {
        News::Entries(entries) => {
            w.uint("news", news::ENTRIES);
            w.uint("count", entries.len() as u64);
            for entry in entries {
                write_logged(w, entry, feeds);
            }
        }
        News::Left(to) => {
            w.uint("news", news::LEFT);
            w.raw("record", &record.record.0);
            w.uint("to", to.map_or(0, |area| u64::from(area.0)));
        }
        News::Erased => {
            w.uint("news", news::ERASED);
            w.raw("record", &record.record.0);
        }
        News::Snapshot(facets) => {
            w.uint("news", news::SNAPSHOT);
            w.raw("record", &record.record.0);
            w.text("type", &record.record_type);
            w.uint("count", facets.len() as u64);
            for (facet, bytes) in facets {
                w.uint("facet", u64::from(*facet));
                w.bytes("snapshot", bytes);
            }
        }
    }
}

fn write_logged(w: &mut Writer, logged: &LogEntry, feeds: &mut HashMap<FeedId, u64>) {
    w.step("seq", logged.seq as i64);
    write_feed(w, "feed", logged.feed, feeds);
    w.text("author", &logged.author);
    w.step(&format!("n of {}", feeds[&logged.feed]), logged.entry.n as i64);
    match &logged.seen {
        None => w.uint("seen", seen::ALL),
        Some(clock) => {
            w.uint("seen", seen::CLOCK + clock.len() as u64);
            for (facet, feed, seq) in clock {
                w.uint("seen facet", u64::from(*facet));
                write_feed(w, "seen feed", *feed, feeds);
                w.uint("seen seq", *seq);
            }
        }
    }
    w.uint("own", u64::from(logged.own));
    if logged.own {
        return;
    }
    w.step("at", logged.entry.at);
    match &logged.entry.target {
        Target::Create { record_type, .. } => {
            w.uint("target", target::CREATE);
            w.text("type", record_type);
        }
        Target::Edit { .. } => w.uint("target", target::RECORD),
    }
    write_intents(w, &logged.entry);
}

fn write_feed(w: &mut Writer, column: &str, feed: FeedId, feeds: &mut HashMap<FeedId, u64>) {
    let next = feeds.len() as u64;
    let index = *feeds.entry(feed).or_insert(next);
    w.uint(column, index);
    if index == next {
        w.raw("feed id", &feed.0);
    }
}

/// Reads an area's news. A record that is edited but not created in it is looked up in `names`.
pub fn read_delta(bytes: &[u8], names: &dyn RecordNames) -> Result<Delta, WireError> {
    let mut r = Reader::new(bytes)?;
    let area = u32::try_from(r.uint("head")?).map_err(|_| WireError::Malformed("area"))?;
    let area = AreaNo(area);
    let from = AreaCursor {
        area,
        floor: r.uint("head")?,
        reached: r.uint("head")?,
    };
    let to = AreaCursor {
        area,
        floor: r.uint("head")?,
        reached: r.uint("head")?,
    };
    let digests = (0..r.uint("head")?)
        .map(|_| Ok((r.uint("head")? as u8, array(r.raw("digest", 16)?))))
        .collect::<Result<_, WireError>>()?;
    let count = r.uint("head")?;
    let mut feeds = Vec::new();
    let records = (0..count)
        .map(|_| read_record(&mut r, area, &mut feeds, names))
        .collect::<Result<_, _>>()?;
    let mark = if r.has_more("head") { r.uint("head")? } else { 0 };
    let mark = u16::try_from(mark).map_err(|_| WireError::Malformed("mark"))?;
    Ok(Delta {
        from,
        to,
        records,
        digests,
        mark,
    })
}

type Feeds = Vec<FeedId>;

fn read_record(
    r: &mut Reader<'_>,
    area: AreaNo,
    feeds: &mut Feeds,
    names: &dyn RecordNames,
) -> Result<RecordNews, WireError> {
    let (created, last) = (r.step("created")? as u64, r.step("last")? as u64);
    let epoch = r.step("epoch")? as u32;
    let kind = r.uint("news")?;
    if kind != news::ENTRIES {
        let record = RecordId(array(r.raw("record", 16)?));
        let (record_type, news) = read_whole(r, kind)?;
        return Ok(RecordNews {
            record,
            created,
            last,
            record_type,
            epoch,
            news,
        });
    }
    let count = r.uint("count")?;
    let mut entries = (0..count)
        .map(|_| read_logged(r, area, feeds))
        .collect::<Result<Vec<_>, _>>()?;
    let (record, record_type) = match entries.first() {
        Some(first) if first.own => {
            let record = names.own(first.feed, first.entry.n);
            (record.ok_or(WireError::Malformed("own entry"))?, String::new())
        }
        Some(LogEntry { entry, feed, .. }) if matches!(entry.target, Target::Create { .. }) => {
            let Target::Create { record_type, .. } = &entry.target else {
                return Err(WireError::Malformed("record"));
            };
            (entry.record(*feed), record_type.clone())
        }
        _ => {
            let record = names
                .record(area, created)
                .ok_or(WireError::RecordName { area, created })?;
            (record, String::new())
        }
    };
    for logged in &mut entries {
        if let Target::Edit { record: place } = &mut logged.entry.target {
            *place = record;
        }
    }
    Ok(RecordNews {
        record,
        created,
        last,
        record_type,
        epoch,
        news: News::Entries(entries),
    })
}

/// News that do not come entry by entry, and the record's type where it is told.
fn read_whole(r: &mut Reader<'_>, kind: u64) -> Result<(String, News), WireError> {
    match kind {
        news::SNAPSHOT => {
            let record_type = r.text("type")?.to_owned();
            let count = r.uint("count")?;
            let facets = (0..count)
                .map(|_| Ok((r.uint("facet")? as u8, r.bytes("snapshot")?.to_vec())))
                .collect::<Result<_, WireError>>()?;
            Ok((record_type, News::Snapshot(facets)))
        }
        news::LEFT => {
            let to = u32::try_from(r.uint("to")?).map_err(|_| WireError::Malformed("area"))?;
            Ok((String::new(), News::Left((to != 0).then_some(AreaNo(to)))))
        }
        news::ERASED => Ok((String::new(), News::Erased)),
        _ => Err(WireError::Malformed("news")),
    }
}

fn read_logged(r: &mut Reader<'_>, area: AreaNo, feeds: &mut Feeds) -> Result<LogEntry, WireError> {
    let seq = r.step("seq")? as u64;
    let index = read_feed(r, "feed", feeds)?;
    let (feed, author) = (feeds[index], r.text("author")?.to_owned());
    let n = r.step(&format!("n of {index}"))? as u64;
    let clock = match r.uint("seen")? {
        seen::ALL => None,
        count => Some(
            (0..count - seen::CLOCK)
                .map(|_| {
                    let facet = r.uint("seen facet")? as u8;
                    let index = read_feed(r, "seen feed", feeds)?;
                    Ok((facet, feeds[index], r.uint("seen seq")?))
                })
                .collect::<Result<_, WireError>>()?,
        ),
    };
    let edit = Target::Edit {
        record: RecordId([0; 16]),
    };
    let mut entry = Entry {
        n,
        at: 0,
        cursor: 0,
        role: String::new(),
        target: edit,
        intents: Vec::new(),
    };
    let own = r.uint("own")? == 1;
    if !own {
        entry.at = r.step("at")?;
        if r.uint("target")? == target::CREATE {
            entry.target = Target::Create {
                record_type: r.text("type")?.to_owned(),
                area,
            };
        }
        entry.intents = read_intents(r, entry.at)?;
    }
    Ok(LogEntry {
        seq,
        feed,
        author,
        seen: clock,
        entry,
        own,
    })
}

fn read_feed(r: &mut Reader<'_>, column: &str, feeds: &mut Feeds) -> Result<usize, WireError> {
    let index = r.uint(column)? as usize;
    if index == feeds.len() {
        feeds.push(FeedId(array(r.raw("feed id", 16)?)));
    }
    if index < feeds.len() {
        Ok(index)
    } else {
        Err(WireError::Malformed("feed"))
    }
}
