//! The plan as an office writes it, and the checks that it fits itself and the territory.

use gridledger_core::calendar::DAY_MS;
use gridledger_core::calendar::Zone;
use std::collections::{BTreeMap, BTreeSet};

use gridledger_core::rights::AreaTree;
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::set::SchemaSet;
use serde::{Deserialize, Serialize};

use crate::calendar::date::Date;
use crate::record::parts::Part;

/// Days for which old and new heads share what moved, if the plan does not say.
pub const HAND_OVER_DAYS: u32 = 7;
/// The longest hand-over.
const HAND_OVER_DAYS_MAX: u32 = 90;
/// Households a new grid is meant to have, if the plan does not say.
pub const NORM_HOUSEHOLDS: u32 = 50;
/// Changes of one plan.
const CHANGES: usize = 1_000;
/// Characters of a text.
const TEXT_CHARS: usize = 2_000;
/// Items of one part's rule.
const RULE_ITEMS: usize = 10_000;

/// A plan as an office writes it. Areas are named by their codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// The plan's name.
    pub name: String,
    /// The consultation before the plan.
    pub consultation: Consultation,
    /// The first day it may be applied: `2026-03-01`.
    pub effective: String,
    /// Days for which old and new heads share what moved.
    #[serde(default = "hand_over_days")]
    pub hand_over_days: u32,
    /// Areas to be made.
    #[serde(default)]
    pub new_areas: Vec<Made>,
    /// Areas that get another area above.
    #[serde(default)]
    pub moves: Vec<Moved>,
    /// Areas whose records are parted.
    #[serde(default)]
    pub splits: Vec<Split>,
    /// Areas that become one.
    #[serde(default)]
    pub merges: Vec<Merge>,
    /// Areas that close without a successor.
    #[serde(default)]
    pub closures: Vec<String>,
    /// Roles given when the plan is applied.
    #[serde(default)]
    pub staff: Vec<Posting>,
}

fn hand_over_days() -> u32 {
    HAND_OVER_DAYS
}

/// The consultation of residents and bodies before the plan was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consultation {
    /// The result of the consultation.
    pub note: String,
    /// The number of the document that records it.
    #[serde(default)]
    pub document: Option<String>,
}

/// A new area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Made {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// The area above.
    pub parent: String,
    /// Households it is meant to have; only of grids.
    #[serde(default)]
    pub norm: Option<u32>,
}

/// An area gets another area above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// The area.
    pub area: String,
    /// The area above it from then on.
    pub parent: String,
}

/// An area's records are parted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The area.
    pub area: String,
    /// The destinations; a record goes to the first that fits. The area itself may be among them: then it remains.
    pub into: Vec<Part>,
}

/// Areas become one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// The areas that close.
    pub areas: Vec<String>,
    /// The area that takes their records.
    pub into: String,
}

/// A role given when the plan is applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Posting {
    /// The login.
    pub login: String,
    /// The role's code.
    pub role: String,
    /// The area it is held at.
    pub area: String,
}

/// An area whose records go: where to, by which rule, and whether the area closes.
pub struct Parting<'a> {
    /// The area's code.
    pub area: &'a str,
    /// Whether it closes.
    pub closes: bool,
    /// Whether it becomes one with others.
    pub merged: bool,
    /// The rule.
    pub into: Vec<Part>,
}

impl Draft {
    /// The first moment at which the plan may be applied, ms since 1970; the end of time if the text is no day.
    pub fn effective(&self, zone: &Zone) -> i64 {
        day(&self.effective).map_or(i64::MAX, |date| date.start(zone))
    }

    /// The time for which old and new heads share, ms.
    pub fn hand_over_ms(&self) -> i64 {
        i64::from(self.hand_over_days) * DAY_MS
    }

    /// Every area whose records go somewhere.
    pub fn partings(&self) -> Vec<Parting<'_>> {
        let splits = self.splits.iter().map(|split| Parting {
            area: &split.area,
            closes: split.into.iter().all(|part| part.area != split.area),
            merged: false,
            into: split.into.clone(),
        });
        let merges = self.merges.iter().flat_map(|merge| {
            let leaving = merge.areas.iter().filter(|area| **area != merge.into);
            leaving.map(|area| Parting {
                area,
                closes: true,
                merged: true,
                into: vec![Part::rest(&merge.into)],
            })
        });
        splits.chain(merges).collect()
    }

    /// Codes of the areas that close.
    pub fn closing(&self) -> BTreeSet<&str> {
        let parted = self.partings().into_iter().filter(|parting| parting.closes);
        let parted = parted.map(|parting| parting.area);
        parted.chain(self.closures.iter().map(String::as_str)).collect()
    }

    /// Codes of areas that are there already and are changed, or get something new below them.
    fn named(&self) -> BTreeSet<&str> {
        let mut named = BTreeSet::new();
        named.extend(self.new_areas.iter().map(|made| made.parent.as_str()));
        named.extend(self.moves.iter().flat_map(|moved| [moved.area.as_str(), moved.parent.as_str()]));
        for parting in self.partings() {
            named.insert(parting.area);
        }
        named.extend(self.splits.iter().flat_map(|s| s.into.iter().map(|part| part.area.as_str())));
        named.extend(self.merges.iter().map(|merge| merge.into.as_str()));
        named.extend(self.closures.iter().map(String::as_str));
        named.extend(self.staff.iter().map(|posting| posting.area.as_str()));
        for made in &self.new_areas {
            named.remove(made.code.as_str());
        }
        named
    }

    /// The numbers of the areas it changes. Once it was applied the new ones are among them.
    pub fn touched(&self, tree: &AreaTree) -> Vec<AreaNo> {
        let named = self.named();
        let known = named.iter().filter_map(|code| tree.by_code(code));
        known.map(|info| info.no).collect()
    }
}

fn day(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || (year.len(), month.len(), day.len()) != (4, 2, 2) {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
}

/// Whether a draft can be carried out on this territory; the first thing that is wrong.
pub fn check(draft: &Draft, schema: &SchemaSet, tree: &AreaTree, closed: &[AreaNo]) -> Result<(), Refusal> {
    sizes(draft)?;
    if day(&draft.effective).is_none() {
        return Err(flaw("effective", "a day, as 2026-03-01"));
    }
    let place = Place { draft, schema, tree, closed };
    place.new_areas()?;
    place.moves()?;
    place.partings()?;
    place.closures()?;
    place.staff()
}

fn sizes(draft: &Draft) -> Result<(), Refusal> {
    let changes = draft.new_areas.len()
        + draft.moves.len()
        + draft.splits.len()
        + draft.merges.len()
        + draft.closures.len()
        + draft.staff.len();
    if changes > CHANGES {
        return Err(flaw("plan", format!("at most {CHANGES} changes")));
    }
    if changes == draft.staff.len() {
        return Err(flaw("plan", "it changes no area"));
    }
    let said = |text: &str| (1..=TEXT_CHARS).contains(&text.trim().chars().count());
    if !said(&draft.name) {
        return Err(flaw("name", format!("1 to {TEXT_CHARS} characters")));
    }
    if !said(&draft.consultation.note) {
        return Err(flaw("consultation", "what came of it"));
    }
    if draft.hand_over_days > HAND_OVER_DAYS_MAX {
        return Err(flaw("hand_over_days", format!("at most {HAND_OVER_DAYS_MAX}")));
    }
    Ok(())
}

struct Place<'a> {
    draft: &'a Draft,
    schema: &'a SchemaSet,
    tree: &'a AreaTree,
    closed: &'a [AreaNo],
}

impl Place<'_> {
    fn made(&self, code: &str) -> Option<&Made> {
        self.draft.new_areas.iter().find(|made| made.code == code)
    }

    /// The kind of an area that is there and open, or will be.
    fn kind(&self, place: &str, code: &str) -> Result<&str, Refusal> {
        if let Some(made) = self.made(code) {
            return Ok(&made.kind);
        }
        let found = self.tree.by_code(code);
        let found = found.filter(|info| !self.closed.contains(&info.no));
        let info = found.ok_or_else(|| flaw(place, format!("no open area {code}")))?;
        Ok(&info.kind)
    }

    fn lies_well(&self, place: &str, kind: &str, parent: &str) -> Result<(), Refusal> {
        let known = self.schema.area_kinds.iter().find(|known| known.code == kind);
        let known = known.ok_or_else(|| flaw(place, format!("no kind of area {kind}")))?;
        let above = self.kind(place, parent)?;
        if known.parents.iter().any(|allowed| allowed == above) {
            return Ok(());
        }
        Err(flaw(place, format!("a {kind} does not lie directly in a {above}")))
    }

    fn new_areas(&self) -> Result<(), Refusal> {
        let mut codes = BTreeSet::new();
        for made in &self.draft.new_areas {
            let code = made.code.trim();
            if code.is_empty() || code != made.code || made.name.trim().is_empty() {
                return Err(flaw("new_areas", "each has a code and a name"));
            }
            if !codes.insert(code) || self.tree.by_code(code).is_some() {
                return Err(flaw("new_areas", format!("{code} is there already")));
            }
            if self.draft.closing().contains(made.parent.as_str()) {
                return Err(flaw("new_areas", format!("{} closes", made.parent)));
            }
            self.lies_well("new_areas", &made.kind, &made.parent)?;
        }
        Ok(())
    }

    fn moves(&self) -> Result<(), Refusal> {
        let mut moved_to: BTreeMap<&str, &str> = BTreeMap::new();
        for moved in &self.draft.moves {
            if self.made(&moved.area).is_some() || moved_to.insert(&moved.area, &moved.parent).is_some() {
                return Err(flaw("moves", format!("{} has one place in a plan", moved.area)));
            }
            let above = self.tree.by_code(&moved.area).and_then(|info| info.parent);
            if above.is_some() && above == self.tree.by_code(&moved.parent).map(|info| info.no) {
                return Err(flaw("moves", format!("{} lies in {}", moved.area, moved.parent)));
            }
            let kind = self.kind("moves", &moved.area)?.to_owned();
            self.lies_well("moves", &kind, &moved.parent)?;
            if self.draft.closing().contains(moved.parent.as_str()) {
                return Err(flaw("moves", format!("{} closes", moved.parent)));
            }
        }
        // Kinds of area have an order, so that nothing comes to lie in itself.
        Ok(())
    }

    fn partings(&self) -> Result<(), Refusal> {
        let mut parted = BTreeSet::new();
        let partings = self.draft.partings();
        let sources: BTreeSet<&str> = partings.iter().map(|parting| parting.area).collect();
        for parting in &partings {
            let place = if parting.merged { "merges" } else { "splits" };
            if self.made(parting.area).is_some() {
                return Err(flaw(place, format!("{} is only made by this plan", parting.area)));
            }
            self.kind(place, parting.area)?;
            if !parted.insert(parting.area) {
                return Err(flaw(place, format!("{} is split or merged once in a plan", parting.area)));
            }
            if parting.closes {
                self.nothing_below(place, parting.area)?;
            }
            self.parts(place, parting, &sources)?;
        }
        for merge in &self.draft.merges {
            if merge.areas.iter().collect::<BTreeSet<_>>().len() < 2 {
                return Err(flaw("merges", "two areas or more"));
            }
        }
        Ok(())
    }

    fn parts(&self, place: &str, parting: &Parting<'_>, sources: &BTreeSet<&str>) -> Result<(), Refusal> {
        let mut rests = 0;
        let items = |part: &Part| part.buildings.len() + part.addresses.len() + part.dwellings.len();
        if parting.into.iter().map(items).sum::<usize>() > RULE_ITEMS {
            return Err(flaw(place, format!("at most {RULE_ITEMS} items of a rule")));
        }
        let others = parting.into.iter().filter(|part| part.area != parting.area);
        if others.count() == 0 {
            return Err(flaw(place, format!("{} goes nowhere", parting.area)));
        }
        for part in &parting.into {
            self.kind(place, &part.area)?;
            if part.area != parting.area && sources.contains(part.area.as_str()) {
                return Err(flaw(place, format!("{} gives records away itself", part.area)));
            }
            let is_empty = items(part) == 0;
            rests += usize::from(part.rest);
            if is_empty && !part.rest && part.area != parting.area {
                return Err(flaw(place, format!("no rule says what goes to {}", part.area)));
            }
        }
        if rests > 1 {
            return Err(flaw(place, "one part takes the rest"));
        }
        Ok(())
    }

    fn closures(&self) -> Result<(), Refusal> {
        for code in &self.draft.closures {
            self.kind("closures", code)?;
            if self.made(code).is_some() || self.draft.partings().iter().any(|p| p.area == code) {
                return Err(flaw("closures", format!("{code} is made, split or merged")));
            }
            self.nothing_below("closures", code)?;
        }
        Ok(())
    }

    /// Checks that a closing area has no areas below it, except those that the plan moves away or closes too.
    fn nothing_below(&self, place: &str, code: &str) -> Result<(), Refusal> {
        let Some(info) = self.tree.by_code(code) else {
            return Ok(());
        };
        let closing = self.draft.closing();
        let stays = |below: &&gridledger_schema::wire::AreaInfo| {
            below.parent == Some(info.no)
                && !self.closed.contains(&below.no)
                && !closing.contains(below.code.as_str())
                && self.draft.moves.iter().all(|moved| moved.area != below.code)
        };
        match self.tree.iter().find(stays) {
            Some(below) => Err(flaw(place, format!("{} lies in {code}, which closes", below.code))),
            None => Ok(()),
        }
    }

    fn staff(&self) -> Result<(), Refusal> {
        for posting in &self.draft.staff {
            self.kind("staff", &posting.area)?;
            let role = self.schema.role(&posting.role);
            if !role.is_some_and(|role| role.account) {
                return Err(flaw("staff", format!("no role {} of a person", posting.role)));
            }
        }
        Ok(())
    }
}

/// Refuses a draft and names the place in it.
pub(super) fn flaw(place: &str, rule: impl Into<String>) -> Refusal {
    Refusal::of_field(Code::PlanInvalid, place, rule)
}
