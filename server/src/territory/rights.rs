//! Checks the rights that a plan needs, at the server's time and never at the plan's day; and the roles that it gives.

use gridledger_core::calendar::DAY_MS;
use gridledger_core::calendar::Zone;
use gridledger_core::rights::{AreaTree, Rights};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::limits;
use gridledger_schema::set::{Role, Scope};

use super::Plan;
use super::plan::flaw;
use super::plan::{Draft, Posting};
use crate::calendar::date::Date;
use crate::rights::reader::{ReadError, Reader};

/// Whether the reader holds a role that plans somewhere. Everybody else learns nothing of the territory from a draft.
pub(super) fn plans_somewhere(reader: &Reader<'_>) -> Result<(), ReadError> {
    let rights = reader.rights();
    let areas = rights.areas(reader.now);
    if areas.iter().any(|area| plans(rights, *area, reader.now)) {
        return Ok(());
    }
    Err(forbidden())
}

/// Whether the reader holds now a role that plans, at or above every area the draft changes.
pub(super) fn may_plan(reader: &Reader<'_>, draft: &Draft) -> Result<(), ReadError> {
    let areas = draft.touched(reader.tree());
    let allowed = |area: &AreaNo| plans_at(reader, *area, limits::AREA_DEPTH);
    if !areas.is_empty() && areas.iter().all(allowed) {
        return Ok(());
    }
    Err(forbidden())
}

fn forbidden() -> ReadError {
    let rule = "a role that plans, held now, at or above every area the plan changes";
    ReadError::refused(Code::Forbidden, rule)
}

/// Whether the reader plans at an area now. An area that has closed lies nowhere: the areas count that it lay in last.
fn plans_at(reader: &Reader<'_>, area: AreaNo, depth: usize) -> bool {
    if plans(reader.rights(), area, reader.now) {
        return true;
    }
    let above = lay_last_in(reader.tree(), area, reader.now);
    depth > 0 && above.iter().any(|above| plans_at(reader, *above, depth - 1))
}

/// The areas that a closed area lay in last; none of an area that lies somewhere now.
fn lay_last_in(tree: &AreaTree, area: AreaNo, now: i64) -> Vec<AreaNo> {
    let edges = tree.get(area).map_or(&[][..], |info| &info.edges);
    if edges.iter().any(|edge| edge.is_valid(now)) {
        return Vec::new();
    }
    let last = edges.iter().filter_map(|edge| edge.to).max();
    let ended = edges.iter().filter(|edge| edge.to == last);
    ended.map(|edge| edge.above).collect()
}

/// Whether the roles held at an area now plan.
pub(super) fn plans(rights: Rights<'_>, area: AreaNo, at: i64) -> bool {
    let mut roles = roles_at(rights, area, at);
    roles.any(|role| role.plans)
}

fn roles_at(rights: Rights<'_>, area: AreaNo, at: i64) -> impl Iterator<Item = &Role> {
    let codes = rights.roles_at(area, at).into_iter();
    codes.filter_map(move |code| rights.schema.role(code))
}

/// Whether a plan's day lies within its bounds.
pub(super) fn in_time(draft: &Draft, now: i64, zone: &Zone) -> Result<(), Refusal> {
    let (late, ahead) = (limits::PLAN_LATE_DAYS, limits::PLAN_AHEAD_DAYS);
    let today = Date::at(zone, now).start(zone);
    // A day may be an hour longer or shorter where there is summer time.
    let (late_ms, ahead_ms) = (late * DAY_MS + DAY_MS / 2, ahead * DAY_MS + DAY_MS / 2);
    if (today - late_ms..=today + ahead_ms).contains(&draft.effective(zone)) {
        return Ok(());
    }
    let rule = format!("at most {late} days ago and at most {ahead} days ahead");
    Err(flaw("effective", rule))
}

/// Whether a staff list gives nothing that only an operator gives.
pub(super) fn check_staff(reader: &Reader<'_>, draft: &Draft) -> Result<(), Refusal> {
    let schema = &reader.service.schema;
    let reserved = |posting: &&Posting| schema.role(&posting.role).is_some_and(is_reserved);
    match draft.staff.iter().find(reserved) {
        None => Ok(()),
        Some(posting) => Err(may_not_give(posting)),
    }
}

/// Roles that change other people's rights or what is kept. No plan gives them.
fn is_reserved(role: &Role) -> bool {
    role.plans || role.erases || role.shares
}

fn may_not_give(posting: &Posting) -> Refusal {
    let rule = format!(
        "{} at {} is more than who drew the plan up or approves it could give",
        posting.role, posting.area
    );
    Refusal::of_field(Code::Forbidden, "staff", rule)
}

/// Whether the two who answer for a plan still may: both plan where it changes something, and one of them sees what each
/// role of the staff list shows.
pub(super) fn check_signatories(
    reader: &Reader<'_>,
    draft: &Draft,
    logins: &[&str],
) -> Result<(), ReadError> {
    check_staff(reader, draft)?;
    let schema = &reader.service.schema;
    let mut open: Vec<&Posting> = draft.staff.iter().collect();
    for login in logins {
        let user = reader.service.store.user_by_login(login)?;
        let user = user.filter(|user| !user.revoked).ok_or_else(|| gone(login))?;
        let grants = reader.service.store.grants(user.no)?;
        let signatory = Reader::new(reader.service, login, &grants);
        may_plan(&signatory, draft).map_err(|_| gone(login))?;
        open.retain(|posting| {
            let role = schema.role(&posting.role);
            !role.is_some_and(|role| could_give(&signatory, draft, role, &posting.area))
        });
    }
    match open.first() {
        None => Ok(()),
        Some(posting) => Err(may_not_give(posting).into()),
    }
}

fn gone(login: &str) -> ReadError {
    let rule = format!("{login} holds no role that plans there any more; draw it up anew");
    ReadError::refused(Code::PlanNotReady, rule)
}

/// Whether a person who plans at an area could give a role there: the role shows and does no more than the person's own.
fn could_give(reader: &Reader<'_>, draft: &Draft, role: &Role, code: &str) -> bool {
    let Some(area) = place_of(reader.tree(), draft, code) else {
        return false;
    };
    let (rights, now) = (reader.rights(), reader.now);
    let schema = rights.schema;
    let facets = rights.facets(area, now);
    let reads = |class: &String| {
        let facet = schema.facet(class);
        facet.is_some_and(|facet| facets & 1_u64.checked_shl(facet.into()).unwrap_or(0) != 0)
    };
    !is_reserved(role)
        && rights.scope(area, now) == Some(Scope::Area)
        && role.reads.iter().all(reads)
        && role.unmasks <= rights.unmasks(area, now)
        && (!role.supervises || rights.may_supervise(area, now))
        && (!role.audits || rights.may_audit(area, now))
}

/// The area of a code, or the area above which the plan makes it in.
fn place_of(tree: &AreaTree, draft: &Draft, code: &str) -> Option<AreaNo> {
    let mut code = code;
    for _ in 0..=limits::AREA_DEPTH {
        if let Some(info) = tree.by_code(code) {
            return Some(info.no);
        }
        let made = draft.new_areas.iter().find(|made| made.code == code)?;
        code = &made.parent;
    }
    None
}

/// The logins of who drew a plan up and who approved it.
pub(super) fn signatories(plan: &Plan) -> Vec<&str> {
    let approved = plan.approved.iter();
    let both = std::iter::once(&plan.made).chain(approved);
    both.map(|signature| signature.by.as_str()).collect()
}
