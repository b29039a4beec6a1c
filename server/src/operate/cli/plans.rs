//! The commands for plans that change the territory.

use serde_json::json;

use super::args::PlanCommand;
use super::say::{CliError, Speaker};
use crate::rights::reader::{ReadError, Reader};
use crate::service::Service;
use crate::territory::plan::Draft;
use crate::territory::{self, Kept, apply, report};

/// `admin plan`
pub fn plan(service: &Service, command: &PlanCommand, by: &str, speaker: Speaker) -> Result<(), CliError> {
    let user = service.store.user_by_login(by)?.filter(|user| !user.revoked);
    let user = user.ok_or_else(|| {
        CliError::named(
            format!("请用 --as 指定办理人；没有账号“{by}”"),
            format!("name the acting person with --as; there is no login `{by}`"),
        )
    })?;
    let grants = service.store.grants(user.no)?;
    carry_out(&Reader::new(service, &user.login, &grants), command, speaker)
}

fn carry_out(reader: &Reader<'_>, command: &PlanCommand, speaker: Speaker) -> Result<(), CliError> {
    match command {
        PlanCommand::List => {
            let plans = territory::list(reader).map_err(refused)?;
            let items: Vec<_> = plans
                .iter()
                .map(|kept| json!({ "plan": kept.number(), "state": kept.state.as_str(), "name": kept.plan.draft.name }))
                .collect();
            speaker.list(&items, &["plan", "state", "name"]);
            return Ok(());
        }
        PlanCommand::Show { number } => {
            let kept = territory::find(reader, *number).map_err(refused)?;
            crate::put_line!("{}", kept.to_json());
            return Ok(());
        }
        PlanCommand::Report { number } => {
            crate::put_line!("{}", report::report(reader, *number).map_err(refused)?);
            return Ok(());
        }
        PlanCommand::Add { file } => territory::draw_up(reader, read(file)?),
        PlanCommand::Simulate { number } => territory::simulate(reader, *number),
        PlanCommand::Approve { number } => territory::approve(reader, *number),
        PlanCommand::Apply { number } => apply::apply(reader, *number),
    }
    .map(|kept| say(&kept, speaker))
    .map_err(refused)
}

fn read(file: &std::path::Path) -> Result<Draft, CliError> {
    let text =
        std::fs::read_to_string(file).map_err(|error| CliError::File { path: file.to_owned(), error })?;
    serde_json::from_str(&text).map_err(|error| {
        CliError::named(format!("方案文件有误：{error}"), format!("the plan cannot be read: {error}"))
    })
}

fn refused(error: ReadError) -> CliError {
    match error {
        ReadError::Store(error) => error.into(),
        ReadError::Refused(refusal) => {
            let place = refusal.field.map(|field| format!("{field}: ")).unwrap_or_default();
            CliError::named(
                format!("{}（{place}{}）", refusal.code.zh(), refusal.rule),
                format!("{} ({place}{})", refusal.code.en(), refusal.rule),
            )
        }
    }
}

/// The state a plan is in now, and what the simulation found wrong.
fn say(kept: &Kept, speaker: Speaker) {
    let (number, state) = (kept.number(), kept.state.as_str());
    let problems = kept.plan.simulation.iter().flat_map(|s| &s.problems);
    let lines: Vec<(String, String)> = problems
        .map(|problem| {
            let line =
                |text: &str| format!("\n{}\t{}\t{}\t{text}", problem.what, problem.area, problem.count);
            (line(&problem.zh), line(&problem.en))
        })
        .collect();
    let (zh, en): (String, String) = lines.into_iter().unzip();
    speaker.done(
        &kept.to_json(),
        &format!("方案 {number}：{state}{zh}"),
        &format!("plan {number}: {state}{en}"),
    );
}
