//! The output of the commands, in Chinese or English by the locale, and the reasons for failures.

use std::path::PathBuf;

use gridledger_schema::set::SchemaError;
use serde_json::Value;

use crate::auth::AuthError;
use crate::auth::passwords::PasswordError;
use crate::config::ConfigError;
use crate::http::edge::tls::TlsError;
use crate::office::import::Fault;
use crate::store::StoreError;

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log cannot be written as asked.
    #[error("{0}")]
    Log(String),
    /// The schema set is not valid.
    #[error("schema: {0}")]
    Schema(#[from] SchemaError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The signing keys failed.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The certificate that is set cannot be used.
    #[error(transparent)]
    Tls(TlsError),
    /// The server could not serve.
    #[error("{0}")]
    Serve(std::io::Error),
    /// A file cannot be read or written.
    #[error("{}: {error}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
    /// A password is refused.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// A failure with a text in both languages.
    #[error("{en}")]
    Named {
        /// In Chinese.
        zh: String,
        /// In English.
        en: String,
    },
    /// A spreadsheet has faults; nothing was imported.
    #[error("{} faults", .0.len())]
    Faults(Vec<Fault>),
}

impl CliError {
    /// A failure in both languages.
    pub fn named(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Named { zh: zh.into(), en: en.into() }
    }

    /// The exit code: 2 for a wrong setting, 1 for any other failure.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) | Self::Tls(_) => 2,
            _ => 1,
        }
    }
}

/// The language and form of a command's output.
#[derive(Clone, Copy, Debug)]
pub struct Speaker {
    chinese: bool,
    json: bool,
}

impl Speaker {
    /// The language of the locale: the first of LC_ALL, LC_MESSAGES and LANG that is set.
    pub fn of_environment() -> Self {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        Self::of_locale(locale.as_deref().unwrap_or_default())
    }

    /// The language of a locale.
    pub fn of_locale(locale: &str) -> Self {
        Self { chinese: locale.to_ascii_lowercase().starts_with("zh"), json: false }
    }

    /// The same, with lists as JSON or not.
    #[must_use]
    pub fn with_json(self, json: bool) -> Self {
        Self { json, ..self }
    }

    /// Whether the output is Chinese.
    pub fn is_chinese(self) -> bool {
        self.chinese
    }

    /// Whether lists are JSON.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Picks the text in the speaker's language.
    pub fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        if self.chinese { zh } else { en }
    }

    /// Prints a line on standard output.
    pub fn line(self, zh: &str, en: &str) {
        crate::put_line!("{}", self.pick(zh, en));
    }

    /// Prints the result of a command: a JSON object on one line, or a sentence.
    pub fn done(self, object: &Value, zh: &str, en: &str) {
        if self.json {
            crate::put_line!("{object}");
        } else {
            self.line(zh, en);
        }
    }

    /// Prints a list: as a JSON array, or one line an item with tabs between `columns`.
    pub fn list(self, items: &[Value], columns: &[&str]) {
        if self.json {
            crate::put_line!("{}", Value::from(items.to_vec()));
            return;
        }
        for item in items {
            let cells: Vec<String> = columns.iter().map(|column| cell(&item[*column])).collect();
            crate::put_line!("{}", cells.join("\t"));
        }
    }

    /// Describes an error to a person.
    pub fn describe(self, error: &CliError) -> String {
        match error {
            CliError::Named { zh, en } => self.pick(zh, en).to_owned(),
            CliError::Faults(faults) => self.describe_faults(faults),
            CliError::Store(error) if self.chinese && error.is_damage() => {
                "存储文件已损坏，有一部分读不出来：请用备份恢复（见 docs/operations.md）。".into()
            }
            CliError::Tls(error) if self.chinese => error.zh(),
            CliError::Config(error) if self.chinese => error.zh().unwrap_or_else(|| error.to_string()),
            CliError::Password(PasswordError::TooShort) if self.chinese => "密码至少要有 8 个字符".into(),
            CliError::Password(PasswordError::TooLong) if self.chinese => "密码最长 256 字节".into(),
            other => other.to_string(),
        }
    }

    fn describe_faults(self, faults: &[Fault]) -> String {
        let head = if self.chinese {
            format!("文件有 {} 处错误，未导入任何内容：", faults.len())
        } else {
            format!("the file has {} faults, nothing was imported:", faults.len())
        };
        let lines = faults.iter().map(|fault| self.describe_fault(fault));
        std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n  ")
    }

    /// Describes one fault or warning of a spreadsheet.
    pub fn describe_fault(self, fault: &Fault) -> String {
        let column =
            fault.column.as_ref().map(|column| format!(" [{}]", legible(column))).unwrap_or_default();
        let text = self.pick(&fault.zh, &fault.en);
        match fault.line {
            0 => format!("{text}{column}"),
            line if self.chinese => format!("第 {line} 行{column}：{text}"),
            line => format!("line {line}{column}: {text}"),
        }
    }
}

/// Replaces control characters: text that other people typed must not move a terminal's cursor.
fn legible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => legible(text),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_the_language() {
        for (locale, zh) in
            [("zh_CN.UTF-8", true), ("ZH", true), ("en_GB.UTF-8", false), ("C", false), ("", false)]
        {
            assert_eq!(Speaker::of_locale(locale).is_chinese(), zh, "{locale}");
        }
    }

    #[test]
    fn what_others_typed_does_not_move_the_cursor() {
        assert_eq!(cell(&Value::from("a\u{1b}[2Jb\n")), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(cell(&serde_json::json!(["a", null])), "a,-");
    }
}
