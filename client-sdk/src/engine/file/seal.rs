//! Residents' values at rest: sealed column by column inside the encrypted file, under the phone's reading key. The phone
//! holds that key while its lease lasts.
//!
//! SQL seals and opens, so that no statement handles a key:
//!
//! | function | gives |
//! |---|---|
//! | `seal_document(bytes, record, facet, type)`, `seal_view(json, record, type)`, `seal_entry(body, record, type)` | the value as it is written: sealed if the type has residents' values there |
//! | `unseal_document(bytes, record, facet)`, `unseal_view(json, record)`, `unseal_entry(body, record)` | the value as it was; an error without a lease |
//! | `entry_if_held(body, record)` | the same; null for a sealed body without a lease |
//! | `view_if_held(json, record)`, `text_if_held(json, record)` | the sealed part of a view, and its texts; null without a lease |
//! | `is_blind(type)` | whether records of a type can be read only in part now |
//!
//! A sealed value is the number of its suite (1), 24 bytes of nonce, and XChaCha20-Poly1305 over the value, bound to its
//! record and slot. No Automerge document and no entry begins with byte 1, so an unsealed value stands as it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use gridledger_schema::set::{Field, PrivacyClass, RecordType, SchemaSet};
use gridledger_schema::suite::Suite;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ToSql;
use rusqlite::{Connection, Error};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::engine::file::key_file;
use crate::error::{ClientError, LEASE_ENDED};

/// The key that residents' values are sealed under.
pub(crate) type ReadingKey = Zeroizing<[u8; 32]>;

/// The first byte of a sealed value: the number of the suite that sealed it.
const SEALED: u8 = Suite::Ed25519Sha256 as u8;
/// Bytes of a nonce.
const NONCE: usize = 24;

/// The column that a value stands in. A sealed value opens only in its own slot of its own record.
#[derive(Clone, Copy)]
enum Slot {
    /// A document, by its facet (0 to 63).
    Document(u8),
    /// The sealed part of a view.
    View,
    /// An own entry.
    Entry,
}

impl Slot {
    /// The number that a sealed value is bound to.
    fn number(self) -> u8 {
        match self {
            Self::Document(facet) => facet,
            Self::View => 64,
            Self::Entry => 65,
        }
    }

    /// Whether values of a type with these guarded facets are sealed in this slot.
    fn is_guarded(self, facets: u64) -> bool {
        match self {
            Self::Document(facet) => facet < 64 && facets & (1 << facet) != 0,
            Self::View | Self::Entry => facets != 0,
        }
    }
}

/// The reading key while there is one, and what the schema has sealed. The functions in SQL share it.
#[derive(Clone, Default)]
pub(crate) struct Seal {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    key: Option<ReadingKey>,
    guarded: BTreeMap<String, Guarded>,
}

/// Where a type's residents' values stand.
#[derive(serde::Serialize)]
struct Guarded {
    /// The facets, as bits.
    facets: u64,
    fields: Vec<String>,
}

/// Whether a field holds something about a resident.
pub(crate) fn is_personal(field: &Field) -> bool {
    field.privacy.class != PrivacyClass::None
}

impl Guarded {
    fn of_type(record_type: &RecordType) -> Self {
        let personal = || record_type.fields.values().filter(|field| is_personal(field));
        Self {
            facets: personal().fold(0, |facets, field| facets | 1 << field.facet),
            fields: personal().map(|field| field.name.clone()).collect(),
        }
    }
}

impl Seal {
    /// Adds the functions to a connection.
    pub(crate) fn install(&self, c: &Connection) -> Result<(), ClientError> {
        self.add(c, "seal_document", 4, |seal, call| seal.seal_value(call, Slot::Document(call.get(2)?), 3))?;
        self.add(c, "seal_view", 3, |seal, call| seal.seal_value(call, Slot::View, 2))?;
        self.add(c, "seal_entry", 3, |seal, call| seal.seal_value(call, Slot::Entry, 2))?;
        self.add(c, "unseal_document", 3, |seal, call| {
            seal.unseal_value(call, Slot::Document(call.get(2)?))
        })?;
        self.add(c, "unseal_view", 2, |seal, call| seal.unseal_value(call, Slot::View))?;
        self.add(c, "unseal_entry", 2, |seal, call| seal.unseal_value(call, Slot::Entry))?;
        self.add(c, "entry_if_held", 2, |seal, call| {
            let is_sealed = call.get_raw(0).as_bytes().is_ok_and(|value| value.first() == Some(&SEALED));
            if is_sealed && seal.is_dark() { Ok(None) } else { seal.unseal_value(call, Slot::Entry) }
        })?;
        self.add(c, "view_if_held", 2, Self::view_if_held)?;
        self.add(c, "text_if_held", 2, |seal, call| {
            let view = seal.view_if_held(call)?;
            Ok(view.map(|view| {
                let mut text = String::new();
                gather_text(&serde_json::from_str(&view).unwrap_or(Value::Null), &mut text);
                text
            }))
        })?;
        self.add(c, "is_blind", 1, |seal, call| {
            Ok(seal.is_blind(call.get_raw(0).as_str().unwrap_or_default()))
        })
    }

    fn add<T: ToSql + 'static>(
        &self,
        c: &Connection,
        name: &str,
        arguments: i32,
        function: fn(&Self, &Context<'_>) -> Result<T, Error>,
    ) -> Result<(), ClientError> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        let seal = self.clone();
        c.create_scalar_function(name, arguments, flags, move |call| function(&seal, call))?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds the reading key from now on.
    pub(crate) fn hold(&self, key: ReadingKey) {
        self.state().key = Some(key);
    }

    /// Forgets the reading key.
    pub(crate) fn forget(&self) {
        self.state().key = None;
    }

    /// The reading key, to be wrapped by another secret.
    pub(crate) fn key(&self) -> Option<ReadingKey> {
        self.state().key.clone()
    }

    /// Whether residents' values cannot be read now.
    pub(crate) fn is_dark(&self) -> bool {
        self.state().key.is_none()
    }

    /// Whether records of a type can be read and derived only in part now.
    pub(crate) fn is_blind(&self, record_type: &str) -> bool {
        let state = self.state();
        state.key.is_none() && state.guarded_facets(record_type) != 0
    }

    /// Takes over what a schema set has sealed; a digest of that.
    pub(crate) fn follow(&self, schema: &SchemaSet) -> [u8; 32] {
        let of_type = |t: &RecordType| (t.name.clone(), Guarded::of_type(t));
        let guarded: BTreeMap<_, _> = schema.types.values().map(of_type).collect();
        let digest = Sha256::digest(json!(guarded).to_string());
        self.state().guarded = guarded;
        digest.into()
    }

    /// Seals argument 0 if its type, argument `type_at`, has residents' values in the slot.
    fn seal_value(&self, call: &Context<'_>, slot: Slot, type_at: usize) -> Result<Option<Vec<u8>>, Error> {
        let Some(value) = call.get_raw(0).as_bytes_or_null().map_err(misused)? else {
            return Ok(None);
        };
        let state = self.state();
        let facets = state.guarded_facets(call.get_raw(type_at).as_str().unwrap_or_default());
        if !slot.is_guarded(facets) {
            return Ok(Some(value.to_vec()));
        }
        let key = state.key.as_ref().ok_or_else(|| misused(LEASE_ENDED))?;
        seal(key, value, &place(call, slot)?).map(Some).map_err(misused)
    }

    /// Opens argument 0.
    fn unseal_value(&self, call: &Context<'_>, slot: Slot) -> Result<Option<Vec<u8>>, Error> {
        let Some(value) = call.get_raw(0).as_bytes_or_null().map_err(misused)? else {
            return Ok(None);
        };
        if value.first() != Some(&SEALED) {
            return Ok(Some(value.to_vec()));
        }
        let state = self.state();
        let key = state.key.as_ref().ok_or_else(|| misused(LEASE_ENDED))?;
        let opened = open(key, value, &place(call, slot)?);
        opened.map(Some).ok_or_else(|| misused("a sealed value does not open"))
    }

    fn view_if_held(&self, call: &Context<'_>) -> Result<Option<String>, Error> {
        if self.is_dark() {
            return Ok(None);
        }
        let view = self.unseal_value(call, Slot::View)?;
        view.map(String::from_utf8).transpose().map_err(misused)
    }
}

impl State {
    /// The facets of a type that are sealed. A type that the schema does not know is sealed whole.
    fn guarded_facets(&self, record_type: &str) -> u64 {
        self.guarded.get(record_type).map_or(u64::MAX, |guarded| guarded.facets)
    }
}

/// [`Seal::is_blind`], asked through a connection.
pub(crate) fn is_blind(c: &Connection, record_type: &str) -> Result<bool, ClientError> {
    let mut select = c.prepare_cached("SELECT is_blind(?1)")?;
    Ok(select.query_row([record_type], |row| row.get(0))?)
}

/// The place that a value is bound to: its record, argument 1, and its slot.
fn place(call: &Context<'_>, slot: Slot) -> Result<Vec<u8>, Error> {
    let mut place = call.get_raw(1).as_blob().map_err(misused)?.to_vec();
    place.push(slot.number());
    Ok(place)
}

/// Seals `value` for a place.
pub(crate) fn seal(key: &ReadingKey, value: &[u8], place: &[u8]) -> Result<Vec<u8>, ClientError> {
    let mut nonce = [0; NONCE];
    key_file::fill_random(&mut nonce)?;
    let cipher = XChaCha20Poly1305::new_from_slice(&key[..]).expect("BUG: 32 bytes are a key");
    let message = Payload { msg: value, aad: place };
    let sealed =
        cipher.encrypt(&XNonce::from(nonce), message).expect("BUG: a value in memory can be encrypted");
    let mut out = Vec::with_capacity(1 + NONCE + sealed.len());
    out.push(SEALED);
    out.extend(nonce);
    out.extend(sealed);
    Ok(out)
}

/// Opens a value that was sealed for a place; `None` for another key, another place, or damage.
pub(crate) fn open(key: &ReadingKey, sealed: &[u8], place: &[u8]) -> Option<Vec<u8>> {
    let (_, sealed) = sealed.split_first().filter(|(suite, _)| **suite == SEALED)?;
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
    let cipher = XChaCha20Poly1305::new_from_slice(&key[..]).ok()?;
    let message = Payload { msg: sealed, aad: place };
    cipher.decrypt(&XNonce::from(*nonce), message).ok()
}

fn misused(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::UserFunctionError(error.into())
}

/// Adds every text in a view, a line each, for the search. A conflict's other values are found too.
pub(crate) fn gather_text(value: &Value, out: &mut String) {
    match value {
        Value::String(s) => {
            out.push_str(s);
            out.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|v| gather_text(v, out)),
        Value::Object(map) => map.values().for_each(|v| gather_text(v, out)),
        _ => {}
    }
}
