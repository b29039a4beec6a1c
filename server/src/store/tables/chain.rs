//! The chain of the read log: each row's hash covers the hash before it, so that no row can be changed, taken out or put
//! in without every later hash being another.

use gridledger_schema::limits;
use sha2::{Digest as _, Sha256};

use crate::store::rows::read_log::{NewRead, ReadQuery};
use crate::store::{Store, StoreError};

/// The state of a check of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The last row.
    pub no: u64,
    /// Its hash; zero for an empty log.
    pub hash: [u8; 32],
}

/// A break of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The first row that is not as it was written.
    pub no: u64,
    /// The fault, in English.
    pub what: &'static str,
}

/// The hash of a row: SHA-256(`gridledger/read/v1` ‖ the hash before ‖ u64 number ‖ the row's parts), each part as u64
/// length and bytes; a number that is not there has the length 0.
pub fn hash(before: &[u8; 32], no: u64, read: &NewRead) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"gridledger/read/v1");
    hash.update(before);
    hash.update(no.to_be_bytes());
    let mut part = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    };
    part(&read.at.to_be_bytes());
    part(&read.received_at.to_be_bytes());
    part(read.user.as_bytes());
    let numbers = [
        read.device.map(|device| u64::from(device.0)),
        read.device_n,
        read.area.map(|area| u64::from(area.0)),
        read.share,
    ];
    for number in numbers {
        part(number.map(u64::to_be_bytes).as_ref().map_or(&[], |bytes| bytes));
    }
    part(read.kind.as_str().as_bytes());
    part(read.subject.as_bytes());
    part(&(read.fields.len() as u64).to_be_bytes());
    read.fields.iter().for_each(|field| part(field.as_bytes()));
    part(read.reason.as_bytes());
    let records: Vec<u8> = read.records.iter().flat_map(|record| record.0).collect();
    part(&records);
    hash.finalize().into()
}

/// Follows the whole chain. Returns its head, or where it breaks.
pub fn check(store: &Store) -> Result<Result<Head, Broken>, StoreError> {
    let mut head = Head::default();
    loop {
        let query = ReadQuery { after: head.no, limit: limits::READ_LOG_PAGE_ROWS, ..ReadQuery::default() };
        let rows = store.reads(&query)?;
        if rows.is_empty() {
            return Ok(Ok(head));
        }
        for row in rows {
            let broken = |what| Broken { no: head.no + 1, what };
            if row.no != head.no + 1 {
                return Ok(Err(broken("the row is missing")));
            }
            if row.hash != hash(&head.hash, row.no, &row.read) {
                return Ok(Err(broken("the hash is not that of the row and the hash before it")));
            }
            head = Head { no: row.no, hash: row.hash };
        }
    }
}
