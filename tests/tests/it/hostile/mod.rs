//! Bytes from someone who holds a real key and means no good: each is answered by a stable code, none reaches the
//! merge machine, none breaks the server, and who works beside it never notices.

mod attacks;
mod bytes;
mod judged;
mod ring;

use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Op, Target};
use gridledger_schema::wire::Request;
use gridledger_tests::attacker::{Attacker, Outcome, intent, put};
use gridledger_tests::world::{MORNING, Phone, World};
use serde_json::json;

/// A town, an attacker in it, and an honest phone that keeps working.
struct Scene {
    world: World,
    attacker: Attacker,
    honest: Phone,
    edits: u64,
}

impl Scene {
    fn new() -> Self {
        let world = World::staffed(2, &[("evil", "grid_worker", "G1"), ("good", "grid_worker", "G1")]);
        let honest = world.enrolled_phone("good");
        let attacker = Attacker::enrol(&world, "evil", 66);
        Self { world, attacker, honest, edits: 0 }
    }

    /// The honest phone saves, syncs, and finds everything as it should be.
    fn works(&mut self) {
        let patrol = gridledger_client::Intents::new().put("started", MORNING + self.edits as i64);
        self.honest.creates_entry("patrol", "G1", patrol);
        self.edits += 1;
        let report = self.honest.syncs(&self.world);
        assert_eq!((report.decided, report.refused, report.proven, report.healed), (1, 0, 1, 0));
    }

    fn push(&mut self, entries: Vec<Entry>) -> Outcome {
        self.attacker.try_entries(&self.world, entries)
    }

    /// Pushes one entry; the codes of what came of it.
    fn codes(&mut self, entry: Entry) -> Vec<Code> {
        self.push(vec![entry]).codes()
    }

    fn request(&mut self, request: &Request) -> Vec<Code> {
        self.attacker.send(&self.world, request).codes()
    }
}

/// A push of three entries with most operations in them.
fn rich(scene: &Scene) -> Vec<Entry> {
    let mut patrol = scene.attacker.patrol(&scene.world);
    patrol.intents.extend([
        intent("posters_removed", Op::Increment { by: 3 }),
        intent("companions", Op::Add { item: "w2".into() }),
        intent("media", Op::Append { value: json!("a.jpg") }),
    ]);
    let record = patrol.record(scene.attacker.feed);
    let mut edit = scene.attacker.entry(Target::Edit { record }, vec![put("coverage_note", json!("东侧"))]);
    edit.n += 1;
    let area = scene.world.area("G1");
    let target = Target::Create { record_type: "ticket".into(), area };
    let splice = Op::Splice { pos: 0, delete: 0, insert: "灯".into() };
    let item = json!({ "item": "表", "done": true });
    let child = Op::SetChild { child: "form".into(), value: gridledger_tests::forms::object(item) };
    let report = Op::Event { verb: "report".into(), args: serde_json::Map::new() };
    let mut ticket = scene.attacker.entry(
        target,
        vec![
            put("kind", json!("incident")),
            put("title", json!("灯")),
            put("point", json!({ "lat": 30.25, "lon": 120.5 })),
            intent("urgency", Op::Raise { value: 2 }),
            intent("description", splice),
            intent("checklist", child),
            intent("events", report),
        ],
    );
    ticket.n += 2;
    vec![patrol, edit, ticket]
}
