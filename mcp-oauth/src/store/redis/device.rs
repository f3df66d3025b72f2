//! Device authorizations: the record is under its device code, and a user code says which.

use async_trait::async_trait;
use mcp_transport::auth::ClientId;

use super::RedisStore;
use super::command::{Answer, Fields, json, script, texts};
use super::index::millis_between;
use crate::store::{Decided, Decision, DeviceCreated, DeviceRecord, DeviceStore, Poll, StoreError};
use crate::types::{Digest, Timestamp};

script!(CREATE, "device", "device_create");
script!(DECIDE, "device", "device_decide");
script!(POLL, "device", "device_poll");
script!(REDEEM, "device", "device_redeem");
script!(USER_CODE, "user_code");

impl RedisStore {
    /// The device code that this user code means, if any.
    async fn meant(&self, user_code: &Digest) -> Result<Option<Digest>, StoreError> {
        let fields = Fields::new(texts(self.command("HGETALL", &[self.keys.user_code(user_code)]).await?)?)?;
        if fields.is_absent() {
            return Ok(None);
        }
        fields.text("d")?.parse().map(Some).map_err(|_| StoreError::Corrupt("a device code cannot be read"))
    }

    async fn release(&self, user_code: &Digest, device_code: &Digest, now: Timestamp) -> Result<(), StoreError> {
        let key = self.keys.user_code(user_code);
        let call = self.call(&USER_CODE, [key.as_str()]).time(now).text("release").text(device_code.to_string());
        call.send().await.map(drop)
    }

    /// It has been used up: its user code is free again. If that fails, the code stays taken until it is over, and the
    /// answer is good all the same.
    async fn told(&self, answer: &Answer, device_code: &Digest, now: Timestamp) -> Result<(), StoreError> {
        let user_code = answer.text(0)?.parse().map_err(|_| StoreError::Corrupt("a user code cannot be read"))?;
        if let Err(error) = self.release(&user_code, device_code, now).await {
            tracing::debug!(%error, "a user code was not released");
        }
        Ok(())
    }
}

#[async_trait]
impl DeviceStore for RedisStore {
    async fn create(&self, record: DeviceRecord, now: Timestamp) -> Result<DeviceCreated, StoreError> {
        let (device, user_code) = (record.device_code.to_string(), self.keys.user_code(&record.user_code));
        let key = self.keys.device(&record.device_code);
        let interval = u64::try_from(record.interval.as_millis()).unwrap_or(u64::MAX);
        let kept = millis_between(now, record.expires_at);
        // First the record: a user code that leads nowhere would refuse the code for nothing.
        let call = self.call(&CREATE, [key.as_str()]).time(now).text(json(&record)?).text(record.client.id.as_str());
        let call = call.text(record.user_code.to_string()).time(record.expires_at).number(interval).number(kept);
        call.send().await?;
        let call = self.call(&USER_CODE, [user_code.as_str()]).time(now).text("claim").text(device);
        let answer = call.time(record.expires_at).number(kept).send().await?;
        match answer.word() {
            "done" => Ok(DeviceCreated::Done),
            "taken" => {
                self.command("DEL", &[&key]).await?;
                Ok(DeviceCreated::UserCodeTaken)
            }
            _ => Answer::unknown(),
        }
    }

    async fn by_user_code(&self, user_code: &Digest, now: Timestamp) -> Result<Option<DeviceRecord>, StoreError> {
        let Some(device_code) = self.meant(user_code).await? else { return Ok(None) };
        let fields = Fields::new(texts(self.command("HGETALL", &[self.keys.device(&device_code)]).await?)?)?;
        if fields.is_absent() || !fields.text("st")?.is_empty() {
            return Ok(None);
        }
        let record: DeviceRecord = fields.json("b")?;
        Ok((record.user_code == *user_code && !record.expires_at.is_over(now)).then_some(record))
    }

    async fn decide(&self, user_code: &Digest, decision: Decision, now: Timestamp) -> Result<Decided, StoreError> {
        let Some(device_code) = self.meant(user_code).await? else { return Ok(Decided::TooLate) };
        let key = self.keys.device(&device_code);
        let (said, grant) = match decision {
            Decision::Approved(grant) => ("approved", grant.to_string()),
            Decision::Denied => ("denied", String::new()),
        };
        let call = self.call(&DECIDE, [key.as_str()]).time(now).text(user_code.to_string()).text(said).text(grant);
        match call.send().await?.word() {
            "done" => Ok(Decided::Done),
            "late" => Ok(Decided::TooLate),
            _ => Answer::unknown(),
        }
    }

    async fn poll(&self, device_code: &Digest, client: &ClientId, now: Timestamp) -> Result<Poll, StoreError> {
        let key = self.keys.device(device_code);
        let answer = self.call(&POLL, [key.as_str()]).time(now).text(client.as_str()).send().await?;
        match answer.word() {
            "pending" => Ok(Poll::Pending),
            "slow" => Ok(Poll::SlowDown),
            "denied" => Ok(Poll::Denied),
            "approved" => {
                let grant = answer.text(0)?.parse().map_err(|_| StoreError::Corrupt("a grant id cannot be read"))?;
                Ok(Poll::Approved(grant))
            }
            "expired" => Ok(Poll::Expired),
            "other" => Ok(Poll::OtherClient),
            "absent" => Ok(Poll::Absent),
            _ => Answer::unknown(),
        }
    }

    async fn redeem(
        &self,
        device_code: &Digest,
        client: &ClientId,
        attempt: &Digest,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let key = self.keys.device(device_code);
        let call = self.call(&REDEEM, [key.as_str()]).time(now).text(client.as_str()).text(attempt.to_string());
        let answer = call.durable().send().await?;
        match answer.word() {
            "yes" => {
                self.told(&answer, device_code, now).await?;
                Ok(true)
            }
            "no" => Ok(false),
            _ => Answer::unknown(),
        }
    }
}
