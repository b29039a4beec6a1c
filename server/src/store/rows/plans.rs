//! Plans that change the territory, what they leave behind, and counts of what lies where.

use gridledger_schema::ids::AreaNo;

use super::people::NewArea;

/// A plan as it is kept: its state stands beside it, so that a step can ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRow {
    /// Its number.
    pub plan: u32,
    /// Its state's word.
    pub state: String,
    /// The rest, as JSON.
    pub body: String,
}

/// An area gets a new place: it lies in `to` from now on, and until `until` also where it lay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reparenting {
    /// The area's code.
    pub area: String,
    /// The code of the area above from now on.
    pub to: String,
}

/// An area's records go, all or some, to another. Until the hand-over ends that one lies in the old one too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// The old area's code.
    pub area: String,
    /// The successor's.
    pub successor: String,
    /// Whether the old one was merged into it, with others; else it was split.
    pub merged: bool,
}

/// Where new records of an area go that was split or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRow {
    /// Log position of the event that told of it: who had not seen it meant the area as it was.
    pub seq: u64,
    /// Whether the area is closed: then also those of people who knew.
    pub closed: bool,
    /// The rule, as JSON.
    pub parts: String,
    /// The areas it names, by code.
    pub areas: Vec<(String, AreaNo)>,
}

impl RouteRow {
    /// Whether a new record in this area goes on to one of the route's areas. An author who named this area and knew its
    /// log up to `knew` means the area as it is now, unless it is closed.
    pub fn leads_on(&self, knew: Option<u64>) -> bool {
        self.closed || knew.is_none_or(|cursor| cursor < self.seq)
    }
}

/// What a plan changes at once, when it begins to be applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TerritoryChange {
    /// The server's clock, ms since 1970: from when the new holds.
    pub at: i64,
    /// Until when the old holds as well.
    pub until: i64,
    /// Areas to be made.
    pub made: Vec<NewArea>,
    /// Areas that get a new place.
    pub moved: Vec<Reparenting>,
    /// Who follows whom.
    pub successions: Vec<Succession>,
    /// Areas that close, by code: they lie nowhere after the hand-over.
    pub closed: Vec<String>,
    /// Where new records of an area go: its code and the rule as JSON, with codes of areas.
    pub routes: Vec<(String, String)>,
}

/// How many records of one type lie in an area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CensusRow {
    /// The area.
    pub area: AreaNo,
    /// The type.
    pub record_type: String,
    /// Records, but for the erased.
    pub records: u64,
    /// Erased ones.
    pub erased: u64,
    /// Of tickets: those that are open.
    pub open: u64,
}

/// What somebody made in an area since a day: what quotas count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkRow {
    /// The area.
    pub area: AreaNo,
    /// The author's code (login).
    pub author: String,
    /// The type.
    pub record_type: String,
    /// Records made.
    pub records: u64,
}

/// One look at what lies where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Records by area and type.
    pub records: Vec<CensusRow>,
    /// Work by area, author and type.
    pub work: Vec<WorkRow>,
    /// Each area's last log position.
    pub heads: Vec<(AreaNo, u64)>,
    /// Records made after the positions asked about, by type.
    pub made: Vec<(String, u64)>,
}

/// An area's past: what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineageRow {
    /// The old area.
    pub area: AreaNo,
    /// What followed it.
    pub successor: AreaNo,
    /// Whether it was merged into it; else it was split.
    pub merged: bool,
    /// The plan.
    pub plan: u32,
    /// When, ms since 1970.
    pub at: i64,
}
