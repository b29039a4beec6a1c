//! The rows of the register joined into what they speak of: each dwelling, household, person and residency once.

use std::collections::HashMap;

use super::key::{self, Mark};
use super::read::{LABEL_DEFAULT, Person, Values};
use super::{DwellingRow, HouseholdRow, PersonRow, Register, ResidencyRow};
use crate::office::import::fault::{Report, Wrong, quoted};
use crate::office::import::workbook::Row;

/// People of one household.
pub const PEOPLE_MAX: usize = 50;

/// The register while it grows.
#[derive(Default)]
pub struct Plan {
    register: Register,
    /// By key.
    dwellings: HashMap<String, usize>,
    households: HashMap<String, Household>,
    /// By type and the office's number, the key and the line.
    numbers: HashMap<(&'static str, String), (String, u64)>,
    /// By key, the line.
    people: HashMap<String, u64>,
    /// The number of people without a mark that share a key, by the key of the first.
    namesakes: HashMap<String, usize>,
}

struct Household {
    at: usize,
    /// The line of its head.
    head: Option<u64>,
    people: usize,
}

impl Plan {
    pub fn into_register(self) -> Register {
        self.register
    }

    /// Adds what a row says; rows that contradict each other are reported.
    pub fn add(&mut self, row: &Row<'_>, values: Values, report: &mut Report) {
        let Values { area, address, dwelling_no, household_no, usage, label, note, person } = values;
        let dwelling = key::dwelling(&area, &address);
        if !self.is_its_number(row, ("dwelling_no", &dwelling), dwelling_no.as_ref(), report) {
            return;
        }
        if let Some(at) = self.dwellings.get(&dwelling) {
            let there = &mut self.register.dwellings[*at];
            agree_on_use(row, there, usage, report);
            there.number = there.number.take().or(dwelling_no);
        } else {
            self.dwellings.insert(dwelling.clone(), self.register.dwellings.len());
            let (key, area) = (dwelling.clone(), area.clone());
            self.register.dwellings.push(DwellingRow {
                line: row.line,
                key,
                number: dwelling_no,
                area,
                address,
                usage,
            });
        }
        let lived_in = !matches!(usage, Some("vacant" | "shop" | "public"));
        if person.is_none() && label.is_none() && note.is_none() && !lived_in {
            return;
        }
        let label = label.unwrap_or_else(|| LABEL_DEFAULT.to_owned());
        let key = key::household(&dwelling, &label);
        if !self.is_its_number(row, ("household_no", &key), household_no.as_ref(), report) {
            return;
        }
        let household = self.household(row, &area, (dwelling, household_no), label, note);
        if let Some(person) = person {
            self.person(row, area, household, person, report);
        }
    }

    /// Whether the office's number is that of this thing alone; else the row has a fault.
    fn is_its_number(
        &mut self,
        row: &Row<'_>,
        (column, key): (&'static str, &str),
        number: Option<&String>,
        report: &mut Report,
    ) -> bool {
        let Some(number) = number else { return true };
        let first = self.numbers.entry((column, number.to_lowercase()));
        let (first, line) = first.or_insert_with(|| (key.to_owned(), row.line));
        if first != key {
            row.fault(report, column, number_differs(number, *line));
            return false;
        }
        true
    }

    /// The key of the household, which is there afterwards.
    fn household(
        &mut self,
        row: &Row<'_>,
        area: &str,
        (dwelling, number): (String, Option<String>),
        label: String,
        note: Option<String>,
    ) -> String {
        let key = key::household(&dwelling, &label);
        let households = &mut self.register.households;
        let found = self.households.entry(key.clone()).or_insert_with(|| {
            let (key, area, notes) = (key.clone(), area.to_owned(), Vec::new());
            households.push(HouseholdRow { line: row.line, key, number: None, area, dwelling, label, notes });
            Household { at: households.len() - 1, head: None, people: 0 }
        });
        let there = &mut households[found.at];
        there.number = there.number.take().or(number);
        let notes = &mut there.notes;
        if let Some(note) = note.filter(|note| !notes.contains(note)) {
            notes.push(note);
        }
        key
    }

    fn person(
        &mut self,
        row: &Row<'_>,
        area: String,
        household: String,
        person: Person,
        report: &mut Report,
    ) {
        let mark = match (person.birth_year, person.phones.first()) {
            (Some(year), _) => Mark::BirthYear(year),
            (None, Some(phone)) => Mark::Phone(phone),
            (None, None) => self.ordinal(row, &household, &person.name, report),
        };
        let key = key::person(&household, &person.name, mark);
        if !self.is_its_number(row, ("person_no", &key), person.number.as_ref(), report) {
            return;
        }
        if let Some(first) = self.people.insert(key.clone(), row.line) {
            row.fault(report, "name", duplicate(&person.name, first));
            return;
        }
        self.check_household(row, &household, person.relation, report);
        self.register.residencies.push(ResidencyRow {
            line: row.line,
            key: key::residency(&key),
            area: area.clone(),
            person: key.clone(),
            household: household.clone(),
            kind: person.kind,
            from: person.from,
        });
        self.register.people.push(PersonRow {
            line: row.line,
            key,
            number: person.number,
            area,
            household,
            name: person.name,
            gender: person.gender,
            birth_year: person.birth_year,
            phones: person.phones,
            relation_to_head: person.relation,
        });
    }

    fn check_household(
        &mut self,
        row: &Row<'_>,
        household: &str,
        relation: Option<&'static str>,
        report: &mut Report,
    ) {
        let household = self.households.get_mut(household).expect("BUG: a person before the household");
        household.people += 1;
        if household.people == PEOPLE_MAX + 1 {
            row.fault(report, "name", too_many_people());
        }
        if relation == Some("head") {
            match household.head {
                Some(first) => row.fault(report, "relation_to_head", second_head(first)),
                None => household.head = Some(row.line),
            }
        }
    }

    fn ordinal<'p>(&mut self, row: &Row<'_>, household: &str, name: &str, report: &mut Report) -> Mark<'p> {
        let count = self.namesakes.entry(key::person(household, name, Mark::Ordinal(1))).or_default();
        *count += 1;
        if *count > 1 {
            row.warn(report, "name", namesake(name));
        }
        Mark::Ordinal(*count)
    }
}

fn agree_on_use(row: &Row<'_>, dwelling: &mut DwellingRow, usage: Option<&'static str>, report: &mut Report) {
    match (dwelling.usage, usage) {
        (Some(first), Some(second)) if first != second => {
            row.fault(report, "use", use_differs(first, dwelling.line));
        }
        (None, Some(_)) => dwelling.usage = usage,
        _ => {}
    }
}

fn number_differs(number: &str, line: u64) -> Wrong {
    let number = quoted(number);
    Wrong::new(
        "number_differs",
        format!("编号 {number} 在第 {line} 行属于另一条档案"),
        format!("the number {number} is another record's on line {line}"),
    )
}

fn use_differs(first: &str, line: u64) -> Wrong {
    Wrong::new(
        "use_differs",
        format!("同一房屋在第 {line} 行的用途为 {first}"),
        format!("the same dwelling is `{first}` on line {line}"),
    )
}

fn second_head(first: u64) -> Wrong {
    Wrong::new(
        "second_head",
        format!("同一户在第 {first} 行已有户主；同一房屋住有几户时请填写“户”列"),
        format!("the household has its head on line {first}; give each household of a dwelling a label"),
    )
}

fn too_many_people() -> Wrong {
    Wrong::new(
        "too_many_people",
        format!("一户超过 {PEOPLE_MAX} 人，请填写“户”列分成几户"),
        format!("more than {PEOPLE_MAX} people in one household; give each household a label"),
    )
}

fn duplicate(name: &str, line: u64) -> Wrong {
    let name = quoted(name);
    Wrong::new(
        "duplicate_person",
        format!("同一户的 {name} 已在第 {line} 行出现"),
        format!("{name} of the same household is already on line {line}"),
    )
}

fn namesake(name: &str) -> Wrong {
    let name = quoted(name);
    Wrong::new(
        "namesake",
        format!("同一户有几个 {name}，没有出生年份或电话可以区分，按不同的人导入"),
        format!("several {name} in one household, with no year of birth or phone; taken as different people"),
    )
}
