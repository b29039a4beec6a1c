//! The one thread that writes. It takes whatever queued up during the last fsync, runs each job in a savepoint, commits
//! once, and only then lets the callers go: one fsync serves all who wait for it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rusqlite::{Connection, TransactionBehavior};

use super::open;
use crate::store::StoreError;
use crate::store::shared::jobs::{Job, Jobs, Turn, answer};
use crate::store::sql::wake_ups::WakeUps;
use crate::store::sql::{self, SqliteLink};

/// Serves the queue until it is closed, then folds the log into the file.
pub fn serve(path: &Path, connection: Connection, jobs: &Jobs, shared: (&AtomicBool, &WakeUps)) {
    let overwritten = shared.0;
    let mut connection = Some(connection);
    while let Some(group) = jobs.next_group() {
        truncate_log(connection.as_ref(), overwritten);
        let outcome = match &mut connection {
            Some(open) => write(open, group, jobs, shared),
            None => Err(group),
        };
        if let Err(unserved) = outcome {
            // The commit's fate is unknown, or there is no connection. Every caller gets an error; open afresh.
            for job in unserved {
                (job.failed)(StoreError::Busy);
            }
            drop(connection.take());
            connection = open::writer(path).ok();
        }
        truncate_log(connection.as_ref(), overwritten);
    }
    if let Some(connection) = connection {
        let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
    }
}

/// If something was overwritten, folds the log of writes into the file and truncates it. A reader of the log prevents
/// that; the writer then tries again later.
fn truncate_log(connection: Option<&Connection>, overwritten: &AtomicBool) {
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

/// Runs a group in one transaction, as far as its turn lasts. `Err` gives back jobs that were not run; the connection must then
/// be replaced.
fn write(
    connection: &mut Connection,
    group: Vec<Job>,
    jobs: &Jobs,
    (overwritten, wake_ups): (&AtomicBool, &WakeUps),
) -> Result<(), Vec<Job>> {
    let Ok(mut tx) = connection.transaction_with_behavior(TransactionBehavior::Immediate) else {
        return Err(group);
    };
    let mut replies = Vec::with_capacity(group.len());
    let mut news = BTreeSet::new();
    let turn = Turn::begin();
    let mut group = group.into_iter();
    for job in group.by_ref() {
        let Ok(savepoint) = tx.savepoint() else {
            (job.failed)(StoreError::Busy);
            continue;
        };
        let link = SqliteLink::new(&savepoint);
        let outcome = job.run(&sql::Connection::new(&link));
        overwritten.fetch_or(link.has_overwritten(), Ordering::AcqRel);
        news.append(&mut link.take_wake_ups());
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
        if turn.is_over() {
            break;
        }
    }
    jobs.put_back(group);
    crate::faults::reach("server.before_commit");
    let committed = jobs.time_commit(|| tx.commit());
    if committed.is_ok() {
        crate::faults::reach("server.after_commit");
    }
    answer(replies, committed.is_ok());
    if committed.is_ok() {
        wake_ups.send(&news.into_iter().collect::<Vec<_>>());
    }
    committed.map_err(|_| Vec::new())
}
