//! Failures: a sentence that a person can act on, and a code for a program.

use gridledger_client::ClientError;
use gridledger_schema::code::{Code, Refusal};
use serde_json::{Value, json};

use crate::lang::Lang;

/// The failure of a command.
#[derive(Debug)]
pub enum Failure {
    /// The client's error.
    Client(ClientError),
    /// A rule refused an edit of a record of a type. The message names the field by its label.
    Edit { refusal: Refusal, label: Option<String>, record_type: String },
    /// A sync failed in a way that can pass, with the number of edits that wait on this phone.
    Offline(ClientError, u64),
    /// The arguments are not understood.
    Usage(String),
    /// Another failure: a code and a sentence.
    Other(&'static str, String),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Client(refusal.into())
    }
}

impl Failure {
    pub fn other(code: &'static str, message: impl Into<String>) -> Self {
        Self::Other(code, message.into())
    }

    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Offline(..) => 3,
            Self::Client(error) if error.is_retryable() => 3,
            Self::Client(_) | Self::Edit { .. } | Self::Other(..) => 1,
        }
    }

    fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Edit { refusal, .. } | Self::Client(ClientError::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// The stable code; for a failure of this program alone, a code of its own.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Edit { refusal, .. } => refusal.code.as_str(),
            Self::Client(error) | Self::Offline(error, _) => word(error),
            Self::Usage(_) => "usage",
            Self::Other(code, _) => code,
        }
    }

    pub fn message(&self, lang: Lang) -> String {
        match self {
            Self::Client(error) => explain_error(error, lang),
            Self::Edit { refusal, label, .. } => explain(refusal, label.as_deref(), lang),
            Self::Offline(error, unsent) => {
                let (what, safe) = (explain_error(error, lang), safe(*unsent, lang));
                say!(lang, "{what}{safe}", "{what} {safe}")
            }
            Self::Usage(message) | Self::Other(_, message) => message.clone(),
        }
    }

    /// The next step, if there is one to suggest.
    fn hint(&self, lang: Lang) -> Option<String> {
        let code = match self {
            Self::Client(ClientError::NotEnrolled) | Self::Other("not_enrolled", _) => {
                return Some("gridledger-field enrol --server URL CODE".to_owned());
            }
            Self::Client(error) => error.code()?,
            Self::Edit { refusal, .. } => refusal.code,
            _ => return None,
        };
        let of_type = matches!(
            code,
            Code::FieldUnknown
                | Code::FieldForbidden
                | Code::FieldRequired
                | Code::OperationMismatch
                | Code::ValueInvalid
                | Code::EventIllegal
                | Code::EventForbidden
        );
        match (self, code) {
            (Self::Edit { record_type, .. }, _) if of_type => {
                Some(format!("gridledger-field schema {record_type}"))
            }
            (_, Code::TypeUnknown) => Some("gridledger-field schema".to_owned()),
            (_, Code::RecordUnknown) => Some("gridledger-field list".to_owned()),
            (_, Code::AreaUnknown | Code::RoleNotHeld) => Some("gridledger-field status".to_owned()),
            (_, Code::FeedForked) => Some(lang.pick("请联系管理员", "ask your administrator").to_owned()),
            _ => None,
        }
    }

    pub fn to_json(&self, lang: Lang) -> Value {
        let (rule, field) = self.refusal().map_or((None, None), |r| (Some(&r.rule), r.field.as_ref()));
        json!({ "error": {
            "code": self.code(), "message": self.message(lang), "rule": rule, "field": field,
            "retry": self.exit_code() == 3,
        } })
    }

    pub fn print(&self, lang: Lang, json: bool) {
        if json {
            return crate::output::print_line(&self.to_json(lang).to_string());
        }
        let mut line = format!("{} [{}]", crate::text::clean(&self.message(lang)), self.code());
        if let Some(hint) = self.hint(lang) {
            line.push_str("\n  → ");
            line.push_str(&hint);
        }
        crate::output::complain(&line);
    }
}

/// Explains a refusal: the code's sentence, then the field and the rule.
pub fn explain(refusal: &Refusal, label: Option<&str>, lang: Lang) -> String {
    let sentence = lang.code(refusal.code);
    let rule = &refusal.rule;
    match (&refusal.field, label) {
        (Some(field), Some(label)) if label != field => {
            say!(lang, "{sentence}{label}（{field}）：{rule}", "{sentence} {label} ({field}): {rule}")
        }
        (Some(field), _) => say!(lang, "{sentence}{field}：{rule}", "{sentence} {field}: {rule}"),
        (None, _) => say!(lang, "{sentence}（{rule}）", "{sentence} ({rule})"),
    }
}

fn safe(unsent: u64, lang: Lang) -> String {
    match unsent {
        0 => lang.pick("本机没有待发送的内容。", "Nothing is waiting to be sent.").to_owned(),
        1 => lang
            .pick(
                "已保存在本机，1 笔待发送；有信号后再同步。",
                "1 edit is safe on this device and goes out with the next sync.",
            )
            .to_owned(),
        n => say!(
            lang,
            "已保存在本机，{n} 笔待发送；有信号后再同步。",
            "{n} edits are safe on this device and go out with the next sync."
        ),
    }
}

fn word(error: &ClientError) -> &'static str {
    match error {
        ClientError::Refused(refusal) => refusal.code.as_str(),
        ClientError::Server { code, .. } => code.as_str(),
        ClientError::Store(_) => "store",
        ClientError::WrongKey | ClientError::KeyFile { .. } => "wrong_key",
        ClientError::LostFile { .. } => "store_missing",
        ClientError::Damaged { .. } => "damaged",
        ClientError::NotAStore(_) => "not_a_store",
        ClientError::Full => "full",
        ClientError::ReadOnly => "read_only",
        ClientError::NotEnrolled => "not_enrolled",
        ClientError::Network(_) => "network",
        ClientError::NotTheServer(_) => "not_the_server",
        ClientError::Certificates(_) => "certificates",
        ClientError::Wire(_) => "answer",
        ClientError::Schema(_) => "schema",
        ClientError::Missing(_) => "missing",
    }
}

/// Explains an error to a person.
pub fn explain_error(error: &ClientError, lang: Lang) -> String {
    if lang == Lang::En {
        return match error {
            ClientError::Refused(refusal) => explain(refusal, None, lang),
            ClientError::Server { code, detail, .. } if detail != code.en() => {
                format!("{} The server says: {detail}", code.en())
            }
            ClientError::Server { code, .. } => code.en().to_owned(),
            ClientError::NotEnrolled => "This device is not enrolled yet.".to_owned(),
            ClientError::Network(what) => format!("The server cannot be reached ({what})."),
            ClientError::NotTheServer(what) => format!(
                "Something else than the server answered ({what}), perhaps the sign-in page of a Wi-Fi: sign in there with a \
                 browser, or check the server's address."
            ),
            other => other.to_string(),
        };
    }
    match error {
        ClientError::Refused(refusal) => explain(refusal, None, lang),
        ClientError::Server { code, detail, .. } if detail != code.en() => {
            format!("{}服务器答复：{detail}", code.zh())
        }
        ClientError::Server { code, .. } => code.zh().to_owned(),
        ClientError::Store(error) => format!("本机数据库出错：{error}"),
        ClientError::WrongKey => "密钥或口令打不开这个本机数据库；没有改动任何文件。".to_owned(),
        ClientError::KeyFile { fault, file } => fault.zh(file),
        ClientError::LostFile { file } => {
            format!("找不到本机数据库文件 {file}，只有它的日志还在：请把它放回原处。没有改动任何文件。")
        }
        ClientError::Damaged { kept_as } => {
            format!("本机数据库已损坏，原文件保存为 {kept_as}，其中可能有未发送的内容，请勿删除。")
        }
        ClientError::NotAStore(what) => format!("这个文件不能作为本机数据库：{what}"),
        ClientError::Full => "存储空间已满，这次没有保存。".to_owned(),
        ClientError::ReadOnly => "本机数据库所在的位置不能写入，只能查看；这次没有保存。".to_owned(),
        ClientError::NotEnrolled => "这台设备还没有注册。".to_owned(),
        ClientError::Network(what) => format!("连接不上服务器（{what}）。"),
        ClientError::NotTheServer(what) => format!(
            "答复的不是本系统的服务器（{what}），可能是无线网络的登录页面：请先用浏览器登录该网络，或核对服务器地址。"
        ),
        ClientError::Certificates(what) => format!("信任的证书有误：{what}"),
        ClientError::Wire(error) => format!("看不懂服务器的答复：{error}"),
        ClientError::Schema(error) => format!("档案类型文件有误：{error}"),
        ClientError::Missing(what) => format!("本机没有：{what}"),
    }
}
