//! Simulates a plan: the people and amounts it affects, whether the sums balance, and its problems.

use std::collections::{BTreeMap, BTreeSet};

use gridledger_core::rights::AreaTree;
use gridledger_schema::ids::{AreaNo, RecordId};
use serde::{Deserialize, Serialize};

use super::plan::{Draft, NORM_HOUSEHOLDS, Parting};
use super::report::{self, Sums};
use super::survey::Survey;
use crate::record::references::references;
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::people::Device;

/// Records named in one problem at most.
const NAMED: usize = 20;

/// The result of a simulation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    /// The time, ms since 1970.
    pub at: i64,
    /// Each area that gives, takes or moves, by code.
    pub areas: BTreeMap<String, Effect>,
    /// All of them, before and after.
    pub before: Sums,
    /// The same, as it would be.
    pub after: Sums,
    /// Whether the two are the same.
    pub balanced: bool,
    /// The people who hold roles in these areas, and their phones.
    pub staff: Vec<Affected>,
    /// The problems of the plan: those that block it and those to look at.
    pub problems: Vec<Problem>,
}

/// The effect of a plan on one area.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Its name.
    pub name: String,
    /// Whether it is made by the plan.
    pub is_new: bool,
    /// Whether it closes.
    pub closes: bool,
    /// The sums of the area now.
    pub before: Sums,
    /// The sums of the area after the plan.
    pub after: Sums,
    /// Households it is meant to have; of grids.
    pub norm: Option<u32>,
}

/// A person who works in an area that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Affected {
    /// The login.
    pub login: String,
    /// The name.
    pub name: String,
    /// Role and the code of the area it is held at.
    pub roles: Vec<(String, String)>,
    /// Phones: the number, and the last sync (ms since 1970, 0: never). What they have not sent cannot be known here.
    pub phones: Vec<(u32, i64)>,
}

/// Something that is wrong with a plan, or should be looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A word for programs.
    pub what: String,
    /// The area, by code.
    pub area: String,
    /// Whether the plan cannot be approved with it.
    pub blocks: bool,
    /// The number of records concerned.
    pub count: usize,
    /// Some of them.
    pub records: Vec<RecordId>,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// Computes what a draft would do, from one look at each area.
pub fn simulate(service: &Service, draft: &Draft, now: i64) -> Result<Simulation, StoreError> {
    let tree = service.tree();
    let mut found = Simulation { at: now, ..Simulation::default() };
    count_before(service, draft, &tree, now, &mut found)?;
    for parting in draft.partings() {
        part(service, &parting, &tree, &mut found)?;
    }
    for effect in found.areas.values() {
        found.before.add(&effect.before);
        found.after.add(&effect.after);
    }
    found.balanced = found.before == found.after;
    if !found.balanced {
        found.problems.push(Problem::new(
            "unbalanced",
            "",
            true,
            &[],
            ("前后合计不一致", "the sums before and after differ"),
        ));
    }
    find_staff(service, draft, &tree, now, &mut found)?;
    norms(draft, &mut found);
    Ok(found)
}

impl Problem {
    fn new(what: &str, area: &str, blocks: bool, records: &[RecordId], (zh, en): (&str, &str)) -> Self {
        Self {
            what: what.to_owned(),
            area: area.to_owned(),
            blocks,
            count: records.len(),
            records: records.iter().take(NAMED).copied().collect(),
            zh: zh.to_owned(),
            en: en.to_owned(),
        }
    }
}

/// Areas that give or take records, or get another place, each with all that lies below it.
fn count_before(
    service: &Service,
    draft: &Draft,
    tree: &AreaTree,
    now: i64,
    found: &mut Simulation,
) -> Result<(), StoreError> {
    let closing = draft.closing();
    let made = draft.new_areas.iter().map(|made| made.code.as_str());
    let partings = draft.partings();
    let parted = partings.iter().flat_map(|parting| {
        let takers = parting.into.iter().map(|part| part.area.as_str());
        takers.chain([parting.area])
    });
    let mut codes: BTreeSet<&str> = made.chain(parted).chain(closing.iter().copied()).collect();
    let mut moved = Vec::new();
    for area in draft.moves.iter().filter_map(|m| tree.by_code(&m.area)) {
        let below = tree.below(area.no, now);
        moved.extend(below.into_iter().filter_map(|no| Some(tree.get(no)?.code.clone())));
    }
    codes.extend(moved.iter().map(String::as_str));
    for code in codes {
        let info = tree.by_code(code);
        let made = draft.new_areas.iter().find(|made| made.code == code);
        let name = info.map(|info| &info.name).or(made.map(|made| &made.name)).cloned().unwrap_or_default();
        let before = match info {
            Some(info) => report::sums(service, &[info.no], now)?,
            None => Sums::default(),
        };
        let kind = info.map(|info| &info.kind).or(made.map(|made| &made.kind));
        let is_grid = kind.is_some_and(|kind| kind == "basic_grid");
        let norm = made.and_then(|made| made.norm).unwrap_or(NORM_HOUSEHOLDS);
        let effect = Effect {
            name,
            is_new: made.is_some(),
            closes: closing.contains(code),
            after: before.clone(),
            before,
            norm: is_grid.then_some(norm),
        };
        found.areas.insert(code.to_owned(), effect);
    }
    Ok(())
}

/// Moves what the rule moves, in the counts, and notes what the rule leaves open.
fn part(
    service: &Service,
    parting: &Parting<'_>,
    tree: &AreaTree,
    found: &mut Simulation,
) -> Result<(), StoreError> {
    let Some(info) = tree.by_code(parting.area) else {
        return Ok(());
    };
    let survey = Survey::take(service, info.no, parting.area, &parting.into)?;
    let (mut open, mut torn) = (Vec::new(), Vec::new());
    for located in survey.records() {
        let to = survey.destination(located.record);
        let rested = parting.into.iter().any(|part| part.rest);
        if !to.named && !rested && located.record_type == "dwelling" {
            open.push(located.record);
        }
        let record_type = service.schema.record_type(&located.record_type);
        let refers = record_type.map_or_else(Vec::new, |t| references(t, &located.view));
        let elsewhere = match refers.first() {
            Some(id) if located.record_type == "household" => {
                is_elsewhere(service, &survey, info.no, *id, &to.area)?
            }
            _ => false,
        };
        if elsewhere {
            torn.push(located.record);
        }
        if to.area != parting.area {
            let one = Sums::one(located);
            if let Some(effect) = found.areas.get_mut(parting.area) {
                effect.after.subtract(&one);
            }
            if let Some(effect) = found.areas.get_mut(&to.area) {
                effect.after.add(&one);
            }
        }
    }
    if !open.is_empty() {
        let said = ("有房屋不在任何划分规则之内", "no rule covers some dwellings");
        found.problems.push(Problem::new("no_rule", parting.area, true, &open, said));
    }
    if !torn.is_empty() {
        let said = ("有户与其房屋不在同一区域", "some households do not go where their dwelling is");
        found.problems.push(Problem::new("torn_household", parting.area, false, &torn, said));
    }
    Ok(())
}

/// Whether what a household refers to is, or goes, somewhere else than the household.
fn is_elsewhere(
    service: &Service,
    survey: &Survey,
    from: AreaNo,
    id: RecordId,
    to: &str,
) -> Result<bool, StoreError> {
    if survey.holds(id) {
        return Ok(survey.destination(id).area != to);
    }
    let there = service.store.ledger_row(id)?;
    Ok(there.is_some_and(|row| row.record.area != from))
}

/// Finds people with a role at an area that changes, and areas where nobody would work.
fn find_staff(
    service: &Service,
    draft: &Draft,
    tree: &AreaTree,
    now: i64,
    found: &mut Simulation,
) -> Result<(), StoreError> {
    let devices = service.store.devices()?;
    let mut worked: BTreeSet<String> = draft.staff.iter().map(|p| p.area.clone()).collect();
    for user in service.store.users()? {
        let grants = service.store.grants(user.no)?;
        let held = grants.iter().filter(|grant| grant.from <= now && grant.to.is_none_or(|to| now < to));
        let codes = held.filter_map(|grant| Some((grant.role.clone(), tree.get(grant.area)?.code.clone())));
        let roles: Vec<_> = codes.filter(|(_, code)| found.areas.contains_key(code)).collect();
        if roles.is_empty() || user.revoked {
            continue;
        }
        worked.extend(roles.iter().map(|(_, code)| code.clone()));
        let of_user = |device: &&Device| device.user == user.no && !device.revoked;
        let phones = devices.iter().filter(of_user).map(|d| (d.no.0, d.last_seen));
        found.staff.push(Affected { login: user.login, name: user.name, roles, phones: phones.collect() });
    }
    let alone = |(code, effect): &(&String, &Effect)| {
        !effect.closes && effect.norm.is_some() && !worked.contains(*code)
    };
    let said = ("该网格将没有工作人员", "nobody would work in this grid");
    let alone: Vec<Problem> = found
        .areas
        .iter()
        .filter(alone)
        .map(|(code, _)| Problem::new("no_worker", code, false, &[], said))
        .collect();
    found.problems.extend(alone);
    for posting in &draft.staff {
        let user = service.store.user_by_login(&posting.login)?;
        if user.is_none_or(|user| user.revoked) {
            let said = ("没有这个账号", "there is no such login");
            found.problems.push(Problem::new("no_such_login", &posting.login, true, &[], said));
        }
    }
    Ok(())
}

/// Finds grids that would be half as large again as planned, and closures of areas that are not empty.
fn norms(draft: &Draft, found: &mut Simulation) {
    let mut problems = Vec::new();
    for (code, effect) in &found.areas {
        let households = effect.after.of("household");
        let large = effect.norm.is_some_and(|norm| households * 2 > u64::from(norm) * 3);
        if large && !effect.closes {
            let said = (
                "户数超过划分标准的 1.5 倍",
                "more than one and a half times the households a grid is meant to have",
            );
            problems.push(Problem::new("too_large", code, false, &[], said));
        }
        let emptied = draft.closures.iter().any(|closed| closed == code);
        if emptied && effect.after != Sums::default() {
            let said = ("撤销的区域仍有档案", "an area that closes without a successor holds records");
            problems.push(Problem::new("not_empty", code, true, &[], said));
        }
    }
    found.problems.extend(problems);
}
