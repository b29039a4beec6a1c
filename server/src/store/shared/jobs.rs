//! The queue before a writing thread: callers hand in a job and wait until its transaction is durable.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gridledger_schema::limits;

use super::times::WriteTimes;
use crate::store::StoreError;
use crate::store::sql::Connection;

/// Jobs that may wait. The queue refuses more with `Busy`.
const QUEUE: usize = 1024;
/// Called once the commit has (or has not) happened.
pub type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
/// The work of a job inside its savepoint. It keeps its own result; an error rolls back the savepoint.
type Run = Box<dyn Fn(&Connection<'_>) -> Result<Reply, StoreError> + Send>;

/// Something to be written.
pub struct Job {
    run: Run,
    /// Says that it was not written.
    pub failed: Box<dyn FnOnce(StoreError) + Send>,
    /// Whether no other write may run beside it.
    pub alone: bool,
    queued: Instant,
}

impl Job {
    /// Runs it. A panic inside is an error of this job.
    pub fn run(&self, connection: &Connection<'_>) -> Result<Reply, StoreError> {
        let run = std::panic::AssertUnwindSafe(|| (self.run)(connection));
        std::panic::catch_unwind(run).unwrap_or(Err(StoreError::Damaged("a job: it panicked")))
    }
}

/// A writing thread and its queue.
pub struct Queue {
    sender: Mutex<Option<SyncSender<Job>>>,
    /// How long a caller waits for the commit.
    patience: Duration,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Queue {
    /// Starts a thread that serves the queue's other end. A caller waits at most `patience` for it.
    pub fn start(
        name: &str,
        group: usize,
        patience: Duration,
        times: WriteTimes,
        serve: impl FnOnce(&Jobs) + Send + 'static,
    ) -> Self {
        let (sender, receiver) = sync_channel(QUEUE);
        let jobs = Jobs { receiver, group, left: RefCell::default(), times };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || serve(&jobs))
            .expect("BUG: a thread can be started");
        Self { sender: Some(sender).into(), patience, thread: Some(thread).into() }
    }

    /// Has `job` run in a transaction and returns what it returned, after the commit.
    pub fn call<T: Send + 'static>(
        &self,
        alone: bool,
        job: impl Fn(&Connection<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, result) = sync_channel::<Result<T, StoreError>>(1);
        let failed = done.clone();
        let run: Run = Box::new(move |connection| {
            let value = job(connection)?;
            let done = done.clone();
            Ok(Box::new(move |committed: Result<(), StoreError>| {
                let _ = done.send(committed.map(|()| value));
            }))
        });
        let failed = Box::new(move |error| _ = failed.send(Err(error)));
        self.send(Job { run, failed, alone, queued: Instant::now() })?;
        // No caller waits for ever for a database that does not answer. The next attempt finds what became of the
        // job.
        result.recv_timeout(self.patience).map_err(|_| StoreError::Busy)?
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let sender = self.sender.lock().map_err(|_| StoreError::Busy)?;
        let sender = sender.as_ref().ok_or(StoreError::Busy)?;
        sender.try_send(job).map_err(|e| match e {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => StoreError::Busy,
        })
    }

    /// Lets the queue run dry and ends the thread.
    pub fn close(&self) {
        if let Ok(mut sender) = self.sender.lock() {
            sender.take();
        }
        let thread = self.thread.lock().ok().and_then(|mut thread| thread.take());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.close();
    }
}

/// The queue's other end.
pub struct Jobs {
    receiver: Receiver<Job>,
    /// Jobs that share a commit at most.
    group: usize,
    /// Jobs for which the last turn had no time left; they come first.
    left: RefCell<VecDeque<Job>>,
    times: WriteTimes,
}

impl Jobs {
    /// The next jobs that share a commit: whatever queued up meanwhile. `None` when the queue is closed and empty.
    pub fn next_group(&self) -> Option<Vec<Job>> {
        let mut left = self.left.borrow_mut();
        let taken = |job: Job| {
            self.times.queued.observe(job.queued.elapsed().as_secs_f64());
            job
        };
        let first = match left.pop_front() {
            Some(job) => job,
            None => taken(self.receiver.recv().ok()?),
        };
        let mut group = vec![first];
        let more =
            std::iter::from_fn(|| left.pop_front().or_else(|| self.receiver.try_recv().ok().map(taken)));
        group.extend(more.take(self.group.saturating_sub(1)));
        Some(group)
    }

    /// Commits, and counts how long that took.
    pub fn time_commit<T>(&self, commit: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let committed = commit();
        self.times.commit.observe(began.elapsed().as_secs_f64());
        committed
    }

    /// Gives jobs back that were not run: they come first in the next group, in their order.
    pub fn put_back(&self, jobs: impl DoubleEndedIterator<Item = Job>) {
        let mut left = self.left.borrow_mut();
        jobs.rev().for_each(|job| left.push_front(job));
    }
}

/// How long one transaction of a writer goes on taking jobs. What queued up behind a slow job goes with the next commit, so
/// that those before it are answered.
pub struct Turn {
    began: Instant,
}

impl Turn {
    /// Begins now.
    pub fn begin() -> Self {
        Self { began: Instant::now() }
    }

    /// Whether no further job is taken.
    pub fn is_over(&self) -> bool {
        self.began.elapsed() >= Duration::from_millis(limits::WRITER_MS)
    }
}

/// Tells each caller what became of the commit. A failed commit may be durable or not, so its callers get an error.
pub fn answer(replies: Vec<Reply>, committed: bool) {
    for reply in replies {
        reply(if committed { Ok(()) } else { Err(StoreError::Busy) });
    }
}
