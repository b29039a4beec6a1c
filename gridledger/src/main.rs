//! The gridledger command: everything the server does, and the demo, which plays phones against a server.

mod demo;
mod scrub;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args as _, Command, CommandFactory as _};
use gridledger_server::operate::cli::say::Speaker;
use gridledger_server::operate::cli::{self, help};
use gridledger_server::operate::print;

use demo::DemoArgs;

const DEMO: &str = "demo";

fn demo_command() -> Command {
    DemoArgs::augment_args(Command::new(DEMO))
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    scrub::restart_without_password(&args);
    if args.get(1).is_some_and(|first| first == DEMO) {
        return run_demo(&args[1..]);
    }
    // The server's own parser does not know the demo: help and unknown commands need the list of all commands.
    let all = cli::args::Args::command().subcommand(demo_command());
    match help::parse_matches(all, "", args.clone(), Speaker::of_environment()) {
        Ok(_) => cli::run(args),
        Err(code) => code,
    }
}

/// Runs the demo, which is no command of the server. The first argument is its name.
fn run_demo(args: &[OsString]) -> ExitCode {
    let command = demo_command().bin_name("gridledger demo");
    match help::parse::<DemoArgs>(command, DEMO, args.to_vec(), Speaker::of_environment()) {
        Ok(args) => {
            let code = demo::run(&args);
            if print::finish() { code } else { ExitCode::FAILURE }
        }
        Err(code) => code,
    }
}
