//! Pairs rows with the people of a household, and finds people who live elsewhere now.

use std::collections::HashMap;

use gridledger_schema::ids::RecordId;

use super::held::{Held, HeldRow, Resident};
use super::pairs::{Ground, Pairs};
use super::things::{Row, Thing};
use crate::office::import::fault::Wrong;
use crate::office::import::register::{PersonRow, key};
use crate::store::StoreError;

type Someone<'t, 'a> = (&'t Thing<'a>, &'a PersonRow);

/// Pairs the people of a spreadsheet, household by household; then people who live elsewhere now.
pub(crate) fn pair<'a>(
    ground: &Ground<'_>,
    held: &mut Held<'_>,
    things: &[Thing<'a>],
    pairs: &mut Pairs<'a>,
) -> Result<(), StoreError> {
    let mut homes: Vec<(&str, Vec<Someone<'_, 'a>>)> = Vec::new();
    let mut place: HashMap<&str, usize> = HashMap::new();
    for thing in things {
        let Row::Person(row) = thing.row else { continue };
        if pairs.is_paired(thing) {
            continue;
        }
        let at = *place.entry(&row.household).or_insert_with(|| {
            homes.push((&row.household, Vec::new()));
            homes.len() - 1
        });
        homes[at].1.push((thing, row));
    }
    let mut strangers = Vec::new();
    for (household, rows) in homes {
        strangers.extend(match pairs.get("household", household) {
            Some(household) => at_home(ground, held, household, rows, pairs)?,
            None => rows,
        });
    }
    moved(ground, held, strangers, pairs);
    Ok(())
}

/// Pairs the people of one household, and gives the rows that match no resident of it.
fn at_home<'t, 'a>(
    ground: &Ground<'_>,
    held: &mut Held<'_>,
    household: RecordId,
    mut rows: Vec<Someone<'t, 'a>>,
    pairs: &mut Pairs<'a>,
) -> Result<Vec<Someone<'t, 'a>>, StoreError> {
    let mut there: HashMap<RecordId, bool> = HashMap::new();
    for resident in held.residents(household) {
        *there.entry(resident.person).or_insert(true) &= resident.ended;
    }
    let mut called: HashMap<String, Vec<RecordId>> = HashMap::new();
    for person in there.keys() {
        if let Some(row) = held.get(*person) {
            called.entry(key::canonical(row.text("name"))).or_default().push(*person);
        }
    }
    take(held, &mut rows, &mut called, is_alike, pairs);
    for (thing, row) in &rows {
        let mut records = ground.service.store.named(&[held.namer().person(household, &row.name)])?.remove(0);
        let old = held.namer().old_key("person", thing.key);
        records.extend(ground.service.store.imported(&[old])?.remove(0));
        held.load_records(records.iter().copied())?;
        called.entry(key::canonical(&row.name)).or_default().extend(records);
    }
    for fits in [is_alike, may_be, |_: &HeldRow, _: &PersonRow| true] {
        take(held, &mut rows, &mut called, fits, pairs);
    }
    let others: Vec<RecordId> = there
        .iter()
        .filter(|(person, ended)| !**ended && pairs.is_free(**person))
        .map(|(person, _)| *person)
        .collect();
    renamed(ground, held, &others, &mut rows, pairs);
    Ok(rows)
}

/// Pairs each row with the free person of its name that fits best.
fn take<'a>(
    held: &Held<'_>,
    rows: &mut Vec<Someone<'_, 'a>>,
    called: &mut HashMap<String, Vec<RecordId>>,
    fits: fn(&HeldRow, &PersonRow) -> bool,
    pairs: &mut Pairs<'a>,
) {
    rows.retain(|(thing, row)| {
        let Some(candidates) = called.get_mut(&key::canonical(&row.name)) else {
            return true;
        };
        candidates.sort_unstable_by_key(|record| {
            let there = held.get(*record);
            (
                there.map_or(u64::MAX, |there| years_between(there, row)),
                there.map_or(0, |there| there.created),
                *record,
            )
        });
        let fitting = candidates.iter().find(|record| {
            pairs.is_free(**record) && held.get(**record).is_some_and(|there| fits(there, row))
        });
        match fitting {
            Some(record) => pairs.join(thing, *record),
            None => return true,
        }
        false
    });
}

/// Whether the year of birth or a phone number shows the same person.
fn is_alike(there: &HeldRow, row: &PersonRow) -> bool {
    let year = there.view.get("birth_year").and_then(serde_json::Value::as_u64);
    (year.is_some() && year == row.birth_year.map(u64::from)) || shares_a_phone(there, row)
}

/// Whether no year of birth contradicts that it is the same person.
fn may_be(there: &HeldRow, row: &PersonRow) -> bool {
    !there.view.contains_key("birth_year") || row.birth_year.is_none()
}

fn shares_a_phone(there: &HeldRow, row: &PersonRow) -> bool {
    there.numbers().any(|(_, number)| row.phones.iter().any(|phone| phone == number))
}

fn years_between(there: &HeldRow, row: &PersonRow) -> u64 {
    let year = there.view.get("birth_year").and_then(serde_json::Value::as_u64);
    match (year, row.birth_year) {
        (Some(one), Some(other)) => one.abs_diff(other.into()),
        _ => 0,
    }
}

/// Finds rows that resemble the one person whom the spreadsheet no longer names: perhaps the same, under a corrected name.
fn renamed<'a>(
    ground: &Ground<'_>,
    held: &Held<'_>,
    others: &[RecordId],
    rows: &mut Vec<Someone<'_, 'a>>,
    pairs: &mut Pairs<'a>,
) {
    rows.retain(|(thing, row)| {
        let is_like = |there: &HeldRow| {
            let agrees =
                |field: &str, value: Option<&str>| value.is_some() && Some(there.text(field)) == value;
            shares_a_phone(there, row)
                || (row.birth_year.is_some()
                    && years_between(there, row) == 0
                    && there.view.contains_key("birth_year")
                    && agrees("gender", row.gender)
                    && agrees("relation_to_head", row.relation_to_head))
        };
        let like: Vec<RecordId> = others
            .iter()
            .copied()
            .filter(|person| pairs.is_free(*person) && held.get(*person).is_some_and(is_like))
            .collect();
        let [person] = like[..] else { return true };
        if ground.accepts_doubtful {
            pairs.join(thing, person);
        } else {
            pairs.claimed.insert(person);
            let there = held
                .get(person)
                .map_or_else(String::new, |row| gridledger_core::mask::name(row.text("name")));
            pairs.doubts.insert((thing.record_type, thing.key), perhaps_renamed(&there));
        }
        false
    });
}

/// Pairs people whom the spreadsheet has in another household than the store, if no other person can be meant.
fn moved<'a>(ground: &Ground<'_>, held: &Held<'_>, strangers: Vec<Someone<'_, 'a>>, pairs: &mut Pairs<'a>) {
    if strangers.is_empty() {
        return;
    }
    let mut gone: HashMap<(String, u64), Vec<Resident>> = HashMap::new();
    for (id, row) in held.iter() {
        let Some(person) = row.reference("person") else {
            continue;
        };
        let is_current = row.record_type == "residency"
            && !row.view.contains_key("to")
            && ground.covered.contains(&row.area);
        let Some(there) = held.get(person).filter(|_| is_current && pairs.is_free(person)) else {
            continue;
        };
        let year = there.view.get("birth_year").and_then(serde_json::Value::as_u64);
        if let Some(year) = year {
            gone.entry((key::canonical(there.text("name")), year)).or_default().push(Resident {
                person,
                residency: *id,
                ended: false,
            });
        }
    }
    for (thing, row) in strangers {
        let Some(year) = row.birth_year else { continue };
        let [left] = gone.get(&(key::canonical(&row.name), year.into())).map_or(&[][..], Vec::as_slice)
        else {
            continue;
        };
        let Some(there) = held.get(left.person).filter(|_| pairs.is_free(left.person)) else {
            continue;
        };
        let gender = there.text("gender");
        let other_gender = row.gender.is_some_and(|one| !gender.is_empty() && one != gender);
        let other_phone =
            there.numbers().next().is_some() && !row.phones.is_empty() && !shares_a_phone(there, row);
        if !other_gender && !other_phone {
            pairs.join(thing, left.person);
            pairs.moved_out.push((thing.line, left.residency));
        }
    }
}

fn perhaps_renamed(there: &str) -> Wrong {
    Wrong::new(
        "perhaps_renamed",
        format!("可能是已登记的 {there} 改了姓名；确认是同一人时用 --accept-doubtful 导入"),
        format!(
            "perhaps {there}, who is there already, under another name; if so, import with --accept-doubtful"
        ),
    )
}
