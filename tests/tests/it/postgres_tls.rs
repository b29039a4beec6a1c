//! The line to the database: encrypted, and to nobody else.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;

use gridledger_schema::set::SchemaSet;
use gridledger_server::ingest;
use gridledger_server::store::Store;
use gridledger_server::store::StoreError;
use gridledger_tests::cluster::{Cluster, unprivileged};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

/// Writes an authority's certificate, and a certificate of it with its key for this machine.
fn certificates(folder: &Path) {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&authority_key).unwrap();
    std::fs::write(folder.join("ca.pem"), certificate.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["127.0.0.1".into(), "localhost".into()]).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let certificate = server.signed_by(&key, &issuer).unwrap();
    std::fs::write(folder.join("server.pem"), certificate.pem()).unwrap();
    let file = folder.join("server.key");
    std::fs::write(&file, key.serialize_pem()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    if let Some((uid, gid)) = unprivileged() {
        chown(&file, Some(uid), Some(gid)).unwrap();
    }
}

fn open(url: &str) -> Result<Store, StoreError> {
    Store::open_postgres(url, ingest::decider(SchemaSet::builtin()))
}

#[test]
fn the_line_is_encrypted_and_leads_to_the_database_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    certificates(folder.path());
    let inside = folder.path().join("cluster");
    std::fs::create_dir(&inside).unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let settings = [
        "ssl = on",
        &format!("ssl_cert_file = '{}'", file("server.pem")),
        &format!("ssl_key_file = '{}'", file("server.key")),
    ];
    let cluster = Cluster::own(&inside, &settings);
    let url = cluster.database();
    let store = open(&format!("{url}?sslrootcert={}", file("ca.pem"))).unwrap();
    store.ready().unwrap();
    let lines = "SELECT count(*), count(*) FILTER (WHERE s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
                 WHERE a.application_name = 'gridledger'";
    let row = cluster.client("postgres").query_one(lines, &[]).unwrap();
    let (all, encrypted): (i64, i64) = (row.get(0), row.get(1));
    assert!(all > 0 && encrypted == all, "{encrypted} of {all}");
    store.close();

    let stranger = tempfile::tempdir().unwrap();
    certificates(stranger.path());
    let other = stranger.path().join("ca.pem");
    assert!(open(&format!("{url}?sslrootcert={}", other.display())).is_err());
    let error = open(&format!("{url}?sslmode=require")).err().unwrap().to_string();
    assert!(error.contains("sslrootcert"), "{error}");
}
