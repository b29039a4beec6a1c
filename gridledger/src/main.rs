//! The gridledger command.

use std::process::ExitCode;

fn main() -> ExitCode {
    gridledger_server::cli::run(std::env::args_os())
}
