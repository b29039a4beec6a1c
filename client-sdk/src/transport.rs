//! The network: one POST, and its answer as it arrives.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gridledger_schema::code::Code;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER};

use crate::error::ClientError;

/// The time to connect. A phone without signal gives up and tries later.
const CONNECT: Duration = Duration::from_secs(15);
/// The longest time between two pieces of an answer.
const SILENCE: Duration = Duration::from_mins(1);

/// The HTTP clients of one phone. Each is made when it is first needed, so that a store opens without network and without
/// certificates.
pub(crate) struct Transport {
    /// The only certificates trusted; those of the system if there are none.
    roots: Vec<reqwest::Certificate>,
    made: Mutex<HashMap<Way, reqwest::Client>>,
}

/// The way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Way {
    /// Without TLS, so that no certificates are read.
    plain: bool,
    /// On this machine, so that no proxy stands between.
    near: bool,
}

impl Way {
    fn to(server: &str) -> Self {
        let url = reqwest::Url::parse(server).ok();
        let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Self {
            plain: url.as_ref().is_some_and(|url| url.scheme() == "http"),
            near: bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        }
    }

    fn client(self, roots: &[reqwest::Certificate]) -> reqwest::Result<reqwest::Client> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            // The server never redirects a phone; a sign-in page does.
            .redirect(reqwest::redirect::Policy::none());
        if self.plain || !roots.is_empty() {
            builder = builder.tls_certs_only(roots.iter().cloned());
        }
        if self.near {
            builder = builder.no_proxy();
        }
        builder.build()
    }
}

/// An answer that is arriving.
pub(crate) struct Incoming {
    response: reqwest::Response,
}

/// Makes a network error of the deepest cause, which says what happened ("connection refused"). The causes above only say
/// where.
fn network_error(error: reqwest::Error) -> ClientError {
    ClientError::Network(deepest_cause(&error.without_url()))
}

fn deepest_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

impl Transport {
    /// Makes a transport that trusts these certificates (PEM) alone, or those of the system if there are none.
    pub(crate) fn trusting(pem: &[u8]) -> Result<Self, ClientError> {
        let unfit = |error: reqwest::Error| ClientError::Certificates(deepest_cause(&error));
        let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(unfit)?;
        if roots.is_empty() && !pem.is_empty() {
            return Err(ClientError::Certificates("there is none in PEM form".into()));
        }
        let transport = Self { roots, made: Mutex::default() };
        if !transport.roots.is_empty() {
            // Making a client reads them. A fault shows now, not when there is signal at last.
            let way = Way::to("https://server");
            way.client(&transport.roots).map_err(unfit)?;
        }
        Ok(transport)
    }

    fn client(&self, server: &str) -> Result<reqwest::Client, ClientError> {
        let way = Way::to(server);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&way) {
            return Ok(client.clone());
        }
        let client = way.client(&self.roots).map_err(network_error)?;
        made.insert(way, client.clone());
        Ok(client)
    }

    /// Sends a sealed request.
    pub(crate) async fn post(&self, server: &str, body: Vec<u8>) -> Result<Incoming, ClientError> {
        let response = self
            .client(server)?
            .post(format!("{server}/v1/sync"))
            .body(body)
            .send()
            .await
            .map_err(network_error)?;
        let status = response.status();
        if status.is_success() {
            return match find_page_type(response.headers()) {
                Some(kind) => Err(ClientError::NotTheServer(kind)),
                None => Ok(Incoming { response }),
            };
        }
        if status.is_redirection() {
            return Err(ClientError::NotTheServer(describe_redirection(response.headers())));
        }
        let wait = response.headers().get(RETRY_AFTER);
        let wait = wait.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let text = response.text().await.unwrap_or_default();
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        match answer["code"].as_str().and_then(Code::parse) {
            Some(code) => {
                let detail =
                    answer["detail"].as_str().or(answer["message"]["en"].as_str()).unwrap_or(code.en());
                Err(ClientError::Server {
                    code,
                    detail: detail.to_owned(),
                    wait: wait.map(Duration::from_secs),
                })
            }
            None => Err(foreign_refusal(status)),
        }
    }
}

/// The content type of an answer for people to read. The server sends none of these when it takes a request.
fn find_page_type(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let kind = kind.split(';').next().unwrap_or_default().trim();
    (kind.starts_with("text/") || kind.ends_with("html") || kind.ends_with("xml")).then(|| kind.to_owned())
}

/// Names the host of a redirection.
fn describe_redirection(headers: &HeaderMap) -> String {
    let to = headers.get(LOCATION).and_then(|to| to.to_str().ok());
    let to = to.and_then(|to| reqwest::Url::parse(to).ok());
    match to.as_ref().and_then(reqwest::Url::host_str) {
        Some(host) => format!("it sends to {host}"),
        None => "it sends elsewhere".to_owned(),
    }
}

/// Makes the error of a refusal without a code of the server's: from a proxy that does not reach it (5xx), or from something
/// else.
fn foreign_refusal(status: StatusCode) -> ClientError {
    if status.is_server_error() && status != StatusCode::NETWORK_AUTHENTICATION_REQUIRED {
        ClientError::Network(format!("the answer was {status}"))
    } else {
        ClientError::NotTheServer(status.to_string())
    }
}

impl Incoming {
    /// Gives the next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.response.chunk().await.map_err(network_error)?.map(|bytes| bytes.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_certificate_is_refused_at_once() {
        let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in ["nothing", "-----BEGIN CERTIFICATE-----\n", damaged] {
            let refused = Transport::trusting(pem.as_bytes());
            assert!(matches!(refused, Err(ClientError::Certificates(_))), "{pem}");
        }
        assert!(Transport::trusting(b"").is_ok());
    }

    #[test]
    fn a_server_on_this_machine_needs_neither_certificates_nor_proxy() {
        let way = |plain, near| Way { plain, near };
        for (server, wanted) in [
            ("http://127.0.0.1:7300", way(true, true)),
            ("http://[::1]:7300", way(true, true)),
            ("http://localhost:7300", way(true, true)),
            ("https://localhost", way(false, true)),
            ("http://10.0.0.7", way(true, false)),
            ("https://127.0.0.1.example", way(false, false)),
            ("no address", way(false, false)),
        ] {
            assert_eq!(Way::to(server), wanted, "{server}");
        }
    }
}
