//! Sessions that end before their time.
//!
//! A session is a sealed cookie, which the server does not keep; what it keeps is until when all sessions of a user have ended.
//! That is one number for a user who has signed out in the last hours, and one look at it for each page.

use std::time::Duration;

use bytes::Bytes;
use mcp_transport::auth::Subject;

use super::cookie::Session;
use crate::server::engine::Engine;
use crate::store::{FlowKind, StoreError};
use crate::types::{Digest, Timestamp};

fn key(subject: &Subject) -> Digest {
    Digest::of("sessions", &[subject.as_str().as_bytes()])
}

impl Engine {
    /// The time before which all sessions of a user began that are over.
    pub(crate) async fn sessions_over(
        &self,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let Some(value) = self.stores.flows.peek(FlowKind::SessionsEnded, &key(subject), now).await? else {
            return Ok(None);
        };
        let millis = value.as_ref().try_into().map_err(|_| StoreError::Corrupt("an end of sessions is no time"))?;
        Ok(Some(Timestamp::from_millis(u64::from_be_bytes(millis))))
    }

    /// Whether a session has ended before its time.
    pub(crate) async fn is_ended(&self, session: &Session, now: Timestamp) -> Result<bool, StoreError> {
        let over = self.sessions_over(&session.identity.subject, now).await?;
        Ok(over.is_some_and(|over| session.begun_at < over))
    }

    /// Ends this session wherever it was copied to, and all others of the same user that began before now.
    pub(crate) async fn sign_out(&self, session: &Session, now: Timestamp) -> Result<(), StoreError> {
        // It may have begun on a node whose clock is ahead.
        self.end_sessions(&session.identity.subject, session.begun_at.max(now), now).await
    }

    /// Ends all sessions of a user that began up to this time.
    pub(crate) async fn end_sessions(
        &self,
        subject: &Subject,
        up_to: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let over = up_to.after(Duration::from_millis(1));
        let value = Bytes::copy_from_slice(&over.as_millis().to_be_bytes());
        // Those that began before are over by themselves then.
        let until = over.after(self.config.lifetimes.session);
        self.stores.flows.raise(FlowKind::SessionsEnded, &key(subject), value, until, now).await
    }
}
