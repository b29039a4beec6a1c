//! `gridledger demo`: a made-up town, a server, a dozen phones and a day with no signal, checked at the end.
//!
//! Reading order: [`world`] makes town and server; [`day`] plays the day on [`phone`]s whose lines [`cut`] breaks, with
//! what people do in [`work`] and [`tickets`]; [`gather`] and [`check`] hold phones, ledger and diary against each other;
//! [`report`] counts, [`page`] prints.

mod check;
mod clock;
mod cut;
mod day;
mod differ;
mod error;
mod gather;
mod page;
mod phone;
mod report;
mod rng;
mod shared;
mod spread;
mod tell;
mod tickets;
mod work;
mod world;

use std::path::Path;
use std::process::ExitCode;

use gridledger_server::operate::cli::say::Speaker;
use gridledger_server::operate::print;
use gridledger_server::{note_line, put_line};

use clock::DayClock;
use day::Day;
use error::DemoError;
use report::Report;
use rng::Rng;
use tell::Tell;
use world::{Size, World};

/// Play a day of a made-up town with phones that lose their signal, conflict, and are checked at the end
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Number of phones
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(10..=60))]
    phones: u32,
    /// Seed of the random numbers; the same seed plays the same day, and with --once at the same time of day
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of households in each grid
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(4..=200))]
    households: u32,
    /// End after the check, and leave no files
    #[arg(long)]
    once: bool,
    /// Print the result as one JSON document; progress goes to standard error
    #[arg(long)]
    json: bool,
}

/// Plays the demo. 0: all is well; 1: something differs, or it could not be played.
pub fn run(args: &DemoArgs) -> ExitCode {
    let tell = Tell::new(Speaker::of_environment().is_chinese(), args.json);
    match play(args, &tell) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            note_line!("gridledger demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn play(args: &DemoArgs, tell: &Tell) -> Result<bool, DemoError> {
    let folder = new_folder()?;
    let mut rng = Rng::new(args.seed);
    let size = Size { phones: args.phones as usize, grids: args.phones.max(12), households: args.households };
    let clock = if args.once { DayClock::of_a_day() } else { DayClock::of_today() };
    let world = World::make(folder.path(), size, &mut rng, clock)?;
    tell_world(tell, &world);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let report = play_day(args.seed, &runtime, &world, folder.path(), tell, rng)?;
    let well = report.check.differences.is_empty();
    if args.json {
        let document = serde_json::to_string_pretty(&report).map_err(std::io::Error::other)?;
        put_line!("{document}");
    } else {
        print::text(format_args!("{}", page::page(&report, tell.is_chinese())));
    }
    if args.once {
        world.running.stop()?;
        return Ok(well);
    }
    stay_up(world, folder, args.json, tell)?;
    Ok(well)
}

/// A new folder that only its owner reads: it holds keys, as a phone does.
fn new_folder() -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("gridledger-demo-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

fn play_day(
    seed: u64,
    runtime: &tokio::runtime::Runtime,
    world: &World,
    folder: &Path,
    tell: &Tell,
    rng: Rng,
) -> Result<Report, DemoError> {
    let mut day = Day::begin(runtime, world, folder, tell, rng)?;
    day.play()?;
    let evidence = gather::gather(&day)?;
    let outcome = check::check(&evidence, &day.diary.kept, &day.diary.contests);
    report::report(&day, seed, &evidence, outcome, tell.ms())
}

fn tell_world(tell: &Tell, world: &World) {
    let (counts, registered, addr) = (world.counts, world.registered, world.addr());
    tell.line(
        &format!(
            "虚构了一个小镇：{} 个网格，{} 户，{} 人；导入台账 {registered} 条；服务器 http://{addr}",
            counts.grids, counts.households, counts.people
        ),
        &format!(
            "a made-up town: {} grids, {} households, {} people; {registered} records imported; server http://{addr}",
            counts.grids, counts.households, counts.people
        ),
    );
}

/// The server goes on until Ctrl-C, with the folder kept.
fn stay_up(world: World, folder: tempfile::TempDir, aside: bool, tell: &Tell) -> Result<(), DemoError> {
    let kept = folder.keep();
    world.clock.go_live();
    let url = format!("http://{}", world.addr());
    let worker = world.cast.iter().find(|part| part.role == "grid_worker");
    let code = world.code(worker.map_or(world.supervisor.0.as_str(), |part| &part.login))?;
    let text = page::farewell(tell.is_chinese(), &url, &world.supervisor, &kept.display().to_string(), &code);
    if aside {
        print::aside(format_args!("{text}"));
    } else {
        print::text(format_args!("{text}"));
    }
    world.running.serve_until_signal()?;
    tell.line("服务器已停止", "the server has stopped");
    Ok(())
}
