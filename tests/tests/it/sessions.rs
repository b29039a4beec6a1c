//! Signing in, going on, signing out; and who is shut out.

use std::io::Write as _;
use std::net::TcpStream;

use gridledger_schema::code::Code;
use gridledger_tests::desk::{Answer, Desk};
use gridledger_tests::json::{items, text};
use serde_json::{Value, json};

const PASSWORD: &str = "eight or more";

fn desk() -> Desk {
    let desk = Desk::open();
    desk.person("w1", PASSWORD, "grid_worker", "G1");
    desk.person("boss", PASSWORD, "supervisor", "C");
    desk
}

fn login(desk: &Desk, login: &str, password: &str) -> Answer {
    desk.ask("POST", "/v1/login", &json!({ "login": login, "password": password }).to_string())
}

fn refresh(desk: &Desk, token: &str) -> Answer {
    desk.ask("POST", "/v1/refresh", &json!({ "refresh": token }).to_string())
}

#[track_caller]
fn refuses(answer: &Answer, code: Code) {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (code.http_status(), Some(code.as_str())));
}

fn checks(desk: &Desk) -> u64 {
    counted(desk, "gridledger_password_checks_total")
}

fn counted(desk: &Desk, metric: &str) -> u64 {
    let page = desk.ask("GET", "/metrics", "").body;
    let mut lines = page.lines().filter_map(|line| line.split_once(' '));
    let count = lines.find_map(|(name, count)| (name == metric).then(|| count.parse().ok()));
    count.flatten().expect("a count")
}

#[test]
fn a_person_signs_in_and_sees_who_and_where_they_are() {
    let desk = desk();
    let answer = login(&desk, " W1 ", PASSWORD);
    assert_eq!(answer.status, 200);
    assert_eq!((&answer.json()["token_type"], &answer.json()["expires_in"]), (&json!("Bearer"), &json!(900)));
    let (access, _) = answer.tokens();
    let me = desk.get_as(&access, "/v1/me").json();
    assert_eq!((&me["login"], &me["name"]), (&json!("w1"), &json!("w1某")));
    let grant = &me["grants"][0];
    assert_eq!(
        (&grant["role"], &grant["area_code"], &grant["to"]),
        (&json!("grid_worker"), &json!("G1"), &Value::Null)
    );
    let codes = |token: &str| -> Vec<String> {
        let areas = desk.get_as(token, "/v1/areas").json()["areas"].take();
        let areas = items(&areas);
        areas.iter().map(|area| text(&area["code"]).to_owned()).collect()
    };
    assert_eq!(codes(&access), ["G1"]);
    let (boss, _) = desk.sign_in("boss", PASSWORD);
    assert_eq!(codes(&boss), ["C", "G1", "G2"]);
}

#[test]
fn every_failure_looks_alike_and_checks_one_password() {
    let desk = desk();
    desk.store().put_users(
        &[gridledger_server::store::rows::people::NewUser {
            login: "phone-only".into(),
            name: "某".into(),
            ..Default::default()
        }],
        desk.service.now(),
    );
    desk.person("left", PASSWORD, "grid_worker", "G1");
    let left = desk.store().account("left").no;
    desk.store().set_user_revoked(left, true);
    let long = "x".repeat(300);
    let mut answers = Vec::new();
    for (who, password) in [
        ("w1", "wrong password"),
        ("nobody", PASSWORD),
        ("phone-only", PASSWORD),
        ("w1", &long),
        ("w1", ""),
        ("left", PASSWORD),
        ("left", "wrong password"),
        (&long, PASSWORD),
        ("", ""),
    ] {
        let before = checks(&desk);
        let answer = login(&desk, who, password);
        assert_eq!(checks(&desk) - before, 1, "{who}");
        refuses(&answer, Code::LoginFailed);
        let mut body = answer.json();
        body["request_id"].take();
        answers.push(body);
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    // Being slowed down says nothing either: it comes to who is there and to who is not.
    for who in ["w2", "nobody", "left", &long] {
        let waits = (0..8).any(|_| login(&desk, who, "wrong password").status == 429);
        assert!(waits, "{who}");
    }
    let before = checks(&desk);
    assert_eq!(login(&desk, "w1", PASSWORD).status, 200);
    assert_eq!(checks(&desk) - before, 1);
}

#[test]
fn however_many_sign_in_or_go_away_as_many_passwords_as_cores_are_checked_at_once() {
    let desk = desk();
    let body = json!({ "login": "w1", "password": PASSWORD }).to_string();
    let head = format!("POST /v1/login HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\n\r\n", body.len());
    let request = head + &body;
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                let mut line = TcpStream::connect(desk.addr()).expect("the server listens");
                // Gone before the answer: what was begun goes on, and keeps its turn.
                line.write_all(request.as_bytes()).expect("bytes");
            });
            scope.spawn(|| {
                let answer = login(&desk, "w1", PASSWORD);
                assert!([200, 429].contains(&answer.status), "{answer:?}");
            });
        }
    });
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let most = counted(&desk, "gridledger_password_checks_at_once");
    assert!((1..=cores).contains(&most), "{most} at once on {cores} cores");
}

#[test]
fn who_guesses_waits_and_others_do_not() {
    let desk = desk();
    let mut waits = None;
    for _ in 0..16 {
        let answer = login(&desk, "w1", "wrong password");
        if answer.status == 429 {
            waits = Some(answer);
            break;
        }
        refuses(&answer, Code::LoginFailed);
    }
    let waits = waits.expect("a guesser must wait");
    refuses(&waits, Code::RateLimited);
    assert!(waits.header("retry-after").and_then(|s| s.parse::<u32>().ok()).is_some_and(|s| s >= 1));
    assert_eq!(login(&desk, "boss", PASSWORD).status, 200);
}

#[test]
fn a_refresh_token_is_good_once() {
    let desk = desk();
    let (_, first) = desk.sign_in("w1", PASSWORD);
    let (_, other) = desk.sign_in("w1", PASSWORD);
    let (access, second) = refresh(&desk, &first).tokens();
    assert_ne!(first, second);
    assert_eq!(desk.get_as(&access, "/v1/me").status, 200);
    refuses(&refresh(&desk, &first), Code::TokenReused);
    refuses(&refresh(&desk, &second), Code::Unauthorised);
    refuses(&desk.get_as(&access, "/v1/me"), Code::Unauthorised);
    let (access, _) = refresh(&desk, &other).tokens();
    assert_eq!(desk.get_as(&access, "/v1/me").status, 200, "another sign-in goes on");
}

#[test]
fn of_two_who_use_a_refresh_token_at_once_one_is_good_and_both_are_shut_out() {
    let desk = desk();
    for _ in 0..10 {
        let (_, token) = desk.sign_in("w1", PASSWORD);
        let both = std::thread::scope(|scope| {
            let ask = || refresh(&desk, &token);
            let threads = [scope.spawn(ask), scope.spawn(ask)];
            threads.map(|thread| thread.join().expect("an answer"))
        });
        let (good, bad): (Vec<_>, Vec<_>) = both.iter().partition(|answer| answer.status == 200);
        assert_eq!((good.len(), bad.len()), (1, 1), "{both:?}");
        refuses(bad[0], Code::TokenReused);
        let (access, next) = good[0].tokens();
        refuses(&desk.get_as(&access, "/v1/me"), Code::Unauthorised);
        refuses(&refresh(&desk, &next), Code::Unauthorised);
    }
}

#[test]
fn an_ended_session_stays_ended_when_the_server_starts_again() {
    let mut desk = desk();
    let (left, token) = desk.sign_in("w1", PASSWORD);
    let (stolen, first) = desk.sign_in("w1", PASSWORD);
    let (stays, _) = desk.sign_in("w1", PASSWORD);
    let body = json!({ "refresh": token }).to_string();
    assert_eq!(desk.ask("POST", "/v1/logout", &body).status, 204);
    assert_eq!(refresh(&desk, &first).status, 200);
    refuses(&refresh(&desk, &first), Code::TokenReused);
    desk.restart();
    refuses(&desk.get_as(&left, "/v1/me"), Code::Unauthorised);
    refuses(&desk.get_as(&stolen, "/v1/me"), Code::Unauthorised);
    assert_eq!(desk.get_as(&stays, "/v1/me").status, 200);
}

#[test]
fn a_new_password_ends_what_was_signed_in_with_the_old() {
    let desk = desk();
    let (access, token) = desk.sign_in("w1", PASSWORD);
    desk.person("w1", "another password", "grid_worker", "G1");
    refuses(&desk.get_as(&access, "/v1/me"), Code::Unauthorised);
    refuses(&refresh(&desk, &token), Code::Unauthorised);
}

#[test]
fn signing_out_ends_the_session_at_once() {
    let desk = desk();
    let (access, token) = desk.sign_in("w1", PASSWORD);
    let body = json!({ "refresh": token }).to_string();
    assert_eq!(desk.ask("POST", "/v1/logout", &body).status, 204);
    refuses(&refresh(&desk, &token), Code::Unauthorised);
    refuses(&desk.get_as(&access, "/v1/me"), Code::Unauthorised);
    assert_eq!(desk.ask("POST", "/v1/logout", &body).status, 204, "twice is no error");
}

#[test]
fn a_revoked_person_is_shut_out_at_once() {
    let desk = desk();
    let (access, token) = desk.sign_in("w1", PASSWORD);
    let no = desk.store().account("w1").no;
    desk.store().set_user_revoked(no, true);
    refuses(&desk.get_as(&access, "/v1/me"), Code::UserRevoked);
    refuses(&refresh(&desk, &token), Code::Unauthorised);
    refuses(&login(&desk, "w1", PASSWORD), Code::LoginFailed);
    desk.store().set_user_revoked(no, false);
    refuses(&desk.get_as(&access, "/v1/me"), Code::Unauthorised);
    let (access, _) = desk.sign_in("w1", PASSWORD);
    assert_eq!(desk.get_as(&access, "/v1/me").status, 200);
}

#[test]
fn what_is_no_token_opens_nothing() {
    let desk = desk();
    let (access, token) = desk.sign_in("w1", PASSWORD);
    for token in ["", "x", "a.b.c", &token, &format!("{access}x"), &access[1..]] {
        refuses(&desk.get_as(token, "/v1/me"), Code::Unauthorised);
    }
    for value in [&access, &format!("Basic {access}"), &format!("Bearer{access}")] {
        let answer = desk.ask_with("GET", "/v1/me", &[("authorization", value)], b"");
        refuses(&answer, Code::Unauthorised);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    let bearer = format!("Bearer {access}");
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    refuses(&desk.ask_with("GET", "/v1/me", &twice, b""), Code::Unauthorised);
    refuses(&refresh(&desk, &access), Code::Unauthorised);
    refuses(&refresh(&desk, "' OR 1=1 --"), Code::Unauthorised);
}

#[test]
fn tokens_of_another_server_open_nothing() {
    let (here, there) = (desk(), desk());
    let (access, token) = there.sign_in("w1", PASSWORD);
    refuses(&here.get_as(&access, "/v1/me"), Code::Unauthorised);
    refuses(&refresh(&here, &token), Code::Unauthorised);
}
