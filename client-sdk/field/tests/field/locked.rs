//! Ways to open the file on the command line: a key or a passphrase of the environment, a passphrase typed in, or the key
//! file made beside it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::phone::{Did, Phone};

/// Runs a command with these variables and this input, and no key of the test's own.
fn run(phone: &Phone, variables: &[(&str, &str)], input: &str, args: &[&str]) -> Did {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gridledger-field"))
        .args(args)
        .env("GRIDLEDGER_STORE", phone.path("phone.db"))
        .env("LC_ALL", "C")
        .env_remove("GRIDLEDGER_FIELD_KEY")
        .env_remove("GRIDLEDGER_FIELD_PASSPHRASE")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may have ended by now.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Did { status: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

const ENROL: [&str; 5] = ["enrol", "--server", "http://127.0.0.1:9", "CODE", "--later"];

#[test]
fn without_a_key_one_is_made_beside_the_store_and_said_once() {
    let phone = Phone::blank();
    let did = run(&phone, &[], "", &ENROL);
    assert_eq!(did.status, 0);
    assert!(did.err.starts_with("The store is encrypted; its key is "), "{}", did.err);
    let key = phone.path("phone.db.hostkey");
    assert_eq!(std::fs::read_to_string(&key).unwrap().trim().len(), 64);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let did = run(&phone, &[], "", &["status"]);
    assert_eq!((did.status, did.err.as_str()), (0, ""));
    std::fs::remove_file(&key).unwrap();
    let did = run(&phone, &[], "", &["status"]);
    assert_eq!(did.status, 1);
    assert!(did.err.contains("[wrong_key]") && did.err.contains("GRIDLEDGER_FIELD_KEY"), "{}", did.err);
    assert!(!key.exists(), "no key is made for a store that has another");
}

#[test]
fn a_passphrase_opens_from_the_environment_or_typed_in() {
    let phone = Phone::blank();
    let did = run(&phone, &[], "大槐树下第三户人家\n", &[&["--passphrase-stdin"], &ENROL[..]].concat());
    assert_eq!((did.status, did.err.as_str()), (0, ""));
    let right = [("GRIDLEDGER_FIELD_PASSPHRASE", "大槐树下第三户人家")];
    assert_eq!(run(&phone, &right, "", &["status"]).status, 0);
    let wrong = [("GRIDLEDGER_FIELD_PASSPHRASE", "大槐树下第四户人家")];
    let did = run(&phone, &wrong, "", &["status"]);
    assert!(did.status == 1 && did.err.contains("[wrong_key]"), "{}", did.err);
    let did = run(&phone, &[], "short\n", &["--passphrase-stdin", "status"]);
    assert!(did.err.contains("[wrong_key]"), "{}", did.err);
    assert!(!phone.path("phone.db.damaged-1").exists());
}

#[test]
fn a_key_that_is_none_is_not_understood() {
    let phone = Phone::blank();
    let did = run(&phone, &[("GRIDLEDGER_FIELD_KEY", "07")], "", &ENROL);
    assert_eq!(did.status, 2);
    assert!(did.err.contains("64 hexadecimal digits"), "{}", did.err);
    let did = run(&phone, &[], "short\n", &[&["--passphrase-stdin"], &ENROL[..]].concat());
    assert!(did.status == 1 && did.err.contains("[value_invalid]"), "{}", did.err);
    assert!(!phone.path("phone.db").exists());
}

#[test]
fn a_store_without_its_key_file_waits_for_it() {
    let phone = Phone::blank();
    assert_eq!(run(&phone, &[], "", &ENROL).status, 0);
    let names = || {
        let entries = std::fs::read_dir(phone.dir.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    for part in [".key", ".hostkey"] {
        let file = phone.path(&format!("phone.db{part}"));
        let bytes = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        for (lang, said) in [("en", "put"), ("zh", "放回")] {
            let did = run(&phone, &[], "", &["status", "--lang", lang]);
            let told = did.err.contains(file.to_str().unwrap()) && did.err.contains(said);
            assert!(did.status == 1 && told && did.err.contains("[wrong_key]"), "{}", did.err);
            assert_eq!(names().len(), before.len() - 1);
        }
        std::fs::write(&file, bytes).unwrap();
        assert_eq!(run(&phone, &[], "", &["status"]).status, 0);
        assert_eq!(names(), before);
    }
    // Neither is made again beside a store that is there.
    for part in [".key", ".hostkey"] {
        std::fs::remove_file(phone.path(&format!("phone.db{part}"))).unwrap();
    }
    assert_eq!(run(&phone, &[], "", &["status"]).status, 1);
    assert_eq!(names().len(), before.len() - 2);
}
