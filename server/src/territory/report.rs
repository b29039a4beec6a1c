//! Counts the records of areas before and after a plan (report R14); the sums must balance.

use std::collections::BTreeMap;

use gridledger_core::rights::AreaTree;
use gridledger_schema::code::Code;
use gridledger_schema::ids::AreaNo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::survey::Located;
use super::{Plan, find};
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::plans::Census;

/// States of a ticket that is done.
const DONE: [&str; 4] = ["CLOSED", "EVALUATED", "VOID", "MERGED"];

/// Records by type, and open tickets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Records by type; a type of which there is none is not named.
    pub records: BTreeMap<String, u64>,
    /// Open tickets.
    pub open_tickets: u64,
}

impl Sums {
    /// Records of a type.
    pub fn of(&self, record_type: &str) -> u64 {
        self.records.get(record_type).copied().unwrap_or(0)
    }

    /// One record.
    pub(super) fn one(located: &Located) -> Self {
        let state = located.view.get("_ticket").and_then(|ticket| ticket["state"].as_str());
        Self {
            records: BTreeMap::from([(located.record_type.clone(), 1)]),
            open_tickets: u64::from(state.is_some_and(|state| !DONE.contains(&state))),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (record_type, count) in &other.records {
            *self.records.entry(record_type.clone()).or_default() += count;
        }
        self.open_tickets += other.open_tickets;
    }

    pub(super) fn subtract(&mut self, other: &Self) {
        for (record_type, count) in &other.records {
            let left = self.of(record_type).saturating_sub(*count);
            self.records.insert(record_type.clone(), left);
        }
        self.records.retain(|_, count| *count > 0);
        self.open_tickets = self.open_tickets.saturating_sub(other.open_tickets);
    }

    fn take(&mut self, census: &Census) {
        for row in census.records.iter().filter(|row| row.records > 0) {
            *self.records.entry(row.record_type.clone()).or_default() += row.records;
            self.open_tickets += if row.record_type == "ticket" { row.open } else { 0 };
        }
    }
}

/// Counts the records in some areas.
pub fn sums(service: &Service, areas: &[AreaNo], now: i64) -> Result<Sums, StoreError> {
    let mut sums = Sums::default();
    sums.take(&service.store.census(areas, now, None)?);
    Ok(sums)
}

/// A count of the part of the territory a plan lies in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// The time, ms since 1970.
    pub at: i64,
    /// Open areas by kind.
    pub areas: BTreeMap<String, u64>,
    /// Records.
    pub sums: Sums,
    /// Erased records: they are counted nowhere else.
    pub erased: u64,
    /// Visits and patrols of this month, by who made them: what quotas count.
    pub work: BTreeMap<String, BTreeMap<String, u64>>,
    /// Each area's records, by code.
    pub by_area: BTreeMap<String, Sums>,
    /// Records made since the count before this one, by type.
    pub made: BTreeMap<String, u64>,
    /// Each area's last log position: what was made after it is new.
    heads: Vec<(AreaNo, u64)>,
}

/// Counts what lies in some areas, in one look. After an earlier count, also what was made since.
pub fn count(
    service: &Service,
    areas: &[AreaNo],
    earlier: Option<&Counts>,
    now: i64,
) -> Result<Counts, StoreError> {
    let tree = service.tree();
    let closed = super::closed(service)?;
    let heads = earlier.map(|counts| counts.heads.as_slice());
    let census = service.store.census(areas, service.zone().month_start(now), heads)?;
    let mut counts = Counts {
        at: now,
        heads: census.heads.clone(),
        made: census.made.iter().cloned().collect(),
        ..Counts::default()
    };
    counts.sums.take(&census);
    for info in areas.iter().filter_map(|area| tree.get(*area)) {
        if !closed.contains(&info.no) {
            *counts.areas.entry(info.kind.clone()).or_default() += 1;
        }
        let here = Census {
            records: census.records.iter().filter(|row| row.area == info.no).cloned().collect(),
            ..Census::default()
        };
        let mut sums = Sums::default();
        sums.take(&here);
        counts.by_area.insert(info.code.clone(), sums);
    }
    counts.erased = census.records.iter().map(|row| row.erased).sum();
    for row in &census.work {
        let of_author = counts.work.entry(row.author.clone()).or_default();
        *of_author.entry(row.record_type.clone()).or_default() += row.records;
    }
    Ok(counts)
}

/// The areas a plan's counts are over: everything at or below the innermost area that all it changes lie in.
pub(super) fn region(tree: &AreaTree, touched: &[AreaNo], at: i64) -> Vec<AreaNo> {
    let holds_all = |above: &AreaNo| touched.iter().all(|area| tree.is_within(*area, *above, at));
    let regions = tree.iter().map(|info| info.no).filter(holds_all);
    let smallest = regions.map(|above| tree.below(above, at)).min_by_key(Vec::len);
    smallest.unwrap_or_else(|| tree.iter().map(|info| info.no).collect())
}

/// The areas a plan's counts are over once it began: those counted before, and the new ones.
pub(super) fn counted(tree: &AreaTree, plan: &Plan, before: &Counts) -> Vec<AreaNo> {
    let mut areas: Vec<AreaNo> = before.heads.iter().map(|(area, _)| *area).collect();
    let made = plan.draft.new_areas.iter();
    areas.extend(made.filter_map(|made| Some(tree.by_code(&made.code)?.no)));
    areas.sort_unstable();
    areas.dedup();
    areas
}

/// Counts before and after a plan; while it is being applied, what there is so far. Before that there is no report.
pub fn report(reader: &Reader<'_>, number: u32) -> Result<Value, ReadError> {
    let kept = find(reader, number)?;
    let Some(before) = &kept.plan.before else {
        let rule = format!("it is {}: nothing was moved", kept.state.as_str());
        return Err(ReadError::refused(Code::PlanNotReady, rule));
    };
    let after = if let Some(after) = &kept.plan.after {
        after.clone()
    } else {
        let areas = counted(reader.tree(), &kept.plan, before);
        count(reader.service, &areas, Some(before), reader.now)?
    };
    let total = |counts: &Counts| counts.sums.records.values().sum::<u64>() + counts.erased;
    let made: u64 = after.made.values().sum();
    Ok(json!({
        "plan": kept.number(),
        "name": kept.plan.draft.name,
        "state": kept.state.as_str(),
        "before": counts_json(before),
        "after": counts_json(&after),
        "made_since": after.made,
        "balanced": total(before) + made == total(&after),
    }))
}

fn counts_json(counts: &Counts) -> Value {
    json!({
        "at": counts.at,
        "areas": counts.areas,
        "records": counts.sums.records,
        "open_tickets": counts.sums.open_tickets,
        "erased": counts.erased,
        "work": counts.work,
        "by_area": counts.by_area,
    })
}
