//! Sends what the phones keep, so many at a time; whoever is told to come back does so as a phone does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::LoadError;
use super::phone::{self, Ready};

/// Times a phone comes back before the measurement is given up.
const TRIES: u32 = 60;

/// What came of it.
#[derive(Default)]
pub struct Driven {
    /// Phones with the answers they got.
    phones: Vec<(Ready, Vec<u8>)>,
    /// From the beginning of each sync to the end of its answer, the shortest first.
    pub took: Vec<Duration>,
    /// Times a phone was told to come back.
    pub told_back: u64,
    /// From the first request to the last answer.
    pub all: Duration,
}

impl Driven {
    /// Phones that synced.
    pub fn syncs(&self) -> usize {
        self.phones.len()
    }

    /// The time that so many of a hundred syncs stayed below.
    pub fn percentile(&self, percent: usize) -> Duration {
        let at = (self.took.len() * percent / 100).min(self.took.len().saturating_sub(1));
        self.took.get(at).copied().unwrap_or_default()
    }

    /// Has every phone take its answer in: all of its edits must be acknowledged.
    pub fn acknowledged(&self, edits: usize) -> Result<(), LoadError> {
        for (at, (phone, answer)) in self.phones.iter().enumerate() {
            let open = phone.take_in(answer)?;
            if open > 0 {
                let open = format!("phone {at}: {open} of {edits} edits not acknowledged");
                return Err(LoadError::Wrong(open));
            }
        }
        Ok(())
    }
}

/// Syncs every phone, `at_once` at a time.
pub async fn drive(server: &str, phones: Vec<Ready>, at_once: usize) -> Result<Driven, LoadError> {
    let (http, url) = (phone::client()?, phone::sync_url(server));
    let waiting = Arc::new(Mutex::new(phones));
    let done = Arc::new(Mutex::new(Driven::default()));
    let began = Instant::now();
    let mut lines: JoinSet<Result<(), LoadError>> = JoinSet::new();
    for line in 0..at_once {
        let (http, url, waiting, done) = (http.clone(), url.clone(), waiting.clone(), done.clone());
        lines.spawn(async move {
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(phone) = next else { return Ok(()) };
                sync((&http, &url), phone, line as u64, &done).await?;
            }
        });
    }
    while let Some(ended) = lines.join_next().await {
        ended.map_err(|error| LoadError::Wrong(error.to_string()))??;
    }
    let mut driven = std::mem::take(&mut *done.lock().unwrap_or_else(PoisonError::into_inner));
    driven.all = began.elapsed();
    driven.took.sort_unstable();
    Ok(driven)
}

async fn sync(
    (http, url): (&reqwest::Client, &str),
    mut phone: Ready,
    line: u64,
    done: &Mutex<Driven>,
) -> Result<(), LoadError> {
    let began = Instant::now();
    for tried in 0..TRIES {
        let sent = http.post(url).body(phone.body.clone()).send().await;
        if let Ok(answer) = sent
            && answer.status().is_success()
            && let Ok(answer) = answer.bytes().await
        {
            let took = began.elapsed();
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.took.push(took);
            done.phones.push((phone, answer.to_vec()));
            return Ok(());
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).told_back += 1;
        tokio::time::sleep(back_off(tried, line)).await;
        phone.again()?;
    }
    Err(LoadError::Wrong(format!(
        "a phone was told to come back {TRIES} times"
    )))
}

/// Longer each time, and another for every phone.
fn back_off(tried: u32, line: u64) -> Duration {
    let most = 250u64 << tried.min(6);
    Duration::from_millis(most / 2 + line.wrapping_mul(2_654_435_761) % most)
}
