//! What can be typed.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use gridledger_client::Zone;
use serde_json::json;

use crate::lang::Lang;

/// A phone on the command line: keep records with no signal, sync when there is some.
#[derive(Parser)]
#[command(name = "gridledger-field", version, after_help = HELP)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

const HELP: &str = "\
RECORD is an id, or the beginning of one (4 digits or more). Every edit is durable when the command ends, with or
without signal. Times are read and shown in the office's time zone.

Exit status: 0 done; 1 refused or failed; 2 not understood; 3 no network, try again (everything saved is safe).

A first day:
  gridledger-field enrol --server https://ledger.example 7KQM-2F4D-9XTA
  gridledger-field new ticket --area WSS-04 kind=incident title=路灯不亮 address_text=944号门前 --event report
  gridledger-field find 路灯
  gridledger-field sync";

#[derive(clap::Args)]
pub struct Global {
    /// This phone's store
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "GRIDLEDGER_STORE",
        default_value = "gridledger-field.db"
    )]
    pub store: PathBuf,
    /// A schema set in place of the store's: DIR/records/*.json, DIR/roles.json …
    #[arg(long, global = true, value_name = "DIR")]
    pub schema: Option<PathBuf>,
    /// The office's time zone: times are read and shown in it
    #[arg(long, global = true, value_name = "ZONE", env = "GRIDLEDGER_FIELD_TIMEZONE", default_value_t = Zone::default())]
    pub timezone: Zone,
    /// Certificates of the office's own authority, PEM: only servers that these vouch for are trusted
    #[arg(long, global = true, value_name = "FILE", env = "GRIDLEDGER_FIELD_CA")]
    pub ca: Option<PathBuf>,
    /// Read the store's passphrase from the first line of standard input; else GRIDLEDGER_FIELD_KEY (64 hexadecimal
    /// digits) or GRIDLEDGER_FIELD_PASSPHRASE opens the store, else the key file beside it
    #[arg(long, global = true)]
    pub passphrase_stdin: bool,
    /// Print one JSON value; `watch` prints one a line
    #[arg(long, global = true)]
    pub json: bool,
    /// The language; else as LC_ALL, LC_MESSAGES or LANG say
    #[arg(long, global = true)]
    pub lang: Option<Lang>,
}

#[derive(Subcommand)]
pub enum Command {
    /// Bind this phone to its user with a one-time code or an invite  注册
    Enrol(Enrol),
    /// Create a record  新建
    New(New),
    /// Set fields of a record  填写
    Set(Set),
    /// Put an item into a set  加入
    Add(Item),
    /// Take an item out of a set, or a child out of a map  移除
    Remove(Item),
    /// Add to a counter  计数
    Incr(Incr),
    /// Append to a log  追加
    Append(Append),
    /// Take a step of a ticket: report, accept, feedback, escalate …  办理
    Event(Event),
    /// Show a record, personal values masked  查看
    Show {
        /// Its id or the beginning of it
        record: String,
        /// Show it whole, for this reason (4 to 200 characters), which goes into the read log
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// List records, the last changed first  列表
    List(List),
    /// Find records with a text in them; two characters will do  搜索
    Find {
        #[arg(allow_hyphen_values = true)]
        text: String,
        /// At most so many; 0 for all
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Fields that several people wrote without seeing each other's value  冲突
    Conflicts {
        /// Only of this record
        record: Option<String>,
    },
    /// Settle a conflict with a value  定夺
    Settle(Settle),
    /// Own edits that were refused: what was meant, and why not  需处理
    Attention {
        #[command(subcommand)]
        what: Option<Refused>,
    },
    /// What a restored server did not get back: what this phone had shown  遗失
    Lost {
        #[command(subcommand)]
        what: Option<LostRecord>,
    },
    /// Where this phone stands  状态
    Status,
    /// Send what is saved, fetch what is new  同步
    Sync,
    /// Own edits and how far each has come  回执
    Receipts {
        /// At most so many; 0 for all
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Sync again and again, with a line for each change, until ctrl-c  守候
    Watch {
        /// Seconds between two syncs
        #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
        every: u64,
    },
    /// Take requests from standard input, one JSON object a line, for measuring
    #[command(hide = true)]
    Exec,
    /// The types of record, or one type's fields and who may write them  档案类型
    Schema {
        /// A type's name
        #[arg(value_name = "TYPE")]
        record_type: Option<String>,
    },
}

#[derive(clap::Args)]
pub struct Enrol {
    /// The server's address
    #[arg(long, value_name = "URL", required_unless_present = "invite", conflicts_with = "invite")]
    pub server: Option<String>,
    /// The one-time code
    #[arg(required_unless_present = "invite", conflicts_with = "invite")]
    pub code: Option<String>,
    /// An invite: work can begin with no signal, the first sync enrols; - reads standard input
    #[arg(long, value_name = "FILE")]
    pub invite: Option<PathBuf>,
    /// Only remember the code; the next sync enrols
    #[arg(long)]
    pub later: bool,
}

#[derive(clap::Args)]
pub struct New {
    /// Its type, such as ticket, household or patrol
    #[arg(value_name = "TYPE")]
    pub record_type: String,
    /// The code of the area it belongs to; may be left out where this phone knows one area only
    #[arg(long, value_name = "CODE")]
    pub area: Option<String>,
    /// A step to take at once: report, or report:{"note":"…"}; may be given several times
    #[arg(long = "event", value_name = "VERB[:JSON]")]
    pub events: Vec<String>,
    /// Fields, as for `set`
    #[arg(value_name = "FIELD=VALUE")]
    pub fields: Vec<String>,
}

#[derive(clap::Args)]
pub struct Set {
    /// Its id or the beginning of it
    pub record: String,
    /// `field=value`; `field=` clears; `tags+=x` and `tags-=x` for sets; `notes+=x` for logs; `count+=2` for counters;
    /// `contacts.ID.phone=…` for a child of a map, `contacts-=ID` removes it; `address.road=…` for a part of an object.
    /// Choices by code or label, times as `now` or 2025-06-01T08:30, records by id or the beginning of one
    #[arg(value_name = "FIELD=VALUE", required = true)]
    pub fields: Vec<String>,
}

#[derive(clap::Args)]
pub struct Item {
    /// Its id or the beginning of it
    pub record: String,
    pub field: String,
    #[arg(value_name = "ITEM", allow_hyphen_values = true)]
    pub value: String,
}

#[derive(clap::Args)]
pub struct Incr {
    /// Its id or the beginning of it
    pub record: String,
    pub field: String,
    /// How much; may be negative
    #[arg(default_value_t = 1, allow_negative_numbers = true)]
    pub by: i64,
}

#[derive(clap::Args)]
pub struct Append {
    /// Its id or the beginning of it
    pub record: String,
    pub field: String,
    /// A text, or JSON where the log holds objects
    #[arg(allow_hyphen_values = true)]
    pub value: String,
}

#[derive(clap::Args)]
pub struct Event {
    /// Its id or the beginning of it
    pub record: String,
    /// The step: accept, start, feedback, close, escalate …
    pub verb: String,
    /// Its arguments, such as note=… or to=2
    #[arg(value_name = "KEY=VALUE")]
    pub args: Vec<String>,
}

#[derive(clap::Args)]
pub struct List {
    /// Only this type
    #[arg(value_name = "TYPE")]
    pub record_type: Option<String>,
    /// Only in this area and below it
    #[arg(long, value_name = "CODE")]
    pub area: Option<String>,
    /// Only with this value; `state=HANDLING` for tickets; may be given several times
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    pub wheres: Vec<String>,
    /// At most so many; 0 for all
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
}

#[derive(clap::Args)]
pub struct Settle {
    /// Its id or the beginning of it
    pub record: String,
    /// The field, as `conflicts` names it
    pub field: String,
    /// The value that holds from now on
    #[arg(required_unless_present = "choose", allow_hyphen_values = true)]
    pub value: Option<String>,
    /// Take the value `conflicts` lists under this number
    #[arg(long, value_name = "NUMBER", conflicts_with = "value")]
    pub choose: Option<usize>,
}

#[derive(Subcommand)]
pub enum LostRecord {
    /// Save what was shown, as an edit of one's own
    Again { record: String },
    /// Let it go
    Dismiss { record: String },
}

#[derive(Subcommand)]
pub enum Refused {
    /// Save the same edit again, on what is there now  重做
    Again {
        /// The edit's number; FEED.NUMBER where two feeds have it
        edit: String,
    },
    /// Ask a supervisor about it, with the next syncs  请示
    Ask {
        /// The edit's number; FEED.NUMBER where two feeds have it
        edit: String,
        /// What to tell the supervisor
        note: String,
    },
    /// Print what was typed  复制
    Copy {
        /// The edit's number; FEED.NUMBER where two feeds have it
        edit: String,
    },
    /// Take it off the list  移出
    Dismiss {
        /// The edit's number; FEED.NUMBER where two feeds have it
        edit: String,
    },
}

/// The arguments; or the exit status, everything having been said.
pub fn read() -> Result<Args, ExitCode> {
    Args::try_parse().map_err(|error| {
        let asked_json = std::env::args_os().any(|arg| arg == "--json");
        if error.use_stderr() && asked_json {
            let message = error.to_string();
            crate::output::print_line(
                &json!({ "error": { "code": "usage", "message": message.trim_end() } }).to_string(),
            );
        } else {
            // Nobody is left to tell when this does not print.
            let _ = error.print();
        }
        ExitCode::from(if error.use_stderr() { 2 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_arguments_are_in_order() {
        super::Args::command().debug_assert();
    }
}
