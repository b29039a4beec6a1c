//! The content of refused entries can be erased, by itself or with its record, and does not stay for ever. Numbers, hashes
//! and verdicts stay, so that chains still join.

use gridledger_schema::code::Code;
use gridledger_schema::entry::Target;
use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::limits::{EVIDENCE_MS, RIGHTS_GRACE_MS};
use gridledger_server::store::rows::refusals::RefusedRow;
use gridledger_tests::attacker::{Attacker, put};
use gridledger_tests::forms;
use gridledger_tests::world::World;
use serde_json::json;

/// A person whom a worker wrote down after the role had ended, and a word about that person; both were refused.
struct Scene {
    world: World,
    never_made: RecordId,
    feed: FeedId,
}

fn scene() -> Scene {
    let world = World::staffed(2, &[("w1", "grid_worker", "G1"), ("gg", "general_grid_head", "C")]);
    let mut phone = world.enrolled_phone("w1");
    world.pass(1);
    world.take("w1", "grid_worker", "G1");
    let never_made = phone.creates("person", "G1", forms::person("陆小明"));
    phone.puts(never_made, "birth_year", 1943);
    world.pass(RIGHTS_GRACE_MS);
    let report = phone.syncs(&world);
    assert_eq!((report.decided, report.refused), (2, 2));
    let first = phone.attention()[0].id;
    phone.asks(first, "请打13812341234");
    phone.syncs(&world);
    Scene { feed: first.feed, never_made, world }
}

impl Scene {
    fn kept(&self, n: u64) -> RefusedRow {
        self.world.store().refused_entry(self.feed, n).expect("it was refused, and that stays")
    }

    /// Whether what the two entries said is there.
    fn said(&self) -> [bool; 2] {
        self.world.is_whole();
        [1, 2].map(|n| !self.kept(n).body.is_empty())
    }

    /// The author's question to a supervisor about the first entry.
    fn asked(&self) -> String {
        self.kept(1).asked.expect("its author asked").1
    }

    fn erases(&self, fields: &[&str]) {
        self.world.erases(self.never_made, fields, "po");
    }

    fn erases_entry(&self, n: u64) {
        self.world.erases_entry(self.feed, n, "po");
    }
}

#[test]
fn what_was_said_of_a_record_that_never_came_to_be_is_erased_by_its_id() {
    let scene = scene();
    assert_eq!(scene.said(), [true, true]);
    assert_eq!(scene.asked(), "请打13812341234");
    scene.erases(&["birth_year"]);
    assert_eq!(scene.said(), [true, false], "a field of it");
    scene.erases(&[]);
    assert_eq!(scene.said(), [false, false]);
    assert_eq!(scene.asked(), "", "and what its author added");
    let rows = scene.world.store().erasures(Some(scene.never_made));
    let told: Vec<_> = rows.iter().map(|row| (row.area, row.seq, row.fields.len())).collect();
    let area = scene.world.area("G1");
    assert_eq!(told, [(area, 0, 1), (area, 0, 0)]);
    // A later entry about it is refused as before, and its content is not kept.
    scene.world.user("w2", "grid_worker", "G1");
    let mut other = Attacker::enrol(&scene.world, "w2", 7);
    let mut entry = other.patrol(&scene.world);
    entry.target = Target::Edit { record: scene.never_made };
    entry.intents = vec![put("name", json!("陆小明"))];
    other.try_entries(&scene.world, vec![entry]);
    let late = scene.world.store().refused_entry(other.feed, 1).expect("it was refused");
    assert_eq!((late.refusal.code, late.body.len()), (Code::RecordUnknown, 0));
    scene.world.is_whole();
    let refused = scene.world.try_erase(RecordId([9; 16]), &[], "po");
    assert_eq!(refused.map_err(|error| error.code()), Err(Code::RecordUnknown));
}

#[test]
fn one_refused_entry_is_erased_alone() {
    let scene = scene();
    scene.erases_entry(2);
    assert_eq!(scene.said(), [true, false]);
    scene.erases_entry(1);
    assert_eq!(scene.said(), [false, false]);
    assert_eq!(scene.asked(), "");
    let refused = scene.world.try_erase_entry(scene.feed, 3, "po");
    assert_eq!(refused.map_err(|error| error.code()), Err(Code::NotFound));
    let rows = scene.world.store().erasures(None);
    let entries: Vec<_> = rows.iter().map(|row| row.entry).collect();
    assert_eq!(entries, [Some((scene.feed, 2)), Some((scene.feed, 1))]);
}

#[test]
fn what_was_refused_has_its_days_and_then_goes() {
    let scene = scene();
    scene.world.pass(EVIDENCE_MS - 1);
    assert_eq!(scene.world.counts_what_is_due().evidence, 0);
    assert_eq!(scene.world.retains().evidence, 0);
    assert_eq!(scene.said(), [true, true]);
    scene.world.pass(1);
    assert_eq!(scene.world.counts_what_is_due().evidence, 2);
    assert_eq!(scene.said(), [true, true], "counted alone");
    assert_eq!(scene.world.retains().evidence, 2);
    assert_eq!(scene.said(), [false, false]);
    assert_eq!(scene.kept(1).refusal.code, Code::GraceOver);
    assert_eq!(scene.world.retains().evidence, 0);
}
