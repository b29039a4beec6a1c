//! Plans take rights that are held now: to draw up, to simulate, to approve, to apply, and to give roles.

use gridledger_core::calendar::DAY_MS;
use gridledger_schema::code::Code;
use gridledger_server::rights::reader::ReadError;
use gridledger_server::territory::{self, Kept, apply, report};
use gridledger_tests::planning::{STEWARDS, as_user, day, grid, plan, stewards};
use gridledger_tests::world::World;
use serde_json::{Value, json};

const FIRST: &str = STEWARDS[0];
const SECOND: &str = STEWARDS[1];

fn town() -> World {
    let world = World::new(2);
    stewards(&world);
    for (login, role, area) in
        [("former", "data_steward", "D"), ("narrow", "data_steward", "G1"), ("w1", "grid_worker", "G1")]
    {
        world.user(login, role, area);
    }
    world.pass(DAY_MS);
    assert!(world.take("former", "data_steward", "D"));
    world.pass(DAY_MS);
    world
}

/// G1 is split; `staff` get roles.
fn split(staff: &Value) -> Value {
    json!({
        "new_areas": [grid("N1")],
        "splits": [{ "area": "G1", "into": [{ "area": "N1", "addresses": ["人民路"] }, { "area": "G1", "rest": true }] }],
        "staff": staff,
    })
}

fn draw_up(world: &World, login: &str, draft: Value) -> Result<u32, ReadError> {
    let draft = serde_json::from_value(draft).expect("a draft");
    as_user(world, login, |reader| territory::draw_up(reader, draft)).map(|kept| kept.number())
}

fn on(world: &World, days: i64, staff: &Value) -> Value {
    let now = world.service.now();
    let mut plan = plan(now, &split(staff));
    plan["effective"] = json!(day(now + days * DAY_MS));
    plan
}

fn step(world: &World, login: &str, number: u32, step: &str) -> Result<Kept, ReadError> {
    as_user(world, login, |reader| match step {
        "simulate" => territory::simulate(reader, number),
        "approve" => territory::approve(reader, number),
        "apply" => apply::apply(reader, number),
        _ => territory::find(reader, number),
    })
}

fn code<T>(result: Result<T, ReadError>) -> Code {
    result.map(|_| ()).expect_err("a refusal").code()
}

/// A plan as far as its simulation.
fn simulated(world: &World, draft: Value) -> u32 {
    let number = draw_up(world, FIRST, draft).expect("a plan");
    step(world, FIRST, number, "simulate").expect("a simulation");
    number
}

#[test]
fn a_role_that_has_ended_plans_nothing_whatever_day_the_plan_names() {
    let world = town();
    for days in [-9, -1, 0, 30] {
        for login in ["former", "w1", "narrow"] {
            let refused = code(draw_up(&world, login, on(&world, days, &json!([]))));
            assert_eq!(refused, Code::Forbidden, "{login}, {days} days from now");
        }
    }
    // A day on which the former steward still held the role.
    let number = simulated(&world, on(&world, -1, &json!([])));
    for login in ["former", "w1", "narrow"] {
        for what in ["find", "simulate", "approve", "apply"] {
            let refused = code(step(&world, login, number, what));
            assert_eq!(refused, Code::Forbidden, "{login} {what}");
        }
        let seen = as_user(&world, login, territory::list).expect("a list");
        assert!(seen.is_empty(), "{login}");
        let refused = code(as_user(&world, login, |reader| report::report(reader, number)));
        assert_eq!(refused, Code::Forbidden, "{login}");
    }
    // A draft tells nobody without the right what areas there are.
    let mut draft = on(&world, 0, &json!([]));
    draft["splits"][0]["area"] = json!("nowhere");
    assert_eq!(code(draw_up(&world, "former", draft.clone())), Code::Forbidden);
    assert_eq!(code(draw_up(&world, FIRST, draft)), Code::PlanInvalid);
}

#[test]
fn a_plans_day_has_bounds_when_it_is_drawn_up_approved_and_begun() {
    let world = town();
    for (days, taken) in [(-30, false), (-11, false), (-10, true), (366, true), (367, false)] {
        let drawn = draw_up(&world, FIRST, on(&world, days, &json!([])));
        if taken {
            assert!(drawn.is_ok(), "{days}: {drawn:?}");
        } else {
            assert_eq!(code(drawn), Code::PlanInvalid, "{days}");
        }
    }
    let (waits, late) =
        (simulated(&world, on(&world, 0, &json!([]))), simulated(&world, on(&world, 0, &json!([]))));
    step(&world, SECOND, waits, "approve").expect("an approval");
    world.pass(11 * DAY_MS);
    assert_eq!(code(step(&world, SECOND, late, "approve")), Code::PlanNotReady);
    assert_eq!(code(step(&world, FIRST, waits, "apply")), Code::PlanNotReady);
    let early = simulated(&world, on(&world, 2, &json!([])));
    step(&world, SECOND, early, "approve").expect("an approval");
    assert_eq!(code(step(&world, FIRST, early, "apply")), Code::PlanNotReady);
    world.pass(2 * DAY_MS);
    step(&world, FIRST, early, "apply").expect("it is carried out");
}

#[test]
fn a_plan_gives_no_role_that_neither_of_the_two_could_give() {
    let world = town();
    let posted = |role: &str, area: &str| json!([{ "login": "w1", "role": role, "area": area }]);
    for role in ["privacy_officer", "data_steward"] {
        let drawn = draw_up(&world, FIRST, on(&world, 0, &posted(role, "N1")));
        assert_eq!(code(drawn), Code::Forbidden, "{role}: an operator gives it");
    }
    // The second of the two reads what a head reads; without that role neither of them does.
    let head = simulated(&world, on(&world, 0, &posted("grid_head", "N1")));
    let auditor = simulated(&world, on(&world, 0, &posted("auditor", "N1")));
    let worker = simulated(&world, on(&world, 0, &posted("grid_worker", "N1")));
    step(&world, SECOND, auditor, "approve").expect("an approval");
    assert!(world.take(SECOND, "privacy_officer", "D"));
    assert_eq!(code(step(&world, SECOND, head, "approve")), Code::Forbidden);
    assert_eq!(code(step(&world, FIRST, auditor, "apply")), Code::Forbidden);
    world.give(SECOND, "privacy_officer", "D");
    step(&world, SECOND, head, "approve").expect("an approval");
    step(&world, SECOND, worker, "approve").expect("an approval");
    step(&world, FIRST, head, "apply").expect("it is carried out");
    let user = world.account("w1");
    let grants = world.store().grants(user.no);
    let roles: Vec<_> = grants.iter().map(|grant| (grant.role.as_str(), grant.area)).collect();
    assert!(roles.contains(&("grid_head", world.area("N1"))), "{roles:?}");
}

#[test]
fn who_drew_a_plan_up_answers_for_it_while_it_is_approved_and_gives_roles() {
    let world = town();
    let staff = json!([{ "login": "w1", "role": "grid_worker", "area": "N1" }]);
    let (open, gives, moves) = (
        simulated(&world, on(&world, 0, &json!([]))),
        simulated(&world, on(&world, 0, &staff)),
        simulated(&world, on(&world, 0, &json!([]))),
    );
    for number in [gives, moves] {
        step(&world, SECOND, number, "approve").expect("an approval");
    }
    assert!(world.take(FIRST, "data_steward", "D"));
    for what in ["find", "simulate", "apply"] {
        assert_eq!(code(step(&world, FIRST, moves, what)), Code::Forbidden, "{what}");
    }
    assert_eq!(code(step(&world, SECOND, open, "approve")), Code::PlanNotReady);
    assert_eq!(code(step(&world, SECOND, gives, "apply")), Code::PlanNotReady);
    step(&world, SECOND, moves, "apply").expect("two had agreed, and it gives nobody anything");
}

#[test]
fn a_plan_stays_readable_to_who_plans_above_where_a_closed_area_lay() {
    let world = town();
    let merged = json!({ "merges": [{ "areas": ["G1", "G2"], "into": "G1" }], "hand_over_days": 0 });
    let number = simulated(&world, plan(world.service.now(), &merged));
    step(&world, SECOND, number, "approve").expect("an approval");
    step(&world, FIRST, number, "apply").expect("it is carried out");
    world.pass(DAY_MS);
    let again = step(&world, FIRST, number, "apply").expect("it answers as before");
    assert_eq!(again.state, territory::State::HandedOver);
    let shown = as_user(&world, SECOND, |reader| report::report(reader, number)).expect("a report");
    assert_eq!(shown["balanced"], true);
    assert_eq!(code(step(&world, "former", number, "find")), Code::Forbidden);
    assert_eq!(code(step(&world, "narrow", number, "find")), Code::Forbidden);
}
