//! The texts of `--help`, in Chinese and English: one row for each command and each argument.

use clap::{Arg, Command};

use crate::lang::Lang;

/// The texts of a command or an argument.
pub struct Row {
    /// The command's words (`attention ask`); of an argument, the command's words, a point, and the argument's id.
    of: &'static str,
    zh: &'static str,
    en: &'static str,
    /// The name of the argument's value in Chinese; empty to keep the English one.
    value_zh: &'static str,
}

const fn row(of: &'static str, zh: &'static str, en: &'static str) -> Row {
    Row { of, zh, en, value_zh: "" }
}

const fn valued(of: &'static str, value_zh: &'static str, zh: &'static str, en: &'static str) -> Row {
    Row { of, zh, en, value_zh }
}

const RECORD_ZH: &str = "档案编号，或编号的前几位（至少 4 位）";
const RECORD_EN: &str = "The record's id, or its beginning (4 digits or more)";
const EDIT_ZH: &str = "序号；两个数据流有同一序号时，写成 数据流.序号";
const EDIT_EN: &str = "The edit's number; FEED.NUMBER if two feeds have it";
const FIELD_ZH: &str = "字段名，见 schema 命令";
const FIELD_EN: &str = "The field's name, as `schema` lists it";
const LIMIT_ZH: &str = "最多显示几条；0 表示全部";
const LIMIT_EN: &str = "The most to show; 0 for all";

/// Every text.
const ROWS: &[Row] = &[
    row(
        "",
        "命令行手机：没有信号也能登记，有信号时同步。",
        "A phone on the command line: keep records with no signal, sync when there is some",
    ),
    valued(".store", "文件", "本机数据库文件", "This phone's store"),
    valued(
        ".schema",
        "目录",
        "改用目录中的档案类型（目录/records/*.json、目录/roles.json 等），不用数据库里的",
        "A schema set in place of the store's: DIR/records/*.json, DIR/roles.json …",
    ),
    valued(
        ".ca",
        "文件",
        "本单位自建证书机构的证书（PEM）：只信任它签发的服务器",
        "Certificates of the office's own authority, PEM: only servers that these vouch for are trusted",
    ),
    row(
        ".passphrase_stdin",
        "从标准输入第一行读取口令；不用此项时，依次使用 GRIDLEDGER_FIELD_KEY（64 位十六进制数字）、\
         GRIDLEDGER_FIELD_PASSPHRASE、数据库旁边的密钥文件",
        "Read the passphrase from the first line of standard input. Without it, GRIDLEDGER_FIELD_KEY (64 hexadecimal \
         digits), GRIDLEDGER_FIELD_PASSPHRASE or the key file beside the store opens the store, in this order",
    ),
    valued(
        ".timezone",
        "时区",
        "单位所在时区，时间按此读取和显示",
        "The office's time zone: times are read and shown in it",
    ),
    row(".json", "只输出一个 JSON 值；watch 每行输出一个", "Print one JSON value; `watch` prints one a line"),
    valued(
        ".lang",
        "语言",
        "界面语言：zh 或 en；不指定时依次看 LC_ALL、LC_MESSAGES、LANG",
        "The language, zh or en; else as LC_ALL, LC_MESSAGES or LANG say",
    ),
    row(".help", "显示帮助", "Print help"),
    row(".version", "显示版本", "Print version"),
    row("help", "显示帮助，或某个命令的帮助", "Print help, or the help of a command"),
    valued("help.subcommand", "命令", "要查看的命令", "The command"),
    row(
        "enrol",
        "用注册码或邀请文件把这台设备注册给本人",
        "Bind this phone to its user with a one-time code or an invite",
    ),
    valued("enrol.server", "网址", "服务器地址", "The server's address"),
    valued("enrol.code", "注册码", "一次性注册码", "The one-time code"),
    valued(
        "enrol.invite",
        "文件",
        "邀请文件：没有信号也能开始工作，首次同步时完成注册；- 表示从标准输入读取",
        "An invite: work can begin with no signal, and the first sync enrols; - reads standard input",
    ),
    row("enrol.later", "只记下注册码，下次同步时再注册", "Keep the code only; the next sync enrols"),
    row("new", "新建档案", "Create a record"),
    valued(
        "new.record_type",
        "类型",
        "档案类型，如 ticket（事件）、household（户）、patrol（巡查）",
        "The record's type, such as ticket, household or patrol",
    ),
    valued(
        "new.area",
        "代码",
        "所属区域的代码；本机只有一个区域时可以省略",
        "The code of its area; may be left out if this phone knows one area only",
    ),
    valued(
        "new.events",
        "环节[:JSON]",
        "新建时一并办理的环节，如 report 或 report:{\"note\":\"…\"}；可以写多次",
        "A step to take at once: report, or report:{\"note\":\"…\"}; may be given several times",
    ),
    valued("new.fields", "字段=值", "填写的内容，写法同 set", "Fields, as for `set`"),
    row("set", "填写或修改字段", "Set fields of a record"),
    valued("set.record", "编号", RECORD_ZH, RECORD_EN),
    valued(
        "set.fields",
        "字段=值",
        "字段=值；字段= 表示清空。多选项：tags+=x 加入，tags-=x 移除；记录：notes+=x 追加；计数：count+=2。\
         子项：contacts.编号.phone=…，contacts-=编号 删除；地址等的一部分：address.road=…。\
         选项可以写代码或名称；时间写 now 或 2025-06-01T08:30；引用档案写编号或编号的前几位",
        "`field=value`; `field=` clears; `tags+=x` and `tags-=x` for sets; `notes+=x` for logs; `count+=2` for counters; \
         `contacts.ID.phone=…` for a child of a map, `contacts-=ID` removes it; `address.road=…` for a part of an object. \
         Choices by code or label, times as `now` or 2025-06-01T08:30, records by id or the beginning of one",
    ),
    row("add", "在多选字段中加入一项", "Put an item into a set"),
    valued("add.record", "编号", RECORD_ZH, RECORD_EN),
    valued("add.field", "字段", FIELD_ZH, FIELD_EN),
    valued("add.value", "选项", "要加入的选项，代码或名称", "The item, by code or label"),
    row("remove", "移除多选字段中的一项，或一个子项", "Take an item out of a set, or a child out of a map"),
    valued("remove.record", "编号", RECORD_ZH, RECORD_EN),
    valued("remove.field", "字段", FIELD_ZH, FIELD_EN),
    valued(
        "remove.value",
        "选项",
        "要移除的选项（代码或名称），或子项的编号",
        "The item, by code or label, or the child's id",
    ),
    row("incr", "增减计数", "Add to a counter"),
    valued("incr.record", "编号", RECORD_ZH, RECORD_EN),
    valued("incr.field", "字段", FIELD_ZH, FIELD_EN),
    valued("incr.by", "数量", "增加多少，可以是负数", "How much; may be negative"),
    row("append", "追加一条记录", "Append to a log"),
    valued("append.record", "编号", RECORD_ZH, RECORD_EN),
    valued("append.field", "字段", FIELD_ZH, FIELD_EN),
    valued(
        "append.value",
        "内容",
        "文字；记录由多项组成时写 JSON",
        "A text, or JSON if the log holds objects",
    ),
    row(
        "event",
        "办理事件的一个环节：上报、受理、反馈、上报上级等",
        "Take a step of a ticket: report, accept, feedback, escalate …",
    ),
    valued("event.record", "编号", RECORD_ZH, RECORD_EN),
    valued(
        "event.verb",
        "环节",
        "环节，写代码（accept、start、feedback、close、escalate 等）或名称",
        "The step: accept, start, feedback, close, escalate …",
    ),
    valued(
        "event.args",
        "名称=值",
        "环节的内容，如 note=… 或 to=2",
        "The step's arguments, such as note=… or to=2",
    ),
    row("show", "查看一条档案，个人信息脱敏显示", "Show a record, personal values masked"),
    valued("show.record", "编号", RECORD_ZH, RECORD_EN),
    valued(
        "show.reason",
        "理由",
        "写明理由（4 至 200 字）查看完整内容，理由记入查阅日志",
        "Show it whole for this reason (4 to 200 characters), which goes into the read log",
    ),
    row("list", "列出档案，最近更新的在前", "List records, the last changed first"),
    valued("list.record_type", "类型", "只列这一类型", "Only this type"),
    valued("list.area", "代码", "只列这个区域及其下级", "Only in this area and below it"),
    valued(
        "list.wheres",
        "字段=值",
        "只列符合条件的；事件状态写 state=HANDLING；可以写多次",
        "Only with this value; `state=HANDLING` for tickets; may be given several times",
    ),
    valued("list.limit", "条数", LIMIT_ZH, LIMIT_EN),
    row(
        "find",
        "按文字搜索档案，两个字就可以",
        "Find records with a text in them; two characters are enough",
    ),
    valued("find.text", "文字", "要找的文字", "The text"),
    valued("find.limit", "条数", LIMIT_ZH, LIMIT_EN),
    row(
        "conflicts",
        "列出多人同时填写、内容不一致的字段",
        "List fields that several people wrote without seeing each other's value",
    ),
    valued("conflicts.record", "编号", "只看这条档案：编号或编号的前几位", "Only of this record"),
    row("settle", "为不一致的字段定一个值", "Settle a conflict with a value"),
    valued("settle.record", "编号", RECORD_ZH, RECORD_EN),
    valued("settle.field", "字段", "字段，写法同 conflicts 所列", "The field, as `conflicts` names it"),
    valued("settle.value", "值", "以后采用的值", "The value that holds from now on"),
    valued(
        "settle.choose",
        "序号",
        "采用 conflicts 列出的第几个值",
        "Take the value that `conflicts` lists under this number",
    ),
    row(
        "attention",
        "列出被拒绝、需要处理的修改",
        "List own edits that were refused, with what was meant and the reason",
    ),
    row("attention again", "在现有内容上重做这一笔", "Save the same edit again, on what is there now"),
    valued("attention again.edit", "序号", EDIT_ZH, EDIT_EN),
    row("attention ask", "就这一笔请示上级，随同步送出", "Ask a supervisor about it, with the next syncs"),
    valued("attention ask.edit", "序号", EDIT_ZH, EDIT_EN),
    valued("attention ask.note", "说明", "写给上级的说明", "The note for the supervisor"),
    row("attention copy", "显示当时填写的内容，供复制", "Print what was typed"),
    valued("attention copy.edit", "序号", EDIT_ZH, EDIT_EN),
    row("attention dismiss", "不再处理，移出列表", "Take it off the list"),
    valued("attention dismiss.edit", "序号", EDIT_ZH, EDIT_EN),
    row(
        "lost",
        "列出服务器恢复后缺失的内容，以及本机原来看到的值",
        "List what a restored server did not get back, with what this phone had shown",
    ),
    row("lost again", "用自己的名义重新填写原来的值", "Save what was shown, as an edit of your own"),
    valued("lost again.record", "编号", RECORD_ZH, RECORD_EN),
    row("lost dismiss", "放弃，移出列表", "Let it go: take it off the list"),
    valued("lost dismiss.record", "编号", RECORD_ZH, RECORD_EN),
    row("status", "查看本机状态", "Show this phone's state"),
    row("sync", "同步：送出已保存的内容，取回新的内容", "Send what is saved, fetch what is new"),
    row("receipts", "列出自己的修改和各自的进度", "List own edits and how far each has come"),
    valued("receipts.limit", "条数", LIMIT_ZH, LIMIT_EN),
    row(
        "watch",
        "反复同步，每有变化显示一行，按 Ctrl-C 停止",
        "Sync again and again, with a line for each change, until ctrl-c",
    ),
    valued("watch.every", "秒", "两次同步之间相隔几秒", "Seconds between two syncs"),
    row(
        "exec",
        "从标准输入逐行读取 JSON 请求，用于性能测试",
        "Take requests from standard input, one JSON object a line, for measuring",
    ),
    row(
        "schema",
        "列出档案类型，或一个类型的字段和填写权限",
        "List the types of record, or one type's fields and who may write them",
    ),
    valued("schema.record_type", "类型", "档案类型", "A type's name"),
];

const AFTER_ZH: &str = "\
“编号”可以只写前几位（至少 4 位）。无论有没有信号，命令结束时内容已经保存在本机。时间按单位所在时区读取和显示。

退出状态：0 成功；1 被拒绝或失败；2 命令写法有误；3 没有网络，可以再试（已保存的内容都在）。

第一天：
  gridledger-field enrol --server https://ledger.example 7KQM-2F4D-9XTA
  gridledger-field new ticket --area WSS-04 kind=incident title=路灯不亮 address_text=944号门前 --event report
  gridledger-field find 路灯
  gridledger-field sync";

const AFTER_EN: &str = "\
RECORD is an id, or the beginning of one (4 digits or more). Every edit is durable when the command ends, with or
without signal. Times are read and shown in the office's time zone.

Exit status: 0 done; 1 refused or failed; 2 not understood; 3 no network, try again (everything saved is safe).

A first day:
  gridledger-field enrol --server https://ledger.example 7KQM-2F4D-9XTA
  gridledger-field new ticket --area WSS-04 kind=incident title=路灯不亮 address_text=944号门前 --event report
  gridledger-field find 路灯
  gridledger-field sync";

/// Sets every text of the command line, in a language.
pub fn set_texts(mut command: Command, lang: Lang) -> Command {
    // Building adds the arguments and the command that print help.
    command.build();
    let command = command.after_help(lang.pick(AFTER_ZH, AFTER_EN).to_owned());
    set_texts_of(command, "", lang)
}

fn set_texts_of(mut command: Command, of: &str, lang: Lang) -> Command {
    // Commands below others have a `help` of their own, which reads as the program's.
    let key = if of.ends_with(" help") { "help" } else { of };
    if let Some(row) = find_row(key) {
        command = command.about(lang.pick(row.zh, row.en));
    }
    command = command.mut_args(|arg| set_texts_of_arg(arg, of, lang));
    for inner in command.get_subcommands_mut() {
        let name =
            if of.is_empty() { inner.get_name().to_owned() } else { format!("{of} {}", inner.get_name()) };
        *inner = set_texts_of(std::mem::take(inner), &name, lang);
    }
    if lang == Lang::Zh {
        command = command
            .subcommand_help_heading("命令")
            .subcommand_value_name("命令")
            .help_template("{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}");
        let usage = command.render_usage().to_string();
        let usage = usage.trim_start_matches("Usage:").trim().replace("[OPTIONS]", "[选项]");
        command = command.override_usage(usage);
    }
    command
}

fn set_texts_of_arg(arg: Arg, of: &str, lang: Lang) -> Arg {
    let Some(row) = find_argument_row(of, arg.get_id().as_str()) else {
        return arg;
    };
    if lang == Lang::En {
        return arg.help(row.en);
    }
    // Under this heading clap sorts by name. The arguments keep their order.
    let arg = match arg.get_index() {
        Some(index) => arg.display_order(index),
        None => arg,
    };
    let heading = if arg.is_positional() { "参数" } else { "选项" };
    let help = format!("{}{}", row.zh, notes(&arg));
    let arg = arg.help(help).help_heading(heading).hide_default_value(true).hide_env(true);
    let arg = arg.hide_possible_values(true);
    // The arguments that print help and version have a longer text of their own.
    let arg = if arg.get_long_help().is_some() { arg.long_help(row.zh) } else { arg };
    if row.value_zh.is_empty() { arg } else { arg.value_name(row.value_zh) }
}

/// Notes an argument's variable and its default, in Chinese.
fn notes(arg: &Arg) -> String {
    let variable = arg.get_env().map(|name| format!("环境变量 {}", name.to_string_lossy()));
    let default = arg.get_default_values().first().filter(|_| arg.get_action().takes_values());
    let default = default.map(|value| format!("默认 {}", value.to_string_lossy()));
    let notes: Vec<String> = variable.into_iter().chain(default).collect();
    if notes.is_empty() { String::new() } else { format!("（{}）", notes.join("，")) }
}

fn find_row(of: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.of == of)
}

/// The row of an argument; an argument of all commands stands with the program.
fn find_argument_row(of: &str, id: &str) -> Option<&'static Row> {
    find_row(&format!("{of}.{id}")).or_else(|| find_row(&format!(".{id}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Args;

    /// The rows that a command needs, with those of its arguments and its commands.
    fn needed(command: &Command, of: &str, rows: &mut BTreeSet<String>) {
        rows.insert(of.to_owned());
        for arg in command.get_arguments() {
            let id = arg.get_id().as_str();
            let own = !arg.is_global_set() && !["help", "version"].contains(&id);
            rows.insert(if own { format!("{of}.{id}") } else { format!(".{id}") });
        }
        // The command `help` repeats the others, without arguments of their own.
        for inner in command.get_subcommands().filter(|_| of != "help") {
            let name = inner.get_name();
            if of.is_empty() {
                needed(inner, name, rows);
            } else if name != "help" {
                needed(inner, &format!("{of} {name}"), rows);
            }
        }
    }

    #[test]
    fn every_command_and_argument_has_both_texts_and_every_text_has_its_place() {
        let mut command = Args::command();
        command.build();
        let mut rows = BTreeSet::new();
        needed(&command, "", &mut rows);
        let written: Vec<&str> = ROWS.iter().map(|row| row.of).collect();
        let once: BTreeSet<String> = written.iter().map(|of| (*of).to_owned()).collect();
        assert_eq!(written.len(), once.len(), "a row stands twice");
        let missing: Vec<_> = rows.difference(&once).collect();
        assert!(missing.is_empty(), "no texts for {missing:?}");
        let extra: Vec<_> = once.difference(&rows).filter(|of| *of != "help.subcommand").collect();
        assert!(extra.is_empty(), "texts for nothing: {extra:?}");
        for row in ROWS {
            let is_han = |c: char| ('\u{4e00}'..='\u{9fff}').contains(&c);
            assert!(row.zh.chars().any(is_han), "{}: {}", row.of, row.zh);
            assert!(!row.en.is_empty() && !row.en.chars().any(is_han), "{}: {}", row.of, row.en);
        }
    }

    #[test]
    fn arguments_stand_in_their_order() {
        let mut command = set_texts(Args::command(), Lang::Zh);
        let set = command.find_subcommand_mut("set").expect("a command");
        let help = set.render_help().to_string();
        assert!(help.find("\n  <编号>") < help.find("\n  <字段=值>"), "{help}");
        assert!(help.contains("用法：gridledger-field set [选项] <编号> <字段=值>..."), "{help}");
    }

    #[test]
    fn help_is_all_in_one_language() {
        fn check(command: &mut Command, lang: Lang) {
            let help = format!("{}{}", command.render_help(), command.render_long_help());
            let foreign = match lang {
                Lang::Zh => ["Usage:", "Options:", "Commands:", "Arguments:", "[default", "[env", "Print "],
                Lang::En => ["用法", "选项", "命令", "参数", "默认", "环境变量", "显示帮助"],
            };
            for word in foreign {
                assert!(!help.contains(word), "{word} in:\n{help}");
            }
            for inner in command.get_subcommands_mut() {
                check(inner, lang);
            }
        }
        for lang in [Lang::Zh, Lang::En] {
            check(&mut set_texts(Args::command(), lang), lang);
        }
    }
}
