//! The course of the day: enrolment and first sync, a forenoon and an afternoon with no signal, each with the way back
//! into signal ([`signal`]), and what is done about tickets and conflicts once everybody sees them.

mod signal;

use std::path::Path;

use gridledger_client::{ClientError, Purpose, RecordId};
use tokio::runtime::Runtime;

use super::cut::{Line, Signal};
use super::error::DemoError;
use super::phone::{Diary, Phone};
use super::rng::Rng;
use super::shared::Hot;
use super::tell::Tell;
use super::world::World;
use super::{tickets, work};

/// Every so many phones, one with a slow clock.
const SLOW_CLOCK: (usize, i64) = (5, -2 * 3_600_000);
/// Every so many phones, one with a fast clock.
const FAST_CLOCK: (usize, i64) = (7, 37 * 60_000);

/// The day while it is played.
pub struct Day<'a> {
    runtime: &'a Runtime,
    world: &'a World,
    tell: &'a Tell,
    rng: Rng,
    /// The phones.
    pub phones: Vec<Phone>,
    /// Edits saved on them.
    pub diary: Diary,
    /// Households several phones work on.
    pub hot: Vec<Hot>,
}

impl<'a> Day<'a> {
    /// Hands out the phones: each enrols with its next sync.
    pub fn begin(
        runtime: &'a Runtime,
        world: &'a World,
        dir: &Path,
        tell: &'a Tell,
        mut rng: Rng,
    ) -> Result<Self, DemoError> {
        let mut phones = Vec::new();
        for (index, part) in world.cast.iter().cloned().enumerate() {
            let line = runtime.block_on(Line::open(world.addr()))?;
            let skew = match index {
                index if index % SLOW_CLOCK.0 == 3 => SLOW_CLOCK.1,
                index if index % FAST_CLOCK.0 == 5 => FAST_CLOCK.1,
                _ => 0,
            };
            let mut own = rng.branch();
            let (code, url) = (world.played_code(&part.login, &mut own)?, line.url());
            let phone = Phone::new(index, part, dir, line, own, (&world.clock, skew))?;
            phone.client.enrol(&url, &code)?;
            phones.push(phone);
        }
        Ok(Self { runtime, world, tell, rng, phones, diary: Diary::default(), hot: Vec::new() })
    }

    /// Plays it.
    pub fn play(&mut self) -> Result<(), DemoError> {
        self.morning()?;
        self.forenoon()?;
        self.come_back(25, ("中午陆续有信号", "noon, signal comes back here and there"))?;
        self.catch_up()?;
        self.afternoon()?;
        self.come_back(60, ("傍晚陆续有信号，不少连接中断", "evening, signal comes back, many lines break"))?;
        self.catch_up()?;
        self.work_off_tickets()?;
        self.settle()?;
        self.until_quiet()
    }

    fn of(&self, roles: &[&str]) -> Vec<usize> {
        let of_roles = self.phones.iter().filter(|phone| roles.iter().any(|role| phone.is(role)));
        of_roles.map(|phone| phone.index).collect()
    }

    /// Grid and login of every worker.
    fn workers(&self) -> Vec<(String, String)> {
        let workers = self.phones.iter().filter(|phone| phone.is("grid_worker"));
        workers.map(|phone| (phone.part.areas[0].clone(), phone.part.login.clone())).collect()
    }

    /// Heads come first and set up the patrol points; then everybody enrols, two over lines that break.
    fn morning(&mut self) -> Result<(), DemoError> {
        let heads = self.of(&["grid_head"]);
        for at in heads.iter().copied() {
            self.sync_well(at)?;
            let phone = &mut self.phones[at];
            phone.enrolled()?;
            work::patrol_points(phone, &mut self.diary)?;
            self.sync_well(at)?;
        }
        let mut others: Vec<usize> = (0..self.phones.len()).filter(|at| !heads.contains(at)).collect();
        self.rng.shuffle(&mut others);
        for (turn, at) in others.iter().copied().enumerate() {
            if turn < 2 {
                let bytes = self.rng.between(300, 4_000) as u64;
                self.phones[at].signal(Signal::CutAnswer(bytes));
                self.sync(&[at])?;
                self.phones[at].signal(Signal::Good);
            }
            self.sync_well(at)?;
            self.phones[at].enrolled()?;
        }
        let held: u64 = self.phones.iter().map(|phone| phone.held_first).sum();
        let (count, broken) = (self.phones.len(), self.broken());
        self.tell.line(
            &format!("{count} 部手机注册并完成首次同步，共 {held} 条档案（中断 {broken} 次，均续传）"),
            &format!("{count} phones enrolled and made their first sync: {held} records in all ({broken} broke off and went on)"),
        );
        self.choose_hot()
    }

    fn choose_hot(&mut self) -> Result<(), DemoError> {
        for at in self.of(&["grid_worker"]) {
            let phone = &mut self.phones[at];
            let grid = phone.part.areas[0].clone();
            let households = phone.list("household", &grid)?;
            if households.is_empty() {
                continue;
            }
            let household = phone.rng.pick(&households).clone();
            let dwelling = household.view["dwelling_id"].as_str().and_then(|id| id.parse().ok());
            let dwelling =
                dwelling.ok_or_else(|| DemoError::Town("a household without a dwelling".into()))?;
            self.hot.push(Hot { grid, household: household.id, dwelling });
        }
        Ok(())
    }

    fn no_signal(&mut self) -> Result<(), DemoError> {
        for phone in &self.phones {
            phone.signal(Signal::None);
        }
        // One tries all the same: nothing gets through, nothing is lost.
        let at = self.rng.below(self.phones.len());
        self.sync(&[at])
    }

    fn forenoon(&mut self) -> Result<(), DemoError> {
        self.no_signal()?;
        let before = self.diary.kept.len();
        for at in 0..self.phones.len() {
            let phone = &mut self.phones[at];
            match phone.part.role.as_str() {
                "grid_worker" => work::worker_forenoon(phone, &mut self.diary, &self.hot)?,
                "grid_head" => work::head_forenoon(phone, &mut self.diary, &self.hot)?,
                "general_grid_head" => work::hot_households(phone, &mut self.diary, &self.hot)?,
                _ => {}
            }
        }
        self.forbidden_things()?;
        let (saves, contests) = (self.diary.kept.len() - before, self.diary.contests.len());
        self.tell.line(
            &format!("上午无信号：巡查、走访、登记、上报，保存 {saves} 次；{contests} 个字段被多人同时修改"),
            &format!("forenoon, no signal: patrols, visits, register, tickets: {saves} saves; {contests} fields written by several at once"),
        );
        Ok(())
    }

    /// Two things the rules forbid, so that one sees the phone itself say no.
    fn forbidden_things(&mut self) -> Result<(), DemoError> {
        let workers = self.of(&["grid_worker"]);
        if let Some(&first) = workers.first() {
            tickets::close_own_work(&mut self.phones[first], &mut self.diary)?;
        }
        if let Some(&last) = workers.last() {
            work::write_what_is_not_theirs(&mut self.phones[last], &mut self.diary)?;
        }
        Ok(())
    }

    fn afternoon(&mut self) -> Result<(), DemoError> {
        self.no_signal()?;
        let before = self.diary.kept.len();
        let patrols: Vec<(String, RecordId)> = self
            .phones
            .iter()
            .filter_map(|phone| Some((phone.part.areas.first()?.clone(), phone.patrol?)))
            .collect();
        let workers = self.workers();
        let first = workers.first().map(|(grid, _)| grid.clone()).unwrap_or_default();
        for at in 0..self.phones.len() {
            let phone = &mut self.phones[at];
            work::count_together(phone, &mut self.diary, &patrols)?;
            match phone.part.role.as_str() {
                "grid_worker" => tickets::worker_afternoon(phone, &mut self.diary)?,
                "grid_head" => tickets::head_afternoon(phone, &mut self.diary, &workers)?,
                _ => tickets::desk_afternoon(phone, &mut self.diary, &first)?,
            }
        }
        tickets::ask_first(&mut self.phones, &mut self.diary)?;
        let saves = self.diary.kept.len() - before;
        self.tell.line(
            &format!("下午无信号：同一工单、同一计数由多人各自处理，保存 {saves} 次"),
            &format!("afternoon, no signal: the same tickets and counts in several hands: {saves} saves"),
        );
        Ok(())
    }

    /// Three short turns with signal, in which those whose step is next take the tickets on.
    fn work_off_tickets(&mut self) -> Result<(), DemoError> {
        let workers = self.workers();
        let before = self.diary.kept.len();
        for _ in 0..3 {
            let mut order: Vec<usize> = (0..self.phones.len()).collect();
            self.rng.shuffle(&mut order);
            for at in order {
                tickets::take_on(&mut self.phones[at], &mut self.diary, &workers)?;
                self.sync_well(at)?;
            }
        }
        self.catch_up()?;
        let steps = self.diary.kept.len() - before;
        self.tell.line(
            &format!("有信号后继续办理工单：{steps} 个环节"),
            &format!("with signal again, tickets are taken on: {steps} steps"),
        );
        Ok(())
    }

    /// Heads and desks settle every other contest they see; the rest stays for a person to look at.
    fn settle(&mut self) -> Result<(), DemoError> {
        let who = self.of(&["grid_head", "general_grid_head", "dispatcher_community"]);
        let mut settled = 0;
        for contest in (0..self.diary.contests.len()).step_by(2) {
            for at in who.iter().copied() {
                if self.settle_on(at, contest)? {
                    settled += 1;
                    break;
                }
            }
        }
        self.tell.line(
            &format!("网格长和调度员核实并确定了 {settled} 个字段的取值"),
            &format!("heads and dispatchers settled {settled} of the fields with several values"),
        );
        Ok(())
    }

    /// Settles a contest on one phone with the value that is shown last; `false` if it is not there to settle.
    fn settle_on(&mut self, at: usize, contest: usize) -> Result<bool, DemoError> {
        let phone = &mut self.phones[at];
        let (record, field) = (self.diary.contests[contest].record, self.diary.contests[contest].field);
        let conflicts = match phone.client.open_record(record, &Purpose::Settle) {
            Ok(opened) => opened.map(|opened| opened.conflicts()).unwrap_or_default(),
            // Not every role sees the values of every record; those that are nobody's personal ones it does.
            Err(ClientError::Refused(_)) if field == "led_by" => phone.client.conflicts(Some(record))?,
            Err(ClientError::Refused(_)) => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let found = conflicts.iter().find(|conflict| conflict.field == field);
        let Some(value) = found.and_then(|conflict| conflict.values.last()) else {
            return Ok(false);
        };
        let value = value["value"].clone();
        match work::settle(phone, &mut self.diary, record, field, value.clone()) {
            // Not every role may write every field.
            Err(ClientError::Refused(_)) => Ok(false),
            Err(error) => Err(error.into()),
            Ok(()) => {
                self.diary.contests[contest].settled = Some(value);
                Ok(true)
            }
        }
    }

    /// The service, to hold the phones against.
    pub fn world(&self) -> &World {
        self.world
    }
}
