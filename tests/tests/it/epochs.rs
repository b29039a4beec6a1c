//! Histories end: what is erased is gone everywhere, what stays is the same everywhere, and no edit is lost over it.

use gridledger_core::calendar::DAY_MS as DAY;
use std::path::Path;
use std::sync::Arc;

use gridledger_client::{ClientError, Intents, Query, RecordId, SentState};
use gridledger_core::document::RULES_VERSION;
use gridledger_schema::code::Code;
use gridledger_schema::limits;
use gridledger_tests::forms::object;
use gridledger_tests::json::items;
use gridledger_tests::world::{Phone, World};
use serde_json::{Map, Value, json};

/// A number that nobody may find once it was erased.
const CANARY: &str = "13812340987";

fn number(number: &str) -> Map<String, Value> {
    object(json!({ "label": "手机", "number": number }))
}

/// Two workers and a privacy officer; `w1` has made a person with a number.
struct Scene {
    world: World,
    w1: Phone,
    w2: Phone,
    person: RecordId,
}

impl Scene {
    fn new() -> Self {
        let world = World::staffed(
            1,
            &[("w1", "grid_worker", "G1"), ("w2", "grid_worker", "G1"), ("p1", "privacy_officer", "D")],
        );
        let (mut w1, mut w2) = (world.phone("w1", 0), world.phone("w2", 0));
        w1.syncs(&world);
        let person = Intents::new().put("name", "赵某").add("consents", "phone_contact").set_child(
            "phones",
            "m",
            number(CANARY),
        );
        let person = w1.creates("person", "G1", person);
        w1.syncs(&world);
        w2.syncs(&world);
        Self { world, w1, w2, person }
    }

    fn erase(&self, fields: &[&str]) -> u64 {
        self.world.erases(self.person, fields, "p1")
    }

    /// Everybody syncs until nothing is new, and holds what the server holds, a new phone too.
    fn settle(&mut self) {
        for _ in 0..2 {
            for phone in [&mut self.w1, &mut self.w2] {
                assert_eq!(phone.syncs(&self.world).healed, 0);
            }
        }
        let mut new = self.world.phone("w1", 0);
        for phone in [&mut self.w1, &mut self.w2, &mut new] {
            let report = phone.syncs(&self.world);
            assert_eq!((report.proven, report.healed), (1, 0), "{report:?}");
        }
        self.whole();
    }

    fn whole(&self) {
        self.world.is_whole();
    }

    /// Nothing is left of a text in the server's file, its log, a copy of them, nor on the phones.
    fn nowhere(&mut self, text: &str) {
        let file = self.world.server_file();
        let copy = file.with_extension("copy");
        let connection = rusqlite::Connection::open(&file).expect("the server's file opens");
        let vacuum = format!("VACUUM INTO '{}'", copy.display());
        connection.execute_batch(&vacuum).expect("the copy is made");
        drop(connection);
        for path in [file.as_path(), &copy] {
            absent(path, text);
        }
        for phone in [&mut self.w1, &mut self.w2] {
            assert!(!phone.keeps_bytes(text.as_bytes()), "{text}");
        }
        std::fs::remove_file(copy).expect("the copy can be removed");
    }
}

/// A text is not in a file nor in what SQLite keeps beside it.
fn absent(path: &Path, text: &str) {
    for suffix in ["", "-wal", "-journal"] {
        let path = format!("{}{suffix}", path.display());
        let bytes = std::fs::read(&path).unwrap_or_default();
        let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!found, "{text} is in {path}");
    }
}

#[test]
fn an_erased_field_is_gone_everywhere_and_beats_a_concurrent_edit() {
    let mut scene = Scene::new();
    let person = scene.person;
    // The second worker is out, corrects the number and adds a note that stands by itself.
    let other = Intents::new().set_child("phones", "m", number("13855550000"));
    let beaten = scene.w2.edits(person, other);
    scene.w2.puts(person, "contact_hours", "傍晚");
    scene.erase(&["phones"]);
    scene.settle();
    assert_eq!(scene.w2.attention_codes(), [Code::Erased]);
    for phone in [&mut scene.w1, &mut scene.w2] {
        let view = phone.view(person);
        assert_eq!(
            (&view["phones"], &view["name"], &view["contact_hours"]),
            (&Value::Null, &json!("赵某"), &json!("傍晚"))
        );
    }
    // The refused edit stays on the list, by number and time, without what it said.
    let attention = scene.w2.attention();
    assert_eq!((attention[0].id.n, attention[0].intents.len()), (beaten.n, 0));
    let again = scene.w2.engine().apply_again(attention[0].id);
    assert!(matches!(&again, Err(ClientError::Refused(r)) if r.code == Code::Erased), "{again:?}");
    for text in [CANARY, "13855550000"] {
        scene.nowhere(text);
    }
    let officer = scene.world.clerk("p1");
    let history = officer.history(person, None);
    let entries = items(&history["entries"]);
    let erased = entries.iter().filter(|entry| entry["erased"] == json!(true));
    assert_eq!((entries.len(), erased.count()), (3, 2), "{history}");
    let rows = scene.world.store().erasures(Some(person));
    assert_eq!((rows[0].fields.len(), rows[0].by.as_str()), (1, "p1"));
    // Whoever knows of the erasure may write the field anew.
    let fresh = Intents::new().set_child("phones", "m", number("13700000001"));
    scene.w1.edits(person, fresh);
    scene.settle();
    scene.w2.shows(person, "phones.m.number", "13700000001");
}

#[test]
fn an_erased_record_leaves_nothing_but_its_row() {
    let mut scene = Scene::new();
    let person = scene.person;
    scene.w2.puts(person, "contact_hours", "只在周末某时");
    let told = scene.erase(&[]);
    assert_eq!(scene.erase(&[]), told, "once is enough");
    scene.settle();
    assert_eq!(scene.w2.attention_codes(), [Code::Erased]);
    for phone in [&mut scene.w1, &mut scene.w2] {
        phone.lacks(person);
        let edit = phone.engine().edit(person, Intents::new().put("name", "赵"));
        assert!(matches!(edit, Err(ClientError::Missing(_))), "{edit:?}");
    }
    for text in [CANARY, "赵某", "只在周末某时"] {
        scene.nowhere(text);
    }
    let (row, documents) = scene.world.store().record(person).expect("the row stays");
    assert!(row.erased && documents.is_empty());
    let officer = scene.world.clerk("p1");
    assert_eq!(officer.cannot_see(person, None), Code::Erased);
    assert!(scene.w1.states().iter().all(|state| *state == SentState::InLedger));
}

#[test]
fn a_supervisor_who_pulls_on_learns_that_a_row_is_gone() {
    let mut scene = Scene::new();
    let officer = scene.world.clerk("p1");
    let (rows, cursor) = officer.pull("person", &[], "", 100);
    assert_eq!(rows.len(), 1);
    scene.erase(&[]);
    let page = officer.ledger("person", &[("since", cursor.as_str())]);
    assert_eq!((page.rows.len(), page.left), (0, vec![scene.person]));
    let (rows, _) = officer.pull("person", &[], "", 100);
    assert!(rows.is_empty(), "{rows:?}");
    scene.settle();
}

#[test]
fn withdrawn_consent_hides_at_once_and_erases_with_the_next_sync() {
    let mut scene = Scene::new();
    let person = scene.person;
    let withdraw = Intents::new().remove("consents", "phone_contact");
    scene.w1.edits(person, withdraw);
    assert_eq!(scene.w1.view(person)["phones"], Value::Null, "offline, at once");
    let found = scene.w1.records(&Query::default().text(CANARY));
    assert!(found.is_empty());
    let another = Intents::new().set_child("phones", "m", number("13711111111"));
    scene.w1.cannot_edit(person, another, Code::ConsentWithdrawn);
    // At the same time a colleague notes another number, and a consent that had not seen the withdrawal.
    let number_noted = Intents::new().set_child("phones", "w", number("13855550000"));
    scene.w2.edits(person, number_noted);
    let consent = Intents::new().add("consents", "phone_contact");
    scene.w2.edits(person, consent);
    scene.settle();
    assert_eq!(scene.w2.attention_codes(), [Code::Erased]);
    for phone in [&mut scene.w1, &mut scene.w2] {
        let view = phone.view(person);
        assert_eq!((&view["phones"], &view["consents"]), (&Value::Null, &json!([])));
    }
    for text in [CANARY, "13855550000"] {
        scene.nowhere(text);
    }
    // A consent that has seen it ends it.
    let again =
        Intents::new().add("consents", "phone_contact").set_child("phones", "m", number("13722222222"));
    scene.w2.edits(person, again);
    scene.settle();
    scene.w1.shows(person, "phones.m.number", "13722222222");
}

#[test]
fn whoever_withdraws_and_gives_anew_while_out_keeps_what_came_after() {
    let mut scene = Scene::new();
    let person = scene.person;
    scene.w1.edits(person, Intents::new().remove("consents", "phone_contact"));
    scene.w1.edits(person, Intents::new().add("consents", "phone_contact"));
    let fresh = Intents::new().set_child("phones", "m", number("13733333333"));
    scene.w1.edits(person, fresh);
    scene.settle();
    assert_eq!(scene.w1.attention_codes(), []);
    scene.w2.shows(person, "phones.m.number", "13733333333");
    scene.nowhere(CANARY);
}

#[test]
fn what_is_due_is_hidden_on_a_phone_that_is_out_and_erased_by_the_daily_run() {
    let mut scene = Scene::new();
    let visit = Intents::new()
        .put("household", scene.world.household("G1").to_string())
        .put("result", "met")
        .put("summary", "老人说腰疼")
        .append("needs", "扶手")
        .put("met_count", 2);
    let visit = scene.w1.creates("visit", "G1", visit);
    scene.settle();
    scene.world.pass(400 * DAY);
    let later = Intents::new().append("needs", "轮椅");
    scene.w1.edits(visit, later);
    scene.settle();
    assert_eq!(scene.world.retains().erased, 0);
    // Its lease is not what this is about.
    let now = scene.world.service.now();
    scene.w2.engine().count_lease_by(Arc::new(move || now));
    scene.world.pass(331 * DAY);
    let shown = scene.w2.view(visit);
    assert_eq!(
        (&shown["summary"], &shown["needs"], &shown["met_count"]),
        (&Value::Null, &json!(["轮椅"]), &json!(2)),
        "without a sync: {shown}"
    );
    assert!(scene.w2.records(&Query::default().text("腰疼")).is_empty());
    let counted = scene.world.counts_what_is_due();
    assert_eq!(scene.world.retains().erased, counted.erased);
    assert_eq!(scene.world.retains().looked_at, 0);
    scene.settle();
    for phone in [&mut scene.w1, &mut scene.w2] {
        phone.shows(visit, "needs", json!(["轮椅"]));
    }
    scene.nowhere("老人说腰疼");
    scene.nowhere("扶手");
}

#[test]
fn an_old_phone_returns_after_two_generations_and_its_edits_mean_what_they_meant() {
    let mut scene = Scene::new();
    let patrol = Intents::new().put("started", scene.world.service.now()).put("squad_id", "一组");
    let patrol = scene.w1.creates("patrol", "G1", patrol);
    scene.settle();
    // The second worker goes out and counts; the first works on, and the record begins anew twice.
    let count = |by| Intents::new().increment("posters_removed", by);
    scene.w2.edits(patrol, count(3).append("media", "w2照"));
    for _ in 0..2 {
        scene.w1.edits(patrol, count(5).append("media", "w1照"));
        scene.w1.syncs(&scene.world);
        under_old_rules(&scene.world, patrol);
        assert_eq!(scene.world.renews(), 1);
    }
    scene.w2.edits(patrol, count(1).add("companions", "w1"));
    scene.settle();
    assert_eq!((scene.w1.attention_codes(), scene.w2.attention_codes()), (vec![], vec![]));
    for phone in [&mut scene.w1, &mut scene.w2] {
        let view = phone.view(patrol);
        assert_eq!(view["posters_removed"], 14, "{view}");
        assert_eq!(items(&view["media"]).len(), 3);
        assert_eq!(view["companions"], json!(["w1"]));
        assert_eq!(view["_conflicts"], Value::Null);
    }
    let row = scene.world.row(patrol);
    assert_eq!((row.epoch, row.entries, row.before.entries), (2, 5, 3));
}

/// Has the store say that a record's generation was derived under rules of before.
fn under_old_rules(world: &World, record: RecordId) {
    world.set_column(record, "rules", i64::from(RULES_VERSION - 1));
}

#[test]
fn no_entry_is_derived_under_rules_that_are_not_its_generations() {
    let mut scene = Scene::new();
    under_old_rules(&scene.world, scene.person);
    scene.w2.puts(scene.person, "contact_hours", "上午");
    scene.settle();
    let row = scene.world.row(scene.person);
    assert_eq!((row.epoch, row.rules), (1, RULES_VERSION));
}

#[test]
fn a_long_history_begins_anew_by_itself() {
    let mut scene = Scene::new();
    scene.world.set_column(scene.person, "entries", limits::EPOCH_ENTRIES as i64 - 1);
    let edit = |at: &str| Intents::new().put("contact_hours", at);
    scene.w1.edits(scene.person, edit("早"));
    scene.w2.edits(scene.person, edit("晚"));
    for _ in 0..2 {
        for phone in [&mut scene.w1, &mut scene.w2] {
            assert_eq!(phone.syncs(&scene.world).healed, 0);
        }
    }
    let row = scene.world.row(scene.person);
    assert_eq!((row.epoch, row.before.entries), (1, limits::EPOCH_ENTRIES));
    // Nothing was erased: who wrote what, and when, is all there.
    let history = scene.world.store().history(scene.person);
    assert!(history.iter().all(|row| !row.body.is_empty()));
    let conflicts = scene.w1.conflicts(Some(scene.person));
    assert_eq!(conflicts[0].values.len(), 2, "{conflicts:?}");
}

#[test]
fn a_phone_from_a_backup_of_before_an_erasure_forgets_too() {
    let mut scene = Scene::new();
    let backup = scene.w2.back_up();
    scene.w2.puts(scene.person, "contact_hours", "中午");
    scene.erase(&["phones"]);
    scene.settle();
    // The copy comes back, with an edit of its own in its place: the feed forks.
    scene.w2.come_back(&backup);
    let number_again = Intents::new().set_child("phones", "w", number("13866660000"));
    scene.w2.edits(scene.person, number_again);
    scene.w2.puts(scene.person, "relation_to_head", "head");
    scene.settle();
    assert_eq!(scene.w2.attention_codes(), [Code::Erased]);
    let view = scene.w1.view(scene.person);
    assert_eq!((&view["phones"], &view["relation_to_head"]), (&Value::Null, &json!("head")));
    for text in [CANARY, "13866660000"] {
        scene.nowhere(text);
    }
}
