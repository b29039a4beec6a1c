//! The gridledger command: everything the server does, and the demo, which plays phones against a server.

mod demo;
mod scrub;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args as _, Command, CommandFactory as _};
use gridledger_server::operate::{cli, print};

use demo::DemoArgs;

const DEMO: &str = "demo";

fn demo_command() -> Command {
    DemoArgs::augment_args(Command::new(DEMO))
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    scrub::command_line(&args);
    match args.get(1).and_then(|first| first.to_str()) {
        Some(DEMO) => return run_own(demo_command(), &args[1..], demo::run),
        _ => {}
    }
    // Only to list every command in the help, and to refuse what is none; the server's own parser does the rest.
    match cli::args::Args::command().subcommand(demo_command()).try_get_matches_from(&args) {
        Ok(_) => cli::run(args),
        Err(error) => refused(&error),
    }
}

/// Runs one of the commands that are not the server's.
fn run_own<A: clap::FromArgMatches>(
    command: Command,
    args: &[OsString],
    run: fn(&A) -> ExitCode,
) -> ExitCode {
    let name = format!("gridledger {}", command.get_name());
    let matches = command.bin_name(name).try_get_matches_from(args);
    match matches.and_then(|matches| A::from_arg_matches(&matches)) {
        Ok(args) => {
            let code = run(&args);
            if print::finish() { code } else { ExitCode::FAILURE }
        }
        Err(error) => refused(&error),
    }
}

/// Help and what is no command line: 0 or 2.
fn refused(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(u8::from(error.use_stderr()) * 2)
}
