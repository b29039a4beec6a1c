//! `gridledger-field`: a phone on the command line. It shows as text or JSON what an app shows on its screens.
//!
//! Reading order: `args` has the arguments and `help` their texts; `app` is the phone that a command works on; then comes one
//! file for each group of commands. Everything goes through [`gridledger_client::Client`], as in an app. Exit status: 0 done,
//! 1 refused or failed, 2 not understood, 3 the network failed and can be tried again (saved edits are safe).

#[macro_use]
mod lang;
mod app;
mod args;
mod attention;
mod conflicts;
mod edit;
mod exec;
mod failure;
mod fields;
mod help;
mod lock;
mod lost;
mod output;
mod records;
mod schema;
mod show;
mod status;
mod sync;
mod text;
mod time;
mod values;
mod watch;
mod words;

use std::process::ExitCode;

use app::{Answer, App};
use args::{Args, Command};
use failure::Failure;
use lang::Lang;

fn main() -> ExitCode {
    let args = match args::read() {
        Ok(args) => args,
        Err(code) => return code,
    };
    time::set_zone(args.global.timezone.clone());
    let lang = args.global.lang.unwrap_or_else(Lang::of_environment);
    if let Command::Exec = args.command {
        return execute(&args, lang);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(&args, lang)),
        Err(error) => Err(Failure::other("store", error.to_string())),
    };
    match outcome {
        Ok(answer) => {
            app::print(&answer, args.global.json);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            failure.print(lang, args.global.json);
            ExitCode::from(failure.exit_code())
        }
    }
}

/// Runs `exec`, which prints its answers and errors itself.
fn execute(args: &Args, lang: Lang) -> ExitCode {
    match app::load_schema(&args.global) {
        Ok(schema) => exec::run(schema, &args.global, lang),
        Err(failure) => {
            failure.print(lang, args.global.json);
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn run(args: &Args, lang: Lang) -> Result<Answer, Failure> {
    let open = || App::open(&args.global, lang);
    match &args.command {
        Command::Enrol(enrol) => sync::enrol(&App::create(&args.global, lang)?, enrol).await,
        Command::New(new) => edit::new(&open()?, new),
        Command::Set(set) => edit::set(&open()?, set),
        Command::Add(item) => edit::add(&open()?, item),
        Command::Remove(item) => edit::remove(&open()?, item),
        Command::Incr(incr) => edit::increment(&open()?, incr),
        Command::Append(append) => edit::append(&open()?, append),
        Command::Event(event) => edit::event(&open()?, event),
        Command::Show { record, reason } => show::show(&open()?, record, reason.as_deref()),
        Command::List(list) => show::list(&open()?, list),
        Command::Find { text, limit } => show::find(&open()?, text, *limit),
        Command::Conflicts { record } => conflicts::list(&open()?, record.as_deref()),
        Command::Settle(settle) => conflicts::settle(&open()?, settle),
        Command::Attention { what } => attention::run(&open()?, what.as_ref()),
        Command::Lost { what } => lost::run(&open()?, what.as_ref()),
        Command::Status => status::status(&open()?),
        Command::Receipts { limit } => status::receipts(&open()?, *limit),
        Command::Sync => sync::sync(&open()?).await,
        Command::Watch { every } => watch::run(&open()?, args.global.json, *every).await,
        Command::Exec => Ok(Answer::new(serde_json::Value::Null, "")), // `main` has run it
        Command::Schema { record_type } => schema::run(&args.global, lang, record_type.as_deref()),
    }
}
