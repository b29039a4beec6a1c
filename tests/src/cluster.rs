//! A private Postgres cluster for the tests: made in a temporary folder when the first test asks for it, shared by the tests of one
//! run, each in a database of its own, and gone when the run ends.

use std::fs::File;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::{CommandExt as _, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};

/// Said when there is no Postgres to start.
const MISSING: &str = "Postgres is not installed: its tests need `initdb` and `pg_ctl` (Debian: apt-get install postgresql). \
                       scripts/test.sh installs them when it may.";

/// How long something in the database may take to come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A cluster's folder, and the user its processes run as: `initdb` does not run as root.
pub struct Cluster {
    folder: PathBuf,
    binaries: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
}

impl Cluster {
    /// The cluster of this test run, started by whoever comes first.
    pub fn shared() -> Self {
        let run = parent_id();
        let folder = std::env::temp_dir().join(format!("gridledger-postgres-{run}"));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        let lock = File::create(folder.join("lock")).expect("a lock file");
        lock.lock().expect("the lock");
        if let Ok(port) = std::fs::read_to_string(folder.join("port")) {
            let cluster = Self::at(folder.clone(), port.trim().parse().expect("a port"));
            if Client::connect(&cluster.url("postgres"), NoTls).is_ok() {
                return cluster;
            }
            // Left by a run of the same number that was cut off with the machine.
            std::fs::remove_dir_all(cluster.data()).expect("the old cluster removed");
        }
        let cluster = Self::make(folder, &[]);
        cluster.end_with(run);
        cluster.note_port();
        cluster
    }

    /// A cluster of one test's own, with settings (`name = value`) beside those of every cluster.
    pub fn own(folder: &Path, settings: &[&str]) -> Self {
        let cluster = Self::make(folder.to_owned(), settings);
        cluster.end_with(std::process::id());
        cluster
    }

    /// A standby of this cluster in a folder of its own. Once this returns, a commit here waits until it is there as well.
    #[must_use]
    pub fn standby(&self, folder: &Path) -> Self {
        let standby = Self::at(folder.to_owned(), free_port());
        standby.hand_over();
        let (from, data) = (self.port.to_string(), standby.data());
        let of = ["-h", "127.0.0.1", "-p", &from, "-U", "gridledger", "-D", &data];
        standby.run("pg_basebackup", &[&of[..], &["-R", "-c", "fast", "--no-sync"]].concat());
        standby.settle(&[]);
        standby.start();
        standby.end_with(std::process::id());
        let mut here = self.client("postgres");
        let wait = "ALTER SYSTEM SET synchronous_standby_names = '*'";
        here.batch_execute(wait).expect("a setting");
        here.batch_execute("SELECT pg_reload_conf()").expect("the setting read");
        until(&mut here, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'");
        standby
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        self.run("pg_ctl", &["-D", &self.data(), "-w", "-t", "60", "promote"]);
    }

    /// Ends the server's first process as a power cut would; the others notice and end.
    pub fn kill(&self) {
        let file = Path::new(&self.data()).join("postmaster.pid");
        let text = std::fs::read_to_string(file).expect("a server that runs");
        let pid = text.lines().next().expect("a process");
        let killed = Command::new("kill").args(["-9", pid]).status();
        assert!(killed.is_ok_and(|status| status.success()));
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn hand_over(&self) {
        if let Some((uid, gid)) = self.user {
            chown(&self.folder, Some(uid), Some(gid)).expect("the folder handed over");
        }
    }

    fn at(folder: PathBuf, port: u16) -> Self {
        Self { folder, binaries: binaries().expect(MISSING), user: unprivileged(), port }
    }

    fn make(folder: PathBuf, settings: &[&str]) -> Self {
        let cluster = Self::at(folder, free_port());
        cluster.hand_over();
        let data = cluster.data();
        cluster.run(
            "initdb",
            &["-D", &data, "-U", "gridledger", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"],
        );
        cluster.settle(settings);
        cluster.start();
        cluster
    }

    fn settle(&self, settings: &[&str]) {
        let path = Path::new(&self.data()).join("postgresql.conf");
        let mut conf = File::options().append(true).open(path).expect("the settings");
        let socket = self.folder.display();
        let ours = format!(
            "\nlisten_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{socket}'\nmax_connections = 300\n\
             fsync = off\nshared_buffers = 64MB\nlogging_collector = off\n{}\n",
            self.port,
            settings.join("\n")
        );
        conf.write_all(ours.as_bytes()).expect("the settings written");
    }

    /// Starts the server, and returns when it takes connections.
    pub fn start(&self) {
        let log = self.folder.join("server.log").display().to_string();
        self.run("pg_ctl", &["-D", &self.data(), "-l", &log, "-w", "-t", "60", "start"]);
    }

    /// Stops the server: `fast` ends its sessions, `immediate` is a crash.
    pub fn stop(&self, how: &str) {
        self.run("pg_ctl", &["-D", &self.data(), "-m", how, "-w", "stop"]);
    }

    /// Ends the cluster when the process `run` has ended.
    fn end_with(&self, run: u32) {
        let (folder, pg_ctl) = (self.folder.display(), self.binaries.join("pg_ctl"));
        let script = format!(
            "(tail --pid={run} -f /dev/null; {} -D {} -m immediate stop; rm -rf {folder}) >/dev/null 2>&1 &",
            pg_ctl.display(),
            self.data()
        );
        let mut watch = self.command("sh");
        watch.args(["-c", &script]).process_group(0);
        // It outlives this process: the shell puts it in the background and is done.
        let status = watch.status().expect("a process that waits for the end");
        assert!(status.success(), "{status}");
    }

    fn note_port(&self) {
        std::fs::write(self.folder.join("port"), self.port.to_string()).expect("the port noted");
    }

    fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn run(&self, program: &str, args: &[&str]) {
        let path = self.binaries.join(program);
        let status = self.command(&path.display().to_string()).args(args).status();
        assert!(status.is_ok_and(|status| status.success()), "{program} failed in {}", self.folder.display());
    }

    /// The address of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://gridledger@127.0.0.1:{}/{database}", self.port)
    }

    /// A session with one of its databases.
    pub fn client(&self, database: &str) -> Client {
        Client::connect(&self.url(database), NoTls).expect("the cluster answers")
    }

    /// Writes a database into a file with `pg_dump`.
    pub fn dump(&self, url: &str, file: &Path) {
        let part = self.folder.join(unique("dump"));
        let name = part.display().to_string();
        self.run("pg_dump", &["-Fc", "-f", &name, "-d", url]);
        std::fs::copy(&part, file).expect("the dump");
        std::fs::remove_file(&part).expect("the dump taken away");
    }

    /// Makes a database of such a file with `pg_restore`, and returns its address.
    pub fn undump(&self, file: &Path) -> String {
        let part = self.folder.join(unique("undump"));
        std::fs::copy(file, &part).expect("the dump");
        if let Some((uid, gid)) = self.user {
            chown(&part, Some(uid), Some(gid)).expect("the dump handed over");
        }
        let url = self.database();
        self.run("pg_restore", &["--no-owner", "--exit-on-error", "-d", &url, &part.display().to_string()]);
        std::fs::remove_file(&part).expect("the dump taken away");
        url
    }

    /// Makes an empty database and returns its address.
    pub fn database(&self) -> String {
        let name = unique("t");
        self.client("postgres").batch_execute(&format!("CREATE DATABASE {name}")).expect("a database");
        self.url(&name)
    }
}

/// A name that no other test has, whether it runs in this process or in another.
fn unique(what: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{what}{}_{number}", std::process::id())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0");
    let address = listener.and_then(|listener| listener.local_addr());
    address.expect("a free port").port()
}

/// A session with the database at an address.
pub fn client(url: &str) -> Client {
    Client::connect(url, NoTls).expect("the database answers")
}

/// Runs statements without a result.
///
/// # Panics
///
/// Panics when the database refuses them.
pub fn run(database: &mut Client, sql: &str) {
    database.batch_execute(sql).expect("the database takes the statements");
}

/// Waits until a query for one number finds more than none.
///
/// # Panics
///
/// Panics when it has not for a minute.
pub fn until(database: &mut Client, count: &str) {
    let begun = Instant::now();
    loop {
        let row = database.query_one(count, &[]).expect("a number");
        if row.get::<_, i64>(0) > 0 {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "it does not come: {count}");
        database.execute("SELECT pg_sleep(0.01)", &[]).expect("a moment");
    }
}

/// Where Postgres's programs are: the newest of Debian's folders, or the path.
fn binaries() -> Option<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| {
            let version = version.ok()?;
            let number = version.file_name().to_str()?.parse().ok()?;
            Some((number, version.path().join("bin")))
        })
        .collect();
    versions.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = versions.into_iter().rev().map(|(_, folder)| folder);
    folders
        .find(|folder| folder.join("initdb").exists())
        .or_else(|| std::env::split_paths(&path).find(|folder| folder.join("initdb").exists()))
}

/// For root: the ids of `postgres`, or else of `nobody`.
pub fn unprivileged() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    let me = std::fs::metadata("/proc/self").ok()?.uid();
    if me != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres").or_else(|| ids("nobody"))
}
