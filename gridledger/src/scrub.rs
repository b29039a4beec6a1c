//! Keeps a password that was typed on the command line out of the process list.
//!
//! The process list shows the command line for as long as the program runs. The program replaces itself by a new run
//! without the password, in the same process. The password travels in an environment variable that other users cannot
//! read.

use std::ffi::OsString;

use gridledger_server::config::without_password;

/// The variable that carries the password.
const VARIABLE: &str = "GRIDLEDGER_STORE_PASSWORD";

/// Restarts the program if its command line holds a password. Returns if it holds none, or if the restart fails.
#[cfg(unix)]
pub fn restart_without_password(args: &[OsString]) {
    use std::os::unix::process::CommandExt as _;
    let Some((args, password)) = take_password(args) else {
        return;
    };
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    let mut again = std::process::Command::new(program);
    again.arg0(&args[0]).args(&args[1..]).env(VARIABLE, password);
    let error = again.exec();
    gridledger_server::note_line!("gridledger: the password in --store shows in the process list: {error}");
}

/// Does nothing: on other systems, other users cannot read a command line.
#[cfg(not(unix))]
pub fn restart_without_password(_: &[OsString]) {}

/// Takes the password out of `--store`; gives the other arguments and the password.
fn take_password(args: &[OsString]) -> Option<(Vec<OsString>, String)> {
    let mut clean = args.to_vec();
    for at in 1..args.len() {
        let Some(text) = args[at].to_str() else { continue };
        let (flag, url) = match text.strip_prefix("--store=") {
            Some(url) => ("--store=", url),
            None if args[at - 1] == "--store" => ("", text),
            None => continue,
        };
        if let Some((address, password)) = without_password(url) {
            clean[at] = format!("{flag}{address}").into();
            return Some((clean, password));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrub(args: &[&str]) -> Option<(Vec<String>, String)> {
        let args: Vec<OsString> = args.iter().map(Into::into).collect();
        let (args, password) = take_password(&args)?;
        let texts = args.into_iter().map(|arg| arg.into_string().expect("text"));
        Some((texts.collect(), password))
    }

    #[test]
    fn only_the_password_is_taken_out() {
        for (url, address, password) in [
            ("postgres://u:p%40ss@h:1/d", "postgres://u@h:1/d", "p@ss"),
            ("postgresql://u:a:b@h/d?sslmode=require", "postgresql://u@h/d?sslmode=require", "a:b"),
            ("postgres://h/d?user=u&password=x%26y&a=b", "postgres://h/d?user=u&a=b", "x&y"),
        ] {
            let found = scrub(&["gridledger", "serve", "--store", url]);
            let clean = ["gridledger", "serve", "--store", address].map(str::to_owned).to_vec();
            assert_eq!(found, Some((clean, password.to_owned())));
            let found = scrub(&["gridledger", &format!("--store={url}"), "serve"]);
            assert_eq!(found.expect("a password").0[1], format!("--store={address}"));
        }
        for url in ["postgres://u@h/d", "sqlite:a:b@c", "postgres://h/d?sslmode=require"] {
            assert_eq!(scrub(&["gridledger", "serve", "--store", url]), None);
        }
    }
}
