//! Random histories: a few phones, people who edit, lines that break, clocks that are wrong, stores that close, rights
//! that end. A seed repeats its history. At the end every line heals, and `check` asks whether the promises were kept.

mod chains;
mod check;
mod clocks;
mod conflicts;
mod cost;
mod edits;
mod epochs;
mod forged;
mod frames;
mod heavy;
mod held;
mod households;
mod ledgers;
mod lines;
mod of_record;
mod people;
mod processes;
mod restores;
pub mod rng;
mod scopes;
mod snapshots;
mod tally;
mod territory;
mod theme;
mod work;

use gridledger_core::calendar::DAY_MS as DAY;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Mutex;

use gridledger_client::{RecordId, SyncReport};
use gridledger_schema::ids::FeedId;
use serde_json::Value;

use crate::receiving::Receiving;
use crate::world::{Line, Phone, World};
use people::{PEOPLE, WIDE};
pub use restores::Planted;
use rng::Rng;
pub use tally::Tally;
pub use theme::Theme;

/// Rounds after which everyone must be quiet once the lines are good.
const ROUNDS: usize = 60;

/// A phone and its holder.
struct Player {
    who: usize,
    /// The process that is in front, and the answer it is receiving.
    phone: Phone,
    answer: Option<Receiving>,
    /// Another process on the same file.
    other: Option<(Phone, Option<Receiving>)>,
    feed: FeedId,
    /// Answers that were sent to it.
    answers: Vec<Vec<u8>>,
    /// How often the store had been replaced when it got its last code.
    coded: usize,
    /// Its clock was far off at some time: what was due by that clock may not show.
    was_far: bool,
}

/// An edit that `save` returned from.
struct SavedEdit {
    player: usize,
    n: u64,
    record: RecordId,
    /// The record as its author saw it; `None` of a new one, and of one whose author's lease had ended.
    saw: Option<Value>,
    /// Times of entries on that screen were corrected since.
    retimed: bool,
    /// The phone's clock may have taken values for due and left them off that screen.
    hides: bool,
}

/// A request as it was sent.
struct Sent {
    body: Vec<u8>,
    arrived: bool,
    /// Which start of the server it was sent to.
    start: usize,
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
    /// The themes of this history.
    themes: Vec<Theme>,
    /// How many of the people there are.
    people: usize,
    desks: Vec<ledgers::Desk>,
    backup: Option<restores::Backup>,
    backups: usize,
    snapshot: Option<snapshots::Snapshot>,
    /// The store was set back, and the operator has not said so yet.
    is_set_back: bool,
    /// The server's clock is wrong now.
    clock_is_wrong: bool,
    /// Feeds of devices that are no player's.
    strangers: BTreeSet<FeedId>,
    /// Marks that must never be stored.
    never: Vec<String>,
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
        let world = World::in_memory(2);
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
            themes: Vec::new(),
            people: WIDE,
            desks: Vec::new(),
            backup: None,
            backups: 0,
            snapshot: None,
            is_set_back: false,
            clock_is_wrong: false,
            strangers: BTreeSet::new(),
            never: Vec::new(),
            planted: None,
            steps,
            tally: Tally::default(),
            rng: Rng::new(seed),
        };
        territory::prepare(&simulation);
        simulation.choose_themes();
        for index in 0..simulation.rng.range(3, 5) as usize {
            // The first two share a grid; a person may hold two phones.
            let who = if index < 2 { index } else { simulation.rng.below(simulation.people) };
            simulation.join(who);
            simulation.sync(index, Line::Good)?;
        }
        simulation.begin_themes()?;
        Ok(simulation)
    }

    /// Somebody gets a phone.
    fn join(&mut self, who: usize) {
        let skew = if self.rng.percent(40) { self.rng.range(-9 * DAY, 9 * DAY) } else { 0 };
        let mut phone = self.world.phone(PEOPLE[who].0, skew);
        let feed = FeedId::of_key(&phone.engine().public_key(), 0);
        self.note(format!("{} gets phone {}", PEOPLE[who].0, self.players.len()));
        self.players.push(Player {
            who,
            phone,
            answer: None,
            other: None,
            feed,
            answers: Vec::new(),
            coded: self.replacements(),
            was_far: false,
        });
    }

    fn note(&self, step: String) {
        self.steps.lock().expect("the list of steps").push(step);
    }

    fn step(&mut self) -> Result<(), String> {
        let player = self.rng.below(self.players.len());
        if !self.themes.is_empty() && self.rng.percent(25) {
            return self.themed(player);
        }
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
            90 if !self.office_is_quiet() => {
                self.rights();
                Ok(())
            }
            91..=92 => {
                self.wrong_clock(player);
                Ok(())
            }
            93..=95 => self.attention(player),
            96 if !self.office_is_quiet() => self.end_history(),
            89 | 97 => {
                self.back_up_or_restore();
                Ok(())
            }
            98 if !self.office_is_quiet() => territory::change(self),
            _ => {
                let most = if self.rng.percent(8) { 40 * DAY } else { 6 * 3_600_000 };
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

    fn sync(&mut self, player: usize, line: Line) -> Result<(), String> {
        self.sync_told(player, line).map(|_| ())
    }

    fn sync_told(&mut self, player: usize, line: Line) -> Result<SyncReport, String> {
        self.note(format!("{player} syncs, line {line:?}"));
        self.tally.lost += usize::from(line != Line::Good);
        // A process makes one exchange at a time.
        self.players[player].answer = None;
        let before = self.screen(player)?;
        let phone = &mut self.players[player].phone;
        let report = match phone.sync_over(&self.world, line) {
            Err(error) if self.must_enrol(player, error.of_server()) => {
                self.enrol_again(player)?;
                return self.sync_told(player, line);
            }
            Err(error) if error.is_unsure() => return self.told_unsure(player),
            Err(error) if error.is_behind() => {
                return match self.told_behind(player, before)? {
                    Some(report) => Ok(report),
                    None => self.sync_told(player, line),
                };
            }
            report => report.map_err(|e| format!("a sync failed: {e}"))?,
        };
        self.note_sent(player, line != Line::RequestLost)?;
        self.pushes_are_cheap()?;
        self.note(format!("  … {report:?}"));
        self.tally.refused += report.refused as usize;
        self.nothing_disappeared(player, before)?;
        self.took(player, &report)?;
        Ok(report)
    }

    /// Looks at what an answer, or a part of one, has done to a phone.
    fn took(&mut self, player: usize, report: &SyncReport) -> Result<(), String> {
        if report.corrected > 0 {
            let own = self.saved.iter_mut().filter(|edit| edit.player == player);
            own.for_each(|edit| edit.retimed = true);
        }
        self.heals_rightly(player, report)
    }

    /// Remembers a request and its answer, so that they can arrive again.
    fn note_sent(&mut self, player: usize, arrived: bool) -> Result<(), String> {
        let restored = self.world.service.store.restored().map_err(text)?;
        if restored.is_some_and(|restore| restore.ended_at.is_some_and(|at| at >= restore.until)) {
            self.tally.waited_out = self.tally.restored;
        }
        let start = self.starts;
        let Player { phone, answers, .. } = &mut self.players[player];
        let body = phone.last_request().to_vec();
        answers.push(phone.last_answer().to_vec());
        self.requests.push_back(Sent { body, arrived, start });
        if self.requests.len() > 12 {
            self.requests.pop_front();
        }
        Ok(())
    }

    fn counts(&self) -> Result<(u64, u64, u64), String> {
        self.world.service.store.counts().map_err(text)
    }

    fn close(&mut self, player: usize) {
        self.note(format!("{player} is closed and opened"));
        self.end_processes(player);
        self.players[player].phone.engine();
    }

    fn restart(&mut self) {
        self.note("the server stops and starts".into());
        self.world.restart();
        self.starts += 1;
    }

    /// A phone's clock jumps. What is saved by it gets right times with the next sync.
    fn wrong_clock(&mut self, player: usize) {
        let days = self.rng.range(-9, 11);
        self.note(format!("{player}'s clock is now {days} days off"));
        self.players[player].phone.set_skew(days * DAY);
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
                self.take_turns(player);
                let report = self.sync_told(player, Line::Good)?;
                quiet &= report.round_trips == 1 && report.changed == 0 && report.decided == 0;
            }
            if quiet && self.nothing_waits()? {
                return Ok(());
            }
            if quiet {
                // An edit whose ground is gone waits until its time is over.
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
