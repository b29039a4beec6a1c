//! Random histories of phones that are copied, and of two processes on each phone's file: backups come back, whole phones
//! are cloned, rights end for longer than the grace, refused edits are saved again, asked about, admitted. Each edit carries
//! a mark of its own; at the end each mark is where it belongs, as often as somebody meant it. A seed repeats its history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use gridledger_client::{ClientError, EntryId, Intents, RecordId, Why};
use gridledger_core::canonical;
use gridledger_schema::ids::FeedId;
use gridledger_schema::limits::RIGHTS_GRACE_MS;
use gridledger_server::desk::refused;
use gridledger_server::desk::refused::Ruled;
use serde_json::json;

use crate::office::Clerk;
use crate::receiving::Receiving;
use crate::simulation::rng::Rng;
use crate::world::{Line, MORNING, Phone, World};

/// The workers who may hold a phone.
const WORKERS: [&str; 2] = ["w1", "w2"];
/// Phones at most.
const PHONES: usize = 5;
/// Rounds after which everyone must be quiet once the lines are good.
const ROUNDS: usize = 60;

/// Counts of what happened, so that a test can show that the histories were not idle.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Edits saved.
    pub saved: usize,
    /// Entries refused by the server.
    pub refused: usize,
    /// Refused entries whose ground was refused.
    pub groundless: usize,
    /// Records built again after a refusal while other edits of them were open.
    pub rebuilt: usize,
    /// Refused edits saved again.
    pub again: usize,
    /// Refused edits admitted by a supervisor.
    pub admitted: usize,
    /// Feeds that went another way, and were left for the next.
    pub forks: usize,
    /// Backups that came back.
    pub came_back: usize,
    /// Pieces of answers that were taken with something else between them.
    pub between: usize,
    /// Edits that were on a phone alone when a backup took its place.
    pub gone_with_it: usize,
}

struct Holder {
    who: usize,
    /// The phone it is a copy of, or itself: copies share a key.
    device: usize,
    /// The process that is in front, and the answer it is receiving.
    phone: Phone,
    answer: Option<Receiving>,
    /// The other process on the same file.
    other: (Phone, Option<Receiving>),
    /// A copy, and the marks that were saved when it was made.
    backup: Option<(Vec<u8>, BTreeSet<usize>)>,
    /// Marks saved here, or in what this phone is a copy of.
    marks: BTreeSet<usize>,
}

impl Holder {
    fn new((who, device): (usize, usize), phone: Phone, marks: BTreeSet<usize>) -> Self {
        Self { who, device, other: (phone.twin(), None), phone, answer: None, backup: None, marks }
    }

    /// The other process comes to the front.
    fn take_turns(&mut self) {
        std::mem::swap(&mut self.phone, &mut self.other.0);
        std::mem::swap(&mut self.answer, &mut self.other.1);
    }

    /// Both processes end; what they were receiving is lost.
    fn close(&mut self) {
        self.phone.close();
        self.other.0.close();
        (self.answer, self.other.1) = (None, None);
    }
}

struct Histories<'a> {
    world: World,
    holders: Vec<Holder>,
    rng: Rng,
    /// How often each mark was meant: saved, saved again, admitted. Nothing when it was lost with a phone.
    meant: BTreeMap<usize, usize>,
    dismissed: BTreeSet<usize>,
    held: [bool; 2],
    steps: &'a Mutex<Vec<String>>,
    tally: Tally,
}

/// Plays a seed's history.
pub fn run(seed: u64, steps: &Mutex<Vec<String>>) -> Result<Tally, String> {
    let world = World::new(1);
    for login in WORKERS {
        world.user(login, "grid_worker", "G1");
    }
    world.user("gg", "general_grid_head", "C");
    let mut histories = Histories {
        world,
        holders: Vec::new(),
        rng: Rng::new(seed),
        meant: BTreeMap::new(),
        dismissed: BTreeSet::new(),
        held: [true; 2],
        steps,
        tally: Tally::default(),
    };
    for (who, login) in WORKERS.iter().enumerate() {
        let phone = histories.world.phone(login, 0);
        histories.holders.push(Holder::new((who, who), phone, BTreeSet::new()));
        histories.sync(who, Line::Good)?;
    }
    for _ in 0..50 + histories.rng.below(60) {
        histories.step()?;
    }
    histories.heal()?;
    histories.check()?;
    Ok(histories.tally)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn mark(number: usize) -> String {
    format!("m{number}e")
}

/// The marks in a text.
fn marks(text: &str) -> Vec<usize> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let of = |word: &str| word.strip_prefix('m')?.strip_suffix('e')?.parse().ok();
    words.filter_map(of).collect()
}

impl Histories<'_> {
    fn note(&self, step: String) {
        self.steps.lock().expect("the list of steps").push(step);
    }

    fn step(&mut self) -> Result<(), String> {
        let holder = self.rng.below(self.holders.len());
        if self.rng.percent(40) {
            self.note(format!("{holder}'s other process comes to the front"));
            self.holders[holder].take_turns();
        }
        match self.rng.below(118) {
            100..=111 => self.receive_some(holder),
            112.. => self.answer_crosses_a_fork(holder),
            0..=19 => self.create(holder),
            20..=54 => self.edit(holder),
            55..=72 => {
                let line = match self.rng.below(6) {
                    0 => Line::RequestLost,
                    1 => Line::AnswerLost,
                    2 => Line::CutAfter(self.rng.below(3_000)),
                    _ => Line::Good,
                };
                self.sync(holder, line)
            }
            73..=76 => {
                self.note(format!("{holder} is backed up"));
                self.holders[holder].close();
                let Holder { phone, marks, .. } = &mut self.holders[holder];
                let copy = (phone.back_up(), marks.clone());
                self.holders[holder].backup = Some(copy);
                Ok(())
            }
            77..=81 => self.come_back(holder),
            82..=83 if self.holders.len() < PHONES => {
                self.clone_phone(holder);
                Ok(())
            }
            84..=87 => {
                self.rights();
                Ok(())
            }
            88..=95 => self.attention(holder),
            _ => self.rule(),
        }
    }

    fn keep(
        &mut self,
        holder: usize,
        number: usize,
        saved: Result<gridledger_client::Saved, ClientError>,
    ) -> Result<(), String> {
        match saved {
            Ok(saved) => {
                self.note(format!("  … saved m{number}e as {}", saved.n));
                self.tally.saved += 1;
                *self.meant.entry(number).or_default() += 1;
                self.holders[holder].marks.insert(number);
                Ok(())
            }
            Err(ClientError::Refused(refusal)) => {
                self.note(format!("  … refused early: {refusal}"));
                Ok(())
            }
            Err(error) => Err(format!("a save failed: {error}")),
        }
    }

    fn next_mark(&self) -> usize {
        self.meant.keys().next_back().map_or(1, |last| last + 1)
    }

    fn create(&mut self, holder: usize) -> Result<(), String> {
        let number = self.next_mark();
        self.note(format!("{holder} creates a patrol"));
        let patrol = Intents::new()
            .put("started", MORNING + number as i64)
            .append("media", mark(number))
            .increment("posters_removed", 1);
        let saved = self.holders[holder].phone.engine().create("patrol", "G1", patrol);
        self.keep(holder, number, saved)
    }

    fn edit(&mut self, holder: usize) -> Result<(), String> {
        let engine = self.holders[holder].phone.engine();
        let query = gridledger_client::Query::of_type("patrol").limit(6);
        let records: Vec<RecordId> = engine.list(&query).map_err(text)?.iter().map(|r| r.id).collect();
        if records.is_empty() {
            return self.create(holder);
        }
        let record = *self.rng.pick(&records);
        let number = self.next_mark();
        self.note(format!("{holder} edits {record}"));
        let edit = Intents::new().append("media", mark(number)).increment("posters_removed", 1);
        let saved = self.holders[holder].phone.engine().edit(record, edit);
        self.keep(holder, number, saved)
    }

    fn sync(&mut self, holder: usize, line: Line) -> Result<(), String> {
        self.sync_told(holder, line).map(|_| ())
    }

    fn sync_told(&mut self, holder: usize, line: Line) -> Result<bool, String> {
        self.note(format!("{holder} syncs, line {line:?}"));
        // A process makes one exchange at a time.
        self.holders[holder].answer = None;
        let phone = &mut self.holders[holder].phone;
        let report = phone.sync_over(&self.world, line).map_err(|error| format!("a sync failed: {error}"))?;
        self.note(format!("  … {report:?}"));
        if report.healed > 0 {
            return Err("a phone's digest differed from the server's".into());
        }
        self.tally.refused += report.refused as usize;
        if report.refused > 0 {
            let open = self.holders[holder].phone.engine().status().map_err(text)?;
            self.tally.rebuilt += usize::from(open.unsent + open.sent > 0);
        }
        // Two copies of a device use each other's counters up, and have to ask twice.
        Ok(report.changed == 0 && report.decided == 0)
    }

    /// A process sends, or takes a little of the answer it is receiving.
    fn receive_some(&mut self, holder: usize) -> Result<(), String> {
        let bytes = self.rng.range(1, 400) as usize;
        let Holder { phone, answer, .. } = &mut self.holders[holder];
        let Some(mut receiving) = answer.take() else {
            *answer = Some(phone.send(&self.world, 0).map_err(text)?);
            self.note(format!("{holder} sends"));
            return Ok(());
        };
        let ended = match phone.take(&mut receiving, bytes) {
            // The lease that this answer brought is over: the process asks again.
            Err(error) if error.is_dark() => {
                self.note(format!("{holder} is dark"));
                return Ok(());
            }
            ended => ended,
        };
        let ended = ended.map_err(|error| format!("an answer: {error}"))?;
        let report = receiving.report.clone();
        if report.healed > 0 {
            return Err("a phone's digest differed from the server's".into());
        }
        self.tally.between += 1;
        if ended.is_none() {
            *answer = Some(receiving);
        } else {
            self.tally.refused += report.refused as usize;
        }
        self.note(format!("{holder} takes {bytes} bytes: {ended:?} {report:?}"));
        Ok(())
    }

    /// While one process waits for its answer, a copy of the phone writes on in the same feed, and the other process meets
    /// the fork.
    fn answer_crosses_a_fork(&mut self, holder: usize) -> Result<(), String> {
        let device = self.holders[holder].device;
        let copies = (0..self.holders.len()).filter(|of| *of != holder && self.holders[*of].device == device);
        let copies: Vec<usize> = copies.collect();
        if copies.is_empty() {
            return self.edit(holder);
        }
        let copy = *self.rng.pick(&copies);
        self.edit(holder)?;
        self.holders[holder].answer = None;
        self.receive_some(holder)?;
        self.edit(copy)?;
        self.sync(copy, Line::Good)?;
        self.holders[holder].take_turns();
        self.edit(holder)?;
        self.sync(holder, Line::Good)?;
        self.holders[holder].take_turns();
        while self.holders[holder].answer.is_some() {
            self.receive_some(holder)?;
        }
        self.edit(holder)
    }

    /// Puts a copy back. Edits saved since the copy was made are gone with the phone, unless the ledger holds them; the
    /// server keeps refused ones as evidence.
    fn come_back(&mut self, holder: usize) -> Result<(), String> {
        let Some((file, then)) = self.holders[holder].backup.clone() else {
            return self.sync(holder, Line::Good);
        };
        self.note(format!("{holder} comes back from its backup"));
        self.tally.came_back += 1;
        let there = self.on_server()?;
        let elsewhere: BTreeSet<usize> = self
            .holders
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != holder)
            .flat_map(|(_, other)| other.marks.iter().copied())
            .collect();
        let lost: Vec<usize> = self.holders[holder]
            .marks
            .difference(&then)
            .copied()
            .filter(|number| {
                there.get(number).is_none_or(|counts| counts.0 == 0) && !elsewhere.contains(number)
            })
            .collect();
        for number in &lost {
            self.meant.insert(*number, 0);
        }
        self.tally.gone_with_it += lost.len();
        self.holders[holder].close();
        let Holder { phone, marks, .. } = &mut self.holders[holder];
        phone.come_back(&file);
        *marks = then;
        Ok(())
    }

    fn clone_phone(&mut self, holder: usize) {
        let name = format!("clone-{}.db", self.holders.len());
        self.note(format!("{holder} is cloned as {}", self.holders.len()));
        self.holders[holder].close();
        let Holder { who, device, phone, marks, .. } = &mut self.holders[holder];
        let (who, device, marks) = (*who, *device, marks.clone());
        let phone = phone.clone_to(&name);
        self.holders.push(Holder::new((who, device), phone, marks));
    }

    /// A role ends for longer than the grace, or is given again.
    fn rights(&mut self) {
        let who = self.rng.below(WORKERS.len());
        if self.held[who] {
            self.note(format!("{} is no longer a worker, and time passes", WORKERS[who]));
            self.world.take(WORKERS[who], "grid_worker", "G1");
            self.world.pass(RIGHTS_GRACE_MS);
        } else {
            self.note(format!("{} is a worker again", WORKERS[who]));
            self.world.give(WORKERS[who], "grid_worker", "G1");
        }
        self.held[who] = !self.held[who];
        self.world.pass(1);
    }

    fn attention(&mut self, holder: usize) -> Result<(), String> {
        let items = self.holders[holder].phone.engine().attention().map_err(text)?;
        if items.is_empty() {
            return self.edit(holder);
        }
        let item = self.rng.pick(&items);
        let id = item.id;
        let numbers = self.refused_marks(id.feed, id.n)?;
        match self.rng.below(3) {
            0 => self.again(holder, id, &numbers),
            1 => {
                self.note(format!("{holder} asks about {id}"));
                match self.holders[holder].phone.engine().ask(id, "请核实") {
                    // It was ruled on.
                    Ok(()) | Err(ClientError::Missing(_)) => Ok(()),
                    Err(error) => Err(error.to_string()),
                }
            }
            _ => {
                self.note(format!("{holder} dismisses {id}"));
                self.dismissed.extend(numbers);
                self.holders[holder].phone.engine().dismiss(id).map_err(text)
            }
        }
    }

    fn again(&mut self, holder: usize, id: EntryId, numbers: &[usize]) -> Result<(), String> {
        self.note(format!("{holder} saves {id} again"));
        match self.holders[holder].phone.engine().apply_again(id) {
            Ok(_) => {
                self.tally.again += 1;
                for number in numbers {
                    *self.meant.entry(*number).or_default() += 1;
                    // The refused one is off the list; the new one is a save like any other.
                    self.dismissed.insert(*number);
                    self.holders[holder].marks.insert(*number);
                }
                Ok(())
            }
            Err(ClientError::Refused(refusal)) => {
                self.note(format!("  … {refusal}"));
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// A supervisor rules on a refused entry, asked about or not.
    fn rule(&mut self) -> Result<(), String> {
        let clerk = Clerk::new(&self.world.service, "gg");
        let listed = refused::list(&clerk.reader(), &refused::Question::default()).map_err(text)?;
        let open: Vec<(FeedId, u64)> = listed["refused"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|item| item["ruling"].is_null())
            .filter_map(|item| Some((item["feed"].as_str()?.parse().ok()?, item["n"].as_u64()?)))
            .collect();
        if open.is_empty() {
            return Ok(());
        }
        let which = *self.rng.pick(&open);
        if self.rng.percent(30) {
            self.note(format!("gg declines {}.{}", which.0, which.1));
            return refused::decline_one(&clerk.reader(), &clerk.user, which, "不属实")
                .map(|_| ())
                .map_err(text);
        }
        let ruled = refused::admit_one(&clerk.reader(), &clerk.user, which, "属实").map_err(text)?;
        self.note(format!("gg admits {}.{}: {ruled:?}", which.0, which.1));
        if matches!(ruled, Ruled::Stands(_)) {
            self.tally.admitted += 1;
            for number in self.refused_marks(which.0, which.1)? {
                *self.meant.entry(number).or_default() += 1;
            }
        }
        Ok(())
    }

    /// The marks of a refused entry, as the server keeps it: a phone in the dark does not say.
    fn refused_marks(&self, feed: FeedId, n: u64) -> Result<Vec<usize>, String> {
        let row = self.world.service.store.refused_entry(feed, n).map_err(text)?;
        let entry = canonical::decode(&row.ok_or("the refused entry is gone")?.body).map_err(text)?;
        Ok(marks(&json!(entry.intents).to_string()))
    }

    /// For each mark, the stored entries and the refused entries that carry it.
    fn on_server(&self) -> Result<BTreeMap<usize, (usize, usize)>, String> {
        let store = &self.world.service.store;
        let mut there: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for feed in store.feeds().map_err(text)? {
            for kept in store.kept_entries(feed.row.feed, 0, 100_000).map_err(text)? {
                let entry = canonical::decode(&kept.body).map_err(text)?;
                for number in marks(&json!(entry.intents).to_string()) {
                    let counts = there.entry(number).or_default();
                    if kept.refused {
                        counts.1 += 1;
                    } else {
                        counts.0 += 1;
                    }
                }
            }
        }
        Ok(there)
    }

    /// Everyone is a worker again; good lines: everyone syncs until nobody has anything new.
    fn heal(&mut self) -> Result<(), String> {
        for (login, held) in WORKERS.iter().zip(self.held) {
            if !held {
                self.world.give(login, "grid_worker", "G1");
            }
        }
        self.note("the lines are good from here on".into());
        for _ in 0..ROUNDS {
            let mut quiet = true;
            for holder in 0..self.holders.len() {
                self.holders[holder].take_turns();
                quiet &= self.sync_told(holder, Line::Good)?;
            }
            if quiet {
                return Ok(());
            }
        }
        Err(format!("not quiet after {ROUNDS} rounds"))
    }

    fn check(&mut self) -> Result<(), String> {
        let there = self.on_server()?;
        let mut waiting: BTreeSet<usize> = BTreeSet::new();
        for holder in 0..self.holders.len() {
            let engine = self.holders[holder].phone.engine();
            for item in engine.attention().map_err(text)? {
                waiting.extend(marks(&json!(item.intents).to_string()));
                self.tally.groundless += usize::from(matches!(item.why, Why::GroundGone { .. }));
            }
        }
        for (number, meant) in &self.meant {
            let (stored, refused) = there.get(number).copied().unwrap_or_default();
            let settled = stored > 0 || waiting.contains(number) || self.dismissed.contains(number);
            if *meant > 0 && !settled {
                return Err(format!("m{number}e is nowhere: refused {refused} times, on no list"));
            }
            if stored > *meant {
                return Err(format!("m{number}e was meant {meant} times and is stored {stored} times"));
            }
        }
        let feeds = self.world.service.store.feeds().map_err(text)?;
        self.tally.forks = feeds.iter().filter(|feed| feed.row.ordinal > 0).count();
        self.shown(&there)?;
        let report = gridledger_server::operate::verify::verify(&self.world.service).map_err(text)?;
        match report.differences {
            0 => Ok(()),
            _ => Err(format!("verify: {:?}", report.listed)),
        }
    }

    /// Every phone shows each stored mark as often as it is stored, no other, and counters that agree.
    fn shown(&mut self, there: &BTreeMap<usize, (usize, usize)>) -> Result<(), String> {
        for holder in 0..self.holders.len() {
            let Holder { who, phone, .. } = &mut self.holders[holder];
            let records =
                phone.engine().for_check().list(&gridledger_client::Query::default()).map_err(text)?;
            let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
            for record in &records {
                let media = record.view["media"].as_array().cloned().unwrap_or_default();
                if record.view["posters_removed"] != json!(media.len()) || record.pending > 0 {
                    return Err(format!("{holder} ({}) shows {record:?}", WORKERS[*who]));
                }
                for number in media.iter().flat_map(|one| marks(&one.to_string())) {
                    *seen.entry(number).or_default() += 1;
                }
            }
            for number in there.keys().chain(seen.keys()) {
                let (stored, shown) =
                    (there.get(number).map_or(0, |counts| counts.0), seen.get(number).copied().unwrap_or(0));
                if stored != shown {
                    return Err(format!(
                        "m{number}e is stored {stored} times, phone {holder} shows it {shown} times"
                    ));
                }
            }
        }
        Ok(())
    }
}
