//! The list of attacks, each against one of two towns that are alike in everything else: what it got, and whether who
//! works beside it could have noticed. `--nocapture` prints the list.

use std::collections::HashMap;

use gridledger_client::{Intents, Query};
use gridledger_core::wire::envelope::read_answer_head;
use gridledger_core::wire::squeeze::unpack;
use gridledger_core::wire::{LookupFailed, RecordNames, frames};
use gridledger_schema::code::Code;
use gridledger_schema::entry::{Entry, Intent, Op, Target};
use gridledger_schema::ids::{AreaNo, FeedId, RecordId, ServerEpoch};
use gridledger_schema::limits;
use gridledger_schema::wire::{Frame, Request};
use gridledger_tests::attacker::{Attacker, intent, put};
use gridledger_tests::world::{MORNING, Phone, World};
use serde_json::{Map, Value, json};

use super::attacks;

/// A text that every attack carries, so that it can be searched for.
pub(in crate::hostile) const CANARY: &str = "金丝雀";

/// One attack.
pub(in crate::hostile) struct Attack {
    pub(in crate::hostile) name: &'static str,
    /// The codes it must get; none for an attack that is answered and changes nothing.
    pub(in crate::hostile) gets: &'static [Code],
    /// Prepares both towns.
    pub(in crate::hostile) before: fn(&mut Town),
    pub(in crate::hostile) run: fn(&mut Town) -> Vec<Code>,
}

/// A town, the attacker's device in it, and an honest phone.
pub(in crate::hostile) struct Town {
    pub(in crate::hostile) world: World,
    pub(in crate::hostile) evil: Attacker,
    head_of_grid: Attacker,
    pub(in crate::hostile) honest: Phone,
    /// A record of the attacker's, one of the honest worker's, one of another grid.
    pub(in crate::hostile) mine: RecordId,
    pub(in crate::hostile) theirs: RecordId,
    pub(in crate::hostile) elsewhere: RecordId,
    /// The ticket that `before` prepared.
    pub(in crate::hostile) ticket: RecordId,
    /// A feed whose first entry was refused, of somebody else.
    pub(in crate::hostile) theirs_refused: FeedId,
    rounds: i64,
}

impl Town {
    fn new() -> Self {
        let world = World::staffed(
            2,
            &[
                ("evil", "grid_worker", "G1"),
                ("ex", "grid_worker", "G1"),
                ("good", "grid_worker", "G1"),
                ("far", "grid_worker", "G2"),
                ("h1", "grid_head", "G1"),
            ],
        );
        let honest = world.enrolled_phone("good");
        let evil = Attacker::enrol(&world, "evil", 200);
        let head_of_grid = Attacker::enrol(&world, "h1", 201);
        let nobody = RecordId([0; 16]);
        let mut town = Self {
            world,
            evil,
            head_of_grid,
            honest,
            mine: nobody,
            theirs: nobody,
            elsewhere: nobody,
            ticket: nobody,
            theirs_refused: FeedId([0; 16]),
            rounds: 0,
        };
        let patrol = town.patrol();
        town.mine = patrol.record(town.evil.feed);
        assert_eq!(town.push(patrol), []);
        let started = Intents::new().put("started", MORNING);
        town.theirs = town.honest.creates("patrol", "G1", started);
        town.honest.syncs(&town.world);
        let far = Attacker::enrol(&town.world, "far", 202);
        let mut dwelling = town.patrol();
        dwelling.n = 1;
        dwelling.target = Target::Create { record_type: "dwelling".into(), area: town.world.area("G2") };
        dwelling.intents = vec![put("address", json!({ "number": "9" }))];
        town.elsewhere = dwelling.record(far.feed);
        assert_eq!({ far }.try_entries(&town.world, vec![dwelling]).codes(), []);
        town
    }

    /// The attacker's next entry: a patrol that is good as it is, but for what it carries.
    pub(in crate::hostile) fn patrol(&self) -> Entry {
        let mut patrol = self.evil.patrol(&self.world);
        patrol.at = self.world.service.now();
        patrol
    }

    /// … with the canary in it.
    pub(in crate::hostile) fn marked(&self) -> Entry {
        let mut patrol = self.patrol();
        patrol.intents.push(put("coverage_note", json!(CANARY)));
        patrol
    }

    pub(in crate::hostile) fn edit(&self, record: RecordId, intents: Vec<Intent>) -> Entry {
        let mut entry = self.evil.entry(Target::Edit { record }, intents);
        entry.at = self.world.service.now();
        entry.cursor = self.head();
        entry
    }

    /// Where the log of the grid ends.
    pub(in crate::hostile) fn head(&self) -> u64 {
        self.world.store().head(self.world.area("G1")).seq
    }

    pub(in crate::hostile) fn push(&mut self, entry: Entry) -> Vec<Code> {
        self.push_all(vec![entry])
    }

    pub(in crate::hostile) fn push_all(&mut self, entries: Vec<Entry>) -> Vec<Code> {
        self.evil.try_entries(&self.world, entries).codes()
    }

    pub(in crate::hostile) fn send(&mut self, request: &Request) -> Vec<Code> {
        self.evil.send(&self.world, request).codes()
    }

    /// Fetches everything there is for the attacker.
    pub(in crate::hostile) fn fetch(&mut self) {
        assert_eq!(self.send(&Request::default()), []);
    }

    /// A step of the prepared ticket by the attacker, who has fetched what there is.
    pub(in crate::hostile) fn step(&mut self, verb: &str, args: Value) -> Vec<Code> {
        self.fetch();
        let args: Map<String, Value> = args.as_object().cloned().unwrap_or_default();
        let verb = verb.into();
        let step = self.edit(self.ticket, vec![intent("events", Op::Event { verb, args })]);
        self.push(step)
    }

    /// A step of the prepared ticket by the head of the grid, who has fetched what there is.
    pub(in crate::hostile) fn head_step(&mut self, verb: &str, args: Value) {
        std::mem::swap(&mut self.evil, &mut self.head_of_grid);
        self.fetch();
        let args: Map<String, Value> = args.as_object().cloned().unwrap_or_default();
        let mut step = self.edit(self.ticket, vec![intent("events", Op::Event { verb: verb.into(), args })]);
        step.role = "grid_head".into();
        assert_eq!(self.push(step), [], "{verb}");
        std::mem::swap(&mut self.evil, &mut self.head_of_grid);
    }

    /// The head of the grid starts a patrol.
    pub(in crate::hostile) fn head_patrols(&mut self) {
        std::mem::swap(&mut self.evil, &mut self.head_of_grid);
        let mut patrol = self.patrol();
        patrol.role = "grid_head".into();
        assert_eq!(self.push(patrol), []);
        std::mem::swap(&mut self.evil, &mut self.head_of_grid);
    }

    /// Another person takes the attacker's place.
    pub(in crate::hostile) fn as_user(&mut self, login: &str, seed: u8) {
        self.evil = Attacker::enrol(&self.world, login, seed);
    }

    /// The honest phone saves and syncs; every frame it gets, but for what is random.
    fn works(&mut self) -> Vec<String> {
        self.rounds += 1;
        let patrol = Intents::new().put("started", MORNING + self.rounds);
        self.honest.creates_entry("patrol", "G1", patrol);
        let report = self.honest.syncs(&self.world);
        assert_eq!((report.decided, report.refused, report.proven, report.healed), (1, 0, 1, 0));
        let answer = self.honest.last_answer().to_vec();
        let own = self.honest.receipts();
        let own: HashMap<u64, RecordId> = own.into_iter().map(|edit| (edit.n, edit.record)).collect();
        let names = Names { world: &self.world, own };
        let packing = read_answer_head([answer[0], answer[1]]).expect("the answer's head");
        let dictionary = self.world.service.schema.dictionary();
        let mut rest =
            unpack(packing, &answer[2..], dictionary, limits::FRAME_BYTES).expect("the answer unpacks");
        let mut told = Vec::new();
        while let Some(frame) = frames::take_frame(&mut rest, &names).expect("a frame") {
            told.push(format!("{:?}", without_chance(frame)));
        }
        told
    }
}

/// A frame without what two servers differ in: their keys, and the number of their generation.
fn without_chance(frame: Frame) -> Frame {
    match frame {
        Frame::Receipt(mut receipt) => {
            receipt.signature = [0; 64];
            Frame::Receipt(receipt)
        }
        Frame::Time { at, .. } => Frame::Time { at, epoch: ServerEpoch(0) },
        Frame::Lease(mut lease) => {
            lease.secret = [0; 32];
            Frame::Lease(lease)
        }
        other => other,
    }
}

struct Names<'a> {
    world: &'a World,
    own: HashMap<u64, RecordId>,
}

impl RecordNames for Names<'_> {
    fn short(&self, _: RecordId) -> Option<(AreaNo, u64)> {
        None
    }
    fn record(&self, area: AreaNo, created: u64) -> Result<Option<RecordId>, LookupFailed> {
        Ok(self.world.store().record_named(area, created))
    }
    fn own(&self, _: FeedId, n: u64) -> Result<Option<RecordId>, LookupFailed> {
        Ok(self.own.get(&n).copied())
    }
}

/// Nothing of any attack is in a ledger, or on a phone that fetches everything.
fn nothing_got_through(town: &mut Town) {
    for (login, area) in [("good", "G1"), ("h1", "G1"), ("far", "G2")] {
        let mut phone = town.world.phone(login, 0);
        assert_eq!(phone.syncs(&town.world).proven, 1, "{login} in {area}");
        let found = phone.masked_records(&Query::default().text(CANARY));
        assert_eq!(found, [], "{login} holds it");
    }
    for area in town.world.service.tree().iter() {
        for row in town.world.store().records_of(area.no) {
            let ledger = town.world.store().ledger_row(row.record).expect("the ledger shows every record");
            let shown: String = ledger.views.iter().map(|(_, view)| view.to_string()).collect();
            assert!(!shown.contains(CANARY), "{shown}");
        }
    }
    town.world.is_whole();
}

#[test]
fn every_attack_gets_its_code_and_nobody_notices() {
    let (mut attacked, mut calm) = (Town::new(), Town::new());
    assert_eq!(attacked.works(), calm.works(), "the two are alike");
    let mut table = String::from("| attack | what it got |\n|---|---|\n");
    let mut wrong = Vec::new();
    for (seed, attack) in attacks::all().into_iter().enumerate() {
        for town in [&mut attacked, &mut calm] {
            town.as_user("evil", seed as u8 + 1);
            (attack.before)(town);
        }
        let got = (attack.run)(&mut attacked);
        if got != attack.gets {
            wrong.push(format!("{}: {got:?}, not {:?}", attack.name, attack.gets));
        }
        let codes: Vec<&str> = got.iter().map(|code| code.as_str()).collect();
        let codes = if codes.is_empty() {
            "answered; changes nothing".to_owned()
        } else {
            format!("`{}`", codes.join("`, `"))
        };
        table.extend(["| ", attack.name, " | ", &codes, " |\n"]);
        assert_eq!(attacked.works(), calm.works(), "{}: who works beside it noticed", attack.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    nothing_got_through(&mut attacked);
    println!("{table}");
}
