//! A hostile phone. On one record after another it makes a thousand edits that have not seen another author's edit,
//! rewrites a long text again and again, or fills a ticket with comments. It obeys only limits that the server enforces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ed25519_dalek::SigningKey;
use gridledger_core::canonical;
use gridledger_core::wire::envelope::{read_answer_head, seal};
use gridledger_core::wire::squeeze::{Packing, unpack};
use gridledger_core::wire::{NoNames, frames};
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, DeviceNo, EntryHash, FeedId, RecordId};
use gridledger_schema::limits;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::{Enrol, Frame, Request, Segment, Want};
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use super::error::LoadError;
use super::phone::sync_url;
use super::town::Worker;

/// Characters of the text that is rewritten.
const LONG: usize = 4_000;
/// The pause after an answer that decided nothing.
const PAUSE: Duration = Duration::from_millis(50);

/// A device that builds its bytes itself.
struct Device {
    key: SigningKey,
    feed: FeedId,
    number: DeviceNo,
    area: AreaNo,
    head: (u64, EntryHash),
    counter: u64,
    schema: Arc<SchemaSet>,
    http: reqwest::Client,
    url: String,
}

/// The counts of a hostile phone's work.
#[derive(Default)]
pub struct Done {
    /// Requests it sent.
    pub requests: AtomicU64,
    /// Entries of it that were decided.
    pub decided: AtomicU64,
    /// The longest time one of its requests took, ms.
    pub longest: AtomicU64,
}

impl Device {
    /// Enrols a device of a worker.
    async fn enrol(server: &str, worker: &Worker, seed: u8) -> Result<Self, LoadError> {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let public_key = key.verifying_key().to_bytes();
        let mut device = Self {
            feed: FeedId::of_key(&public_key, 0),
            key,
            number: DeviceNo(0),
            area: AreaNo(0),
            head: (0, EntryHash::ZERO),
            counter: 0,
            schema: SchemaSet::builtin(),
            http: super::phone::client()?,
            url: sync_url(server),
        };
        let enrol = Enrol { code: worker.code.clone(), public_key, label: "hostile".into() };
        let request = Request { enrol: Some(enrol), ..Request::default() };
        for frame in device.send(&request).await? {
            match frame {
                Frame::Welcome(welcome) => device.number = welcome.device,
                Frame::Granted(area) if area.kind == "basic_grid" => device.area = area.no,
                _ => {}
            }
        }
        Ok(device)
    }

    /// Sends a request; the frames of its answer.
    async fn send(&mut self, request: &Request) -> Result<Vec<Frame>, LoadError> {
        self.counter = (self.counter + 1).max(now() as u64);
        let payload = frames::write_request(request, &NoNames);
        let body = seal(
            Suite::default(),
            &self.key,
            self.number,
            self.counter,
            Packing::Plain,
            self.schema.fingerprint(),
            &payload,
        );
        let answer = self.http.post(&self.url).body(body).send().await?;
        if matches!(answer.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            // The server asks it to wait, and it hardly does.
            tokio::time::sleep(PAUSE).await;
            return Ok(Vec::new());
        }
        let answer = answer.error_for_status()?.bytes().await?;
        let cut = || LoadError::Wrong("an answer that was cut".into());
        let (head, rest) = answer.split_first_chunk::<2>().ok_or_else(cut)?;
        let packing = read_answer_head(*head)?;
        let unpacked = unpack(packing, rest, self.schema.dictionary(), limits::FRAME_BYTES * 8)?;
        let (mut rest, mut found) = (unpacked, Vec::new());
        while let Some(frame) = frames::take_frame(&mut rest, &NoNames)? {
            found.push(frame);
        }
        Ok(found)
    }

    /// An entry of an author who has seen only their own entries.
    fn entry(&self, ahead: u64, target: Target, intents: Vec<Intent>) -> Entry {
        Entry {
            n: self.head.0 + 1 + ahead,
            at: now(),
            cursor: 0,
            role: "grid_worker".into(),
            target,
            intents,
        }
    }

    /// Pushes entries and takes note of how far they are decided.
    async fn push(&mut self, entries: Vec<Entry>) -> Result<(), LoadError> {
        let last = entries.iter().fold(self.head.1, |hash, entry| {
            canonical::hash(Suite::default(), hash, &canonical::encode(entry))
        });
        let n = entries.last().map_or(0, |entry| entry.n);
        let mut before = [0; 8];
        before.copy_from_slice(&self.head.1.0[..8]);
        let segment = Segment {
            feed: self.feed,
            suite: Suite::default(),
            before,
            signature: canonical::sign_segment(Suite::default(), &self.key, self.feed, n, last),
            entries,
        };
        // It wants no news.
        let request = Request { segments: vec![segment], want: Want::Only(Vec::new()), ..Request::default() };
        for frame in self.send(&request).await? {
            if let Frame::Receipt(receipt) = frame
                && receipt.feed == self.feed
                && receipt.n > self.head.0
            {
                self.head = (receipt.n, receipt.hash);
            }
        }
        Ok(())
    }
}

/// Runs the hostile phone until `ended` is set.
pub async fn rage(
    server: String,
    workers: [Worker; 2],
    done: Arc<Done>,
    ended: Arc<AtomicBool>,
) -> Result<(), LoadError> {
    let mut author = Device::enrol(&server, &workers[0], 201).await?;
    let mut other = Device::enrol(&server, &workers[1], 202).await?;
    for round in 0_u64.. {
        let created = author.entry(0, create(author.area), report());
        let record = created.record(author.feed);
        author.push(vec![created]).await?;
        // Another author writes an edit that this one has not seen.
        let unseen = other.entry(0, Target::Edit { record }, vec![splice(0, 0, "漏水")]);
        other.push(vec![unseen]).await?;
        let mut left = edits(&author, record, round % 3);
        while !left.is_empty() {
            if ended.load(Ordering::Relaxed) {
                return Ok(());
            }
            let (before, began) = (author.head.0, Instant::now());
            author.push(left.clone()).await?;
            note(&done, began.elapsed(), author.head.0 - before);
            if author.head.0 == before {
                tokio::time::sleep(PAUSE).await;
            }
            left.retain(|entry| entry.n > author.head.0);
        }
    }
    Ok(())
}

fn note(done: &Done, took: Duration, decided: u64) {
    done.requests.fetch_add(1, Ordering::Relaxed);
    done.decided.fetch_add(decided, Ordering::Relaxed);
    done.longest.fetch_max(took.as_millis() as u64, Ordering::Relaxed);
}

/// A push of one kind: many small edits, a text rewritten on and on, or a ticket full of comments.
fn edits(author: &Device, record: RecordId, kind: u64) -> Vec<Entry> {
    let long = "长".repeat(LONG);
    let count = [limits::PUSH_ENTRIES as u64, 40, 5][kind as usize];
    let some = |at: u64| match (kind, at) {
        (0, _) => vec![splice(at as u32 % 5 % (at as u32 + 1), 0, "雨")],
        (1, 0) => vec![splice(0, 0, &long)],
        (1, _) => vec![splice(0, LONG as u32, &long)],
        _ => vec![comment(); 100],
    };
    let edit = |at| author.entry(at, Target::Edit { record }, some(at));
    (0..count).map(edit).collect()
}

fn comment() -> Intent {
    let value = json!("楼".repeat(500));
    intent("comments", Op::Append { value })
}

fn create(area: AreaNo) -> Target {
    Target::Create { record_type: "ticket".into(), area }
}

fn report() -> Vec<Intent> {
    let put = |field: &str, value: Value| intent(field, Op::Put { value });
    let event = Op::Event { verb: "report".into(), args: Map::new() };
    vec![
        put("kind", json!("dispute")),
        put("title", json!("邻里")),
        put("category", json!("neighbour_dispute")),
        intent("events", event),
    ]
}

fn splice(pos: u32, delete: u32, insert: &str) -> Intent {
    let insert = insert.to_owned();
    intent("description", Op::Splice { pos, delete, insert })
}

fn intent(field: &str, op: Op) -> Intent {
    Intent { facet: 0, field: field.into(), op }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}
