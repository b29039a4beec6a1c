//! An office for the tests of the command line: a folder with a store, and a server over it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// Makes the sheets of a made-up town, in the folder `town`.
pub const SAMPLE_TOWN: [&str; 8] =
    ["admin", "sample-town", "--grids", "8", "--households", "2", "--out", "town"];

/// An empty folder to keep a store in.
pub struct Office {
    pub dir: TempDir,
}

impl Office {
    pub fn open() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gridledger"));
        command.current_dir(self.dir.path()).env_clear().env("LANG", "C").args(words);
        command
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.command(words).output().expect("the command runs")
    }

    /// Runs a command that must succeed; what it printed.
    #[track_caller]
    pub fn done(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    }

    /// Makes the sheets of a made-up town, in the folder `town`.
    pub fn sample_town(&self) {
        self.done(&SAMPLE_TOWN);
    }

    /// Runs a command that must fail; its exit code and what it complained.
    #[track_caller]
    pub fn fails(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = self.run(words);
        assert!(!output.status.success(), "{words:?}: {output:?}");
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    }

    pub fn with_stdin(&self, words: &[&str], input: &str) -> Output {
        let mut command = self.command(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command runs");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("the input is taken");
        child.wait_with_output().expect("the command ends")
    }

    pub fn grid(&self) {
        for (code, kind, parent) in [("D", "district", ""), ("S", "street", "D"), ("C", "community", "S")] {
            let mut words = vec!["admin", "area", "add", code, "--kind", kind, "--name", code];
            if !parent.is_empty() {
                words.extend(["--parent", parent]);
            }
            self.done(&words);
        }
    }
}

/// A server as a process.
pub struct Server {
    pub child: Child,
    pub address: String,
    pub _out: BufReader<ChildStdout>,
}

impl Server {
    pub fn start(office: &Office, log: &Path, format: &str) -> Self {
        let log = std::fs::File::create(log).expect("a log file");
        let mut command = office.command(&["serve", "--listen", "127.0.0.1:0"]);
        command.env("GRIDLEDGER_LOG_LEVEL", "trace").env("GRIDLEDGER_LOG_FORMAT", format);
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the server starts");
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        out.read_line(&mut line).expect("the first line");
        let address = line.trim().strip_prefix("http://").expect("an address").to_owned();
        Self { child, address, _out: out }
    }

    pub fn ask(&self, request: &str) -> String {
        let mut line = TcpStream::connect(&self.address).expect("the server listens");
        line.write_all(request.as_bytes()).expect("the request is taken");
        let mut answer = String::new();
        line.read_to_string(&mut answer).expect("an answer");
        answer
    }

    pub fn post(&self, path: &str, body: &str) -> String {
        let head = "host: t\r\nconnection: close\r\nx-kanarie: kanarie-header";
        self.ask(&format!("POST {path} HTTP/1.1\r\n{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    }

    pub fn get(&self, path: &str, token: &str) -> String {
        let head = "host: t\r\nconnection: close";
        self.ask(&format!("GET {path} HTTP/1.1\r\n{head}\r\nauthorization: Bearer {token}\r\n\r\n"))
    }

    #[cfg(unix)]
    pub fn terminate(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        assert!(self.child.wait().expect("the server ends").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn json(answer: &str) -> Value {
    let body = answer.split_once("\r\n\r\n").map_or(answer, |(_, body)| body);
    serde_json::from_str(body).unwrap_or_else(|error| panic!("not JSON ({error}): {answer}"))
}
