//! The server's settings: defaults, then the file, then the environment, then the command line.

mod address;

use std::fmt;
use std::path::{Path, PathBuf};

use gridledger_core::calendar::Zone;
use gridledger_schema::limits::{self, BODY_SECONDS};

pub use address::{StoreAddress, without_password};

/// Days a lease lasts where nothing else is set.
pub const LEASE_DAYS: u64 = 7;
/// Mebibytes that edits leave free on the disk, unless a deployment says otherwise.
pub const LEAST_FREE_MIB: u64 = 256;
/// Jobs that share a commit at most, unless a deployment says otherwise.
pub const COMMIT_GROUP: usize = 256;

/// The prefix of environment variables.
const PREFIX: &str = "GRIDLEDGER_";
/// Variables of that beginning that are not settings of the server. The last ones are the tests' own.
const NOT_SETTINGS: [&str; 10] =
    ["CONFIG", "PASSWORD", "FIELD_", "DIE_AT", "PLANTED", "MOST_PAGES", "ENGINE", "SEED", "SEEDS", "TEST_"];

/// The setting that names the time zone.
const TIMEZONE: &str = "timezone";
const ZONE_WANTED: &str = "a time zone of the IANA database, such as Asia/Shanghai";

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything that can be set. The names of the fields are the keys of the file; `GRIDLEDGER_` and the name in
/// capitals is the environment variable.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address and port to listen at; port 0 for any.
    pub listen: String,
    /// The store: `sqlite:PATH` or `postgres://…`.
    pub store: StoreAddress,
    /// The password of a Postgres database whose address has none.
    pub store_password: Option<Secret>,
    /// Folder of the deployment's schema files; the built-in set alone without one.
    pub schema: Option<PathBuf>,
    /// The office's time zone, in which days begin and times are written.
    pub timezone: Zone,
    /// `text` or `json`.
    pub log_format: LogFormat,
    /// The log filter, as `tracing` directives (`info`, `warn,gridledger_server=debug`).
    pub log_level: String,
    /// The bearer token that reads /metrics; without one only this machine does.
    pub metrics_token: Option<Secret>,
    /// Connections at once.
    pub max_connections: usize,
    /// The issuer named in access tokens.
    pub issuer: String,
    /// Worker threads; as many as cores if not set.
    pub workers: Option<usize>,
    /// PEM file with the server's certificate and those above it; TLS is spoken if this and the key are set.
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key.
    pub tls_key: Option<PathBuf>,
    /// Seconds to receive a request's head.
    pub head_seconds: u64,
    /// Days a phone may show residents' values without a sync.
    pub lease_days: u64,
    /// Hours a restored server waits for phones at most.
    pub restore_window_hours: u64,
    /// Days within which a device must have been in use before a backup, to be waited for.
    pub restore_device_days: u64,
    /// Seconds to receive a body.
    pub body_seconds: u64,
    /// Seconds that a client may keep an answer waiting in all, beyond what it takes at 1 KiB/s.
    pub send_seconds: u64,
    /// Seconds that an idle connection is kept.
    pub idle_seconds: u64,
    /// Seconds that running requests get to finish when the server stops.
    pub stop_seconds: u64,
    /// Requests a second of one address that are not signed in.
    pub peer_rate: u32,
    /// … and at once.
    pub peer_burst: u32,
    /// Requests a second of one signed-in user.
    pub user_rate: u32,
    /// … and at once.
    pub user_burst: u32,
    /// Syncs a second of one device.
    pub device_rate: u32,
    /// … and at once.
    pub device_burst: u32,
    /// Syncs that are decided at once; others wait.
    pub syncs_at_once: usize,
    /// Answers to syncs that are sent in pieces at once; more are told to come back.
    pub answers_at_once: usize,
    /// Writes that share a commit at most.
    pub commit_group: usize,
    /// Mebibytes that edits leave free on the disk of a store's file.
    pub least_free_mib: u64,
    /// Seconds that a sync waits for its turn.
    pub sync_wait_seconds: u64,
    /// Whether the last address of `X-Forwarded-For` counts as the caller's: only behind a proxy that sets it.
    pub trust_forwarded: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7300".into(),
            store: StoreAddress::Sqlite("gridledger.db".into()),
            store_password: None,
            schema: None,
            timezone: Zone::default(),
            log_format: LogFormat::Text,
            log_level: "info".into(),
            metrics_token: None,
            max_connections: 20_000,
            issuer: "gridledger".into(),
            workers: None,
            tls_cert: None,
            tls_key: None,
            head_seconds: 5,
            lease_days: LEASE_DAYS,
            restore_window_hours: 24,
            restore_device_days: 7,
            body_seconds: BODY_SECONDS,
            send_seconds: 30,
            // Longer than a proxy in front keeps its own (60 s is usual).
            idle_seconds: 75,
            stop_seconds: 30,
            // A burst is a morning when everybody starts at once, or a desk that pages through a large ledger.
            peer_rate: 20,
            peer_burst: 1_000,
            user_rate: 50,
            user_burst: 1_000,
            device_rate: 20,
            device_burst: 1_000,
            // Enough to share a commit; each may hold its request unpacked.
            commit_group: COMMIT_GROUP,
            least_free_mib: LEAST_FREE_MIB,
            syncs_at_once: 64,
            answers_at_once: limits::ANSWERS_AT_ONCE,
            sync_wait_seconds: 15,
            trust_forwarded: false,
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not TOML. What stands there is left out: it may be a secret.
    #[error("{}: not well-formed TOML{}", .path.display(), .line.map(|line| format!(" (line {line})")).unwrap_or_default())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: Option<usize>,
    },
    /// No setting has this name.
    #[error("{place}: there is no setting `{key}`")]
    Unknown {
        /// The name.
        key: String,
        /// The file, or the environment.
        place: String,
    },
    /// The value does not fit the setting.
    #[error("{place}: `{key}` must be {wanted}")]
    Unfit {
        /// The setting.
        key: String,
        /// The values it takes.
        wanted: &'static str,
        /// The file, or the environment.
        place: String,
    },
}

impl ConfigError {
    /// The sentence in Chinese, where there is one.
    pub fn zh(&self) -> Option<String> {
        match self {
            Self::Unfit { key, place, .. } if key == TIMEZONE => {
                Some(format!("{place}：没有这个时区，timezone 须填 IANA 时区名，例如 Asia/Shanghai"))
            }
            _ => None,
        }
    }
}

/// Why a value was not taken.
enum Unset {
    Unknown,
    Unfit(&'static str),
}

impl Settings {
    /// The settings of defaults, `file` and the variables of `env`, in this order.
    pub fn read(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut settings = Self::default();
        if let Some(path) = file {
            settings.read_file(path)?;
        }
        for (name, value) in env {
            let Some(key) = name.strip_prefix(PREFIX) else {
                continue;
            };
            if !NOT_SETTINGS
                .into_iter()
                .any(|other| key == other || other.ends_with('_') && key.starts_with(other))
            {
                settings.take(&key.to_lowercase(), &value, &format!("environment variable {name}"))?;
            }
        }
        Ok(settings)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::File { path: path.to_owned(), error })?;
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].lines().count().max(1));
            ConfigError::NotToml { path: path.to_owned(), line }
        })?;
        let place = path.display().to_string();
        for (key, value) in &table {
            let value = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(flag) => flag.to_string(),
                // Nothing here takes a list, a date or a table; the name decides what is said about it.
                _ => "\0".to_owned(),
            };
            self.take(key, &value, &place)?;
        }
        Ok(())
    }

    /// Sets one setting by name; `place` is where the value came from.
    pub fn take(&mut self, key: &str, value: &str, place: &str) -> Result<(), ConfigError> {
        let (key, place) = (key.to_owned(), place.to_owned());
        self.set(&key, value).map_err(|unset| match unset {
            Unset::Unknown => ConfigError::Unknown { key, place },
            Unset::Unfit(wanted) => ConfigError::Unfit { key, wanted, place },
        })
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Unset> {
        match key {
            "listen" => self.listen = text(value)?,
            "store" => self.store = store(value)?,
            "store_file" => self.store = store(&first_line(value)?)?,
            "store_password" => self.store_password = Some(Secret(text(value)?)),
            "schema" => self.schema = Some(text(value)?.into()),
            TIMEZONE => self.timezone = zone(value)?,
            "log_format" => self.log_format = log_format(value)?,
            "log_level" => self.log_level = text(value)?,
            "metrics_token" => self.metrics_token = Some(Secret(text(value)?)),
            "max_connections" => self.max_connections = number(value, 1)? as usize,
            "issuer" => self.issuer = text(value)?,
            "workers" => self.workers = Some(number(value, 1)? as usize),
            "tls_cert" => self.tls_cert = Some(text(value)?.into()),
            "tls_key" => self.tls_key = Some(text(value)?.into()),
            "head_seconds" => self.head_seconds = number(value, 1)?,
            "lease_days" => self.lease_days = number(value, 1)?,
            "restore_window_hours" => self.restore_window_hours = number(value, 0)?,
            "restore_device_days" => self.restore_device_days = number(value, 0)?,
            "body_seconds" => self.body_seconds = number(value, 1)?,
            "send_seconds" => self.send_seconds = number(value, 1)?,
            "idle_seconds" => self.idle_seconds = number(value, 1)?,
            "stop_seconds" => self.stop_seconds = number(value, 0)?,
            "peer_rate" => self.peer_rate = number(value, 1)? as u32,
            "peer_burst" => self.peer_burst = number(value, 1)? as u32,
            "user_rate" => self.user_rate = number(value, 1)? as u32,
            "user_burst" => self.user_burst = number(value, 1)? as u32,
            "device_rate" => self.device_rate = number(value, 1)? as u32,
            "device_burst" => self.device_burst = number(value, 1)? as u32,
            "commit_group" => self.commit_group = number(value, 1)? as usize,
            "least_free_mib" => self.least_free_mib = number(value, 0)?,
            "syncs_at_once" => self.syncs_at_once = number(value, 1)? as usize,
            "answers_at_once" => self.answers_at_once = number(value, 1)? as usize,
            "sync_wait_seconds" => self.sync_wait_seconds = number(value, 1)?,
            "trust_forwarded" => self.trust_forwarded = flag(value)?,
            _ => return Err(Unset::Unknown),
        }
        Ok(())
    }
}

/// The first line of a file that holds a secret.
fn first_line(path: &str) -> Result<String, Unset> {
    let text = std::fs::read_to_string(path).map_err(|_| Unset::Unfit("a file that can be read"))?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

fn store(value: &str) -> Result<StoreAddress, Unset> {
    let unfit = Unset::Unfit("sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE");
    match value.split_once(':') {
        Some(("sqlite", path)) if !path.is_empty() => Ok(StoreAddress::Sqlite(path.into())),
        Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
            Ok(StoreAddress::Postgres(Secret(value.to_owned())))
        }
        _ => Err(unfit),
    }
}

fn zone(value: &str) -> Result<Zone, Unset> {
    value.parse().map_err(|_| Unset::Unfit(ZONE_WANTED))
}

fn text(value: &str) -> Result<String, Unset> {
    match value {
        "" | "\0" => Err(Unset::Unfit("a text that is not empty")),
        value => Ok(value.to_owned()),
    }
}

fn number(value: &str, least: u64) -> Result<u64, Unset> {
    // A million bounds everything that is counted or timed here.
    let number = value.parse().ok().filter(|number| (least..=1_000_000).contains(number));
    number.ok_or(Unset::Unfit("a whole number up to 1000000"))
}

fn flag(value: &str) -> Result<bool, Unset> {
    value.parse().map_err(|_| Unset::Unfit("true or false"))
}

fn log_format(value: &str) -> Result<LogFormat, Unset> {
    match value {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(Unset::Unfit("text or json")),
    }
}

#[cfg(test)]
mod tests;
