//! The network: one POST, its answer as it arrives.

use std::time::Duration;

use gridledger_schema::code::Code;

use crate::error::ClientError;

/// Time to connect; a phone between two walls gives up and tries later.
const CONNECT: Duration = Duration::from_secs(15);
/// Time between two pieces of an answer.
const SILENCE: Duration = Duration::from_mins(1);

/// An HTTP client for one phone.
pub(crate) struct Transport {
    http: reqwest::Client,
}

/// An answer that is arriving.
pub(crate) struct Incoming {
    response: reqwest::Response,
}

/// The cause at the bottom says what happened ("connection refused"); those above it only where.
fn network(error: reqwest::Error) -> ClientError {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    ClientError::Network(cause.to_string())
}

impl Transport {
    pub(crate) fn new() -> Result<Self, ClientError> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .build()
            .map_err(network)?;
        Ok(Self { http })
    }

    /// Sends a sealed request.
    pub(crate) async fn post(&self, server: &str, body: Vec<u8>) -> Result<Incoming, ClientError> {
        let response = self
            .http
            .post(format!("{server}/v1/sync"))
            .body(body)
            .send()
            .await
            .map_err(network)?;
        if response.status().is_success() {
            return Ok(Incoming { response });
        }
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        let answer: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        match answer["code"].as_str().and_then(Code::parse) {
            Some(code) => {
                let detail = answer["detail"]
                    .as_str()
                    .or(answer["message"]["en"].as_str())
                    .unwrap_or(code.en());
                Err(ClientError::Server {
                    code,
                    detail: detail.to_owned(),
                })
            }
            None => Err(ClientError::Network(format!("the server answered {status}"))),
        }
    }
}

impl Incoming {
    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self
            .response
            .chunk()
            .await
            .map_err(network)?
            .map(|bytes| bytes.to_vec()))
    }
}
