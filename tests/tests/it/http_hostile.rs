//! Every route, asked in ways that no client of ours asks: the answer is a code in the one shape, and the next client
//! is served as if nothing had been.

use gridledger_schema::code::Code;
use gridledger_schema::limits;
use gridledger_tests::desk::{Answer, Desk};
use gridledger_tests::routes::{ROUTES, Route, is_taken};

/// The answer is one of these codes, in the shape of errors.
#[track_caller]
fn refuses(answer: &Answer, codes: &[Code]) {
    let body = answer.json();
    let code = body["code"].as_str().and_then(Code::parse);
    let code = code.unwrap_or_else(|| panic!("no code: {answer:?}"));
    assert!(codes.contains(&code), "{answer:?}");
    assert_eq!(answer.status, code.http_status(), "{answer:?}");
    assert_eq!(body["retry"], code.retry_can_help());
}

fn lives(desk: &Desk) {
    assert_eq!(desk.ask("GET", "/readyz", "").status, 200);
}

#[test]
fn the_table_of_routes_names_every_route_of_the_application() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/src/http/app.rs");
    let source = std::fs::read_to_string(source).expect("the application's source");
    let listed: Vec<(String, String)> = source
        .split(".route(")
        .skip(1)
        .map(|rest| {
            let path = rest.split('"').nth(1).expect("a pattern");
            let method = rest.split("web::").nth(1).expect("a method");
            let method = method.split('(').next().expect("a method").to_uppercase();
            (method, path.to_owned())
        })
        .collect();
    let tested: Vec<(String, String)> =
        ROUTES.iter().map(|route| (route.method.to_owned(), route.pattern.to_owned())).collect();
    assert_eq!(tested, listed);
}

#[test]
fn a_method_that_a_route_does_not_take_is_refused() {
    let desk = Desk::open();
    for Route { path, .. } in ROUTES {
        for other in ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            if !is_taken(other, path) {
                refuses(&desk.ask(other, path, ""), &[Code::MethodNotAllowed]);
            }
        }
        assert_ne!(desk.ask("HEAD", path, "").status / 100, 5);
    }
    lives(&desk);
}

#[test]
fn bodies_too_large_too_slow_or_encoded_are_refused_wherever_one_is_read() {
    let desk = Desk::with(&[("body_seconds", "1")]);
    for Route { method, path, .. } in ROUTES.iter().filter(|route| route.reads) {
        // A route may ask who is there before it looks at the body.
        let or_first = |code| [code, Code::Unauthorised];
        for encoding in ["gzip", "deflate", "zstd", "identity"] {
            let headers = [("content-encoding", encoding)];
            refuses(&desk.ask_with(method, path, &headers, b"x"), &or_first(Code::EncodingUnsupported));
        }
        let head = format!("{method} {path} HTTP/1.1\r\nhost: t\r\nconnection: close\r\n");
        let claimed = format!("{head}content-length: 99999999999\r\n\r\n");
        refuses(&desk.ask_raw(claimed.as_bytes()), &or_first(Code::BodyTooLarge));
        let slow = format!("{head}content-length: 100\r\n\r\nslow");
        refuses(&desk.ask_raw(slow.as_bytes()), &or_first(Code::BodyTooSlow));
        let large = "x".repeat(limits::SYNC_BODY_BYTES.max(limits::JSON_BODY_BYTES) + 1);
        let chunked =
            format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
        refuses(&desk.ask_raw(chunked.as_bytes()), &or_first(Code::BodyTooLarge));
    }
    lives(&desk);
}

#[test]
fn the_sync_route_takes_nothing_but_a_request() {
    let desk = Desk::open();
    let long = vec![0x87; limits::SYNC_BODY_BYTES];
    let bodies: [&[u8]; 7] = [
        b"",
        b"\0",
        b"{}",
        b"\x87",
        b"\xff\xff\xff\xff",
        &[0x9b, 255, 255, 255, 255, 255, 255, 255, 255],
        &long,
    ];
    for body in bodies {
        refuses(&desk.ask_with("POST", "/v1/sync", &[], body), &[Code::BadRequest]);
    }
    refuses(&desk.ask_with("POST", "/v1/sync", &[], b"\x88\x03"), &[Code::VersionUnsupported]);
    lives(&desk);
}

#[test]
fn paths_and_queries_of_all_kinds_are_answered() {
    let desk = Desk::open();
    desk.person("d1", "a long enough password", "dispatcher_community", "C");
    let (token, _) = desk.sign_in("d1", "a long enough password");
    let long = "a".repeat(3_000);
    let odd =
        ["%00", "%ff%fe", "..%2f..%2fetc%2fpasswd", "%27%20OR%201=1%20--", "%F0%9F%92%A1", "$(id)", &long];
    for part in odd {
        let sound = [Code::NotFound, Code::TypeUnknown, Code::BadRequest, Code::RecordUnknown];
        refuses(&desk.get_as(&token, &format!("/v1/records/{part}")), &sound);
        refuses(&desk.get_as(&token, &format!("/v1/records/{part}/history")), &sound);
        refuses(&desk.get_as(&token, &format!("/v1/ledgers/{part}")), &sound);
        for key in ["area", "cursor", "limit", "format", "nothing", "title", "as_of"] {
            let answer = desk.get_as(&token, &format!("/v1/ledgers/patrol?{key}={part}"));
            assert_ne!(answer.status / 100, 5, "{key}={part}: {answer:?}");
        }
    }
    lives(&desk);
}

#[test]
fn deep_wide_and_endless_json_is_refused_at_every_desk_route() {
    let desk = Desk::open();
    desk.person("w1", "a long enough password", "grid_worker", "G1");
    let (token, _) = desk.sign_in("w1", "a long enough password");
    let bearer = format!("Bearer {token}");
    let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
    let entry = |value: &str| {
        format!(
            "{{\"create\":{{\"type\":\"patrol\",\"area\":\"G1\"}},\
             \"intents\":[{{\"field\":\"coverage_note\",\"op\":\"put\",\"value\":{value}}}]}}"
        )
    };
    let bodies = [
        deep(100),
        deep(100_000),
        entry(&deep(100_000)),
        entry("1e999"),
        "[".repeat(1 << 20),
        format!("\"{}", "x".repeat(1 << 19)),
        "{\"a\":".repeat(50_000),
    ];
    for path in ["/v1/entries", "/v1/login", "/v1/refresh", "/v1/logout"] {
        for body in &bodies {
            let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
            let answer = desk.ask_with("POST", path, &headers, body.as_bytes());
            refuses(&answer, &[Code::BadRequest, Code::LimitExceeded, Code::BodyTooLarge]);
        }
    }
    // Deep, but not too deep to be read: judged like any entry.
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let answer = desk.ask_with("POST", "/v1/entries", &headers, entry(&deep(100)).as_bytes());
    assert_eq!(answer.json()["verdicts"][0]["stored"], false, "{answer:?}");
    // No line of HTTP at all.
    for bytes in [&b"\0\0\0\0\r\n\r\n"[..], "GET /💡 HTTP/1.1\r\n\r\n".as_bytes(), b"GET / HTTP/9.9\r\n\r\n"]
    {
        assert_ne!(desk.ask_raw(bytes).status / 100, 5);
    }
    lives(&desk);
}
