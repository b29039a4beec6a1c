//! The server process under load, and the processor time that it and its database use.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use gridledger_server::operate::cli::open_service;

use super::error::LoadError;
use super::town::settings;

/// The first argument with which `load` starts this program again, as the server that it measures.
pub const SERVE_ARG: &str = "serve-measured";
/// Ticks of processor time in a second, as Linux counts them for programs.
const TICKS: f64 = 100.0;

/// A server process; it ends with this.
pub struct Serving {
    child: Child,
    database: Option<u32>,
    /// The address on which it listens.
    pub url: String,
}

/// Processor time, seconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// Use by the server.
    pub server: f64,
    /// Use by the database's processes.
    pub database: f64,
}

impl Used {
    /// Gives the use since an earlier measurement.
    pub fn since(self, before: Self) -> Self {
        Self { server: self.server - before.server, database: self.database - before.database }
    }
}

impl Serving {
    /// Starts this program as a server whose limits on callers are out of the way.
    pub fn start(store: &str, commit_group: Option<usize>, database: Option<u32>) -> Result<Self, LoadError> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([SERVE_ARG, "--store", store, "serve", "--listen", "127.0.0.1:0"]);
        for limit in ["PEER_RATE", "PEER_BURST", "DEVICE_RATE", "DEVICE_BURST", "USER_RATE", "USER_BURST"] {
            command.env(format!("GRIDLEDGER_{limit}"), "1000000");
        }
        command.env("GRIDLEDGER_LOG_LEVEL", "warn");
        if let Some(group) = commit_group {
            command.env("GRIDLEDGER_COMMIT_GROUP", group.to_string());
        }
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut url = String::new();
        let out = child.stdout.take().ok_or_else(|| LoadError::Wrong("no output".into()))?;
        BufReader::new(out).read_line(&mut url)?;
        let url = url.trim().to_owned();
        if url.is_empty() {
            return Err(LoadError::Wrong("the server did not start".into()));
        }
        Ok(Self { child, database, url })
    }

    /// Measures the use so far.
    pub fn used(&self) -> Result<Used, LoadError> {
        let server = ticks(self.child.id()).map_or(0, |(own, _)| own);
        let database = self.database.map_or(Ok(0), family)?;
        Ok(Used { server: server as f64 / TICKS, database: database as f64 / TICKS })
    }

    /// Ends the server and counts the stored and the refused entries.
    pub fn end(mut self, store: &str) -> Result<(u64, u64), LoadError> {
        self.stop();
        let service = open_service(&settings(store)?)?;
        let (_, entries, refused) = service.store.counts()?;
        service.store.close();
        Ok((entries, refused))
    }

    fn stop(&mut self) {
        // Every answered edit is durable, so the server may be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A process's ticks with those of its ended children, and its parent.
fn ticks(pid: u32) -> Option<(u64, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may hold anything; fields are counted after it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let own = number(11)? + number(12)? + number(13)? + number(14)?;
    Some((own, number(1)? as u32))
}

/// Ticks of a process and of its children.
fn family(pid: u32) -> Result<u64, LoadError> {
    let mut sum = 0;
    for entry in std::fs::read_dir("/proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        if let Some((own, parent)) = ticks(process)
            && (process == pid || parent == pid)
        {
            sum += own;
        }
    }
    Ok(sum)
}
