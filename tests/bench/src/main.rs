//! The command `gridledger-bench`: one subcommand for each measurement.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use gridledger_bench::{BenchError, heavy, load, protocol, size};
use gridledger_server::operate::{cli, print};

/// Measure gridledger
#[derive(Debug, Parser)]
#[command(name = "gridledger-bench", version)]
struct Args {
    #[command(subcommand)]
    measure: Measure,
}

#[derive(Debug, Subcommand)]
enum Measure {
    /// Serve phones as the benchmark's line protocol asks
    Server {
        /// Folder of schema files that stand beside the built-in ones
        #[arg(long, value_name = "DIR")]
        schema: Option<PathBuf>,
        #[command(flatten)]
        server: protocol::BenchServer,
    },
    /// Measure how many edits a second a server takes from phones that come back all at once
    Load(load::LoadArgs),
    /// Measure what a store's size costs
    Size(size::BenchSize),
    /// Measure what the heaviest entries cost
    Heavy(heavy::BenchHeavy),
}

fn main() -> ExitCode {
    // `load` starts this program again as the server that it measures.
    if std::env::args_os().nth(1).is_some_and(|first| first == load::SERVE_ARG) {
        let program = std::env::args_os().take(1);
        return cli::run(program.chain(std::env::args_os().skip(2)));
    }
    let result = match Args::parse().measure {
        Measure::Server { schema, server } => protocol::run(&server, schema.as_deref()),
        Measure::Load(args) => load::run(&args).map_err(BenchError::from),
        Measure::Size(args) => size::run(&args),
        Measure::Heavy(args) => heavy::run(&args),
    };
    if let Err(error) = result {
        gridledger_server::note_line!("gridledger-bench: {error}");
        return ExitCode::FAILURE;
    }
    if print::finish() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
