//! The role under which an edit may be made.

use gridledger_core::known::Standing;
use gridledger_core::project::View;
use gridledger_core::references;
use gridledger_core::references::Named;
use gridledger_core::validate::{Subject, check_own, check_shape, validate};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::set::RecordType;

use crate::engine::phone::engine::Engine;
use crate::engine::records::creators::creator_of;
use crate::engine::records::rows::{self, Row};
use crate::error::ClientError;
use crate::model::Ending;

impl Engine {
    /// The entry under the first of the author's roles that may do it; else the first role's refusal.
    pub(crate) fn under_a_role(
        &self,
        entry: Entry,
        record_type: &RecordType,
        row: &Row,
        view: &View,
    ) -> Result<Entry, ClientError> {
        let subject = Subject { record_type, area: row.area, seen: view, now: view, entries: 0 };
        self.under_some_role(entry, row.record, &subject, |standing, entry| {
            validate(standing, &self.me.user, entry, &subject)
        })
    }

    /// The same, with any check of what a role may do.
    pub(crate) fn under_some_role(
        &self,
        mut entry: Entry,
        record: RecordId,
        subject: &Subject<'_>,
        check: impl Fn(&Standing<'_>, &Entry) -> Result<(), Refusal>,
    ) -> Result<Entry, ClientError> {
        let standing = Standing::acting(self.rights(), self.rights_time(entry.at)?, &self.zone);
        let mut refusal = None;
        for role in standing.rights.roles_at(subject.area, standing.moment.now) {
            role.clone_into(&mut entry.role);
            check_shape(&entry)?;
            match check(&standing, &entry) {
                Ok(()) => {
                    self.check_creator(&entry, subject.record_type, record)?;
                    self.check_references(&entry, subject.record_type)?;
                    return Ok(entry);
                }
                Err(no) => refusal = refusal.or(Some(no)),
            }
        }
        Err(refusal.unwrap_or_else(|| self.no_role(subject.area, standing.moment.now)).into())
    }

    /// A record that is here must be what the field that names it says. Of one that is not here the server judges, as of
    /// people.
    fn check_references(&self, entry: &Entry, record_type: &RecordType) -> Result<(), ClientError> {
        for reference in references::list_in_entry(&self.schema, record_type, entry) {
            if let Named::Record(record, _) = &reference.to
                && let Some(row) = rows::row(&self.db, *record)?
            {
                reference.check_type(Some(&row.record_type))?;
            }
        }
        Ok(())
    }

    /// Why nobody may write in an area now: the right that ended last, or that there is none.
    fn no_role(&self, area: AreaNo, now: i64) -> Refusal {
        let here = self.grants.iter().filter(|g| self.tree.is_within(area, g.area, now));
        let ended = here.filter(|g| g.to.is_some_and(|to| to <= now));
        match ended.max_by_key(|grant| grant.to) {
            Some(grant) => {
                let Ending { role, area, .. } = self.ending(grant, now);
                let name = self.tree.get(grant.area).map_or("", |info| info.name.as_str());
                let label = self.schema.role(&role).map_or("", |role| role.label.zh.as_str());
                let on = self.zone.write_minute(grant.to.unwrap_or_default());
                Refusal::new(Code::GrantEnded, format!("{role} {label}, {area} {name}, {on}"))
            }
            None => Refusal::new(Code::RoleNotHeld, "no role is held in this area now"),
        }
    }

    /// Whether the user may write what belongs to the record's creator alone. Where this phone does not know who that is,
    /// the server says.
    fn check_creator(
        &self,
        entry: &Entry,
        record_type: &RecordType,
        record: RecordId,
    ) -> Result<(), ClientError> {
        let own = |field: &str| record_type.field(field).is_some_and(|field| field.own);
        if !entry.intents.iter().any(|intent| own(&intent.field)) {
            return Ok(());
        }
        if let Some(creator) = creator_of(&self.db, record, &self.me.user)? {
            check_own(record_type, entry, &self.me.user, &creator)?;
        }
        Ok(())
    }
}
