//! TLS with an office's own authority: the real client against the real server.

use std::path::Path;

use gridledger_client::{Client, ClientError, Options};
use gridledger_schema::code::Code;
use gridledger_server::config::Settings;
use gridledger_server::http;
use gridledger_tests::at_rest::lock;
use gridledger_tests::authority::Authority;
use gridledger_tests::desk::Desk;
use tempfile::TempDir;

use super::Handset;

/// A server with a certificate for `host`, and where its files are.
fn served(office: &Authority, host: &str) -> (Desk, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let (cert, key) = office.certify(dir.path(), &[host]);
    let desk = Desk::with(&[
        ("tls_cert", cert.to_str().expect("a path")),
        ("tls_key", key.to_str().expect("a path")),
    ]);
    (desk, dir)
}

fn trusting(office: &Authority) -> Options {
    Options { roots: office.root(), ..Options::default() }
}

/// A sync that is refused by the phone: it can be tried again, and what was saved is here.
#[track_caller]
fn refuses(phone: &Handset, why: &str) {
    let error = phone.sync().expect_err("no server to trust");
    assert!(matches!(&error, ClientError::Network(what) if what.contains(why)), "{error:?}");
    assert!(error.is_retryable());
}

#[test]
fn a_phone_syncs_with_a_server_that_its_office_vouches_for() {
    let office = Authority::new("office");
    let (desk, _files) = served(&office, "127.0.0.1");
    assert!(desk.url().starts_with("https://"));
    let phone = Handset::of(&desk, "w1", trusting(&office));
    phone.syncs();
    let record = phone.patrol("巡查");
    phone.syncs(); // it sends
    assert_eq!(phone.unsent(), 0);
    assert!(phone.client.get(record).expect("the store works").is_some());
}

#[test]
fn a_phone_refuses_a_server_that_it_cannot_trust_and_loses_nothing() {
    let (office, other) = (Authority::new("office"), Authority::new("another office"));
    let (desk, _files) = served(&office, "127.0.0.1");
    let phone = Handset::of(&desk, "w1", trusting(&office));
    phone.syncs();
    phone.patrol("巡查");
    // The same name and address, vouched for by somebody else.
    let (false_desk, _files) = served(&other, "127.0.0.1");
    phone.client.engine().set_server(false_desk.url()).expect("noted");
    refuses(&phone, "UnknownIssuer");
    // Vouched for, but for another host.
    let (elsewhere, _files) = served(&office, "ledger.example");
    phone.client.engine().set_server(elsewhere.url()).expect("noted");
    refuses(&phone, "not valid for name");
    // Where an office's authority is given, the system's authorities do not count, nor the other way round.
    let unaware = Handset::of(&desk, "w2", Options::default());
    unaware.sync().expect_err("the system does not know the office");
    assert_eq!(phone.unsent(), 1);
    phone.client.engine().set_server(desk.url()).expect("noted");
    phone.syncs(); // the right one again
    assert_eq!(phone.unsent(), 0);
}

#[test]
fn no_word_is_said_without_tls_and_answers_ask_for_it() {
    let office = Authority::new("office");
    let (desk, _files) = served(&office, "127.0.0.1");
    let plain = desk.ask("GET", "/healthz", "");
    assert_eq!(plain.status, 0, "{plain:?}");
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([reqwest::Certificate::from_pem(&office.root()).expect("a root")])
        .build()
        .expect("a client");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answer = runtime
        .expect("a runtime")
        .block_on(client.get(format!("{}/v1/me", desk.url())).send())
        .expect("an answer");
    assert_eq!(answer.status().as_u16(), Code::Unauthorised.http_status());
    let header = answer.headers().get("strict-transport-security");
    assert_eq!(header.map(reqwest::header::HeaderValue::as_bytes), Some(&b"max-age=63072000"[..]));
}

#[test]
fn a_new_certificate_is_used_without_a_restart_and_a_bad_one_is_not() {
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let (desk, files) = served(&before, "127.0.0.1");
    let old = Handset::of(&desk, "w1", trusting(&before));
    old.syncs();
    let new = Handset::of(&desk, "w2", trusting(&after));
    refuses(&new, "UnknownIssuer");
    let change = |file: &str, text: &str, seconds: u64| {
        let path = files.path().join(file);
        std::fs::write(&path, text).expect("a file");
        let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(2_000_000_000 + seconds);
        std::fs::File::options()
            .write(true)
            .open(path)
            .and_then(|file| file.set_modified(at))
            .expect("a time");
    };
    let elsewhere = tempfile::tempdir().expect("a folder");
    let (cert, key) = after.certify(elsewhere.path(), &["127.0.0.1"]);
    let text = |path: &Path| std::fs::read_to_string(path).expect("a file");
    // Half of it is there: the key does not belong to the certificate yet.
    change("cert.pem", &text(&cert), 1);
    let still = Handset::of(&desk, "w3", trusting(&before));
    still.syncs(); // the certificate before stays
    change("key.pem", &text(&key), 2);
    new.syncs(); // the new certificate
    let late = Handset::of(&desk, "w4", trusting(&before));
    refuses(&late, "UnknownIssuer");
    change("cert.pem", "nothing", 3);
    Handset::of(&desk, "w5", trusting(&after)).syncs(); // the last good one stays
}

#[test]
fn a_server_does_not_start_with_a_certificate_that_is_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let office = Authority::new("office");
    let (cert, key) = office.certify(dir.path(), &["127.0.0.1"]);
    let other = tempfile::tempdir().expect("a folder");
    let (_, wrong_key) = office.certify(other.path(), &["127.0.0.1"]);
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "").expect("a file");
    let missing = dir.path().join("missing.pem");
    let cases = [
        (Some(&cert), None, "go together"),
        (None, Some(&key), "go together"),
        (Some(&missing), Some(&key), "`tls_cert`"),
        (Some(&cert), Some(&missing), "`tls_key`"),
        (Some(&empty), Some(&key), "no certificate"),
        (Some(&cert), Some(&empty), "no private key"),
        (Some(&key), Some(&key), "no certificate"),
        (Some(&cert), Some(&cert), "no private key"),
        (Some(&cert), Some(&wrong_key), "does not belong"),
    ];
    let desk = Desk::open();
    for (cert, key, why) in cases {
        let settings = Settings {
            listen: "127.0.0.1:0".into(),
            tls_cert: cert.cloned(),
            tls_key: key.cloned(),
            ..Settings::default()
        };
        let error = http::start(desk.service.clone(), &settings).map(|_| ()).expect_err(why);
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn a_phone_says_at_once_that_its_certificates_are_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options { roots: b"nothing".to_vec(), ..Options::default() };
    let opened = Client::open(dir.path().join("phone.db"), &lock(), options);
    assert!(matches!(opened, Err(ClientError::Certificates(_))));
}
