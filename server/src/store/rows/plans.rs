//! Plans that change the territory, their traces, and counts of records by area.

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

/// An area's new place: it lies in `to` from now on, and until the hand-over ends also where it lay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reparenting {
    /// The area's code.
    pub area: String,
    /// The code of the area above from now on.
    pub to: String,
}

/// An area's succession: all or some of its records go to another area. Until the hand-over ends, the successor lies in
/// the old one too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// The old area's code.
    pub area: String,
    /// The successor's.
    pub successor: String,
    /// Whether the old one was merged into it, with others; else it was split.
    pub merged: bool,
}

/// The route of new records of an area that was split or closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRow {
    /// Log position of the event that told of it. An author who had not seen it meant the area as it was.
    pub seq: u64,
    /// Whether the area is closed. Then also the records of authors who knew go on.
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

/// The changes that a plan makes at once, when it begins to be applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TerritoryChange {
    /// The time from which the new territory holds, by the server's clock, ms since 1970.
    pub at: i64,
    /// The time until which the old territory holds as well.
    pub until: i64,
    /// Areas to be made.
    pub made: Vec<NewArea>,
    /// Areas that get a new place.
    pub moved: Vec<Reparenting>,
    /// The successions.
    pub successions: Vec<Succession>,
    /// Areas that close, by code: they lie nowhere after the hand-over.
    pub closed: Vec<String>,
    /// The routes of new records: an area's code, and the rule as JSON with codes of areas.
    pub routes: Vec<(String, String)>,
}

/// A count of records of one type in an area.
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
    /// Open tickets; 0 for other types.
    pub open: u64,
}

/// A person's work in an area since a day, as quotas count it.
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

/// A count of what lies in which area, taken at one moment.
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

/// A step of an area's lineage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineageRow {
    /// The old area.
    pub area: AreaNo,
    /// The area that followed it.
    pub successor: AreaNo,
    /// Whether it was merged into it; else it was split.
    pub merged: bool,
    /// The plan.
    pub plan: u32,
    /// When, ms since 1970.
    pub at: i64,
}
