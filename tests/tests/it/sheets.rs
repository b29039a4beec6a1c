//! The office takes its sheet in again, month after month: nobody is there twice, what it puts right is put right, and what a
//! worker wrote at the door is not lost.

use gridledger_server::office::reconcile::ImportOptions;
use gridledger_server::office::reconcile::ImportReport;
use gridledger_server::office::reconcile::carry_out;
use gridledger_server::office::reconcile::prepare;
use std::collections::BTreeMap;

use gridledger_schema::ids::RecordId;
use gridledger_server::epochs::{Reason, Wanted, erase};
use gridledger_server::office::import::Date;
use gridledger_server::office::import::register;
use gridledger_server::office::import::register::Register;
use gridledger_tests::json::items;
use gridledger_tests::office::put;
use gridledger_tests::planning::{self, carry_out as carry_out_plan};
use gridledger_tests::world::World;
use serde_json::{Value, json};

const HEADINGS: &str =
    "网格编码,地址,房屋编码,户,人员编号,姓名,性别,出生年份,电话,与户主关系,居住类型,入住日期,房屋用途,备注\n";
const FATHER: &str = "G1,滨河路1号101,,,,陆一,男,1980,13800000001,户主,户籍,2019-05-01,自住,\n";
const MOTHER: &str = "G1,滨河路1号101,,,,陈二,女,1982,,配偶,户籍,2019-05-01,自住,\n";

fn world() -> World {
    World::staffed(
        2,
        &[("clerk", "general_grid_head", "D"), ("w1", "grid_worker", "G1"), ("po", "privacy_officer", "D")],
    )
}

fn parse(rows: &[&str]) -> Register {
    let today = Date::new(2026, 1, 5).expect("a day");
    let sheet = [&[HEADINGS], rows].concat().concat();
    register::parse(sheet.as_bytes(), today, &|_| true).unwrap_or_else(|faults| panic!("{faults:?}")).rows
}

fn import_with(world: &World, rows: &[&str], options: ImportOptions) -> ImportReport {
    let register = parse(rows);
    let clerk = world.clerk("clerk");
    let grants = world.store().grants(clerk.user.no);
    let prepared = prepare(&world.service, ("clerk", &grants), &register, options).expect("it compares");
    let outlook = prepared.outlook().clone();
    let report = carry_out(&world.service, &clerk.user, prepared, &mut |_, _| {}).expect("it imports");
    assert_eq!(report.refused, []);
    let done = ImportReport { created: BTreeMap::new(), ..report.clone() };
    assert_eq!(outlook, done, "it does what it said");
    report
}

/// Takes a sheet in, and sees that the same sheet then says nothing new.
fn import(world: &World, rows: &[&str]) -> ImportReport {
    let report = import_with(world, rows, ImportOptions::default());
    let again = import_with(world, rows, ImportOptions::default());
    assert_eq!(
        (&again.created, &again.fresh, &again.changed, &again.moved),
        (&BTreeMap::new(), &vec![], &vec![], &vec![]),
        "a repetition finds nothing to do"
    );
    world.is_whole();
    report
}

/// The rows of a ledger as they are, by id.
fn all(world: &World, of: &str) -> BTreeMap<String, Value> {
    let page = world.service.store.ledger(&gridledger_server::store::rows::records::LedgerQuery {
        record_type: of.to_owned(),
        areas: world.service.tree().iter().map(|area| (area.no, 0)).collect(),
        limit: 1_000,
    });
    let rows = page.expect("a ledger").rows.into_iter();
    rows.map(|row| {
        let mut view = row.views.first().map_or(json!({}), |(_, view)| view.clone());
        let tree = world.service.tree();
        view["_area"] = json!(tree.get(row.record.area).map(|area| &area.code));
        (row.record.record.to_string(), view)
    })
    .collect()
}

fn one(world: &World, of: &str) -> (RecordId, Value) {
    let rows = all(world, of);
    assert_eq!(rows.len(), 1, "{rows:?}");
    let (id, view) = rows.into_iter().next().expect("a row");
    (id.parse().expect("an id"), view)
}

fn changes(report: &ImportReport) -> Vec<(&'static str, Option<&'static str>)> {
    report.changed.iter().map(|item| (item.record_type, item.field)).collect()
}

#[test]
fn what_the_sheet_puts_right_is_put_right_in_the_same_records() {
    let world = world();
    import(&world, &[FATHER]);
    let (before, _) = one(&world, "person");
    let report =
        import(&world, &["G1,滨河路１号 101,,,,陆一,女,1981,13800000099,户主,户籍,2019-05-01,出租,养狗\n"]);
    assert_eq!(
        changes(&report),
        [
            ("dwelling", Some("use")),
            ("household", Some("notes")),
            ("person", Some("gender")),
            ("person", Some("birth_year")),
            ("person", Some("phones")),
        ]
    );
    let (after, person) = one(&world, "person");
    assert_eq!(before, after);
    assert_eq!(
        (&person["gender"], &person["birth_year"], &person["phones"]),
        (&json!("female"), &json!(1981), &json!({"1": {"number": "13800000099"}}))
    );
    assert_eq!(one(&world, "dwelling").1["use"], "rented");
    assert_eq!(one(&world, "household").1["notes"], json!(["养狗"]));
    // A list that is shown to a person masks what the store had.
    assert_eq!(report.changed[4].old["1"]["number"], "138****0001");
}

#[test]
fn another_kind_of_residency_ends_the_one_before() {
    let world = world();
    import(&world, &[FATHER]);
    let report = import(&world, &[&FATHER.replace("户籍", "流动")]);
    assert_eq!(changes(&report), [("residency", Some("kind"))]);
    let residencies = all(&world, "residency");
    let ended = |view: &&Value| view.get("to").is_some();
    assert_eq!(
        residencies.values().filter(ended).map(|view| &view["kind"]).collect::<Vec<_>>(),
        ["registered"]
    );
    assert_eq!(
        residencies.values().filter(|view| !ended(view)).map(|view| &view["kind"]).collect::<Vec<_>>(),
        ["floating"]
    );
}

#[test]
fn a_grid_that_is_put_right_moves_everything_there() {
    let world = world();
    import(&world, &[FATHER, MOTHER]);
    let before: Vec<String> = all(&world, "person").into_keys().collect();
    let report = import(&world, &[&FATHER.replace("G1,", "G2,"), &MOTHER.replace("G1,", "G2,")]);
    assert_eq!((report.moved.len(), report.moved[0].new.clone()), (1, json!("G2")));
    for of in ["dwelling", "household", "person", "residency"] {
        assert!(all(&world, of).values().all(|view| view["_area"] == "G2"), "{of}");
    }
    assert_eq!(all(&world, "person").into_keys().collect::<Vec<_>>(), before);
}

#[test]
fn a_plan_moves_people_and_neither_the_old_nor_the_new_code_doubles_them() {
    let world = world();
    planning::stewards(&world);
    import(&world, &[FATHER, MOTHER]);
    carry_out_plan(&world, &json!({ "merges": [{ "areas": ["G1", "G2"], "into": "G2" }] }));
    let old = import(&world, &[FATHER, MOTHER]);
    assert_eq!((old.moved.len(), old.created.len()), (0, 0));
    let new = import(&world, &[&FATHER.replace("G1,", "G2,"), &MOTHER.replace("G1,", "G2,")]);
    assert_eq!((new.moved.len(), new.created.len()), (0, 0));
    assert_eq!(all(&world, "person").len(), 2);
}

#[test]
fn what_a_worker_wrote_stays_while_the_sheet_is_as_it_was() {
    let world = world();
    import(&world, &[FATHER]);
    let (person, _) = one(&world, "person");
    let worker = world.clerk("w1");
    worker.writes(person, put("birth_year", json!(1979)));
    let report = import(&world, &[FATHER]);
    assert_eq!(changes(&report), []);
    assert_eq!(report.kept.len(), 1);
    assert_eq!(one(&world, "person").1["birth_year"], 1979);
}

#[test]
fn a_correction_that_meets_a_workers_edit_is_a_conflict() {
    let world = world();
    import(&world, &[FATHER]);
    let (person, _) = one(&world, "person");
    let worker = world.clerk("w1");
    worker.writes(person, put("birth_year", json!(1979)));
    let report = import(&world, &[&FATHER.replace("1980", "1981")]);
    assert!(report.changed[0].contested, "{report:?}");
    let (_, view) = one(&world, "person");
    let values: Vec<&Value> =
        items(&view["_conflicts"]["birth_year"]).iter().map(|one| &one["value"]).collect();
    assert!(values.contains(&&json!(1979)) && values.contains(&&json!(1981)), "{view}");
}

#[test]
fn a_correction_of_what_the_sheet_took_over_from_a_worker_is_no_conflict() {
    let world = world();
    import(&world, &[FATHER]);
    let (person, _) = one(&world, "person");
    let worker = world.clerk("w1");
    worker.writes(person, put("birth_year", json!(1979)));
    import(&world, &[&FATHER.replace("1980", "1979")]);
    import(&world, &[&FATHER.replace("1980", "1978")]);
    let (_, view) = one(&world, "person");
    assert_eq!((&view["birth_year"], view.get("_conflicts")), (&json!(1978), None));
}

#[test]
fn records_that_a_worker_made_or_renamed_are_known_again() {
    let world = world();
    import(&world, &[FATHER]);
    let worker = world.clerk("w1");
    let (household, _) = one(&world, "household");
    let (dwelling, _) = one(&world, "dwelling");
    let mother = worker.made("person", "G1", json!([{"op": "put", "field": "name", "value": "陈二"}]));
    worker.made(
        "residency",
        "G1",
        json!([{"op": "put", "field": "person", "value": mother}, {"op": "put", "field": "household", "value": household},
            {"op": "put", "field": "kind", "value": "resident"}]),
    );
    worker.writes(dwelling, put("address", json!({"road": "滨河路", "number": "3"})));
    worker.writes(household, put("label", json!("东户")));
    import(&world, &[FATHER, MOTHER]);
    assert_eq!(
        (all(&world, "dwelling").len(), all(&world, "household").len(), all(&world, "person").len()),
        (1, 1, 2)
    );
}

#[test]
fn a_store_that_knows_no_names_yet_doubles_nobody() {
    let world = world();
    import(&world, &[FATHER, MOTHER]);
    world.change_behind("DELETE FROM import_names");
    let report = import(&world, &[FATHER, &MOTHER.replace("1982", "1983")]);
    assert_eq!((report.created.len(), all(&world, "person").len()), (0, 2));
}

#[test]
fn an_offices_own_number_tells_who_it_is() {
    let world = world();
    import(&world, &["G1,滨河路1号101,F1,,R1,陆一,男,1980,,户主,,,,\n"]);
    let report = import(&world, &["G2,滨河路1号201,F1,,R1,陆壹,男,1991,,户主,,,,\n"]);
    assert_eq!((report.created.len(), report.moved.len()), (0, 1));
    let (_, person) = one(&world, "person");
    assert_eq!((&person["name"], &person["birth_year"]), (&json!("陆壹"), &json!(1991)));
    let (_, dwelling) = one(&world, "dwelling");
    assert_eq!((&dwelling["address"]["room"], &dwelling["_area"]), (&json!("201"), &json!("G2")));
}

#[test]
fn whoever_is_missing_is_named_and_whoever_may_be_another_is_asked_about() {
    let world = world();
    import(&world, &[FATHER, MOTHER]);
    let report = import(&world, &[FATHER]);
    let missing: Vec<_> = report.missing.iter().map(|item| (item.record_type, item.old.clone())).collect();
    assert_eq!(missing, [("person", json!("陈某某"))]);
    let renamed = MOTHER.replace("陈二", "陈贰");
    let report = import(&world, &[FATHER, &renamed]);
    assert_eq!((report.doubtful.len(), report.created.len()), (1, 0));
    assert_eq!(report.doubtful[0].wrong.code, "perhaps_renamed");
    let accepted = ImportOptions { accept_doubtful: true };
    let report = import_with(&world, &[FATHER, &renamed], accepted);
    assert_eq!(changes(&report), [("person", Some("name"))]);
    assert_eq!(all(&world, "person").len(), 2);
}

#[test]
fn somebody_who_moved_house_is_the_same_person() {
    let world = world();
    import(&world, &[FATHER, MOTHER]);
    let report = import(&world, &[FATHER, &MOTHER.replace("滨河路1号101", "滨河路9号9")]);
    assert_eq!(report.moved.len(), 1);
    assert_eq!(all(&world, "person").len(), 2);
    let residencies = all(&world, "residency");
    assert_eq!(residencies.values().filter(|view| view.get("to").is_some()).count(), 1);
    assert_eq!(residencies.len(), 3);
}

#[test]
fn what_was_erased_is_not_brought_back() {
    let world = world();
    import(&world, &[FATHER]);
    let (person, _) = one(&world, "person");
    let wanted = Wanted {
        record: person,
        fields: vec!["phones".into()],
        reason: Reason::Request,
        by: "po".into(),
        asked_at: world.service.now(),
    };
    erase(&world.service, &wanted).expect("it is erased");
    let report = import(&world, &[FATHER]);
    assert_eq!(report.kept.len(), 1);
    let report = import(&world, &[&FATHER.replace("13800000001", "13800000002")]);
    assert_eq!(changes(&report), []);
    assert_eq!(one(&world, "person").1.get("phones"), None);
}

#[test]
fn an_import_that_another_overtook_writes_no_more() {
    let world = world();
    let register = parse(&[FATHER]);
    let clerk = world.clerk("clerk");
    let grants = world.store().grants(clerk.user.no);
    let options = ImportOptions::default();
    let prepared = prepare(&world.service, ("clerk", &grants), &register, options).expect("it compares");
    let told = carry_out(&world.service, &clerk.user, prepared, &mut |done, _| {
        if done == 1 {
            world.store().begin_import(); // another begins
        }
    });
    assert!(matches!(told, Err(gridledger_server::office::reconcile::ImportError::Overtaken)), "{told:?}");
    assert_eq!(all(&world, "dwelling").len(), 1);
    import(&world, &[FATHER]);
    assert_eq!(all(&world, "person").len(), 1);
}
