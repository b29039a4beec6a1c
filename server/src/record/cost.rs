//! The cost of deciding a push, counted and timed, and its limit.
//!
//! A push holds the writer while it is decided and written. When it has used up [`limits::PUSH_MS`], or
//! [`limits::PUSH_WORK`] where a clock says nothing, it ends. Decided entries are kept; the rest comes with the next
//! request. The time to write is part of the limit, estimated from the time that reading took.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gridledger_schema::code::Refusal;
use gridledger_schema::ids::{AreaNo, EntryHash, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::wire::{AreaInfo, Grant};

use crate::faults;
use crate::store::StoreError;
use crate::store::rows::people::{FeedRow, ShortenedGrant, UserNo};
use crate::store::rows::plans::RouteRow;
use crate::store::rows::records::{
    AreaHead, DocumentRow, EventKind, EventRow, Handled, RecordLine, RecordRow, SignedEntry, Source, Spent,
    Stay,
};

/// A clock that only goes forward: the time since some moment.
pub type Clock = Arc<dyn Fn() -> Duration + Send + Sync>;
/// A function that is told what each push cost.
pub type Told = Arc<dyn Fn(Cost) + Send + Sync>;

/// How pushes are watched while they are decided.
#[derive(Clone)]
pub struct Watch {
    /// Measures the time a push takes.
    pub clock: Clock,
    /// Is told what each push cost.
    pub told: Option<Told>,
}

impl Watch {
    /// The machine's clock, without a report of costs.
    pub fn machine() -> Self {
        let began = Instant::now();
        Self { clock: Arc::new(move || began.elapsed()), told: None }
    }

    /// A clock that stands still: only the work that is counted ends a push, on every machine alike.
    pub fn counting(told: Option<Told>) -> Self {
        Self { clock: Arc::new(|| Duration::ZERO), told }
    }
}

/// The cost of deciding a push.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Entries looked at.
    pub entries: u64,
    /// Questions asked of the store.
    pub reads: u64,
    /// Changes copied to derive entries on what their authors had seen.
    pub copied: u64,
    /// All of it, in units of about a microsecond.
    pub work: u64,
}

/// Units of one question to the store.
const READ: u64 = 20;
/// Units of judging one entry, and of keeping it.
const ENTRY: u64 = 80;
/// Units of putting a character into a text, and of taking one out: once on what the author had seen, once more where others
/// had written.
const SPLICE: (u64, u64) = (3, 20);
/// Units of copying one change into a fork, and of one operation in it.
const COPY: (u64, u64) = (10, 2);
/// Nanoseconds of saving and projecting a document, for each operation it holds.
const FINISH_NS: u64 = 200;
/// Statements that write one entry, and one record.
const STATEMENTS: (u64, u64) = (2, 3);
/// Questions after which their time tells how long a statement takes.
const ENOUGH: u32 = 50;
/// How much of the time may be used, in percent; the rest is for the commit.
const USED: u64 = 80;

/// Units of deciding an entry by itself: its bytes, and the characters that its splices insert and delete, whose number no
/// byte tells.
pub(crate) fn weight(signed: &SignedEntry) -> u64 {
    let (inserted, deleted) = signed.entry.spliced();
    ENTRY + signed.body.len() as u64 / 2 + inserted * SPLICE.0 + deleted * SPLICE.1
}

/// Counts and measures one push.
pub(crate) struct Meter<'a> {
    clock: &'a Clock,
    began: Duration,
    reading: Cell<Duration>,
    cost: Cell<Cost>,
    /// Operations of the documents that are to be saved.
    operations: Cell<u64>,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(clock: &'a Clock) -> Self {
        Self {
            clock,
            began: clock(),
            reading: Cell::default(),
            cost: Cell::default(),
            operations: Cell::default(),
        }
    }

    pub(crate) fn cost(&self) -> Cost {
        self.cost.get()
    }

    fn add(&self, more: impl FnOnce(&mut Cost)) {
        let mut cost = self.cost.get();
        more(&mut cost);
        self.cost.set(cost);
    }

    /// Counts work.
    pub(crate) fn work(&self, units: u64) {
        self.add(|cost| cost.work += units);
    }

    /// Counts an entry.
    pub(crate) fn entry(&self, signed: &SignedEntry) {
        self.add(|cost| {
            cost.entries += 1;
            cost.work += weight(signed);
        });
    }

    /// Counts a document that was read and is to be saved.
    pub(crate) fn loaded(&self, operations: u64) {
        self.operations.set(self.operations.get() + operations);
        self.work(operations);
    }

    /// Counts changes and operations copied.
    pub(crate) fn copied(&self, (changes, operations): (u64, u64)) {
        self.add(|cost| {
            cost.copied += changes;
            cost.work += changes * COPY.0 + operations * COPY.1;
        });
    }

    /// Whether the push has used up what it may take, or would with an entry of this weight: no further entry is decided.
    /// `entries` and `records` wait to be written.
    pub(crate) fn is_spent(&self, entries: usize, records: usize, next: u64) -> bool {
        if faults::is_planted("15") {
            return false;
        }
        let cost = self.cost.get();
        let a_read = match u32::try_from(cost.reads) {
            Ok(reads) if reads >= ENOUGH => self.reading.get() / reads,
            _ => Duration::ZERO,
        };
        let statements = entries as u64 * STATEMENTS.0 + records as u64 * STATEMENTS.1;
        let writing = a_read.saturating_mul(u32::try_from(statements).unwrap_or(u32::MAX));
        let finishing = Duration::from_nanos(self.operations.get() * FINISH_NS);
        let used = (self.clock)().saturating_sub(self.began) + writing + finishing;
        let used = used + Duration::from_micros(next);
        cost.work + next >= limits::PUSH_WORK || used >= Duration::from_millis(limits::PUSH_MS * USED / 100)
    }
}

/// A source that is counted and timed.
pub(crate) struct Metered<'a> {
    pub(crate) source: &'a mut dyn Source,
    pub(crate) meter: &'a Meter<'a>,
}

impl Metered<'_> {
    fn read<T>(&mut self, read: impl FnOnce(&mut dyn Source) -> T) -> T {
        let began = (self.meter.clock)();
        let found = read(self.source);
        let took = (self.meter.clock)().saturating_sub(began);
        self.meter.reading.set(self.meter.reading.get() + took);
        self.meter.add(|cost| {
            cost.reads += 1;
            cost.work += READ;
        });
        found
    }
}

impl Source for Metered<'_> {
    fn area_head(&mut self, area: AreaNo) -> Result<Option<AreaHead>, StoreError> {
        self.read(|source| source.area_head(area))
    }

    fn feed_head(&mut self, feed: FeedId) -> Result<(u64, EntryHash), StoreError> {
        self.read(|source| source.feed_head(feed))
    }

    fn spent(&mut self, feed: &FeedRow, day: i64) -> Result<Spent, StoreError> {
        self.read(|source| source.spent(feed, day))
    }

    fn decided(&mut self, feed: FeedId, n: u64) -> Result<Option<(EntryHash, Option<Refusal>)>, StoreError> {
        self.read(|source| source.decided(feed, n))
    }

    fn body(&mut self, feed: FeedId, n: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|source| source.body(feed, n))
    }

    fn record(&mut self, record: RecordId) -> Result<Option<(RecordRow, Vec<DocumentRow>)>, StoreError> {
        self.read(|source| source.record(record))
    }

    fn type_of(&mut self, record: RecordId) -> Result<Option<String>, StoreError> {
        self.read(|source| source.type_of(record))
    }

    fn has_login(&mut self, login: &str) -> Result<bool, StoreError> {
        self.read(|source| source.has_login(login))
    }

    fn located(&mut self, record: RecordId) -> Result<Option<(AreaNo, String, String)>, StoreError> {
        self.read(|source| source.located(record))
    }

    fn grants(&mut self, user: UserNo) -> Result<Option<Vec<Grant>>, StoreError> {
        self.read(|source| source.grants(user))
    }

    fn shortened_grants(&mut self, user: UserNo) -> Result<Vec<ShortenedGrant>, StoreError> {
        self.read(|source| source.shortened_grants(user))
    }

    fn written_at(&mut self, area: AreaNo, seq: u64) -> Result<Option<i64>, StoreError> {
        self.read(|source| source.written_at(area, seq))
    }

    fn ancestry(&mut self, area: AreaNo, known: i64) -> Result<Vec<AreaInfo>, StoreError> {
        self.read(|source| source.ancestry(area, known))
    }

    fn route(&mut self, area: AreaNo) -> Result<Option<RouteRow>, StoreError> {
        self.read(|source| source.route(area))
    }

    fn stays(&mut self, record: RecordId) -> Result<Vec<Stay>, StoreError> {
        self.read(|source| source.stays(record))
    }

    fn last_event(
        &mut self,
        area: AreaNo,
        kind: EventKind,
        upto: u64,
    ) -> Result<Option<EventRow>, StoreError> {
        self.read(|source| source.last_event(area, kind, upto))
    }

    fn record_log(&mut self, record: RecordId, above: u64) -> Result<Vec<RecordLine>, StoreError> {
        self.read(|source| source.record_log(record, above))
    }

    fn handled(&mut self, record: RecordId, login: &str) -> Result<Vec<Handled>, StoreError> {
        self.read(|source| source.handled(record, login))
    }

    fn bodies(&mut self, record: RecordId) -> Result<Vec<(FeedId, u64, Vec<u8>)>, StoreError> {
        self.read(|source| source.bodies(record))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn time_and_counted_work_both_end_a_push() {
        let ms = Arc::new(AtomicU64::new(7));
        let now = ms.clone();
        let clock: Clock = Arc::new(move || Duration::from_millis(now.load(Ordering::Relaxed)));
        let meter = Meter::new(&clock);
        assert!(!meter.is_spent(1_000, 1_000, 0), "no read has told how long a statement takes");
        ms.fetch_add(limits::PUSH_MS * USED / 100 - 1, Ordering::Relaxed);
        assert!(!meter.is_spent(0, 0, 0));
        ms.fetch_add(1, Ordering::Relaxed);
        assert!(meter.is_spent(0, 0, 0));
        ms.fetch_sub(10, Ordering::Relaxed);
        assert!(!meter.is_spent(0, 0, 9_999));
        assert!(meter.is_spent(0, 0, 10_000), "an entry that would take too long");

        ms.store(7, Ordering::Relaxed);
        let meter = Meter::new(&clock);
        meter.work(limits::PUSH_WORK - 1);
        assert!(!meter.is_spent(0, 0, 0));
        assert!(meter.is_spent(0, 0, 1), "an entry that would be too much");
        meter.work(1);
        assert!(meter.is_spent(0, 0, 0));
    }

    #[test]
    fn what_is_still_to_be_written_counts() {
        let ms = Arc::new(AtomicU64::new(0));
        let now = ms.clone();
        let clock: Clock = Arc::new(move || Duration::from_millis(now.load(Ordering::Relaxed)));
        let meter = Meter::new(&clock);
        meter.reading.set(Duration::from_millis(49));
        meter.add(|cost| cost.reads = 49);
        assert!(!meter.is_spent(1_000, 0, 0), "so few tell nothing");
        meter.reading.set(Duration::from_millis(50));
        meter.add(|cost| cost.reads = 50);
        // A statement takes a millisecond.
        assert!(!meter.is_spent(98, 0, 0));
        assert!(meter.is_spent(100, 0, 0));
        assert!(meter.is_spent(10, 60, 0));
        let meter = Meter::new(&clock);
        let most = limits::PUSH_MS * USED / 100 * 1_000_000 / FINISH_NS;
        meter.operations.set(most - 1);
        assert!(!meter.is_spent(0, 0, 0));
        meter.operations.set(most);
        assert!(meter.is_spent(0, 0, 0), "documents that are saved");
    }
}
