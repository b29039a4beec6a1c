//! Commands that take in the office's spreadsheets, or write those of a made-up town.

use std::path::Path;

use gridledger_schema::wire::Grant;
use serde_json::json;

use super::args::{ImportArgs, Sheet, TownArgs};
use super::say::{CliError, Speaker};
use crate::import::areas::AreaRow;
use crate::import::register::Register;
use crate::import::staff::{Assignment, StaffRow};
use crate::import::{Date, Fault, Parsed, areas, register, staff};
use crate::service::Service;
use crate::store::people::{NewArea, NewUser};
use crate::town::{self, TownSize};

const MS_PER_DAY: i64 = 24 * 3_600_000;
/// A day in the office's sheets begins at midnight in China, 8 h before UTC.
const CHINA_MS: i64 = 8 * 3_600_000;

/// `admin import`
pub fn file(service: &Service, args: &ImportArgs, speaker: Speaker) -> Result<(), CliError> {
    let bytes = std::fs::read(&args.file).map_err(|error| CliError::File {
        path: args.file.clone(),
        error,
    })?;
    match args.what {
        Sheet::Areas => import_areas(service, &bytes, args.dry_run, speaker),
        Sheet::Staff => import_staff(service, &bytes, args.dry_run, speaker),
        Sheet::Register => import_register(service, &bytes, args.dry_run, speaker),
    }
}

fn rows<T>(parsed: Result<Parsed<T>, Vec<Fault>>, speaker: Speaker) -> Result<T, CliError> {
    let parsed = parsed.map_err(CliError::Faults)?;
    for warning in &parsed.warnings {
        eprintln!("{}", speaker.of_fault(warning));
    }
    Ok(parsed.rows)
}

fn import_areas(service: &Service, bytes: &[u8], dry_run: bool, speaker: Speaker) -> Result<(), CliError> {
    let tree = service.tree();
    let rows = rows(areas::parse(bytes, &|code| tree.by_code(code).is_some()), speaker)?;
    if dry_run {
        would(rows.len(), speaker);
        return Ok(());
    }
    let areas: Vec<NewArea> = rows.into_iter().map(area).collect();
    let counts = service.store.put_areas(&areas)?;
    service.reload_tree()?;
    did(areas.len(), counts, speaker);
    Ok(())
}

fn area(row: AreaRow) -> NewArea {
    let (from, to) = (row.from.map(midnight), row.to.map(midnight));
    NewArea {
        code: row.code,
        parent: row.parent,
        kind: row.kind.to_owned(),
        name: row.name,
        from,
        to,
    }
}

fn import_staff(service: &Service, bytes: &[u8], dry_run: bool, speaker: Speaker) -> Result<(), CliError> {
    let tree = service.tree();
    let roles: Vec<staff::Role<'_>> = service
        .schema
        .roles
        .iter()
        .filter(|role| role.account)
        .map(|role| (role.code.as_str(), role.label.zh.as_str(), role.label.en.as_str()))
        .collect();
    let rows = rows(
        staff::parse(bytes, &roles, &|code| tree.by_code(code).is_some()),
        speaker,
    )?;
    if dry_run {
        would(rows.len(), speaker);
        return Ok(());
    }
    let users: Vec<NewUser> = rows
        .into_iter()
        .map(|row| user(service, row))
        .collect::<Result<_, _>>()?;
    let counts = service.store.put_users(&users)?;
    did(users.len(), counts, speaker);
    Ok(())
}

fn user(service: &Service, row: StaffRow) -> Result<NewUser, CliError> {
    let grants = row.assignments.into_iter().map(|held| grant(service, held));
    Ok(NewUser {
        login: row.login,
        name: row.name,
        password: None,
        grants: grants.collect::<Result<_, _>>()?,
    })
}

fn grant(service: &Service, held: Assignment) -> Result<Grant, CliError> {
    let missing = || {
        let code = &held.area;
        CliError::named(format!("没有区域“{code}”"), format!("there is no area `{code}`"))
    };
    let area = service.tree().by_code(&held.area).ok_or_else(missing)?.no;
    Ok(Grant {
        role: held.role,
        area,
        from: held.from.map_or(0, midnight),
        to: held.to.map(midnight),
    })
}

fn import_register(service: &Service, bytes: &[u8], dry_run: bool, speaker: Speaker) -> Result<(), CliError> {
    let tree = service.tree();
    let today = today(service.now());
    let plan = rows(
        register::parse(bytes, today, &|code| tree.by_code(code).is_some()),
        speaker,
    )?;
    if dry_run {
        would(records(&plan), speaker);
        return Ok(());
    }
    let made = take_in_register(service, &plan)?;
    did(records(&plan), (made, 0), speaker);
    Ok(())
}

fn records(plan: &Register) -> usize {
    plan.dwellings.len() + plan.households.len() + plan.people.len() + plan.residencies.len()
}

/// Makes the register's records through the same door as every other entry; returns how many were made.
pub fn take_in_register(_service: &Service, _plan: &Register) -> Result<usize, CliError> {
    Err(CliError::named(
        "本版本还不能导入户籍台账",
        "this version does not take in a register yet",
    ))
}

/// The date in China at a time (ms since 1970).
fn today(now: i64) -> Date {
    let days = (now + CHINA_MS).div_euclid(MS_PER_DAY);
    let (year, month, day) = civil(days);
    Date::new(year, month, day).unwrap_or_else(|| Date::new(2199, 12, 31).expect("BUG: a day"))
}

/// Year, month and day of a day since 1970-01-01, by the Gregorian calendar's cycle of 146,097 days in 400 years.
fn civil(days: i64) -> (u16, u8, u8) {
    let from_march = days + 719_468;
    let (era, day_of_era) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year as u16, month as u8, day as u8)
}

/// The first ms of a day in China, since 1970.
fn midnight(date: Date) -> i64 {
    date.days_since_epoch() * MS_PER_DAY - CHINA_MS
}

fn would(rows: usize, speaker: Speaker) {
    speaker.done(
        &json!({ "rows": rows, "dry_run": true }),
        &format!("检查通过，共 {rows} 条；未写入"),
        &format!("in order: {rows} rows; nothing was written"),
    );
}

fn did(rows: usize, (made, changed): (usize, usize), speaker: Speaker) {
    speaker.done(
        &json!({ "rows": rows, "made": made, "changed": changed }),
        &format!("共 {rows} 条：新建 {made}，更新 {changed}"),
        &format!("{rows} rows: {made} made, {changed} changed"),
    );
}

/// `admin sample-town`
pub fn sample_town(args: &TownArgs, speaker: Speaker) -> Result<(), CliError> {
    let size = TownSize {
        grids: args.grids,
        households_per_grid: args.households,
    };
    let failed = |error| CliError::File {
        path: args.out.clone(),
        error,
    };
    let files = town::write(&args.out, size, args.seed).map_err(failed)?;
    let shown = |path: &Path| path.display().to_string();
    let (areas, staff, register) = (shown(&files.areas), shown(&files.staff), shown(&files.register));
    speaker.done(
        &json!({ "areas": areas, "staff": staff, "register": register }),
        &format!("已写入 {areas}、{staff}、{register}"),
        &format!("wrote {areas}, {staff}, {register}"),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        for days in (-25_000..80_000).step_by(7) {
            let (year, month, day) = civil(days);
            let date = Date::new(year, month, day).expect("a day");
            assert_eq!(date.days_since_epoch(), days);
        }
    }

    #[test]
    fn a_day_begins_at_midnight_in_china() {
        let date = Date::new(2026, 1, 5).expect("a day");
        let start = midnight(date);
        assert_eq!(today(start), date);
        assert_ne!(today(start - 1), date);
    }
}
