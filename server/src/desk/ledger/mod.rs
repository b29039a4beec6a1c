//! Ledgers (台账): pages of a record type's merged rows for people at desks. Incremental, masked, never half an entry.
//!
//! Reading order: [`question`] reads what a pull asks for; [`cursor`] holds the position where a pull goes on; [`page()`]
//! answers a pull; `unmasked` notes unmasked rows in the read log; [`mod@csv`] writes a page as CSV.

use crate::shown::columns;
use crate::shown::row;
pub mod csv;
pub mod cursor;
pub mod question;
mod unmasked;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::set::{RecordType, Scope};
use serde_json::{Value, json};

use crate::faults::is_planted;
use crate::rights::reader::{Reaches, ReadError, Reader};
use crate::shown::row::Cells;
use crate::store::rows::records::{LedgerQuery, LedgerRow};
use cursor::{Cursor, CursorError};
use gridledger_core::handlers::handlers;
use question::Question;

/// Rows looked at for one page at most; a filter that finds less gets a short page with more to come.
const SCANNED_ROWS: usize = 50_000;
/// Rows read from the store at once.
const BATCH_ROWS: usize = 2_000;

/// A page of a ledger.
#[derive(Clone, Debug)]
pub struct Page<'a> {
    /// The type.
    pub record_type: &'a RecordType,
    /// The rows, by area and the order of their last change.
    pub rows: Vec<Cells>,
    /// Records that may have been shown before and are not wanted any more: they moved away, were erased, are out of the
    /// reader's reach, or match the question no longer.
    pub left: Vec<RecordId>,
    /// The cursor of the next pull.
    pub cursor: String,
    /// Whether there is more now.
    pub more: bool,
}

impl Page<'_> {
    /// The page as one JSON object.
    pub fn to_json(&self) -> Value {
        json!({ "rows": self.rows, "left": self.left, "cursor": self.cursor, "more": self.more })
    }

    /// The rows as JSON, one a line, then what left.
    pub fn to_ndjson(&self) -> String {
        let mut lines = String::new();
        for cells in &self.rows {
            lines.push_str(&json!(cells).to_string());
            lines.push('\n');
        }
        for record in &self.left {
            lines.push_str(&json!({ "id": record, "left": true }).to_string());
            lines.push('\n');
        }
        lines
    }
}

/// Answers one pull. The cursor moves over rows that are not shown too, so that no filter makes it skip or stall: a
/// row comes again exactly when its record changed after it was passed. Unmasked rows are in the read log when this
/// returns.
pub fn page<'q>(reader: &Reader<'_>, question: &Question<'q>) -> Result<Page<'q>, ReadError> {
    let areas = reader.areas(question.area.as_deref())?;
    let plain = question.unmask.as_ref();
    let export = match plain {
        Some(plain) => unmasked::may_unmask(reader, question, plain, &areas)?,
        None => None,
    };
    let (binding, epoch) = (question.binding(), reader.service.identity.epoch);
    let mut cursor = match &question.since {
        Some(since) => Cursor::decode(since, epoch, binding).map_err(not_a_cursor)?,
        None => Cursor::default(),
    };
    let mut scan = Scan {
        reader,
        question,
        columns: columns::columns(question.record_type),
        reaches: Reaches::new(reader),
        masks: plain.is_none(),
        rows: Vec::new(),
        shown: HashSet::new(),
        left: BTreeSet::new(),
        seen: Vec::new(),
        began: cursor.positions.clone(),
    };
    let more = scan.run(&areas, &mut cursor)?;
    if let Some(plain) = plain {
        unmasked::note_unmasked(reader, question, (plain, export.as_ref()), &scan.seen)?;
    }
    Ok(Page {
        record_type: question.record_type,
        rows: scan.rows,
        left: scan.left.into_iter().collect(),
        cursor: cursor.encode(epoch, binding),
        more,
    })
}

/// Refuses a text that is no cursor of this question.
pub(crate) fn not_a_cursor(error: CursorError) -> Refusal {
    let code = match error {
        CursorError::OtherGeneration => Code::ServerEpochChanged,
        CursorError::Malformed | CursorError::OtherQuestion => Code::BadRequest,
    };
    Refusal::of_field(code, "since", error.to_string())
}

struct Scan<'a, 'q> {
    reader: &'a Reader<'a>,
    question: &'a Question<'q>,
    columns: Vec<columns::Column<'q>>,
    reaches: Reaches<'a>,
    masks: bool,
    rows: Vec<Cells>,
    shown: HashSet<RecordId>,
    left: BTreeSet<RecordId>,
    /// The records of the rows, and where each is.
    seen: Vec<(RecordId, AreaNo)>,
    /// The position of each area when the pull began.
    began: BTreeMap<AreaNo, u64>,
}

impl Scan<'_, '_> {
    /// Reads until the page is full, enough was looked at, or one look at every area finds nothing more; whether there may
    /// be more. Records move between areas: only such a look says that each was met.
    fn run(&mut self, areas: &[AreaNo], cursor: &mut Cursor) -> Result<bool, ReadError> {
        let (mut first, mut scanned) = (0, 0);
        loop {
            let limit = (self.question.limit - self.rows.len()).min(BATCH_ROWS);
            let query = LedgerQuery {
                record_type: self.question.record_type.name.clone(),
                areas: areas[first..]
                    .iter()
                    .map(|area| (*area, cursor.positions.get(area).copied().unwrap_or(0)))
                    .collect(),
                limit,
            };
            let found = self.reader.service.store.ledger(&query)?;
            let count = found.rows.len();
            let whole = first == 0;
            for row in found.rows {
                let (area, position) = row.position();
                cursor.positions.insert(area, position);
                self.take(&row, areas)?;
                // The areas before it had nothing more when it was read.
                first = areas.binary_search(&area).unwrap_or(first);
            }
            cursor.positions.extend(found.read);
            scanned += count;
            if count < limit && whole {
                return Ok(false);
            }
            if self.rows.len() >= self.question.limit || scanned >= SCANNED_ROWS {
                return Ok(true);
            }
            if count < limit {
                first = 0;
            }
        }
    }

    /// Removes a record's row from this page: the record has moved, or its row comes again.
    fn forget(&mut self, record: RecordId) {
        if self.shown.remove(&record) {
            let id = json!(record);
            self.rows.retain(|cells| cells.get("id") != Some(&id));
            self.seen.retain(|(seen, _)| *seen != record);
        }
        self.left.remove(&record);
    }

    /// Takes a row onto the page if the reader may see it and the question wants it.
    fn take(&mut self, row: &LedgerRow, areas: &[AreaNo]) -> Result<(), ReadError> {
        let record = row.record.record;
        if row.left.is_some() && areas.binary_search(&row.record.area).is_ok() {
            return Ok(()); // The record is among the rows of its present area.
        }
        self.forget(record);
        if row.left.is_some() || row.record.erased {
            return self.note_left(row);
        }
        let reach = self.reaches.reach(row.record.area);
        let view = Value::Object(row::merged(self.question.record_type, &row.views, reach));
        if !reach.covers(self.reader.login, &row.record, handlers(&view)) {
            return self.note_left(row);
        }
        let Value::Object(view) = view else {
            return Ok(());
        };
        let area = self.reader.tree().get(row.record.area);
        let cells = row::cells(&self.columns, row, &view, area, self.masks);
        let wanted = row::matches(&cells, &self.question.filters)
            && self.question.text.as_ref().is_none_or(|text| row::contains(&self.columns, &cells, text));
        if wanted {
            self.shown.insert(record);
            self.rows.push(cells);
            self.seen.push((row.record.record, row.record.area));
            return Ok(());
        }
        self.note_left(row)
    }

    /// Notes that a record is no longer wanted, if an earlier page may have shown it.
    fn note_left(&mut self, row: &LedgerRow) -> Result<(), ReadError> {
        let is_here = row.left.is_none() && !row.record.erased;
        if self.question.since.is_some() && !(is_here && is_planted("04")) && self.was_shown(row)? {
            self.left.insert(row.record.record);
        }
        Ok(())
    }

    /// Whether a record was within the reader's reach where this pull goes on.
    fn was_shown(&mut self, row: &LedgerRow) -> Result<bool, ReadError> {
        let (area, _) = row.position();
        let after = self.began.get(&area).copied().unwrap_or(0);
        let record = &row.record;
        let is_new = row.left.is_none() && record.arrived == 0 && record.created > after;
        if is_new {
            return Ok(false);
        }
        let login = self.reader.login;
        Ok(match self.reaches.reach(area).scope {
            Some(Scope::Area) => true,
            Some(Scope::Own) | None => record.created_by == login,
            Some(Scope::Assigned) if record.created_by == login => true,
            Some(Scope::Assigned) => {
                let handled = self.reader.service.store.handled(record.record, login)?;
                handled.into_iter().any(|handled| handled.covers(after, after))
            }
        })
    }
}
