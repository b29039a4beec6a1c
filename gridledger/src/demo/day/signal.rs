//! Back into signal: phones sync in a random order, over lines that break, until nothing is new.

use std::collections::VecDeque;

use super::Day;
use crate::demo::DemoError;
use crate::demo::cut::Signal;
use crate::demo::phone::{Phone, Stage, Synced, Traffic};

/// Attempts a phone with good signal has before the demo gives up.
const ATTEMPTS: u32 = 5;
/// How long a sync takes, in the time of the day.
const SYNC_MS: i64 = 3_000;
/// Rounds in which everybody must have become quiet.
const QUIET_ROUNDS: u32 = 10;

impl Day<'_> {
    /// Everybody finds signal, in a random order, some together; so many percent of the first attempts break.
    pub(super) fn come_back(&mut self, cuts_percent: usize, what: (&str, &str)) -> Result<(), DemoError> {
        let broken = self.broken();
        self.stage(Stage::Push);
        let mut order: Vec<usize> = (0..self.phones.len()).collect();
        self.rng.shuffle(&mut order);
        let mut waiting: VecDeque<(usize, u32)> = order.into_iter().map(|at| (at, 0)).collect();
        while !waiting.is_empty() {
            let together = self.rng.between(1, 3).min(waiting.len());
            let group: Vec<(usize, u32)> = waiting.drain(..together).collect();
            for (at, tries) in &group {
                let signal =
                    if *tries == 0 && self.rng.percent(cuts_percent) { self.cut() } else { Signal::Good };
                self.phones[*at].signal(signal);
            }
            let who: Vec<usize> = group.iter().map(|(at, _)| *at).collect();
            for at in self.sync_broken(&who)? {
                let tries = group.iter().find(|(one, _)| *one == at).map_or(0, |(_, tries)| *tries);
                if tries >= ATTEMPTS {
                    return Err(DemoError::Line(self.phones[at].part.login.clone()));
                }
                waiting.push_back((at, tries + 1));
            }
        }
        self.stage(Stage::Between);
        let broken = self.broken() - broken;
        self.tell.line(
            &format!("{}：全部送达（中断 {broken} 次，再次同步后补齐）", what.0),
            &format!("{}: everything arrived ({broken} syncs broke off and were made up for)", what.1),
        );
        Ok(())
    }

    fn cut(&mut self) -> Signal {
        if self.rng.percent(50) {
            Signal::CutRequest(self.rng.between(100, 700) as u64)
        } else {
            Signal::CutAnswer(self.rng.between(10, 500) as u64)
        }
    }

    /// Everybody syncs once more, with signal.
    pub(super) fn catch_up(&mut self) -> Result<(), DemoError> {
        (0..self.phones.len()).try_for_each(|at| self.sync_well(at))
    }

    pub(super) fn until_quiet(&mut self) -> Result<(), DemoError> {
        for round in 1..=QUIET_ROUNDS {
            self.stage(Stage::Idle);
            let mut news = 0;
            for at in 0..self.phones.len() {
                self.phones[at].signal(Signal::Good);
                for (_, synced) in self.sync_all(&[at])? {
                    news += match synced {
                        Synced::Whole(report) => report.changed + report.decided + u64::from(report.healed),
                        Synced::Broken => 1,
                    };
                }
            }
            if news == 0 {
                self.tell.line(
                    &format!("第 {round} 轮同步再无新内容"),
                    &format!("round {round} of syncing brought nothing new to anybody"),
                );
                return Ok(());
            }
        }
        Err(DemoError::NotQuiet(QUIET_ROUNDS))
    }

    fn stage(&mut self, stage: Stage) {
        for phone in &mut self.phones {
            phone.stage = stage;
            if stage == Stage::Idle {
                phone.idle = Traffic::default();
            }
        }
    }

    pub(super) fn broken(&self) -> u64 {
        self.phones.iter().map(Phone::broken).sum()
    }

    /// Syncs one phone with good signal until it went through.
    pub(super) fn sync_well(&mut self, at: usize) -> Result<(), DemoError> {
        self.phones[at].signal(Signal::Good);
        for _ in 0..ATTEMPTS {
            if self.sync_broken(&[at])?.is_empty() {
                return Ok(());
            }
        }
        Err(DemoError::Line(self.phones[at].part.login.clone()))
    }

    pub(super) fn sync(&mut self, who: &[usize]) -> Result<(), DemoError> {
        self.sync_all(who).map(|_| ())
    }

    /// Syncs phones; returns those whose line broke.
    fn sync_broken(&mut self, who: &[usize]) -> Result<Vec<usize>, DemoError> {
        let all = self.sync_all(who)?;
        let broken = all.into_iter().filter(|(_, synced)| matches!(synced, Synced::Broken));
        Ok(broken.map(|(at, _)| at).collect())
    }

    fn sync_all(&mut self, who: &[usize]) -> Result<Vec<(usize, Synced)>, DemoError> {
        let before: Vec<(u64, u64)> = self.phones.iter().map(|phone| phone.line.carried()).collect();
        let clients: Vec<_> = who.iter().map(|&at| (at, self.phones[at].client.clone())).collect();
        let mut out = Vec::new();
        for (at, client) in clients {
            // One after another: who comes first decides what comes of it, and the seed alone decides who does.
            let result = self.runtime.block_on(client.sync());
            self.world.clock.pass(SYNC_MS);
            let synced = match result {
                Ok(report) => Synced::Whole(report),
                Err(error) if error.is_retryable() => Synced::Broken,
                Err(error) => return Err(DemoError::Sync(self.phones[at].part.login.clone(), error)),
            };
            self.phones[at].note(before[at], &synced);
            out.push((at, synced));
        }
        Ok(out)
    }
}
