//! Signing in, going on, signing out; and who is shut out.

use gridledger_schema::code::Code;
use gridledger_tests::desk::{Answer, Desk};
use serde_json::{Value, json};

const PASSWORD: &str = "eight or more";

fn desk() -> Desk {
    let desk = Desk::open();
    desk.person("w1", PASSWORD, "grid_worker", "G1");
    desk.person("boss", PASSWORD, "supervisor", "C");
    desk
}

fn login(desk: &Desk, login: &str, password: &str) -> Answer {
    desk.ask(
        "POST",
        "/v1/login",
        &json!({ "login": login, "password": password }).to_string(),
    )
}

fn refresh(desk: &Desk, token: &str) -> Answer {
    desk.ask("POST", "/v1/refresh", &json!({ "refresh": token }).to_string())
}

#[track_caller]
fn refuses(answer: &Answer, code: Code) {
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (code.http_status(), Some(code.as_str()))
    );
}

fn checks(desk: &Desk) -> u64 {
    let page = desk.ask("GET", "/metrics", "").body;
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix("gridledger_password_checks_total "));
    line.and_then(|count| count.parse().ok()).expect("a count")
}

#[test]
fn a_person_signs_in_and_sees_who_and_where_they_are() {
    let desk = desk();
    let answer = login(&desk, " W1 ", PASSWORD);
    assert_eq!(answer.status, 200);
    assert_eq!(
        (&answer.json()["token_type"], &answer.json()["expires_in"]),
        (&json!("Bearer"), &json!(900))
    );
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
        let areas = areas.as_array().expect("a list");
        areas
            .iter()
            .map(|area| area["code"].as_str().expect("a code").to_owned())
            .collect()
    };
    assert_eq!(codes(&access), ["G1"]);
    let (boss, _) = desk.sign_in("boss", PASSWORD);
    assert_eq!(codes(&boss), ["C", "G1", "G2"]);
}

#[test]
fn every_failure_looks_alike_and_checks_one_password() {
    let desk = desk();
    desk.service
        .store
        .put_users(
            &[gridledger_server::store::people::NewUser {
                login: "phone-only".into(),
                name: "某".into(),
                ..Default::default()
            }],
            desk.service.now(),
        )
        .expect("a user");
    let long = "x".repeat(300);
    let mut answers = Vec::new();
    for (who, password) in [
        ("w1", "wrong password"),
        ("nobody", PASSWORD),
        ("phone-only", PASSWORD),
        ("w1", &long),
        ("w1", ""),
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
    let before = checks(&desk);
    assert_eq!(login(&desk, "w1", PASSWORD).status, 200);
    assert_eq!(checks(&desk) - before, 1);
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
    assert!(
        waits
            .header("retry-after")
            .and_then(|s| s.parse::<u32>().ok())
            .is_some_and(|s| s >= 1)
    );
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
    assert_eq!(
        desk.get_as(&access, "/v1/me").status,
        200,
        "another sign-in goes on"
    );
}

#[test]
fn signing_out_ends_the_session_at_once() {
    let desk = desk();
    let (access, token) = desk.sign_in("w1", PASSWORD);
    let body = json!({ "refresh": token }).to_string();
    assert_eq!(desk.ask("POST", "/v1/logout", &body).status, 204);
    refuses(&refresh(&desk, &token), Code::Unauthorised);
    refuses(&desk.get_as(&access, "/v1/me"), Code::Unauthorised);
    assert_eq!(
        desk.ask("POST", "/v1/logout", &body).status,
        204,
        "twice is no error"
    );
}

#[test]
fn a_revoked_person_is_shut_out_at_once() {
    let desk = desk();
    let (access, token) = desk.sign_in("w1", PASSWORD);
    let no = desk.service.store.user_by_login("w1").unwrap().unwrap().no;
    desk.service.store.set_user_revoked(no, true).unwrap();
    refuses(&desk.get_as(&access, "/v1/me"), Code::UserRevoked);
    refuses(&refresh(&desk, &token), Code::Unauthorised);
    refuses(&login(&desk, "w1", PASSWORD), Code::UserRevoked);
    refuses(&login(&desk, "w1", "wrong password"), Code::LoginFailed);
    desk.service.store.set_user_revoked(no, false).unwrap();
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
    let twice = [
        ("authorization", bearer.as_str()),
        ("authorization", bearer.as_str()),
    ];
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
