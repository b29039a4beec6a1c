//! The commands for people, their phones, and the keys.

use gridledger_core::calendar::DAY_MS;
use std::collections::HashMap;
use std::io::BufRead as _;

use gridledger_schema::ids::DeviceNo;
use gridledger_schema::wire::Grant;
use serde_json::{Value, json};

use super::args::{DeviceCommand, PasswordSource, UserCommand};
use super::say::{CliError, Speaker};
use crate::auth::{AuthError, codes, passwords, tokens};
use crate::http::signed_in::sessions::LOGIN_BYTES;
use crate::service::Service;
use crate::store::rows::people::{NewUser, User};

/// `admin user`
pub fn user(service: &Service, command: &UserCommand, speaker: Speaker) -> Result<(), CliError> {
    match command {
        UserCommand::Add { login, name, role, area, password } => {
            let password = password.read()?.map(|text| passwords::make(&text)).transpose()?;
            add_user(service, login, name, (role, area), password, speaker)
        }
        UserCommand::List => list_users(service, speaker),
        UserCommand::Revoke { login } => set_revoked(service, login, true, speaker),
        UserCommand::Restore { login } => set_revoked(service, login, false, speaker),
        UserCommand::Password { login, password } => {
            let text = password.read()?.ok_or_else(no_password)?;
            set_password(service, login, &text, speaker)
        }
    }
}

fn add_user(
    service: &Service,
    login: &str,
    name: &str,
    (role, area): (&str, &str),
    password: Option<String>,
    speaker: Speaker,
) -> Result<(), CliError> {
    let login = new_login(login)?;
    if service.schema.role(role).is_none() {
        return Err(CliError::named(format!("没有岗位“{role}”"), format!("there is no role `{role}`")));
    }
    let Some(area) = service.tree().by_code(area).map(|info| info.no) else {
        return Err(CliError::named(format!("没有区域“{area}”"), format!("there is no area `{area}`")));
    };
    let grants = vec![Grant { role: role.to_owned(), area, from: 0, to: None }];
    let user = NewUser { login: login.clone(), name: name.trim().to_owned(), password, grants };
    let (made, _) = service.store.put_users(&[user], service.now())?;
    let (zh, en) = if made == 1 { ("已建立", "made") } else { ("已更新", "changed") };
    speaker.done(
        &json!({ "login": login, "made": made == 1 }),
        &format!("{zh} {login}"),
        &format!("{en} {login}"),
    );
    Ok(())
}

/// Logins are lower case, without blanks: they are typed on phones.
fn new_login(login: &str) -> Result<String, CliError> {
    let login = login.trim().to_ascii_lowercase();
    let plain = !login.is_empty() && !login.chars().any(|c| c.is_whitespace() || c.is_control());
    if plain && login.len() <= LOGIN_BYTES {
        Ok(login)
    } else {
        Err(CliError::named("账号不能为空，不能有空格", "a login cannot be empty or hold spaces"))
    }
}

fn list_users(service: &Service, speaker: Speaker) -> Result<(), CliError> {
    let tree = service.tree();
    let mut items = Vec::new();
    for user in service.store.users()? {
        let grants: Vec<String> = service
            .store
            .grants(user.no)?
            .into_iter()
            .filter(|grant| grant.to.is_none_or(|to| service.now() < to))
            .map(|grant| {
                let area =
                    tree.get(grant.area).map_or_else(|| grant.area.to_string(), |info| info.code.clone());
                format!("{}@{area}", grant.role)
            })
            .collect();
        items.push(json!({
            "login": user.login, "name": user.name, "state": state(user.revoked),
            "password": user.password.is_some(), "grants": grants,
        }));
    }
    speaker.list(&items, &["login", "name", "state", "grants"]);
    Ok(())
}

fn state(revoked: bool) -> &'static str {
    if revoked { "revoked" } else { "active" }
}

fn find(service: &Service, login: &str) -> Result<User, CliError> {
    let user = service.store.user_by_login(&login.trim().to_ascii_lowercase())?;
    user.ok_or_else(|| CliError::named(format!("没有账号“{login}”"), format!("there is no user `{login}`")))
}

fn set_revoked(service: &Service, login: &str, revoked: bool, speaker: Speaker) -> Result<(), CliError> {
    let user = find(service, login)?;
    service.store.set_user_revoked(user.no, revoked)?;
    let state = state(revoked);
    let zh = if revoked { "已停用" } else { "已恢复" };
    speaker.done(
        &json!({ "login": user.login, "state": state }),
        &format!("{zh} {}", user.login),
        &format!("{state}: {}", user.login),
    );
    Ok(())
}

fn set_password(service: &Service, login: &str, text: &str, speaker: Speaker) -> Result<(), CliError> {
    let user = find(service, login)?;
    let password = Some(passwords::make(text)?);
    let changed = NewUser { login: user.login.clone(), name: user.name, password, grants: Vec::new() };
    service.store.put_users(&[changed], service.now())?;
    speaker.done(
        &json!({ "login": user.login }),
        &format!("已设置 {} 的密码，原有会话已注销", user.login),
        &format!("set the password of {}; older sessions have ended", user.login),
    );
    Ok(())
}

fn no_password() -> CliError {
    CliError::named(
        "请用 --password-stdin 或 --password-env 给出密码",
        "give the password by --password-stdin or --password-env",
    )
}

impl PasswordSource {
    fn read(&self) -> Result<Option<String>, CliError> {
        if self.password_env {
            return std::env::var("GRIDLEDGER_PASSWORD").map(Some).map_err(|_| no_password());
        }
        if !self.password_stdin {
            return Ok(None);
        }
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        read.map_err(|error| CliError::File { path: "stdin".into(), error })?;
        Ok(Some(line.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// `admin code`
pub fn code(service: &Service, login: &str, days: u32, speaker: Speaker) -> Result<(), CliError> {
    let user = find(service, login)?;
    if user.revoked {
        return Err(CliError::named("该账号已停用", "the user is revoked"));
    }
    let code = codes::make().map_err(AuthError::from)?;
    let hash =
        codes::hash(&code).ok_or_else(|| CliError::named("无法生成注册码", "no code could be made"))?;
    let expires = service.now() + i64::from(days) * DAY_MS;
    service.store.put_code(hash, user.no, expires)?;
    // The code alone, so that a script can take it as it is.
    speaker.done(&json!({ "login": user.login, "code": code, "expires": expires }), &code, &code);
    Ok(())
}

/// `admin device`
pub fn device(service: &Service, command: &DeviceCommand, speaker: Speaker) -> Result<(), CliError> {
    let (number, revoked) = match command {
        DeviceCommand::List => return list_devices(service, speaker),
        DeviceCommand::Revoke { number } => (*number, true),
        DeviceCommand::Restore { number } => (*number, false),
    };
    service.store.set_device_revoked(DeviceNo(number), revoked)?;
    let state = state(revoked);
    let zh = if revoked { "已停用设备" } else { "已恢复设备" };
    speaker.done(
        &json!({ "device": number, "state": state }),
        &format!("{zh} {number}"),
        &format!("{state}: device {number}"),
    );
    Ok(())
}

fn list_devices(service: &Service, speaker: Speaker) -> Result<(), CliError> {
    let logins: HashMap<_, _> =
        service.store.users()?.into_iter().map(|user| (user.no, user.login)).collect();
    let devices = service.store.devices()?;
    let items: Vec<Value> = devices
        .into_iter()
        .map(|device| {
            json!({
                "device": device.no, "login": logins.get(&device.user), "label": device.label,
                "state": state(device.revoked), "enrolled_at": device.enrolled_at,
                "last_seen": (device.last_seen > 0).then_some(device.last_seen),
            })
        })
        .collect();
    speaker.list(&items, &["device", "login", "label", "state", "enrolled_at", "last_seen"]);
    Ok(())
}

/// `admin rotate-keys`
pub fn rotate_keys(service: &Service, speaker: Speaker) -> Result<(), CliError> {
    let kid = tokens::rotate(&service.store, service.now())?;
    speaker.done(&json!({ "kid": kid }), &format!("新密钥：{kid}"), &format!("new key: {kid}"));
    Ok(())
}
