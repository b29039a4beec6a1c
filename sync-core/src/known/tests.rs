//! These tests check changed rights: a table of cases, and random histories against an oracle. The oracle
//! knows every state of the office's list.

use crate::calendar::DAY_MS as DAY;
use gridledger_schema::code::Code;
use gridledger_schema::set::SchemaSet;
use gridledger_schema::wire::AreaInfo;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::rights::AreaTree;

const GRACE: i64 = limits::RIGHTS_GRACE_DAYS;
/// Each area's parent, by number. Area 0 is no area.
const ABOVE: [u32; 6] = [0, 0, 1, 1, 2, 2];
const ROLES: [&str; 3] = ["grid_worker", "grid_head", "emperor"];

fn tree() -> AreaTree {
    AreaTree::new((1..6).map(|no| AreaInfo {
        no: AreaNo(no),
        parent: (ABOVE[no as usize] > 0).then_some(AreaNo(ABOVE[no as usize])),
        code: format!("a{no}"),
        kind: "basic_grid".into(),
        name: format!("area {no}"),
        edges: Vec::new(),
    }))
}

/// A grant from a day until a day.
fn grant(role: &str, area: u32, from: i64, to: Option<i64>) -> Grant {
    Grant { role: role.into(), area: AreaNo(area), from: from * DAY, to: to.map(|to| to * DAY) }
}

fn judge(grants: &[Grant], replaced: &[Replaced], moment: Moment, role: &str, area: u32) -> Option<Code> {
    let (schema, tree) = (SchemaSet::builtin(), tree());
    let rights = Rights { schema: &schema, tree: &tree, grants };
    let standing = Standing { rights, replaced, moment, zone: &Zone::default() };
    standing.check(role, AreaNo(area)).err().map(|refusal| refusal.code)
}

#[test]
fn an_entry_was_made_no_earlier_than_what_it_saw_and_no_later_than_it_came() {
    let made = |at, seen, now| Moment::estimate(at, seen, now).made;
    assert_eq!(made(5, None, 9), 5);
    assert_eq!(made(5, Some(7), 9), 7, "a clock set back");
    assert_eq!(made(12, Some(7), 9), 9, "a clock ahead");
    assert_eq!(made(i64::MIN, None, i64::MAX), i64::MIN);
    assert_eq!(made(5, Some(11), 9), 11, "the server's own clock went back: what was seen was there");
}

#[test]
fn what_counts_when() {
    use Code::{GraceOver, GrantEnded, RoleNotHeld};
    // A worker of area 2 is cut short on day 10 by the change of day 10. Columns: informed or not, day made,
    // day judged.
    let open = grant("grid_worker", 2, 0, None);
    let table = [
        ("before the end, told", true, 9, 11, None),
        ("before the end, not told", false, 9, 11, None),
        ("after the end, told", true, 10, 11, Some(GrantEnded)),
        ("after the end, not told", false, 10, 11, None),
        ("long after it, not told", false, 30, 10 + GRACE - 1, None),
        ("when the grace is over, not told", false, 30, 10 + GRACE, Some(GraceOver)),
        ("before the end, too late to arrive", true, 9, 10 + GRACE, Some(GraceOver)),
        ("before the end, just in time", true, 9, 10 + GRACE - 1, None),
        ("before it began", false, -1, 11, Some(RoleNotHeld)),
    ];
    for (what, told, made, now, code) in table {
        let replaced = [Replaced { grant: open.clone(), at: 10 * DAY, told }];
        let moment = Moment { made: made * DAY, now: now * DAY };
        let cut = [grant("grid_worker", 2, 0, Some(10))];
        assert_eq!(judge(&cut, &replaced, moment, "grid_worker", 4), code, "{what}");
        assert_eq!(judge(&cut, &replaced, moment, "grid_worker", 3), Some(RoleNotHeld), "{what}: elsewhere");
        assert_eq!(judge(&cut, &replaced, moment, "grid_head", 4), Some(RoleNotHeld), "{what}: another role");
        // A renewed or another grant counts, whatever ended.
        let again = [cut[0].clone(), grant("grid_worker", 1, -9, None)];
        assert_eq!(judge(&again, &replaced, moment, "grid_worker", 4), None, "{what}: again");
    }
}

#[test]
fn a_grant_with_an_end_of_its_own_ends_untold_too() {
    let surge = [grant("grid_worker", 2, 0, Some(10))];
    let on = |made: i64, now: i64| {
        let moment = Moment { made: made * DAY, now: now * DAY };
        judge(&surge, &[], moment, "grid_worker", 2)
    };
    assert_eq!(on(9, 9), None);
    assert_eq!(on(10, 10), Some(Code::GrantEnded));
    assert_eq!(on(9, 10 + GRACE), Some(Code::GraceOver));
    assert_eq!(judge(&surge, &[], Moment::now(0), "", 2), Some(Code::RoleNotHeld));
}

#[test]
fn the_sentence_says_what_ended_and_when() {
    let (schema, tree) = (SchemaSet::builtin(), tree());
    let grants = [grant("grid_worker", 2, 0, Some(10))];
    let rights = Rights { schema: &schema, tree: &tree, grants: &grants };
    let zone = Zone::default();
    let said = |now: i64| {
        let refusal = Standing {
            moment: Moment { made: 9 * DAY, now: now * DAY },
            ..Standing::acting(rights, 0, &zone)
        };
        refusal.check("grid_worker", AreaNo(4)).unwrap_err().rule
    };
    assert_eq!(
        said(10 + GRACE),
        "grid_worker in area 4 ended 1970-01-11 08:00; what was done before had 30 days to arrive"
    );
    let ended = Standing::acting(rights, 11 * DAY, &zone).check("grid_worker", AreaNo(4));
    assert_eq!(ended.unwrap_err().rule, "grid_worker in area 4 ended 1970-01-11 08:00");
}

/// One change of the office's list, on a day of its own.
#[derive(Clone, Debug)]
enum Change {
    Give(usize, u32, i64, Option<i64>),
    /// The grant of a role at an area ends on that day.
    End(usize, u32),
    /// The grant was a mistake, and its row is removed.
    Remove(usize, u32),
}

fn change() -> impl Strategy<Value = Change> {
    let (role, area) = (0..ROLES.len(), 1..6u32);
    let to = prop::option::of(0..120i64);
    prop_oneof![
        4 => (role.clone(), area.clone(), 0..60i64, to).prop_map(|(r, a, from, to)| Change::Give(r, a, from, to)),
        3 => (role.clone(), area.clone()).prop_map(|(r, a)| Change::End(r, a)),
        1 => (role, area).prop_map(|(r, a)| Change::Remove(r, a)),
    ]
}

/// The office's list after each change; the first is empty.
fn states(changes: &[(i64, Change)]) -> Vec<Vec<Grant>> {
    let mut states = vec![Vec::new()];
    for (day, change) in changes {
        let mut list: Vec<Grant> = states.last().cloned().unwrap_or_default();
        match change {
            Change::Give(role, area, from, to) => {
                let new = grant(ROLES[*role], *area, *from, *to);
                list.retain(|old| (&old.role, old.area, old.from) != (&new.role, new.area, new.from));
                list.push(new);
            }
            Change::End(role, area) => {
                for old in &mut list {
                    let open = old.to.is_none_or(|to| to > day * DAY);
                    if (old.role.as_str(), old.area) == (ROLES[*role], AreaNo(*area)) && open {
                        old.to = Some(day * DAY);
                    }
                }
            }
            Change::Remove(role, area) => {
                list.retain(|old| (old.role.as_str(), old.area) != (ROLES[*role], AreaNo(*area)));
            }
        }
        states.push(list);
    }
    states
}

/// Whether a list allows a role to act at an area on a day.
fn lets(list: &[&Grant], role: &str, area: u32, made: i64, now: i64) -> bool {
    let mut above = vec![area];
    while let Some(&last) = above.last()
        && last > 0
    {
        above.push(ABOVE[last as usize]);
    }
    list.iter().any(|grant| {
        let (from, to) = (grant.from / DAY, grant.to.map_or(i64::MAX / 2, |to| to / DAY));
        role != "emperor"
            && grant.role == role
            && above.contains(&grant.area.0)
            && (from..to).contains(&made)
            && now < to + GRACE
    })
}

/// The oracle. Today's list allows it; or a recent former list did, and the device had not heard of the
/// change.
fn oracle(
    states: &[Vec<Grant>],
    days: &[i64],
    heard: usize,
    role: &str,
    area: u32,
    made: i64,
    now: i64,
) -> bool {
    let today: Vec<&Grant> = states.last().into_iter().flatten().collect();
    if lets(&today, role, area, made, now) {
        return true;
    }
    (heard..days.len()).any(|change| {
        let went: Vec<&Grant> =
            states[change].iter().filter(|line| !states[change + 1].contains(line)).collect();
        now < days[change] + GRACE && lets(&went, role, area, made, now)
    })
}

/// The list and its replaced grants, as a store keeps them.
fn kept(states: &[Vec<Grant>], days: &[i64], heard: usize) -> (Vec<Grant>, Vec<Replaced>) {
    let mut replaced = Vec::new();
    for (change, day) in days.iter().enumerate() {
        let gone = states[change].iter().filter(|line| !states[change + 1].contains(line));
        replaced.extend(gone.map(|grant| Replaced {
            grant: grant.clone(),
            at: day * DAY,
            told: change < heard,
        }));
    }
    (states.last().cloned().unwrap_or_default(), replaced)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_role_and_area_over_random_histories_as_the_oracle_says(
        changes in vec((1..12i64, change()), 0..8),
        heard in 0..9usize,
        later in 0..60i64,
    ) {
        let mut day = 0;
        let dated: Vec<(i64, Change)> = changes
            .into_iter()
            .map(|(after, change)| {
                day += after;
                (day, change)
            })
            .collect();
        let days: Vec<i64> = dated.iter().map(|(day, _)| *day).collect();
        let (states, now, heard) = (states(&dated), day + later, heard.min(days.len()));
        let (grants, replaced) = kept(&states, &days, heard);
        for role in ROLES {
            for area in 1..6 {
                for made in (0..=now).step_by(3) {
                    let moment = Moment { made: made * DAY, now: now * DAY };
                    let code = judge(&grants, &replaced, moment, role, area);
                    prop_assert_eq!(
                        code.is_none(),
                        oracle(&states, &days, heard, role, area, made, now),
                        "{} at {} on day {} of {}: {:?}", role, area, made, now, code
                    );
                }
            }
        }
    }
}
