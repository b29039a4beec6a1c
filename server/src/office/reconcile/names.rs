//! Makes the names of things and hashes of values that an import notes. Making them needs the store's seed.

use gridledger_schema::ids::RecordId;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::office::import::register::key;
use crate::service::Service;
use crate::store::rows::desk::ImportKey;

/// Hexadecimal digits kept of a value's hash.
const HASH_DIGITS: usize = 16;

/// Makes names and hashes with the store's seed.
#[derive(Clone, Copy)]
pub(crate) struct Namer<'a> {
    seed: &'a [u8],
}

impl<'a> Namer<'a> {
    pub(crate) fn new(service: &'a Service) -> Self {
        Self { seed: &service.identity.desk_seed }
    }

    /// The key under which version 0.1 knew a thing.
    pub(crate) fn old_key(self, record_type: &str, key: &str) -> ImportKey {
        let mut hash = Sha256::new();
        hash.update(b"gridledger/import-key/v1");
        hash.update(self.seed);
        hash.update(record_type.as_bytes());
        hash.update([0]);
        hash.update(key.as_bytes());
        first(&hash.finalize())
    }

    /// The name of the dwelling at an address, wherever its grid is.
    pub(crate) fn address(self, address: &str) -> ImportKey {
        self.name("dwelling", &[address.as_bytes()])
    }

    /// The name of the household with a label in a dwelling.
    pub(crate) fn household(self, dwelling: RecordId, label: &str) -> ImportKey {
        self.name("household", &[&dwelling.0, key::canonical(label).as_bytes()])
    }

    /// The name that all people called alike in a household share.
    pub(crate) fn person(self, household: RecordId, name: &str) -> ImportKey {
        self.name("person", &[&household.0, key::canonical(name).as_bytes()])
    }

    /// The name of a person's residencies in a household.
    pub(crate) fn residency(self, person: RecordId, household: RecordId) -> ImportKey {
        self.name("residency", &[&person.0, &household.0])
    }

    /// The name that an office's own number is.
    pub(crate) fn number(self, record_type: &str, number: &str) -> ImportKey {
        self.name("number", &[record_type.as_bytes(), key::canonical(number).as_bytes()])
    }

    fn name(self, kind: &str, parts: &[&[u8]]) -> ImportKey {
        let mut hash = Sha256::new();
        hash.update(b"gridledger/import-name/v1");
        hash.update(self.seed);
        for part in std::iter::once(&kind.as_bytes()).chain(parts) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        first(&hash.finalize())
    }

    /// The hash of a value of a record's field.
    pub(crate) fn value(self, record: RecordId, field: &str, value: &Value) -> String {
        let mut hash = Sha256::new();
        hash.update(b"gridledger/import-value/v1");
        hash.update(self.seed);
        hash.update(record.0);
        hash.update(field.as_bytes());
        hash.update([0]);
        hash.update(comparable(field, value).as_bytes());
        let mut text = gridledger_schema::ids::hex(&hash.finalize());
        text.truncate(HASH_DIGITS);
        text
    }
}

/// The form in which values of two spreadsheets are compared: without spacing, case and width.
pub(crate) fn comparable(field: &str, value: &Value) -> String {
    match value {
        Value::String(text) => key::canonical(text),
        Value::Object(parts) if field == "address" => key::of_parts(parts),
        other => other.to_string(),
    }
}

fn first(hash: &[u8]) -> ImportKey {
    let mut name = ImportKey::default();
    name.copy_from_slice(&hash[..16]);
    name
}
