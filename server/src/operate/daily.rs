//! The daily run beside the service: rows for tools first, then records under old rules, then retention.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::epochs::{renew, retain};
use crate::operate::tools;
use crate::service::Service;
use crate::store::StoreError;

/// The time between two runs.
const EVERY: Duration = Duration::from_hours(24);
/// The time between a failed run and the next one.
const AGAIN: Duration = Duration::from_mins(10);
/// The interval of clock checks between runs: they keep the stored time fresh while no request arrives.
const LOOK: Duration = Duration::from_mins(10);

/// Runs in a thread of its own until it is dropped.
pub struct Daily {
    stop: Option<SyncSender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Daily {
    /// Begins with a run.
    pub fn start(service: Arc<Service>) -> std::io::Result<Self> {
        let (stop, stopped) = sync_channel::<()>(0);
        let thread = std::thread::Builder::new().name("retention".into()).spawn(move || {
            loop {
                let mut wait = if run(&service) { EVERY } else { AGAIN };
                while !wait.is_zero() {
                    let nap = wait.min(LOOK);
                    let goes_on = stopped.recv_timeout(nap) == Err(RecvTimeoutError::Timeout);
                    service.note_time_served();
                    if !goes_on {
                        return;
                    }
                    wait -= nap;
                    let _ = service.trusted_now();
                }
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Daily {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One run; whether it was done. On a clock that is in doubt it waits: what it erases is gone for good.
fn run(service: &Service) -> bool {
    if let Err(error) = service.check_sound() {
        tracing::warn!(%error, "the daily run waits");
        return false;
    }
    let done = service
        .trusted_now()
        .and_then(|_| tools::rewrite(service))
        .and_then(|_| renew(service))
        .and_then(|renewed| Ok((renewed, retain(service, false)?)))
        .and_then(|done| {
            service.store.note_daily_run(service.trusted_now()?)?;
            Ok(done)
        });
    match done {
        Ok((renewed, retained)) => {
            thin_marks(service);
            tracing::info!(
                renewed,
                erased = retained.erased,
                evidence = retained.evidence,
                failed = retained.failed,
                "daily run"
            );
            true
        }
        Err(StoreError::ClockUnsure) => {
            tracing::warn!("the daily run waits until the clock is sure");
            false
        }
        Err(error) => {
            tracing::warn!(%error, "the daily run was broken off");
            false
        }
    }
}

/// Lets go of old marks, area by area, so that pushes come in between. Nothing depends on it today.
fn thin_marks(service: &Service) {
    for area in service.tree().iter() {
        if let Err(error) = service.store.thin_marks(area.no) {
            tracing::warn!(%error, "old marks are kept");
            return;
        }
    }
}
