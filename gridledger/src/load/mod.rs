//! `gridledger load`: phones that come back with a day's work, all at once, against a server process of their own; how many edits
//! a second it makes durable, what that costs, and that none is lost.
//!
//! Reading order: [`town`] makes the people; [`phone`] has each phone do its work beforehand and keep the bytes of its sync;
//! [`serving`] is the server process; [`drive`] sends what the phones kept, so many at a time; [`page`] prints.

mod drive;
mod page;
mod phone;
mod serving;
mod town;

use std::path::PathBuf;
use std::process::ExitCode;

use gridledger_client::ClientError;
use gridledger_core::wire::WireError;
use gridledger_server::cli::say::CliError;
use gridledger_server::config::ConfigError;
use gridledger_server::store::StoreError;

use page::Row;
use phone::Ready;
use serving::Serving;

/// Measure how many edits a second a server takes, with phones that come back all at once
#[derive(Debug, clap::Args)]
pub struct LoadArgs {
    /// An empty store: sqlite:PATH or postgres://…
    #[arg(long)]
    store: String,
    /// How many phones sync at the same time, one measurement each
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
    /// Folder for the phones' files; best in memory
    #[arg(long, default_value = "/dev/shm")]
    folder: PathBuf,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or a process.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A setting.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server could not be set up.
    #[error("server: {0}")]
    Server(#[from] CliError),
    /// The store.
    #[error("store: {0}")]
    Store(#[from] StoreError),
    /// A phone.
    #[error("phone: {0}")]
    Phone(#[from] ClientError),
    /// Bytes of an answer.
    #[error("answer: {0}")]
    Wire(#[from] WireError),
    /// The line.
    #[error("line: {0}")]
    Line(#[from] reqwest::Error),
    /// What was measured does not hold.
    #[error("{0}")]
    Wrong(String),
}

/// Measures. 0: every edit is acknowledged and there; 1: not.
pub fn run(args: &LoadArgs) -> ExitCode {
    match measure(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            gridledger_server::note_line!("gridledger load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &LoadArgs) -> Result<(), LoadError> {
    let folder = tempfile::Builder::new()
        .prefix("gridledger-load-")
        .tempdir_in(&args.folder)?;
    let sizes: Vec<usize> = args
        .at_once
        .iter()
        .map(|&at_once| phones(args, at_once))
        .collect();
    let total: usize = sizes.iter().sum();
    let town = town::make(&args.store, total, args.share)?;
    let serving = Serving::start(&args.store, args.commit_group, args.database_pid)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    gridledger_server::note_line!("{total} phones make ready");
    let mut ready = phone::make_ready(&town, &serving.url, folder.path(), args.edits)?;
    if !args.json {
        gridledger_server::print::text(format_args!("{}", page::head()));
    }
    for (&at_once, &size) in args.at_once.iter().zip(&sizes) {
        let phones: Vec<Ready> = ready.drain(..size).collect();
        let before = serving.used()?;
        let driven = runtime.block_on(drive::drive(&serving.url, phones, at_once))?;
        let used = serving.used()?.since(before);
        let row = Row::of(at_once, args.edits, &driven, used);
        gridledger_server::print::text(format_args!(
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

fn phones(args: &LoadArgs, at_once: usize) -> usize {
    match args.phones {
        0 => at_once.max(32),
        phones => phones,
    }
}
