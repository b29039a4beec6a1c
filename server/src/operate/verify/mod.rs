//! Verifies a store: derives everything again from the stored entries and compares.
//!
//! Entries and signatures are the truth. Documents, ledgers, logs and digests must follow from them.
//!
//! Reading order: `feed` follows the chains; `area` and `record` derive again and compare; `print` shows the report.

mod area;
mod feed;
mod print;
mod record;

use serde::Serialize;

pub use print::cli_verify;

use gridledger_schema::ids::hex;

use crate::service::Service;
use crate::store::StoreError;
use crate::store::tables::chain;

/// Differences listed of one run; the rest is counted.
const LISTED: usize = 1_000;

/// The counts of everything that was checked, and the differences found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Areas.
    pub areas: u64,
    /// Records made again.
    pub records: u64,
    /// Lines of logs.
    pub lines: u64,
    /// Feeds.
    pub feeds: u64,
    /// Entries whose chain was followed.
    pub entries: u64,
    /// Feeds of which a push ended before the entry that its author signed: the last entries' signature comes with the rest.
    pub halted: u64,
    /// Differences in all.
    pub differences: u64,
    /// The read log's last row.
    pub reads: u64,
    /// Its hash, in hexadecimal: written down elsewhere, it proves later that no row was taken off the end.
    pub reads_head: String,
    /// The first of them.
    pub listed: Vec<Difference>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The kind of difference.
    pub kind: Kind,
    /// The row: an area's number, a record's id, a feed's id …
    pub of: String,
    /// The detail, in English.
    pub what: String,
}

/// Kinds of difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A row that cannot be read.
    Unreadable,
    /// An area's log has a gap, or does not end at its head.
    Log,
    /// A record's row does not say what its entries do.
    Record,
    /// A document is not what its entries make.
    Document,
    /// A ledger row is not its document's view.
    Ledger,
    /// An area's digest is not the sum over its documents.
    Digest,
    /// A feed's chain of hashes is broken.
    Chain,
    /// A signature is missing or not the author's.
    Signature,
    /// A row refers to something that does not exist.
    Stray,
    /// A field names a record that does not exist or has another type, or a login that does not exist.
    Reference,
    /// Bytes that should be gone, or are and should not be.
    Erased,
    /// The read log's chain of hashes is broken.
    Reads,
}

impl Kind {
    /// In Chinese and English.
    pub fn label(self) -> (&'static str, &'static str) {
        match self {
            Self::Unreadable => ("无法读取", "unreadable"),
            Self::Log => ("区域日志不连续", "area log"),
            Self::Record => ("档案信息不符", "record row"),
            Self::Document => ("档案内容不符", "document"),
            Self::Ledger => ("台账不符", "ledger row"),
            Self::Digest => ("区域摘要不符", "area digest"),
            Self::Chain => ("记录链断裂", "hash chain"),
            Self::Signature => ("签名不符", "signature"),
            Self::Stray => ("引用缺失", "missing reference"),
            Self::Reference => ("字段所指的档案或人员不存在", "dangling reference"),
            Self::Erased => ("清除不符", "erasure"),
            Self::Reads => ("查阅日志链断裂", "read log"),
        }
    }
}

impl VerifyReport {
    /// Whether everything is as it should be.
    pub fn is_whole(&self) -> bool {
        self.differences == 0
    }

    fn note(&mut self, kind: Kind, of: impl ToString, what: impl Into<String>) {
        self.differences += 1;
        if self.listed.len() < LISTED {
            self.listed.push(Difference { kind, of: of.to_string(), what: what.into() });
        }
    }

    /// Takes what could be read; what could not is noted, unless the store itself is busy.
    fn take<T>(&mut self, of: impl ToString, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(StoreError::Busy) => Err(StoreError::Busy),
            Err(error) => {
                self.note(Kind::Unreadable, of, error.to_string());
                Ok(None)
            }
        }
    }
}

/// Verifies a store. Nothing may write to it meanwhile.
pub fn verify(service: &Service) -> Result<VerifyReport, StoreError> {
    let mut report = VerifyReport::default();
    let feeds = service.store.feeds();
    for feed in report.take("feeds", feeds)?.unwrap_or_default() {
        feed::check(service, &feed, &mut report)?;
    }
    let areas = service.store.areas();
    for area in report.take("areas", areas)?.unwrap_or_default() {
        area::check(service, area.no, &mut report)?;
    }
    let strays = service.store.strays();
    for (missing, of) in report.take("strays", strays)?.unwrap_or_default() {
        report.note(Kind::Stray, of, format!("there is no {missing}"));
    }
    let chain = chain::check(service.store.as_ref());
    match report.take("read log", chain)? {
        Some(Ok(head)) => (report.reads, report.reads_head) = (head.no, hex(&head.hash)),
        Some(Err(broken)) => report.note(Kind::Reads, broken.no, broken.what),
        None => {}
    }
    Ok(report)
}

#[cfg(test)]
mod tests;
