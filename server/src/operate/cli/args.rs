//! The command line: every command and argument, with its English help. `help/zh.json` holds the Chinese help.

use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Parser, Subcommand, ValueEnum};

use crate::auth::codes;

/// gridledger: the service for grid workers
#[derive(Debug, Parser)]
#[command(name = "gridledger", version)]
pub struct Args {
    /// Settings file, in TOML
    #[arg(long, global = true, env = "GRIDLEDGER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address of the store. Put a database password in GRIDLEDGER_STORE_PASSWORD or --store-file: the process list shows this argument
    #[arg(long, global = true, value_name = "sqlite:PATH|postgres://…")]
    pub store: Option<String>,
    /// File whose first line is the store's address; use it for an address with a password
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "store")]
    pub store_file: Option<PathBuf>,
    /// Time zone of the office [default: Asia/Shanghai]
    #[arg(long, global = true, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Folder of schema files to use beside the built-in ones
    #[arg(long, global = true, value_name = "DIR")]
    pub schema: Option<PathBuf>,
    /// The command
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve until SIGTERM or Ctrl-C
    Serve {
        /// Address and port to listen on
        #[arg(long, value_name = "ADDR")]
        listen: Option<String>,
    },
    /// Manage areas, people, devices and keys; no server may have the store open
    Admin {
        /// Print JSON
        #[arg(long, global = true)]
        json: bool,
        /// The command
        #[command(subcommand)]
        admin: Admin,
    },
}

/// The commands of an administrator.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Manage people
    User {
        /// The command
        #[command(subcommand)]
        user: UserCommand,
    },
    /// Make a one-time code that enrols a phone; it is shown once
    Code {
        /// Login of the phone's user
        login: String,
        /// Days for which the code is valid
        #[arg(long, default_value_t = codes::DAYS, value_parser = clap::value_parser!(u32).range(1..=i64::from(codes::MOST_DAYS)))]
        days: u32,
    },
    /// Manage phones
    Device {
        /// The command
        #[command(subcommand)]
        device: DeviceCommand,
    },
    /// Manage areas
    Area {
        /// The command
        #[command(subcommand)]
        area: AreaCommand,
    },
    /// Manage plans that split, merge, move or close areas
    Plan {
        /// The command
        #[command(subcommand)]
        plan: PlanCommand,
        /// Login of the person who acts; the person needs a role that plans
        #[arg(long = "as", value_name = "LOGIN", global = true, default_value = "")]
        by: String,
    },
    /// Sign new access tokens with a new key
    RotateKeys,
    /// Import a spreadsheet of the office (XLSX, XLS, ODS or CSV)
    Import(ImportArgs),
    /// Write the spreadsheets of a made-up town
    SampleTown(TownArgs),
    /// Derive everything again from the stored entries and compare
    Verify,
    /// Repair derived data that `verify` found to be wrong
    Repair {
        /// The command
        #[command(subcommand)]
        repair: RepairCommand,
    },
    /// Explain a ticket's state, event by event
    Explain(ExplainArgs),
    /// Erase fields of a record, or the whole record
    Erase(EraseArgs),
    /// List erasures: which fields, when, why, at whose request
    Erasures,
    /// Manage fields that are kept for a limited time
    Retention {
        /// The command
        #[command(subcommand)]
        retention: RetentionCommand,
    },
    /// Write a consistent copy of a SQLite store; a server may be serving it
    Backup {
        /// File of the copy; it must not exist yet
        file: PathBuf,
    },
    /// Make a new store from a backup: the same content, in a new generation that phones recognise
    Restore(RestoreArgs),
    /// Show how much of what a restore lost the phones have sent again
    Recovery(RecoveryArgs),
    /// List changes that a phone holds and the restored store does not
    Lost,
    /// Show whether the server's clock is trusted, and if not, why
    Clock {
        /// The command
        #[command(subcommand)]
        clock: Option<ClockCommand>,
    },
    /// Make a role of the Postgres database that reads the ledgers for tools, and nothing else
    Reader,
    /// Copy the ledgers for tools into a new SQLite file; a server may be running
    ExportLedgers {
        /// The new file; it must not exist yet
        file: PathBuf,
    },
    /// Move records made under older rules to the present rules
    MigrateRules,
}

/// The repairs.
#[derive(Debug, Subcommand)]
pub enum RepairCommand {
    /// Compute the digest of each area again from its documents
    Digests,
}

/// Arguments of `admin restore`.
#[derive(Debug, clap::Args)]
pub struct RestoreArgs {
    /// The backup file; --store names the new store
    #[arg(required_unless_present = "in_place")]
    pub backup: Option<PathBuf>,
    /// Only begin the new generation: the database's own tools (pg_restore, PITR) have restored the store
    #[arg(long, conflicts_with = "backup")]
    pub in_place: bool,
    /// Erasures made since the backup, as `admin erasures --json` prints them; they are made again
    #[arg(long, value_name = "FILE")]
    pub erasures: Option<PathBuf>,
}

/// Arguments of `admin recovery`.
#[derive(Debug, clap::Args)]
pub struct RecoveryArgs {
    /// Stop waiting for the remaining devices
    #[arg(long)]
    pub end: bool,
}

/// Arguments of `admin erase`.
#[derive(Debug, clap::Args)]
pub struct EraseArgs {
    /// The record's id; or FEED.N to erase one refused entry alone
    pub record: String,
    /// A field to erase; repeat it for more fields. Without it, the whole record is erased
    #[arg(long)]
    pub field: Vec<String>,
    /// The reason: request, consent, objection, mistake, order or retention
    #[arg(long)]
    pub reason: String,
    /// Login of the person who asks for the erasure
    #[arg(long = "as", value_name = "LOGIN")]
    pub by: String,
}

/// The commands for the server's clock.
#[derive(Debug, Subcommand)]
pub enum ClockCommand {
    /// Confirm that this machine's clock is right, even if the store disagrees
    Confirm,
}

/// The commands for retention.
#[derive(Debug, Subcommand)]
pub enum RetentionCommand {
    /// Erase fields whose time is over; a running server does this daily
    Run {
        /// Count the fields; erase nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// The commands for people.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a person, or add a role to a person
    Add {
        /// The login
        login: String,
        /// The person's name
        #[arg(long)]
        name: String,
        /// The role's code
        #[arg(long)]
        role: String,
        /// Code of the area where the role is held
        #[arg(long)]
        area: String,
        /// Source of the password; without one, the person signs in on an enrolled phone only
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List all people
    List,
    /// Lock a person out at once
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
        /// Source of the password
        #[command(flatten)]
        password: PasswordSource,
    },
}

/// The source of a password. It is never the command line, which others on the machine can read.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
pub struct PasswordSource {
    /// Read the password from the first line of standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// Read the password from the environment variable GRIDLEDGER_PASSWORD
    #[arg(long)]
    pub password_env: bool,
}

/// The commands for phones.
#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List all phones
    List,
    /// Lock a phone out at once
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

/// The commands for areas.
#[derive(Debug, Subcommand)]
pub enum AreaCommand {
    /// List all areas
    List,
    /// Add an area, or change it
    Add {
        /// The area's code
        code: String,
        /// The area's name
        #[arg(long)]
        name: String,
        /// Code of the kind (for example basic_grid or community)
        #[arg(long)]
        kind: String,
        /// Code of the area above; leave it out for a topmost area
        #[arg(long)]
        parent: Option<String>,
    },
}

/// The commands for plans.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// List all plans
    List,
    /// Draw up a plan
    Add {
        /// The plan's file, in JSON
        file: PathBuf,
    },
    /// Show a plan
    Show {
        /// The plan's number
        number: u32,
    },
    /// Compute who would be affected and by how much
    Simulate {
        /// The plan's number
        number: u32,
    },
    /// Approve a plan that another person drew up
    Approve {
        /// The plan's number
        number: u32,
    },
    /// Carry out a plan, or resume it after an interruption
    Apply {
        /// The plan's number
        number: u32,
    },
    /// Show counts before and after the plan
    Report {
        /// The plan's number
        number: u32,
    },
}

/// Arguments of `admin import`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent option of the command line")]
pub struct ImportArgs {
    /// The content: areas, staff (people and roles), or register (dwellings, households, residents)
    pub what: Spreadsheet,
    /// The spreadsheet
    pub file: PathBuf,
    /// Compare with the store and list the differences; write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// List every new, changed, moved or missing line
    #[arg(long)]
    pub all: bool,
    /// Always show progress on standard error, even if it is not a terminal
    #[arg(long)]
    pub progress: bool,
    /// Import people who may have changed their name as the same person
    #[arg(long)]
    pub accept_doubtful: bool,
    /// End roles that the staff list no longer names
    #[arg(long)]
    pub end_roles: bool,
    /// File for rows that cannot be imported; without it, a file beside the spreadsheet
    #[arg(long, value_name = "FILE")]
    pub aside: Option<PathBuf>,
    /// Words to use beside the built-in ones; without it, words.json of the schema folder
    #[arg(long, value_name = "FILE")]
    pub words: Option<PathBuf>,
    /// Login of the importing person, whose roles must allow creating the records
    #[arg(long = "as", value_name = "LOGIN")]
    pub by: Option<String>,
}

/// The content of a spreadsheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spreadsheet {
    /// Areas
    Areas,
    /// People and their roles
    Staff,
    /// Dwellings, households and residents
    Register,
}

impl ValueEnum for Spreadsheet {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Areas, Self::Staff, Self::Register]
    }

    /// Gives the word alone: a help text for each value would stretch the whole help page.
    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Areas => "areas",
            Self::Staff => "staff",
            Self::Register => "register",
        }))
    }
}

/// Arguments of `admin sample-town`.
#[derive(Debug, clap::Args)]
pub struct TownArgs {
    /// Number of grids
    #[arg(long, default_value_t = 342)]
    pub grids: u32,
    /// Number of households in each grid
    #[arg(long, default_value_t = 50)]
    pub households: u32,
    /// Seed of the random numbers; the same seed gives the same town
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder to write to
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
}

/// Arguments of `admin explain`.
#[derive(Debug, clap::Args)]
pub struct ExplainArgs {
    /// A ticket of the store: the word `ticket` and its id
    #[arg(num_args = 2, value_names = ["ticket", "ID"], required_unless_present = "events", conflicts_with = "events")]
    pub record: Vec<String>,
    /// File of events in JSON, as a ticket's history gives them; needs no store
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
}
