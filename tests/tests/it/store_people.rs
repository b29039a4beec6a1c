//! Territory, people, devices, codes and tokens: what every engine of the store promises.

use gridledger_schema::ids::{AreaNo, DeviceNo, FeedId};
use gridledger_schema::suite::Suite;
use gridledger_schema::wire::Grant;
use gridledger_server::store::StoreError;
use gridledger_server::store::rows::people::{FeedRow, NewArea, NewUser, RefreshToken, Refreshed, UserNo};
use gridledger_tests::areas::area;
use gridledger_tests::engines::on_every_engine;
use gridledger_tests::kept::Kept;

fn small_town(store: Kept<'_>) -> (AreaNo, AreaNo) {
    let areas = [area("D", "", "district"), area("S", "D", "street"), area("C", "S", "community")];
    store.put_areas(&areas);
    (store.area("D"), store.area("C"))
}

fn user(store: Kept<'_>, login: &str) -> UserNo {
    let user = NewUser { login: login.into(), name: "某某".into(), ..NewUser::default() };
    store.put_users(&[user], 0);
    store.account(login).no
}

fn is_missing<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Missing(_)))
}

#[test]
fn areas_may_come_in_any_order_and_again() {
    on_every_engine(|store| {
        let areas = [area("C", "S", "community"), area("D", "", "district"), area("S", "D", "street")];
        assert_eq!(store.put_areas(&areas), (3, 0));
        assert_eq!(store.put_areas(&areas), (0, 0), "nothing differs");
        let renamed = NewArea { name: "新名".into(), ..area("C", "S", "community") };
        assert_eq!(store.put_areas(&[renamed, area("G", "C", "basic_grid")]), (1, 1));
        let all = store.areas();
        assert_eq!(all.len(), 4);
        let find = |code: &str| all.iter().find(|a| a.code == code).expect("the store lists the area");
        assert_eq!(find("C").name, "新名");
        assert_eq!(find("G").parent, Some(find("C").no));
        assert_eq!(find("D").parent, None);
    });
}

#[test]
fn one_bad_area_leaves_none() {
    on_every_engine(|store| {
        small_town(store);
        let before = store.areas();
        let orphan = [area("G1", "C", "basic_grid"), area("G2", "nowhere", "basic_grid")];
        assert!(is_missing(store.asked().put_areas(&orphan)));
        let circle = [area("G1", "C", "basic_grid"), area("D", "C", "district")];
        assert!(is_missing(store.asked().put_areas(&circle)));
        assert!(is_missing(store.asked().put_areas(&[area("X", "X", "district")])), "its own parent");
        assert_eq!(store.areas(), before);
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
        assert_eq!(store.put_users(std::slice::from_ref(&first), 0), (1, 0));
        assert_eq!(store.put_users(&[first], 0), (0, 0), "nothing differs");
        let second =
            NewUser {
                name: "某乙".into(), grants: vec![grant(district, 5, Some(9))], ..NewUser::default()
            };
        assert_eq!(store.put_users(&[NewUser { login: "w1".into(), ..second }], 0), (0, 1));
        let user = store.account("w1");
        assert_eq!(
            (user.name.as_str(), user.password.as_deref(), user.revoked),
            ("某乙", Some("$hash"), false)
        );
        assert_eq!(store.user(user.no).as_ref(), Some(&user));
        assert_eq!(store.users(), std::slice::from_ref(&user));
        let mut held = store.grants(user.no);
        held.sort_by_key(|grant| grant.area);
        assert_eq!(held, [grant(district, 5, Some(9)), grant(community, 0, None)]);
        assert_eq!(store.user_by_login("w2"), None);
        assert_eq!(store.user(UserNo(99)), None);
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
        assert!(is_missing(store.asked().put_users(&[with("w1", community), with("w2", AreaNo(99))], 0)));
        assert!(store.users().is_empty());
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
            store.put_users(&[user], 0).1
        };
        let times = || -> Vec<(i64, Option<i64>)> {
            store.grants(no).into_iter().map(|grant| (grant.from, grant.to)).collect()
        };
        assert_eq!(hold(0, None), 1);
        assert_eq!((hold(7, Some(9)), hold(7, None)), (0, 0), "covered");
        assert_eq!(times(), [(0, None)]);
        assert!(store.end_grant(no, "grid_worker", community, 100, 100));
        assert!(!store.end_grant(no, "grid_worker", community, 100, 100), "it is over");
        assert!(!store.end_grant(no, "supervisor", community, 100, 100), "never held");
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
        store.put_code([1; 32], no, 1_000);
        assert!(matches!(store.asked().put_code([1; 32], no, 1_000), Err(StoreError::Taken(_))));
        assert!(is_missing(store.asked().put_code([9; 32], UserNo(99), 1_000)));
        assert_eq!(store.enrol([7; 32], (KEY, Suite::default()), "a", 10), None, "no such code");
        assert_eq!(store.enrol([1; 32], (KEY, Suite::default()), "a", 1_000), None, "too late");
        let device = store.enrol([1; 32], (KEY, Suite::default()), "手机", 999).expect("enrolled");
        assert_eq!((device.user, device.public_key, device.label.as_str()), (no, KEY, "手机"));
        assert_eq!(
            (device.revoked, device.counter, device.enrolled_at, device.last_seen),
            (false, 0, 999, 0)
        );
        let again = store.enrol([1; 32], (KEY, Suite::default()), "another", 2_000);
        assert_eq!(again.as_ref(), Some(&device), "the answer was lost");
        assert_eq!(
            store.enrol([1; 32], (OTHER_KEY, Suite::default()), "b", 999),
            None,
            "the code is used up"
        );
        assert_eq!(store.devices(), std::slice::from_ref(&device));
        assert_eq!(store.device(device.no), Some(device));
        assert_eq!(store.device(DeviceNo(99)), None);
    });
}

#[test]
fn a_key_belongs_to_one_person() {
    on_every_engine(|store| {
        let (first, second) = (user(store, "w1"), user(store, "w2"));
        for (hash, no) in [([1; 32], first), ([2; 32], first), ([3; 32], second)] {
            store.put_code(hash, no, 1_000);
        }
        let device = store.enrol([1; 32], (KEY, Suite::default()), "a", 1).expect("enrolled");
        assert_eq!(
            store.enrol([2; 32], (KEY, Suite::default()), "a", 2),
            Some(device),
            "a second code for one phone"
        );
        assert_eq!(store.enrol([3; 32], (KEY, Suite::default()), "a", 3), None, "somebody else's code");
        assert_eq!(store.devices().len(), 1);
    });
}

#[test]
fn who_was_revoked_does_not_enrol() {
    on_every_engine(|store| {
        let no = user(store, "w1");
        store.put_code([1; 32], no, 1_000);
        store.put_code([2; 32], no, 1_000);
        store.set_user_revoked(no, true);
        assert_eq!(store.enrol([1; 32], (KEY, Suite::default()), "a", 1), None);
        store.set_user_revoked(no, false);
        let device = store.enrol([1; 32], (KEY, Suite::default()), "a", 1).expect("enrolled");
        store.set_device_revoked(device.no, true);
        assert!(store.enrolled(device.no).revoked);
        assert_eq!(
            store.enrol([1; 32], (KEY, Suite::default()), "a", 1),
            None,
            "a stolen phone with its old code"
        );
        assert_eq!(store.enrol([2; 32], (KEY, Suite::default()), "a", 1), None, "or with another");
        store.set_device_revoked(device.no, false);
        assert!(!store.enrolled(device.no).revoked);
        assert!(is_missing(store.asked().set_user_revoked(UserNo(99), true)));
        assert!(is_missing(store.asked().set_device_revoked(DeviceNo(99), true)));
    });
}

#[test]
fn a_devices_counter_never_goes_back() {
    on_every_engine(|store| {
        let no = user(store, "w1");
        store.put_code([1; 32], no, 1_000);
        let device = store.enrol([1; 32], (KEY, Suite::default()), "a", 1).expect("enrolled").no;
        store.touch_devices(&[]);
        store.touch_devices(&[(device, 5, 50), (DeviceNo(99), 1, 1)]);
        store.touch_devices(&[(device, 3, 60), (device, 4, 40)]);
        let seen = store.enrolled(device);
        assert_eq!((seen.counter, seen.last_seen), (5, 60));
    });
}

#[test]
fn a_feed_is_known_once() {
    on_every_engine(|store| {
        let no = user(store, "w1");
        store.put_code([1; 32], no, 1_000);
        let device = store.enrol([1; 32], (KEY, Suite::default()), "a", 1).expect("enrolled").no;
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
        assert_eq!(store.feed(feed), None);
        store.put_feed(&row);
        store.put_feed(&row);
        assert_eq!(store.feed(feed).as_ref(), Some(&row));
        let other = FeedRow { author: "w2".into(), ..row.clone() };
        assert!(matches!(store.asked().put_feed(&other), Err(StoreError::Taken(_))));
        let own = FeedRow { feed: FeedId([9; 16]), device: None, ..row };
        store.put_feed(&own);
        assert_eq!(store.feed(own.feed), Some(own));
    });
}

fn token(hash: u8, family: u8, user: UserNo, expires: i64) -> RefreshToken {
    RefreshToken { hash: [hash; 32], family: [family; 16], user, expires }
}

#[test]
fn a_refresh_token_used_twice_ends_its_family_alone() {
    on_every_engine(|store| {
        let no = user(store, "w1");
        let swap = |old: u8, new: u8, now| store.use_refresh([old; 32], ([new; 32], 1_000), now);
        let lives = |family: u8| store.session_lives([family; 16]);
        store.put_refresh(&token(1, 1, no, 1_000));
        store.put_refresh(&token(9, 2, no, 1_000));
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
        let put = |hash, expires| store.put_refresh(&token(hash, hash, no, expires));
        let is_gone = |hash: u8| {
            let lives = store.session_lives([hash; 16]);
            let used = store.use_refresh([hash; 32], ([hash + 100; 32], 1_000), 500);
            let gone = used == Refreshed::Unknown;
            assert!(hash == 1 || lives != gone, "a session lives as long as its tokens");
            gone
        };
        put(1, 500);
        assert!(is_gone(1), "past its time");
        put(2, 1_000);
        store.end_refresh([2; 32]);
        store.end_refresh([2; 32]);
        assert!(is_gone(2), "signed out");
        put(3, 1_000);
        store.set_user_revoked(no, true);
        store.set_user_revoked(no, false);
        assert!(is_gone(3), "revoked");
        put(4, 1_000);
        let password = Some("$hash".to_owned());
        store.put_users(&[NewUser { login: "w1".into(), name: "某某".into(), password, grants: vec![] }], 0);
        assert!(is_gone(4), "a new password");
        put(5, 1_000);
        store.put_users(&[NewUser { login: "w1".into(), name: "改名".into(), ..NewUser::default() }], 0);
        assert!(!is_gone(5), "a new name ends nothing");
        assert!(matches!(store.asked().put_refresh(&token(5, 5, no, 1)), Err(StoreError::Taken(_))));
    });
}

#[test]
fn settings_are_kept_and_the_identity_stays() {
    on_every_engine(|store| {
        assert_eq!(store.setting("k"), None);
        store.set_setting("k", b"1");
        store.set_setting("k", b"2");
        assert_eq!(store.setting("k").as_deref(), Some(&b"2"[..]));
        assert_eq!(store.identity().epoch, store.identity().epoch);
        store.ready();
    });
}
