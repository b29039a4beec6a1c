//! Enrolling: the server, the one-time code, the invite, the areas to hold.

use crate::engine::file::settings;
use crate::engine::phone::engine::Engine;
use crate::engine::records::areas::put_area;
use crate::error::ClientError;
use crate::model::Invite;

impl Engine {
    /// Remembers the server and the one-time code; the next sync enrols.
    pub fn enrol(&mut self, server: &str, code: &str) -> Result<(), ClientError> {
        let tx = self.db.transaction()?;
        settings::set(&tx, "server", server.trim_end_matches('/').as_bytes())?;
        settings::set(&tx, "code", code.as_bytes())?;
        tx.commit().map_err(ClientError::of_store)
    }

    /// Takes everything an invite holds, so that work can begin before the first sync.
    pub fn accept(&mut self, invite: &Invite) -> Result<(), ClientError> {
        let tx = self.db.transaction()?;
        settings::set(&tx, "server", invite.server.trim_end_matches('/').as_bytes())?;
        settings::set(&tx, "code", invite.code.as_bytes())?;
        settings::set(&tx, "user", invite.user.as_bytes())?;
        settings::set(&tx, "name", invite.name.as_bytes())?;
        settings::set(&tx, "grants", serde_json::json!(invite.grants).to_string().as_bytes())?;
        for area in &invite.areas {
            put_area(&tx, area, false)?;
        }
        tx.commit().map_err(ClientError::of_store)?;
        self.me.user.clone_from(&invite.user);
        self.grants.clone_from(&invite.grants);
        self.reload_tree()
    }

    /// The server's address, where one is known.
    pub fn server(&self) -> Result<Option<String>, ClientError> {
        settings::text(&self.db, "server")
    }

    /// Another address for the same server.
    pub fn set_server(&mut self, server: &str) -> Result<(), ClientError> {
        settings::set(&self.db, "server", server.trim_end_matches('/').as_bytes())
    }

    /// Holds only these areas (codes); none means every area the user has rights in.
    pub fn hold_only(&mut self, codes: &[String]) -> Result<(), ClientError> {
        settings::set(&self.db, "hold", serde_json::json!(codes).to_string().as_bytes())
    }
}
