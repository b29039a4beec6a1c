//! The phone's file at rest: nothing of it can be read without its lock, a wrong lock changes nothing, and damage is told
//! from both and never deleted.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gridledger_client::{Client, ClientError, Invite, KeyFileFault, Lock, Options, Query};
use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::{AreaInfo, Grant};
use gridledger_tests::at_rest::{dump, found, lock};
use gridledger_tests::files::{self, folder, read, remove, write};
use gridledger_tests::forms::{self, object};
use serde_json::json;
use tempfile::TempDir;

const NAME: &str = "陆金丝雀";
const NUMBER: &str = "13800001234";
const CANARIES: [&str; 2] = [NAME, NUMBER];

fn open(store: &Path, lock: &Lock) -> Result<Client, ClientError> {
    Client::open(store, lock, Options::default())
}

fn invite() -> Invite {
    let area = AreaInfo {
        no: AreaNo(1),
        parent: None,
        code: "G1".into(),
        kind: "basic_grid".into(),
        name: "第一网格".into(),
        edges: Vec::new(),
    };
    let grant = Grant { role: "grid_worker".into(), area: area.no, from: 0, to: None };
    Invite {
        server: "http://127.0.0.1:9".into(),
        code: "7KQM-2F4D-9XTA".into(),
        user: "w1".into(),
        name: "王某".into(),
        grants: vec![grant],
        areas: vec![area],
    }
}

/// Opens a store that opens.
#[track_caller]
fn opened(store: &Path, lock: &Lock) -> Client {
    match open(store, lock) {
        Ok(client) => client,
        Err(error) => panic!("the store does not open: {error}"),
    }
}

/// Reads all there is, in a store that can be read; how many records there are.
#[track_caller]
fn count_all(client: &Client) -> usize {
    match read_all(client) {
        Ok(count) => count,
        Err(error) => panic!("the store cannot be read: {error}"),
    }
}

/// A phone with a few people on it, in a folder of its own.
fn phone() -> (TempDir, PathBuf, Client) {
    let dir = folder();
    let store = dir.path().join("phone.db");
    let client = opened(&store, &lock());
    client.accept(&invite()).expect("the phone takes the invitation");
    for n in 0..40 {
        let number = object(json!({ "number": NUMBER }));
        let person = forms::person(&format!("{NAME}{n}")).set_child("phones", "a", number);
        client.create("person", "G1", person).expect("the phone saves the person");
    }
    (dir, store, client)
}

/// The folder that a file lies in.
fn folder_of(file: &Path) -> &Path {
    file.parent().expect("the path of a file")
}

/// A copy of a phone's files elsewhere.
fn copied(store: &Path) -> (TempDir, PathBuf) {
    let dir = folder();
    for (name, bytes) in files(folder_of(store)) {
        write(dir.path().join(name), bytes);
    }
    let copy = dir.path().join(store.file_name().expect("the path of a file"));
    (dir, copy)
}

fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let of = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a name in letters");
        (name, read(entry.path()))
    };
    let entries = fs::read_dir(dir).expect("the folder can be read");
    entries.map(|entry| of(entry.expect("the folder can be read"))).collect()
}

/// Reads all there is.
fn read_all(client: &Client) -> Result<usize, ClientError> {
    let records = client.list(&Query::default())?;
    client.list(&Query::default().text(NAME))?;
    client.receipts(0)?;
    client.receipts(1_000)?;
    client.attention()?;
    client.status()?;
    Ok(records.len())
}

#[test]
fn nothing_of_a_store_can_be_read_without_its_lock() {
    let (dir, store, client) = phone();
    let look = || {
        let files = files(dir.path());
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        for (name, bytes) in &files {
            assert_eq!(found(bytes, &CANARIES), [""; 0], "{name}");
            assert_eq!(found(bytes, &["SQLite format 3", "CREATE TABLE", "grid_worker"]), [""; 0], "{name}");
        }
        names.join(" ")
    };
    assert_eq!(look(), "phone.db phone.db-shm phone.db-wal phone.db.key");
    assert_eq!(client.list(&Query::default().text(NAME)).map(|found| found.len()).ok(), Some(40));
    drop(client);
    assert_eq!(look(), "phone.db phone.db.key");
    // The search itself works: who has file and lock finds them.
    assert_eq!(found(&dump(&store, &lock()), &CANARIES), CANARIES);
}

#[test]
fn a_wrong_key_is_told_and_touches_nothing() {
    let (dir, store, client) = phone();
    drop(client);
    let before = files(dir.path());
    for wrong in [Lock::host_key([8; 32]), Lock::passphrase("correct horse")] {
        assert!(matches!(open(&store, &wrong), Err(ClientError::WrongKey)));
        assert_eq!(files(dir.path()), before);
    }
    assert_eq!(count_all(&opened(&store, &lock())), 40);
    // The lock is asked for where the file has gone, too: it may come back.
    remove(&store);
    assert!(matches!(open(&store, &Lock::host_key([8; 32])), Err(ClientError::WrongKey)));
    assert!(open(&store, &lock()).is_ok());
}

#[test]
fn a_store_can_be_given_another_lock() {
    let (_dir, store, client) = phone();
    let passphrase = Lock::passphrase("大槐树下第三户人家");
    client.rewrap(&passphrase).expect("the store takes another lock");
    assert_eq!(count_all(&client), 40);
    drop(client);
    assert!(matches!(open(&store, &lock()), Err(ClientError::WrongKey)));
    let client = opened(&store, &passphrase);
    assert_eq!(count_all(&client), 40);
    let short = client.rewrap(&Lock::passphrase("short")).expect_err("the passphrase is short");
    assert_eq!(short.to_string(), "value_invalid: at least 8 characters (passphrase)");
    drop(client);
    assert!(open(&store, &passphrase).is_ok());
}

/// The store in this state is damaged: that is said at the opening or at the first reading, every file of it is kept as
/// it was, and the next opening makes a new one.
fn is_set_aside(store: &Path, what: &str) {
    let dir = folder_of(store);
    let before = files(dir);
    let error = match open(store, &lock()) {
        Err(error) => error,
        Ok(client) => {
            let error = read_all(&client).expect_err(what);
            let again = read_all(&client).expect_err(what);
            assert_eq!(again.to_string(), error.to_string(), "{what}: said once more");
            error
        }
    };
    let ClientError::Damaged { kept_as } = error else {
        panic!("{what}: {error}");
    };
    assert_eq!(kept_as, format!("{}.damaged-1", store.display()), "{what}");
    let after = files(dir);
    for (name, bytes) in before.iter().filter(|(name, _)| !name.ends_with("-shm")) {
        let kept = name.replace("phone.db", "phone.db.damaged-1");
        assert_eq!(after.get(&kept), Some(bytes), "{what}: {name}");
    }
    assert!(!store.exists(), "{what}");
    assert_eq!(count_all(&opened(store, &lock())), 0, "{what}");
}

#[test]
fn damage_is_told_and_set_aside_with_all_its_files() {
    let (_dir, store, client) = phone();
    drop(client);
    let whole = read(&store);
    let damaged = |what: &str, damage: &dyn Fn(&Path)| {
        let (_dir, copy) = copied(&store);
        damage(&copy);
        is_set_aside(&copy, what);
    };
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x20;
        bytes
    };
    for at in [20, 3_000] {
        damaged("a byte of page 1", &|copy| write(copy, flipped(at)));
    }
    for length in [0, 1, 4_095, 4_096, 12_288, whole.len() / 2 + 7] {
        damaged(&format!("cut at {length}"), &|copy| {
            write(copy, &whole[..length]);
        });
    }
}

/// In this state the store does not open, with this said; nothing is touched, and it opens when its files are as before.
fn waits(store: &Path, what: &str, said: impl Fn(&ClientError) -> bool, change: impl Fn(&Path)) {
    let (_dir, copy) = copied(store);
    let dir = folder_of(&copy);
    let before = files(dir);
    change(&copy);
    let changed = files(dir);
    for _ in 0..2 {
        let error = open(&copy, &lock()).err().expect(what);
        assert!(said(&error), "{what}: {error}");
        assert_eq!(files(dir), changed, "{what}");
    }
    for (name, bytes) in before {
        write(dir.join(name), bytes);
    }
    assert_eq!(count_all(&opened(&copy, &lock())), 40, "{what}");
}

#[test]
fn what_is_missing_or_does_not_fit_is_waited_for() {
    let (_dir, store, client) = phone();
    let (_copies, with_log) = copied(&store);
    drop(client);
    let key = |copy: &Path| copy.with_file_name("phone.db.key");
    let fault = |wanted: KeyFileFault| move |error: &ClientError| matches!(error, ClientError::KeyFile { fault, .. } if *fault == wanted);
    let damaged = fault(KeyFileFault::Damaged);
    waits(&store, "no key file", fault(KeyFileFault::Missing), |copy| {
        remove(key(copy));
    });
    waits(&store, "an empty key file", damaged, |copy| {
        write(key(copy), "");
    });
    waits(&store, "a key file of another kind", damaged, |copy| {
        write(key(copy), [0x55; 200]);
    });
    waits(&store, "a garbled key file", damaged, |copy| {
        let mut bytes = read(key(copy));
        bytes[60] ^= 1;
        write(key(copy), bytes);
    });
    let misfit = fault(KeyFileFault::Misfit);
    waits(&store, "another store's key file", misfit, |copy| {
        let (_dir, other, client) = phone();
        drop(client);
        files::copy(key(&other), key(copy));
    });
    waits(&store, "what the pages' keys stand on", misfit, |copy| {
        let mut bytes = read(copy);
        bytes[0] ^= 0x20;
        write(copy, bytes);
    });
    let lost = |error: &ClientError| matches!(error, ClientError::LostFile { .. });
    waits(&with_log, "the file is gone, its log is there", lost, |copy| {
        remove(copy);
    });
    waits(&with_log, "the log alone is left", lost, |copy| {
        remove(copy);
        remove(key(copy));
    });
}

#[test]
fn an_app_can_begin_anew_beside_a_store_that_waits() {
    let (_dir, store, client) = phone();
    drop(client);
    remove(store.with_file_name("phone.db.key"));
    assert!(open(&store, &lock()).is_err());
    let kept_as = gridledger_client::set_aside(&store).expect("the store can be set aside");
    assert_eq!(kept_as, format!("{}.damaged-1", store.display()));
    assert_eq!(count_all(&opened(&store, &lock())), 0);
}

#[test]
fn a_damaged_page_is_found_wherever_it_is() {
    let (_dir, store, client) = phone();
    drop(client);
    let whole = read(&store);
    let pages = whole.len() / 4_096;
    let mut told = 0;
    for page in 0..pages {
        let (dir, copy) = copied(&store);
        let mut bytes = whole.clone();
        bytes[page * 4_096 + 2_000] ^= 0x20;
        write(&copy, &bytes);
        let read = open(&copy, &lock()).and_then(|client| read_all(&client));
        match read {
            Err(ClientError::Damaged { .. }) => {
                told += 1;
                assert_eq!(files(dir.path())["phone.db.damaged-1"], bytes, "page {page}");
            }
            // A page nobody reads: it is free, or of a document.
            Ok(40) => {}
            other => panic!("page {page}: {other:?}"),
        }
    }
    assert!(told > 5 && pages > 20, "{told} of {pages}");
}

#[test]
fn a_log_that_was_cut_gives_what_was_whole_in_it() {
    let (_dir, store, client) = phone();
    let (_copies, source) = copied(&store);
    drop(client);
    let log = read(source.with_file_name("phone.db-wal"));
    let mut held = Vec::new();
    for tenth in 0..=10 {
        let (_dir, copy) = copied(&source);
        let _ = fs::remove_file(copy.with_file_name("phone.db-shm"));
        let length = log.len() * tenth / 10;
        write(copy.with_file_name("phone.db-wal"), &log[..length]);
        held.push(count_all(&opened(&copy, &lock())));
    }
    assert!(held.is_sorted() && held[0] < 40 && held[10] == 40, "{held:?}");
}

#[test]
fn a_file_that_is_not_encrypted_is_left_alone() {
    let dir = folder();
    let store = dir.path().join("phone.db");
    let plain = rusqlite::Connection::open(&store).expect("a plain file opens");
    plain.execute_batch("CREATE TABLE mine (x)").expect("a plain file takes a table");
    drop(plain);
    let before = files(dir.path());
    let error = open(&store, &lock()).err().expect("it is no store");
    assert!(matches!(error, ClientError::NotAStore(_)), "{error}");
    assert!(error.to_string().contains("not encrypted"), "{error}");
    assert_eq!(files(dir.path()), before);
}
