//! The commands of the `gridledger` binary: `serve`, and `admin` for territory, people, devices and keys.
//!
//! Reading order: [`args`] lists commands and arguments; [`mod@help`] parses them and shows help; [`run`] carries them out.
//! [`open`] opens the store; [`say`] speaks Chinese or English. [`people`], [`territory`], [`plans`], [`import`] with
//! [`staff`] and its [`outlook`], [`proof`], [`epochs`], [`restore`], [`clock`] and [`tools`] hold the commands.

pub mod args;
pub mod clock;
pub mod epochs;
pub mod help;
pub mod import;
pub mod log;
pub mod open;
pub mod outlook;
pub mod people;
pub mod plans;
pub mod proof;
pub mod restore;
pub mod say;
pub mod staff;
mod taken;
pub mod territory;
pub mod tools;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory as _;

use args::{Admin, Args, Command, ExplainArgs, RepairCommand};
pub use open::{open_service, open_store, open_store_deciding};
use say::{CliError, Speaker};

use crate::config::Settings;
use crate::http::edge::tls::TlsError;
use crate::office::import::words::WORDS_FILE;
use crate::operate::daily::Daily;
use crate::operate::print;
use crate::service::Service;
use crate::sync::set_back;
use crate::sync::set_back::Beside;

/// Runs a command line, whose first word is the program's name. Exit code 0: done; 1: failed; 2: a wrong command line.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let speaker = Speaker::of_environment();
    let args = match help::parse::<Args>(Args::command(), "", args, speaker) {
        Ok(args) => args,
        Err(code) => return code,
    };
    match carry_out(args, speaker) {
        Ok(()) if print::finish() => ExitCode::SUCCESS,
        Ok(()) => {
            let (zh, en) = ("结果没有全部写出", "not everything could be printed");
            crate::note_line!("gridledger: {}", speaker.pick(zh, en));
            ExitCode::FAILURE
        }
        Err(error) => {
            crate::note_line!("gridledger: {}", speaker.describe(&error));
            ExitCode::from(error.exit_code())
        }
    }
}

fn carry_out(args: Args, speaker: Speaker) -> Result<(), CliError> {
    let mut settings = settings(&args)?;
    match args.command {
        Command::Serve { listen } => {
            if let Some(listen) = listen {
                settings.take("listen", &listen, "--listen")?;
            }
            serve(&settings)
        }
        Command::Admin { admin: Admin::SampleTown(town), .. } => import::sample_town(&town, speaker),
        Command::Admin { admin: Admin::Explain(ExplainArgs { events: Some(file), .. }), .. } => {
            proof::explain_events(&*open::schema(&settings)?, &settings.timezone, &file, speaker)
        }
        Command::Admin { json, admin: Admin::Backup { file } } => {
            restore::backup(&settings, &file, speaker.with_json(json))
        }
        Command::Admin { json, admin: Admin::Restore(args) } => {
            restore::restore(&settings, &args, speaker.with_json(json))
        }
        Command::Admin { json, admin: Admin::ExportLedgers { file } } => {
            tools::export(&settings, &file, speaker.with_json(json))
        }
        Command::Admin { json, admin: admin @ (Admin::Verify | Admin::Explain(_)) } => {
            let reads = open::open_to_read(&settings)?;
            let result = administer(&reads.service, &admin, speaker.with_json(json));
            reads.service.store.close();
            result
        }
        Command::Admin { json, mut admin } => {
            if let Admin::Import(import) = &mut admin {
                let own = settings.schema.as_ref().map(|folder| folder.join(WORDS_FILE));
                import.words = import.words.take().or(own.filter(|file| file.exists()));
            }
            let service = open_service(&settings)?;
            set_back::look_beside(&service)?;
            let result = administer(&service, &admin, speaker.with_json(json));
            service.store.close();
            result
        }
    }
}

fn settings(args: &Args) -> Result<Settings, CliError> {
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut settings = Settings::read(args.config.as_deref(), env)?;
    if let Some(store) = &args.store {
        settings.take("store", store, "--store")?;
    }
    if let Some(file) = &args.store_file {
        settings.take("store_file", &file.display().to_string(), "--store-file")?;
    }
    if let Some(timezone) = &args.timezone {
        settings.take("timezone", timezone, "--timezone")?;
    }
    settings.store = settings.store.with_password(settings.store_password.as_ref());
    if let Some(schema) = &args.schema {
        settings.schema = Some(schema.clone());
    }
    Ok(settings)
}

fn serve(settings: &Settings) -> Result<(), CliError> {
    log::start(settings)?;
    let service = open_service(settings)?;
    // Log a doubtful clock from the start.
    service.clock_doubt()?;
    crate::operate::tools::renew(&service.store, &service.schema).map_err(open::explain)?;
    set_back::look_beside(&service)?;
    service.log_set_back()?;
    let _beside = Beside::start(service.clone()).map_err(CliError::Serve)?;
    let running = crate::http::start(service.clone(), settings).map_err(explain_start)?;
    // The first line on standard output tells the starting program the port.
    crate::put_line!("{}", running.url());
    let _daily = Daily::start(service).map_err(CliError::Serve)?;
    running.serve_until_signal().map_err(CliError::Serve)
}

/// Turns a faulty certificate into a failure of the settings, which has a text in both languages.
fn explain_start(error: std::io::Error) -> CliError {
    match error.downcast::<TlsError>() {
        Ok(tls) => CliError::Tls(tls),
        Err(error) => CliError::Serve(error),
    }
}

fn administer(service: &Service, admin: &Admin, speaker: Speaker) -> Result<(), CliError> {
    if clock::needs_it(admin) {
        service.check_sound()?;
        clock::check(service)?;
    }
    match admin {
        Admin::User { user } => people::user(service, user, speaker),
        Admin::Code { login, days } => people::code(service, login, *days, speaker),
        Admin::Device { device } => people::device(service, device, speaker),
        Admin::Area { area } => territory::area(service, area, speaker),
        Admin::Plan { plan, by } => plans::plan(service, plan, by, speaker),
        Admin::RotateKeys => people::rotate_keys(service, speaker),
        Admin::Import(import) => import::file(service, import, speaker),
        Admin::SampleTown(town) => import::sample_town(town, speaker),
        Admin::Verify => proof::verify(service, speaker),
        Admin::Repair { repair: RepairCommand::Digests } => proof::repair_digests(service, speaker),
        Admin::Explain(explain) => proof::explain(service, &explain.record, speaker),
        Admin::Erase(erase) => epochs::erase_one(service, erase, speaker),
        Admin::Erasures => epochs::erasures(service, speaker),
        Admin::Retention { retention } => epochs::retention(service, retention, speaker),
        Admin::Recovery(args) => restore::recovery(service, args, speaker),
        Admin::Lost => restore::lost(service, speaker),
        Admin::Clock { clock } => clock::clock(service, clock.as_ref(), speaker),
        // These open no service.
        Admin::Backup { .. } | Admin::Restore(_) | Admin::ExportLedgers { .. } => Ok(()),
        Admin::Reader => tools::reader(service, speaker),
        Admin::MigrateRules => epochs::migrate_rules(service, speaker),
    }
}
