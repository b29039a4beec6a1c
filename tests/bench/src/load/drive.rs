//! Sends the prepared requests, so many at a time; a phone that is asked to come back does so like a real one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gridledger_client::{Backoff, ClientError};
use gridledger_schema::code::Code;
use reqwest::header::RETRY_AFTER;
use tokio::task::JoinSet;

use super::error::LoadError;
use super::phone::{self, Ready};

/// Times a phone comes back before the measurement is given up.
const TRIES: u32 = 60;

/// The outcome of a phone's syncs.
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
        let half = self.phones.len().div_ceil(2).max(1);
        let take_in = |phones: &[(Ready, Vec<u8>)]| {
            phones.iter().try_for_each(|(phone, answer)| match phone.take_in(answer)? {
                0 => Ok(()),
                open => Err(LoadError::Wrong(format!("{open} of {edits} edits not acknowledged"))),
            })
        };
        std::thread::scope(|scope| {
            let parts: Vec<_> =
                self.phones.chunks(half).map(|phones| scope.spawn(move || take_in(phones))).collect();
            parts.into_iter().try_for_each(|part| {
                let panicked = |_| LoadError::Wrong("a phone panicked".into());
                part.join().map_err(panicked)?
            })
        })
    }
}

/// Syncs every phone, `at_once` at a time.
pub async fn drive(server: &str, phones: Vec<Ready>, at_once: usize) -> Result<Driven, LoadError> {
    let (http, url) = (phone::client()?, phone::sync_url(server));
    let waiting = Arc::new(Mutex::new(phones));
    let done = Arc::new(Mutex::new(Driven::default()));
    let began = Instant::now();
    let mut lines: JoinSet<Result<(), LoadError>> = JoinSet::new();
    for _ in 0..at_once {
        let (http, url, waiting, done) = (http.clone(), url.clone(), waiting.clone(), done.clone());
        lines.spawn(async move {
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(phone) = next else { return Ok(()) };
                let seed = phone.seed();
                sync((&http, &url), phone, seed, &done).await?;
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
    seed: u64,
    done: &Mutex<Driven>,
) -> Result<(), LoadError> {
    let began = Instant::now();
    let mut backoff = Backoff::new(seed);
    for _ in 0..TRIES {
        let error = match post(http, url, &phone).await {
            Ok(answer) if !phone::is_whole(&answer)? => {
                // A part was decided: the rest goes at once.
                phone.take_in(&answer)?;
                phone.again()?;
                continue;
            }
            Ok(answer) => {
                let took = began.elapsed();
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done.took.push(took);
                done.phones.push((phone, answer));
                return Ok(());
            }
            Err(error) => error,
        };
        let wait = backoff.after(&error).ok_or(error)?;
        done.lock().unwrap_or_else(PoisonError::into_inner).told_back += 1;
        tokio::time::sleep(wait).await;
        phone.again()?;
    }
    Err(LoadError::Wrong(format!("a phone was told to come back {TRIES} times")))
}

/// Sends a request, and gives its answer or the failure.
async fn post(http: &reqwest::Client, url: &str, phone: &Ready) -> Result<Vec<u8>, ClientError> {
    let cut = |error: reqwest::Error| ClientError::Network(error.to_string());
    let answer = http.post(url).body(phone.body.clone()).send().await.map_err(cut)?;
    if answer.status().is_success() {
        return Ok(answer.bytes().await.map_err(cut)?.to_vec());
    }
    let wait = answer.headers().get(RETRY_AFTER);
    let wait = wait.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
    let text = answer.text().await.map_err(cut)?;
    let said: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    Err(ClientError::Server {
        code: said["code"].as_str().and_then(Code::parse).unwrap_or(Code::Internal),
        detail: String::new(),
        wait: wait.map(Duration::from_secs),
    })
}
