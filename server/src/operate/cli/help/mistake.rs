//! Describes a wrong command line in Chinese.

use clap::error::{ContextKind, ErrorKind};

/// Describes the mistake, with the usage and where to find help.
pub(super) fn describe(error: &clap::Error) -> String {
    let usage = context(error, ContextKind::Usage);
    let usage = if usage.is_empty() { usage } else { format!("\n\n{}", usage.trim_end()) };
    format!("错误：{}{usage}\n\n详细用法请加 --help 查看。\n", sentence(error))
}

fn sentence(error: &clap::Error) -> String {
    let arg = context(error, ContextKind::InvalidArg);
    let value = context(error, ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::InvalidValue if value.is_empty() => format!("“{arg}”缺少值{}", choices(error)),
        ErrorKind::InvalidValue => format!("“{arg}”的值“{value}”无效{}", choices(error)),
        ErrorKind::ValueValidation => format!("“{arg}”的值“{value}”无效{}", reason(error)),
        ErrorKind::UnknownArgument => {
            format!("没有参数“{arg}”{}", suggestion(error, ContextKind::SuggestedArg))
        }
        ErrorKind::InvalidSubcommand => {
            let command = context(error, ContextKind::InvalidSubcommand);
            format!("没有命令“{command}”{}", suggestion(error, ContextKind::SuggestedSubcommand))
        }
        ErrorKind::MissingSubcommand => {
            format!("请给出命令；可用：{}", context(error, ContextKind::ValidSubcommand).replace(", ", "、"))
        }
        ErrorKind::MissingRequiredArgument => format!("缺少参数：{}", arg.replace(", ", "、")),
        ErrorKind::ArgumentConflict => {
            let other = context(error, ContextKind::PriorArg);
            if other.is_empty() || other == arg {
                format!("“{arg}”只能出现一次")
            } else {
                format!("“{arg}”不能与“{}”同时使用", other.replace(", ", "、"))
            }
        }
        ErrorKind::NoEquals => format!("“{arg}”的值前须有等号"),
        ErrorKind::TooManyValues => format!("“{arg}”的值过多，“{value}”多余"),
        ErrorKind::TooFewValues => {
            format!("“{arg}”至少要有 {} 个值", context(error, ContextKind::MinValues))
        }
        ErrorKind::WrongNumberOfValues => {
            format!("“{arg}”要有 {} 个值", context(error, ContextKind::ExpectedNumValues))
        }
        ErrorKind::InvalidUtf8 => "命令行含有不是 UTF-8 编码的字符".to_owned(),
        _ => error.to_string().trim_start_matches("error: ").trim_end().to_owned(),
    }
}

/// Reads a detail that the parser noted; empty if there is none.
fn context(error: &clap::Error, kind: ContextKind) -> String {
    error.get(kind).map(ToString::to_string).unwrap_or_default()
}

fn choices(error: &clap::Error) -> String {
    let valid = context(error, ContextKind::ValidValue);
    if valid.is_empty() { valid } else { format!("；可用：{}", valid.replace(", ", "、")) }
}

fn suggestion(error: &clap::Error, kind: ContextKind) -> String {
    let near = context(error, kind);
    if near.is_empty() { near } else { format!("；是否要用“{}”？", near.replace(", ", "、")) }
}

/// Gives the reason for a refused value: a number out of range, or no number.
fn reason(error: &clap::Error) -> String {
    let Some(cause) = std::error::Error::source(error).map(ToString::to_string) else {
        return String::new();
    };
    let range = cause.split_once(" is not in ").and_then(|(_, range)| range.split_once(".."));
    match range {
        Some((least, "")) => format!("：不得小于 {least}"),
        Some((least, most)) => format!("：应在 {least} 到 {} 之间", most.trim_start_matches('=')),
        None => "：应为整数".to_owned(),
    }
}
