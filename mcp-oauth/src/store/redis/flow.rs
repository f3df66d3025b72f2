//! What is used once, or remembered for a while.

use async_trait::async_trait;
use bytes::Bytes;

use super::RedisStore;
use super::command::{Answer, Fields, script, texts};
use super::index::millis_between;
use crate::store::{FlowKind, FlowStore, ReplayCache, ReplayKind, StoreError, Stored};
use crate::types::{Digest, Timestamp};

script!(PUT, "flow_put");
script!(RAISE, "flow_raise");
script!(TAKE, "flow_take");
script!(FIRST_USE, "first_use");

/// Whether what is put must outlast a failover: forgotten, it would be good again. Of the others, somebody has to begin anew.
const fn must_last(kind: FlowKind) -> bool {
    match kind {
        FlowKind::RevokedToken | FlowKind::SessionsEnded | FlowKind::ConsentForm => true,
        FlowKind::UpstreamState | FlowKind::PushedRequest | FlowKind::SignInCode => false,
    }
}

#[async_trait]
impl FlowStore for RedisStore {
    async fn put(
        &self,
        kind: FlowKind,
        key: &Digest,
        value: Bytes,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Stored, StoreError> {
        if value.len() > FlowKind::LONGEST {
            return Err(StoreError::Full);
        }
        let name = self.keys.flow(kind, key);
        let call = self.call(&PUT, [name.as_str()]).time(now).text(value).time(expires_at);
        let mut call = call.number(millis_between(now, expires_at));
        if must_last(kind) {
            call = call.durable();
        }
        match call.send().await?.word() {
            "new" => Ok(Stored::New),
            "exists" => Ok(Stored::Exists),
            _ => Answer::unknown(),
        }
    }

    async fn raise(
        &self,
        kind: FlowKind,
        key: &Digest,
        value: Bytes,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if value.len() > FlowKind::LONGEST {
            return Err(StoreError::Full);
        }
        let key = self.keys.flow(kind, key);
        let call = self.call(&RAISE, [key.as_str()]).text(value).time(expires_at);
        let answer = call.number(millis_between(now, expires_at)).durable().send().await?;
        if answer.word() == "kept" { Ok(()) } else { Answer::unknown() }
    }

    async fn peek(&self, kind: FlowKind, key: &Digest, now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        let mut fields = Fields::new(texts(self.command("HGETALL", &[self.keys.flow(kind, key)]).await?)?)?;
        if fields.is_absent() || !fields.text("told")?.is_empty() || fields.time("exp")?.is_over(now) {
            return Ok(None);
        }
        fields.take("x").map(Bytes::from).map(Some)
    }

    async fn take(&self, kind: FlowKind, key: &Digest, now: Timestamp) -> Result<Option<Bytes>, StoreError> {
        let key = self.keys.flow(kind, key);
        let answer = self.call(&TAKE, [key.as_str()]).time(now).durable().send().await?;
        match answer.word() {
            "taken" => Ok(Some(answer.into_rest().pop().unwrap_or_default().into())),
            "absent" => Ok(None),
            _ => Answer::unknown(),
        }
    }
}

#[async_trait]
impl ReplayCache for RedisStore {
    async fn first_use(
        &self,
        kind: ReplayKind,
        id: &Digest,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = self.keys.replay(kind, id);
        let call = self.call(&FIRST_USE, [key.as_str()]).time(now).time(expires_at);
        // One that a failover forgets could be used again.
        match call.number(millis_between(now, expires_at)).durable().send().await?.word() {
            "first" => Ok(true),
            "again" => Ok(false),
            _ => Answer::unknown(),
        }
    }
}
