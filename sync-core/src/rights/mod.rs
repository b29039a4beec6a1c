//! This file decides where a person may read and act: the territory as this side knows it, and the person's
//! grants.

use std::collections::{BTreeMap, BTreeSet};

use gridledger_schema::ids::AreaNo;
use gridledger_schema::limits;
use gridledger_schema::set::{Role, SchemaSet, Scope, Unmasks};
use gridledger_schema::wire::{AreaInfo, Grant};

/// The territory, as far as this side knows it.
#[derive(Clone, Debug, Default)]
pub struct AreaTree {
    areas: BTreeMap<AreaNo, AreaInfo>,
    by_code: BTreeMap<String, AreaNo>,
    children: BTreeMap<AreaNo, BTreeSet<AreaNo>>,
}

impl AreaTree {
    /// Makes the tree of these areas. Of two areas with one number the later counts.
    pub fn new(areas: impl IntoIterator<Item = AreaInfo>) -> Self {
        let mut tree = Self::default();
        areas.into_iter().for_each(|area| tree.insert(area));
        tree
    }

    /// Adds an area, or replaces the area of that number.
    pub fn insert(&mut self, area: AreaInfo) {
        self.forget(area.no);
        for above in list_all_parents(&area) {
            self.children.entry(above).or_default().insert(area.no);
        }
        self.by_code.insert(area.code.clone(), area.no);
        self.areas.insert(area.no, area);
    }

    fn forget(&mut self, no: AreaNo) {
        let Some(old) = self.areas.remove(&no) else { return };
        if self.by_code.get(&old.code) == Some(&no) {
            self.by_code.remove(&old.code);
        }
        for above in list_all_parents(&old) {
            if let Some(siblings) = self.children.get_mut(&above) {
                siblings.remove(&no);
            }
        }
    }

    /// The area of a number.
    pub fn get(&self, no: AreaNo) -> Option<&AreaInfo> {
        self.areas.get(&no)
    }

    /// The area of an office's code.
    pub fn by_code(&self, code: &str) -> Option<&AreaInfo> {
        self.get(*self.by_code.get(code)?)
    }

    /// Every area, by number.
    pub fn iter(&self) -> impl Iterator<Item = &AreaInfo> {
        self.areas.values()
    }

    /// Whether `area` is `above` or lies below it at a time (ms since 1970). An unknown area lies in nothing
    /// but itself. Plans may lead back to where they began, so each area is visited once.
    pub fn is_within(&self, area: AreaNo, above: AreaNo, at: i64) -> bool {
        let (mut layer, mut seen) = (vec![area], BTreeSet::from([area]));
        for _ in 0..=limits::AREA_DEPTH {
            if layer.contains(&above) {
                return true;
            }
            let infos = layer.iter().filter_map(|area| self.get(*area));
            let next = infos.flat_map(|info| list_parents(info, at));
            layer = next.filter(|area| seen.insert(*area)).collect();
        }
        false
    }

    /// Lists `area` and all areas below it at a time (ms since 1970), sorted.
    pub fn below(&self, area: AreaNo, at: i64) -> Vec<AreaNo> {
        let mut found = BTreeSet::new();
        self.collect_below(area, at, &mut found);
        found.into_iter().collect()
    }

    /// Adds `area` and all areas below it. An area in `found` is taken to be there with all below it.
    fn collect_below(&self, area: AreaNo, at: i64, found: &mut BTreeSet<AreaNo>) {
        let mut waiting = vec![area];
        while let Some(area) = waiting.pop() {
            if found.insert(area) {
                let children = self.children.get(&area).into_iter().flatten();
                let lies_here = |child: &&AreaNo| {
                    let info = self.get(**child);
                    info.is_some_and(|info| list_parents(info, at).any(|above| above == area))
                };
                waiting.extend(children.filter(lies_here));
            }
        }
    }
}

/// Lists every area that this one lay in at some time.
fn list_all_parents(info: &AreaInfo) -> impl Iterator<Item = AreaNo> {
    let edges = info.edges.iter().map(|edge| edge.above);
    edges.chain(info.parent)
}

/// Lists the areas that this one lies in at a time: for an area that was never moved, its parent.
fn list_parents(info: &AreaInfo, at: i64) -> impl Iterator<Item = AreaNo> {
    let edges = info.edges.iter().filter(move |edge| edge.is_valid(at));
    let always = info.parent.filter(|_| info.edges.is_empty());
    edges.map(|edge| edge.above).chain(always)
}

/// One person's grants over a territory. A grant counts from its start until just before its end, and only
/// while the schema set has its role.
#[derive(Clone, Copy)]
pub struct Rights<'a> {
    /// The schema set in force.
    pub schema: &'a SchemaSet,
    /// The territory.
    pub tree: &'a AreaTree,
    /// The person's grants, ended ones included.
    pub grants: &'a [Grant],
}

impl<'a> Rights<'a> {
    /// Whether the person holds `role` at `area` or above it at a time (ms since 1970).
    pub fn holds(&self, role: &str, area: AreaNo, at: i64) -> bool {
        self.roles_here(area, at).any(|held| held.code == role)
    }

    /// Whether one grant gives `role` at `area` or above it at every time from `from` to `to` (ms since 1970).
    pub fn holds_throughout(&self, role: &str, area: AreaNo, from: i64, to: i64) -> bool {
        self.schema.role(role).is_some()
            && self.grants.iter().any(|grant| {
                grant.role == role
                    && grant.from <= from
                    && grant.to.is_none_or(|end| to < end)
                    && self.tree.is_within(area, grant.area, from)
                    && self.tree.is_within(area, grant.area, to)
            })
    }

    /// The codes of the roles held at `area` or above it, sorted, each once.
    pub fn roles_at(&self, area: AreaNo, at: i64) -> Vec<&'a str> {
        let roles: BTreeSet<&str> = self.roles_here(area, at).map(|role| role.code.as_str()).collect();
        roles.into_iter().collect()
    }

    /// Lists every area in which the person may read records, sorted: each grant's area and all below it. In
    /// some of them the person may read only certain records, see [`scope`](Self::scope).
    pub fn areas(&self, at: i64) -> Vec<AreaNo> {
        let mut found = BTreeSet::new();
        self.in_force(at).for_each(|(_, grant)| self.tree.collect_below(grant.area, at, &mut found));
        found.into_iter().collect()
    }

    /// The facets that the person may read at `area`, as a bit set: facet 0 with any role, and the read
    /// classes of the roles held there.
    pub fn facets(&self, area: AreaNo, at: i64) -> u64 {
        self.roles_here(area, at).fold(0, |bits, role| bits | self.facets_of(role))
    }

    fn facets_of(&self, role: &Role) -> u64 {
        let numbers = role.reads.iter().filter_map(|class| self.schema.facet(class));
        numbers.filter_map(|number| 1u64.checked_shl(number.into())).fold(1, |bits, bit| bits | bit)
    }

    /// The widest scope among the roles held at `area`: all records, those assigned to the person or created
    /// by the person, or those created by the person. `None` without a role there.
    pub fn scope(&self, area: AreaNo, at: i64) -> Option<Scope> {
        let width = |scope: &Scope| match scope {
            Scope::Own => 0,
            Scope::Assigned => 1,
            Scope::Area => 2,
        };
        self.roles_here(area, at).map(|role| role.scope).max_by_key(width)
    }

    /// Whether the person may pull the ledgers of `area`.
    pub fn may_supervise(&self, area: AreaNo, at: i64) -> bool {
        self.roles_here(area, at).any(|role| role.supervises)
    }

    /// Whether the person may have things erased in `area`.
    pub fn may_erase(&self, area: AreaNo, at: i64) -> bool {
        self.roles_here(area, at).any(|role| role.erases)
    }

    /// The widest right to see values unmasked among the roles held at `area`; `None` without one.
    pub fn unmasks(&self, area: AreaNo, at: i64) -> Option<Unmasks> {
        self.roles_here(area, at).filter_map(|role| role.unmasks).max()
    }

    /// Whether the person may read the read log of `area`.
    pub fn may_audit(&self, area: AreaNo, at: i64) -> bool {
        self.roles_here(area, at).any(|role| role.audits)
    }

    /// Whether the person may share fields of the records of `area`.
    pub fn may_share(&self, area: AreaNo, at: i64) -> bool {
        self.roles_here(area, at).any(|role| role.shares)
    }

    fn in_force(&self, at: i64) -> impl Iterator<Item = (&'a Role, &'a Grant)> {
        let schema = self.schema;
        self.grants
            .iter()
            .filter(move |grant| grant.from <= at && grant.to.is_none_or(|to| at < to))
            .filter_map(move |grant| Some((schema.role(&grant.role)?, grant)))
    }

    fn roles_here(&self, area: AreaNo, at: i64) -> impl Iterator<Item = &'a Role> {
        let tree = self.tree;
        self.in_force(at).filter(move |(_, grant)| tree.is_within(area, grant.area, at)).map(|(role, _)| role)
    }
}

#[cfg(test)]
mod tests;
