//! TLS with an office's own authority: the real client against the real server.

use std::path::{Path, PathBuf};

use gridledger_client::{Client, ClientError, Options};
use gridledger_schema::code::Code;
use gridledger_server::config::Settings;
use gridledger_server::http;
use gridledger_tests::at_rest::lock;
use gridledger_tests::desk::Desk;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use tempfile::TempDir;

use super::Phone;

/// An authority of an office.
struct Office {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Office {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("an authority") }
    }

    fn roots(&self) -> Vec<u8> {
        self.issuer.pem().into_bytes()
    }

    /// A certificate for a host and its key, in two files of `dir`.
    fn certify(&self, dir: &Path, host: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate");
        let (cert_file, key_file) = (dir.join("cert.pem"), dir.join("key.pem"));
        std::fs::write(&cert_file, cert.pem()).expect("a file");
        std::fs::write(&key_file, key.serialize_pem()).expect("a file");
        (cert_file, key_file)
    }
}

/// A server with a certificate for `host`, and where its files are.
fn served(office: &Office, host: &str) -> (Desk, TempDir) {
    let dir = tempfile::tempdir().expect("a folder");
    let (cert, key) = office.certify(dir.path(), host);
    let desk = Desk::with(&[
        ("tls_cert", cert.to_str().expect("a path")),
        ("tls_key", key.to_str().expect("a path")),
    ]);
    (desk, dir)
}

fn trusting(office: &Office) -> Options {
    Options { roots: office.roots(), ..Options::default() }
}

/// A sync that is refused by the phone: it can be tried again, and what was saved is here.
#[track_caller]
fn refuses(phone: &Phone, why: &str) {
    let error = phone.sync().expect_err("no server to trust");
    assert!(matches!(&error, ClientError::Network(what) if what.contains(why)), "{error:?}");
    assert!(error.is_retryable());
}

#[test]
fn a_phone_syncs_with_a_server_that_its_office_vouches_for() {
    let office = Office::new("office");
    let (desk, _files) = served(&office, "127.0.0.1");
    assert!(desk.url().starts_with("https://"));
    let phone = Phone::of(&desk, "w1", trusting(&office));
    phone.sync().expect("it enrols");
    let record = phone.patrol("巡查");
    phone.sync().expect("it sends");
    assert_eq!(phone.unsent(), 0);
    assert!(phone.client.get(record).expect("the store works").is_some());
}

#[test]
fn a_phone_refuses_a_server_that_it_cannot_trust_and_loses_nothing() {
    let (office, other) = (Office::new("office"), Office::new("another office"));
    let (desk, _files) = served(&office, "127.0.0.1");
    let phone = Phone::of(&desk, "w1", trusting(&office));
    phone.sync().expect("it enrols");
    phone.patrol("巡查");
    // The same name and address, vouched for by somebody else.
    let (false_desk, _files) = served(&other, "127.0.0.1");
    phone.client.engine().set_server(false_desk.url()).expect("noted");
    refuses(&phone, "UnknownIssuer");
    // Vouched for, but for another host.
    let (elsewhere, _files) = served(&office, "ledger.example");
    phone.client.engine().set_server(elsewhere.url()).expect("noted");
    refuses(&phone, "not valid for name");
    // What the system trusts does not count where an office's authority is given, nor the other way round.
    let unaware = Phone::of(&desk, "w2", Options::default());
    unaware.sync().expect_err("the system does not know the office");
    assert_eq!(phone.unsent(), 1);
    phone.client.engine().set_server(desk.url()).expect("noted");
    phone.sync().expect("the right one again");
    assert_eq!(phone.unsent(), 0);
}

#[test]
fn no_word_is_said_without_tls_and_answers_ask_for_it() {
    let office = Office::new("office");
    let (desk, _files) = served(&office, "127.0.0.1");
    let plain = desk.ask("GET", "/healthz", "");
    assert_eq!(plain.status, 0, "{plain:?}");
    let client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([reqwest::Certificate::from_pem(&office.roots()).expect("a root")])
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
    let (before, after) = (Office::new("before"), Office::new("after"));
    let (desk, files) = served(&before, "127.0.0.1");
    let old = Phone::of(&desk, "w1", trusting(&before));
    old.sync().expect("it enrols");
    let new = Phone::of(&desk, "w2", trusting(&after));
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
    let (cert, key) = after.certify(elsewhere.path(), "127.0.0.1");
    let text = |path: &Path| std::fs::read_to_string(path).expect("a file");
    // Half of it is there: the key does not belong to the certificate yet.
    change("cert.pem", &text(&cert), 1);
    let still = Phone::of(&desk, "w3", trusting(&before));
    still.sync().expect("the certificate before stays");
    change("key.pem", &text(&key), 2);
    new.sync().expect("the new certificate");
    let late = Phone::of(&desk, "w4", trusting(&before));
    refuses(&late, "UnknownIssuer");
    change("cert.pem", "nothing", 3);
    Phone::of(&desk, "w5", trusting(&after)).sync().expect("the last good one stays");
}

#[test]
fn a_server_does_not_start_with_a_certificate_that_is_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let office = Office::new("office");
    let (cert, key) = office.certify(dir.path(), "127.0.0.1");
    let other = tempfile::tempdir().expect("a folder");
    let (_, wrong_key) = office.certify(other.path(), "127.0.0.1");
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
