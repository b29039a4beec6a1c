//! Settings: which source wins, what is refused, and that secrets are not shown.

use super::*;

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("gridledger.toml");
    std::fs::write(&path, text).expect("a file");
    (dir, path)
}

fn refused(text: &str) -> String {
    let (dir, path) = file(text);
    let said = Settings::read(Some(&path), []).expect_err("must be refused").to_string();
    said.replace(&dir.path().display().to_string(), "")
}

#[test]
fn the_later_source_wins() {
    let (_dir, path) = file("listen = \"0.0.0.0:1\"\nmax_connections = 7\ntrust_forwarded = true\n");
    let env = env(&[("GRIDLEDGER_LISTEN", "0.0.0.0:2"), ("PATH", "/bin"), ("GRIDLEDGER_PASSWORD", "x")]);
    let mut settings = Settings::read(Some(&path), env).expect("good settings");
    assert_eq!((settings.listen.as_str(), settings.max_connections), ("0.0.0.0:2", 7));
    assert!(settings.trust_forwarded);
    settings.take("listen", "0.0.0.0:3", "command line").expect("a good value");
    assert_eq!(settings.listen, "0.0.0.0:3");
    assert_eq!(settings.store, StoreAddress::Sqlite("gridledger.db".into()));
}

#[test]
fn what_is_unknown_or_unfit_is_named() {
    assert_eq!(refused("lisen = \"x\""), "/gridledger.toml: there is no setting `lisen`");
    assert_eq!(refused("[log]\nlevel = 1"), "/gridledger.toml: there is no setting `log`");
    assert_eq!(refused("listen = [1]"), "/gridledger.toml: `listen` must be a text that is not empty");
    assert_eq!(refused("workers = 0"), "/gridledger.toml: `workers` must be a whole number up to 1000000");
    assert_eq!(refused("log_format = \"xml\""), "/gridledger.toml: `log_format` must be text or json");
    assert_eq!(
        refused("issuer = 'a'\nmetrics_token = 'kanarie"),
        "/gridledger.toml: not well-formed TOML (line 2)"
    );
    let unknown = Settings::read(None, env(&[("GRIDLEDGER_LISEN", "x")])).expect_err("must be refused");
    assert_eq!(unknown.to_string(), "environment variable GRIDLEDGER_LISEN: there is no setting `lisen`");
}

#[test]
fn a_time_zone_is_one_of_the_database() {
    assert_eq!(Settings::default().timezone.to_string(), "Asia/Shanghai");
    let (_dir, path) = file("timezone = \"Asia/Urumqi\"\n");
    let settings = Settings::read(Some(&path), []).expect("good settings");
    assert_eq!(settings.timezone.to_string(), "Asia/Urumqi");
    let wanted = "a time zone of the IANA database, such as Asia/Shanghai";
    assert_eq!(refused("timezone = 'Beijing'"), format!("/gridledger.toml: `timezone` must be {wanted}"));
    let error = Settings::read(None, env(&[("GRIDLEDGER_TIMEZONE", "+08:00")])).expect_err("must be refused");
    assert_eq!(
        error.to_string(),
        format!("environment variable GRIDLEDGER_TIMEZONE: `timezone` must be {wanted}")
    );
    let zh = "environment variable GRIDLEDGER_TIMEZONE：没有这个时区，timezone 须填 IANA 时区名，例如 Asia/Shanghai";
    assert_eq!(error.zh().as_deref(), Some(zh));
}

#[test]
fn secrets_are_not_shown() {
    let settings =
        Settings::read(None, env(&[("GRIDLEDGER_METRICS_TOKEN", "kanarie-9")])).expect("good settings");
    assert_eq!(settings.metrics_token.as_ref().map(Secret::reveal), Some("kanarie-9"));
    let shown = format!("{settings:?} {settings:#?}");
    assert!(!shown.contains("kanarie"), "{shown}");
}

#[test]
fn a_store_is_a_file_or_a_database() {
    let mut settings = Settings::default();
    assert_eq!(settings.store, StoreAddress::Sqlite(PathBuf::from("gridledger.db")));
    settings.take("store", "postgres://ledger:kanarie-7@db/office", "test").expect("a database");
    assert!(matches!(settings.store, StoreAddress::Postgres(_)));
    assert!(!format!("{settings:?}").contains("kanarie"));
    for wrong in ["mysql:x", "sqlite:", "postgres:x", "gridledger.db"] {
        assert!(settings.take("store", wrong, "test").is_err(), "{wrong}");
    }
}
