//! Who asks too often.

use std::time::Duration;

use async_trait::async_trait;

use super::RedisStore;
use super::command::{Answer, script};
use super::keys::Keys;
use crate::store::{Permit, Quota, RateLimiter, StoreError};
use crate::types::{Digest, Timestamp};

script!(GCRA, "bucket", "gcra");
script!(GIVE_BACK, "bucket", "give_back");

/// The longest time that is told to the script: four of them add up to less than a double can count.
const LONGEST: u64 = 1 << 51;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).min(LONGEST)
}

#[async_trait]
impl RateLimiter for RedisStore {
    async fn check(&self, bucket: &Digest, quota: Quota, cost: u32, now: Timestamp) -> Result<Permit, StoreError> {
        let key = self.keys.limit(bucket);
        let (needed, holds) =
            (quota.interval().saturating_mul(cost.max(1)), quota.interval().saturating_mul(quota.burst.get()));
        let call = self.call(&GCRA, [key.as_str()]).number(now.as_millis().min(LONGEST));
        let answer = call.number(millis(needed)).number(millis(holds)).text(if cost > 0 { "take" } else { "look" });
        let answer = answer.send().await?;
        match answer.word() {
            "allowed" => Ok(Permit::Allowed),
            "denied" => Ok(Permit::Denied { retry_after: Duration::from_millis(answer.number(0)?) }),
            _ => Answer::unknown(),
        }
    }

    async fn give_back(&self, bucket: &Digest, quota: Quota, cost: u32, now: Timestamp) -> Result<(), StoreError> {
        let (key, name) = (self.keys.limit(bucket), self.call_name());
        let given = Keys::given_back(&key, &name);
        let call = self.named_call(name, &GIVE_BACK, [key.as_str(), &given]).number(now.as_millis().min(LONGEST));
        let answer = call.number(millis(quota.interval().saturating_mul(cost))).send().await?;
        if answer.word() == "done" { Ok(()) } else { Answer::unknown() }
    }
}
