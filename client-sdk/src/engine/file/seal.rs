//! Residents' values at rest: sealed once more inside the encrypted file, column by column, under the phone's reading
//! key. That key is there while the lease lasts.
//!
//! SQL does the sealing, so that no statement has to be told about keys: `seal(bytes, record, slot, type)` as a value is
//! written, `unseal(bytes, record, slot)` as it is read; `opened` does the same, and `revealed` and `revealed_text` give the
//! sealed part of a view, but null when there is no lease. Slots below 64 are documents, by facet; 64 is a view, 65 an
//! entry. A sealed value is the number of its suite (1), 24 bytes of nonce, and XChaCha20-Poly1305 over the value, bound
//! to its record and slot. No Automerge document and no entry begins with byte 1: what is not sealed stands as it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use gridledger_schema::set::{Field, PrivacyClass, RecordType, SchemaSet};
use gridledger_schema::suite::Suite;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, Error};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::engine::file::key_file;
use crate::error::{ClientError, LEASE_ENDED};

/// The key residents' values are sealed under.
pub(crate) type ReadingKey = Zeroizing<[u8; 32]>;

/// Slots below this are documents, by facet.
const FACETS: u8 = 64;

/// The sealed part of a view.
const VIEW: u8 = 64;

/// The first byte of a sealed value: the number of the suite that sealed it.
const SEALED: u8 = Suite::Ed25519Sha256 as u8;

const NONCE: usize = 24;

/// The reading key while there is one, and what the schema says is to be sealed; shared with the functions in SQL.
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
    fn of(record_type: &RecordType) -> Self {
        let personal = || record_type.fields.values().filter(|field| is_personal(field));
        Self {
            facets: personal().fold(0, |facets, field| facets | 1 << field.facet),
            fields: personal().map(|field| field.name.clone()).collect(),
        }
    }
}

impl Seal {
    /// Makes the functions known to a connection.
    pub(crate) fn install(&self, c: &Connection) -> Result<(), ClientError> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        let seal = self.clone();
        c.create_scalar_function("seal", 4, flags, move |call| seal.sealed(call))?;
        let seal = self.clone();
        c.create_scalar_function("unseal", 3, flags, move |call| seal.unsealed(call))?;
        let seal = self.clone();
        c.create_scalar_function("opened", 3, flags, move |call| {
            if seal.is_dark() && call.get_raw(0).as_bytes().is_ok_and(|value| value.first() == Some(&SEALED))
            {
                return Ok(None);
            }
            seal.unsealed(call)
        })?;
        let seal = self.clone();
        c.create_scalar_function("revealed", 2, flags, move |call| seal.revealed(call))?;
        let seal = self.clone();
        c.create_scalar_function("revealed_text", 2, flags, move |call| {
            let view = seal.revealed(call)?;
            Ok(view.map(|view| {
                let mut text = String::new();
                gather_text(&serde_json::from_str(&view).unwrap_or(Value::Null), &mut text);
                text
            }))
        })?;
        let seal = self.clone();
        c.create_scalar_function("is_blind", 1, flags, move |call| {
            Ok(seal.is_blind(call.get_raw(0).as_str().unwrap_or_default()))
        })?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the key from now on.
    pub(crate) fn hold(&self, key: ReadingKey) {
        self.state().key = Some(key);
    }

    /// Has it no longer.
    pub(crate) fn forget(&self) {
        self.state().key = None;
    }

    /// The key, to be wrapped anew.
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
        state.key.is_none() && state.facets(record_type) != 0
    }

    /// Takes over what a schema set says is to be sealed; a digest of that.
    pub(crate) fn follow(&self, schema: &SchemaSet) -> [u8; 32] {
        let of_type = |t: &RecordType| (t.name.clone(), Guarded::of(t));
        let guarded: BTreeMap<_, _> = schema.types.values().map(of_type).collect();
        let digest = Sha256::digest(json!(guarded).to_string());
        self.state().guarded = guarded;
        digest.into()
    }

    fn sealed(&self, call: &Context<'_>) -> Result<Option<Vec<u8>>, Error> {
        let Some(value) = call.get_raw(0).as_bytes_or_null().map_err(misused)? else {
            return Ok(None);
        };
        let (place, slot) = place(call)?;
        let state = self.state();
        let facets = state.facets(call.get_raw(3).as_str().unwrap_or_default());
        let guarded = if slot < FACETS { facets & (1 << slot) != 0 } else { facets != 0 };
        if !guarded {
            return Ok(Some(value.to_vec()));
        }
        let key = state.key.as_ref().ok_or_else(ended)?;
        seal(key, value, &place).map(Some).map_err(misused)
    }

    fn unsealed(&self, call: &Context<'_>) -> Result<Option<Vec<u8>>, Error> {
        let Some(value) = call.get_raw(0).as_bytes_or_null().map_err(misused)? else {
            return Ok(None);
        };
        if value.first() != Some(&SEALED) {
            return Ok(Some(value.to_vec()));
        }
        let (place, _) = place(call)?;
        let state = self.state();
        let key = state.key.as_ref().ok_or_else(ended)?;
        open(key, value, &place).map(Some).ok_or_else(|| said("a sealed value does not open"))
    }

    fn revealed(&self, call: &Context<'_>) -> Result<Option<String>, Error> {
        let Some(value) = call.get_raw(0).as_bytes_or_null().map_err(misused)? else {
            return Ok(None);
        };
        let state = self.state();
        let Some(key) = state.key.as_ref() else {
            return Ok(None);
        };
        let mut place = call.get_raw(1).as_blob().map_err(misused)?.to_vec();
        place.push(VIEW);
        let view =
            if value.first() == Some(&SEALED) { open(key, value, &place) } else { Some(value.to_vec()) };
        view.and_then(|view| String::from_utf8(view).ok())
            .map(Some)
            .ok_or_else(|| said("a sealed view does not open"))
    }
}

impl State {
    /// A type that the schema does not know is sealed whole.
    fn facets(&self, record_type: &str) -> u64 {
        self.guarded.get(record_type).map_or(u64::MAX, |guarded| guarded.facets)
    }
}

/// Whether records of a type can be read and derived only in part now, asked where there is a connection only.
pub(crate) fn is_blind(c: &Connection, record_type: &str) -> Result<bool, ClientError> {
    let mut select = c.prepare_cached("SELECT is_blind(?1)")?;
    Ok(select.query_row([record_type], |row| row.get(0))?)
}

/// The record and the slot that a value is bound to, and the slot.
fn place(call: &Context<'_>) -> Result<(Vec<u8>, u8), Error> {
    let slot: u8 = call.get(2)?;
    let mut place = call.get_raw(1).as_blob().map_err(misused)?.to_vec();
    place.push(slot);
    Ok((place, slot))
}

/// Seals `value` for a place.
pub(crate) fn seal(key: &ReadingKey, value: &[u8], place: &[u8]) -> Result<Vec<u8>, ClientError> {
    let mut nonce = [0; NONCE];
    key_file::fill(&mut nonce)?;
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

/// What was sealed for a place; `None` for another key, another place, or damage.
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

fn said(what: &str) -> Error {
    misused(what)
}

fn ended() -> Error {
    said(LEASE_ENDED)
}

/// Every text in a view, for the search, newest form only; conflicts' other values are found too.
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
