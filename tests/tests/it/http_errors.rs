//! Every refusal has one shape, whoever made it: the routes, the framework, or the limits on bodies.

use actix_web::{HttpResponse, web};
use gridledger_client::{Client, Options};
use gridledger_schema::code::Code;
use gridledger_server::http::edge::block::block;
use gridledger_server::http::edge::error::ApiError;
use gridledger_tests::at_rest::lock;
use gridledger_tests::desk::{Answer, Desk};

/// The answer is `code` in the one shape of errors.
#[track_caller]
fn refuses(answer: &Answer, code: Code) {
    assert_eq!(answer.status, code.http_status(), "{answer:?}");
    let body = answer.json();
    let mut names: Vec<&str> = body.as_object().expect("an object").keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["code", "detail", "message", "request_id", "retry"]);
    assert_eq!(body["code"], code.as_str(), "{answer:?}");
    assert_eq!((&body["message"]["zh"], &body["message"]["en"]), (&code.zh().into(), &code.en().into()));
    assert_eq!(body["retry"], code.retry_can_help());
    assert_eq!(body["request_id"].as_str(), answer.header("x-request-id"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    guarded(answer);
}

/// A browser may make nothing of the answer but what it is.
#[track_caller]
fn guarded(answer: &Answer) {
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{answer:?}");
    }
}

#[test]
fn what_no_route_takes_is_refused_in_our_words() {
    let desk = Desk::open();
    refuses(&desk.ask("GET", "/", ""), Code::NotFound);
    refuses(&desk.ask("GET", "/v1/nothing?q=1", ""), Code::NotFound);
    refuses(&desk.ask("POST", "/v1/%2e%2e/%00", "x"), Code::NotFound);
    refuses(&desk.ask("GET", "/v1/login", ""), Code::MethodNotAllowed);
    refuses(&desk.ask("DELETE", "/healthz", ""), Code::MethodNotAllowed);
    refuses(&desk.ask("GET", "/v1/me", ""), Code::Unauthorised);
}

#[test]
fn bodies_that_are_not_the_json_expected_are_refused() {
    let desk = Desk::open();
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let very_deep = "[".repeat(10_000);
    let bad = [
        "",
        "{",
        "[]",
        "\"text\"",
        "{\"login\":1,\"password\":2}",
        "{\"login\":\"a\"}",
        "nul",
        "\u{feff}{}",
        "{\"login\":\"a\",\"password\":\"b\",\"admin\":true}",
        "{\"login\":\"a\",\"password\":\"b\"} x",
        &deep,
        &very_deep,
    ];
    for body in bad {
        refuses(&desk.ask("POST", "/v1/login", body), Code::BadRequest);
    }
    let too_much = "[".repeat(100_000);
    refuses(&desk.ask("POST", "/v1/login", &too_much), Code::BodyTooLarge);
    let text = [("content-type", "text/plain")];
    refuses(&desk.ask_with("POST", "/v1/login", &text, b"{}"), Code::BadRequest);
    refuses(&desk.ask_with("POST", "/v1/login", &[], b"\xff\xfe"), Code::BadRequest);
}

#[test]
fn a_refusal_does_not_repeat_what_was_sent() {
    let desk = Desk::open();
    let answer = desk.ask("POST", "/v1/login", "{\"login\":\"a\",\"password\":[\"kanarie\"]}");
    refuses(&answer, Code::BadRequest);
    assert!(!answer.body.contains("kanarie"), "{answer:?}");
}

#[test]
fn large_encoded_and_slow_bodies_are_refused() {
    let desk = Desk::with(&[("body_seconds", "1")]);
    let large = " ".repeat((1 << 20) + 1);
    refuses(&desk.ask("POST", "/v1/login", &large), Code::BodyTooLarge);
    let claimed =
        "POST /v1/login HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: 99999999999\r\n\r\n";
    refuses(&desk.ask_raw(claimed.as_bytes()), Code::BodyTooLarge);
    let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let chunked =
        "POST /v1/login HTTP/1.1\r\nhost: t\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    refuses(&desk.ask_raw(format!("{chunked}{chunk}").as_bytes()), Code::BodyTooLarge);
    for encoding in ["gzip", "br", "identity"] {
        let headers = [("content-encoding", encoding)];
        refuses(&desk.ask_with("POST", "/v1/login", &headers, b"{}"), Code::EncodingUnsupported);
    }
    let slow = "POST /v1/login HTTP/1.1\r\nhost: t\r\nconnection: close\r\ncontent-length: 10\r\n\r\n{";
    refuses(&desk.ask_raw(slow.as_bytes()), Code::BodyTooSlow);
}

#[test]
fn a_request_keeps_its_own_id_if_it_is_plain() {
    let desk = Desk::open();
    let answer = desk.ask_with("GET", "/healthz", &[("x-request-id", "desk-7.a")], b"");
    assert_eq!((answer.status, answer.header("x-request-id")), (200, Some("desk-7.a")));
    let answer = desk.ask_with("GET", "/nothing", &[("x-request-id", "a b\"c")], b"");
    refuses(&answer, Code::NotFound);
    assert_eq!(answer.header("x-request-id").map(str::len), Some(16));
}

#[test]
fn a_panic_is_answered_like_any_failure_and_the_next_request_is_served() {
    let desk = Desk::with_routes(&[("workers", "1")], |cfg| {
        cfg.route("/panics", web::get().to(panics)).route("/panics-within", web::get().to(panics_within));
    });
    for path in ["/panics", "/panics-within"] {
        let answer = desk.ask("GET", path, "");
        refuses(&answer, Code::Internal);
        assert!(!answer.body.contains("kanarie"), "{answer:?}");
        assert_eq!(desk.ask("GET", "/healthz", "").status, 200);
    }
}

#[expect(clippy::panic, reason = "what the test is about")]
async fn panics() -> HttpResponse {
    panic!("kanarie")
}

/// On the thread that may block.
#[expect(clippy::panic, reason = "what the test is about")]
async fn panics_within() -> Result<HttpResponse, ApiError> {
    block(|| -> Result<(), ApiError> { panic!("kanarie") }).await?;
    Ok(HttpResponse::Ok().finish())
}

#[test]
fn every_good_answer_but_a_phones_is_guarded() {
    let desk = Desk::open();
    for path in ["/healthz", "/readyz", "/metrics"] {
        let answer = desk.ask("GET", path, "");
        assert_eq!(answer.status, 200);
        guarded(&answer);
    }
}

#[test]
fn a_server_says_whether_it_lives_and_is_ready() {
    let desk = Desk::open();
    assert_eq!(desk.ask("GET", "/healthz", "").json()["status"], "ok");
    assert_eq!(desk.ask("GET", "/readyz", "").json()["status"], "ready");
    desk.service.store.close();
    assert_eq!(desk.ask("GET", "/healthz", "").status, 200);
    refuses(&desk.ask("GET", "/readyz", ""), Code::Busy);
}

#[test]
fn counters_are_for_this_machine_or_for_who_has_the_token() {
    let desk = Desk::open();
    desk.ask("GET", "/v1/kanarie", "");
    let page = desk.ask("GET", "/metrics", "");
    assert_eq!(page.status, 200);
    for line in [
        "gridledger_http_requests_total{route=\"unmatched\",method=\"GET\",status=\"4xx\"} 1",
        "gridledger_http_request_seconds_bucket{le=\"+Inf\",route=\"unmatched\",method=\"GET\",status=\"4xx\"} 1",
        "# TYPE gridledger_sync_entries counter",
        "# TYPE gridledger_sync_seconds histogram",
        "# TYPE gridledger_queue_seconds histogram",
        "# TYPE gridledger_commit_seconds histogram",
        "gridledger_store_records 0",
    ] {
        assert!(page.body.contains(line), "{line}: {}", page.body);
    }
    assert!(!page.body.contains("kanarie"), "{}", page.body);
    assert!(page.body.ends_with("# EOF\n"), "{}", page.body);
    // Readiness writes once, so one write has waited and one commit has been made.
    let commits = |page: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix("gridledger_commit_seconds_count "));
        line.and_then(|count| count.parse::<u64>().ok()).expect("a count of commits")
    };
    assert_eq!(desk.ask("GET", "/readyz", "").status, 200);
    assert!(commits(&desk.ask("GET", "/metrics", "").body) > commits(&page.body));
    refuses(&desk.ask_with("GET", "/metrics", &[("x-forwarded-for", "192.0.2.1")], b""), Code::Forbidden);

    let desk = Desk::with(&[("metrics_token", "token-of-metrics")]);
    refuses(&desk.ask("GET", "/metrics", ""), Code::Forbidden);
    refuses(&desk.get_as("token-of-metric", "/metrics"), Code::Forbidden);
    assert_eq!(desk.get_as("token-of-metrics", "/metrics").status, 200);
}

#[test]
fn a_stopped_server_has_closed_its_store() {
    let mut desk = Desk::open();
    assert_eq!(desk.ask("GET", "/readyz", "").status, 200);
    desk.stop();
    assert!(desk.service.store.ready().is_err());
    assert_eq!(desk.service.store.set_setting("k", b"v").map_err(|error| error.is_retryable()), Err(true));
}

#[test]
fn an_answer_to_a_phone_carries_no_header_it_could_do_without() {
    let desk = Desk::open();
    desk.person("w1", "a long enough password", "grid_worker", "G1");
    let dir = tempfile::tempdir().expect("a folder");
    let phone = Client::open(dir.path().join("phone.db"), &lock(), Options::default()).expect("a phone");
    phone.enrol(desk.url(), &desk.code("w1")).expect("noted");
    let request = phone.engine().request(0).expect("a request").body;
    let answer = desk.ask_with("POST", "/v1/sync", &[], &request);
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["connection", "content-length", "date"]);
    let again = desk.ask_with("POST", "/v1/sync", &[], &request);
    refuses(&again, Code::CounterBehind);
}

#[test]
fn what_is_no_http_is_refused_in_the_same_shape() {
    let desk = Desk::open();
    for address in ["/v1/ledgers/patrol?q=路灯", "/v1/ledgers/巡查", "/v1/me?a b=c", "/v1/me?a=\u{1}"] {
        let request = format!("GET {address} HTTP/1.1\r\nhost: t\r\n\r\n");
        let answer = desk.ask_raw(request.as_bytes());
        refuses(&answer, Code::BadRequest);
        assert!(answer.body.contains("percent-encoded"), "{answer:?}");
        assert!(answer.header("x-request-id").is_some(), "{answer:?}");
    }
    refuses(&desk.ask_raw(b"no http at all\r\n\r\n"), Code::BadRequest);
}
