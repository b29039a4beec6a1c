//! The gridledger command: everything the server does, and the demo, which alone composes phones with a server.

mod demo;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args as _, Command, CommandFactory as _, FromArgMatches as _};
use gridledger_server::cli;

use demo::DemoArgs;

const DEMO: &str = "demo";

fn demo_command() -> Command {
    DemoArgs::augment_args(Command::new(DEMO))
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if args.get(1).is_some_and(|first| first == DEMO) {
        return run_demo(&args[1..]);
    }
    // Only to list every command in the help, and to refuse what is none; the server's own parser does the rest.
    match cli::args::Args::command()
        .subcommand(demo_command())
        .try_get_matches_from(&args)
    {
        Ok(_) => cli::run(args),
        Err(error) => refused(&error),
    }
}

fn run_demo(args: &[OsString]) -> ExitCode {
    let matches = demo_command()
        .bin_name("gridledger demo")
        .try_get_matches_from(args);
    match matches.and_then(|matches| DemoArgs::from_arg_matches(&matches)) {
        Ok(args) => demo::run(&args),
        Err(error) => refused(&error),
    }
}

/// Help and what is no command line: 0 or 2.
fn refused(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(u8::from(error.use_stderr()) * 2)
}
