//! Tests of the help: every command and argument is described in Chinese and in English.

use std::process::Command;

/// The headings of a help page's lists, in Chinese and English.
const LISTS: [(&str, &str); 3] = [("命令：", "Commands:"), ("参数：", "Arguments:"), ("选项：", "Options:")];

fn help_page(path: &[String], locale: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_gridledger"))
        .args(path)
        .arg("--help")
        .env("LC_ALL", locale)
        .env_remove("GRIDLEDGER_CONFIG")
        .output()
        .expect("runs");
    assert!(output.status.success(), "{path:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

/// The lines of a page's lists: heading, name, description. A long page has each description on a line of its own.
fn items(page: &str) -> Vec<[String; 3]> {
    let mut items: Vec<[String; 3]> = Vec::new();
    let mut heading = "";
    for line in page.lines().filter(|line| !line.trim().is_empty()) {
        if !line.starts_with(' ') {
            heading = line;
        } else if line.starts_with("          ")
            && let Some([_, _, text]) = items.last_mut()
        {
            text.push_str(line.trim());
        } else {
            let (name, text) = line.trim().split_once("  ").unwrap_or((line.trim(), ""));
            items.push([heading, name, text.trim()].map(str::to_owned));
        }
    }
    items
}

fn check(path: &[String], seen: &mut usize) {
    let (zh, en) = (help_page(path, "zh_CN.UTF-8"), help_page(path, "en_GB.UTF-8"));
    *seen += 1;
    assert!(is_chinese(zh.lines().next().unwrap_or_default()), "{path:?}: {zh}");
    assert!(!is_chinese(&en), "{path:?}: {en}");
    assert!(zh.contains("用法：gridledger"), "{path:?}: {zh}");
    for word in
        ["Usage", "Print", "OPTIONS", "COMMAND", "[default", "[possible", "[env", " <FILE>", " <LOGIN>"]
    {
        assert!(!zh.contains(word), "{path:?}: {word} in {zh}");
    }
    let (zh, en) = (items(&zh), items(&en));
    assert_eq!(zh.len(), en.len(), "{path:?}");
    for ([zh_heading, name, zh_text], [en_heading, _, en_text]) in zh.iter().zip(&en) {
        let lists = LISTS.contains(&(zh_heading, en_heading));
        assert!(lists, "{path:?} {name}: under {zh_heading} and {en_heading}");
        assert!(is_chinese(zh_text), "{path:?} {name} has no Chinese text: {zh_text}");
        assert!(!en_text.is_empty(), "{path:?} {name} has no English text");
        if en_heading == "Commands:" && name != "help" {
            check(&[path, std::slice::from_ref(name)].concat(), seen);
        }
    }
}

#[test]
fn every_command_and_argument_is_described_in_both_languages() {
    let mut seen = 0;
    check(&[], &mut seen);
    assert!(seen > 40, "{seen} commands");
}

#[test]
fn a_mistake_is_explained_in_the_language_of_the_locale() {
    for (args, zh, en) in [
        (&["dance"][..], "错误：没有命令“dance”", "error: unrecognized subcommand 'dance'"),
        (&["admin", "code", "w", "--days", "0"], "应在 1 到 90 之间", "0 is not in 1..=90"),
        (&["admin", "code", "w", "--dayz", "1"], "是否要用“--days”？", "a similar argument exists: '--days'"),
        (&["admin", "code"], "缺少参数：<登录名>", "<LOGIN>"),
        (
            &["admin", "import", "cats", "x"],
            "；可用：areas、staff、register",
            "[possible values: areas, staff, register]",
        ),
        (&["admin", "recovery", "--end", "--end"], "“--end”只能出现一次", "cannot be used multiple times"),
        (&["demo", "--phones", "x"], "“--phones <手机数>”的值“x”无效：应为整数", "invalid value 'x'"),
    ] {
        for (locale, wanted) in [("zh_CN.UTF-8", zh), ("C", en)] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_gridledger"));
            let output = command.args(args).env("LC_ALL", locale).output().expect("runs");
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{told}");
            assert!(told.contains(wanted), "{args:?}: {told}");
        }
    }
}
