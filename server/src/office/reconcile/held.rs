//! The records that the store holds in the areas of a spreadsheet, indexed by place.

use std::collections::{HashMap, HashSet};

use gridledger_core::canonical;
use gridledger_schema::entry::{Op, Target};
use gridledger_schema::ids::{AreaNo, RecordId};
use serde_json::{Map, Value};

use super::base::Base;
use super::names::{Namer, comparable};
use crate::office::import::register::key;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::records::{LedgerQuery, LedgerRow};

/// The types of a register, what others refer to first.
pub(crate) const TYPES: [&str; 4] = ["dwelling", "household", "person", "residency"];
/// The fields that a spreadsheet has, and those that identify a record.
const FIELDS: &[&str] = &[
    "address",
    "use",
    "dwelling_id",
    "label",
    "notes",
    "name",
    "gender",
    "birth_year",
    "phones",
    "relation_to_head",
    "person",
    "household",
    "kind",
    "from",
    "to",
];
/// Rows of one page of a ledger.
const PAGE_ROWS: usize = 20_000;

/// A record that is there.
pub(crate) struct HeldRow {
    pub(crate) record_type: &'static str,
    pub(crate) area: AreaNo,
    /// The position in the area's log at which it was created or arrived.
    pub(crate) created: u64,
    pub(crate) last: u64,
    pub(crate) erased: bool,
    /// The record's values, only of fields that a spreadsheet has.
    pub(crate) view: Map<String, Value>,
}

impl HeldRow {
    /// The record that a field refers to.
    pub(crate) fn reference(&self, field: &str) -> Option<RecordId> {
        self.view.get(field)?.as_str()?.parse().ok()
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.view.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&String, &str)> {
        let phones = self.view.get("phones").and_then(Value::as_object);
        phones.into_iter().flatten().filter_map(|(child, phone)| Some((child, phone["number"].as_str()?)))
    }
}

/// A resident of a household.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resident {
    pub(crate) person: RecordId,
    pub(crate) residency: RecordId,
    pub(crate) ended: bool,
}

/// The records of some areas.
pub(crate) struct Held<'a> {
    service: &'a Service,
    namer: Namer<'a>,
    areas: HashSet<AreaNo>,
    rows: HashMap<RecordId, HeldRow>,
    addresses: HashMap<String, Vec<RecordId>>,
    households: HashMap<RecordId, Vec<RecordId>>,
    residents: HashMap<RecordId, Vec<Resident>>,
    bases: HashMap<RecordId, Base>,
}

impl<'a> Held<'a> {
    pub(crate) fn new(service: &'a Service) -> Self {
        Self {
            service,
            namer: Namer::new(service),
            areas: HashSet::new(),
            rows: HashMap::new(),
            addresses: HashMap::new(),
            households: HashMap::new(),
            residents: HashMap::new(),
            bases: HashMap::new(),
        }
    }

    /// Reads the records of an area, once.
    pub(crate) fn load(&mut self, area: AreaNo) -> Result<(), StoreError> {
        if !self.areas.insert(area) {
            return Ok(());
        }
        for record_type in TYPES {
            let mut after = 0;
            loop {
                let page = self.service.store.ledger(&LedgerQuery {
                    record_type: record_type.to_owned(),
                    areas: vec![(area, after)],
                    limit: PAGE_ROWS,
                })?;
                let full = page.rows.len() == PAGE_ROWS;
                for row in page.rows {
                    after = row.position().1;
                    if row.left.is_none() {
                        self.add(record_type, row);
                    }
                }
                if !full {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Reads the areas in which these records are.
    pub(crate) fn load_records(
        &mut self,
        records: impl IntoIterator<Item = RecordId>,
    ) -> Result<(), StoreError> {
        for record in records {
            if self.rows.contains_key(&record) {
                continue;
            }
            if let Some(area) = self.service.store.record_area(record)? {
                self.load(area)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, record_type: &'static str, row: LedgerRow) {
        let LedgerRow { record, views, .. } = row;
        let view = views.into_iter().find(|(facet, _)| *facet == 0);
        let mut view = match view {
            Some((_, Value::Object(view))) => view,
            _ => Map::new(),
        };
        view.retain(|name, _| FIELDS.contains(&name.as_str()));
        let held = HeldRow {
            record_type,
            area: record.area,
            created: record.created,
            last: record.last,
            erased: record.erased,
            view,
        };
        let id = record.record;
        match record_type {
            "dwelling" => {
                if let Some(Value::Object(address)) = held.view.get("address") {
                    self.addresses.entry(key::of_parts(address)).or_default().push(id);
                }
            }
            "household" => {
                if let Some(dwelling) = held.reference("dwelling_id") {
                    self.households.entry(dwelling).or_default().push(id);
                }
            }
            "residency" => {
                if let (Some(person), Some(household)) =
                    (held.reference("person"), held.reference("household"))
                {
                    self.residents.entry(household).or_default().push(Resident {
                        person,
                        residency: id,
                        ended: held.view.contains_key("to"),
                    });
                }
            }
            _ => {}
        }
        self.rows.insert(id, held);
    }

    pub(crate) fn get(&self, record: RecordId) -> Option<&HeldRow> {
        self.rows.get(&record)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&RecordId, &HeldRow)> {
        self.rows.iter()
    }

    /// The dwellings at an address.
    pub(crate) fn at_address(&self, address: &str) -> &[RecordId] {
        self.addresses.get(address).map_or(&[], Vec::as_slice)
    }

    /// The households of a dwelling.
    pub(crate) fn households(&self, dwelling: RecordId) -> &[RecordId] {
        self.households.get(&dwelling).map_or(&[], Vec::as_slice)
    }

    /// The people of a household, those who have moved out included.
    pub(crate) fn residents(&self, household: RecordId) -> &[Resident] {
        self.residents.get(&household).map_or(&[], Vec::as_slice)
    }

    /// Reads the values of the last spreadsheet that changed a record; without one, those of the record's first entry.
    pub(crate) fn base(&mut self, record: RecordId) -> Result<Base, StoreError> {
        if let Some(known) = self.bases.get(&record) {
            return Ok(known.clone());
        }
        let base = match self.service.store.said(record)? {
            Some(said) => Base::read(&said)?,
            None => self.first(record)?,
        };
        self.bases.insert(record, base.clone());
        Ok(base)
    }

    fn first(&self, record: RecordId) -> Result<Base, StoreError> {
        let mut base = Base::default();
        for row in self.service.store.history(record)? {
            let Some(line) = row.log.filter(|_| !row.body.is_empty()) else {
                continue;
            };
            let entry = canonical::decode(&row.body).map_err(|_| StoreError::Damaged("entries"))?;
            let Target::Create { area, .. } = entry.target else {
                continue;
            };
            base.area = area.0;
            base.seen = line.seq;
            for intent in entry.intents {
                let name = intent.field;
                match intent.op {
                    Op::Put { value } => {
                        let hash = self.namer.value(record, &name, &value);
                        base.fields.insert(name, (hash, 0));
                    }
                    Op::Append { value } if name == "notes" => {
                        base.notes.push(self.namer.value(record, &name, &value));
                    }
                    Op::SetChild { child, value } if name == "phones" => {
                        let number = value.get("number").cloned().unwrap_or_default();
                        base.phones.push((self.namer.value(record, "phones", &number), child));
                    }
                    _ => {}
                }
            }
        }
        if base.seen == 0 {
            base.seen = self.get(record).map_or(0, |row| row.created);
        }
        Ok(base)
    }

    /// The fields of a record that were erased; all of them if `*` is among them.
    pub(crate) fn erased(&self, record: RecordId) -> Result<Vec<String>, StoreError> {
        let rows = self.service.store.erasures(Some(record))?;
        Ok(rows
            .into_iter()
            .flat_map(|row| if row.fields.is_empty() { vec!["*".to_owned()] } else { row.fields })
            .collect())
    }

    pub(crate) fn namer(&self) -> Namer<'a> {
        self.namer
    }

    /// Whether two values of a field are the same to an office.
    pub(crate) fn is_same(field: &str, one: &Value, other: &Value) -> bool {
        comparable(field, one) == comparable(field, other)
    }
}
