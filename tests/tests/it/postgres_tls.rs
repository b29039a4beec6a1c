//! The line to the database: encrypted, and to nobody else.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use gridledger_schema::set::SchemaSet;
use gridledger_server::ingest;
use gridledger_server::store::Store;
use gridledger_server::store::StoreError;
use gridledger_tests::authority::Authority;
use gridledger_tests::cluster::{Cluster, unprivileged};
use gridledger_tests::files::{self, write};

/// Writes an authority's certificate, and a certificate of it with its key for this machine.
fn certificates(folder: &Path) {
    let authority = Authority::new("office");
    write(folder.join("ca.pem"), authority.root());
    let (_, key) = authority.certify(folder, &["127.0.0.1", "localhost"]);
    set_mode(&key, 0o600);
    if let Some((uid, gid)) = unprivileged() {
        chown(&key, Some(uid), Some(gid)).expect("the key is handed over");
    }
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the mode is set");
}

fn open(url: &str) -> Result<Store, StoreError> {
    Store::open_postgres(url, ingest::decider(SchemaSet::builtin()))
}

#[test]
fn the_line_is_encrypted_and_leads_to_the_database_alone() {
    let folder = files::folder();
    set_mode(folder.path(), 0o755);
    certificates(folder.path());
    let inside = folder.path().join("cluster");
    std::fs::create_dir(&inside).expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let settings = [
        "ssl = on",
        &format!("ssl_cert_file = '{}'", file("cert.pem")),
        &format!("ssl_key_file = '{}'", file("key.pem")),
    ];
    let cluster = Cluster::own(&inside, &settings);
    let url = cluster.database();
    let store = open(&format!("{url}?sslrootcert={}", file("ca.pem"))).expect("the authority is trusted");
    store.ready().expect("the store is ready");
    let lines = "SELECT count(*), count(*) FILTER (WHERE s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
                 WHERE a.application_name = 'gridledger'";
    let row = cluster.client("postgres").query_one(lines, &[]).expect("the lines are counted");
    let (all, encrypted): (i64, i64) = (row.get(0), row.get(1));
    assert!(all > 0 && encrypted == all, "{encrypted} of {all}");
    store.close();

    let stranger = files::folder();
    certificates(stranger.path());
    let other = stranger.path().join("ca.pem");
    assert!(open(&format!("{url}?sslrootcert={}", other.display())).is_err());
    let error = open(&format!("{url}?sslmode=require")).err().expect("no authority is named").to_string();
    assert!(error.contains("sslrootcert"), "{error}");
}
