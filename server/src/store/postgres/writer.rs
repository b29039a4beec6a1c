//! A thread that writes: whatever queued up during the last commit shares the next, each job in a savepoint.

use super::vacuum::Vacuum;
use super::{link, listener};
use crate::store::StoreError;
use crate::store::shared::jobs::{Job, Jobs, Reply, Turn, answer};
use crate::store::sql::wake_ups::WakeUps;
use crate::store::sql::{Connection, Link as _, PostgresLink, SqlError};

/// The advisory lock that writes share, and that a write takes whole when it must be alone.
const WRITING: i64 = 0x6772_6964;
/// Attempts to run a colliding job beside others. After that it runs alone, where it cannot collide.
const ATTEMPTS: usize = 4;

/// The parts that the writers of one node share.
pub struct Shared<'a> {
    /// The database.
    pub url: &'a str,
    /// Receives the wake-ups of this node.
    pub wake_ups: &'a WakeUps,
    /// Clears what was overwritten.
    pub vacuum: &'a Vacuum,
}

/// Serves the queue until it is closed. The connection is opened when it is needed, and again when it was lost.
pub fn serve(shared: &Shared<'_>, jobs: &Jobs) {
    let mut link = None;
    while let Some(group) = jobs.next_group() {
        let (alone, beside): (Vec<Job>, Vec<Job>) = group.into_iter().partition(|job| job.alone);
        for group in [alone, beside] {
            if !group.is_empty() && write(shared, &mut link, group, jobs).is_err() {
                // The commit's fate is unknown, or there is no connection. Every caller got an error.
                link = None;
            }
        }
    }
}

/// Runs a group in one transaction and answers every caller whose turn came. A job that collided with another
/// transaction runs again by itself, at last alone.
fn write(
    shared: &Shared<'_>,
    link: &mut Option<PostgresLink>,
    group: Vec<Job>,
    jobs: &Jobs,
) -> Result<(), StoreError> {
    let Ran { mut again, left } = transact(shared, link, group, false, jobs)?;
    jobs.put_back(left.into_iter());
    for attempt in 1..=ATTEMPTS {
        let mut left = Vec::new();
        for job in again {
            left.extend(transact(shared, link, vec![job], attempt == ATTEMPTS, jobs)?.again);
        }
        again = left;
    }
    fail(again);
    Ok(())
}

/// A connection in a new transaction. An idle one may have been lost meanwhile. Nothing was asked of it yet, so another
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
        idle.set_alone(alone);
        match idle.batch(&begin) {
            Ok(()) => return Ok(link.insert(idle)),
            // The connection lives; it waited in vain for a write that is alone.
            Err(error) if !error.is_unreachable() && !idle.is_closed() => return Err(error.into()),
            Err(_) => {}
        }
    }
    let fresh = link::open(url)?;
    fresh.set_alone(alone);
    fresh.batch(&begin)?;
    Ok(link.insert(fresh))
}

fn fail(group: Vec<Job>) {
    for job in group {
        (job.failed)(StoreError::Busy);
    }
}

/// Jobs of a group that are not answered yet.
struct Ran {
    /// Those that met another transaction and wait to be run again.
    again: Vec<Job>,
    /// Those whose turn did not come.
    left: Vec<Job>,
}

/// Runs one transaction. After an error the connection is not used any more, and every caller was answered.
fn transact(
    shared: &Shared<'_>,
    link: &mut Option<PostgresLink>,
    group: Vec<Job>,
    alone: bool,
    jobs: &Jobs,
) -> Result<Ran, StoreError> {
    let alone = alone || group.iter().any(|job| job.alone);
    let link = match begin(shared.url, link, alone) {
        Ok(link) => link,
        Err(error) => {
            let why = error.without_values();
            tracing::error!(why, "the database does not take writes");
            fail(group);
            return Err(error);
        }
    };
    let (mut replies, mut again): (Vec<Reply>, Vec<Job>) = (Vec::new(), Vec::new());
    let turn = Turn::begin();
    let mut group = group.into_iter();
    while let Some(job) = group.next() {
        match run(link, &job) {
            Ok(Ok(reply)) => replies.push(reply),
            Ok(Err(error)) if error.is_collision() => again.push(job),
            Ok(Err(error)) => (job.failed)(error),
            Err(error) => {
                // The transaction is broken: its commit would report success, and roll back.
                answer(replies, false);
                fail(again.into_iter().chain([job]).chain(group).collect());
                return Err(error.into());
            }
        }
        if turn.is_over() {
            break;
        }
    }
    let mut left: Vec<Job> = group.collect();
    crate::faults::reach("server.before_commit");
    let committed = jobs.time_commit(|| link.commit());
    let lasts = matches!(committed, Ok(true));
    if lasts {
        crate::faults::reach("server.after_commit");
    }
    answer(replies, lasts);
    let news = link.take_wake_ups();
    let overwritten = link.take_overwrites();
    if !lasts {
        fail(std::mem::take(&mut again));
        fail(std::mem::take(&mut left));
        committed?;
        return Err(StoreError::Busy);
    }
    // This comes after the commit: inside the transaction, it would make the commits of all nodes wait for each
    // other.
    shared.wake_ups.send(&news);
    let told = listener::tell(link, &news);
    if overwritten {
        shared.vacuum.ask();
    }
    if told.is_err() {
        fail(std::mem::take(&mut again));
        fail(std::mem::take(&mut left));
    }
    told?;
    Ok(Ran { again, left })
}

/// Runs a job in a savepoint: when it fails, the others stand. The outer error is the savepoint's own.
fn run(link: &PostgresLink, job: &Job) -> Result<Result<Reply, StoreError>, SqlError> {
    link.batch("SAVEPOINT job")?;
    let outcome = job.run(&Connection::new(link));
    let end = if outcome.is_ok() { "RELEASE job" } else { "ROLLBACK TO job; RELEASE job" };
    link.batch(end)?;
    Ok(outcome)
}
