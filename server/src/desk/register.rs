//! Imports the register: each dwelling, household, person and residency that is not there yet becomes a record, written
//! by one user like any other entry. What was imported before is known by its key and left alone.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gridledger_core::rights::Rights;
use gridledger_schema::code::Refusal;
use gridledger_schema::entry::{Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, RecordId};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::feed::{DeskFeed, Draft};
use crate::calendar::midnight;
use crate::import::register::{Address, DwellingRow, HouseholdRow, PersonRow, Register, ResidencyRow};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::desk::ImportKey;
use crate::store::people::User;

/// Entries of one push: one transaction, one signature.
const CHUNK: usize = 2_000;

/// Why nothing was imported, or no more.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// An area of the file is not there.
    #[error("line {line}: there is no area {area}")]
    AreaUnknown {
        /// The line in the file.
        line: u64,
        /// The area's code.
        area: String,
    },
    /// The user may not create what the file holds.
    #[error("{login} holds no role in area {area} that may create a {record_type}; such are: {}", .roles.join(", "))]
    NoRole {
        /// The user.
        login: String,
        /// The area's code.
        area: String,
        /// The record type.
        record_type: &'static str,
        /// The roles that may.
        roles: Vec<String>,
    },
    /// The store failed. What was written until then stays; the same import again goes on from there.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Records made, by type.
    pub created: BTreeMap<&'static str, usize>,
    /// Things that were there from an import before.
    pub unchanged: usize,
    /// Values that no field takes (a residency since before 1970): the line in the file, and the field.
    pub left_out: Vec<(u64, &'static str)>,
    /// Things that were refused: the line in the file, and why.
    pub refused: Vec<(u64, Refusal)>,
}

/// One thing of the file on its way to be a record.
struct Thing<'a> {
    record_type: &'static str,
    line: u64,
    area: &'a str,
    key: &'a str,
    row: Row<'a>,
}

enum Row<'a> {
    Dwelling(&'a DwellingRow),
    Household(&'a HouseholdRow),
    Person(&'a PersonRow),
    Residency(&'a ResidencyRow),
}

/// Imports `register` as `user`. `progress` is told (done, of how many) after each piece.
pub fn import_register(
    service: &Service,
    user: &User,
    register: &Register,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<ImportReport, ImportError> {
    let things = things(register);
    let roles = roles(service, user, &things)?;
    let feed = DeskFeed::open(service, user)?;
    let desk = Desk { service, user, feed };
    let (mut report, mut records) = (ImportReport::default(), HashMap::new());
    let mut done = 0;
    let of_one_type = things.chunk_by(|one, next| one.record_type == next.record_type);
    for chunk in of_one_type.flat_map(|same| same.chunks(CHUNK)) {
        let keys: Vec<ImportKey> = chunk.iter().map(|thing| thing.import_key(service)).collect();
        let known = service.store.imported(&keys)?;
        let mut fresh = Vec::new();
        for ((thing, key), known) in chunk.iter().zip(keys).zip(known) {
            match known {
                Some(record) => {
                    records.insert((thing.record_type, thing.key), record);
                    report.unchanged += 1;
                }
                None => fresh.push((thing, key)),
            }
        }
        write(&desk, &roles, &fresh, &mut records, &mut report)?;
        done += chunk.len();
        progress(done, things.len());
    }
    Ok(report)
}

/// Whoever imports.
struct Desk<'a> {
    service: &'a Service,
    user: &'a User,
    feed: DeskFeed,
}

type Records<'a> = HashMap<(&'static str, &'a str), RecordId>;
type Roles<'a> = HashMap<(&'static str, &'a str), (String, AreaNo)>;

/// Writes things of one type, which refer only to what is in `records` already.
fn write<'a>(
    desk: &Desk<'_>,
    roles: &Roles<'a>,
    fresh: &[(&Thing<'a>, ImportKey)],
    records: &mut Records<'a>,
    report: &mut ImportReport,
) -> Result<(), StoreError> {
    let drafts = fresh
        .iter()
        .map(|(thing, key)| thing.draft(*key, roles, records))
        .collect();
    let verdicts = {
        let _turn = desk.service.desks.turn(desk.user.no);
        desk.feed.push(desk.service, drafts)?
    };
    for ((thing, _), verdict) in fresh.iter().zip(verdicts) {
        match (verdict.record, verdict.refused) {
            (Some(record), None) => {
                records.insert((thing.record_type, thing.key), record);
                *report.created.entry(thing.record_type).or_default() += 1;
                report
                    .left_out
                    .extend(thing.left_out().map(|field| (thing.line, field)));
            }
            (_, refused) => report
                .refused
                .extend(refused.map(|refusal| (thing.line, refusal))),
        }
    }
    Ok(())
}

/// Everything in the file, what others refer to first.
fn things(register: &Register) -> Vec<Thing<'_>> {
    let mut things = Vec::new();
    things.extend(register.dwellings.iter().map(|row| Thing {
        record_type: "dwelling",
        line: row.line,
        area: &row.area,
        key: &row.key,
        row: Row::Dwelling(row),
    }));
    things.extend(register.households.iter().map(|row| Thing {
        record_type: "household",
        line: row.line,
        area: &row.area,
        key: &row.key,
        row: Row::Household(row),
    }));
    things.extend(register.people.iter().map(|row| Thing {
        record_type: "person",
        line: row.line,
        area: &row.area,
        key: &row.key,
        row: Row::Person(row),
    }));
    things.extend(register.residencies.iter().map(|row| Thing {
        record_type: "residency",
        line: row.line,
        area: &row.area,
        key: &row.key,
        row: Row::Residency(row),
    }));
    things
}

/// The role to act under and the area's number, for each type and area of the file; all are known before anything is
/// written.
fn roles<'a>(service: &Service, user: &User, things: &[Thing<'a>]) -> Result<Roles<'a>, ImportError> {
    let grants = service.store.grants(user.no)?;
    let (tree, now) = (service.tree(), service.now());
    let rights = Rights {
        schema: &service.schema,
        tree: &tree,
        grants: &grants,
    };
    let mut written: HashMap<&'static str, BTreeSet<&'static str>> = HashMap::new();
    for thing in things {
        written
            .entry(thing.record_type)
            .or_default()
            .extend(thing.fields());
    }
    let mut roles = HashMap::new();
    for thing in things {
        if roles.contains_key(&(thing.record_type, thing.area)) {
            continue;
        }
        let area = tree.by_code(thing.area).ok_or_else(|| ImportError::AreaUnknown {
            line: thing.line,
            area: thing.area.to_owned(),
        })?;
        let may = may_create(service, thing.record_type, &written[thing.record_type]);
        let held = rights.roles_at(area.no, now);
        let role = held.iter().find(|role| may.iter().any(|one| one == **role));
        let role = role.ok_or_else(|| ImportError::NoRole {
            login: user.login.clone(),
            area: thing.area.to_owned(),
            record_type: thing.record_type,
            roles: may.clone(),
        })?;
        roles.insert((thing.record_type, thing.area), ((*role).to_owned(), area.no));
    }
    Ok(roles)
}

/// The roles that may create a type and write these of its fields.
fn may_create(service: &Service, record_type: &str, fields: &BTreeSet<&str>) -> Vec<String> {
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

impl<'a> Thing<'a> {
    /// What the thing is known by, without what it says: a hash that only this store can make.
    fn import_key(&self, service: &Service) -> ImportKey {
        let mut hash = Sha256::new();
        hash.update(b"gridledger/import-key/v1");
        hash.update(service.identity.desk_seed);
        hash.update(self.record_type.as_bytes());
        hash.update([0]);
        hash.update(self.key.as_bytes());
        let mut key = ImportKey::default();
        key.copy_from_slice(&hash.finalize()[..16]);
        key
    }

    fn draft(&self, key: ImportKey, roles: &Roles<'a>, records: &Records<'a>) -> Draft {
        let (role, area) = &roles[&(self.record_type, self.area)];
        Draft {
            target: Target::Create {
                record_type: self.record_type.to_owned(),
                area: *area,
            },
            role: role.clone(),
            cursor: 0,
            intents: self.intents(records),
            request: None,
            import: Some(key),
            ruling: None,
        }
    }

    /// The fields it writes.
    fn fields(&self) -> Vec<&'static str> {
        match self.row {
            Row::Dwelling(row) => with("address", &[("use", row.usage.is_some())]),
            Row::Household(row) => with(
                "dwelling_id",
                &[("label", true), ("notes", !row.notes.is_empty())],
            ),
            Row::Person(row) => with(
                "name",
                &[
                    ("gender", row.gender.is_some()),
                    ("birth_year", row.birth_year.is_some()),
                    ("phones", !row.phones.is_empty()),
                    ("relation_to_head", row.relation_to_head.is_some()),
                ],
            ),
            Row::Residency(row) => with(
                "person",
                &[("household", true), ("kind", true), ("from", row.from.is_some())],
            ),
        }
    }

    /// A field whose value it cannot say.
    fn left_out(&self) -> Option<&'static str> {
        match self.row {
            Row::Residency(row) => row.from.is_some_and(|date| midnight(date) < 0).then_some("from"),
            _ => None,
        }
    }

    /// What it says. A reference to something that was refused is left out, and then so is the thing, for its lack.
    fn intents(&self, records: &Records<'a>) -> Vec<Intent> {
        let reference =
            |record_type, key: &'a str| records.get(&(record_type, key)).map(|record| json!(record));
        match self.row {
            Row::Dwelling(row) => [
                put("address", Some(address(&row.address))),
                put("use", row.usage.map(Value::from)),
            ]
            .into_iter()
            .flatten()
            .collect(),
            Row::Household(row) => {
                let mut intents: Vec<Intent> = [
                    put("dwelling_id", reference("dwelling", &row.dwelling)),
                    put("label", Some(json!(row.label))),
                ]
                .into_iter()
                .flatten()
                .collect();
                intents.extend(row.notes.iter().map(|note| {
                    let value = json!(note);
                    intent("notes", Op::Append { value })
                }));
                intents
            }
            Row::Person(row) => person(row),
            Row::Residency(row) => [
                put("person", reference("person", &row.person)),
                put("household", reference("household", &row.household)),
                put("kind", Some(row.kind.into())),
                put(
                    "from",
                    row.from.map(midnight).filter(|ms| *ms >= 0).map(Value::from),
                ),
            ]
            .into_iter()
            .flatten()
            .collect(),
        }
    }
}

fn with(first: &'static str, others: &[(&'static str, bool)]) -> Vec<&'static str> {
    let mut fields = vec![first];
    fields.extend(others.iter().filter(|(_, is)| *is).map(|(name, _)| *name));
    fields
}

fn person(row: &PersonRow) -> Vec<Intent> {
    let mut intents: Vec<Intent> = [
        put("name", Some(json!(row.name))),
        put("gender", row.gender.map(Value::from)),
        put("birth_year", row.birth_year.map(Value::from)),
        put("relation_to_head", row.relation_to_head.map(Value::from)),
    ]
    .into_iter()
    .flatten()
    .collect();
    intents.extend((1..).zip(&row.phones).map(|(at, number)| {
        let value = Map::from_iter([("number".to_owned(), json!(number))]);
        let child = at.to_string();
        intent("phones", Op::SetChild { child, value })
    }));
    intents
}

fn intent(field: &str, op: Op) -> Intent {
    Intent {
        facet: 0,
        field: field.to_owned(),
        op,
    }
}

fn put(field: &str, value: Option<Value>) -> Option<Intent> {
    value.map(|value| intent(field, Op::Put { value }))
}

fn address(address: &Address) -> Value {
    let parts = [
        ("road", &address.road),
        ("number", &address.number),
        ("building", &address.building),
        ("unit", &address.unit),
        ("floor", &address.floor),
        ("room", &address.room),
    ];
    let known = parts.into_iter().filter(|(_, part)| !part.is_empty());
    known
        .map(|(name, part)| (name.to_owned(), json!(part)))
        .collect::<Map<_, _>>()
        .into()
}
