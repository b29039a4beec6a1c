//! A record while a push is being decided: its documents, its log, and what changed.

mod feed_changes;
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

use feed_changes::FeedChanges;

use crate::record::stop::Stop;
use crate::shown::tool_row::shown;
use crate::store::StoreError;
use crate::store::rows::people::FeedRow;
use crate::store::rows::records::{
    Before, DocumentRow, LedgerWrite, LogRow, RecordLine, RecordRow, RecordWrite, SeenHeads, Source,
};
use crate::store::rows::tools::FACET;
use gridledger_core::handlers::{handlers, names_handlers};

/// The changes that an entry's author had seen, for each facet it touches.
pub(crate) type SeenFacets = Vec<(u8, Seen)>;

#[derive(Clone, Default)]
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
    /// The record's log above a position; read only when an author had not seen everything.
    log: Option<FeedChanges>,
    /// Its feed changes of this push.
    fresh: Vec<RecordLine>,
    /// The base of its generation, if that began in this push.
    base: Option<Vec<(u8, Vec<u8>)>>,
    view: Option<View>,
    /// Whether each change is merged at once, rather than when the whole is read.
    pub(crate) eager: bool,
    /// Units of work that nobody has counted yet.
    spent: u64,
}

/// An author's own work: a feed, and the feeds of the same device before it, each up to an entry.
pub(crate) struct Own<'a> {
    pub(crate) feed: FeedId,
    pub(crate) before: &'a [(FeedId, u64)],
}

/// The writes of a finished record.
pub(crate) struct Finished {
    pub(crate) record: RecordWrite,
    pub(crate) digest_changes: Vec<(u8, u128)>,
}

impl Working {
    pub(crate) fn new(record: RecordId, record_type: &str, area: AreaNo) -> Self {
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
            log: Some(FeedChanges::default()),
            fresh: Vec::new(),
            base: None,
            view: None,
            eager: false,
            spent: 0,
        }
    }

    /// The new record in the area where it belongs by now.
    pub(crate) fn at_home(mut self, home: AreaNo) -> Self {
        let named = std::mem::replace(&mut self.row.area, home);
        self.named = (named != home).then_some(named);
        self
    }

    pub(crate) fn load(row: RecordRow, documents: Vec<DocumentRow>) -> Result<Self, StoreError> {
        let facets = documents
            .into_iter()
            .map(|d| {
                let document = Document::load(&d.bytes).map_err(|_| StoreError::Damaged("documents"))?;
                Ok((d.facet, Facet { document, stored_term: d.term, changed: false }))
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
            eager: false,
            spent: 0,
        })
    }

    /// The changes that the author of `entry` had seen: the record's entries up to the cursor, and the author's own.
    pub(crate) fn seen(
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
        // An author who knew that the generation had begun had seen all that its base is made of.
        let knew = entry.cursor >= self.row.began;
        let above = if knew { self.row.began } else { 0 };
        self.read_log(source, above)?;
        let changes = self.log.as_ref().expect("BUG: it was just read");
        let base = |facet: u8| self.facets.get(&facet).and_then(|f| f.document.base());
        Ok(facets
            .map(|facet| {
                let before = base(facet).filter(|_| knew).map(|base| base.clock);
                let seen = changes.count_seen(before.unwrap_or_default(), own, (above, entry.cursor), facet);
                (facet, seen)
            })
            .collect())
    }

    /// The changes that the author of `entry` had seen, where a clock says it for others' work: as much of that as is
    /// here, and the author's own.
    pub(crate) fn seen_by_clock(
        &mut self,
        feed: FeedId,
        entry: &Entry,
        clock: &SeenHeads,
    ) -> Result<SeenFacets, StoreError> {
        self.settle()?;
        let touched = entry.facets();
        let facets = (0..64u8).filter(|facet| touched & (1 << facet) != 0);
        let seen = |facet: u8| {
            let here = self.clock(facet);
            let mut wanted = of_facet(clock, facet);
            wanted.retain(|(of, _)| *of != feed);
            wanted.extend(here.iter().filter(|(of, _)| *of == feed));
            let held = recovery::find_held(&here, &wanted);
            if held == here { Seen::All } else { Seen::Clock(held) }
        };
        Ok(facets.map(|facet| (facet, seen(facet))).collect())
    }

    /// Whether something of what a clock says is not here.
    pub(crate) fn lacks(
        &mut self,
        record_type: Option<&RecordType>,
        clock: &SeenHeads,
    ) -> Result<bool, StoreError> {
        self.settle()?;
        let facets: BTreeSet<u8> = clock.iter().map(|(facet, ..)| *facet).collect();
        Ok(facets.into_iter().any(|facet| {
            let genesis = recovery::list_genesis_feeds(record_type, self.row.record, facet);
            let lacking = recovery::list_gaps(&self.clock(facet), &of_facet(clock, facet));
            lacking.iter().any(|gap| !genesis.contains(&gap.feed))
        }))
    }

    fn clock(&self, facet: u8) -> Vec<(FeedId, u64)> {
        let document = self.facets.get(&facet);
        document.map_or_else(Vec::new, |held| held.document.clock())
    }

    /// Merges what was derived on branches into the documents.
    pub(crate) fn settle(&mut self) -> Result<(), StoreError> {
        for facet in self.facets.values_mut() {
            if !facet.document.is_settled() {
                self.spent += facet.document.change_count() as u64;
                facet.document.settle().map_err(|_| StoreError::Unsettled)?;
            }
        }
        Ok(())
    }

    /// Units of work since the last call.
    pub(crate) fn take_spent(&mut self) -> u64 {
        std::mem::take(&mut self.spent)
    }

    fn read_log(&mut self, source: &mut dyn Source, above: u64) -> Result<(), StoreError> {
        if self.log.as_ref().is_none_or(|changes| changes.above > above) {
            let stored = source.record_log(self.row.record, above)?;
            self.log = Some(FeedChanges::new(above, stored.iter().chain(&self.fresh)));
        }
        Ok(())
    }

    /// The record as it is now.
    pub(crate) fn view(&mut self, record_type: &RecordType) -> Result<&View, StoreError> {
        if self.view.is_none() {
            self.settle()?;
            self.spent += self.operations() / 10;
            let documents = self.facets.values().map(|f| &f.document);
            self.view = Some(project(record_type, documents));
        }
        Ok(self.view.as_ref().expect("BUG: it was just made"))
    }

    /// The record as the author had seen it, where that differs and a rule looks at it.
    pub(crate) fn seen_view(
        &mut self,
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
        self.spent += self.operations() / 10;
        let mut past = Vec::new();
        for (facet, facet_now) in &mut self.facets {
            let seen = seen.iter().find(|(f, _)| f == facet).map_or(&Seen::All, |(_, s)| s);
            let was = facet_now.document.seen_by(seen);
            past.push(was.map_err(|e| Refusal::new(Code::SeenImpossible, e.to_string()))?);
        }
        Ok(Some(project(record_type, past)))
    }

    /// Forgets what was derived on branches, so that each entry forks its document again: the fault of before.
    pub(crate) fn forget_branches(&mut self) {
        for facet in self.facets.values_mut() {
            let _ = facet.document.forget_branch();
        }
    }

    /// The cost of deriving the entry: the changes and operations it will copy.
    pub(crate) fn to_copy(&self, seen: &SeenFacets) -> (u64, u64) {
        let touched = seen.iter().filter_map(|(facet, seen)| {
            let document = &self.facets.get(facet)?.document;
            let changes = document.changes_to_copy(seen);
            Some((changes, if changes > 0 { document.operation_count() } else { 0 }))
        });
        touched.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    /// Operations that its documents hold.
    pub(crate) fn operations(&self) -> u64 {
        self.facets.values().map(|facet| facet.document.operation_count()).sum()
    }

    /// Derives the entry; returns what its changes were made on, unless that was everything.
    pub(crate) fn derive(
        &mut self,
        feed: &FeedRow,
        entry: &Entry,
        seen: &SeenFacets,
    ) -> Result<Option<SeenHeads>, Stop> {
        let authored = Authored { feed: feed.feed, author: &feed.author, entry };
        let everything = seen.iter().all(|(_, s)| *s == Seen::All);
        let before = self.kept_aside(seen);
        let mut made_on = Vec::new();
        for (facet, seen) in seen {
            let document = &mut self.facets.entry(*facet).or_default().document;
            let clock = match seen {
                _ if everything => Vec::new(),
                Seen::Clock(clock) => clock.clone(),
                Seen::All => {
                    document.settle().map_err(|_| StoreError::Unsettled)?;
                    document.clock()
                }
            };
            let derived = if self.eager {
                document.derive(authored, *facet, seen)
            } else {
                document.derive_ahead(authored, *facet, seen)
            };
            let hash = match derived {
                Ok(hash) => hash,
                Err(error) => {
                    self.put_back(before);
                    return Err(Refusal::new(Code::DeriveFailed, error.to_string()).into());
                }
            };
            if !everything {
                let on = document.made_on(&hash, &clock);
                made_on.extend(on.into_iter().map(|(feed, seq)| (*facet, feed, seq)));
            }
        }
        for (facet, _) in seen {
            self.facets.entry(*facet).or_default().changed = true;
        }
        self.view = None;
        Ok((!everything).then_some(made_on))
    }

    /// The facets that an entry touches as they are, where it touches several: it changes all of them or none. One alone
    /// stays as it is by itself.
    fn kept_aside(&self, seen: &SeenFacets) -> Vec<(u8, Option<Facet>)> {
        let several = if seen.len() > 1 { &seen[..] } else { &[] };
        let kept = several.iter().map(|(facet, _)| (*facet, self.facets.get(facet).cloned()));
        kept.collect()
    }

    fn put_back(&mut self, before: Vec<(u8, Option<Facet>)>) {
        for (facet, was) in before {
            match was {
                Some(was) => _ = self.facets.insert(facet, was),
                None => _ = self.facets.remove(&facet),
            }
        }
        // A facet that the entry was to begin holds nothing.
        self.facets
            .retain(|_, held| held.changed || held.stored_term != 0 || held.document.change_count() > 0);
    }

    /// Takes the documents of a new record, derived already.
    pub(crate) fn take(&mut self, documents: Vec<(u8, Document)>) {
        for (facet, document) in documents {
            let (stored_term, changed) = (0, true);
            self.facets.insert(facet, Facet { document, stored_term, changed });
        }
        self.view = None;
    }

    /// Notes the line in the log of an entry that was made `at`.
    pub(crate) fn logged(&mut self, line: &LogRow, author: &str, at: i64, bytes: usize) {
        let row = &mut self.row;
        if row.entries == 0 {
            (row.created, row.created_by, row.created_at) = (line.seq, author.to_owned(), at);
        }
        row.last = line.seq;
        row.entries += 1;
        row.entry_bytes += bytes as u64;
        (row.changed_by, row.changed_at) = (author.to_owned(), at);
        let fresh = RecordLine { seq: line.seq, feed: line.feed, n: line.n, facets: line.facets };
        if let Some(log) = &mut self.log {
            log.add(&fresh);
        }
        self.fresh.push(fresh);
    }

    pub(crate) fn finish(mut self, record_type: Option<&RecordType>) -> Result<Option<Finished>, StoreError> {
        if self.row.erased {
            return Ok(Some(self.finish_erased()));
        }
        self.settle()?;
        let (mut documents, mut ledger, mut digest_changes) = (Vec::new(), Vec::new(), Vec::new());
        for (facet, changed) in self.facets.iter().filter(|(_, f)| f.changed) {
            let document = &changed.document;
            let term = digest::term(self.row.record, *facet, self.row.epoch, &document.heads());
            digest_changes.push((*facet, digest::change(changed.stored_term, term)));
            documents.push(DocumentRow { facet: *facet, bytes: document.save(), term });
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
        let record =
            RecordWrite { row: RecordRow { due_at, ..self.row }, documents, ledger, base: self.base };
        Ok((!record.documents.is_empty()).then_some(Finished { record, digest_changes }))
    }
}

fn of_facet(clock: &SeenHeads, facet: u8) -> Vec<(FeedId, u64)> {
    let of_facet = clock.iter().filter(|(of, ..)| *of == facet);
    of_facet.map(|(_, feed, count)| (*feed, *count)).collect()
}
