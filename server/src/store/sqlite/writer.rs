//! The one thread that writes. It takes whatever queued up during the last fsync, runs each job in a savepoint, commits
//! once, and only then lets the callers go: one fsync serves all who wait for it.

use std::path::Path;
use std::sync::mpsc::Receiver;

use rusqlite::{Connection, TransactionBehavior};

use super::open;
use crate::store::StoreError;
use crate::store::jobs::{Job, answer, next_group};
use crate::store::sql::{self, SqliteLink};

/// Serves the queue until it is closed, then folds the log into the file.
pub fn serve(path: &Path, connection: Connection, jobs: &Receiver<Job>) {
    let mut connection = Some(connection);
    while let Some(group) = next_group(jobs) {
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
    }
    if let Some(connection) = connection {
        let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
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
        let outcome = job.run(&sql::Connection::new(&SqliteLink(&savepoint)));
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
    answer(replies, committed.is_ok());
    committed.map_err(|_| Vec::new())
}
