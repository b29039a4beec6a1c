//! `admin clock`, and the list of commands that need a right clock.

use serde_json::json;

use super::args::{
    Admin, AreaCommand, ClockCommand, DeviceCommand, PlanCommand, RetentionCommand, UserCommand,
};
use super::say::{CliError, Speaker};
use crate::service::Service;
use crate::service::clock::Doubt;
use crate::store::StoreError;

/// Whether a command writes a time, or goes by one for good. Who is to be shut out is shut out whatever the clock says.
pub(crate) fn needs_it(admin: &Admin) -> bool {
    match admin {
        Admin::User { user } => !matches!(user, UserCommand::List | UserCommand::Revoke { .. }),
        Admin::Device { device } => matches!(device, DeviceCommand::Restore { .. }),
        Admin::Area { area } => !matches!(area, AreaCommand::List),
        Admin::Plan { plan, .. } => {
            !matches!(plan, PlanCommand::List | PlanCommand::Show { .. } | PlanCommand::Report { .. })
        }
        Admin::Import(import) => !import.dry_run,
        Admin::Retention { retention } => !matches!(retention, RetentionCommand::Run { dry_run: true }),
        Admin::Recovery(recovery) => recovery.end,
        Admin::Code { .. } | Admin::RotateKeys | Admin::Erase(_) | Admin::MigrateRules => true,
        Admin::SampleTown(_)
        | Admin::Verify
        | Admin::Explain(_)
        | Admin::Erasures
        | Admin::Backup { .. }
        | Admin::Restore(_)
        | Admin::Lost
        | Admin::Clock { .. }
        | Admin::Repair { .. }
        | Admin::Reader
        | Admin::ExportLedgers { .. } => false,
    }
}

/// Refuses what needs a clock that is right, if this one is in doubt.
pub(crate) fn check(service: &Service) -> Result<(), CliError> {
    match service.clock_doubt()? {
        None => Ok(()),
        Some(doubt) => {
            let (zh, en) = doubt.sentences(service.zone());
            Err(CliError::named(zh, en))
        }
    }
}

/// `admin clock`, `admin clock confirm`
pub(crate) fn clock(
    service: &Service,
    command: Option<&ClockCommand>,
    speaker: Speaker,
) -> Result<(), CliError> {
    if let Some(ClockCommand::Confirm) = command {
        match service.confirm_clock() {
            Ok(_) => {}
            Err(StoreError::ClockUnsure) => check(service)?,
            Err(error) => return Err(error.into()),
        }
    }
    let doubt = service.clock_doubt()?;
    let row = service.store.clock()?;
    let word = match doubt {
        None => "trusted",
        Some(Doubt::Behind { .. }) => "behind",
        Some(Doubt::Ahead { .. }) => "ahead",
        Some(Doubt::Apart { .. }) => "apart",
    };
    let now = service.now();
    let told = json!({ "clock": word, "now": now, "beat": row.beat, "daily_run": row.daily });
    let minute = |ms| service.zone().write_minute(ms);
    let (zh, en) = match doubt {
        None => (
            format!("服务器时钟为 {}，可信", minute(now)),
            format!("the server's clock says {}, and is trusted", minute(now)),
        ),
        Some(doubt) => doubt.sentences(service.zone()),
    };
    speaker.done(&told, &zh, &en);
    Ok(())
}
