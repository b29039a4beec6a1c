//! This file writes and reads the request and the frames of an answer, in CBOR. Entries and area news inside
//! are sheets.

use gridledger_schema::ids::{AreaNo, DeviceNo, FeedId, ServerEpoch};
use gridledger_schema::limits;
use gridledger_schema::wire::{
    AreaCursor, AreaInfo, Edge, Enrol, Frame, Grant, GrantSet, Lease, PROTOCOL, Request, Ruling, Want,
    Welcome,
};
use minicbor::{Decoder, Encoder};

use super::notes::{read_asks, read_reads, read_times, write_asks, write_reads, write_times};
use super::parts::{
    Out, Written, read_length, read_optional, read_receipt, read_suite_if, read_texts, to_array,
    write_receipt,
};
use super::regained::{
    read_phase, read_recovery, read_restored, write_phase, write_recovery, write_restored,
};
use super::{RecordNames, WireError, check_each_once};
use super::{delta, sheet};

/// Writes a request (the payload of an envelope).
pub fn write_request(request: &Request, names: &dyn RecordNames) -> Vec<u8> {
    write_request_as(PROTOCOL, request, names)
}

/// Writes a request as a phone of an older or the present version does.
pub fn write_request_as(version: u8, request: &Request, names: &dyn RecordNames) -> Vec<u8> {
    let mut out = Vec::new();
    write_request_fields(&mut Encoder::new(&mut out), version, request, names)
        .expect("BUG: writing to a Vec cannot fail");
    out
}

fn write_request_fields(e: &mut Out<'_>, version: u8, request: &Request, names: &dyn RecordNames) -> Written {
    e.array(if request.marks.is_empty() { 12 } else { 13 })?;
    match request.server_epoch {
        Some(epoch) => e.u64(epoch.0)?,
        None => e.null()?,
    };
    e.array(request.cursors.len() as u64 * 3)?;
    for cursor in &request.cursors {
        e.u32(cursor.area.0)?.u64(cursor.floor)?.u64(cursor.reached - cursor.floor)?;
    }
    match &request.want {
        Want::All => _ = e.null()?,
        Want::Only(codes) => {
            e.array(codes.len() as u64)?;
            codes.iter().try_for_each(|code| e.str(code).map(|_| ()))?;
        }
    }
    e.u32(request.budget)?.bytes(&request.grants)?;
    match &request.enrol {
        None => _ = e.null()?,
        Some(enrol) => {
            _ = e.array(3)?.str(&enrol.code)?.bytes(&enrol.public_key)?.str(&enrol.label)?;
        }
    }
    e.array(request.own.len() as u64 * 2)?;
    for (ordinal, n) in &request.own {
        e.u32(*ordinal)?.u64(*n)?;
    }
    match request.segments.as_slice() {
        [] => e.null()?,
        segments => e.bytes(&sheet::write_segments(version, segments, names))?,
    };
    write_reads(e, &request.reads)?;
    write_asks(e, &request.asks)?;
    e.bool(request.lease)?;
    write_recovery(e, request.recovery.as_ref())?;
    if !request.marks.is_empty() {
        let marks: Vec<u8> = request.marks.iter().flat_map(|mark| mark.to_be_bytes()).collect();
        e.bytes(&marks)?;
    }
    Ok(())
}

/// A request whose segments are still unread: reading them needs the records' short names.
#[derive(Debug)]
pub struct ReadRequest<'a> {
    /// The request without its segments.
    pub request: Request,
    /// The segments' sheet, for [`sheet::read_segments`].
    pub segments: Option<&'a [u8]>,
}

/// Reads a request.
pub fn read_request(payload: &[u8]) -> Result<ReadRequest<'_>, WireError> {
    let mut d = Decoder::new(payload);
    let length = d.array()?;
    if !matches!(length, Some(12 | 13)) {
        return Err(WireError::Malformed("request"));
    }
    let server_epoch = read_optional(&mut d, |d| Ok(ServerEpoch(d.u64()?)))?;
    let cursors = read_cursors(&mut d)?;
    let want = match read_optional(&mut d, |d| read_texts(d, limits::REQUEST_AREAS))? {
        None => Want::All,
        Some(codes) => {
            check_each_once(codes.iter(), "an area")?;
            Want::Only(codes)
        }
    };
    let (budget, grants) = (d.u32()?, to_array(d.bytes()?)?);
    let enrol = read_optional(&mut d, |d| {
        d.array()?;
        Ok(Enrol { code: d.str()?.to_owned(), public_key: to_array(d.bytes()?)?, label: d.str()?.to_owned() })
    })?;
    let own = read_own(&mut d)?;
    let segments = read_optional(&mut d, |d| Ok(d.bytes()?))?;
    let (reads, asks, lease) = (read_reads(&mut d)?, read_asks(&mut d)?, d.bool()?);
    let recovery = read_recovery(&mut d)?;
    let marks = match length {
        Some(13) => read_marks(d.bytes()?, &cursors)?,
        _ => Vec::new(),
    };
    let schema = [0; 8];
    let request = Request {
        server_epoch,
        schema,
        cursors,
        want,
        budget,
        own,
        segments: Vec::new(),
        grants,
        enrol,
        reads,
        asks,
        lease,
        recovery,
        marks,
    };
    Ok(ReadRequest { request, segments })
}

fn read_cursors(d: &mut Decoder<'_>) -> Result<Vec<AreaCursor>, WireError> {
    let count = read_length(d.array()?)?;
    if count > limits::REQUEST_AREAS * 3 || !count.is_multiple_of(3) {
        return Err(WireError::TooLarge("areas of a request"));
    }
    let cursors: Vec<AreaCursor> = (0..count / 3)
        .map(|_| {
            let (area, floor) = (AreaNo(d.u32()?), d.u64()?);
            let reached = floor.checked_add(d.u64()?).ok_or(WireError::Malformed("cursor"))?;
            Ok::<_, WireError>(AreaCursor { area, floor, reached })
        })
        .collect::<Result<_, _>>()?;
    check_each_once(cursors.iter().map(|cursor| cursor.area), "an area")?;
    Ok(cursors)
}

/// Reads a mark for each cursor, two bytes each.
fn read_marks(bytes: &[u8], cursors: &[AreaCursor]) -> Result<Vec<u16>, WireError> {
    if bytes.len() != cursors.len() * 2 {
        return Err(WireError::Malformed("marks"));
    }
    let mark = |two: &[u8]| u16::from_be_bytes([two[0], two[1]]);
    Ok(bytes.chunks_exact(2).map(mark).collect())
}

fn read_own(d: &mut Decoder<'_>) -> Result<Vec<(u32, u64)>, WireError> {
    let count = read_length(d.array()?)?;
    if count > limits::DEVICE_FEEDS as usize * 2 || !count.is_multiple_of(2) {
        return Err(WireError::TooLarge("feeds of a device"));
    }
    let own =
        (0..count / 2).map(|_| Ok::<_, WireError>((d.u32()?, d.u64()?))).collect::<Result<Vec<_>, _>>()?;
    check_each_once(own.iter().map(|(ordinal, _)| ordinal), "a feed")?;
    Ok(own)
}

mod kind {
    pub const END: u8 = 0;
    pub const TIME: u8 = 1;
    pub const RECEIPT: u8 = 2;
    pub const DELTA: u8 = 3;
    pub const GRANTED: u8 = 4;
    pub const WITHDRAWN: u8 = 5;
    pub const GRANTS: u8 = 6;
    pub const SCHEMA: u8 = 7;
    pub const WELCOME: u8 = 8;
    pub const LEASE: u8 = 9;
    pub const READS_KEPT: u8 = 10;
    pub const RULING: u8 = 11;
    pub const RESTORED: u8 = 12;
    pub const RECOVERY: u8 = 13;
    /// A receipt with its suite. Number 2 is that of protocol 1.
    pub const VERDICTS: u8 = 14;
    /// A notice with its suite. Number 12 is that of protocol 1.
    pub const NOTICE: u8 = 15;
    /// A welcome with the suite of the server's key. Number 8 is that of protocol 1.
    pub const WELCOME_SUITE: u8 = 16;
    pub const TIMES: u8 = 17;
}

/// Writes a frame: a CBOR byte string around its fields, so that a reader knows when it has arrived whole.
pub fn write_frame(frame: &Frame) -> Vec<u8> {
    let mut inner = Vec::new();
    write_frame_fields(&mut Encoder::new(&mut inner), frame).expect("BUG: writing to a Vec cannot fail");
    let mut out = Vec::with_capacity(inner.len() + 5);
    Encoder::new(&mut out).bytes(&inner).expect("BUG: writing to a Vec cannot fail");
    out
}

fn write_frame_fields(e: &mut Out<'_>, frame: &Frame) -> Written {
    match frame {
        Frame::End { more } => _ = e.u8(kind::END)?.bool(*more)?,
        Frame::Time { at, epoch } => _ = e.u8(kind::TIME)?.i64(*at)?.u64(epoch.0)?,
        Frame::Receipt(receipt) => {
            let kind = if receipt.suite.is_some() { kind::VERDICTS } else { kind::RECEIPT };
            write_receipt(e.u8(kind)?, receipt)?;
        }
        Frame::Delta(delta) => _ = e.u8(kind::DELTA)?.bytes(&delta::write_delta(delta))?,
        Frame::Granted(area) => write_area(e.u8(kind::GRANTED)?, area)?,
        Frame::Withdrawn(area) => _ = e.u8(kind::WITHDRAWN)?.u32(area.0)?,
        Frame::Grants(set) => write_grants(e.u8(kind::GRANTS)?, set)?,
        Frame::Schema(bundle) => _ = e.u8(kind::SCHEMA)?.str(bundle)?,
        Frame::Lease(lease) => _ = e.u8(kind::LEASE)?.i64(lease.until)?.bytes(&lease.secret)?,
        Frame::ReadsKept(n) => _ = e.u8(kind::READS_KEPT)?.u64(*n)?,
        Frame::Times(times) => write_times(e.u8(kind::TIMES)?, times)?,
        Frame::Ruling(ruling) => write_ruling(e.u8(kind::RULING)?, ruling)?,
        Frame::Restored(notice) => {
            let kind = if notice.suite.is_some() { kind::NOTICE } else { kind::RESTORED };
            write_restored(e.u8(kind)?, notice)?;
        }
        Frame::Recovery(phase) => write_phase(e.u8(kind::RECOVERY)?, *phase)?,
        Frame::Welcome(w) => {
            match w.suite {
                None => e.u8(kind::WELCOME)?,
                Some(suite) => e.u8(kind::WELCOME_SUITE)?.u8(suite.number())?,
            }
            .u32(w.device.0)?
            .u64(w.server_epoch.0)?
            .bytes(&w.server_key)?;
            e.str(&w.user)?.str(&w.name)?;
        }
    }
    Ok(())
}

fn write_ruling(e: &mut Out<'_>, ruling: &Ruling) -> Written {
    e.bytes(&ruling.feed.0)?.u64(ruling.n)?.bool(ruling.admitted)?;
    e.str(&ruling.by)?.i64(ruling.at)?.str(&ruling.note)?;
    Ok(())
}

fn write_area(e: &mut Out<'_>, area: &AreaInfo) -> Written {
    e.u32(area.no.0)?
        .u32(area.parent.map_or(0, |p| p.0))?
        .str(&area.code)?
        .str(&area.kind)?
        .str(&area.name)?;
    write_edges(e, &area.edges)
}

/// Writes edges flat, and only for an area that was moved.
fn write_edges(e: &mut Out<'_>, edges: &[Edge]) -> Written {
    if edges.is_empty() {
        return Ok(());
    }
    e.array(edges.len() as u64 * 3)?;
    for edge in edges {
        e.u32(edge.above.0)?.i64(edge.from)?;
        match edge.to {
            None => e.null()?,
            Some(to) => e.i64(to)?,
        };
    }
    Ok(())
}

fn read_edges(d: &mut Decoder<'_>) -> Result<Vec<Edge>, WireError> {
    if d.position() == d.input().len() {
        return Ok(Vec::new());
    }
    let count = read_length(d.array()?)?;
    if count > limits::AREA_EDGES * 3 || !count.is_multiple_of(3) {
        return Err(WireError::TooLarge("edges of an area"));
    }
    let edge = |_| {
        let (above, from) = (AreaNo(d.u32()?), d.i64()?);
        let to = read_optional(d, |d| Ok(d.i64()?))?;
        Ok(Edge { above, from, to })
    };
    (0..count / 3).map(edge).collect()
}

fn write_grants(e: &mut Out<'_>, set: &GrantSet) -> Written {
    e.array(set.grants.len() as u64)?;
    for grant in &set.grants {
        e.array(4)?.str(&grant.role)?.u32(grant.area.0)?.i64(grant.from)?;
        match grant.to {
            None => e.null()?,
            Some(to) => e.i64(to)?,
        };
    }
    e.u32(set.territory)?;
    Ok(())
}

/// Takes one whole frame off the front of `arrived`; `None` while the frame is incomplete.
pub fn take_frame(arrived: &mut Vec<u8>, names: &dyn RecordNames) -> Result<Option<Frame>, WireError> {
    let mut d = Decoder::new(arrived);
    let inner = match d.bytes() {
        Ok(inner) => inner,
        Err(error) if error.is_end_of_input() => return Ok(None),
        Err(_) => return Err(WireError::Malformed("frame")),
    };
    let frame = read_frame(inner, names)?;
    let used = d.position();
    arrived.drain(..used);
    Ok(Some(frame))
}

fn read_frame(inner: &[u8], names: &dyn RecordNames) -> Result<Frame, WireError> {
    let mut d = Decoder::new(inner);
    Ok(match d.u8()? {
        kind::END => Frame::End { more: d.bool()? },
        kind::TIME => Frame::Time { at: d.i64()?, epoch: ServerEpoch(d.u64()?) },
        kind::RECEIPT => Frame::Receipt(read_receipt(&mut d, false)?),
        kind::VERDICTS => Frame::Receipt(read_receipt(&mut d, true)?),
        kind::DELTA => Frame::Delta(delta::read_delta(d.bytes()?, names)?),
        kind::GRANTED => Frame::Granted(read_area(&mut d)?),
        kind::WITHDRAWN => Frame::Withdrawn(AreaNo(d.u32()?)),
        kind::GRANTS => Frame::Grants(read_grants(&mut d)?),
        kind::SCHEMA => Frame::Schema(d.str()?.to_owned()),
        kind::LEASE => Frame::Lease(Lease { until: d.i64()?, secret: to_array(d.bytes()?)? }),
        kind::READS_KEPT => Frame::ReadsKept(d.u64()?),
        kind::TIMES => Frame::Times(read_times(&mut d)?),
        kind::RULING => Frame::Ruling(Ruling {
            feed: FeedId(to_array(d.bytes()?)?),
            n: d.u64()?,
            admitted: d.bool()?,
            by: d.str()?.to_owned(),
            at: d.i64()?,
            note: d.str()?.to_owned(),
        }),
        kind::RESTORED => Frame::Restored(read_restored(&mut d, false)?),
        kind::NOTICE => Frame::Restored(read_restored(&mut d, true)?),
        kind::RECOVERY => Frame::Recovery(read_phase(&mut d)?),
        kind @ (kind::WELCOME | kind::WELCOME_SUITE) => Frame::Welcome(Welcome {
            suite: read_suite_if(&mut d, kind == kind::WELCOME_SUITE)?,
            device: DeviceNo(d.u32()?),
            server_epoch: ServerEpoch(d.u64()?),
            server_key: to_array(d.bytes()?)?,
            user: d.str()?.to_owned(),
            name: d.str()?.to_owned(),
        }),
        _ => return Err(WireError::Malformed("frame kind")),
    })
}

fn read_area(d: &mut Decoder<'_>) -> Result<AreaInfo, WireError> {
    let (no, parent) = (AreaNo(d.u32()?), d.u32()?);
    let parent = (parent != 0).then_some(AreaNo(parent));
    Ok(AreaInfo {
        no,
        parent,
        code: d.str()?.to_owned(),
        kind: d.str()?.to_owned(),
        name: d.str()?.to_owned(),
        edges: read_edges(d)?,
    })
}

fn read_grants(d: &mut Decoder<'_>) -> Result<GrantSet, WireError> {
    let count = read_length(d.array()?)?;
    let grants = (0..count)
        .map(|_| {
            d.array()?;
            let (role, area, from) = (d.str()?.to_owned(), AreaNo(d.u32()?), d.i64()?);
            Ok(Grant { role, area, from, to: read_optional(d, |d| Ok(d.i64()?))? })
        })
        .collect::<Result<_, WireError>>()?;
    let territory = d.u32()?;
    Ok(GrantSet { grants, territory })
}
