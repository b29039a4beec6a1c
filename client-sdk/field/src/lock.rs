//! The lock of the phone's file: a passphrase typed in, a key or a passphrase of the environment, or a key file in the place of
//! a phone's keystore.

use std::io::{BufRead as _, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use gridledger_client::Lock;

use crate::args::Global;
use crate::failure::Failure;
use crate::lang::Lang;

const KEY: &str = "GRIDLEDGER_FIELD_KEY";
const PASSPHRASE: &str = "GRIDLEDGER_FIELD_PASSPHRASE";

/// Makes the lock of the store at `store`, as the command line and the environment give it.
pub fn make_lock(global: &Global, store: &Path, lang: Lang) -> Result<Lock, Failure> {
    if global.passphrase_stdin {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        read.map_err(|error| Failure::other("passphrase", error.to_string()))?;
        return Ok(Lock::passphrase(line.trim_end_matches(['\r', '\n'])));
    }
    if let Some(digits) = read_variable(KEY) {
        let unreadable = || {
            let message =
                say!(lang, "{KEY} 应为 64 位十六进制数字。", "{KEY} must be 64 hexadecimal digits.");
            Failure::Usage(message)
        };
        return key(&digits).map(Lock::host_key).ok_or_else(unreadable);
    }
    if let Some(passphrase) = read_variable(PASSPHRASE) {
        return Ok(Lock::passphrase(passphrase));
    }
    read_host_key(store, lang)
}

fn read_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn key(digits: &str) -> Option<[u8; 32]> {
    gridledger_schema::ids::unhex(digits.trim())
}

/// Reads the key file beside the store; makes one for a store that is not there yet.
fn read_host_key(store: &Path, lang: Lang) -> Result<Lock, Failure> {
    let file = beside(store, ".hostkey");
    let shown = file.display();
    let failed = |error: &std::io::Error| Failure::other("store", format!("{shown}: {error}"));
    match std::fs::read_to_string(&file) {
        Ok(digits) => key(&digits).map(Lock::host_key).ok_or_else(|| {
            let message = say!(
                lang,
                "{shown} 不是密钥文件：应为 64 位十六进制数字。",
                "{shown} is no key file: it should hold 64 hexadecimal digits."
            );
            Failure::other("wrong_key", message)
        }),
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(&error)),
        Err(_) if store.exists() || beside(store, ".key").exists() => {
            let message = say!(
                lang,
                "打开本机数据库需要密钥：请把 {shown} 放回原处，或设置 {KEY} 或 {PASSPHRASE}，或用 --passphrase-stdin 输入口令。",
                "The store is locked: put {shown} back, or give its key in {KEY}, or its passphrase in {PASSPHRASE} or with \
                 --passphrase-stdin."
            );
            Err(Failure::other("wrong_key", message))
        }
        Err(_) => {
            let mut key = [0; 32];
            getrandom::fill(&mut key).map_err(|error| Failure::other("store", error.to_string()))?;
            write(&file, &key).map_err(|error| failed(&error))?;
            crate::output::complain(&say!(
                lang,
                "本机数据库已加密，密钥在 {shown}：请勿与数据库文件一起外传。",
                "The store is encrypted; its key is {shown}: do not pass it on together with the store."
            ));
            Ok(Lock::host_key(key))
        }
    }
}

fn beside(store: &Path, suffix: &str) -> PathBuf {
    let mut name = store.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Writes a key file that only its owner can read. It is durable before the store is locked with it.
fn write(file: &Path, key: &[u8; 32]) -> std::io::Result<()> {
    let mut options = std::fs::File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(file)?;
    writeln!(out, "{}", gridledger_schema::ids::hex(key))?;
    out.sync_all()
}
