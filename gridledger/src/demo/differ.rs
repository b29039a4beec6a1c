//! The differences that the self-check can find, each kind by name and in words.

use gridledger_client::RecordId;
use gridledger_schema::ids::FeedId;
use serde_json::Value;

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// A phone has edits that the ledger does not hold.
    Open { phone: String, count: u64 },
    /// A phone lacks a record it may read.
    RecordMissing { phone: String, record: RecordId },
    /// A phone has a record it may not read, or that is not in the ledger.
    RecordExtra { phone: String, record: RecordId },
    /// A phone shows another value than the ledger.
    View { phone: String, record: RecordId, field: String, shown: Value, ledger: Value },
    /// A saved edit is not in the history.
    EditMissing { phone: String, n: u64, record: RecordId },
    /// A saved edit is in the history more than once.
    EditTwice { phone: String, n: u64, times: usize },
    /// A saved edit says something else in the history.
    EditAltered { phone: String, n: u64, record: RecordId },
    /// The history has an edit that nobody made.
    EditUnmeant { feed: FeedId, n: u64 },
    /// A refused edit does not wait on its author's phone.
    RefusalUntold { phone: String, n: u64 },
    /// An edit waits as refused that was not.
    RefusalUnfounded { phone: String, n: u64 },
    /// A counter is not the sum of what was added.
    Sum { record: RecordId, field: String, added: i64, ledger: Value },
    /// A note or an item is there more or less often than it was written.
    Item { record: RecordId, field: String, item: String, written: usize, found: usize },
    /// A value written at the same time as others is gone.
    ValueLost { record: RecordId, field: String, value: Value },
    /// A value is shown that nobody wrote, or that was settled.
    ValueExtra { record: RecordId, field: String, value: Value },
}

impl Difference {
    /// The kind's stable name.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open_edits",
            Self::RecordMissing { .. } => "record_missing",
            Self::RecordExtra { .. } => "record_extra",
            Self::View { .. } => "view_differs",
            Self::EditMissing { .. } => "edit_missing",
            Self::EditTwice { .. } => "edit_twice",
            Self::EditAltered { .. } => "edit_altered",
            Self::EditUnmeant { .. } => "edit_unmeant",
            Self::RefusalUntold { .. } => "refusal_untold",
            Self::RefusalUnfounded { .. } => "refusal_unfounded",
            Self::Sum { .. } => "counter_differs",
            Self::Item { .. } => "item_differs",
            Self::ValueLost { .. } => "value_lost",
            Self::ValueExtra { .. } => "value_extra",
        }
    }

    /// In words.
    pub fn say(&self, zh: bool) -> String {
        if zh { self.zh() } else { self.en() }
    }

    fn zh(&self) -> String {
        match self {
            Self::Open { phone, count } => format!("{phone}：{count} 次保存尚未进入台账"),
            Self::RecordMissing { phone, record } => format!("{phone}：缺少档案 {record}"),
            Self::RecordExtra { phone, record } => format!("{phone}：多出档案 {record}"),
            Self::View { phone, record, field, shown, ledger } => {
                format!("{phone}：档案 {record} 的 {field} 显示 {shown}，台账为 {ledger}")
            }
            Self::EditMissing { phone, n, record } => {
                format!("{phone}：第 {n} 次保存（档案 {record}）不在历史中")
            }
            Self::EditTwice { phone, n, times } => format!("{phone}：第 {n} 次保存在历史中出现 {times} 次"),
            Self::EditAltered { phone, n, record } => {
                format!("{phone}：第 {n} 次保存（档案 {record}）内容不同")
            }
            Self::EditUnmeant { feed, n } => format!("历史中有无人做过的保存：{feed} 第 {n} 次"),
            Self::RefusalUntold { phone, n } => format!("{phone}：第 {n} 次保存被拒绝，手机上却没有提示"),
            Self::RefusalUnfounded { phone, n } => {
                format!("{phone}：第 {n} 次保存并未被拒绝，手机上却提示被拒绝")
            }
            Self::Sum { record, field, added, ledger } => {
                format!("档案 {record} 的 {field}：共加 {added}，台账为 {ledger}")
            }
            Self::Item { record, field, item, written, found } => {
                format!("档案 {record} 的 {field}：{item} 写了 {written} 次，台账有 {found} 次")
            }
            Self::ValueLost { record, field, value } => format!("档案 {record} 的 {field}：{value} 丢失"),
            Self::ValueExtra { record, field, value } => format!("档案 {record} 的 {field}：多出 {value}"),
        }
    }

    fn en(&self) -> String {
        match self {
            Self::Open { phone, count } => format!("{phone}: {count} saves are not in the ledger yet"),
            Self::RecordMissing { phone, record } => format!("{phone}: record {record} is missing"),
            Self::RecordExtra { phone, record } => format!("{phone}: record {record} should not be there"),
            Self::View { phone, record, field, shown, ledger } => {
                format!("{phone}: {field} of {record} shows {shown}, the ledger has {ledger}")
            }
            Self::EditMissing { phone, n, record } => {
                format!("{phone}: save {n} (record {record}) is not in the history")
            }
            Self::EditTwice { phone, n, times } => {
                format!("{phone}: save {n} is in the history {times} times")
            }
            Self::EditAltered { phone, n, record } => {
                format!("{phone}: save {n} (record {record}) says something else in the history")
            }
            Self::EditUnmeant { feed, n } => format!("the history has a save nobody made: {n} of {feed}"),
            Self::RefusalUntold { phone, n } => {
                format!("{phone}: save {n} was refused, and the phone does not say so")
            }
            Self::RefusalUnfounded { phone, n } => {
                format!("{phone}: save {n} was not refused, and the phone says it was")
            }
            Self::Sum { record, field, added, ledger } => {
                format!("{field} of {record}: {added} were added, the ledger has {ledger}")
            }
            Self::Item { record, field, item, written, found } => {
                format!(
                    "{field} of {record}: {item} was written {written} times, the ledger has it {found} times"
                )
            }
            Self::ValueLost { record, field, value } => format!("{field} of {record}: {value} is lost"),
            Self::ValueExtra { record, field, value } => {
                format!("{field} of {record}: {value} should not be there")
            }
        }
    }
}
