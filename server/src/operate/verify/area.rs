//! An area: its log without a gap but before what arrived, its digest the sum over its documents, each of its records made again.

use gridledger_core::digest::{self, Digests};
use gridledger_schema::ids::AreaNo;

use super::{Kind, VerifyReport, record};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::records::EventKind;

/// Lines read at once.
const BATCH: usize = 5_000;

pub(crate) fn check(service: &Service, area: AreaNo, report: &mut VerifyReport) -> Result<(), StoreError> {
    report.areas += 1;
    let of = format!("area {area}");
    let head = service.store.head(area);
    let Some(head) = report.take(&of, head)? else {
        return Ok(());
    };
    let last = log(service, area, report)?;
    let last = through_events(service, area, (last, head.seq), report)?;
    if last != head.seq {
        let what = format!("the log ends at {last}, the area says {}", head.seq);
        report.note(Kind::Log, &of, what);
    }
    let records = service.store.records_of(area);
    let mut sums = Digests::new();
    for row in report.take(&of, records)?.unwrap_or_default() {
        for (facet, term) in record::check(service, &row, report)? {
            digest::add(&mut sums, facet, term);
        }
    }
    for facet in digest::list_differing(&head.digests, &sums) {
        let what = format!("facet {facet}: not the sum over the area's documents");
        report.note(Kind::Digest, &of, what);
    }
    Ok(())
}

/// Walks the area's log; its last position.
fn log(service: &Service, area: AreaNo, report: &mut VerifyReport) -> Result<u64, StoreError> {
    let mut last = 0;
    loop {
        let lines = service.store.log_lines(area, last, BATCH);
        let Some(lines) = report.take(format!("area {area}"), lines)? else {
            return Ok(last);
        };
        for line in &lines {
            if line.seq != last + 1 {
                last = through_events(service, area, (last, line.seq), report)?;
            }
            if line.seq > last + 1 {
                let what = format!("lines {} to {} are missing", last + 1, line.seq - 1);
                report.note(Kind::Log, format!("area {area}"), what);
            }
            last = line.seq;
            report.lines += 1;
        }
        if lines.len() < BATCH {
            return Ok(last);
        }
    }
}

/// Walks over log events that follow `last` without a gap, up to `upto`, and gives the last position reached. A record from
/// another area arrives beyond every position of both logs, and a restored store continues far above. The positions in
/// between belong to no row.
fn through_events(
    service: &Service,
    area: AreaNo,
    (mut last, upto): (u64, u64),
    report: &mut VerifyReport,
) -> Result<u64, StoreError> {
    let events = service.store.events_between(area, last, upto);
    for event in report.take(format!("area {area}"), events)?.unwrap_or_default() {
        if event.seq == last + 1 || matches!(event.kind, EventKind::Arrived | EventKind::Restored) {
            last = event.seq;
        }
    }
    Ok(last)
}
