//! The commands that import the office's spreadsheets, or write those of a made-up town.

use std::io::IsTerminal as _;
use std::path::Path;

use gridledger_core::calendar::Zone;
use gridledger_schema::wire::Grant;
use serde_json::json;

use super::args::{ImportArgs, Spreadsheet, TownArgs};
use super::outlook::Telling;
use super::say::{CliError, Speaker};
use super::taken::{OFFICE, places, print_faults, set_aside, words};
use crate::calendar::date::Date;
use crate::office::import::areas::AreaRow;
use crate::office::import::register::{Office, Register};
use crate::office::import::{Fault, Parsed, areas, register};
use crate::office::reconcile;
use crate::office::reconcile::{ImportError, ImportOptions, ImportReport};
use crate::office::town;
use crate::office::town::TownSize;
use crate::service::Service;
use crate::store::rows::people::{NewArea, NewUser, User};

/// Runs `admin import`.
pub fn file(service: &Service, args: &ImportArgs, speaker: Speaker) -> Result<(), CliError> {
    let bytes =
        std::fs::read(&args.file).map_err(|error| CliError::File { path: args.file.clone(), error })?;
    match args.what {
        Spreadsheet::Areas => import_areas(service, &bytes, args.dry_run, speaker),
        Spreadsheet::Staff => super::staff::import(service, &bytes, args, speaker),
        Spreadsheet::Register => import_register(service, &bytes, args, speaker),
    }
}

fn take_rows<T>(parsed: Result<Parsed<T>, Vec<Fault>>, speaker: Speaker) -> Result<T, CliError> {
    let parsed = parsed.map_err(CliError::Faults)?;
    for warning in &parsed.warnings {
        crate::note_line!("{}", speaker.describe_fault(warning));
    }
    Ok(parsed.rows)
}

fn import_areas(service: &Service, bytes: &[u8], dry_run: bool, speaker: Speaker) -> Result<(), CliError> {
    let tree = service.tree();
    let rows = take_rows(areas::parse(bytes, &|code| tree.by_code(code).is_some()), speaker)?;
    if dry_run {
        print_checked(rows.len(), speaker);
        return Ok(());
    }
    let areas: Vec<NewArea> = rows.into_iter().map(|row| area(row, service.zone())).collect();
    let counts = service.store.put_areas(&areas)?;
    service.reload_tree()?;
    print_imported(areas.len(), counts, speaker);
    Ok(())
}

fn area(row: AreaRow, zone: &Zone) -> NewArea {
    let start = |date: Date| date.start(zone);
    let (from, to) = (row.from.map(start), row.to.map(start));
    NewArea { code: row.code, parent: row.parent, kind: row.kind.to_owned(), name: row.name, from, to }
}

fn import_register(
    service: &Service,
    bytes: &[u8],
    args: &ImportArgs,
    speaker: Speaker,
) -> Result<(), CliError> {
    let tree = service.tree();
    let today = Date::at(service.zone(), service.now());
    let known = |code: &str| tree.by_code(code).is_some();
    let sheet = Office { today, places: places(&tree, &known), words: words(args)? };
    let taken = print_faults(register::take(bytes, &sheet), speaker)?;
    let plan = &taken.rows;
    let options = ImportOptions { accept_doubtful: args.accept_doubtful };
    let (login, grants) = match args.by.as_deref() {
        Some(login) => (login, service.store.grants(named(service, login)?.no)?),
        None => (OFFICE, office_grants(service)),
    };
    let prepared = reconcile::prepare(service, (login, &grants), plan, options).map_err(not_imported)?;
    let telling = Telling { schema: &service.schema, speaker, all: args.all };
    if args.dry_run {
        telling.lists(prepared.outlook());
        print_outlook(plan, prepared.outlook(), speaker);
        return set_aside(&taken, args, speaker);
    }
    let user = match args.by.as_deref() {
        Some(login) => named(service, login)?,
        None => office(service)?,
    };
    let mut progress = Progress::new(args.progress);
    let report = reconcile::carry_out(service, &user, prepared, &mut |done, of| progress.show(done, of));
    let report = report.map_err(not_imported)?;
    telling.lists(&report);
    print_report(&report, speaker);
    set_aside(&taken, args, speaker)
}

fn named(service: &Service, login: &str) -> Result<User, CliError> {
    service
        .store
        .user_by_login(login)?
        .ok_or_else(|| CliError::named(format!("没有账号“{login}”"), format!("there is no user `{login}`")))
}

/// Shows the progress of an import on standard error, if that is a terminal or if the command asks for it.
struct Progress {
    shown: bool,
    told: usize,
}

impl Progress {
    fn new(asked: bool) -> Self {
        let shown = asked || std::io::stderr().is_terminal();
        Self { shown, told: 0 }
    }

    fn show(&mut self, done: usize, of: usize) {
        let percent = done * 100 / of.max(1);
        if self.shown && percent >= self.told + 10 {
            self.told = percent;
            crate::note_line!("{percent}% ({done}/{of})");
        }
    }
}

fn office(service: &Service) -> Result<User, CliError> {
    let account = NewUser {
        login: OFFICE.into(),
        name: "台账导入".into(),
        password: None,
        grants: office_grants(service),
    };
    service.store.put_users(&[account], service.now())?;
    let missing = || CliError::named("没有办公账号", "the office's account is missing");
    service.store.user_by_login(OFFICE)?.ok_or_else(missing)
}

fn office_grants(service: &Service) -> Vec<Grant> {
    let tree = service.tree();
    let roots = tree.iter().filter(|area| area.parent.is_none());
    let grants = roots.map(|area| Grant { role: "data_steward".into(), area: area.no, from: 0, to: None });
    grants.collect()
}

fn not_imported(error: ImportError) -> CliError {
    let en = error.to_string();
    match error {
        ImportError::Store(error) => error.into(),
        ImportError::Overtaken => CliError::named("另一次导入已经开始；等它结束后重新导入本表", en),
        ImportError::AreaUnknown { line, area } => {
            CliError::named(format!("第 {line} 行：没有区域“{area}”"), en)
        }
        ImportError::NoRole { login, area, record_type, roles } => {
            let roles = roles.join("、");
            let zh = format!("“{login}”在区域“{area}”没有可以建立 {record_type} 的岗位；可以的岗位：{roles}");
            CliError::named(zh, en)
        }
    }
}

/// Prints the result of an import, with one line for each refusal.
fn print_report(report: &ImportReport, speaker: Speaker) {
    let (line_zh, line_en) = (|line| format!("第 {line} 行"), |line| format!("line {line}"));
    for (line, refusal) in &report.refused {
        let (zh, en): (String, String) = (line_zh(line), line_en(line));
        crate::note_line!("{}: {refusal}", speaker.pick(&zh, &en));
    }
    let made: usize = report.created.values().sum();
    let (unchanged, changed, refused) = (report.unchanged, report.changed.len(), report.refused.len());
    let (moved, doubtful) = (report.moved.len(), report.doubtful.len());
    let mut object = Telling::json(report);
    object["created"] = json!(report.created);
    object["unchanged"] = json!(unchanged);
    object["refused"] = json!(refused);
    speaker.done(
        &object,
        &format!("新建 {made} 份档案，更正 {changed} 项，迁移 {moved} 项，已有 {unchanged} 份，存疑 {doubtful} 份，未接受 {refused} 份"),
        &format!("{made} records made, {changed} values changed, {moved} moved, {unchanged} there already, {doubtful} doubtful, {refused} refused"),
    );
}

fn records(plan: &Register) -> usize {
    plan.dwellings.len() + plan.households.len() + plan.people.len() + plan.residencies.len()
}

fn print_outlook(plan: &Register, outlook: &ImportReport, speaker: Speaker) {
    let (rows, fresh, changed) = (records(plan), outlook.fresh.len(), outlook.changed.len());
    let (moved, unchanged, doubtful) = (outlook.moved.len(), outlook.unchanged, outlook.doubtful.len());
    let mut object = Telling::json(outlook);
    object["rows"] = json!(rows);
    object["unchanged"] = json!(unchanged);
    object["dry_run"] = json!(true);
    speaker.done(
        &object,
        &format!("检查通过：将新建 {fresh} 份档案，更正 {changed} 项，迁移 {moved} 项，已有 {unchanged} 份，存疑 {doubtful} 份；未写入"),
        &format!("in order: {fresh} records to make, {changed} values to change, {moved} to move, {unchanged} there already, {doubtful} doubtful; nothing was written"),
    );
}

pub(crate) fn print_checked(rows: usize, speaker: Speaker) {
    speaker.done(
        &json!({ "rows": rows, "dry_run": true }),
        &format!("检查通过，共 {rows} 条；未写入"),
        &format!("in order: {rows} rows; nothing was written"),
    );
}

fn print_imported(rows: usize, (made, changed): (usize, usize), speaker: Speaker) {
    speaker.done(
        &json!({ "rows": rows, "made": made, "changed": changed }),
        &format!("共 {rows} 条：新建 {made}，更新 {changed}"),
        &format!("{rows} rows: {made} made, {changed} changed"),
    );
}

/// Runs `admin sample-town`.
pub fn sample_town(args: &TownArgs, speaker: Speaker) -> Result<(), CliError> {
    let size = TownSize { grids: args.grids, households_per_grid: args.households };
    let failed = |error| CliError::File { path: args.out.clone(), error };
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
