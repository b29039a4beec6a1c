//! Territory, people, devices, codes and tokens: what every engine of the store promises.

use gridledger_schema::ids::{AreaNo, DeviceNo, FeedId};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::Grant;
use gridledger_server::store::rows::people::{FeedRow, NewArea, NewUser, RefreshToken, Refreshed, UserNo};
use gridledger_server::store::{Store, StoreError};
use gridledger_tests::engines::engines;

/// Runs one promise on every engine.
fn on_every_engine(promise: impl Fn(&Store)) {
    for engine in engines() {
        println!("engine: {}", engine.name);
        promise(engine.store.as_ref());
    }
}

fn area(code: &str, parent: Option<&str>, kind: &str) -> NewArea {
    let (code, parent, kind) = (code.to_owned(), parent.map(str::to_owned), kind.to_owned());
    NewArea { name: format!("{code}区域"), code, parent, kind, from: None, to: None }
}

fn small_town(store: &Store) -> (AreaNo, AreaNo) {
    let areas =
        [area("D", None, "district"), area("S", Some("D"), "street"), area("C", Some("S"), "community")];
    store.put_areas(&areas).expect("areas");
    let all = store.areas().expect("areas");
    let no = |code: &str| all.iter().find(|a| a.code == code).expect("an area").no;
    (no("D"), no("C"))
}

fn user(store: &Store, login: &str) -> UserNo {
    let user = NewUser { login: login.into(), name: "某某".into(), ..NewUser::default() };
    store.put_users(&[user], 0).expect("a user");
    store.user_by_login(login).expect("users").expect("the user").no
}

fn is_missing<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Missing(_)))
}

#[test]
fn areas_may_come_in_any_order_and_again() {
    on_every_engine(|store| {
        let areas =
            [area("C", Some("S"), "community"), area("D", None, "district"), area("S", Some("D"), "street")];
        assert_eq!(store.put_areas(&areas).unwrap(), (3, 0));
        assert_eq!(store.put_areas(&areas).unwrap(), (0, 0), "nothing differs");
        let renamed = NewArea { name: "新名".into(), ..area("C", Some("S"), "community") };
        assert_eq!(store.put_areas(&[renamed, area("G", Some("C"), "basic_grid")]).unwrap(), (1, 1));
        let all = store.areas().unwrap();
        assert_eq!(all.len(), 4);
        let find = |code: &str| all.iter().find(|a| a.code == code).unwrap();
        assert_eq!(find("C").name, "新名");
        assert_eq!(find("G").parent, Some(find("C").no));
        assert_eq!(find("D").parent, None);
    });
}

#[test]
fn one_bad_area_leaves_none() {
    on_every_engine(|store| {
        small_town(store);
        let before = store.areas().unwrap();
        let orphan = [area("G1", Some("C"), "basic_grid"), area("G2", Some("nowhere"), "basic_grid")];
        assert!(is_missing(store.put_areas(&orphan)));
        let circle = [area("G1", Some("C"), "basic_grid"), area("D", Some("C"), "district")];
        assert!(is_missing(store.put_areas(&circle)));
        assert!(is_missing(store.put_areas(&[area("X", Some("X"), "district")])), "its own parent");
        assert_eq!(store.areas().unwrap(), before);
    });
}

#[test]
fn users_are_made_changed_and_keep_what_is_not_said() {
    on_every_engine(|store| {
        let (district, community) = small_town(store);
        let grant = |area, from, to| Grant { role: "grid_worker".into(), area, from, to };
        let first = NewUser {
            login: "w1".into(),
            name: "某甲".into(),
            password: Some("$hash".into()),
            grants: vec![grant(community, 0, None)],
        };
        assert_eq!(store.put_users(std::slice::from_ref(&first), 0).unwrap(), (1, 0));
        assert_eq!(store.put_users(&[first], 0).unwrap(), (0, 0), "nothing differs");
        let second =
            NewUser {
                name: "某乙".into(), grants: vec![grant(district, 5, Some(9))], ..NewUser::default()
            };
        assert_eq!(store.put_users(&[NewUser { login: "w1".into(), ..second }], 0).unwrap(), (0, 1));
        let user = store.user_by_login("w1").unwrap().unwrap();
        assert_eq!(
            (user.name.as_str(), user.password.as_deref(), user.revoked),
            ("某乙", Some("$hash"), false)
        );
        assert_eq!(store.user(user.no).unwrap().as_ref(), Some(&user));
        assert_eq!(store.users().unwrap(), std::slice::from_ref(&user));
        let mut held = store.grants(user.no).unwrap();
        held.sort_by_key(|grant| grant.area);
        assert_eq!(held, [grant(district, 5, Some(9)), grant(community, 0, None)]);
        assert_eq!(store.user_by_login("w2").unwrap(), None);
        assert_eq!(store.user(UserNo(99)).unwrap(), None);
    });
}

#[test]
fn one_bad_grant_leaves_no_user() {
    on_every_engine(|store| {
        let (_, community) = small_town(store);
        let with = |login: &str, area| NewUser {
            login: login.into(),
            name: "某".into(),
            password: None,
            grants: vec![Grant { role: "grid_worker".into(), area, from: 0, to: None }],
        };
        assert!(is_missing(store.put_users(&[with("w1", community), with("w2", AreaNo(99))], 0)));
        assert!(store.users().unwrap().is_empty());
    });
}

#[test]
fn a_grant_held_already_is_not_doubled_and_can_end() {
    on_every_engine(|store| {
        let (_, community) = small_town(store);
        let no = user(store, "w1");
        let hold = |from, to| {
            let grants = vec![Grant { role: "grid_worker".into(), area: community, from, to }];
            let user = NewUser { login: "w1".into(), name: "某某".into(), password: None, grants };
            store.put_users(&[user], 0).unwrap().1
        };
        let times = || -> Vec<(i64, Option<i64>)> {
            store.grants(no).unwrap().into_iter().map(|grant| (grant.from, grant.to)).collect()
        };
        assert_eq!(hold(0, None), 1);
        assert_eq!((hold(7, Some(9)), hold(7, None)), (0, 0), "covered");
        assert_eq!(times(), [(0, None)]);
        assert!(store.end_grant(no, "grid_worker", community, 100, 100).unwrap());
        assert!(!store.end_grant(no, "grid_worker", community, 100, 100).unwrap(), "it is over");
        assert!(!store.end_grant(no, "supervisor", community, 100, 100).unwrap(), "never held");
        assert_eq!(times(), [(0, Some(100))]);
        assert_eq!(hold(200, None), 1);
        assert_eq!(times(), [(0, Some(100)), (200, None)]);
        assert_eq!(hold(200, Some(300)), 1, "the same beginning takes the new end");
        assert_eq!(times(), [(0, Some(100)), (200, Some(300))]);
    });
}

const KEY: [u8; 32] = [1; 32];
const OTHER_KEY: [u8; 32] = [2; 32];

#[test]
fn a_code_enrols_one_device_and_the_same_one_again() {
    on_every_engine(|store| {
        let no = user(store, "w1");
        store.put_code([1; 32], no, 1_000).unwrap();
        assert!(matches!(store.put_code([1; 32], no, 1_000), Err(StoreError::Taken(_))));
        assert!(is_missing(store.put_code([9; 32], UserNo(99), 1_000)));
        assert_eq!(store.enrol([7; 32], (KEY, Suite::default()), "a", 10).unwrap(), None, "no such code");
        assert_eq!(store.enrol([1; 32], (KEY, Suite::default()), "a", 1_000).unwrap(), None, "too late");
        let device = store.enrol([1; 32], (KEY, Suite::default()), "手机", 999).unwrap().expect("enrolled");
        assert_eq!((device.user, device.public_key, device.label.as_str()), (no, KEY, "手机"));
        assert_eq!(
            (device.revoked, device.counter, device.enrolled_at, device.last_seen),
            (false, 0, 999, 0)
        );
        let again = store.enrol([1; 32], (KEY, Suite::default()), "another", 2_000).unwrap();
        assert_eq!(again.as_ref(), Some(&device), "the answer was lost");
        assert_eq!(
            store.enrol([1; 32], (OTHER_KEY, Suite::default()), "b", 999).unwrap(),
            None,
            "the code is used up"
        );
        assert_eq!(store.devices().unwrap(), std::slice::from_ref(&device));
        assert_eq!(store.device(device.no).unwrap(), Some(device));
        assert_eq!(store.device(DeviceNo(99)).unwrap(), None);
    });
}

#[test]
fn a_key_belongs_to_one_person() {
    on_every_engine(|store| {
        let (first, second) = (user(store, "w1"), user(store, "w2"));
        for (hash, no) in [([1; 32], first), ([2; 32], first), ([3; 32], second)] {
            store.put_code(hash, no, 1_000).unwrap();
        }
        let device = store.enrol([1; 32], (KEY, Suite::default()), "a", 1).unwrap().expect("enrolled");
        assert_eq!(
            store.enrol([2; 32], (KEY, Suite::default()), "a", 2).unwrap(),
            Some(device),
            "a second code for one phone"
        );
        assert_eq!(
            store.enrol([3; 32], (KEY, Suite::default()), "a", 3).unwrap(),
            None,
            "somebody else's code"
        );
        assert_eq!(store.devices().unwrap().len(), 1);
    });
}

#[test]
fn who_was_revoked_does_not_enrol() {
    on_every_engine(|store| {
        let no = user(store, "w1");
        store.put_code([1; 32], no, 1_000).unwrap();
        store.put_code([2; 32], no, 1_000).unwrap();
        store.set_user_revoked(no, true).unwrap();
        assert_eq!(store.enrol([1; 32], (KEY, Suite::default()), "a", 1).unwrap(), None);
        store.set_user_revoked(no, false).unwrap();
        let device = store.enrol([1; 32], (KEY, Suite::default()), "a", 1).unwrap().expect("enrolled");
        store.set_device_revoked(device.no, true).unwrap();
        assert!(store.device(device.no).unwrap().unwrap().revoked);
        assert_eq!(
            store.enrol([1; 32], (KEY, Suite::default()), "a", 1).unwrap(),
            None,
            "a stolen phone with its old code"
        );
        assert_eq!(store.enrol([2; 32], (KEY, Suite::default()), "a", 1).unwrap(), None, "or with another");
        store.set_device_revoked(device.no, false).unwrap();
        assert!(!store.device(device.no).unwrap().unwrap().revoked);
        assert!(is_missing(store.set_user_revoked(UserNo(99), true)));
        assert!(is_missing(store.set_device_revoked(DeviceNo(99), true)));
    });
}

#[test]
fn a_devices_counter_never_goes_back() {
    on_every_engine(|store| {
        let no = user(store, "w1");
        store.put_code([1; 32], no, 1_000).unwrap();
        let device = store.enrol([1; 32], (KEY, Suite::default()), "a", 1).unwrap().expect("enrolled").no;
        store.touch_devices(&[]).unwrap();
        store.touch_devices(&[(device, 5, 50), (DeviceNo(99), 1, 1)]).unwrap();
        store.touch_devices(&[(device, 3, 60), (device, 4, 40)]).unwrap();
        let seen = store.device(device).unwrap().unwrap();
        assert_eq!((seen.counter, seen.last_seen), (5, 60));
    });
}

#[test]
fn a_feed_is_known_once() {
    on_every_engine(|store| {
        let no = user(store, "w1");
        store.put_code([1; 32], no, 1_000).unwrap();
        let device = store.enrol([1; 32], (KEY, Suite::default()), "a", 1).unwrap().expect("enrolled").no;
        let feed = FeedId::of_key(&KEY, 0);
        let author = "w1".to_owned();
        let row = FeedRow {
            feed,
            device: Some(device),
            user: no,
            author,
            public_key: KEY,
            suite: Suite::default(),
            ordinal: 0,
        };
        assert_eq!(store.feed(feed).unwrap(), None);
        store.put_feed(&row).unwrap();
        store.put_feed(&row).unwrap();
        assert_eq!(store.feed(feed).unwrap().as_ref(), Some(&row));
        let other = FeedRow { author: "w2".into(), ..row.clone() };
        assert!(matches!(store.put_feed(&other), Err(StoreError::Taken(_))));
        let own = FeedRow { feed: FeedId([9; 16]), device: None, ..row };
        store.put_feed(&own).unwrap();
        assert_eq!(store.feed(own.feed).unwrap(), Some(own));
    });
}

fn token(hash: u8, family: u8, user: UserNo, expires: i64) -> RefreshToken {
    RefreshToken { hash: [hash; 32], family: [family; 16], user, expires }
}

#[test]
fn a_refresh_token_used_twice_ends_its_family_alone() {
    on_every_engine(|store| {
        let no = user(store, "w1");
        let swap = |old: u8, new: u8, now| store.use_refresh([old; 32], ([new; 32], 1_000), now).unwrap();
        let lives = |family: u8| store.session_lives([family; 16]).unwrap();
        store.put_refresh(&token(1, 1, no, 1_000)).unwrap();
        store.put_refresh(&token(9, 2, no, 1_000)).unwrap();
        assert_eq!(swap(1, 2, 10), Refreshed::Good(no));
        assert!(lives(1) && lives(2) && !lives(3));
        assert_eq!(swap(1, 3, 20), Refreshed::Reused);
        assert_eq!(swap(2, 4, 30), Refreshed::Unknown, "its successor is gone, too");
        assert_eq!(swap(3, 4, 30), Refreshed::Unknown, "and the copy got none");
        assert!(!lives(1), "nor is its access token good");
        assert_eq!(swap(9, 10, 40), Refreshed::Good(no), "another sign-in goes on");
        assert!(lives(2));
        assert_eq!(swap(8, 11, 40), Refreshed::Unknown);
    });
}

#[test]
fn refresh_tokens_end_by_time_sign_out_revocation_and_a_new_password() {
    on_every_engine(|store| {
        let no = user(store, "w1");
        let put = |hash, expires| store.put_refresh(&token(hash, hash, no, expires)).unwrap();
        let is_gone = |hash: u8| {
            let lives = store.session_lives([hash; 16]).unwrap();
            let used = store.use_refresh([hash; 32], ([hash + 100; 32], 1_000), 500);
            let gone = used.unwrap() == Refreshed::Unknown;
            assert!(hash == 1 || lives != gone, "a session lives as long as its tokens");
            gone
        };
        put(1, 500);
        assert!(is_gone(1), "past its time");
        put(2, 1_000);
        store.end_refresh([2; 32]).unwrap();
        store.end_refresh([2; 32]).unwrap();
        assert!(is_gone(2), "signed out");
        put(3, 1_000);
        store.set_user_revoked(no, true).unwrap();
        store.set_user_revoked(no, false).unwrap();
        assert!(is_gone(3), "revoked");
        put(4, 1_000);
        let password = Some("$hash".to_owned());
        store
            .put_users(&[NewUser { login: "w1".into(), name: "某某".into(), password, grants: vec![] }], 0)
            .unwrap();
        assert!(is_gone(4), "a new password");
        put(5, 1_000);
        store
            .put_users(&[NewUser { login: "w1".into(), name: "改名".into(), ..NewUser::default() }], 0)
            .unwrap();
        assert!(!is_gone(5), "a new name ends nothing");
        assert!(matches!(store.put_refresh(&token(5, 5, no, 1)), Err(StoreError::Taken(_))));
    });
}

#[test]
fn settings_are_kept_and_the_identity_stays() {
    on_every_engine(|store| {
        assert_eq!(store.setting("k").unwrap(), None);
        store.set_setting("k", b"1").unwrap();
        store.set_setting("k", b"2").unwrap();
        assert_eq!(store.setting("k").unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(store.identity().unwrap().epoch, store.identity().unwrap().epoch);
        store.ready().unwrap();
    });
}
