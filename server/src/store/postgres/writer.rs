//! A thread that writes: whatever queued up during the last commit shares the next, each job in a savepoint.

use super::{link, listener};
use crate::store::StoreError;
use crate::store::jobs::{Job, Jobs, Reply, answer};
use crate::store::notices::Notices;
use crate::store::sql::{Connection, Link as _, PostgresLink, SqlError};

/// The advisory lock that writes share, and that a write takes whole when it must be alone.
const WRITING: i64 = 0x6772_6964;
/// Times a job is run that meets others.
const ATTEMPTS: usize = 6;

/// Serves the queue until it is closed. The connection is opened when it is needed, and again when it was lost.
pub fn serve(url: &str, jobs: &Jobs, notices: &Notices) {
    let mut link = None;
    while let Some(group) = jobs.next_group() {
        let (alone, beside): (Vec<Job>, Vec<Job>) = group.into_iter().partition(|job| job.alone);
        for group in [alone, beside] {
            if !group.is_empty() && write(url, &mut link, group, notices).is_err() {
                // The commit's fate is unknown, or there is no connection: nobody was told it worked.
                link = None;
            }
        }
    }
}

/// Runs a group in one transaction and answers everybody in it; what met another transaction is run again by itself.
fn write(
    url: &str,
    link: &mut Option<PostgresLink>,
    group: Vec<Job>,
    notices: &Notices,
) -> Result<(), StoreError> {
    let mut again = transact(url, link, group, notices)?;
    for _ in 1..ATTEMPTS {
        let mut left = Vec::new();
        for job in again {
            left.extend(transact(url, link, vec![job], notices)?);
        }
        again = left;
    }
    fail(again);
    Ok(())
}

/// A connection in a new transaction. One that was idle may have been lost meanwhile: nothing was asked of it yet, so another
/// is opened.
fn begin<'a>(
    url: &str,
    link: &'a mut Option<PostgresLink>,
    alone: bool,
) -> Result<&'a PostgresLink, StoreError> {
    let shared = if alone { "" } else { "_shared" };
    let begin = format!("BEGIN; SELECT pg_advisory_xact_lock{shared}({WRITING})");
    let idle = link.take().filter(|link| !link.is_closed());
    if let Some(idle) = idle {
        match idle.batch(&begin) {
            Ok(()) => return Ok(link.insert(idle)),
            // It lives, and waited in vain for who writes alone.
            Err(error) if !error.is_unreachable() && !idle.is_closed() => return Err(error.into()),
            Err(_) => {}
        }
    }
    let fresh = link::open(url)?;
    fresh.batch(&begin)?;
    Ok(link.insert(fresh))
}

fn fail(group: Vec<Job>) {
    for job in group {
        (job.failed)(StoreError::Busy);
    }
}

/// One transaction. Returns the jobs that met another one and wait to be run again. After an error the connection is not to be
/// used any more.
fn transact(
    url: &str,
    link: &mut Option<PostgresLink>,
    group: Vec<Job>,
    notices: &Notices,
) -> Result<Vec<Job>, StoreError> {
    let alone = group.iter().any(|job| job.alone);
    let link = match begin(url, link, alone) {
        Ok(link) => link,
        Err(error) => {
            let why = error.without_values();
            tracing::error!(why, "the database does not take writes");
            fail(group);
            return Err(error);
        }
    };
    let (mut replies, mut again): (Vec<Reply>, Vec<Job>) = (Vec::new(), Vec::new());
    let mut group = group.into_iter();
    while let Some(job) = group.next() {
        match run(link, &job) {
            Ok(Ok(reply)) => replies.push(reply),
            Ok(Err(StoreError::Sql(error))) if error.is_collision() => again.push(job),
            Ok(Err(error)) => (job.failed)(error),
            Err(error) => {
                // The transaction is broken: a commit of it would say that it worked, and roll back.
                answer(replies, false);
                fail(again.into_iter().chain([job]).chain(group).collect());
                return Err(error.into());
            }
        }
    }
    crate::faults::reach("server.before_commit");
    let committed = link.commit();
    let lasts = matches!(committed, Ok(true));
    if lasts {
        crate::faults::reach("server.after_commit");
    }
    answer(replies, lasts);
    let news = link.take_notices();
    let overwritten = link.take_overwrites();
    if !lasts {
        fail(std::mem::take(&mut again));
        committed?;
        return Err(StoreError::Busy);
    }
    // After the commit: in the transaction, it would have commits of all nodes wait for each other.
    notices.tell(&news);
    let told = listener::tell(link, &news);
    if overwritten && vacuum(link).is_err() {
        tracing::warn!("what was overwritten could not be cleared yet; the database does it in time");
    }
    if told.is_err() {
        fail(std::mem::take(&mut again));
    }
    told?;
    Ok(again)
}

/// Frees the rows that were overwritten.
pub fn vacuum(link: &PostgresLink) -> Result<(), SqlError> {
    ["entries", "documents", "ledger", "bases"]
        .iter()
        .try_for_each(|table| link.batch(&format!("VACUUM {table}")))
}

/// Runs a job in a savepoint: when it fails, the others stand. The outer error is the savepoint's own.
fn run(link: &PostgresLink, job: &Job) -> Result<Result<Reply, StoreError>, SqlError> {
    link.batch("SAVEPOINT job")?;
    let outcome = job.run(&Connection::new(link));
    let end = if outcome.is_ok() {
        "RELEASE job"
    } else {
        "ROLLBACK TO job; RELEASE job"
    };
    link.batch(end)?;
    Ok(outcome)
}
