//! The role under which an edit may be made, and the refusal if there is none.

use gridledger_core::known::Standing;
use gridledger_core::project::View;
use gridledger_core::references::{self, Named};
use gridledger_core::validate::{Subject, check_own, check_shape, validate};
use gridledger_schema::code::{Code, Refusal};
use gridledger_schema::entry::Entry;
use gridledger_schema::ids::{AreaNo, RecordId};
use gridledger_schema::set::RecordType;

use crate::engine::phone::engine::Engine;
use crate::engine::records::creators;
use crate::engine::records::rows::{self, Row};
use crate::error::ClientError;

impl Engine {
    /// Puts an entry under the first of the author's roles that may make it; else gives the first role's refusal.
    pub(crate) fn put_under_role(
        &self,
        entry: Entry,
        record_type: &RecordType,
        row: &Row,
        view: &View,
    ) -> Result<Entry, ClientError> {
        let subject = Subject { record_type, area: row.area, seen: view, now: view, entries: 0 };
        self.put_under_role_by(entry, row.record, &subject, |standing, entry| {
            validate(standing, &self.me.user, entry, &subject)
        })
    }

    /// The same, with another check of what a role may do.
    pub(crate) fn put_under_role_by(
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
        Err(refusal.unwrap_or_else(|| self.refuse_without_role(subject.area, standing.moment.now)).into())
    }

    /// Refuses a reference to a record that is here and has another type than the field says. The server judges references to
    /// other records and to people.
    fn check_references(&self, entry: &Entry, record_type: &RecordType) -> Result<(), ClientError> {
        for reference in references::list_in_entry(&self.schema, record_type, entry) {
            if let Named::Record(record, _) = &reference.to
                && let Some(row) = rows::find(&self.db, *record)?
            {
                reference.check_type(Some(&row.record_type))?;
            }
        }
        Ok(())
    }

    /// Makes the refusal of an edit in an area where the user holds no role now: it names the right that ended last, if there
    /// is one.
    fn refuse_without_role(&self, area: AreaNo, now: i64) -> Refusal {
        let here = self.grants.iter().filter(|g| self.tree.is_within(area, g.area, now));
        let ended = here.filter(|g| g.to.is_some_and(|to| to <= now));
        let Some(grant) = ended.max_by_key(|grant| grant.to) else {
            return Refusal::new(Code::RoleNotHeld, "no role is held in this area now");
        };
        let role = &grant.role;
        let label = self.schema.role(role).map_or("", |role| role.label.zh.as_str());
        let (code, name) = self
            .tree
            .get(grant.area)
            .map_or_else(|| (grant.area.to_string(), ""), |info| (info.code.clone(), info.name.as_str()));
        let on = self.zone.write_minute(grant.to.unwrap_or_default());
        Refusal::new(Code::GrantEnded, format!("{role} {label}, {code} {name}, {on}"))
    }

    /// Refuses to write what only the record's creator may write. If this phone does not know the creator, the server judges.
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
        if let Some(creator) = creators::find(&self.db, record, &self.me.user)? {
            check_own(record_type, entry, &self.me.user, &creator)?;
        }
        Ok(())
    }
}
