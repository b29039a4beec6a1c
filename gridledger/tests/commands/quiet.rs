//! Quiet commands: nothing breaks on a closed pipe, nothing is written beside a store that is only
//! read, and no password shows.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use crate::office::{Office, SAMPLE_TOWN};

/// An end of a pipe that nobody reads.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn whoever_stops_reading_ends_nothing() {
    let office = Office::open();
    office.grid();
    office.done(&["admin", "backup", "b.db"]);
    for words in [
        &["admin", "area", "list"][..],
        &["admin", "--json", "area", "list"],
        &["admin", "verify"],
        &["admin", "--json", "verify"],
        &["--help"],
        &["admin", "area", "add", "D2", "--kind", "district", "--name", "x"],
        &SAMPLE_TOWN,
        &["admin", "import", "areas", "town/areas.csv", "--dry-run"],
        &["admin", "restore", "b.db", "--store", "sqlite:restored.db"],
        &["demo", "--once", "--phones", "10", "--households", "4"],
    ] {
        let output = office.command(words).stdout(closed()).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{words:?}");
    }
    assert!(office.done(&["admin", "area", "list"]).contains("D2"), "it was done");
    for words in [&["admin", "area", "list"][..], &["admin", "user", "revoke", "nobody"], &["dance"]] {
        let loud = office.command(words).stderr(Stdio::null()).output().expect("it runs");
        let quiet = office.command(words).stdout(closed()).stderr(closed()).output().expect("it runs");
        assert_eq!(quiet.status.code(), loud.status.code(), "{words:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_could_not_be_printed_is_said() {
    let office = Office::open();
    office.grid();
    let full = fs::File::options().write(true).open("/dev/full").expect("a device");
    let output = office.command(&["admin", "area", "list"]).stdout(full).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("not everything could be printed"), "{said}");
}

/// The files of a folder, with when each was written.
fn files(folder: &Path) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime)> {
    let entries = fs::read_dir(folder).expect("a folder");
    let of = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().expect("a name");
        let written = entry.metadata().and_then(|data| data.modified()).expect("a time");
        (name, (fs::read(entry.path()).expect("a file"), written))
    };
    entries.map(|entry| of(entry.expect("an entry"))).collect()
}

#[test]
fn a_store_that_is_only_read_is_left_as_it_lies() {
    let office = Office::open();
    office.grid();
    let folder = office.dir.path().join("kept");
    fs::create_dir(&folder).expect("a folder");
    office.done(&["admin", "backup", "kept/b.db"]);
    // A store that was served and stopped, and a copy of it alone.
    fs::copy(office.path("gridledger.db"), folder.join("c.db")).expect("a copy");
    let before = files(&folder);
    assert_eq!(before.len(), 2);
    for store in ["sqlite:kept/b.db", "sqlite:kept/c.db"] {
        let said = office.done(&["admin", "verify", "--store", store]);
        assert!(said.ends_with("Everything is as it should be."), "{said}");
        let ticket = "00000000-0000-8000-8000-000000000000";
        let none = office.fails(&["admin", "explain", "ticket", ticket, "--store", store]);
        assert_eq!(none.0, Some(1));
    }
    assert_eq!(files(&folder), before);
    let missing = office.fails(&["admin", "verify", "--store", "sqlite:kept/typo.db"]);
    assert!(missing.1.contains("there is no store kept/typo.db"), "{missing:?}");
    assert_eq!(files(&folder), before);
}

#[test]
fn a_damaged_page_is_told_in_plain_words() {
    let office = Office::open();
    office.grid();
    office.done(&["admin", "backup", "b.db"]);
    let mut bytes = fs::read(office.path("b.db")).expect("a backup");
    for byte in &mut bytes[4096..3 * 4096] {
        *byte = 0x5a;
    }
    fs::write(office.path("b.db"), bytes).expect("a damaged one");
    for words in [&["admin", "verify"][..], &["admin", "area", "list"], &["serve"]] {
        let store = ["--store", "sqlite:b.db"];
        let (code, said) = office.fails(&[words, &store[..]].concat());
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("the store's file is damaged"), "{said}");
        assert!(!said.contains("malformed") && !said.contains("btree"), "{said}");
        let output = office
            .command(&[words, &store[..]].concat())
            .env("LC_ALL", "zh_CN.UTF-8")
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("存储文件已损坏"), "{said}");
    }
    fs::write(office.path("no.db"), "no database, and longer than a header of one hundred bytes ".repeat(99))
        .expect("a file");
    let (_, said) = office.fails(&["admin", "verify", "--store", "sqlite:no.db"]);
    assert!(said.contains("not a gridledger store"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_password_in_an_address_does_not_show() {
    let office = Office::open();
    // It takes the connection and says nothing: the command waits.
    let database = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = database.local_addr().expect("an address").port();
    let url = format!("postgres://office:geheim%21@127.0.0.1:{port}/ledger");
    let mut child = office.command(&["admin", "user", "list", "--store", &url]).spawn().expect("it starts");
    let connected = database.accept().expect("a connection");
    let shown = fs::read(format!("/proc/{}/cmdline", child.id())).expect("a command line");
    let shown = String::from_utf8_lossy(&shown).replace('\0', " ");
    assert!(!shown.contains("geheim"), "{shown}");
    assert!(shown.contains(&format!("--store postgres://office@127.0.0.1:{port}/ledger")), "{shown}");
    child.kill().expect("it ends");
    child.wait().expect("it ends");
    drop((connected, database));
    // Nobody listens there any more.
    let (code, said) = office.fails(&["admin", "user", "list", "--store", &url]);
    assert!(code == Some(1) && !said.contains("geheim"), "{said}");
}

#[test]
fn an_address_can_stand_in_a_file() {
    let office = Office::open();
    office.grid();
    fs::write(office.path("address"), "sqlite:gridledger.db\n").expect("a file");
    let listed = office.done(&["admin", "area", "list", "--store-file", "address"]);
    assert_eq!(listed, office.done(&["admin", "area", "list"]));
    fs::write(office.path("address"), "mysql://office:geheim@h/d").expect("a file");
    let (code, said) = office.fails(&["admin", "area", "list", "--store-file", "address"]);
    assert!(code == Some(2) && !said.contains("geheim"), "{said}");
    let both = ["admin", "area", "list", "--store-file", "address", "--store", "sqlite:x.db"];
    assert_eq!(office.fails(&both).0, Some(2));
}
