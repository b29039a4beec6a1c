//! Where the store is, and the password of a database apart from its address.

use std::path::PathBuf;

use super::Secret;

/// Where the store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreAddress {
    /// In one SQLite file, for one process.
    Sqlite(PathBuf),
    /// In a Postgres database, for many; the address may hold a password.
    Postgres(Secret),
}

impl StoreAddress {
    /// The address with a password, where it is a database's that has none.
    #[must_use]
    pub fn with_password(self, password: Option<&Secret>) -> Self {
        match (self, password) {
            (Self::Postgres(Secret(url)), Some(Secret(password))) if !has_password(&url) => {
                let sign = if url.contains('?') { '&' } else { '?' };
                Self::Postgres(Secret(format!("{url}{sign}password={}", encoded(password))))
            }
            (address, _) => address,
        }
    }
}

/// Whether a database's address holds a password: behind the user's name, or as a parameter.
fn has_password(url: &str) -> bool {
    without_password(url).is_some()
}

/// A database's address without its password, and the password; `None` if it has none.
pub fn without_password(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    if !matches!(scheme, "postgres" | "postgresql") {
        return None;
    }
    let (host, query) = match rest.split_once('?') {
        Some((host, query)) => (host, Some(query)),
        None => (rest, None),
    };
    let (user, place) = host.rsplit_once('@').unwrap_or(("", host));
    let (name, of_user) = match user.split_once(':') {
        Some((name, password)) => (name, Some(password)),
        None => (user, None),
    };
    let is_password = |part: &&str| part.starts_with("password=");
    let parts = || query.into_iter().flat_map(|query| query.split('&'));
    let of_query = parts().find(is_password).map(|part| &part["password=".len()..]);
    let password = decoded(of_user.or(of_query)?);
    let name = if name.is_empty() { String::new() } else { format!("{name}@") };
    let kept: Vec<&str> = parts().filter(|part| !is_password(part)).collect();
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    Some((format!("{scheme}://{name}{place}{query}"), password))
}

/// A text as a part of an address.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// The text that a part of an address stands for.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
