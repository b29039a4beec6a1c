//! Parses a command line, and shows help and mistakes in Chinese or English.
//!
//! The English texts are the docstrings of the arguments. The Chinese texts are in `zh.json`, by command and argument.

mod mistake;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::builder::Str;
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, FromArgMatches};
use serde::Deserialize;

use super::say::Speaker;
use crate::operate::print;

/// The Chinese texts of all commands.
#[derive(Debug, Deserialize)]
pub struct Texts {
    /// The texts of a command, by its path: `admin user add`; the path of the binary itself is empty.
    commands: BTreeMap<String, CommandTexts>,
    /// Names of values, by their English name.
    values: BTreeMap<String, String>,
    /// The parser's own words and their translations, in the order in which they are replaced.
    fixed: Vec<(String, String)>,
}

/// The Chinese texts of one command.
#[derive(Debug, Deserialize)]
struct CommandTexts {
    about: String,
    #[serde(default)]
    args: BTreeMap<String, String>,
}

static CHINESE: LazyLock<Texts> = LazyLock::new(|| {
    serde_json::from_str(include_str!("zh.json")).expect("BUG: the Chinese help is not valid JSON")
});

/// Parses a command line. Prints help or a mistake in the speaker's language and gives the exit code: 0 for help,
/// 2 for a mistake.
pub fn parse<A: FromArgMatches>(
    command: Command,
    path: &str,
    args: impl IntoIterator<Item = OsString>,
    speaker: Speaker,
) -> Result<A, ExitCode> {
    let matches = parse_matches(command, path, args, speaker)?;
    A::from_arg_matches(&matches).map_err(|error| show(&error, speaker))
}

/// Does the same, and leaves the matches as they are.
pub fn parse_matches(
    command: Command,
    path: &str,
    args: impl IntoIterator<Item = OsString>,
    speaker: Speaker,
) -> Result<ArgMatches, ExitCode> {
    let command = if speaker.is_chinese() { CHINESE.translate(command, path) } else { command };
    command.try_get_matches_from(args).map_err(|error| show(&error, speaker))
}

fn show(error: &clap::Error, speaker: Speaker) -> ExitCode {
    if !speaker.is_chinese() {
        // The reader of the output may be gone; no other place takes the text.
        let _ = error.print();
    } else if error.use_stderr() {
        print::aside(format_args!("{}", CHINESE.explain(error)));
    } else {
        print::text(format_args!("{}", CHINESE.explain(error)));
    }
    ExitCode::from(u8::from(error.use_stderr()) * 2)
}

impl Texts {
    /// Gives a command and all commands below it their Chinese texts. A text that is missing stays English.
    fn translate(&'static self, mut command: Command, path: &str) -> Command {
        if let Some(texts) = self.commands.get(path) {
            command = command.about(texts.about.clone());
            command = command.mut_args(|arg| self.translate_arg(arg, texts));
        }
        command.mut_subcommands(|below| {
            let path = format!("{path} {}", below.get_name());
            self.translate(below, path.trim_start())
        })
    }

    fn translate_arg(&'static self, arg: Arg, texts: &CommandTexts) -> Arg {
        let text = texts.args.get(arg.get_id().as_str()).cloned();
        let names = self.value_names(&arg);
        let arg = match text {
            // The Chinese text names the possible values.
            Some(text) if arg.get_action().takes_values() => arg.help(text).hide_possible_values(true),
            Some(text) => arg.help(text),
            None => arg,
        };
        if names.is_empty() { arg } else { arg.value_names(names) }
    }

    /// The Chinese names of an argument's values; none for a flag.
    fn value_names(&'static self, arg: &Arg) -> Vec<Str> {
        if !arg.get_action().takes_values() {
            return Vec::new();
        }
        let translate = |name: &str| self.values.get(name).map(|zh| Str::from(zh.as_str()));
        match arg.get_value_names() {
            Some(names) => names.iter().map(|name| translate(name).unwrap_or_else(|| name.clone())).collect(),
            None => translate(&arg.get_id().as_str().to_uppercase()).into_iter().collect(),
        }
    }

    /// Help, the version, or a mistake, in Chinese.
    fn explain(&self, error: &clap::Error) -> String {
        match error.kind() {
            ErrorKind::DisplayVersion => error.to_string(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                align(&self.translate_fixed(&error.to_string()))
            }
            _ => self.translate_fixed(&mistake::describe(error)),
        }
    }

    fn translate_fixed(&self, text: &str) -> String {
        self.fixed.iter().fold(text.to_owned(), |text, (en, zh)| text.replace(en, zh))
    }
}

/// Aligns the descriptions of a help page. The parser counts a Chinese character as one column; a terminal shows two.
fn align(page: &str) -> String {
    let sections = page.split("\n\n");
    sections.map(align_section).collect::<Vec<_>>().join("\n\n")
}

fn align_section(section: &str) -> String {
    let split = |line: &str| {
        let indent = line.len() - line.trim_start().len();
        let gap = indent + line[indent..].find("  ")?;
        let (name, text) = line.split_at(gap);
        (indent > 0).then(|| (name.to_owned(), text.trim_start().to_owned()))
    };
    let widest = section.lines().filter_map(split).map(|(name, _)| columns(&name)).max().unwrap_or(0);
    let end = if section.ends_with('\n') { "\n" } else { "" };
    let lines = section.lines().map(|line| match split(line) {
        Some((name, text)) => format!("{name}{}{text}", " ".repeat(widest + 2 - columns(&name))),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n") + end
}

/// The columns that a terminal needs for a text: two for a Chinese character.
fn columns(text: &str) -> usize {
    text.chars().map(|c| if c >= '\u{2e80}' { 2 } else { 1 }).sum()
}
