//! This file writes an area's news into columns, and reads it.

use std::collections::HashMap;

use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::wire::{AreaCursor, Delta, LogEntry, News, RecordNews};

use super::columns::{Reader, Writer};
use super::sheet::{read_intents, target, to_array, write_intents};
use super::{RecordNames, WireError};

mod news {
    pub const ENTRIES: u64 = 0;
    pub const SNAPSHOT: u64 = 1;
    pub const LEFT: u64 = 2;
    pub const ERASED: u64 = 3;
}

mod seen {
    pub const ALL: u64 = 0;
    /// From here on: a table of (number − CLOCK) feeds.
    pub const CLOCK: u64 = 1;
}

/// Writes an area's news.
pub fn write_delta(delta: &Delta) -> Vec<u8> {
    let mut w = Writer::new();
    for v in
        [u64::from(delta.from.area.0), delta.from.floor, delta.from.reached, delta.to.floor, delta.to.reached]
    {
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
        // Each half takes one byte.
        w.uint("head", u64::from(delta.mark >> 7));
        w.uint("head", u64::from(delta.mark & 0x7f));
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
    let from = AreaCursor { area, floor: r.uint("head")?, reached: r.uint("head")? };
    let to = AreaCursor { area, floor: r.uint("head")?, reached: r.uint("head")? };
    let digests = (0..r.uint("head")?)
        .map(|_| Ok((r.uint("head")? as u8, to_array(r.raw("digest", 16)?))))
        .collect::<Result<_, WireError>>()?;
    let count = r.uint("head")?;
    let mut feeds = Vec::new();
    let records =
        (0..count).map(|_| read_record(&mut r, area, &mut feeds, names)).collect::<Result<_, _>>()?;
    let mark = if r.has_more("head") { read_mark(&mut r)? } else { 0 };
    Ok(Delta { from, to, records, digests, mark })
}

fn read_mark(r: &mut Reader<'_>) -> Result<u16, WireError> {
    let mut seven = || match r.uint("head")? {
        bits @ 0..=0x7f => Ok(bits as u16),
        _ => Err(WireError::Malformed("mark")),
    };
    Ok((seven()? << 7) | seven()?)
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
        let record = RecordId(to_array(r.raw("record", 16)?));
        let (record_type, news) = read_whole(r, kind)?;
        return Ok(RecordNews { record, created, last, record_type, epoch, news });
    }
    let count = r.uint("count")?;
    let mut entries = (0..count).map(|_| read_logged(r, area, feeds)).collect::<Result<Vec<_>, _>>()?;
    let (record, record_type) = match entries.first() {
        Some(first) if first.own => {
            let record = names.own(first.feed, first.entry.n)?;
            (record.ok_or(WireError::Malformed("own entry"))?, String::new())
        }
        Some(LogEntry { entry, feed, .. }) if matches!(entry.target, Target::Create { .. }) => {
            let Target::Create { record_type, .. } = &entry.target else {
                return Err(WireError::Malformed("record"));
            };
            (entry.record(*feed), record_type.clone())
        }
        _ => {
            let record = names.record(area, created)?.ok_or(WireError::RecordName { area, created })?;
            (record, String::new())
        }
    };
    for logged in &mut entries {
        if let Target::Edit { record: place } = &mut logged.entry.target {
            *place = record;
        }
    }
    Ok(RecordNews { record, created, last, record_type, epoch, news: News::Entries(entries) })
}

/// Reads news that are no entries, and the record's type where it is given.
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
    let edit = Target::Edit { record: RecordId([0; 16]) };
    let mut entry = Entry { n, at: 0, cursor: 0, role: String::new(), target: edit, intents: Vec::new() };
    let own = r.uint("own")? == 1;
    if !own {
        entry.at = r.step("at")?;
        if r.uint("target")? == target::CREATE {
            entry.target = Target::Create { record_type: r.text("type")?.to_owned(), area };
        }
        entry.intents = read_intents(r, entry.at)?;
    }
    Ok(LogEntry { seq, feed, author, seen: clock, entry, own })
}

fn read_feed(r: &mut Reader<'_>, column: &str, feeds: &mut Feeds) -> Result<usize, WireError> {
    let index = r.uint(column)? as usize;
    if index == feeds.len() {
        feeds.push(FeedId(to_array(r.raw("feed id", 16)?)));
    }
    if index < feeds.len() { Ok(index) } else { Err(WireError::Malformed("feed")) }
}
