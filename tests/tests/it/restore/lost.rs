//! Lost changes: the phone that had shown them names them with their values; supervisors and operators see author and
//! number.

use gridledger_schema::code::Code;
use gridledger_server::desk::lost;
use serde_json::json;

use super::{count_one_more, household, label, patrol, settle, shown, shown_label, two};

const HOUR_MS: i64 = 3_600_000;

#[test]
fn what_a_lost_phone_had_written_is_told_by_name_and_can_be_saved_again() {
    let (mut world, mut a, mut b) = two();
    let house = household(&mut a, "one");
    let walk = patrol(&mut a, "w0");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("backup.db");
    // Everything of B's from here on is lost with the server and with B's phone, but A holds it.
    label(&mut b, house, "two");
    label(&mut b, house, "three");
    count_one_more(&mut b, walk, "w1");
    let made = household(&mut b, "made by b");
    settle(&world, &mut [&mut a, &mut b]);
    drop(b);
    world.restore(&backup);
    a.syncs(&world);
    assert_eq!(shown_label(&mut a, house).as_deref(), Some("three"), "shown until it is known to be lost");
    assert!(a.lost().is_empty());
    world.pass(25 * HOUR_MS);
    settle(&world, &mut [&mut a]);
    assert_eq!(shown_label(&mut a, house).as_deref(), Some("one"));
    assert_eq!(shown(&mut a, walk), (1, 1, 0));
    assert_eq!(shown_label(&mut a, made), None);

    let told = a.lost();
    let of = |record| told.iter().find(|lost| lost.record == record).expect("it is told");
    assert_eq!((told.len(), a.status().attention), (3, 3));
    assert_eq!((of(house).changes, of(walk).changes, of(made).changes), (2, 1, 1));
    assert_eq!((of(house).here, of(made).here), (true, false));
    let values = json!(of(house).values);
    assert_eq!(values, json!([{ "field": "label", "was": "three", "now": "one" }]));
    assert!(of(made).values.iter().any(|value| value.was == json!("made by b")));

    // The office knows, by author and number.
    let listed = lost::missing(&world.service, |_| true).expect("the list");
    let sum: u64 = listed.iter().filter_map(|row| row["changes"].as_u64()).sum();
    assert_eq!((listed.len(), sum), (3, 4), "{listed:?}");
    assert!(listed.iter().all(|row| row["author"] == "w2" && row["area"] == "G1"), "{listed:?}");
    world.user("s1", "general_grid_head", "C");
    let ask = |login: &str| {
        let clerk = world.clerk(login);
        lost::list(&clerk.reader(), &lost::Question::default())
    };
    assert_eq!(ask("s1").expect("who supervises is told")["lost"], json!(listed));
    assert_eq!(ask("w1").expect_err("a worker is not").code(), Code::Forbidden);

    // Saved again, or let go.
    a.saves_lost(house); // saved again
    a.saves_lost(walk); // saved again
    let again = a.saves_lost(made).record;
    assert_ne!(again, made);
    settle(&world, &mut [&mut a]);
    assert_eq!(shown_label(&mut a, house).as_deref(), Some("three"));
    assert_eq!(shown(&mut a, walk), (2, 2, 0));
    assert_eq!(shown_label(&mut a, again).as_deref(), Some("made by b"));
    assert!(a.lost().is_empty());
}

#[test]
fn what_comes_back_late_is_told_lost_no_longer() {
    let (mut world, mut a, mut b) = two();
    let house = household(&mut a, "one");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("backup.db");
    label(&mut b, house, "two");
    settle(&world, &mut [&mut a, &mut b]);
    world.restore(&backup);
    world.pass(25 * HOUR_MS);
    settle(&world, &mut [&mut a]);
    assert_eq!(a.lost().len(), 1);
    assert_eq!(lost::missing(&world.service, |_| true).expect("the list").len(), 1);
    settle(&world, &mut [&mut b, &mut a]);
    assert_eq!(shown_label(&mut a, house).as_deref(), Some("two"));
    assert!(a.lost().is_empty());
    assert!(lost::missing(&world.service, |_| true).expect("the list").is_empty());
}

#[test]
fn what_is_lost_can_be_let_go() {
    let (mut world, mut a, mut b) = two();
    let house = household(&mut a, "one");
    settle(&world, &mut [&mut a, &mut b]);
    let backup = world.backup("backup.db");
    label(&mut b, house, "two");
    settle(&world, &mut [&mut a, &mut b]);
    world.restore(&backup);
    world.pass(25 * HOUR_MS);
    settle(&world, &mut [&mut a]);
    a.engine().dismiss_lost(house).expect("let go");
    assert!(a.lost().is_empty());
    assert!(a.engine().dismiss_lost(house).is_err());
    // The office's list keeps it.
    assert_eq!(lost::missing(&world.service, |_| true).expect("the list").len(), 1);
}
