//! The token that a request brings.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;

/// The token of a request's `Authorization: Bearer` header.
pub fn token(request: &HttpRequest) -> Option<&str> {
    let mut values = request.headers().get_all(AUTHORIZATION);
    let (value, second) = (values.next()?.to_str().ok()?, values.next());
    let (scheme, token) = value.split_once(' ')?;
    (second.is_none() && scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim())
}
