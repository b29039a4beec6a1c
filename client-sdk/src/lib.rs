//! The SDK that a phone app embeds: a durable local store, queries, and the sync loop.
//!
//! ```no_run
//! # async fn run() -> Result<(), gridledger_client::ClientError> {
//! use gridledger_client::{Client, Intents, Lock, Options, Query};
//!
//! # let key_from_the_keystore = [0; 32];
//! let client = Client::open("worker.db", &Lock::host_key(key_from_the_keystore), Options::default())?;
//! client.enrol("https://ledger.example", "7KQM-2F4D-9XTA")?;
//! client.sync().await?;
//!
//! // Works with no signal; durable when it returns.
//! let report = Intents::new()
//!     .put("kind", "incident")
//!     .put("title", "路灯不亮")
//!     .put("address_text", "944号4单元3楼")
//!     .event("report", serde_json::Map::new());
//! let ticket = client.create("ticket", "WSS-04", report)?;
//! client.edit(ticket, Intents::new().put("urgency", 3))?;
//! for record in client.list(&Query::of_type("ticket").text("路灯"))? {
//!     println!("{} {}", record.id, record.view["title"]);
//! }
//! # Ok(()) }
//! ```
//!
//! `examples/first_day.rs` is a whole program; the crate `gridledger-field` is an application on this one.
//!
//! Reading order: [`Client`] is the handle an app holds. Under it, [`engine`] is everything without network, runtime or
//! thread: `engine/edits` saves, `engine/reading` reads, `engine/exchange` makes requests and applies answers. `transport` is
//! the network; [`Backoff`] says when to try it again.

#![warn(missing_docs)]

mod backoff;
mod client;
pub mod engine;
mod error;
pub mod faults;
mod intents;
mod model;
mod transport;

pub use backoff::Backoff;
pub use client::{Client, Options};
pub use engine::{Lock, PASSPHRASE_CHARS, set_aside};
pub use error::{ClientError, KeyFileFault};
pub use gridledger_core::calendar::{Zone, ZoneError};
pub use gridledger_schema::ids::RecordId;
pub use intents::Intents;
pub use model::{
    Attention, Conflict, Copied, Ending, EntryId, Invite, Lost, LostValue, OwnEdit, Purpose, Query, Record,
    Saved, SentState, Status, SyncReport, Why,
};
