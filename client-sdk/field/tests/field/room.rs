//! A phone with no room left: all that is on it can be read, a save says that the disk is full, and nothing is lost.

use crate::phone::Phone;

/// Reads everything, saves nothing, and has it all afterwards.
fn reads_and_saves_nothing(phone: &Phone, ticket: &str) {
    for args in [
        &["list", "ticket"][..],
        &["show", ticket],
        &["find", "路灯"],
        &["status"],
        &["receipts"],
        &["attention"],
        &["conflicts"],
    ] {
        let did = phone.run_without_room(args);
        assert_eq!((did.status, did.err.as_str()), (0, ""), "{args:?}");
        assert!(did.out.contains("路灯不亮") || !["list", "show", "find"].contains(&args[0]), "{}", did.out);
    }
    let set = ["set", ticket, "title=路灯亮了"];
    let did = phone.run_without_room(&set);
    assert_eq!(did.status, 1);
    assert!(did.err.contains("存储空间已满，这次没有保存。 [full]"), "{}", did.err);
    let did = phone.run_without_room(&[&set[..], &["--lang", "en"]].concat());
    assert!(did.err.contains("no space is left"), "{}", did.err);
    let shown = phone.ok(&["show", ticket]);
    assert!(shown.contains("路灯不亮"), "{shown}");
    assert_eq!(phone.json(&["status"])["unsent"], 1);
    phone.ok(&set);
    assert_eq!(phone.json(&["status"])["unsent"], 2);
}

#[test]
fn a_full_disk_is_read_and_a_save_says_so() {
    let phone = Phone::new().in_chinese();
    let ticket = phone.ticket();
    reads_and_saves_nothing(&phone, &ticket);
}

#[test]
fn a_new_store_says_that_there_is_no_room() {
    let phone = Phone::blank();
    let enrol = ["enrol", "--server", "http://127.0.0.1:9", "CODE", "--later"];
    let did = phone.run_without_room(&enrol);
    assert!(did.status == 1 && did.err.contains("[full]"), "{}", did.err);
    phone.ok(&enrol);
}
