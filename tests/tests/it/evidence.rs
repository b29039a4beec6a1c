//! The content of refused entries can be erased, by itself or with its record, and does not stay for ever. Numbers, hashes
//! and verdicts stay, so that chains still join.

use gridledger_client::Intents;
use gridledger_schema::code::Code;
use gridledger_schema::entry::Target;
use gridledger_schema::ids::{FeedId, RecordId};
use gridledger_schema::limits::{EVIDENCE_MS, RIGHTS_GRACE_MS};
use gridledger_server::epochs::{Reason, Wanted, WantedEntry, erase, erase_refused, retain};
use gridledger_server::operate::verify::verify;
use gridledger_server::store::rows::refusals::RefusedRow;
use gridledger_tests::attacker::{Attacker, put};
use gridledger_tests::world::World;
use serde_json::json;

/// A person whom a worker wrote down after the role had ended, and a word about that person; both were refused.
struct Scene {
    world: World,
    never_made: RecordId,
    feed: FeedId,
}

fn scene() -> Scene {
    let world = World::new(2);
    world.user("w1", "grid_worker", "G1");
    world.user("gg", "general_grid_head", "C");
    let mut phone = world.phone("w1", 0);
    phone.sync(&world).unwrap();
    world.pass(1);
    world.take("w1", "grid_worker", "G1");
    let engine = phone.engine();
    let named = Intents::new().put("name", "陆小明");
    let saved = engine.create("person", "G1", named).unwrap();
    let born = Intents::new().put("birth_year", 1943);
    engine.edit(saved.record, born).unwrap();
    world.pass(RIGHTS_GRACE_MS);
    let report = phone.sync(&world).unwrap();
    assert_eq!((report.decided, report.refused), (2, 2));
    let items = phone.engine().attention().unwrap();
    phone.engine().ask(items[0].id, "请打13812341234").unwrap();
    phone.sync(&world).unwrap();
    Scene { feed: items[0].id.feed, never_made: saved.record, world }
}

impl Scene {
    fn kept(&self, n: u64) -> RefusedRow {
        let kept = self.world.service.store.refused_entry(self.feed, n);
        kept.unwrap().expect("it was refused, and that stays")
    }

    /// Whether what the two entries said is there.
    fn said(&self) -> [bool; 2] {
        assert!(verify(&self.world.service).unwrap().is_whole());
        [1, 2].map(|n| !self.kept(n).body.is_empty())
    }

    fn wanted(&self, fields: &[&str]) -> Wanted {
        Wanted {
            record: self.never_made,
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            reason: Reason::Request,
            by: "po".into(),
            asked_at: self.world.service.now(),
        }
    }

    fn entry(&self, n: u64) -> WantedEntry {
        WantedEntry {
            entry: (self.feed, n),
            reason: Reason::Mistake,
            by: "po".into(),
            asked_at: self.world.service.now(),
        }
    }
}

#[test]
fn what_was_said_of_a_record_that_never_came_to_be_is_erased_by_its_id() {
    let scene = scene();
    assert_eq!(scene.said(), [true, true]);
    assert_eq!(scene.kept(1).asked.unwrap().1, "请打13812341234");
    let service = scene.world.service.clone();
    erase(&service, &scene.wanted(&["birth_year"])).unwrap();
    assert_eq!(scene.said(), [true, false], "a field of it");
    erase(&service, &scene.wanted(&[])).unwrap();
    assert_eq!(scene.said(), [false, false]);
    assert_eq!(scene.kept(1).asked.unwrap().1, "", "and what its author added");
    let rows = service.store.erasures(Some(scene.never_made)).unwrap();
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
    let late = service.store.refused_entry(other.feed, 1).unwrap().unwrap();
    assert_eq!((late.refusal.code, late.body.len()), (Code::RecordUnknown, 0));
    assert!(verify(&service).unwrap().is_whole());
    let nobody = Wanted { record: RecordId([9; 16]), ..scene.wanted(&[]) };
    assert_eq!(erase(&service, &nobody).unwrap_err().code(), Code::RecordUnknown);
}

#[test]
fn one_refused_entry_is_erased_alone() {
    let scene = scene();
    let service = &scene.world.service;
    erase_refused(service, &scene.entry(2)).unwrap();
    assert_eq!(scene.said(), [true, false]);
    erase_refused(service, &scene.entry(1)).unwrap();
    assert_eq!(scene.said(), [false, false]);
    assert_eq!(scene.kept(1).asked.unwrap().1, "");
    assert_eq!(erase_refused(service, &scene.entry(3)).unwrap_err().code(), Code::NotFound);
    let rows = service.store.erasures(None).unwrap();
    let entries: Vec<_> = rows.iter().map(|row| row.entry).collect();
    assert_eq!(entries, [Some((scene.feed, 2)), Some((scene.feed, 1))]);
}

#[test]
fn what_was_refused_has_its_days_and_then_goes() {
    let scene = scene();
    let service = &scene.world.service;
    scene.world.pass(EVIDENCE_MS - 1);
    assert_eq!(retain(service, true).unwrap().evidence, 0);
    assert_eq!(retain(service, false).unwrap().evidence, 0);
    assert_eq!(scene.said(), [true, true]);
    scene.world.pass(1);
    assert_eq!(retain(service, true).unwrap().evidence, 2);
    assert_eq!(scene.said(), [true, true], "counted alone");
    assert_eq!(retain(service, false).unwrap().evidence, 2);
    assert_eq!(scene.said(), [false, false]);
    assert_eq!(scene.kept(1).refusal.code, Code::GraceOver);
    assert_eq!(retain(service, false).unwrap().evidence, 0);
}
