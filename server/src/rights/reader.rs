//! The areas, records and facets that a signed-in person may read at a desk.

use std::collections::HashMap;
use std::sync::Arc;

use gridledger_core::handlers::is_handled_by;
use gridledger_core::rights::{AreaTree, Rights};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::set::{SchemaSet, Scope, Unmasks};
use gridledger_schema::wire::Grant;

use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::records::RecordRow;

/// The reason why a desk's question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReadError {
    /// A refusal in a few words.
    pub fn refused(code: Code, rule: impl Into<String>) -> Self {
        Self::Refused(Refusal::new(code, rule))
    }

    /// The stable code to answer with.
    pub fn code(&self) -> Code {
        match self {
            Self::Refused(refusal) => refusal.code,
            Self::Store(StoreError::Busy) => Code::Busy,
            Self::Store(StoreError::Recovering) => Code::Recovering,
            Self::Store(StoreError::SetBack) => Code::ServerBehind,
            Self::Store(StoreError::ClockUnsure) => Code::ClockUnsure,
            Self::Store(_) => Code::StoreFailed,
        }
    }
}

/// A person, and the territory as it stands while one question is answered.
pub struct Reader<'a> {
    /// The running service.
    pub service: &'a Service,
    /// The login.
    pub login: &'a str,
    /// The server's clock, ms since 1970.
    pub now: i64,
    grants: &'a [Grant],
    tree: Arc<AreaTree>,
}

impl<'a> Reader<'a> {
    /// The person of this login, who holds these grants.
    pub fn new(service: &'a Service, login: &'a str, grants: &'a [Grant]) -> Self {
        let (tree, now) = (service.tree(), service.now());
        Self { service, login, now, grants, tree }
    }

    /// The person's rights.
    pub fn rights(&self) -> Rights<'_> {
        Rights { schema: &self.service.schema, tree: &self.tree, grants: self.grants }
    }

    /// The grants the rights come from, ended ones included.
    pub fn grants(&self) -> &[Grant] {
        self.grants
    }

    /// The territory.
    pub fn tree(&self) -> &AreaTree {
        &self.tree
    }

    /// The areas in which the person may read something, sorted: all of them, or those at or below `code`. An area
    /// that is not there and one without a right answer alike.
    pub fn areas(&self, code: Option<&str>) -> Result<Vec<AreaNo>, ReadError> {
        let mut areas = self.rights().areas(self.now);
        if areas.is_empty() {
            return Err(ReadError::refused(Code::Forbidden, "no role is held anywhere"));
        }
        let Some(code) = code else {
            return Ok(areas);
        };
        let asked = self.tree.by_code(code).map(|info| self.tree.below(info.no, self.now));
        areas.retain(|area| asked.as_ref().is_some_and(|asked| asked.binary_search(area).is_ok()));
        if areas.is_empty() {
            return Err(ReadError::refused(Code::AreaUnknown, "no such area, or no role in it"));
        }
        Ok(areas)
    }

    /// Reads the person's rights in an area.
    pub fn reach(&self, area: AreaNo) -> Reach {
        let rights = self.rights();
        Reach {
            scope: rights.scope(area, self.now),
            facets: rights.facets(area, self.now),
            supervises: rights.may_supervise(area, self.now),
            unmasks: rights.unmasks(area, self.now),
        }
    }
}

/// The part of an area's records that one person may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The records; `None` for no record.
    pub scope: Option<Scope>,
    /// The facets of these records, as a bit set.
    pub facets: u64,
    /// Whether a role held there supervises.
    pub supervises: bool,
    /// The records whose values may be seen unmasked, for a reason; `None` for no record.
    pub unmasks: Option<Unmasks>,
}

impl Reach {
    /// Whether a facet may be read.
    pub fn reads(self, facet: u8) -> bool {
        facet < 64 && self.facets & (1 << facet) != 0
    }

    /// Whether a record may be read by `login`; `handlers` are the people it is assigned to.
    pub fn covers<'h>(
        self,
        login: &str,
        record: &RecordRow,
        handlers: impl Iterator<Item = &'h str>,
    ) -> bool {
        match self.scope {
            None => false,
            Some(Scope::Area) => true,
            Some(Scope::Assigned) => is_handled_by(login, &record.created_by, handlers),
            Some(Scope::Own) => record.created_by == login,
        }
    }

    /// Whether `login`, who may read a record, may see its values unmasked.
    pub fn unmasks<'h>(
        self,
        login: &str,
        record: &RecordRow,
        handlers: impl Iterator<Item = &'h str>,
    ) -> bool {
        match self.unmasks {
            None => false,
            Some(Unmasks::Area) => true,
            Some(Unmasks::Handled) => is_handled_by(login, &record.created_by, handlers),
        }
    }
}

/// A cache of [`Reader::reach`] for each area.
pub struct Reaches<'a> {
    reader: &'a Reader<'a>,
    known: HashMap<AreaNo, Reach>,
}

impl<'a> Reaches<'a> {
    /// An empty cache.
    pub fn new(reader: &'a Reader<'a>) -> Self {
        Self { reader, known: HashMap::new() }
    }

    /// The reach in an area.
    pub fn reach(&mut self, area: AreaNo) -> Reach {
        *self.known.entry(area).or_insert_with(|| self.reader.reach(area))
    }
}

/// Whether some of these grants reads only some of an area's records.
pub(crate) fn reads_parts(schema: &SchemaSet, grants: &[Grant]) -> bool {
    let scope = |grant: &Grant| schema.role(&grant.role).map(|role| role.scope);
    grants.iter().filter_map(scope).any(|scope| scope != Scope::Area)
}
