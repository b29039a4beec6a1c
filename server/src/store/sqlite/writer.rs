//! The one thread that writes. It takes whatever queued up during the last fsync, runs each job in a savepoint, commits
//! once, and only then lets the callers go: one fsync serves all who wait for it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::open;
use crate::store::StoreError;

/// Jobs that may wait; more are told to come back.
const QUEUE: usize = 1024;
/// Jobs that share a commit at most.
const GROUP: usize = 256;

/// What a job does inside its savepoint. It keeps its own result; an error rolls back the savepoint.
type Run = Box<dyn FnOnce(&Connection) -> Result<Reply, StoreError> + Send>;
/// Called once the commit has (or has not) happened.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

struct Job {
    run: Run,
    failed: Box<dyn FnOnce(StoreError) + Send>,
}

/// The writer's queue.
pub struct Writer {
    queue: std::sync::Mutex<Option<SyncSender<Job>>>,
    overwritten: Arc<AtomicBool>,
    thread: std::sync::Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread on an open connection.
    pub fn start(path: PathBuf, connection: Connection) -> Self {
        let (queue, jobs) = sync_channel(QUEUE);
        let overwritten = Arc::new(AtomicBool::new(false));
        let wanted = overwritten.clone();
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || run(&path, connection, &jobs, &wanted))
            .expect("BUG: a thread can be started");
        Self {
            queue: Some(queue).into(),
            overwritten,
            thread: Some(thread).into(),
        }
    }

    /// Runs `job` in a transaction and returns what it returned, after the commit.
    pub fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (done, result) = sync_channel::<Result<T, StoreError>>(1);
        let failed = done.clone();
        let run: Run = Box::new(move |connection| {
            let value = job(connection)?;
            Ok(Box::new(move |committed: Result<(), StoreError>| {
                let _ = done.send(committed.map(|()| value));
            }))
        });
        let failed = Box::new(move |error| _ = failed.send(Err(error)));
        self.send(Job { run, failed })?;
        result.recv().map_err(|_| StoreError::Busy)?
    }

    /// To be raised inside a job that overwrites what must be gone: after the commit the log of writes is cut.
    pub fn overwritten(&self) -> Arc<AtomicBool> {
        self.overwritten.clone()
    }

    /// Cuts the log of writes; whether that was possible now.
    pub fn scrub(&self) -> Result<bool, StoreError> {
        self.overwritten.store(true, Ordering::Release);
        // It is tried before the next group is written.
        self.call(|_| Ok(()))?;
        Ok(!self.overwritten.load(Ordering::Acquire))
    }

    fn send(&self, job: Job) -> Result<(), StoreError> {
        let queue = self.queue.lock().map_err(|_| StoreError::Busy)?;
        let queue = queue.as_ref().ok_or(StoreError::Busy)?;
        queue.try_send(job).map_err(|e| match e {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => StoreError::Busy,
        })
    }

    /// Lets the queue run dry, folds the log into the file, and ends the thread.
    pub fn close(&self) {
        if let Ok(mut queue) = self.queue.lock() {
            queue.take();
        }
        let thread = self.thread.lock().ok().and_then(|mut t| t.take());
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

fn run(path: &std::path::Path, connection: Connection, jobs: &Receiver<Job>, overwritten: &AtomicBool) {
    let mut connection = Some(connection);
    while let Ok(first) = jobs.recv() {
        let mut group = vec![first];
        group.extend(std::iter::from_fn(|| jobs.try_recv().ok()).take(GROUP - 1));
        cut(connection.as_ref(), overwritten);
        let outcome = match &mut connection {
            Some(open) => write(open, group),
            None => Err(group),
        };
        if let Err(unserved) = outcome {
            // The commit's fate is unknown, or there is no connection: nobody is told it worked. Open afresh.
            for job in unserved {
                (job.failed)(StoreError::Busy);
            }
            drop(connection.take());
            connection = open::writer(path).ok();
        }
        cut(connection.as_ref(), overwritten);
    }
    if let Some(connection) = connection {
        let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }
}

/// If something was overwritten, folds the log of writes into the file and cuts it. While somebody still reads what is
/// in it that cannot be done; it is tried again then.
fn cut(connection: Option<&Connection>, overwritten: &AtomicBool) {
    let Some(connection) = connection.filter(|_| overwritten.load(Ordering::Acquire)) else {
        return;
    };
    let patience = connection.busy_timeout(Duration::ZERO);
    let blocked = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
    let patience_again = connection.busy_timeout(open::BUSY_TIMEOUT);
    if patience.and(patience_again).is_ok() && matches!(blocked, Ok(false)) {
        overwritten.store(false, Ordering::Release);
    }
}

/// Runs a group in one transaction. `Err` gives back jobs that were not run; the connection must then be replaced.
fn write(connection: &mut Connection, group: Vec<Job>) -> Result<(), Vec<Job>> {
    let Ok(mut tx) = connection.transaction_with_behavior(TransactionBehavior::Immediate) else {
        return Err(group);
    };
    let mut replies = Vec::with_capacity(group.len());
    for job in group {
        let Ok(savepoint) = tx.savepoint() else {
            (job.failed)(StoreError::Busy);
            continue;
        };
        let run = std::panic::AssertUnwindSafe(|| (job.run)(&savepoint));
        let outcome = std::panic::catch_unwind(run).unwrap_or(Err(StoreError::Damaged("a job: it panicked")));
        match outcome {
            Ok(reply) => match savepoint.commit() {
                Ok(()) => replies.push(reply),
                Err(error) => reply(Err(error.into())),
            },
            Err(error) => {
                drop(savepoint);
                (job.failed)(error);
            }
        }
    }
    crate::faults::reach("server.before_commit");
    let committed = tx.commit();
    if committed.is_ok() {
        crate::faults::reach("server.after_commit");
    }
    for reply in replies {
        // A commit that failed may be durable or not: nobody is told it worked.
        reply(if committed.is_ok() {
            Ok(())
        } else {
            Err(StoreError::Busy)
        });
    }
    committed.map_err(|_| Vec::new())
}
