//! Compares a whole spreadsheet with the store and plans the writes. Writes nothing.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use gridledger_core::rights::{AreaTree, Rights};
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::wire::Grant;
use serde_json::{Value, json};

use super::compare::{Comparison, Difference};
use super::held::Held;
use super::outlook::{Doubt, ImportReport, Item, masked};
use super::pair::pair;
use super::pairs::{Ground, Pairs};
use super::things::{Row, Thing, things};
use super::{ImportError, ImportOptions};
use crate::office::import::register::{Register, key};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::desk::ImportKey;

/// The action for one thing.
pub(crate) enum Step {
    /// It becomes a record.
    Create,
    /// Its record is edited, or only noted.
    Edit(RecordId, Difference),
    /// Nothing is done.
    Leave,
}

/// A dwelling that goes to another grid with all that belongs to it, or a person who does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Move {
    pub(crate) from: AreaNo,
    pub(crate) to: AreaNo,
    pub(crate) record: RecordId,
}

/// A residency that ends.
pub(crate) struct End {
    pub(crate) line: u64,
    pub(crate) residency: RecordId,
    pub(crate) area: AreaNo,
    pub(crate) cursor: u64,
}

/// The roles to act under, by type and area.
pub(crate) type Roles = HashMap<(&'static str, AreaNo), String>;

/// A spreadsheet compared with the store.
pub struct Prepared<'a> {
    pub(crate) things: Vec<Thing<'a>>,
    pub(crate) steps: Vec<Step>,
    /// The area that each thing is in, or will be.
    pub(crate) areas: Vec<AreaNo>,
    /// The names to note of each thing that has a record.
    pub(crate) names: Vec<Vec<ImportKey>>,
    pub(crate) records: HashMap<(&'static str, &'a str), RecordId>,
    pub(crate) moves: Vec<Move>,
    pub(crate) ends: Vec<End>,
    pub(crate) roles: Roles,
    pub(crate) report: ImportReport,
}

impl Prepared<'_> {
    /// The outlook: everything that the import would do.
    pub fn outlook(&self) -> &ImportReport {
        &self.report
    }
}

pub(crate) fn prepare<'a>(
    service: &'a Service,
    importer: (&str, &[Grant]),
    register: &'a Register,
    options: ImportOptions,
) -> Result<Prepared<'a>, ImportError> {
    let things = things(register, service.zone());
    let tree = service.tree();
    let mut covered = HashSet::new();
    for thing in &things {
        let area = tree
            .by_code(thing.area)
            .ok_or_else(|| ImportError::AreaUnknown { line: thing.line, area: thing.area.to_owned() })?;
        covered.insert(area.no);
    }
    let mut held = Held::new(service);
    for area in &covered {
        held.load(*area)?;
    }
    let ground = Ground { service, tree: &tree, covered, accepts_doubtful: options.accept_doubtful };
    let pairs = pair(&ground, &mut held, &things)?;
    let mut survey = Survey {
        ground: &ground,
        held,
        pairs,
        report: ImportReport::default(),
        moves: BTreeMap::new(),
        ends: Vec::new(),
    };
    survey.find_moves(&things)?;
    let steps = survey.steps(&things)?;
    let names = survey.names(&things, &steps)?;
    survey.end_moved_out()?;
    survey.find_missing()?;
    let areas: Vec<AreaNo> = things.iter().map(|thing| survey.area(thing)).collect();
    let (pairs, report, ends) = (survey.pairs, survey.report, survey.ends);
    let moves = survey.moves.into_values().collect();
    let records = things
        .iter()
        .filter_map(|thing| Some(((thing.record_type, thing.key), pairs.get(thing.record_type, thing.key)?)))
        .collect();
    let planned = Planned { things: &things, steps: &steps, areas: &areas };
    let roles = choose_roles(service, importer, &planned, &ends)?;
    Ok(Prepared { things, steps, areas, names, records, moves, ends, roles, report })
}

struct Survey<'s, 'a> {
    ground: &'s Ground<'s>,
    held: Held<'s>,
    pairs: Pairs<'a>,
    report: ImportReport,
    /// By the record of the dwelling or person.
    moves: BTreeMap<RecordId, Move>,
    ends: Vec<End>,
}

impl<'a> Survey<'_, 'a> {
    fn number(&self, code: &str) -> AreaNo {
        self.ground.tree.by_code(code).map_or(AreaNo(0), |info| info.no)
    }

    fn code(&self, area: AreaNo) -> Value {
        self.ground.tree.get(area).map_or(Value::Null, |info| json!(info.code))
    }

    /// Dwellings that the spreadsheet has in another grid than before, and people who live elsewhere now.
    fn find_moves(&mut self, things: &[Thing<'a>]) -> Result<(), StoreError> {
        let closed = crate::territory::closed(self.ground.service)?;
        let moved_out: HashSet<u64> = self.pairs.moved_out.iter().map(|(line, _)| *line).collect();
        for thing in things {
            let Some(record) = self.pairs.get(thing.record_type, thing.key) else {
                continue;
            };
            let to = self.number(thing.area);
            let Some(row) = self.held.get(record) else {
                continue;
            };
            let (from, erased) = (row.area, row.erased);
            if matches!(thing.row, Row::Person(_)) && moved_out.contains(&thing.line) {
                let to = self.home(thing).unwrap_or(to);
                if from != to && !erased {
                    self.moves.insert(record, Move { from, to, record });
                }
            }
            if from == to || erased || !matches!(thing.row, Row::Dwelling(_)) {
                continue;
            }
            let item = Item {
                field: Some("area"),
                old: self.code(from),
                new: json!(thing.area),
                ..Item::new(thing.line, thing.record_type, Some(record))
            };
            // A spreadsheet that names the grid of before a plan, or a closed grid, says nothing new.
            if self.held.base(record)?.area == to.0 || closed.contains(&to) {
                self.report.kept.push(item);
            } else {
                self.report.moved.push(item);
                self.moves.insert(record, Move { from, to, record });
            }
        }
        Ok(())
    }

    /// The area that a thing is in when the import is done.
    fn area(&self, thing: &Thing<'a>) -> AreaNo {
        let record = self.pairs.get(thing.record_type, thing.key);
        if let Some(one) = record.and_then(|record| self.moves.get(&record)) {
            return one.to;
        }
        match record.and_then(|record| self.held.get(record)) {
            // A thing that belongs to a dwelling moves with it; any other thing in the grid stays.
            Some(row) if self.goes_along(thing) => self.home(thing).unwrap_or(row.area),
            Some(row) => row.area,
            None => self.home(thing).unwrap_or_else(|| self.number(thing.area)),
        }
    }

    fn goes_along(&self, thing: &Thing<'a>) -> bool {
        let dwelling = self.dwelling(thing);
        dwelling.is_some_and(|dwelling| self.moves.contains_key(&dwelling))
    }

    /// The area of the dwelling that a thing belongs to, when the import is done.
    fn home(&self, thing: &Thing<'a>) -> Option<AreaNo> {
        let dwelling = self.dwelling(thing)?;
        let there = self.held.get(dwelling)?.area;
        Some(self.moves.get(&dwelling).map_or(there, |one| one.to))
    }

    fn dwelling(&self, thing: &Thing<'a>) -> Option<RecordId> {
        let household = match thing.row {
            Row::Dwelling(row) => return self.pairs.get("dwelling", &row.key),
            Row::Household(row) => return self.pairs.get("dwelling", &row.dwelling),
            Row::Person(row) => &row.household,
            Row::Residency(row) => &row.household,
        };
        let household = self.pairs.get("household", household)?;
        self.held.get(household)?.reference("dwelling_id")
    }

    fn steps(&mut self, things: &[Thing<'a>]) -> Result<Vec<Step>, StoreError> {
        let mut steps = Vec::with_capacity(things.len());
        for thing in things {
            steps.push(self.step(thing)?);
        }
        Ok(steps)
    }

    fn step(&mut self, thing: &Thing<'a>) -> Result<Step, StoreError> {
        if let Some(wrong) = self.doubt(thing) {
            self.report.doubtful.push(Doubt { line: thing.line, record_type: thing.record_type, wrong });
            return Ok(Step::Leave);
        }
        let Some(record) = self.pairs.get(thing.record_type, thing.key) else {
            if let Row::Residency(row) = thing.row
                && self.pairs.doubts.contains_key(&("person", row.person.as_str()))
            {
                return Ok(Step::Leave);
            }
            self.report.fresh.push(Item::new(thing.line, thing.record_type, None));
            return Ok(Step::Create);
        };
        if self.held.get(record).is_none_or(|row| row.erased) {
            self.report.unchanged += 1;
            return Ok(Step::Leave);
        }
        let pairs = &self.pairs;
        let comparison = Comparison {
            schema: &self.ground.service.schema,
            thing,
            record,
            find: &|record_type, key| pairs.get(record_type, key),
        };
        let mut difference = comparison.run(&mut self.held)?;
        let changes = !difference.changed.is_empty();
        self.report.unchanged += usize::from(!changes);
        self.report.changed.append(&mut difference.changed);
        self.report.kept.append(&mut difference.kept);
        if difference.is_replaced {
            self.end(thing.line, record, difference.cursor);
            return Ok(Step::Create);
        }
        if !changes && difference.said.is_none() {
            return Ok(Step::Leave);
        }
        Ok(Step::Edit(record, difference))
    }

    fn doubt(&mut self, thing: &Thing<'a>) -> Option<crate::office::import::fault::Wrong> {
        self.pairs.doubts.get(&(thing.record_type, thing.key)).cloned()
    }

    fn end(&mut self, line: u64, residency: RecordId, cursor: u64) {
        if let Some(row) = self.held.get(residency).filter(|row| !row.view.contains_key("to")) {
            let area = row.area;
            self.ends.push(End { line, residency, area, cursor });
        }
    }

    /// Ends the residencies of people who live elsewhere now.
    fn end_moved_out(&mut self) -> Result<(), StoreError> {
        for (line, residency) in std::mem::take(&mut self.pairs.moved_out) {
            let base = self.held.base(residency)?;
            self.end(line, residency, base.seen.max(1));
            let row = self.held.get(residency);
            let of = |field| row.and_then(|row| row.reference(field));
            let (household, person) = (of("household"), of("person"));
            self.report.moved.push(Item {
                field: Some("household"),
                old: json!(household),
                ..Item::new(line, "person", person)
            });
        }
        Ok(())
    }

    /// Finds the names that the spreadsheet gives to things and that the store does not know for their records yet.
    fn names(&self, things: &[Thing<'a>], steps: &[Step]) -> Result<Vec<Vec<ImportKey>>, StoreError> {
        let of_thing = |(thing, step): (&Thing<'a>, &Step)| {
            let record = self.pairs.get(thing.record_type, thing.key);
            let record = record.filter(|_| !matches!(step, Step::Create))?;
            Some((record, self.sheet_names(thing)))
        };
        let wanted: Vec<Option<(RecordId, Vec<ImportKey>)>> =
            things.iter().zip(steps).map(of_thing).collect();
        let all: Vec<ImportKey> =
            wanted.iter().flatten().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut known = self.ground.service.store.named(&all)?.into_iter();
        let unknown = |wanted: Option<(RecordId, Vec<ImportKey>)>| {
            let Some((record, mut names)) = wanted else {
                return Vec::new();
            };
            names.retain(|_| known.next().is_none_or(|records| !records.contains(&record)));
            names
        };
        Ok(wanted.into_iter().map(unknown).collect())
    }

    fn sheet_names(&self, thing: &Thing<'a>) -> Vec<ImportKey> {
        let pairs = &self.pairs;
        names_of(self.held.namer(), thing, &|record_type, key| pairs.get(record_type, key))
    }

    /// Finds records in these areas that an earlier spreadsheet named and this one does not.
    fn find_missing(&mut self) -> Result<(), StoreError> {
        let current: HashSet<RecordId> = self
            .held
            .iter()
            .filter(|(_, row)| row.record_type == "residency" && !row.view.contains_key("to"))
            .filter_map(|(_, row)| row.reference("person"))
            .collect();
        let mut left: Vec<RecordId> = self
            .held
            .iter()
            .filter(|(id, row)| {
                let is_here = self.ground.covered.contains(&row.area) && !row.erased;
                let counts = match row.record_type {
                    "person" => current.contains(id),
                    "residency" => false,
                    _ => true,
                };
                is_here && counts && self.pairs.is_free(**id)
            })
            .map(|(id, _)| *id)
            .collect();
        left.sort_unstable_by_key(|id| {
            self.held.get(*id).map(|row| (row.record_type, row.area, row.created))
        });
        let named = self.ground.service.store.is_named(&left)?;
        for (record, _) in left.iter().zip(named).filter(|(_, named)| *named) {
            let Some(row) = self.held.get(*record) else {
                continue;
            };
            let field = match row.record_type {
                "dwelling" => "address",
                "household" => "label",
                _ => "name",
            };
            let schema = &self.ground.service.schema;
            let old = row
                .view
                .get(field)
                .map_or(Value::Null, |value| masked(schema, row.record_type, field, value));
            self.report.missing.push(Item { old, ..Item::new(0, row.record_type, Some(*record)) });
        }
        Ok(())
    }
}

/// Makes the names by which a spreadsheet knows a thing.
pub(crate) fn names_of(
    namer: super::names::Namer<'_>,
    thing: &Thing<'_>,
    find: super::things::Find<'_>,
) -> Vec<ImportKey> {
    let name = match thing.row {
        Row::Dwelling(row) => Some(namer.address(&key::of_address(&row.address))),
        Row::Household(row) => {
            find("dwelling", &row.dwelling).map(|dwelling| namer.household(dwelling, &row.label))
        }
        Row::Person(row) => {
            find("household", &row.household).map(|household| namer.person(household, &row.name))
        }
        Row::Residency(row) => {
            let ends = (find("person", &row.person), find("household", &row.household));
            match ends {
                (Some(person), Some(household)) => Some(namer.residency(person, household)),
                _ => None,
            }
        }
    };
    let number = thing.number.map(|number| namer.number(thing.record_type, number));
    name.into_iter().chain(number).collect()
}

/// The things of a spreadsheet, each with its step and its area.
struct Planned<'p, 'a> {
    things: &'p [Thing<'a>],
    steps: &'p [Step],
    areas: &'p [AreaNo],
}

/// Chooses the role to act under for each type and area, before anything is written.
fn choose_roles(
    service: &Service,
    (login, grants): (&str, &[Grant]),
    planned: &Planned<'_, '_>,
    ends: &[End],
) -> Result<Roles, ImportError> {
    let (tree, now) = (service.tree(), service.now());
    let rights = Rights { schema: &service.schema, tree: &tree, grants };
    let mut written: HashMap<&'static str, BTreeSet<&'static str>> = HashMap::new();
    let mut wanted: BTreeSet<(&'static str, AreaNo)> = BTreeSet::new();
    for ((thing, step), area) in planned.things.iter().zip(planned.steps).zip(planned.areas) {
        if !matches!(step, Step::Leave) {
            written.entry(thing.record_type).or_default().extend(thing.fields());
            wanted.insert((thing.record_type, *area));
        }
    }
    for end in ends {
        written.entry("residency").or_default().insert("to");
        wanted.insert(("residency", end.area));
    }
    let mut roles = HashMap::new();
    for (record_type, area) in wanted {
        let may = may_write(service, record_type, &written[record_type]);
        let held = rights.roles_at(area, now);
        let role = held.iter().find(|role| may.iter().any(|one| one == **role));
        let role = role.ok_or_else(|| no_role(login, &tree, area, record_type, &may))?;
        roles.insert((record_type, area), (*role).to_owned());
    }
    Ok(roles)
}

fn no_role(
    login: &str,
    tree: &AreaTree,
    area: AreaNo,
    record_type: &'static str,
    may: &[String],
) -> ImportError {
    ImportError::NoRole {
        login: login.to_owned(),
        area: tree.get(area).map_or_else(String::new, |info| info.code.clone()),
        record_type,
        roles: may.to_vec(),
    }
}

/// The roles that may create a type and write these of its fields.
fn may_write(service: &Service, record_type: &str, fields: &BTreeSet<&str>) -> Vec<String> {
    let Some(record_type) = service.schema.record_type(record_type) else {
        return Vec::new();
    };
    let writes = |role: &&String| {
        fields.iter().all(|name| {
            let field = record_type.field(name);
            field.is_some_and(|field| field.write.contains(role))
        })
    };
    record_type.create.iter().filter(writes).cloned().collect()
}
