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
use gridledger_schema::set::{Field, Kind, Mask, Merge, PrivacyClass, RecordType, SchemaSet};
use gridledger_schema::suite::Suite;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, Error};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::overlay::gather_text;
use crate::error::{ClientError, LEASE_ENDED};
use crate::key_file;

/// The key residents' values are sealed under.
pub(super) type ReadingKey = Zeroizing<[u8; 32]>;

/// Slots below this are documents, by facet.
const FACETS: u8 = 64;
/// The sealed part of a view.
pub(super) const VIEW: u8 = 64;

/// The first byte of a sealed value: the number of the suite that sealed it.
const SEALED: u8 = Suite::Ed25519Sha256 as u8;
const NONCE: usize = 24;
/// What stands where a text is withheld.
const WITHHELD: &str = "***";

/// The reading key while there is one, and what the schema says is to be sealed; shared with the functions in SQL.
#[derive(Clone, Default)]
pub(super) struct Seal {
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
pub(super) fn is_personal(field: &Field) -> bool {
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
    pub(super) fn install(&self, c: &Connection) -> Result<(), ClientError> {
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
    pub(super) fn hold(&self, key: ReadingKey) {
        self.state().key = Some(key);
    }

    /// Has it no longer.
    pub(super) fn forget(&self) {
        self.state().key = None;
    }

    /// The key, to be wrapped anew.
    pub(super) fn key(&self) -> Option<ReadingKey> {
        self.state().key.clone()
    }

    /// Whether residents' values cannot be read now.
    pub(super) fn is_dark(&self) -> bool {
        self.state().key.is_none()
    }

    /// Whether records of a type can be read and derived only in part now.
    pub(super) fn is_blind(&self, record_type: &str) -> bool {
        let state = self.state();
        state.key.is_none() && state.facets(record_type) != 0
    }

    /// Takes over what a schema set says is to be sealed; a digest of that.
    pub(super) fn follow(&self, schema: &SchemaSet) -> [u8; 32] {
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
pub(super) fn is_blind(c: &Connection, record_type: &str) -> Result<bool, ClientError> {
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
pub(super) fn seal(key: &ReadingKey, value: &[u8], place: &[u8]) -> Result<Vec<u8>, ClientError> {
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
pub(super) fn open(key: &ReadingKey, sealed: &[u8], place: &[u8]) -> Option<Vec<u8>> {
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

/// Cuts a view in two: what may stand open, and residents' values with their conflicts; `None` if there are none. Fields
/// that the schema does not know count as residents'.
pub(super) fn split(record_type: Option<&RecordType>, view: Value) -> (Value, Option<Value>) {
    let Value::Object(fields) = view else {
        return (view, None);
    };
    let is_open = |name: &str| {
        let field = record_type.and_then(|t| t.field(name.split('/').next().unwrap_or(name)));
        name == TICKET || field.is_some_and(|field| !is_personal(field))
    };
    let (mut open, mut sealed) = (Map::new(), Map::new());
    for (name, value) in fields {
        if name == CONFLICTS
            && let Value::Object(conflicts) = value
        {
            for (field, values) in conflicts {
                let part = if is_open(&field) { &mut open } else { &mut sealed };
                let there = part.entry(CONFLICTS).or_insert_with(|| Value::Object(Map::new()));
                if let Some(there) = there.as_object_mut() {
                    there.insert(field, values);
                }
            }
        } else if is_open(&name) {
            open.insert(name, value);
        } else {
            sealed.insert(name, value);
        }
    }
    (Value::Object(open), (!sealed.is_empty()).then_some(Value::Object(sealed)))
}

/// Puts the two parts of a view together again.
pub(super) fn join(open: &mut Value, sealed: Value) {
    let (Some(open), Value::Object(sealed)) = (open.as_object_mut(), sealed) else {
        return;
    };
    for (name, value) in sealed {
        match (open.get_mut(&name).and_then(Value::as_object_mut), value) {
            (Some(there), Value::Object(more)) if name == CONFLICTS => there.extend(more),
            (_, value) => _ = open.insert(name, value),
        }
    }
}

/// Shows that values are withheld: every text of a personal field that all read becomes `***`, whether there is one or
/// not; of sensitive and hidden fields, and of what is no text, nothing is shown.
pub(super) fn withhold(record_type: Option<&RecordType>, view: &mut Value) {
    let (Some(record_type), Some(view)) = (record_type, view.as_object_mut()) else {
        return;
    };
    let is_text = |field: &Field| {
        let single = matches!(field.merge, Merge::Once | Merge::Register | Merge::Multi | Merge::Text);
        single && matches!(field.kind, Kind::Text { .. })
    };
    let personal = |field: &&Field| {
        let privacy = &field.privacy;
        privacy.class == PrivacyClass::Personal && privacy.mask != Some(Mask::Hidden) && field.facet == 0
    };
    for field in record_type.fields.values().filter(personal).filter(|field| is_text(field)) {
        view.insert(field.name.clone(), WITHHELD.into());
    }
}

/// The keys of a view that are no fields.
const CONFLICTS: &str = "_conflicts";
const TICKET: &str = "_ticket";
