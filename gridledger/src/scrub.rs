//! A password on the command line shows in the process list for as long as the program runs. The program starts itself
//! again without it, in the same process; the password goes on in a variable that other users cannot read.

use std::ffi::OsString;

use gridledger_server::config::without_password;

/// The variable the password goes on in.
const VARIABLE: &str = "GRIDLEDGER_STORE_PASSWORD";

/// Starts the program again if a password stands on its command line; returns if none does, or if it cannot.
#[cfg(unix)]
pub fn command_line(args: &[OsString]) {
    use std::os::unix::process::CommandExt as _;
    let Some((args, password)) = without(args) else {
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

/// Elsewhere command lines are not for everybody.
#[cfg(not(unix))]
pub fn command_line(_: &[OsString]) {}

/// The arguments without the password of `--store`, and the password.
fn without(args: &[OsString]) -> Option<(Vec<OsString>, String)> {
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

    fn scrubbed(args: &[&str]) -> Option<(Vec<String>, String)> {
        let args: Vec<OsString> = args.iter().map(Into::into).collect();
        let (args, password) = without(&args)?;
        let texts = args.into_iter().map(|arg| arg.into_string().expect("text"));
        Some((texts.collect(), password))
    }

    #[test]
    fn the_password_alone_goes() {
        for (url, address, password) in [
            ("postgres://u:p%40ss@h:1/d", "postgres://u@h:1/d", "p@ss"),
            ("postgresql://u:a:b@h/d?sslmode=require", "postgresql://u@h/d?sslmode=require", "a:b"),
            ("postgres://h/d?user=u&password=x%26y&a=b", "postgres://h/d?user=u&a=b", "x&y"),
        ] {
            let said = scrubbed(&["gridledger", "serve", "--store", url]);
            let clean = ["gridledger", "serve", "--store", address].map(str::to_owned).to_vec();
            assert_eq!(said, Some((clean, password.to_owned())));
            let said = scrubbed(&["gridledger", &format!("--store={url}"), "serve"]);
            assert_eq!(said.expect("a password").0[1], format!("--store={address}"));
        }
        for url in ["postgres://u@h/d", "sqlite:a:b@c", "postgres://h/d?sslmode=require"] {
            assert_eq!(scrubbed(&["gridledger", "serve", "--store", url]), None);
        }
    }
}
