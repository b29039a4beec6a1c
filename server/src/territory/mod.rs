//! The plans that change the territory: drawn up, simulated, approved by a second person, applied, handed over.
//!
//! Reading order:
//! - [`plan`]: the plan as an office writes it, and whether it can be carried out;
//! - `rights`: the people who may plan, and the roles that a staff list may give;
//! - [`survey`]: the destination of each record of an area, by the rules of [`Part`];
//! - [`mod@simulate`]: the people and amounts that a plan affects;
//! - [`apply`]: carries a plan out in batches; a kill between two batches does no harm;
//! - [`report`]: counts before and after.

pub mod apply;
pub mod plan;
pub mod report;
mod rights;
pub mod simulate;
pub mod survey;

use std::collections::BTreeMap;

use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::AreaNo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::record::parts::Part;
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::plans::PlanRow;
use plan::Draft;

/// The state of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The plan was drawn up.
    Draft,
    /// The plan was simulated.
    Simulated,
    /// A second person approved the plan.
    Approved,
    /// The plan is being applied.
    Applying,
    /// The plan was applied; old and new heads share the moved records.
    Applied,
    /// The hand-over has ended.
    HandedOver,
}

impl State {
    /// Every state, in order.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Draft, "draft"),
        (Self::Simulated, "simulated"),
        (Self::Approved, "approved"),
        (Self::Applying, "applying"),
        (Self::Applied, "applied"),
        (Self::HandedOver, "handed_over"),
    ];

    /// The word it is stored and shown under.
    pub fn as_str(self) -> &'static str {
        let found = Self::ALL.iter().find(|(state, _)| *state == self);
        found.map_or("", |(_, word)| word)
    }

    fn parse(word: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == word);
        found.map(|(state, _)| *state)
    }
}

/// A plan and what was done about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The plan as the office wrote it.
    pub draft: Draft,
    /// The author's login, and the time in ms since 1970.
    pub made: Signature,
    /// The result of the last simulation.
    pub simulation: Option<simulate::Simulation>,
    /// The signature of the approval.
    pub approved: Option<Signature>,
    /// The signature of the first application.
    pub begun: Option<Signature>,
    /// Until when old and new heads share, ms since 1970.
    pub shared_until: Option<i64>,
    /// The rule of each area that gives records away, with its part for the rest settled: area and parts.
    pub rules: Vec<(String, Vec<Part>)>,
    /// The counts before anything moved.
    pub before: Option<report::Counts>,
    /// The counts when the last record had moved.
    pub after: Option<report::Counts>,
}

/// A person's act, with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The login.
    pub by: String,
    /// The time, ms since 1970.
    pub at: i64,
}

/// A plan as it is kept, with its number and state.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The stored row, with which each step compares.
    row: PlanRow,
    /// Its state.
    pub state: State,
    /// The plan.
    pub plan: Plan,
}

impl Kept {
    fn read(row: PlanRow, now: i64) -> Result<Self, StoreError> {
        let plan: Plan = serde_json::from_str(&row.body).map_err(|_| StoreError::Damaged("plans"))?;
        let state = State::parse(&row.state).ok_or(StoreError::Damaged("plans"))?;
        let ended = plan.shared_until.is_some_and(|until| until <= now);
        let state = match state {
            State::Applied if ended => State::HandedOver,
            state => state,
        };
        Ok(Self { row, state, plan })
    }

    /// Its number.
    pub fn number(&self) -> u32 {
        self.row.plan
    }

    /// Makes the row of the plan's next state.
    fn next(&self, state: State, plan: &Plan) -> Result<PlanRow, StoreError> {
        Ok(PlanRow { plan: self.row.plan, state: state.as_str().to_owned(), body: body(plan)? })
    }

    /// Gives the plan as people see it.
    pub fn to_json(&self) -> Value {
        let mut shown = json!(self.plan);
        shown["plan"] = self.row.plan.into();
        shown["state"] = self.state.as_str().into();
        shown
    }
}

fn body(plan: &Plan) -> Result<String, StoreError> {
    serde_json::to_string(plan).map_err(|_| StoreError::Damaged("plans"))
}

/// Stores a new plan. A plan that contradicts itself or the territory is refused.
pub fn draw_up(reader: &Reader<'_>, draft: Draft) -> Result<Kept, ReadError> {
    let service = reader.service;
    rights::plans_somewhere(reader)?;
    plan::check(&draft, &service.schema, reader.tree(), &closed(service)?)?;
    rights::may_plan(reader, &draft)?;
    rights::in_time(&draft, reader.now, reader.service.zone())?;
    rights::check_staff(reader, &draft)?;
    let made = Signature { by: reader.login.to_owned(), at: reader.now };
    let plan = Plan {
        draft,
        made,
        simulation: None,
        approved: None,
        begun: None,
        shared_until: None,
        rules: Vec::new(),
        before: None,
        after: None,
    };
    let number = service.store.add_plan(State::Draft.as_str(), &body(&plan)?)?;
    find(reader, number)
}

/// Finds a plan, for a person who may plan in the areas that it changes.
pub fn find(reader: &Reader<'_>, number: u32) -> Result<Kept, ReadError> {
    let row = reader.service.store.plan(number)?;
    let row = row.ok_or_else(|| ReadError::refused(Code::NotFound, "no such plan"))?;
    let kept = Kept::read(row, reader.now)?;
    rights::may_plan(reader, &kept.plan.draft)?;
    Ok(kept)
}

/// Lists the plans that the reader may see, by number.
pub fn list(reader: &Reader<'_>) -> Result<Vec<Kept>, ReadError> {
    let mut found = Vec::new();
    for row in reader.service.store.plans()? {
        let kept = Kept::read(row, reader.now)?;
        if rights::may_plan(reader, &kept.plan.draft).is_ok() {
            found.push(kept);
        }
    }
    Ok(found)
}

/// Simulates the plan and stores the result.
pub fn simulate(reader: &Reader<'_>, number: u32) -> Result<Kept, ReadError> {
    let kept = find(reader, number)?;
    expect(&kept, &[State::Draft, State::Simulated])?;
    let service = reader.service;
    plan::check(&kept.plan.draft, &service.schema, reader.tree(), &closed(service)?)?;
    let simulation = simulate::simulate(service, &kept.plan.draft, reader.now)?;
    let plan = Plan { simulation: Some(simulation), ..kept.plan.clone() };
    step(reader, &kept, State::Simulated, &plan)
}

/// Stores the approval of a simulated plan by a second person.
pub fn approve(reader: &Reader<'_>, number: u32) -> Result<Kept, ReadError> {
    let kept = find(reader, number)?;
    expect(&kept, &[State::Simulated])?;
    if kept.plan.made.by == reader.login {
        return Err(ReadError::refused(Code::SecondPerson, "who drew the plan up"));
    }
    rights::in_time(&kept.plan.draft, reader.now, reader.service.zone()).map_err(out_of_time)?;
    rights::check_signatories(reader, &kept.plan.draft, &[&kept.plan.made.by, reader.login])?;
    let found = kept.plan.simulation.as_ref();
    let blocking = found.and_then(|s| s.problems.iter().find(|problem| problem.blocks));
    if let Some(problem) = blocking {
        return Err(ReadError::refused(Code::PlanNotReady, problem.en.clone()));
    }
    let approved = Signature { by: reader.login.to_owned(), at: reader.now };
    let plan = Plan { approved: Some(approved), ..kept.plan.clone() };
    step(reader, &kept, State::Approved, &plan)
}

fn step(reader: &Reader<'_>, kept: &Kept, state: State, plan: &Plan) -> Result<Kept, ReadError> {
    let next = kept.next(state, plan)?;
    if !reader.service.store.step_plan(&kept.row, &next)? {
        return Err(overtaken());
    }
    Ok(Kept::read(next, reader.now)?)
}

fn overtaken() -> ReadError {
    ReadError::refused(Code::PlanNotReady, "somebody else changed it just now")
}

fn expect(kept: &Kept, states: &[State]) -> Result<(), ReadError> {
    if states.contains(&kept.state) {
        return Ok(());
    }
    let rule = format!("it is {}", kept.state.as_str());
    Err(ReadError::refused(Code::PlanNotReady, rule))
}

/// Refuses a plan whose day has passed or lies too far ahead: the office must draw it up again.
fn out_of_time(refusal: Refusal) -> Refusal {
    Refusal::of_field(Code::PlanNotReady, "effective", refusal.rule)
}

pub(crate) fn closed(service: &Service) -> Result<Vec<AreaNo>, StoreError> {
    let closed = service.store.closed_areas()?;
    Ok(closed.into_iter().map(|(area, _)| area).collect())
}

/// Lists the successors of areas that were split or merged, if the reader may read one of them. Names of closed areas
/// stay readable.
pub fn lineage(reader: &Reader<'_>) -> Result<Value, ReadError> {
    let (tree, readable) = (reader.tree(), reader.areas(None)?);
    let closed: BTreeMap<AreaNo, i64> = reader.service.store.closed_areas()?.into_iter().collect();
    let named = |area: AreaNo| {
        let info = tree.get(area);
        info.map(|info| json!({ "area": area, "code": info.code, "name": info.name, "kind": info.kind }))
    };
    let rows = reader.service.store.lineage()?;
    let rows = rows.iter().filter(|row| readable.binary_search(&row.successor).is_ok());
    let shown = rows.map(|row| {
        json!({
            "from": named(row.area),
            "to": named(row.successor),
            "kind": if row.merged { "merged" } else { "split" },
            "plan": row.plan,
            "at": row.at,
            "closed": closed.get(&row.area),
        })
    });
    Ok(json!({ "lineage": shown.collect::<Vec<_>>() }))
}
