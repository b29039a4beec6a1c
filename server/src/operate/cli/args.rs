//! What may be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::auth::codes;

/// gridledger: the service for grid workers
#[derive(Debug, Parser)]
#[command(name = "gridledger", version)]
pub struct Args {
    /// Settings, in TOML
    #[arg(long, global = true, env = "GRIDLEDGER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The store; give a database's password in GRIDLEDGER_STORE_PASSWORD or --store-file, where no process list shows it
    #[arg(long, global = true, value_name = "sqlite:PATH|postgres://…")]
    pub store: Option<String>,
    /// A file whose first line is the store's address: for one with a password
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "store")]
    pub store_file: Option<PathBuf>,
    /// The office's time zone [default: Asia/Shanghai]
    #[arg(long, global = true, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Folder of schema files that stand beside the built-in ones
    #[arg(long, global = true, value_name = "DIR")]
    pub schema: Option<PathBuf>,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until SIGTERM or Ctrl-C
    Serve {
        /// Address and port
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
    },
    /// Manage territory, people, devices and keys of a store that no server holds open
    Admin {
        /// Lists as JSON
        #[arg(long, global = true)]
        json: bool,
        /// What to do
        #[command(subcommand)]
        admin: Admin,
    },
}

/// What an administrator does.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// People
    User {
        /// What to do
        #[command(subcommand)]
        user: UserCommand,
    },
    /// Make a one-time code with which a phone enrols; it is shown once
    Code {
        /// Whose phone
        login: String,
        /// Days it is good for
        #[arg(long, default_value_t = codes::DAYS, value_parser = clap::value_parser!(u32).range(1..=i64::from(codes::MOST_DAYS)))]
        days: u32,
    },
    /// Phones
    Device {
        /// What to do
        #[command(subcommand)]
        device: DeviceCommand,
    },
    /// Territory
    Area {
        /// What to do
        #[command(subcommand)]
        area: AreaCommand,
    },
    /// Plans that change the territory: split, merge, move, close areas
    Plan {
        /// What to do
        #[command(subcommand)]
        plan: PlanCommand,
        /// Who does it: a person with a role that plans
        #[arg(long = "as", value_name = "LOGIN", global = true, default_value = "")]
        by: String,
    },
    /// Sign access tokens with a new key from now on
    RotateKeys,
    /// Take in a spreadsheet of the office (XLSX, XLS, ODS or CSV)
    Import(ImportArgs),
    /// Write the spreadsheets of a made-up town
    SampleTown(TownArgs),
    /// Make everything again from the stored entries and compare
    Verify,
    /// Make again what follows from something else, where `verify` found that it does not
    Repair {
        /// What to make again
        #[command(subcommand)]
        repair: RepairCommand,
    },
    /// Say why a ticket stands where it stands, event by event
    Explain(ExplainArgs),
    /// Erase fields of a record, or the whole record
    Erase(EraseArgs),
    /// List what was erased: which fields, when, why, for whom
    Erasures,
    /// What is kept for a time
    Retention {
        /// What to do
        #[command(subcommand)]
        retention: RetentionCommand,
    },
    /// Write a consistent copy of a SQLite store, also while a server serves it
    Backup {
        /// The copy; it must not be there yet
        file: PathBuf,
    },
    /// Make a new store of a backup: the same, in a new generation that phones recognise
    Restore(RestoreArgs),
    /// Say how far phones have brought back what a restore lost
    Recovery(RecoveryArgs),
    /// List what some phone holds and the restored store does not
    Lost,
    /// Say whether the server's clock is trusted, and if not, why
    Clock {
        /// What to do
        #[command(subcommand)]
        clock: Option<ClockCommand>,
    },
    /// Let a role of the Postgres database read the ledgers for tools, and nothing else
    Reader,
    /// Copy the ledgers for tools into a new SQLite file, beside the service
    ExportLedgers {
        /// The file; it must not be there yet
        file: PathBuf,
    },
    /// Have records that were made under older rules go on under these
    MigrateRules,
}

/// What is made again.
#[derive(Debug, Subcommand)]
pub enum RepairCommand {
    /// The digest of each area, from the area's documents
    Digests,
}

/// What to restore.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The backup; the new store is the one that --store names
    #[arg(required_unless_present = "in_place")]
    pub backup: Option<PathBuf>,
    /// The store was put back by its own tools (pg_restore, PITR): only begin the new generation
    #[arg(long, conflicts_with = "backup")]
    pub in_place: bool,
    /// Erasures done since the backup, as `admin erasures --json` lists them: they are done again
    #[arg(long, value_name = "FILE")]
    pub erasures: Option<PathBuf>,
}

/// A recovery.
#[derive(Debug, clap::Args)]
pub struct RecoveryArgs {
    /// Wait for no device any longer
    #[arg(long)]
    pub end: bool,
}

/// What to erase.
#[derive(Debug, clap::Args)]
pub struct EraseArgs {
    /// The record's id; or FEED.N, a refused entry that goes alone
    pub record: String,
    /// A field; may be said several times. Without one the whole record goes
    #[arg(long)]
    pub field: Vec<String>,
    /// Why: request, consent, objection, mistake, order, retention
    #[arg(long)]
    pub reason: String,
    /// Who asks: a login
    #[arg(long = "as", value_name = "LOGIN")]
    pub by: String,
}

/// The server's clock.
#[derive(Debug, Subcommand)]
pub enum ClockCommand {
    /// Say that this machine's clock is right, whatever the store knows
    Confirm,
}

/// What is kept for a time.
#[derive(Debug, Subcommand)]
pub enum RetentionCommand {
    /// Erase what is due; a running server does so daily
    Run {
        /// Only count
        #[arg(long)]
        dry_run: bool,
    },
}

/// People.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make a person, or add a role to one
    Add {
        /// The login
        login: String,
        /// The name
        #[arg(long)]
        name: String,
        /// The role's code
        #[arg(long)]
        role: String,
        /// The code of the area it is held at
        #[arg(long)]
        area: String,
        /// Where a password comes from; without one the person signs in on an enrolled phone only
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List everybody
    List,
    /// Shut a person out, at once
    Revoke {
        /// The login
        login: String,
    },
    /// Let a person in again
    Restore {
        /// The login
        login: String,
    },
    /// Set a password
    Password {
        /// The login
        login: String,
        /// Where the password comes from
        #[command(flatten)]
        password: PasswordSource,
    },
}

/// Where a password comes from: never the command line, which others on the machine can read.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub struct PasswordSource {
    /// The first line of the standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// The environment variable GRIDLEDGER_PASSWORD
    #[arg(long)]
    pub password_env: bool,
}

/// Phones.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List every phone
    List,
    /// Shut a phone out, at once
    Revoke {
        /// The phone's number
        number: u32,
    },
    /// Let a phone in again
    Restore {
        /// The phone's number
        number: u32,
    },
}

/// Territory.
#[derive(Debug, Subcommand)]
pub enum AreaCommand {
    /// List every area
    List,
    /// Make an area, or change one
    Add {
        /// The office's code
        code: String,
        /// The name
        #[arg(long)]
        name: String,
        /// The kind (basic_grid, community …)
        #[arg(long)]
        kind: String,
        /// The code of the area above; none for the outermost
        #[arg(long)]
        parent: Option<String>,
    },
}

/// Plans.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// List every plan
    List,
    /// Draw a plan up
    Add {
        /// The plan, as JSON
        file: PathBuf,
    },
    /// Show a plan
    Show {
        /// Its number
        number: u32,
    },
    /// Compute who would be affected, and by how much
    Simulate {
        /// Its number
        number: u32,
    },
    /// Agree to a plan that somebody else drew up
    Approve {
        /// Its number
        number: u32,
    },
    /// Carry a plan out, or go on where it was broken off
    Apply {
        /// Its number
        number: u32,
    },
    /// Counts before and after
    Report {
        /// Its number
        number: u32,
    },
}

/// A spreadsheet to take in.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of the command line, and they do not hang together"
)]
pub struct ImportArgs {
    /// What the file holds
    pub what: Sheet,
    /// The file
    pub file: PathBuf,
    /// Compare with the store and say what would be done; write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// List every line of what is new, changed, moved, missing
    #[arg(long)]
    pub all: bool,
    /// Say on the standard error how far it is, also where that is no terminal
    #[arg(long)]
    pub progress: bool,
    /// Take people who may be somebody under another name for that person
    #[arg(long)]
    pub accept_doubtful: bool,
    /// End the roles that a staff list no longer names
    #[arg(long)]
    pub end_roles: bool,
    /// Where rows that cannot be taken are written; without it, beside the file
    #[arg(long, value_name = "FILE")]
    pub aside: Option<PathBuf>,
    /// A table of words besides the built-in one; without it, words.json of the schema folder
    #[arg(long, value_name = "FILE")]
    pub words: Option<PathBuf>,
    /// Who takes a register in: a person with roles that may create what it holds
    #[arg(long = "as", value_name = "LOGIN")]
    pub by: Option<String>,
}

/// What a spreadsheet holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sheet {
    /// The territory
    Areas,
    /// People and their roles
    Staff,
    /// Dwellings, households and residents
    Register,
}

/// A town to make up.
#[derive(Debug, clap::Args)]
pub struct TownArgs {
    /// Grids
    #[arg(long, default_value_t = 342)]
    pub grids: u32,
    /// Households of each grid
    #[arg(long, default_value_t = 50)]
    pub households: u32,
    /// The same seed gives the same town
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// A ticket to explain.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// A ticket of the store
    #[arg(num_args = 2, value_names = ["ticket", "ID"], required_unless_present = "events", conflicts_with = "events")]
    pub record: Vec<String>,
    /// Events as JSON, as a ticket's history gives them; needs no store
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
}
