//! Enrolling: the server's address, the one-time code, the invite, and the areas to hold.

use crate::engine::file::settings::{CODE, GRANTS, HOLD, Json, NAME, SERVER, USER};
use crate::engine::phone::engine::Engine;
use crate::engine::records::areas;
use crate::error::ClientError;
use crate::model::Invite;

impl Engine {
    /// Keeps the server's address and the one-time code; the next sync enrols.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn enrol(&mut self, server: &str, code: &str) -> Result<(), ClientError> {
        let tx = self.db.transaction()?;
        SERVER.set(&tx, &trim_address(server))?;
        CODE.set(&tx, &code.to_owned())?;
        tx.commit().map_err(ClientError::of_store)
    }

    /// Keeps all that an invite holds, so that work can begin before the first sync.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn accept(&mut self, invite: &Invite) -> Result<(), ClientError> {
        let tx = self.db.transaction()?;
        SERVER.set(&tx, &trim_address(&invite.server))?;
        CODE.set(&tx, &invite.code)?;
        USER.set(&tx, &invite.user)?;
        NAME.set(&tx, &invite.name)?;
        GRANTS.set(&tx, &Json(invite.grants.clone()))?;
        for area in &invite.areas {
            areas::keep(&tx, area, false)?;
        }
        tx.commit().map_err(ClientError::of_store)?;
        self.me.user.clone_from(&invite.user);
        self.grants.clone_from(&invite.grants);
        self.reload_tree()
    }

    /// The server's address, if one is known.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn server(&self) -> Result<Option<String>, ClientError> {
        SERVER.find(&self.db)
    }

    /// Keeps another address for the same server.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn set_server(&mut self, server: &str) -> Result<(), ClientError> {
        SERVER.set(&self.db, &trim_address(server))
    }

    /// Holds only the areas with these codes; none means every area the user has rights in.
    ///
    /// # Errors
    ///
    /// The store's.
    pub fn hold_only(&mut self, codes: &[String]) -> Result<(), ClientError> {
        HOLD.set(&self.db, &Json(codes.to_vec()))
    }
}

fn trim_address(server: &str) -> String {
    server.trim_end_matches('/').to_owned()
}
