//! Tests of the Chinese help: every text belongs to an argument, and descriptions are aligned.

use clap::{Command, CommandFactory as _};

use super::*;
use crate::operate::cli::args::Args;

/// The command of a path; the demo belongs to another crate.
fn find<'a>(all: &'a Command, path: &str) -> Option<&'a Command> {
    path.split_whitespace().try_fold(all, |command, name| command.find_subcommand(name))
}

#[test]
fn every_chinese_text_belongs_to_a_command_or_an_argument() {
    let all = Args::command();
    for (path, texts) in CHINESE.commands.iter().filter(|(path, _)| *path != "demo") {
        let command = find(&all, path).unwrap_or_else(|| panic!("no command {path}"));
        for id in texts.args.keys() {
            assert!(command.get_arguments().any(|arg| arg.get_id() == id), "{path} has no {id}");
        }
    }
}

#[test]
fn descriptions_start_in_one_column_of_the_terminal() {
    let page = "甲\n\n选项：\n      --as <登录名>  操作人\n  -h, --help  显示帮助\n";
    assert_eq!(align(page), "甲\n\n选项：\n      --as <登录名>  操作人\n  -h, --help         显示帮助\n");
}
