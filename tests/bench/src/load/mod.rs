//! Phones that come back with a day's work, all at once, against a server process of their own; how many edits
//! a second it makes durable, what that costs, and that none is lost.
//!
//! Reading order: `town` makes the people; `phone` has each phone do its work beforehand and keep the bytes of its sync;
//! `serving` is the server process; `drive` sends what the phones kept, so many at a time; `hostile` is a phone that does its
//! worst meanwhile; `page` prints.

mod drive;
mod error;
mod hostile;
mod page;
mod phone;
mod serving;
mod town;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use error::LoadError;
pub use serving::SERVE_ARG;

use hostile::Done;
use page::Row;
use phone::Ready;
use serving::Serving;
use town::Worker;

/// Measure how many edits a second a server takes, with phones that come back all at once
#[derive(Debug, clap::Args)]
pub struct LoadArgs {
    /// An empty store: sqlite:PATH or postgres://…
    #[arg(long)]
    store: String,
    /// Numbers of phones that sync at the same time, one measurement each
    #[arg(long, value_delimiter = ',', default_value = "1,2,4,8,16,32,64")]
    at_once: Vec<usize>,
    /// Phones of a measurement; 0 for as many as come at once, but 32 at least
    #[arg(long, default_value_t = 0)]
    phones: usize,
    /// Edits each phone brings
    #[arg(long, default_value_t = 60)]
    edits: usize,
    /// Phones that share a grid
    #[arg(long, default_value_t = 10)]
    share: usize,
    /// Writes that share a commit at most; 1 gives each its own
    #[arg(long)]
    commit_group: Option<usize>,
    /// Process id of the database on this machine, to count what it uses
    #[arg(long)]
    database_pid: Option<u32>,
    /// Measure twice: honest phones alone, and beside a phone that does its worst
    #[arg(long)]
    hostile: bool,
    /// Folder for the phones' files; best in memory
    #[arg(long, default_value = "/dev/shm")]
    folder: PathBuf,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
}

/// Measures. An error says which edits were not acknowledged or are not stored.
pub fn run(args: &LoadArgs) -> Result<(), LoadError> {
    let folder = tempfile::Builder::new().prefix("gridledger-load-").tempdir_in(&args.folder)?;
    let sizes: Vec<usize> = args.at_once.iter().map(|&at_once| phones(args, at_once)).collect();
    if args.hostile {
        return beside_hostile(args, folder.path(), &sizes);
    }
    let total: usize = sizes.iter().sum();
    let town = town::make(&args.store, total, args.share)?;
    let serving = Serving::start(&args.store, args.commit_group, args.database_pid)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    gridledger_server::note_line!("{total} phones make ready");
    let mut ready = phone::make_ready(&town, &serving.url, folder.path(), args.edits)?;
    if !args.json {
        gridledger_server::operate::print::text(format_args!("{}", page::head()));
    }
    for (&at_once, &size) in args.at_once.iter().zip(&sizes) {
        let phones: Vec<Ready> = ready.drain(..size).collect();
        let before = serving.used()?;
        let driven = runtime.block_on(drive::drive(&serving.url, phones, at_once))?;
        let used = serving.used()?.since(before);
        let row = Row::new(at_once, args.edits, &driven, used);
        gridledger_server::operate::print::text(format_args!(
            "{}",
            if args.json { row.json() } else { row.line() }
        ));
        driven.acknowledged(args.edits)?;
    }
    let stored = serving.end(&args.store)?;
    let wanted = (total * args.edits) as u64;
    if stored != (wanted, 0) {
        return Err(LoadError::Wrong(format!(
            "{wanted} edits were acknowledged; stored, refused: {stored:?}"
        )));
    }
    gridledger_server::note_line!("{wanted} edits acknowledged, {wanted} stored, 0 refused, 0 lost");
    Ok(())
}

/// Measures honest phones alone and beside a hostile one, which shares a grid with some of them.
fn beside_hostile(args: &LoadArgs, folder: &Path, sizes: &[usize]) -> Result<(), LoadError> {
    let honest = sizes.iter().sum::<usize>() * 2;
    let mut town = town::make(&args.store, honest + 2, args.share)?;
    // The first two are hostile; those after them work in the same grid.
    let rest = town.split_off(2);
    let hostile: [Worker; 2] = town.try_into().map_err(|_| LoadError::Wrong("too few workers".into()))?;
    let serving = Serving::start(&args.store, args.commit_group, args.database_pid)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    eprintln!("{honest} phones make ready");
    let mut ready = phone::make_ready(&rest, &serving.url, folder, args.edits)?;
    let mut alone = Vec::new();
    for (&at_once, &size) in args.at_once.iter().zip(sizes) {
        let phones: Vec<Ready> = ready.drain(..size).collect();
        let driven = runtime.block_on(drive::drive(&serving.url, phones, at_once))?;
        driven.acknowledged(args.edits)?;
        alone.push(driven);
    }
    let (done, ended) = (Arc::new(Done::default()), Arc::new(AtomicBool::new(false)));
    let rage = hostile::rage(serving.url.clone(), hostile, done.clone(), ended.clone());
    let rage = runtime.spawn(rage);
    // Its first requests are under way.
    runtime.block_on(async {
        while done.requests.load(Ordering::Relaxed) == 0 && !rage.is_finished() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    print!("{}", page::hostile_head());
    for ((&at_once, &size), alone) in args.at_once.iter().zip(sizes).zip(&alone) {
        let phones: Vec<Ready> = ready.drain(..size).collect();
        let driven = runtime.block_on(drive::drive(&serving.url, phones, at_once))?;
        print!("{}", page::hostile_line(at_once, alone, &driven, &done));
        driven.acknowledged(args.edits)?;
    }
    ended.store(true, Ordering::Relaxed);
    let raged = runtime.block_on(rage);
    raged.map_err(|error| LoadError::Wrong(error.to_string()))??;
    let (stored, _) = serving.end(&args.store)?;
    let wanted = (honest * args.edits) as u64;
    if stored < wanted + done.decided.load(Ordering::Relaxed) {
        return Err(LoadError::Wrong(format!("{wanted} honest edits, {stored} stored in all")));
    }
    Ok(())
}

fn phones(args: &LoadArgs, at_once: usize) -> usize {
    match args.phones {
        0 => at_once.max(32),
        phones => phones,
    }
}
