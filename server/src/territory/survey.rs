//! Surveys the records of an area that is split or merged, and finds the destination of each.
//!
//! A record follows the dwelling, household or place that it refers to. A record that refers to nothing follows its own
//! address.

use std::collections::{BTreeMap, HashMap};

use gridledger_schema::ids::{AreaNo, RecordId};
use serde_json::{Map, Value};

use crate::record::parts::{Part, named};
use crate::record::references::references;
use crate::rights::reader::Reach;
use crate::service::Service;
use crate::shown::row::merged;
use crate::store::StoreError;
use crate::store::rows::records::LedgerQuery;

/// References followed one after another at most.
const HOPS: usize = 8;

/// A record of the area, as far as its place is concerned.
#[derive(Clone, Debug)]
pub struct Located {
    /// The record.
    pub record: RecordId,
    /// Its type.
    pub record_type: String,
    /// Its fields that everybody with a role there reads.
    pub view: Map<String, Value>,
}

/// The destinations of the records of one area.
pub struct Survey {
    records: BTreeMap<RecordId, Located>,
    goes: HashMap<RecordId, Option<String>>,
    fallback: String,
}

/// The destination of a record, and its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The code of the area.
    pub area: String,
    /// Whether a rule named it, or what it refers to.
    pub named: bool,
}

impl Survey {
    /// Surveys an area with a rule. `stays` is the area's own code.
    pub fn take(service: &Service, area: AreaNo, stays: &str, parts: &[Part]) -> Result<Self, StoreError> {
        let records = read(service, area)?;
        let mut survey =
            Self { goes: HashMap::with_capacity(records.len()), records, fallback: String::new() };
        let tree = service.tree();
        let areas = parts.iter().filter_map(|part| tree.by_code(&part.area));
        let rule = Rule {
            parts,
            areas: areas.map(|info| (info.no, info.code.clone())).collect(),
            homes: homes_of_people(&survey.records),
        };
        let ids: Vec<RecordId> = survey.records.keys().copied().collect();
        for id in ids {
            survey.resolve(service, &rule, id, HOPS)?;
        }
        survey.fallback = survey.rest(stays, parts);
        Ok(survey)
    }

    /// Every record of the area, by id.
    pub fn records(&self) -> impl Iterator<Item = &Located> {
        self.records.values()
    }

    /// Whether a record is in the area.
    pub fn holds(&self, record: RecordId) -> bool {
        self.records.contains_key(&record)
    }

    /// Gives the destination of a record of the area.
    pub fn destination(&self, record: RecordId) -> Destination {
        let named = self.goes.get(&record).cloned().flatten();
        Destination { named: named.is_some(), area: named.unwrap_or_else(|| self.fallback.clone()) }
    }

    /// The destination of records that no rule names: the part that takes the rest; else the area itself, if it remains;
    /// else the part with most dwellings.
    pub fn fallback(&self) -> &str {
        &self.fallback
    }

    fn rest(&self, stays: &str, parts: &[Part]) -> String {
        if let Some(part) = parts.iter().find(|part| part.rest) {
            return part.area.clone();
        }
        if parts.iter().any(|part| part.area == stays) {
            return stays.to_owned();
        }
        let dwellings = |area: &str| {
            let here = self.records.values().filter(|r| r.record_type == "dwelling");
            here.filter(|r| self.goes.get(&r.record) == Some(&Some(area.to_owned()))).count()
        };
        let largest = parts.iter().rev().max_by_key(|part| dwellings(&part.area));
        largest.map_or_else(|| stays.to_owned(), |part| part.area.clone())
    }

    /// Finds where a record goes and remembers it; `None` when neither a rule names it nor what it refers to.
    fn resolve(
        &mut self,
        service: &Service,
        rule: &Rule<'_>,
        id: RecordId,
        hops: usize,
    ) -> Result<Option<String>, StoreError> {
        if let Some(known) = self.goes.get(&id) {
            return Ok(known.clone());
        }
        let Some(located) = self.records.get(&id) else {
            return rule.find_destination(service, id);
        };
        let mut found = named(rule.parts, &id.to_string(), &located.view).map(|part| part.area.clone());
        let mut next = service
            .schema
            .record_type(&located.record_type)
            .map_or_else(Vec::new, |record_type| references(record_type, &located.view));
        next.extend(rule.homes.get(&id));
        // Two records that refer to each other say nothing of a place.
        self.goes.insert(id, found.clone());
        for next in next.into_iter().take_while(|_| hops > 0) {
            if found.is_none() {
                found = self.resolve(service, rule, next, hops - 1)?;
            }
        }
        self.goes.insert(id, found.clone());
        Ok(found)
    }
}

/// The rule of a survey, with what it looks up.
struct Rule<'a> {
    parts: &'a [Part],
    /// The areas of the parts, with their codes.
    areas: HashMap<AreaNo, String>,
    /// Each person's residency.
    homes: HashMap<RecordId, RecordId>,
}

impl Rule<'_> {
    /// Finds the part to which a record went that has left the area.
    fn find_destination(&self, service: &Service, id: RecordId) -> Result<Option<String>, StoreError> {
        let there = service.store.ledger_row(id)?;
        Ok(there.and_then(|row| self.areas.get(&row.record.area).cloned()))
    }
}

fn read(service: &Service, area: AreaNo) -> Result<BTreeMap<RecordId, Located>, StoreError> {
    let reach = Reach { scope: None, facets: 1, supervises: false, unmasks: None };
    let mut records = BTreeMap::new();
    for record_type in service.schema.types.values() {
        let query = LedgerQuery {
            record_type: record_type.name.clone(),
            areas: vec![(area, 0)],
            limit: usize::MAX >> 1,
        };
        let page = service.store.ledger(&query)?;
        for row in page.rows.into_iter().filter(|row| !row.record.erased) {
            let located = Located {
                record: row.record.record,
                record_type: record_type.name.clone(),
                view: merged(record_type, &row.views, reach),
            };
            records.insert(located.record, located);
        }
    }
    Ok(records)
}

/// Whom a residency brings to which household: a person says nothing of a place.
fn homes_of_people(records: &BTreeMap<RecordId, Located>) -> HashMap<RecordId, RecordId> {
    let residencies = records.values().filter(|r| r.record_type == "residency");
    let person = |r: &Located| r.view.get("person")?.as_str()?.parse().ok();
    residencies.filter_map(|r| Some((person(r)?, r.record))).collect()
}
