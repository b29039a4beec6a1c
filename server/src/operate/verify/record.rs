//! A record: derived again from what its generation began with and its entries since, in log order, each on what its
//! author had seen. What was erased must be in none of them.

use std::collections::BTreeMap;

use gridledger_core::canonical;
use gridledger_core::derive::{Authored, Seen};
use gridledger_core::digest;
use gridledger_core::document::{Document, RULES_VERSION};
use gridledger_core::epoch::Erasure;
use gridledger_core::project::project;
use gridledger_core::references::{self, Named};
use gridledger_schema::entry::{Entry, Target};
use gridledger_schema::set::RecordType;
use serde_json::Value;

use super::{Kind, VerifyReport};
use crate::operate::tools;
use crate::service::Service;
use crate::service::clock::shown_time;
use crate::shown::tool_row::shown;
use crate::store::StoreError;
use crate::store::rows::records::{DocumentRow, HistoryRow, LogRow, RecordRow};
use crate::store::rows::tools::FACET;

/// Checks one record; the digest term of each facet as its entries make it.
pub(crate) fn check(
    service: &Service,
    row: &RecordRow,
    report: &mut VerifyReport,
) -> Result<Vec<(u8, u128)>, StoreError> {
    report.records += 1;
    let id = row.record;
    let history = service.store.history(id);
    let Some(history) = report.take(id, history)? else {
        return Ok(Vec::new());
    };
    let bases = service.store.bases(id);
    let Some(bases) = report.take(id, bases)? else {
        return Ok(Vec::new());
    };
    let Some(mut made) = Made::make(row, &bases, &history) else {
        report.note(Kind::Record, id, "its entries cannot be derived again");
        return Ok(Vec::new());
    };
    made.compare_row(row, report);
    made.nothing_erased_is_left(row, &history, report);
    if row.rules != RULES_VERSION {
        // No entry is derived under rules that are not its generation's: its documents are taken as they are.
        made.facets = stored_facets(service, row)?;
    }
    let terms: Vec<(u8, u128)> = made
        .facets
        .iter()
        .map(|(facet, document)| (*facet, digest::term(id, *facet, row.epoch, &document.heads())))
        .collect();
    let stored = service.store.record(id);
    if let Some(Some((_, documents))) = report.take(id, stored)? {
        made.compare_documents(row, &documents, &terms, report);
    }
    match service.schema.record_type(&row.record_type) {
        None => report.note(Kind::Record, id, format!("no record type {}", row.record_type)),
        Some(record_type) => {
            let ledger = service.store.ledger_row(id);
            if let Some(Some(ledger)) = report.take(id, ledger)? {
                made.compare_ledger(row, record_type, &ledger.views, report);
                made.compare_shown(service, row, record_type, report)?;
            }
            made.look_up_references(service, row, record_type, report)?;
        }
    }
    Ok(terms)
}

/// A record made again.
struct Made {
    facets: BTreeMap<u8, Document>,
    row: Totals,
    create: Option<String>,
}

/// The totals that a record's row should hold.
#[derive(Clone, Default, PartialEq, Eq)]
struct Totals {
    created: u64,
    last: u64,
    entries: u64,
    bytes_since: u64,
    created_by: String,
    created_at: i64,
    changed_by: String,
    changed_at: i64,
}

impl Made {
    /// Derives the entries since the generation began; `None` if that cannot be.
    fn make(row: &RecordRow, bases: &[(u8, Vec<u8>)], history: &[HistoryRow]) -> Option<Self> {
        let mut made = Self { facets: BTreeMap::new(), row: Totals::default(), create: None };
        for (facet, bytes) in bases {
            made.facets.insert(*facet, Document::load_checked(bytes).ok()?);
        }
        for kept in history {
            let Some(line) = &kept.log else { continue };
            if kept.body.is_empty() && line.seq <= row.began {
                made.count_erased(row, kept, line);
                continue;
            }
            let entry = canonical::decode(&kept.body).ok()?;
            if line.seq > row.began && row.rules == RULES_VERSION {
                made.derive(kept, line, &entry)?;
            }
            made.count(row, kept, line, &entry);
        }
        Some(made)
    }

    fn derive(&mut self, kept: &HistoryRow, line: &LogRow, entry: &Entry) -> Option<()> {
        let authored = Authored { feed: kept.feed, author: &kept.author, entry };
        let touched = entry.facets();
        for facet in (0..64u8).filter(|facet| touched & (1 << facet) != 0) {
            let seen = match &line.seen {
                None => Seen::All,
                Some(seen) => {
                    let of_facet = seen.iter().filter(|(of, ..)| *of == facet);
                    Seen::Clock(of_facet.map(|(_, feed, n)| (*feed, *n)).collect())
                }
            };
            let document = self.facets.entry(facet).or_default();
            document.derive(authored, facet, &seen).ok()?;
        }
        Some(())
    }

    fn count(&mut self, of: &RecordRow, kept: &HistoryRow, line: &LogRow, entry: &Entry) {
        let row = &mut self.row;
        let at = shown_time(entry.at, kept.received_at);
        if row.entries == 0 {
            (row.created, row.created_by, row.created_at) = (line.seq, kept.author.clone(), at);
        }
        if let Target::Create { record_type, .. } = &entry.target {
            self.create = Some(record_type.clone());
        }
        row.last = line.seq;
        row.entries += 1;
        if line.seq > of.began {
            row.bytes_since += kept.body.len() as u64;
        }
        (row.changed_by, row.changed_at) = (kept.author.clone(), at);
    }

    /// Counts an erased entry. Its place and author are known; for its other values the record's row is believed.
    fn count_erased(&mut self, of: &RecordRow, kept: &HistoryRow, line: &LogRow) {
        let row = &mut self.row;
        if row.entries == 0 {
            (row.created, row.created_by, row.created_at) = (line.seq, kept.author.clone(), of.created_at);
            self.create = Some(of.record_type.clone());
        }
        row.last = line.seq;
        row.entries += 1;
        (row.changed_by, row.changed_at) = (kept.author.clone(), of.changed_at);
    }

    /// No entry holds what a base says was erased before it, and of an erased record none holds anything.
    fn nothing_erased_is_left(&self, row: &RecordRow, history: &[HistoryRow], report: &mut VerifyReport) {
        let bases = self.facets.values().filter_map(Document::base);
        let erased: Vec<Erasure> = bases.flat_map(|base| base.erased).collect();
        for kept in history.iter().filter(|kept| !kept.body.is_empty()) {
            let entry = canonical::decode(&kept.body);
            let holds = |e: &Erasure| entry.as_ref().is_ok_and(|entry| e.beats(kept.feed, entry));
            if row.erased || erased.iter().any(holds) {
                let of = format!("{}.{}", kept.feed, kept.n);
                report.note(Kind::Erased, of, "holds what was erased");
            }
        }
    }

    fn compare_row(&self, row: &RecordRow, report: &mut VerifyReport) {
        let says = Totals {
            created: row.created,
            last: row.last,
            entries: row.entries,
            bytes_since: row.entry_bytes.saturating_sub(row.before.entry_bytes),
            created_by: row.created_by.clone(),
            created_at: row.created_at,
            changed_by: row.changed_by.clone(),
            changed_at: row.changed_at,
        };
        let mut made = self.row.clone();
        if row.arrived > 0 {
            // Its short name is where it arrived; its entries may be of before.
            (made.created, made.last) = (row.arrived, made.last.max(row.arrived));
        }
        made.last = made.last.max(row.began);
        if says != made {
            report.note(
                Kind::Record,
                row.record,
                "positions, counts, people or times differ from its entries",
            );
        }
        // A record may be moved to another area, never to another type.
        if self.create.as_ref().is_none_or(|record_type| *record_type != row.record_type) {
            report.note(Kind::Record, row.record, "no entry creates it as this type");
        }
    }

    fn compare_documents(
        &self,
        row: &RecordRow,
        stored: &[DocumentRow],
        terms: &[(u8, u128)],
        report: &mut VerifyReport,
    ) {
        let mut differ = |facet: u8, what: &str| {
            report.note(Kind::Document, row.record, format!("facet {facet}: {what}"));
        };
        for document in stored {
            let facet = document.facet;
            let Some(made) = self.facets.get(&facet) else {
                differ(facet, "no entry touches it");
                continue;
            };
            // Every hash is computed: equal heads then mean equal contents.
            match Document::load_checked(&document.bytes) {
                Err(_) => differ(facet, "cannot be read"),
                Ok(kept) if kept.heads() != made.heads() => {
                    differ(facet, "its heads are not those its entries make");
                }
                Ok(_) => {}
            }
            if !terms.contains(&(facet, document.term)) {
                differ(facet, "its digest term is not that of its heads");
            }
        }
        for facet in self.facets.keys() {
            if stored.iter().all(|document| document.facet != *facet) {
                differ(*facet, "is not there");
            }
        }
    }

    fn compare_ledger(
        &self,
        row: &RecordRow,
        record_type: &RecordType,
        views: &[(u8, Value)],
        report: &mut VerifyReport,
    ) {
        let mut differ = |facet: u8, what: &str| {
            report.note(Kind::Ledger, row.record, format!("facet {facet}: {what}"));
        };
        for (facet, document) in &self.facets {
            match views.iter().find(|(of, _)| of == facet) {
                None => differ(*facet, "is not there"),
                Some((_, view)) if *view != read_back(&project(record_type, [document]).to_json()) => {
                    differ(*facet, "is not the view of its document");
                }
                Some(_) => {}
            }
        }
        for (facet, _) in views {
            if !self.facets.contains_key(facet) {
                differ(*facet, "no entry touches it");
            }
        }
    }
}

impl Made {
    /// Compares the row for tools with the document, once every such row was written under this schema set.
    fn compare_shown(
        &self,
        service: &Service,
        row: &RecordRow,
        record_type: &RecordType,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError> {
        let document = self.facets.get(&FACET);
        let made = document.map(|document| shown(record_type, &project(record_type, [document])));
        if service.store.shown(row.record)? != made && tools::is_written(service)? {
            report.note(Kind::Ledger, row.record, "what tools are shown is not what they may see");
        }
        Ok(())
    }
}

impl Made {
    /// Everything that the record names is there, and is of the type that the schema set says.
    fn look_up_references(
        &self,
        service: &Service,
        row: &RecordRow,
        record_type: &RecordType,
        report: &mut VerifyReport,
    ) -> Result<(), StoreError> {
        let view = project(record_type, self.facets.values());
        for reference in references::list_in_view(&service.schema, record_type, &view) {
            let refused = match &reference.to {
                Named::Record(record, _) => reference.check_type(service.store.type_of(*record)?.as_deref()),
                Named::Person(login) if !service.store.has_login(login)? => Err(reference.no_such_person()),
                Named::Person(_) => Ok(()),
            };
            if let Err(refusal) = refused {
                let what = format!("{}: {}", reference.field, refusal.rule);
                report.note(Kind::Reference, row.record, what);
            }
        }
        Ok(())
    }
}

fn stored_facets(service: &Service, row: &RecordRow) -> Result<BTreeMap<u8, Document>, StoreError> {
    let documents = service.store.record(row.record)?.map(|(_, documents)| documents);
    let documents = documents.unwrap_or_default().into_iter();
    Ok(documents.filter_map(|d| Some((d.facet, Document::load(&d.bytes).ok()?))).collect())
}

/// A view as it comes out of the store: some numbers are other ones after a round through text.
fn read_back(view: &Value) -> Value {
    serde_json::from_str(&view.to_string()).unwrap_or_default()
}
