//! Values that take two people to show: shares with departments, and exports that a second person approves.

use gridledger_schema::ids::AreaNo;

/// A share: certain fields of the records of one type and area, for one purpose, until a day, to one login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewShare {
    /// The login it is made for.
    pub to: String,
    /// The record type.
    pub record_type: String,
    /// The fields.
    pub fields: Vec<String>,
    /// The area; all below it count.
    pub area: AreaNo,
    /// The purpose of the values.
    pub purpose: String,
    /// Good until (exclusive), ms since 1970.
    pub until: i64,
    /// The login of the person who made it.
    pub made_by: String,
    /// When, ms since 1970.
    pub made_at: i64,
}

/// A share as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its number.
    pub no: u64,
    /// Its terms.
    pub terms: NewShare,
    /// The login of the person who agreed, and when, ms since 1970.
    pub approved: Option<(String, i64)>,
    /// When it was revoked, ms since 1970.
    pub revoked_at: Option<i64>,
}

impl Share {
    /// Whether it is in force at a time: its last day has not come, and nobody revoked it.
    pub fn is_good(&self, at: i64) -> bool {
        self.revoked_at.is_none() && at < self.terms.until
    }
}

/// A request to see the values of more records than one person may alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewExport {
    /// The login of the person who asks.
    pub asked_by: String,
    /// The record type.
    pub record_type: String,
    /// The area; all below it count.
    pub area: AreaNo,
    /// Why.
    pub reason: String,
    /// When, ms since 1970.
    pub asked_at: i64,
}

/// An export as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Its number.
    pub no: u64,
    /// The request.
    pub asked: NewExport,
    /// The login of the person who approved it, and when, ms since 1970.
    pub approved: Option<(String, i64)>,
}
