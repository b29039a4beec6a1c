//! Rights that end soon or have ended.

use gridledger_core::calendar::DAY_MS;
use gridledger_schema::limits::RIGHTS_GRACE_MS;
use gridledger_schema::wire::Grant;

use crate::engine::phone::engine::Engine;
use crate::error::ClientError;
use crate::model::Ending;

/// Milliseconds before a right's end from which its holder is warned.
pub const ENDING_SOON_MS: i64 = 3 * DAY_MS;

impl Engine {
    /// Lists rights that end within three days, and those that ended within thirty, the earliest first.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn endings(&self) -> Result<Vec<Ending>, ClientError> {
        let (rights, now) = (self.rights(), self.rights_time(self.now()?)?);
        let near = |grant: &&Grant| {
            let to = grant.to.unwrap_or(i64::MAX);
            to > now - RIGHTS_GRACE_MS
                && to <= now.saturating_add(ENDING_SOON_MS)
                && !rights.holds(&grant.role, grant.area, to.max(now))
        };
        let mut endings: Vec<Ending> =
            self.grants.iter().filter(near).map(|grant| self.describe_ending(grant, now)).collect();
        endings.sort_by(|a, b| (a.to, &a.role).cmp(&(b.to, &b.role)));
        Ok(endings)
    }

    fn describe_ending(&self, grant: &Grant, now: i64) -> Ending {
        let to = grant.to.unwrap_or(i64::MAX);
        let (area, name) = self.tree.get(grant.area).map_or_else(
            || (grant.area.to_string(), String::new()),
            |info| (info.code.clone(), info.name.clone()),
        );
        let label = self.schema.role(&grant.role).map(|role| role.label.clone());
        let (zh, en) =
            label.map_or_else(|| (grant.role.clone(), grant.role.clone()), |label| (label.zh, label.en));
        let (ended, on) = (to <= now, self.zone.write_minute(to));
        let (zh, en) = if ended {
            (
                format!("“{zh}”岗位（{area} {name}）已于 {on} 结束，不能再以此岗位填写。"),
                format!("The role {en} ({area} {name}) ended on {on}; nothing more can be written under it."),
            )
        } else {
            (
                format!("“{zh}”岗位（{area} {name}）将于 {on} 结束。"),
                format!("The role {en} ({area} {name}) ends on {on}."),
            )
        };
        Ending { role: grant.role.clone(), area, to, ended, zh, en }
    }
}
