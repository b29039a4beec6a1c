//! Pairs each thing of a spreadsheet with the record that it describes, by values that do not change.
//!
//! The office's own number comes first. Else a dwelling is followed through every plan of the territory; in it the
//! household is found by its label, and in the household the person by the name.

use std::collections::{HashMap, HashSet};

use gridledger_schema::ids::RecordId;

use super::held::{Held, HeldRow, Resident};
use super::pairs::{Ground, Pairs, community};
use super::people;
use super::things::{Row, Thing};
use crate::office::import::register::key;
use crate::store::StoreError;

/// Pairs the things of a spreadsheet, and reads what it needs of the store.
pub(crate) fn pair<'a>(
    ground: &Ground<'_>,
    held: &mut Held<'_>,
    things: &[Thing<'a>],
) -> Result<Pairs<'a>, StoreError> {
    let mut pairs = Pairs::default();
    by_number(ground, held, things, &mut pairs)?;
    let of = |record_type: &'static str| things.iter().filter(move |thing| thing.record_type == record_type);
    dwellings(ground, held, things, &mut pairs)?;
    for thing in of("household") {
        household(ground, held, thing, &mut pairs)?;
    }
    people::pair(ground, held, things, &mut pairs)?;
    for thing in of("residency") {
        residency(ground, held, thing, &mut pairs)?;
    }
    Ok(pairs)
}

fn by_number<'a>(
    ground: &Ground<'_>,
    held: &mut Held<'_>,
    things: &[Thing<'a>],
    pairs: &mut Pairs<'a>,
) -> Result<(), StoreError> {
    let numbered: Vec<(&Thing<'a>, &str)> =
        things.iter().filter_map(|thing| Some((thing, thing.number?))).collect();
    let namer = held.namer();
    let numbers: Vec<_> =
        numbered.iter().map(|(thing, number)| namer.number(thing.record_type, number)).collect();
    let found = ground.service.store.named(&numbers)?;
    held.load_records(found.iter().flatten().copied())?;
    for ((thing, _), records) in numbered.iter().zip(found) {
        if let Some(record) = records.into_iter().find(|record| pairs.is_free(*record)) {
            pairs.join(thing, record);
        }
    }
    Ok(())
}

/// Finds the records of a name, by today's key or by the key of version 0.1.
fn known(
    ground: &Ground<'_>,
    held: &Held<'_>,
    thing: &Thing<'_>,
    name: [u8; 16],
) -> Result<Vec<RecordId>, StoreError> {
    let mut found = ground.service.store.named(&[name])?.remove(0);
    if found.is_empty() {
        let old = held.namer().old_key(thing.record_type, thing.key);
        found.extend(ground.service.store.imported(&[old])?.remove(0));
    }
    Ok(found)
}

fn dwellings<'a>(
    ground: &Ground<'_>,
    held: &mut Held<'_>,
    things: &[Thing<'a>],
    pairs: &mut Pairs<'a>,
) -> Result<(), StoreError> {
    let mut waiting = Vec::new();
    for thing in things {
        let Row::Dwelling(row) = thing.row else { continue };
        if pairs.is_paired(thing) {
            continue;
        }
        let address = key::of_address(&row.address);
        let area = ground.tree.by_code(thing.area).map(|info| info.no);
        let is_here =
            |record: &&RecordId| pairs.is_free(**record) && held.get(**record).map(|row| row.area) == area;
        if let Some(record) = held.at_address(&address).iter().find(is_here).copied() {
            pairs.join(thing, record);
            continue;
        }
        let mut candidates = known(ground, held, thing, held.namer().address(&address))?;
        held.load_records(candidates.iter().copied())?;
        candidates.extend(held.at_address(&address));
        if !candidates.is_empty() {
            waiting.push((thing, row, candidates));
        }
    }
    // Pair dwellings in the spreadsheet's own grid first, so that no neighbour takes them.
    let mut left = Vec::new();
    for (thing, row, candidates) in waiting {
        let area = ground.tree.by_code(thing.area).map(|info| info.no);
        let is_here =
            |record: &&RecordId| pairs.is_free(**record) && held.get(**record).map(|row| row.area) == area;
        match candidates.iter().find(is_here).copied() {
            Some(record) => pairs.join(thing, record),
            None => left.push((thing, row, candidates)),
        }
    }
    let names = names_by_dwelling(things);
    for (thing, row, candidates) in left {
        for record in candidates {
            if pairs.is_free(record)
                && is_same_dwelling(ground, held, &names, thing, row.address.road.is_empty(), record)?
            {
                pairs.join(thing, record);
                break;
            }
        }
    }
    Ok(())
}

/// Collects the names of the people in each dwelling of the spreadsheet.
fn names_by_dwelling<'a>(things: &[Thing<'a>]) -> HashMap<&'a str, HashSet<String>> {
    let mut homes: HashMap<&str, &'a str> = HashMap::new();
    let mut names: HashMap<&'a str, HashSet<String>> = HashMap::new();
    for thing in things {
        match thing.row {
            Row::Household(row) => _ = homes.insert(&row.key, &row.dwelling),
            Row::Person(row) => {
                if let Some(dwelling) = homes.get(row.household.as_str()) {
                    names.entry(dwelling).or_default().insert(key::canonical(&row.name));
                }
            }
            _ => {}
        }
    }
    names
}

/// Whether a spreadsheet means a dwelling of the same address in another grid. It does if it always had the dwelling in
/// that grid, if it names a person who lives there, or if nothing else in the community can be meant.
fn is_same_dwelling(
    ground: &Ground<'_>,
    held: &mut Held<'_>,
    names: &HashMap<&str, HashSet<String>>,
    thing: &Thing<'_>,
    without_road: bool,
    record: RecordId,
) -> Result<bool, StoreError> {
    let (Some(area), Some(there)) =
        (ground.tree.by_code(thing.area).map(|info| info.no), held.get(record).map(|row| row.area))
    else {
        return Ok(false);
    };
    if held.base(record)?.area == area.0 {
        return Ok(true);
    }
    let lives_there = |name: &HashSet<String>| {
        let people = held.households(record).iter().flat_map(|household| held.residents(*household));
        people
            .filter_map(|resident| held.get(resident.person))
            .any(|person| name.contains(&key::canonical(person.text("name"))))
    };
    if names.get(thing.key).is_some_and(lives_there) {
        return Ok(true);
    }
    let near = community(ground.tree, area) == community(ground.tree, there);
    Ok(near && (!without_road || ground.covered.contains(&there)))
}

fn household<'a>(
    ground: &Ground<'_>,
    held: &mut Held<'_>,
    thing: &Thing<'a>,
    pairs: &mut Pairs<'a>,
) -> Result<(), StoreError> {
    let Row::Household(row) = thing.row else {
        return Ok(());
    };
    if pairs.is_paired(thing) {
        return Ok(());
    }
    let Some(dwelling) = pairs.get("dwelling", &row.dwelling) else {
        return Ok(());
    };
    let label = key::canonical(&row.label);
    let alike = |record: &&RecordId| {
        pairs.is_free(**record)
            && held.get(**record).is_some_and(|row| key::canonical(row.text("label")) == label)
    };
    let mut found = held.households(dwelling).iter().find(alike).copied();
    if found.is_none() {
        let known = known(ground, held, thing, held.namer().household(dwelling, &row.label))?;
        held.load_records(known.iter().copied())?;
        found = known.into_iter().find(|record| pairs.is_free(*record));
    }
    if let Some(record) = found {
        pairs.join(thing, record);
    }
    Ok(())
}

fn residency<'a>(
    ground: &Ground<'_>,
    held: &mut Held<'_>,
    thing: &Thing<'a>,
    pairs: &mut Pairs<'a>,
) -> Result<(), StoreError> {
    let Row::Residency(row) = thing.row else {
        return Ok(());
    };
    let (Some(person), Some(household)) =
        (pairs.get("person", &row.person), pairs.get("household", &row.household))
    else {
        return Ok(());
    };
    let mut found: Vec<Resident> =
        held.residents(household).iter().copied().filter(|resident| resident.person == person).collect();
    let created = |resident: &Resident| held.get(resident.residency).map_or(0, |row: &HeldRow| row.created);
    found.sort_by_key(|resident| (!resident.ended, created(resident)));
    let mut record = found.last().map(|resident| resident.residency);
    if record.is_none() {
        let known = known(ground, held, thing, held.namer().residency(person, household))?;
        held.load_records(known.iter().copied())?;
        record = known.first().copied();
    }
    if let Some(record) = record {
        pairs.join(thing, record);
    }
    Ok(())
}
