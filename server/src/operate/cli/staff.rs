//! Imports a staff list: compares it with the roles held, and lists new people, new roles, and roles it does not name.

use std::collections::{BTreeSet, HashMap, HashSet};

use gridledger_schema::ids::AreaNo;
use gridledger_schema::wire::Grant;
use serde_json::{Value, json};

use super::args::ImportArgs;
use super::say::{CliError, Speaker};
use super::taken::{OFFICE, places, print_faults, set_aside, words};
use crate::calendar::date::Date;
use crate::office::import::staff;
use crate::office::import::staff::{Assignment, Staff, StaffRow};
use crate::service::Service;
use crate::store::rows::people::{NewUser, User};

/// A role that a spreadsheet no longer names.
struct Left {
    user: User,
    grant: Grant,
    /// Whether the spreadsheet omits the person altogether.
    missing: bool,
}

/// Runs `admin import staff`.
pub fn import(service: &Service, bytes: &[u8], args: &ImportArgs, speaker: Speaker) -> Result<(), CliError> {
    let tree = service.tree();
    let roles: Vec<staff::Role<'_>> = service
        .schema
        .roles
        .iter()
        .filter(|role| role.account)
        .map(|role| (role.code.as_str(), role.label.zh.as_str(), role.label.en.as_str()))
        .collect();
    let known = |code: &str| tree.by_code(code).is_some();
    let taken = print_faults(staff::take(bytes, &roles, &places(&tree, &known), &*words(args)?), speaker)?;
    let users: Vec<NewUser> =
        taken.rows.people.iter().map(|row| new_user(service, row)).collect::<Result<_, _>>()?;
    let left = find_left(service, &taken.rows, &users)?;
    let printer = StaffPrinter { service, speaker, ends: args.end_roles, dry_run: args.dry_run };
    printer.print_added(&users)?;
    printer.print_left(&left);
    let rows = users.len();
    if args.dry_run {
        printer.print_result(rows, (0, 0), &left);
        return set_aside(&taken, args, speaker);
    }
    let counts = service.store.put_users(&users, service.now())?;
    if args.end_roles {
        for one in &left {
            let (at, now) = (service.now(), service.trusted_now()?);
            let Grant { role, area, .. } = &one.grant;
            service.store.end_grant(one.user.no, role, *area, at, now)?;
        }
    }
    printer.print_result(rows, counts, &left);
    set_aside(&taken, args, speaker)
}

fn new_user(service: &Service, row: &StaffRow) -> Result<NewUser, CliError> {
    let grants = row.assignments.iter().map(|held| new_grant(service, held));
    Ok(NewUser {
        login: row.login.clone(),
        name: row.name.clone(),
        password: None,
        grants: grants.collect::<Result<_, _>>()?,
    })
}

fn new_grant(service: &Service, held: &Assignment) -> Result<Grant, CliError> {
    let missing = || {
        let code = &held.area;
        CliError::named(format!("没有区域“{code}”"), format!("there is no area `{code}`"))
    };
    let area = service.tree().by_code(&held.area).ok_or_else(missing)?.no;
    let start = |date: Date| date.start(service.zone());
    Ok(Grant { role: held.role.clone(), area, from: held.from.map_or(0, start), to: held.to.map(start) })
}

/// Finds the roles that are held now and that the spreadsheet does not name. Only kinds of role that the spreadsheet has
/// are compared: other kinds are given elsewhere. A missing person counts only in the communities of the spreadsheet:
/// another community has a spreadsheet of its own.
fn find_left(service: &Service, sheet: &Staff, users: &[NewUser]) -> Result<Vec<Left>, CliError> {
    let now = service.now();
    let named: HashMap<&str, HashSet<(&str, AreaNo)>> = users
        .iter()
        .map(|user| {
            let grants = user.grants.iter().map(|grant| (grant.role.as_str(), grant.area));
            (user.login.as_str(), grants.collect())
        })
        .collect();
    let roles: BTreeSet<&str> =
        users.iter().flat_map(|user| user.grants.iter().map(|grant| grant.role.as_str())).collect();
    let region = region(service, users, now);
    let mut left = Vec::new();
    for user in service.store.users()? {
        // The content of a row that was set aside is not known yet.
        let is_unread = sheet.logins.contains(&user.login) && !named.contains_key(user.login.as_str());
        if user.revoked || user.login == OFFICE || is_unread {
            continue;
        }
        let own = named.get(user.login.as_str());
        for grant in service.store.grants(user.no)? {
            let goes_on = grant.to.is_none_or(|to| to > now);
            let is_named = own.is_some_and(|own| own.contains(&(grant.role.as_str(), grant.area)));
            let counts = own.is_some() || region.contains(&grant.area);
            if goes_on && !is_named && counts && roles.contains(grant.role.as_str()) {
                left.push(Left { user: user.clone(), grant, missing: own.is_none() });
            }
        }
    }
    Ok(left)
}

/// Finds the areas of all communities in which the spreadsheet names a person, and the wider areas that it names.
fn region(service: &Service, users: &[NewUser], now: i64) -> HashSet<AreaNo> {
    let tree = service.tree();
    let mut region = HashSet::new();
    for area in users.iter().flat_map(|user| user.grants.iter().map(|grant| grant.area)) {
        region.insert(area);
        let mut at = tree.get(area);
        while let Some(info) = at {
            if info.kind == "community" {
                region.extend(tree.below(info.no, now));
                region.insert(info.no);
                break;
            }
            at = info.parent.and_then(|parent| tree.get(parent));
        }
    }
    region
}

/// Prints the effects of a staff list.
struct StaffPrinter<'a> {
    service: &'a Service,
    speaker: Speaker,
    ends: bool,
    dry_run: bool,
}

impl StaffPrinter<'_> {
    fn name_role(&self, grant: &Grant) -> String {
        let area = self.service.tree().get(grant.area).map_or_else(String::new, |info| info.code.clone());
        format!("{}@{area}", grant.role)
    }

    /// Prints new people and new roles.
    fn print_added(&self, users: &[NewUser]) -> Result<(), CliError> {
        if self.speaker.is_json() || !self.dry_run {
            return Ok(());
        }
        for user in users {
            let Some(there) = self.service.store.user_by_login(&user.login)? else {
                let login = &user.login;
                self.speaker.line(&format!("新增 {login}"), &format!("new: {login}"));
                continue;
            };
            let held = self.service.store.grants(there.no)?;
            let covers = |grant: &&Grant| {
                held.iter()
                    .any(|one| (&one.role, one.area) == (&grant.role, grant.area) && one.to == grant.to)
            };
            for grant in user.grants.iter().filter(|grant| !covers(grant)) {
                let (login, at) = (&user.login, self.name_role(grant));
                self.speaker.line(&format!("增加岗位 {login} {at}"), &format!("role added: {login} {at}"));
            }
        }
        Ok(())
    }

    /// Prints the roles that the spreadsheet does not name.
    fn print_left(&self, left: &[Left]) {
        if self.speaker.is_json() {
            return;
        }
        for one in left {
            let (login, at) = (&one.user.login, self.name_role(&one.grant));
            let (zh, en) = match (one.missing, self.ends) {
                (true, false) => ("表中没有此人，岗位继续有效", "not in the sheet; the role goes on"),
                (false, false) => {
                    ("表中没有此岗位，继续有效", "the sheet does not name this role; it goes on")
                }
                (true, true) => ("表中没有此人，岗位终止", "not in the sheet; the role ends"),
                (false, true) => ("表中没有此岗位，终止", "the sheet does not name this role; it ends"),
            };
            self.speaker.line(&format!("{login} {at}：{zh}"), &format!("{login} {at}: {en}"));
        }
        if !left.is_empty() && !self.ends {
            self.speaker.line("确认后加 --end-roles 终止以上岗位", "--end-roles ends the roles above");
        }
    }

    fn print_result(&self, rows: usize, (made, changed): (usize, usize), left: &[Left]) {
        let listed: Vec<Value> = left
            .iter()
            .map(
                |one| json!({ "login": one.user.login, "role": self.name_role(&one.grant), "missing": one.missing }),
            )
            .collect();
        let (open, ended) = if self.ends { (0, left.len()) } else { (left.len(), 0) };
        if self.dry_run {
            self.speaker.done(
                &json!({ "rows": rows, "dry_run": true, "not_named": listed }),
                &format!("检查通过，共 {rows} 条，表中未列的岗位 {} 个；未写入", left.len()),
                &format!("in order: {rows} rows, {} roles not named; nothing was written", left.len()),
            );
            return;
        }
        self.speaker.done(
            &json!({ "rows": rows, "made": made, "changed": changed, "ended": ended, "not_named": listed }),
            &format!("共 {rows} 条：新建 {made}，更新 {changed}，终止岗位 {ended}，表中未列而继续有效 {open}"),
            &format!("{rows} rows: {made} made, {changed} changed, {ended} roles ended, {open} not named and going on"),
        );
    }
}
