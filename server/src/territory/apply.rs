//! Applies a plan: the territory changes in one transaction, then records move in batches of one transaction each.
//!
//! A kill can fall between any two transactions; the next application resumes there.

use std::sync::Arc;

use gridledger_schema::code::Code;
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::wire::Grant;

use super::plan::Draft;
use super::plan::flaw;
use super::survey::Survey;
use super::{Kept, Plan, Signature, State, expect, find, overtaken, plan, report, rights};
use crate::faults;
use crate::record::moving;
use crate::record::parts::Part;
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;
use crate::store::StoreError;
use crate::store::rows::people::{NewArea, NewUser};
use crate::store::rows::plans::{Reparenting, Succession, TerritoryChange};

/// Records of one transaction: others wait for the writer no longer than for a few pushes.
const BATCH: usize = 250;
/// Walks over an area at most, should records keep coming.
const WALKS: usize = 100;

/// Applies an approved plan, or resumes one that was begun. Gives an applied plan back unchanged.
pub fn apply(reader: &Reader<'_>, number: u32) -> Result<Kept, ReadError> {
    let mut kept = find(reader, number)?;
    if kept.state >= State::Applied {
        return Ok(kept);
    }
    expect(&kept, &[State::Approved, State::Applying])?;
    if kept.state == State::Approved {
        kept = begin(reader, &kept)?;
        faults::reach("plan.after_begin");
    }
    let service = reader.service;
    give_roles(service, &kept.plan)?;
    for (area, parts) in &kept.plan.rules {
        part(service, area, parts)?;
    }
    faults::reach("plan.before_finish");
    finish(reader, &kept)
}

fn begin(reader: &Reader<'_>, kept: &Kept) -> Result<Kept, ReadError> {
    let (service, draft) = (reader.service, &kept.plan.draft);
    if reader.now < draft.effective(service.zone()) {
        let rule = format!("it takes effect on {}", draft.effective);
        return Err(ReadError::refused(Code::PlanNotReady, rule));
    }
    rights::in_time(draft, reader.now, service.zone()).map_err(super::out_of_time)?;
    plan::check(draft, &service.schema, reader.tree(), &super::closed(service)?)?;
    if !draft.staff.is_empty() {
        rights::check_signatories(reader, draft, &rights::signatories(&kept.plan))?;
    }
    for posting in &draft.staff {
        let user = service.store.user_by_login(&posting.login)?;
        if user.is_none_or(|user| user.revoked) {
            return Err(flaw("staff", format!("no login {}", posting.login)).into());
        }
    }
    let mut region = report::region(reader.tree(), &draft.touched(reader.tree()), reader.now);
    // Around the areas it changes may lie others, which are none of the planner's business.
    region.retain(|area| rights::plans(reader.rights(), *area, reader.now));
    let before = report::count(service, &region, None, reader.now)?;
    let begun = Signature { by: reader.login.to_owned(), at: reader.now };
    let until = reader.now + draft.hand_over_ms();
    let plan = Plan {
        begun: Some(begun),
        shared_until: Some(until),
        before: Some(before),
        rules: settle(service, draft)?,
        ..kept.plan.clone()
    };
    let next = kept.next(State::Applying, &plan)?;
    let change = make_change(draft, &plan.rules, (reader.now, until))?;
    if !service.store.begin_plan(&kept.row, &next, &change)? {
        return Err(overtaken());
    }
    service.reload_tree()?;
    Ok(Kept::read(next, reader.now)?)
}

/// The rule of each area that gives records away, with a part that takes what nothing names: new records go by it too,
/// also when the area is empty.
fn settle(service: &Service, draft: &Draft) -> Result<Vec<(String, Vec<Part>)>, StoreError> {
    let tree = service.tree();
    let mut rules = Vec::new();
    for parting in draft.partings() {
        let mut parts = parting.into.clone();
        if let Some(info) = tree.by_code(parting.area) {
            let survey = Survey::take(service, info.no, parting.area, &parts)?;
            let mut taking = parts.iter_mut().filter(|part| part.area == survey.fallback());
            if let Some(part) = taking.next() {
                part.rest = true;
            }
        }
        rules.push((parting.area.to_owned(), parts));
    }
    Ok(rules)
}

/// Makes the change that takes effect at once: areas, their places, successors, and where new records go.
fn make_change(
    draft: &Draft,
    rules: &[(String, Vec<Part>)],
    (at, until): (i64, i64),
) -> Result<TerritoryChange, StoreError> {
    let made = draft.new_areas.iter().map(|made| NewArea {
        code: made.code.clone(),
        parent: Some(made.parent.clone()),
        kind: made.kind.clone(),
        name: made.name.clone(),
        from: Some(at),
        to: None,
    });
    let moved =
        draft.moves.iter().map(|moved| Reparenting { area: moved.area.clone(), to: moved.parent.clone() });
    let mut successions = Vec::new();
    for parting in draft.partings() {
        for part in parting.into.iter().filter(|part| part.area != parting.area) {
            successions.push(Succession {
                area: parting.area.to_owned(),
                successor: part.area.clone(),
                merged: parting.merged,
            });
        }
    }
    let route = |(area, parts): &(String, Vec<Part>)| {
        let text = serde_json::to_string(parts).map_err(|_| StoreError::Damaged("routes"))?;
        Ok((area.clone(), text))
    };
    let routes: Result<Vec<_>, StoreError> = rules.iter().map(route).collect();
    Ok(TerritoryChange {
        at,
        until,
        made: made.collect(),
        moved: moved.collect(),
        successions,
        closed: draft.closing().into_iter().map(str::to_owned).collect(),
        routes: routes?,
    })
}

/// Gives the roles the plan gives, from when it began, and ends those held at areas that close with the hand-over. Done
/// again, it changes nothing.
fn give_roles(service: &Service, plan: &Plan) -> Result<(), StoreError> {
    let (Some(begun), Some(until)) = (&plan.begun, plan.shared_until) else {
        return Ok(());
    };
    let tree = service.tree();
    let number = |code: &str| tree.by_code(code).map(|info| info.no);
    for posting in &plan.draft.staff {
        let user = service.store.user_by_login(&posting.login)?;
        let (Some(user), Some(area)) = (user, number(&posting.area)) else {
            continue;
        };
        let grant = Grant { role: posting.role.clone(), area, from: begun.at, to: None };
        let user = NewUser { login: user.login, name: user.name, password: None, grants: vec![grant] };
        service.store.put_users(&[user], service.trusted_now()?)?;
    }
    let closing: Vec<AreaNo> = plan.draft.closing().into_iter().filter_map(number).collect();
    for user in service.store.users()? {
        let grants = service.store.grants(user.no)?;
        for grant in grants.iter().filter(|grant| closing.contains(&grant.area)) {
            service.store.end_grant(user.no, &grant.role, grant.area, until, service.trusted_now()?)?;
        }
    }
    Ok(())
}

/// Moves what the rule moves. Walks again until nothing is left to move: records may have come meanwhile.
fn part(service: &Service, area: &str, parts: &[Part]) -> Result<(), ReadError> {
    let tree = service.tree();
    let number = |code: &str| {
        let found = tree.by_code(code).map(|info| info.no);
        found.ok_or_else(|| StoreError::Missing(format!("area {code}")))
    };
    let from = number(area)?;
    for _ in 0..WALKS {
        let survey = Survey::take(service, from, area, parts)?;
        let mut moves: Vec<(bool, RecordId, AreaNo)> = Vec::new();
        for located in survey.records() {
            let to = number(&survey.destination(located.record).area)?;
            if to != from {
                moves.push((located.record_type != "person", located.record, to));
            }
        }
        if moves.is_empty() {
            return Ok(());
        }
        // People first: residencies tell where people live, and must stay here as long as the people do.
        moves.sort_unstable();
        let moves: Vec<(RecordId, AreaNo)> = moves.into_iter().map(|(_, record, to)| (record, to)).collect();
        for batch in moves.chunks(BATCH) {
            let (batch, now) = (batch.to_vec(), service.trusted_now()?);
            service.store.act(Arc::new(move |source| moving::batch(source, from, &batch, now)))?;
            faults::reach("plan.after_batch");
        }
    }
    Err(ReadError::refused(Code::Busy, "records keep coming; apply it again"))
}

fn finish(reader: &Reader<'_>, kept: &Kept) -> Result<Kept, ReadError> {
    let service = reader.service;
    let areas = kept
        .plan
        .before
        .as_ref()
        .map_or_else(Vec::new, |before| report::counted(&service.tree(), &kept.plan, before));
    let after = report::count(service, &areas, kept.plan.before.as_ref(), service.now())?;
    let plan = Plan { after: Some(after), ..kept.plan.clone() };
    let next = kept.next(State::Applied, &plan)?;
    if service.store.step_plan(&kept.row, &next)? {
        return Ok(Kept::read(next, reader.now)?);
    }
    // Another caller applied it at the same time.
    find(reader, kept.number())
}
