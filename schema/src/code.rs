//! This file lists every code an answer can carry. A code is never renamed or given another meaning.

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($variant:ident => $text:literal, $http:literal, $retry:literal, $zh:literal, $en:literal;)*) => {
        /// The stable code of a refusal or an error, the same on phone and server.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $en] $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code's text on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
            /// The HTTP status of an answer that holds nothing but this code.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$variant => $http,)* }
            }
            /// Whether the same request can succeed later, unchanged.
            pub fn retry_can_help(self) -> bool {
                match self { $(Self::$variant => $retry,)* }
            }
            /// A sentence for a person, in Chinese.
            pub fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh,)* }
            }
            /// A sentence for a person, in English.
            pub fn en(self) -> &'static str {
                match self { $(Self::$variant => $en,)* }
            }
        }
    };
}

codes! {
    BadRequest => "bad_request", 400, false, "请求格式不正确。", "The request is not well formed.";
    NotFound => "not_found", 404, false, "没有找到。", "There is no such thing here.";
    MethodNotAllowed => "method_not_allowed", 405, false, "不支持这种请求方法。", "This address does not take that method.";
    BodyTooLarge => "body_too_large", 413, false, "内容超过允许的大小。", "The body is larger than allowed.";
    BodyTooSlow => "body_too_slow", 408, true, "内容接收超时。", "The body did not arrive in time.";
    EncodingUnsupported => "encoding_unsupported", 415, false, "不支持这种内容编码。", "This content encoding is not taken.";
    VersionUnsupported => "version_unsupported", 400, false, "协议版本不受支持，请更新应用。", "This protocol version is not supported; update the app.";
    SuiteUnknown => "suite_unknown", 400, false, "不支持这种加密算法，请更新应用或服务器。", "This algorithm suite is not supported; update the app or the server.";
    DictionaryUnknown => "dictionary_unknown", 409, true, "服务器没有这个版本的字典。", "The server does not hold this dictionary; send without it.";
    Unauthorised => "unauthorised", 401, false, "需要登录，或登录已失效。", "Sign in first, or sign in again.";
    LoginFailed => "login_failed", 401, false, "账号或密码不正确。", "The login or the password is wrong.";
    TokenReused => "token_reused", 401, false, "刷新令牌已被使用过，所有会话已注销。", "This refresh token was used before; every session of it has ended.";
    Forbidden => "forbidden", 403, false, "没有这项权限。", "You do not have the right to do this.";
    ReasonRequired => "reason_required", 400, false, "查看未脱敏信息须写明理由（4至200字）。", "Seeing unmasked values needs a reason of 4 to 200 characters.";
    SecondPersonRequired => "second_person_required", 403, false, "一天内查看超过100条档案的未脱敏信息，或向外共享，须由另一人批准。", "Seeing the unmasked values of more than 100 records in a day, or sharing them, needs the approval of a second person.";
    ShareEnded => "share_ended", 403, false, "这项数据共享已到期、已撤销，或设立人已无此权限。", "This share has ended, was revoked, or was made by somebody who may not share any more.";
    DeviceRevoked => "device_revoked", 401, false, "这台设备已被停用。", "This device has been revoked.";
    UserRevoked => "user_revoked", 401, false, "该账号已被停用。", "This account has been revoked.";
    CodeInvalid => "enrolment_code_invalid", 401, false, "注册码无效、已用过或已过期。", "The enrolment code is wrong, used or expired.";
    SignatureInvalid => "signature_invalid", 401, false, "签名验证失败。", "The signature does not match.";
    CounterBehind => "counter_behind", 409, true, "请求序号过旧，请重试。", "The request counter was used before; send again with a higher one.";
    ServerEpochChanged => "server_epoch_changed", 409, false, "服务器已从备份恢复。", "The server was restored from a backup.";
    DeviceUnknown => "device_unknown", 401, false, "服务器不认识这台设备（可能已从备份恢复），请用新的注册码重新注册；本机内容不会丢失。", "The server does not know this device; it may have been restored from a backup. Enrol again with a new code: nothing on this phone is lost.";
    ServerBehind => "server_behind", 503, true, "服务器上的内容比本机已确认的少（可能被恢复到旧快照）；本机内容已保存，请联系管理员。", "The server has less than it confirmed to this phone; it may have been set back to an old snapshot. Everything is kept on this phone; tell the operator.";
    Recovering => "recovering", 503, true, "服务器刚从备份恢复，正在收回各手机上的内容；本机内容已保存，稍后会自动上传。", "The server was restored and is gathering what phones hold; this is kept on the phone and goes out later.";
    ClockUnsure => "clock_unsure", 503, true, "服务器的时钟可能不准，暂不收发数据；本机内容已保存，稍后会自动上传。", "The server is not sure of its clock and takes nothing for now; this is kept on the phone and goes out later.";
    RateLimited => "rate_limited", 429, true, "请求过于频繁，请稍后再试。", "Too many requests; wait and try again.";
    Busy => "busy", 503, true, "服务器繁忙，请稍后再试。", "The server is busy; try again later.";
    StoreFailed => "store_failed", 503, true, "服务器存储暂时不可用，请稍后再试。", "The server's store is not available; try again later.";
    FeedUnknown => "feed_unknown", 409, false, "服务器不认识这份记录的设备。", "The server does not know the device that wrote this.";
    FeedGap => "feed_gap", 409, true, "之前的记录还没有到达服务器。", "Entries before these have not arrived yet.";
    FeedForked => "feed_forked", 409, false, "本机数据与服务器分叉（可能来自旧备份）。", "This feed went another way before (a restored backup?).";
    TooManyEntries => "too_many_entries", 413, false, "一次上传的记录过多。", "Too many entries in one push.";
    RecordUnknown => "record_unknown", 404, false, "没有这条档案，或建立它的操作未被接受。", "There is no such record, or the entry that created it was refused.";
    RecordFull => "record_full", 409, false, "这条档案的历史已达上限。", "This record's history has reached its limit.";
    TypeUnknown => "type_unknown", 400, false, "没有这种档案类型。", "There is no such record type.";
    AreaUnknown => "area_unknown", 404, false, "没有这个区域。", "There is no such area.";
    FieldUnknown => "field_unknown", 400, false, "该类型没有这个字段。", "The record type has no such field.";
    FieldRequired => "field_required", 400, false, "缺少必填字段。", "A required field is missing.";
    OperationMismatch => "operation_mismatch", 400, false, "这个字段不支持这种操作。", "The field does not take this operation.";
    ValueInvalid => "value_invalid", 400, false, "字段的值不符合要求。", "The value does not fit the field.";
    AlreadySet => "already_set", 409, false, "该字段只能填写一次。", "The field can be set only once.";
    Erased => "erased", 410, false, "这项内容已被依法清除。", "What this is about was erased.";
    ConsentWithdrawn => "consent_withdrawn", 409, false, "当事人已撤回同意，不能再填写。", "The person concerned has withdrawn consent to this.";
    RoleNotHeld => "role_not_held", 403, false, "在该区域没有所用的岗位。", "You do not hold that role in this area.";
    GrantEnded => "grant_ended", 403, false, "该岗位授权已经结束，不能再以此岗位填写。", "The role has ended; nothing more can be written under it.";
    GraceOver => "grace_over", 403, false, "该岗位授权结束已久，结束前离线完成的操作也已过宽限期。", "The role ended too long ago: work from before its end is no longer taken.";
    AlreadyRuled => "already_ruled", 409, false, "对这条未被接受的操作已有处理意见。", "This refused entry has been ruled on already.";
    FieldForbidden => "field_forbidden", 403, false, "该岗位不能填写这个字段。", "That role may not write this field.";
    CreateForbidden => "create_forbidden", 403, false, "该岗位不能新建这种档案。", "That role may not create this type of record.";
    EventForbidden => "event_forbidden", 403, false, "该岗位不能执行这个环节。", "That role may not take this step.";
    EventIllegal => "event_illegal", 409, false, "工单当前状态不允许这个环节。", "The ticket's state does not allow this step.";
    OwnWorkCheck => "own_work_check", 403, false, "不能核查自己办理的工单。", "One cannot check one's own work.";
    SeenImpossible => "seen_impossible", 400, false, "操作声称看到了不存在的内容。", "The entry claims to have seen what does not exist.";
    TimeOutOfRange => "time_out_of_range", 400, false, "时间不合理，请检查设备时钟。", "The time is out of range; check the device's clock.";
    TimeAhead => "time_ahead", 409, true, "操作时间晚于服务器时间；手机校正时间后会自动重新发送。", "The edit's time is ahead of the server's clock; the phone corrects it and sends the edit again.";
    LeaseEnded => "lease_ended", 409, true, "读取期限已过，看不到原有内容；请先同步一次。", "The lease has ended and what is there cannot be read; sync once first.";
    LimitExceeded => "limit_exceeded", 400, false, "超过允许的上限。", "A limit was exceeded.";
    DeriveFailed => "derive_failed", 500, false, "无法合并这次操作。", "The entry could not be merged.";
    PlanInvalid => "plan_invalid", 400, false, "区域调整方案有误。", "The plan contradicts itself or the territory.";
    PlanNotReady => "plan_not_ready", 409, false, "方案目前不能进行这一步。", "The plan is not ready for this step.";
    SecondPerson => "second_person", 403, false, "须由另一人批准。", "Another person has to approve it.";
    Internal => "internal", 500, true, "服务器内部错误。", "Something went wrong inside the server.";
}

impl Code {
    /// Finds the code of a text that came over the wire.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

/// The reason why an entry was refused: the code, the rule in a few words, and the field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {rule}{}", .field.as_ref().map(|f| format!(" ({f})")).unwrap_or_default())]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// The rule, in a few English words.
    pub rule: String,
    /// The field that broke the rule, if a single field did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl Refusal {
    /// Makes a refusal that no single field is to blame for.
    pub fn new(code: Code, rule: impl Into<String>) -> Self {
        Self { code, rule: rule.into(), field: None }
    }

    /// Makes a refusal because of `field`.
    pub fn of_field(code: Code, field: &str, rule: impl Into<String>) -> Self {
        Self { code, rule: rule.into(), field: Some(field.into()) }
    }
}
