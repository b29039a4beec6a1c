//! The command line: its commands and arguments. Their texts stand in `help`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum as _};
use gridledger_client::Zone;
use serde_json::json;

use crate::help;
use crate::lang::Lang;

#[derive(Parser)]
#[command(name = "gridledger-field", version)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(clap::Args)]
pub struct Global {
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "GRIDLEDGER_STORE",
        default_value = "gridledger-field.db"
    )]
    pub store: PathBuf,
    #[arg(long, global = true, value_name = "DIR")]
    pub schema: Option<PathBuf>,
    #[arg(long, global = true, value_name = "FILE", env = "GRIDLEDGER_FIELD_CA")]
    pub ca: Option<PathBuf>,
    #[arg(long, global = true)]
    pub passphrase_stdin: bool,
    #[arg(long, global = true)]
    pub json: bool,
    #[arg(long, global = true)]
    pub lang: Option<Lang>,
    #[arg(long, global = true, value_name = "ZONE", env = "GRIDLEDGER_FIELD_TIMEZONE", default_value_t = Zone::default())]
    pub timezone: Zone,
}

#[derive(Subcommand)]
pub enum Command {
    Enrol(Enrol),
    New(New),
    Set(Set),
    Add(Item),
    Remove(Item),
    Incr(Incr),
    Append(Append),
    Event(Event),
    Show {
        record: String,
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    List(List),
    Find {
        #[arg(allow_hyphen_values = true)]
        text: String,
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    Conflicts {
        record: Option<String>,
    },
    Settle(Settle),
    Attention {
        #[command(subcommand)]
        what: Option<Refused>,
    },
    Lost {
        #[command(subcommand)]
        what: Option<LostRecord>,
    },
    Status,
    Sync,
    Receipts {
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    Watch {
        #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
        every: u64,
    },
    #[command(hide = true)]
    Exec,
    Schema {
        #[arg(value_name = "TYPE")]
        record_type: Option<String>,
    },
}

#[derive(clap::Args)]
pub struct Enrol {
    #[arg(long, value_name = "URL", required_unless_present = "invite", conflicts_with = "invite")]
    pub server: Option<String>,
    #[arg(required_unless_present = "invite", conflicts_with = "invite")]
    pub code: Option<String>,
    #[arg(long, value_name = "FILE")]
    pub invite: Option<PathBuf>,
    #[arg(long)]
    pub later: bool,
}

#[derive(clap::Args)]
pub struct New {
    #[arg(value_name = "TYPE")]
    pub record_type: String,
    #[arg(long, value_name = "CODE")]
    pub area: Option<String>,
    #[arg(long = "event", value_name = "VERB[:JSON]")]
    pub events: Vec<String>,
    #[arg(value_name = "FIELD=VALUE")]
    pub fields: Vec<String>,
}

#[derive(clap::Args)]
pub struct Set {
    pub record: String,
    #[arg(value_name = "FIELD=VALUE", required = true)]
    pub fields: Vec<String>,
}

#[derive(clap::Args)]
pub struct Item {
    pub record: String,
    pub field: String,
    #[arg(value_name = "ITEM", allow_hyphen_values = true)]
    pub value: String,
}

#[derive(clap::Args)]
pub struct Incr {
    pub record: String,
    pub field: String,
    #[arg(default_value_t = 1, allow_negative_numbers = true)]
    pub by: i64,
}

#[derive(clap::Args)]
pub struct Append {
    pub record: String,
    pub field: String,
    #[arg(allow_hyphen_values = true)]
    pub value: String,
}

#[derive(clap::Args)]
pub struct Event {
    pub record: String,
    pub verb: String,
    #[arg(value_name = "KEY=VALUE")]
    pub args: Vec<String>,
}

#[derive(clap::Args)]
pub struct List {
    #[arg(value_name = "TYPE")]
    pub record_type: Option<String>,
    #[arg(long, value_name = "CODE")]
    pub area: Option<String>,
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    pub wheres: Vec<String>,
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
}

#[derive(clap::Args)]
pub struct Settle {
    pub record: String,
    pub field: String,
    #[arg(required_unless_present = "choose", allow_hyphen_values = true)]
    pub value: Option<String>,
    #[arg(long, value_name = "NUMBER", conflicts_with = "value")]
    pub choose: Option<usize>,
}

#[derive(Subcommand)]
pub enum LostRecord {
    Again { record: String },
    Dismiss { record: String },
}

#[derive(Subcommand)]
pub enum Refused {
    Again { edit: String },
    Ask { edit: String, note: String },
    Copy { edit: String },
    Dismiss { edit: String },
}

/// Reads the arguments. On an error, or after help, everything has been printed; gives the exit status then.
pub fn read() -> Result<Args, ExitCode> {
    let command = help::set_texts(Args::command(), help_lang(std::env::args()));
    command.try_get_matches().and_then(|mut matches| Args::from_arg_matches_mut(&mut matches)).map_err(
        |error| {
            let asked_json = std::env::args_os().any(|arg| arg == "--json");
            if error.use_stderr() && asked_json {
                let message = error.to_string();
                crate::output::print_line(
                    &json!({ "error": { "code": "usage", "message": message.trim_end() } }).to_string(),
                );
            } else {
                // If this does not print, nobody is left to tell.
                let _ = error.print();
            }
            ExitCode::from(if error.use_stderr() { 2 } else { 0 })
        },
    )
}

/// The language of help. It is needed before the arguments are read: `--lang` if it is given, else the environment's.
fn help_lang(args: impl Iterator<Item = String>) -> Lang {
    let mut given = None;
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let value = match arg.strip_prefix("--lang") {
            Some("") => args.peek().map(String::as_str),
            Some(value) => value.strip_prefix('='),
            None => None,
        };
        given = value.and_then(|value| Lang::from_str(value, true).ok()).or(given);
    }
    given.unwrap_or_else(Lang::of_environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_in_order() {
        Args::command().debug_assert();
    }

    #[test]
    fn help_speaks_the_language_that_is_given() {
        let lang = |args: &[&str]| help_lang(args.iter().map(|arg| (*arg).to_owned()));
        assert_eq!(lang(&["field", "--lang", "zh", "--help"]), Lang::Zh);
        assert_eq!(lang(&["field", "sync", "--lang=en", "--help"]), Lang::En);
    }
}
