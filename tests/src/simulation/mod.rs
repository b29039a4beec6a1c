//! Random histories: a few phones, people who edit, lines that break, clocks that are wrong, stores that close, rights
//! that end. A seed repeats its history. At the end every line heals, and `check` asks whether the promises were kept.

mod check;
mod edits;
mod epochs;
mod lines;
mod of_record;
mod restores;
pub mod rng;
mod territory;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;

use gridledger_client::faults;
use gridledger_client::{ClientError, Intents, Query, RecordId, SyncReport};
use gridledger_schema::code::Code;
use gridledger_schema::ids::FeedId;
use gridledger_server::sync::SyncError;
use serde_json::Value;

use crate::world::{Line, MORNING, Phone, SyncFailure, World};
pub use restores::Planted;
use rng::Rng;

/// Milliseconds of a day.
const DAY: i64 = 24 * 3_600_000;
/// Who may hold a phone: login, role, area.
const PEOPLE: [(&str, &str, &str); 6] = [
    ("w1", "grid_worker", "G1"),
    ("w2", "grid_worker", "G1"),
    ("w3", "grid_worker", "G2"),
    ("h1", "grid_head", "G1"),
    ("d1", "dispatcher_community", "C"),
    ("g1", "general_grid_head", "C"),
];
/// Rounds after which everyone must be quiet once the lines are good.
const ROUNDS: usize = 60;

/// A phone and its holder.
struct Player {
    who: usize,
    phone: Phone,
    feed: FeedId,
    /// Answers that were sent to it.
    answers: Vec<Vec<u8>>,
}

/// An edit that `save` returned from.
struct SavedEdit {
    player: usize,
    n: u64,
    record: RecordId,
    /// The record as its author saw it; `None` of a new one, and of one whose author's lease had ended.
    saw: Option<Value>,
}

/// A request as it was sent.
struct Sent {
    body: Vec<u8>,
    arrived: bool,
    /// Which start of the server it was sent to.
    start: usize,
}

/// What happened in a history, so that a test can say it was not an idle one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Edits saved.
    pub saved: usize,
    /// Of those, refused by the server.
    pub refused: usize,
    /// Edits a phone refused at once.
    pub refused_early: usize,
    /// Requests, answers or parts of answers lost.
    pub lost: usize,
    /// Old requests delivered again.
    pub repeated: usize,
    /// Entries whose author had not seen all that was there.
    pub concurrent: usize,
    /// Tickets that ended closed or evaluated.
    pub closed: usize,
    /// Changes of the territory.
    pub plans: usize,
    /// Records that moved, each time counted.
    pub moved: usize,
    /// Records that began anew, nothing erased.
    pub epochs: usize,
    /// Erasures asked for.
    pub erased: usize,
    /// Edits that an erasure beat.
    pub beaten: usize,
    /// Restores from an older backup.
    pub restored: usize,
    /// Restores up to the last whose recovery ended with its time only.
    pub waited_out: usize,
}

struct Simulation<'a> {
    world: World,
    players: Vec<Player>,
    rng: Rng,
    saved: Vec<SavedEdit>,
    /// Refused edits that their author dealt with: player and number.
    dealt_with: BTreeSet<(usize, u64)>,
    requests: VecDeque<Sent>,
    starts: usize,
    marks: usize,
    /// Codes of the grids that are open.
    grids: Vec<String>,
    /// When roles were ended.
    ends: Vec<i64>,
    /// Which of the people hold their role.
    holds: [bool; PEOPLE.len()],
    backup: Option<restores::Backup>,
    backups: usize,
    planted: Option<Planted>,
    steps: &'a Mutex<Vec<String>>,
    tally: Tally,
}

/// Plays a seed's history; `steps` tells what happened, also after a panic.
pub fn run(seed: u64, steps: &Mutex<Vec<String>>) -> Result<Tally, String> {
    run_with(seed, steps, None)
}

/// … with a fault that should be found.
pub fn run_with(seed: u64, steps: &Mutex<Vec<String>>, planted: Option<Planted>) -> Result<Tally, String> {
    let mut simulation = Simulation::new(seed, steps)?;
    simulation.planted = planted;
    let dropped = planted == Some(Planted::ShadowDropped);
    faults::plant(dropped.then_some("shadow_dropped_early"));
    let length = 40 + simulation.rng.below(80);
    for _ in 0..length {
        simulation.step()?;
    }
    simulation.heal()?;
    check::promises(&mut simulation)?;
    Ok(simulation.tally)
}

impl<'a> Simulation<'a> {
    fn new(seed: u64, steps: &'a Mutex<Vec<String>>) -> Result<Self, String> {
        let world = World::new(2);
        for (login, role, area) in PEOPLE {
            world.user(login, role, area);
        }
        let mut simulation = Self {
            world,
            players: Vec::new(),
            saved: Vec::new(),
            dealt_with: BTreeSet::new(),
            requests: VecDeque::new(),
            starts: 0,
            marks: 0,
            grids: vec!["G1".into(), "G2".into()],
            ends: Vec::new(),
            holds: [true; PEOPLE.len()],
            backup: None,
            backups: 0,
            planted: None,
            steps,
            tally: Tally::default(),
            rng: Rng::new(seed),
        };
        territory::prepare(&simulation);
        for index in 0..simulation.rng.range(3, 5) as usize {
            // The first two share a grid; a person may hold two phones.
            let who = if index < 2 {
                index
            } else {
                simulation.rng.below(PEOPLE.len())
            };
            simulation.join(who);
            simulation.sync(index, Line::Good)?;
        }
        Ok(simulation)
    }

    /// Somebody gets a phone.
    fn join(&mut self, who: usize) {
        let skew = if self.rng.percent(40) {
            self.rng.range(-9 * DAY, 9 * DAY)
        } else {
            0
        };
        let mut phone = self.world.phone(PEOPLE[who].0, skew);
        let feed = FeedId::of_key(&phone.engine().public_key(), 0);
        self.note(format!("{} gets phone {}", PEOPLE[who].0, self.players.len()));
        self.players.push(Player {
            who,
            phone,
            feed,
            answers: Vec::new(),
        });
    }

    fn note(&self, step: String) {
        self.steps.lock().expect("the list of steps").push(step);
    }

    fn step(&mut self) -> Result<(), String> {
        let player = self.rng.below(self.players.len());
        match self.rng.below(100) {
            0..=15 => self.create(player),
            16..=55 => self.edit(player),
            56..=60 => self.settle(player),
            61..=64 => self.slow_answer(player),
            65 if self.players.len() < 6 => self.late_comer(),
            65..=80 => {
                let line = self.line();
                self.sync(player, line)
            }
            81..=83 => self.repeat(),
            84 => self.repeat_answer(player),
            85..=87 => {
                self.close(player);
                Ok(())
            }
            88 => {
                self.restart();
                Ok(())
            }
            90 => {
                self.rights();
                Ok(())
            }
            91..=92 => {
                self.wrong_clock(player);
                Ok(())
            }
            93..=95 => self.attention(player),
            96 => self.end_history(),
            89 | 97 => {
                self.back_up_or_restore();
                Ok(())
            }
            98 => territory::change(self),
            _ => {
                let most = if self.rng.percent(8) {
                    40 * DAY
                } else {
                    6 * 3_600_000
                };
                let ms = self.rng.range(1, most);
                self.note(format!("{ms} ms pass"));
                self.world.pass(ms);
                Ok(())
            }
        }
    }

    fn line(&mut self) -> Line {
        match self.rng.below(10) {
            0 => Line::RequestLost,
            1 | 2 => Line::AnswerLost,
            3 | 4 => Line::CutAfter(self.rng.below(6_000)),
            _ => Line::Good,
        }
    }

    fn mark(&mut self) -> String {
        self.marks += 1;
        format!("m{}e", self.marks)
    }

    fn create(&mut self, player: usize) -> Result<(), String> {
        let areas = self.players[player].phone.engine().status().map_err(text)?.areas;
        if areas.is_empty() {
            return Ok(());
        }
        let area = self.rng.pick(&areas).code.clone();
        let homes = edits::Homes {
            dwellings: self.ids(player, "dwelling")?,
            households: self.ids(player, "household")?,
        };
        let mark = self.mark();
        let now = MORNING + self.marks as i64;
        let (kind, intents) = edits::create(&mut self.rng, &mark, &homes, now);
        self.note(format!("{player} creates a {kind} in {area}: {intents:?}"));
        let saved = self.players[player].phone.engine().create(kind, &area, intents);
        self.keep(player, saved, None)
    }

    fn ids(&mut self, player: usize, kind: &str) -> Result<Vec<String>, String> {
        let found = self.players[player]
            .phone
            .engine()
            .for_check()
            .list(&Query::of_type(kind).limit(20));
        Ok(found.map_err(text)?.iter().map(|r| r.id.to_string()).collect())
    }

    fn edit(&mut self, player: usize) -> Result<(), String> {
        let records = self.players[player]
            .phone
            .engine()
            .for_check()
            .list(&Query::default().limit(8));
        let records = records.map_err(text)?;
        if records.is_empty() {
            return self.create(player);
        }
        let record = self.rng.pick(&records).id;
        self.edit_one(player, record)
    }

    /// Edits a record, if the player has it.
    fn edit_one(&mut self, player: usize, record: RecordId) -> Result<(), String> {
        let found = self.players[player]
            .phone
            .engine()
            .for_check()
            .get(record)
            .map_err(text)?;
        let Some(record) = found else { return Ok(()) };
        let mark = self.mark();
        let people: Vec<String> = PEOPLE.iter().map(|(login, ..)| (*login).to_owned()).collect();
        let mut tickets = self.ids(player, "ticket")?;
        tickets.push(RecordId([9; 16]).to_string());
        let intents = edits::edit(&mut self.rng, &record, &mark, &people, &tickets);
        let saw = (!record.withheld).then_some(record.view);
        self.save(player, record.id, intents, saw)
    }

    fn save(
        &mut self,
        player: usize,
        record: RecordId,
        intents: Intents,
        saw: Option<Value>,
    ) -> Result<(), String> {
        self.note(format!("{player} edits {record}: {intents:?}"));
        let saved = self.players[player].phone.engine().edit(record, intents);
        self.keep(player, saved, saw)
    }

    /// A refusal on the phone saves nothing; anything else that goes wrong is a fault.
    fn keep(
        &mut self,
        player: usize,
        saved: Result<gridledger_client::Saved, ClientError>,
        saw: Option<Value>,
    ) -> Result<(), String> {
        match saved {
            Ok(saved) => {
                self.note(format!("  … saved as {}", saved.n));
                self.tally.saved += 1;
                let (n, record) = (saved.n, saved.record);
                self.saved.push(SavedEdit {
                    player,
                    n,
                    record,
                    saw,
                });
                Ok(())
            }
            Err(ClientError::Refused(refusal)) => {
                self.note(format!("  … refused early: {refusal}"));
                self.tally.refused_early += 1;
                Ok(())
            }
            Err(error) => Err(format!("a save failed: {error}")),
        }
    }

    fn settle(&mut self, player: usize) -> Result<(), String> {
        let conflicts = self.players[player]
            .phone
            .engine()
            .for_check()
            .conflicts(None)
            .map_err(text)?;
        if conflicts.is_empty() {
            return self.edit(player);
        }
        let conflict = self.rng.pick(&conflicts);
        let value = self.rng.pick(&conflict.values)["value"].clone();
        let engine = self.players[player].phone.engine();
        let saw = engine
            .for_check()
            .get(conflict.record)
            .map_err(text)?
            .filter(|r| !r.withheld)
            .map(|r| r.view);
        self.note(format!(
            "{player} settles {} of {} with {value}",
            conflict.field, conflict.record
        ));
        let saved = self.players[player]
            .phone
            .engine()
            .settle(conflict.record, &conflict.field, value);
        self.keep(player, saved, saw)
    }

    fn sync(&mut self, player: usize, line: Line) -> Result<(), String> {
        self.sync_told(player, line).map(|_| ())
    }

    fn sync_told(&mut self, player: usize, line: Line) -> Result<SyncReport, String> {
        self.note(format!("{player} syncs, line {line:?}"));
        self.tally.lost += usize::from(line != Line::Good);
        let before = self.screen(player)?;
        let phone = &mut self.players[player].phone;
        let report = match phone.sync_over(&self.world, line) {
            Err(SyncFailure::Server(SyncError::Refused(Code::DeviceUnknown))) => {
                self.enrol_again(player)?;
                return self.sync_told(player, line);
            }
            report => report.map_err(|e| format!("a sync failed: {e}"))?,
        };
        let (arrived, start) = (line != Line::RequestLost, self.starts);
        let restored = self.world.service.store.restored().map_err(text)?;
        if restored.is_some_and(|restore| restore.ended_at.is_some_and(|at| at >= restore.until)) {
            self.tally.waited_out = self.tally.restored;
        }
        let phone = &mut self.players[player].phone;
        let body = phone.last_request().to_vec();
        self.requests.push_back(Sent { body, arrived, start });
        if self.requests.len() > 12 {
            self.requests.pop_front();
        }
        let answer = self.players[player].phone.last_answer().to_vec();
        self.players[player].answers.push(answer);
        self.note(format!("  … {report:?}"));
        self.tally.refused += report.refused as usize;
        self.nothing_disappeared(player, before)?;
        if report.healed > 0 {
            return Err("a phone's digest differed from the server's".into());
        }
        Ok(report)
    }

    fn counts(&self) -> Result<(u64, u64, u64), String> {
        self.world.service.store.counts().map_err(text)
    }

    fn close(&mut self, player: usize) {
        self.note(format!("{player} is closed and opened"));
        self.players[player].phone.close();
        self.players[player].phone.engine();
    }

    fn restart(&mut self) {
        self.note("the server stops and starts".into());
        self.world.restart();
        self.starts += 1;
    }

    /// An answer from before tells of rights and areas as they were: no phone takes one after a newer one.
    fn old_answers_are_lost(&mut self) {
        self.players.iter_mut().for_each(|player| player.answers.clear());
    }

    /// Somebody's role ends; one that ended before is given again.
    fn rights(&mut self) {
        let who = self.rng.range(1, PEOPLE.len() as i64 - 1) as usize;
        let (login, role, area) = PEOPLE[who];
        let ended = self.world.take(login, role, area);
        self.holds[who] = !ended;
        if ended {
            self.old_answers_are_lost();
            self.ends.push(self.world.service.now());
        } else {
            self.world.give(login, role, area);
        }
        self.note(format!(
            "{login} {} {role}",
            if ended { "is no longer" } else { "is again" }
        ));
        // Two grants of one moment would be one.
        self.world.pass(1);
    }

    /// A phone's clock jumps. By more than ten days ahead its edits are refused until it has synced.
    fn wrong_clock(&mut self, player: usize) {
        let days = self.rng.range(-9, 11);
        self.note(format!("{player}'s clock is now {days} days off"));
        self.players[player].phone.set_skew(days * DAY);
    }

    fn attention(&mut self, player: usize) -> Result<(), String> {
        let engine = self.players[player].phone.engine();
        let Some(first) = engine.attention().map_err(text)?.into_iter().next() else {
            return self.edit(player);
        };
        if self.rng.percent(50) {
            self.dealt_with.insert((player, first.id.n));
            self.note(format!("{player} dismisses {}", first.id.n));
            return self.players[player]
                .phone
                .engine()
                .dismiss(first.id)
                .map_err(text);
        }
        self.note(format!("{player} applies {} again", first.id.n));
        match self.players[player].phone.engine().apply_again(first.id) {
            // The record is gone with the refused edit that made it.
            Err(ClientError::Missing(_)) => Ok(()),
            saved => {
                if saved.is_ok() {
                    self.dealt_with.insert((player, first.id.n));
                }
                self.keep(player, saved, None)
            }
        }
    }

    fn nothing_waits(&mut self) -> Result<bool, String> {
        let mut waits = false;
        for player in &mut self.players {
            waits |= player.phone.engine().status().map_err(text)?.unsent > 0;
        }
        Ok(!waits)
    }

    /// Good lines: everyone syncs until nobody has anything new.
    fn heal(&mut self) -> Result<(), String> {
        for player in &self.players {
            player.phone.set_skew(0);
        }
        self.note("the lines are good from here on".into());
        for _ in 0..ROUNDS {
            let mut quiet = true;
            for player in 0..self.players.len() {
                let report = self.sync_told(player, Line::Good)?;
                quiet &= report.round_trips == 1 && report.changed == 0 && report.decided == 0;
            }
            if quiet && self.nothing_waits()? {
                return Ok(());
            }
            if quiet {
                // What was made on something that is not there any more waits until the time for it is over.
                self.note("a day passes".into());
                self.world.pass(25 * 3_600_000);
            }
        }
        Err(format!("not quiet after {ROUNDS} rounds"))
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
