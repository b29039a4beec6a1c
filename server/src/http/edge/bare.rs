//! Gives the framework's own answers the shape of every refusal.
//!
//! A request that the framework cannot read never reaches a route, and the framework answers it without a body. The
//! answer gets its body on the way out.

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderMap;
use gridledger_schema::code::Code;

use super::observe::GUARDS;
use super::request_id::RequestId;
use crate::http::edge::error::ApiError;

/// The most bytes that an answer without a body has.
const HEAD_BYTES: usize = 1024;
/// The refusal of bytes that are no HTTP.
const UNREADABLE: &str =
    "the head of the request cannot be read; in an address everything but ASCII is percent-encoded";

/// The answer in our shape, if these bytes are an error without a body.
pub fn in_our_shape(bytes: &[u8]) -> Option<Vec<u8>> {
    let head = std::str::from_utf8(bytes.get(..bytes.len().min(HEAD_BYTES))?).ok()?;
    let (head, rest) = head.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.get(2..5)?;
    let status = StatusCode::from_bytes(status.as_bytes()).ok()?;
    let is_error = status.is_client_error() || status.is_server_error();
    let is_bare = lines.any(|line| line.eq_ignore_ascii_case("content-length: 0"));
    (is_error && is_bare && rest.is_empty() && bytes.len() <= HEAD_BYTES).then(|| answer(status))
}

fn answer(status: StatusCode) -> Vec<u8> {
    let error = match status {
        StatusCode::BAD_REQUEST => ApiError::new(Code::BadRequest, UNREADABLE),
        other => ApiError::of_status(other),
    };
    let id = RequestId::read(&HeaderMap::new()).0;
    let body = error.body(&id).to_string();
    let guards = GUARDS.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nx-request-id: {id}\r\n\
         cache-control: no-store\r\nconnection: close\r\n",
        body.len()
    );
    [head, guards, "\r\n".to_owned(), body].concat().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_without_a_body_gets_one() {
        let bare = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let ours = String::from_utf8(in_our_shape(bare).expect("an answer")).expect("text");
        let (head, body) = ours.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(body["code"], "bad_request");
        for other in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK",
            b"content-length: 0\r\n\r\n",
            b"",
        ] {
            assert_eq!(in_our_shape(other), None);
        }
    }
}
