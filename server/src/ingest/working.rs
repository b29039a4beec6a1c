//! A record while a push is being decided: its documents, its log, and what changed.

mod generation;

use std::collections::{BTreeMap, BTreeSet};

use gridledger_core::derive::{Authored, Seen};
use gridledger_core::digest;
use gridledger_core::document::{Document, RULES_VERSION};
use gridledger_core::project::{View, project};
use gridledger_core::recovery;
use gridledger_core::retention;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::{Entry, Op};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId};
use gridledger_schema::set::{Merge, RecordType};

use super::Stop;
use crate::reading::handlers;
use crate::store::StoreError;
use crate::store::people::FeedRow;
use crate::store::records::{
    Before, DocumentRow, LedgerWrite, LogRow, RecordLine, RecordRow, RecordWrite, SeenHeads, Source,
};
use crate::tools::columns::FACET;
use crate::tools::shown::shown;

/// What an entry's author had seen of each facet it touches.
pub(super) type SeenFacets = Vec<(u8, Seen)>;

struct Facet {
    document: Document,
    /// The digest term as stored, and whether the document changed since.
    stored_term: u128,
    changed: bool,
}

pub(crate) struct Working {
    pub(crate) row: RecordRow,
    /// The area its author named, of a new record that belongs in another by now.
    pub(crate) named: Option<AreaNo>,
    facets: BTreeMap<u8, Facet>,
    /// The record's log above a position, as stored; read only when someone had not seen everything.
    log: Option<(u64, Vec<RecordLine>)>,
    /// Its lines of this push.
    fresh: Vec<RecordLine>,
    /// What its generation began with, if it began in this push.
    base: Option<Vec<(u8, Vec<u8>)>>,
    view: Option<View>,
}

/// What an author has written: a feed, and the feeds of the same device before it, each up to an entry.
pub(super) struct Own<'a> {
    pub(super) feed: FeedId,
    pub(super) before: &'a [(FeedId, u64)],
}

impl Own<'_> {
    fn wrote(&self, line: &RecordLine) -> bool {
        let mut before = self.before.iter();
        line.feed == self.feed || before.any(|(feed, last)| *feed == line.feed && line.n <= *last)
    }
}

/// What a record leaves to be written.
pub(crate) struct Finished {
    pub(crate) record: RecordWrite,
    pub(crate) digest_changes: Vec<(u8, u128)>,
}

impl Working {
    pub(super) fn new(record: RecordId, record_type: &str, area: AreaNo) -> Self {
        let row = RecordRow {
            record,
            area,
            record_type: record_type.to_owned(),
            epoch: 0,
            created: 0,
            last: 0,
            entries: 0,
            entry_bytes: 0,
            created_by: String::new(),
            created_at: 0,
            changed_by: String::new(),
            changed_at: 0,
            began: 0,
            arrived: 0,
            erased: false,
            before: Before::default(),
            rules: RULES_VERSION,
            due_at: None,
        };
        Self {
            row,
            named: None,
            facets: BTreeMap::new(),
            log: Some((0, Vec::new())),
            fresh: Vec::new(),
            base: None,
            view: None,
        }
    }

    /// The new record in the area where it belongs by now.
    pub(super) fn at_home(mut self, home: AreaNo) -> Self {
        let named = std::mem::replace(&mut self.row.area, home);
        self.named = (named != home).then_some(named);
        self
    }

    pub(crate) fn load(row: RecordRow, documents: Vec<DocumentRow>) -> Result<Self, StoreError> {
        let facets = documents
            .into_iter()
            .map(|d| {
                let document = Document::load(&d.bytes).map_err(|_| StoreError::Damaged("documents"))?;
                Ok((
                    d.facet,
                    Facet {
                        document,
                        stored_term: d.term,
                        changed: false,
                    },
                ))
            })
            .collect::<Result<_, StoreError>>()?;
        Ok(Self {
            row,
            named: None,
            facets,
            log: None,
            fresh: Vec::new(),
            base: None,
            view: None,
        })
    }

    /// What the author of `entry` had seen: the record's entries up to the cursor, and the author's own.
    pub(super) fn seen(
        &mut self,
        source: &mut dyn Source,
        own: &Own<'_>,
        entry: &Entry,
    ) -> Result<SeenFacets, StoreError> {
        let touched = entry.facets();
        let facets = (0..64u8).filter(|f| touched & (1 << f) != 0);
        if self.row.last <= entry.cursor {
            return Ok(facets.map(|f| (f, Seen::All)).collect());
        }
        // Whoever knew that the generation had begun had seen all that its base is made of.
        let knew = entry.cursor >= self.row.began;
        let above = if knew { self.row.began } else { 0 };
        self.read_log(source, above)?;
        let lines = || {
            let stored = self.log.iter().flat_map(|(_, lines)| lines);
            stored.chain(&self.fresh).filter(|line| line.seq > above)
        };
        let base = |facet: u8| self.facets.get(&facet).and_then(|f| f.document.base());
        Ok(facets
            .map(|facet| {
                let before = base(facet).filter(|_| knew).map(|base| base.clock);
                (
                    facet,
                    seen_of(before.unwrap_or_default(), lines(), own, entry.cursor, facet),
                )
            })
            .collect())
    }

    /// What the author of `entry` had seen, where a clock says what of others: as much of that as is here, and the
    /// author's own.
    pub(super) fn seen_by_clock(&self, feed: FeedId, entry: &Entry, clock: &SeenHeads) -> SeenFacets {
        let touched = entry.facets();
        let facets = (0..64u8).filter(|facet| touched & (1 << facet) != 0);
        let seen = |facet: u8| {
            let here = self.clock(facet);
            let mut wanted = of_facet(clock, facet);
            wanted.retain(|(of, _)| *of != feed);
            wanted.extend(here.iter().filter(|(of, _)| *of == feed));
            let held = recovery::held_of(&here, &wanted);
            if held == here {
                Seen::All
            } else {
                Seen::Clock(held)
            }
        };
        facets.map(|facet| (facet, seen(facet))).collect()
    }

    /// Whether something of what a clock says is not here.
    pub(super) fn lacks(&self, record_type: Option<&RecordType>, clock: &SeenHeads) -> bool {
        let facets: BTreeSet<u8> = clock.iter().map(|(facet, ..)| *facet).collect();
        facets.into_iter().any(|facet| {
            let nobodys = recovery::nobodys(record_type, self.row.record, facet);
            let lacking = recovery::missing(&self.clock(facet), &of_facet(clock, facet));
            lacking.iter().any(|(feed, ..)| !nobodys.contains(feed))
        })
    }

    fn clock(&self, facet: u8) -> Vec<(FeedId, u64)> {
        let document = self.facets.get(&facet);
        document.map_or_else(Vec::new, |held| held.document.clock())
    }

    fn read_log(&mut self, source: &mut dyn Source, above: u64) -> Result<(), StoreError> {
        if self.log.as_ref().is_none_or(|(from, _)| *from > above) {
            self.log = Some((above, source.record_log(self.row.record, above)?));
        }
        Ok(())
    }

    /// The record as it is now.
    pub(super) fn view(&mut self, record_type: &RecordType) -> &View {
        let facets = &self.facets;
        self.view
            .get_or_insert_with(|| project(record_type, facets.values().map(|f| &f.document)))
    }

    /// The record as the author had seen it, where that differs and a rule looks at it.
    pub(super) fn seen_view(
        &self,
        record_type: &RecordType,
        entry: &Entry,
        seen: &SeenFacets,
    ) -> Result<Option<View>, Stop> {
        let looked_at = entry.intents.iter().any(|intent| {
            let merge = record_type.field(&intent.field).map(|f| f.merge);
            matches!(intent.op, Op::Event { .. } | Op::Splice { .. }) || merge == Some(Merge::Once)
        });
        if !looked_at || seen.iter().all(|(_, s)| *s == Seen::All) {
            return Ok(None);
        }
        let mut past = Vec::new();
        for (facet, facet_now) in &self.facets {
            let seen = seen
                .iter()
                .find(|(f, _)| f == facet)
                .map_or(&Seen::All, |(_, s)| s);
            past.push(
                facet_now
                    .document
                    .at(seen)
                    .map_err(|e| Refusal::new(Code::SeenImpossible, e.to_string()))?,
            );
        }
        Ok(Some(project(record_type, &past)))
    }

    /// Derives the entry; returns what its changes were made on, unless that was everything.
    pub(super) fn derive(
        &mut self,
        feed: &FeedRow,
        entry: &Entry,
        seen: &SeenFacets,
    ) -> Result<Option<SeenHeads>, Stop> {
        let authored = Authored {
            feed: feed.feed,
            author: &feed.author,
            entry,
        };
        let everything = seen.iter().all(|(_, s)| *s == Seen::All);
        let mut made_on = Vec::new();
        let mut next: Vec<(u8, Document)> = Vec::new();
        for (facet, seen) in seen {
            let mut document = self
                .facets
                .get(facet)
                .map(|f| f.document.clone())
                .unwrap_or_default();
            let clock = if everything {
                Vec::new()
            } else {
                document.clock_of(seen)
            };
            let hash = document
                .derive(authored, *facet, seen)
                .map_err(|e| Refusal::new(Code::DeriveFailed, e.to_string()))?;
            if !everything {
                made_on.extend(
                    document
                        .made_on(&hash, &clock)
                        .into_iter()
                        .map(|(feed, seq)| (*facet, feed, seq)),
                );
            }
            next.push((*facet, document));
        }
        for (facet, document) in next {
            let slot = self.facets.entry(facet).or_insert_with(|| Facet {
                document: Document::new(),
                stored_term: 0,
                changed: false,
            });
            (slot.document, slot.changed) = (document, true);
        }
        self.view = None;
        Ok((!everything).then_some(made_on))
    }

    /// Takes the documents of a new record, derived already.
    pub(super) fn take(&mut self, documents: Vec<(u8, Document)>) {
        for (facet, document) in documents {
            let (stored_term, changed) = (0, true);
            self.facets.insert(
                facet,
                Facet {
                    document,
                    stored_term,
                    changed,
                },
            );
        }
        self.view = None;
    }

    /// Notes the entry's line in the log.
    pub(super) fn logged(&mut self, line: &LogRow, author: &str, entry: &Entry, bytes: usize) {
        let row = &mut self.row;
        if row.entries == 0 {
            (row.created, row.created_by, row.created_at) = (line.seq, author.to_owned(), entry.at);
        }
        row.last = line.seq;
        row.entries += 1;
        row.entry_bytes += bytes as u64;
        (row.changed_by, row.changed_at) = (author.to_owned(), entry.at);
        self.fresh.push(RecordLine {
            seq: line.seq,
            feed: line.feed,
            n: line.n,
            facets: line.facets,
        });
    }

    pub(crate) fn finish(self, record_type: Option<&RecordType>) -> Option<Finished> {
        if self.row.erased {
            return Some(self.finish_erased());
        }
        let (mut documents, mut ledger, mut digest_changes) = (Vec::new(), Vec::new(), Vec::new());
        for (facet, changed) in self.facets.iter().filter(|(_, f)| f.changed) {
            let document = &changed.document;
            let term = digest::term(self.row.record, *facet, self.row.epoch, &document.heads());
            digest_changes.push((*facet, term.wrapping_sub(changed.stored_term)));
            documents.push(DocumentRow {
                facet: *facet,
                bytes: document.save(),
                term,
            });
            if let Some(record_type) = record_type {
                let view = project(record_type, [document]);
                let json = view.to_json();
                let named = || handlers(&json).map(str::to_owned).collect();
                ledger.push(LedgerWrite {
                    facet: *facet,
                    handlers: (*facet == FACET && names_handlers(record_type)).then(named),
                    view: json.to_string(),
                    shown: (*facet == FACET).then(|| shown(record_type, &view)),
                });
            }
        }
        let due_at = record_type.and_then(|t| retention::not_before(t, self.documents()));
        let record = RecordWrite {
            row: RecordRow { due_at, ..self.row },
            documents,
            ledger,
            base: self.base,
        };
        (!record.documents.is_empty()).then_some(Finished {
            record,
            digest_changes,
        })
    }
}

/// Whether a view of this type may name people who handle the record.
fn names_handlers(record_type: &RecordType) -> bool {
    record_type
        .fields
        .values()
        .any(|field| field.merge == Merge::Events || field.name == "co_handlers")
}

fn of_facet(clock: &SeenHeads, facet: u8) -> Vec<(FeedId, u64)> {
    let of_facet = clock.iter().filter(|(of, ..)| *of == facet);
    of_facet.map(|(_, feed, count)| (*feed, *count)).collect()
}

/// What someone had seen, of a generation whose base is made of `before`: entries up to the cursor, and the own ones.
fn seen_of<'a>(
    before: BTreeMap<FeedId, u64>,
    lines: impl Iterator<Item = &'a RecordLine>,
    own: &Own<'_>,
    cursor: u64,
    facet: u8,
) -> Seen {
    let (mut clock, mut all) = (before, true);
    for line in lines.filter(|line| line.facets & (1 << facet) != 0) {
        if line.seq <= cursor || own.wrote(line) {
            *clock.entry(line.feed).or_insert(0) += 1;
        } else {
            all = false;
        }
    }
    if all {
        Seen::All
    } else {
        Seen::Clock(clock.into_iter().collect())
    }
}
